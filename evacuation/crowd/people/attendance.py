"""How many people are present at a venue, by the forcing `attendance`: by a curve of the venue, and by those of its sources; and how many
its goals take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from evacuation.crowd.kernels.arrays import ANY
from evacuation.crowd.venue.plan import Plan
from twin.clock import Clock
from twin.errors import ScenarioError


class Attendance:
    """How many people are present at a venue, by curves: that of the venue for all sources without one of their own, and theirs.

    `of` (source,) is the curve of each source, -1 where nobody says who comes there. Numbers hold until the next of their curve. A lower
    one takes hold at once: so many of those who came by the curve's sources are told to leave then. For a higher one people come evenly
    over the time before it, so that they are there when it holds.
    """

    def __init__(self, curves: Sequence[xr.DataArray], of: NDArray[np.int64], clock: Clock) -> None:
        self.of = of
        self._seconds = [np.array([clock.seconds(t) for t in curve["time"].values]) for curve in curves]
        self._persons = [curve.values.astype(np.float64) for curve in curves]

    @classmethod
    def read(cls, series: xr.DataArray | None, plan: Plan, clock: Clock) -> Attendance | None:
        """Return what a series (time, place) says of a venue and its sources, None where it says nothing; raise ScenarioError for a number
        of the venue that no source is left to share."""
        said = [] if series is None else [str(place) for place in series["place"].values]
        own = [source.id for source in plan.sources if source.id in said]
        places = [plan.id] * (plan.id in said) + own
        if series is None or not places:
            return None
        if plan.id in said and len(own) == len(plan.sources):
            raise ScenarioError("attendance_shared", venue=plan.id, sources=own)
        rest = places.index(plan.id) if plan.id in said else -1
        of = np.array(
            [places.index(source.id) if source.id in own else rest for source in plan.sources], dtype=np.int64
        )
        return cls([series.sel(place=place).dropna("time") for place in places], of, clock)

    def most(self, duration_s: float) -> int:
        """Return the largest number at one time of a run."""
        marks = np.concatenate([[0.0, duration_s], *self._seconds])
        marks = marks[(marks >= 0.0) & (marks <= duration_s)]
        return max(round(sum(self._here(t))) for mark in marks for t in (max(mark - 1e-6, 0.0), mark))

    def at(self, t: float) -> NDArray[np.int64]:
        """Return persons present at `t` seconds by each curve, (curve,)."""
        return np.floor(np.array(self._here(t)) + 1e-6).astype(np.int64)

    def _here(self, t: float) -> list[float]:
        return [_present(*curve, t) for curve in zip(self._seconds, self._persons, strict=True)]


class Taken:
    """How many people each goal of a venue may have taken by a time: by a curve of the goal, which rises evenly from number to number.

    While a curve rises, a train stands there: who comes later in the same rise still finds the places that it has offered. While it does
    not, nobody is taken, and the places that nobody took are gone, for the next train has its own. A goal without a curve
    takes whoever reaches it. `limited` are the ids of those that have one.
    """

    def __init__(self, series: xr.DataArray | None, plan: Plan, clock: Clock) -> None:
        said = [] if series is None else [str(place) for place in series["place"].values]
        self.limited = [goal for goal in plan.goals if goal in said]
        self._curves: list[tuple[NDArray[np.float64], NDArray[np.float64]] | None] = []
        for goal in plan.goals:
            if series is None or goal not in said:
                self._curves.append(None)
                continue
            curve = series.sel(place=goal).dropna("time")
            if (np.diff(curve.values) < 0.0).any():
                raise ScenarioError("attendance_goal_falls", venue=plan.id, goal=goal)
            self._curves.append((np.array([clock.seconds(t) for t in curve["time"].values]), curve.values))
        # how far the curve was ahead of those taken when it last stood still
        self._ahead = np.zeros(len(plan.goals))

    def resume(self, kept: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        self._ahead = kept["taken_ahead"].copy()

    def record(self) -> dict[str, NDArray[np.float64]]:
        """Return what the next part of the run must know."""
        return {"taken_ahead": self._ahead}

    def by(self, t: float, left: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the most that each goal may have taken in all one second after `t`, (goal,); `left` is who has left there by `t`."""
        most = np.full(len(left), ANY)
        for k, curve in enumerate(self._curves):
            if curve is None:
                continue
            before, after = _present(*curve, t), _present(*curve, t + 1.0)
            if after <= before:
                self._ahead[k] = before - left[k]
            most[k] = int(after - self._ahead[k] + 1e-6)
        return most

    def places(self, duration_s: float) -> NDArray[np.float64]:
        """Return how many places each goal offers in a run, (goal,); NaN for one that takes whoever reaches it."""
        return np.array([np.nan if c is None else _present(*c, duration_s) - _present(*c, 0.0) for c in self._curves])


def _present(seconds: NDArray[np.float64], persons: NDArray[np.float64], t: float) -> float:
    """Return what the curve of `persons` at `seconds` gives at `t`."""
    k = min(max(int(np.searchsorted(seconds, t, side="right")) - 1, 0), len(persons) - 1)
    here = float(persons[k])
    if k + 1 < len(persons) and persons[k + 1] > here and t > seconds[k]:
        here += (t - seconds[k]) / (seconds[k + 1] - seconds[k]) * (persons[k + 1] - here)
    return here
