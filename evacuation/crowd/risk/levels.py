"""The level of a zone: how near it is to a crush, from density held over a time and the load on the most pressed person.

The thresholds with source and basis stand in `thresholds.csv`. The index is 1 at the blue threshold, 2 at yellow, 3 at orange, 4 at
red, even between them, and the larger of density and load; beyond red it grows in proportion.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from twin.sheet import COLOURS

#: The two figures that a level comes from.
METRICS = ("density", "force")


@cache
def thresholds() -> Mapping[str, tuple[NDArray[np.float64], int]]:
    """Return, for each metric, its bounds from blue to red and the whole seconds for which they must be held."""
    text = files("evacuation.crowd.risk").joinpath("thresholds.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    found: dict[str, tuple[NDArray[np.float64], int]] = {}
    for metric in METRICS:
        own = {row["colour"]: row for row in rows if row["metric"] == metric}
        found[metric] = np.array([float(own[c]["value"]) for c in COLOURS]), int(own["red"]["held_s"])
    return found


@cache
def _ladder(metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of a metric, from nothing on, and the index at each."""
    bounds = np.append(0.0, thresholds()[metric][0])
    return bounds, np.arange(float(len(bounds)))


def index(metric: str, held: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the index of what was held (the lowest value over the time of its metric)."""
    bounds, _ = thresholds()[metric]
    inside = np.interp(held, *_ladder(metric))
    return np.asarray(np.where(held > bounds[-1], len(bounds) * np.asarray(held) / bounds[-1], inside))


class Held:
    """The lowest of the last values, one a second: what was held over the whole time; 0 before so many seconds have passed."""

    def __init__(self, seconds: int, count: int, kept: NDArray[np.float64] | None = None) -> None:
        self.last = np.zeros((seconds, count)) if kept is None else kept.copy()

    def add(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the values (count,) of another second; return what is held now."""
        self.last[:-1], self.last[-1] = self.last[1:], values
        return np.asarray(self.last.min(axis=0))
