"""Where and when the forcing of a case plays, and what a kind of forcing is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from scenarios.case.part import Part
from scenarios.case.times import clock_time, zone
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.variables import Variable

#: The code of a sentence (`note.<code>`) and its values.
Note = tuple[str, dict[str, Any]]


class TimedFile(Part):
    """A file of times; `timezone` (Asia/Shanghai, UTC or an offset such as -05:00) is that of its clock, else the city's."""

    timezone: str | None = None


@dataclass(frozen=True)
class Scene:
    """The city, the clock and the folder of a scenario; `continues` where an earlier run covers what was before the start."""

    city: City
    clock: Clock
    base: Path
    continues: bool = False

    @property
    def start(self) -> pd.Timestamp:
        """The start of the run, UTC, as on every `time` axis."""
        return self.clock.times[0]

    @property
    def end(self) -> pd.Timestamp:
        """The end of the run, UTC."""
        return self.clock.times[-1]

    def tz_of(self, file: TimedFile) -> tzinfo:
        """Return the zone of the clock times in a file; raise ScenarioError for an unknown one."""
        return self.city.tz if file.timezone is None else zone(file.timezone)

    def seconds(self, text: str | None) -> float:
        """Return a time of a scenario file (see `clock_time`) in seconds on the clock; the start where none is written."""
        if text is None:
            return 0.0
        return self.clock.seconds(clock_time(text, self.clock.start.astimezone(self.city.tz)))

    def moments(self, texts: Sequence[str]) -> pd.DatetimeIndex:
        """Return the times of the rows of a scenario file as UTC; raise ScenarioError when they do not rise."""
        times = pd.DatetimeIndex([self.start + pd.Timedelta(seconds=self.seconds(text)) for text in texts])
        for text, before, time in zip(texts[1:], times, times[1:], strict=False):
            if time <= before:
                raise ScenarioError("rows_order", found=text)
        return times

    def check_covers(self, times: pd.DatetimeIndex, where: str) -> None:
        """Raise ScenarioError unless a series in a file begins by the start of the run and goes on after it."""
        if times[0] > self.start or times[-1] <= self.start:
            raise self.elsewhen(times, where)

    def elsewhen(self, times: pd.DatetimeIndex, where: str) -> ScenarioError:
        """Return the error that a series in a file does not cover the start of the run."""
        found = f"{times[0]} .. {times[-1]} UTC"
        return ScenarioError("series_elsewhen", where=where, found=found, expected=f"{self.start} UTC")

    def held(self, times: pd.DatetimeIndex, variable: Variable) -> list[Note]:
        """Return the note that the last value of a file holds to the end of the run, where the file ends before it.

        A file ends one step after its last time.
        """
        if times[-1] + (times[-1] - times[-2]) >= self.end:
            return []
        name = {"zh": variable.zh, "en": variable.en}
        return [("series_held", {"name": name, "time": self.clock.told(times[-1], self.city.tz)})]


@dataclass(frozen=True)
class Kind:
    """A kind of forcing: its form in a scenario file (for pydantic), the variables it may give, and what makes them.

    `varies` is how members of an ensemble differ in it: by a "factor" on its values, by a "shift" added to them where zero is
    no more than a datum, or not at all (""). `asks` are the keys of its plainest form, told where it is missing.
    """

    spec: Any
    gives: tuple[Variable, ...]
    build: Callable[[Any, Scene], tuple[list[xr.DataArray], list[Note]]]
    varies: str = "factor"
    asks: tuple[str, ...] = ()
