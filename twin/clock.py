"""The clock of a simulation: aware datetimes at the door, datetime64 UTC on axes, float seconds in kernels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property

import numpy as np
import pandas as pd

from twin.errors import ScenarioError

#: The years that a run may lie in: times are kept in nanoseconds of 64 bits, which end in 1677 and 2262 (pandas).
YEARS = (1700, 2200)

MOST_STEPS = 100_000  # output steps of a run


def check_year(moment: datetime) -> datetime:
    """Return a moment; raise ScenarioError for one out of `YEARS`."""
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ScenarioError("clock_years", found=moment.isoformat(), low=YEARS[0], high=YEARS[1])
    return moment


@dataclass(frozen=True)
class Clock:
    """Start (aware), length and output step of a simulation.

    `duration_s` > 0 and `step_s` > 0 in seconds; the duration is a whole number of output steps.
    Raises ScenarioError for a start that is naive or out of `YEARS`, or a duration that no whole number of
    steps fills, or more than MOST_STEPS.
    """

    start: datetime
    duration_s: float
    step_s: float = 300.0

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ScenarioError("naive_time", where="clock.start", found=self.start.isoformat())
        check_year(self.start)
        steps = self.duration_s / self.step_s if self.step_s > 0 else 0.0
        if steps > MOST_STEPS:
            raise ScenarioError("clock_many", duration=self.duration_s, step=self.step_s, expected=MOST_STEPS)
        if steps < 1 or abs(steps - round(steps)) > 1e-9:
            raise ScenarioError("clock_steps", duration=self.duration_s, step=self.step_s)

    @property
    def steps(self) -> int:
        """Number of output steps."""
        return round(self.duration_s / self.step_s)

    @cached_property
    def times(self) -> pd.DatetimeIndex:
        """Output times, start included, as UTC without zone (the form on every `time` axis)."""
        start = pd.Timestamp(self.start.astimezone(UTC)).tz_localize(None)
        return pd.DatetimeIndex(
            [start + pd.Timedelta(seconds=k * self.step_s) for k in range(self.steps + 1)], name="time"
        )

    def seconds(self, time: datetime | np.datetime64 | pd.Timestamp) -> float:
        """Return seconds since the start; naive values are taken as UTC, as on every `time` axis."""
        stamp = pd.Timestamp(time)
        if stamp.tzinfo is not None:
            stamp = stamp.tz_convert("UTC").tz_localize(None)
        return float((stamp - self.times[0]).total_seconds())

    def told(self, moment: datetime | np.datetime64 | pd.Timestamp, tz: tzinfo) -> str:
        """Return a time as a clock in `tz` shows it, with month and day where the run passes midnight there."""
        stamp, ends = pd.Timestamp(moment), self.times[[0, -1]].tz_localize("UTC").tz_convert(tz)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
        form = "%H:%M" if ends[0].date() == ends[1].date() else "%m-%d %H:%M"
        return str(stamp.tz_convert(tz).strftime(form))

    def first(self, duration_s: float) -> Clock:
        """Return the clock of the first `duration_s` seconds."""
        return Clock(self.start, duration_s, self.step_s)

    def after(self, duration_s: float) -> Clock:
        """Return the clock of what remains after the first `duration_s` seconds."""
        start = self.start + pd.Timedelta(seconds=duration_s).to_pytimedelta()
        return Clock(start, self.duration_s - duration_s, self.step_s)
