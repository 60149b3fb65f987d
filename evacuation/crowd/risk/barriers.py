"""The load that a crowd puts on barriers, second by second, against what they bear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.walkers import People
from evacuation.crowd.risk.measures import line_load
from evacuation.crowd.venue.plan import Plan

#: Nobody further from a barrier than this touches it, m: more than half the broadest shoulders.
REACH_M = 0.3

#: A load counts as borne over this time, s: its mean over it is told (assumed: as long as a surge lasts).
HELD_S = 5


class Barriers:
    """Watches the line load of every barrier of a plan, N/m."""

    def __init__(self, plan: Plan, kept: Mapping[str, NDArray[Any]] | None = None) -> None:
        count, kept = len(plan.barriers), kept or {}
        self._plan = plan
        self._lines = [shapely.transform(barrier.shape, plan.local) for barrier in plan.barriers]
        self.strength = np.array([barrier.strength_n_m for barrier in plan.barriers])
        self._last = kept.get("barriers_last", np.zeros((HELD_S, count))).copy()
        self.peak = kept.get("barriers_peak", np.zeros(count)).copy()
        self.fails_after = kept.get("barriers_fails_after", np.full(count, np.nan)).copy()

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        return {"barriers_last": self._last, "barriers_peak": self.peak, "barriers_fails_after": self.fails_after}

    def watch(self, people: People, t: float) -> None:
        """Look at everybody at `t` seconds since the first run began, when a second more has passed."""
        if not self._lines:
            return
        self._last[:-1] = self._last[1:]
        for k, line in enumerate(self._lines):
            x0, w0, x1, w1 = line.buffer(REACH_M).bounds
            near = (people.x > x0) & (people.x < x1) & (people.w > w0) & (people.w < w1)
            at = np.column_stack([people.x[near], people.w[near]])
            self._last[-1, k] = line_load(line, at, _reach(line, at, people.chosen(near))) if len(at) else 0.0
        held = self._last.mean(axis=0)
        np.maximum(self.peak, held, out=self.peak)
        fails = np.isnan(self.fails_after) & (held > self.strength)
        self.fails_after[fails] = t

    @classmethod
    def unknown(cls, plan: Plan) -> pd.DataFrame:
        """Return the table of a run in which nobody is followed: no load is known."""
        return (
            cls(plan).table(0.0).assign(peak_n_m=np.nan, fails=pd.Series(pd.NA, range(len(plan.barriers)), "boolean"))
        )

    def table(self, began: float) -> pd.DataFrame:
        """Return a row per barrier: highest load and strength, N/m, and when the load first passes it, s on this run's clock.

        `fails` is missing where it is not known what a barrier bears.
        """
        fails = pd.Series(~np.isnan(self.fails_after), dtype="boolean")
        return pd.DataFrame(
            {
                "id": [barrier.id for barrier in self._plan.barriers],
                "peak_n_m": self.peak,
                "strength_n_m": self.strength,
                "fails": fails.where(~np.isnan(self.strength)),
                "by_s": np.where(self.fails_after >= began, self.fails_after - began, np.nan),
            }
        )


def _reach(line: shapely.LineString, at: NDArray[np.float64], people: People) -> NDArray[np.float64]:
    """Return how far the outline of each of people at places (n, 2) reaches towards a line, m."""
    away = shapely.get_coordinates(shapely.shortest_line(shapely.points(at), line)).reshape(-1, 2, 2)
    return people.reach(*(away[:, 1] - away[:, 0]).T)
