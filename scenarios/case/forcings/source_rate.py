"""What a source is known to let go in time: a file of rates."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from scenarios.case.forcings.scene import Kind, Note, Scene, TimedFile
from twin.errors import ScenarioError, SourceError
from twin.readers.series import read_columns, read_table
from twin.variables import SOURCE_RATE

#: Column of a file -> kg s-1 in one of its unit.
SI = {"rate_kg_s": 1.0, "rate_g_s": 1e-3, "rate_kg_h": 1.0 / 3600.0, "rate_t_h": 1000.0 / 3600.0}


class SourceRate(TimedFile):
    """Rates from a CSV file: `time` and one of `rate_kg_s`, `rate_g_s`, `rate_kg_h`, `rate_t_h`; each holds until the next row.

    Nothing leaves before the first row. A last row of 0 says when it ends; any other last rate holds to the end of the run.
    """

    table: Path


def build(spec: SourceRate, scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return the rate, kg s-1, from the start of the run on, and the note that a last rate holds where it does.

    Raises SourceError for a column without a unit or more than one column of rates, ScenarioError for a file that lies outside the
    run or whose source runs before the start, when no earlier run covers that.
    """
    path = scene.base / spec.table
    columns = list(read_table(path).columns)
    named = [name for name in SI if name in columns]
    if len(named) != 1:
        raise SourceError("source_rate_unit", where=str(path), found=columns, expected=list(SI))
    table = read_columns(path, scene.tz_of(spec), {named[0]: (0.0, SOURCE_RATE.high / SI[named[0]])})
    rate = table[named[0]] * SI[named[0]]
    times = pd.DatetimeIndex(rate.index)
    if times[0] >= scene.end or times[-1] <= scene.start:
        found, expected = f"{times[0]} .. {times[-1]} UTC", f"{scene.start} .. {scene.end} UTC"
        raise ScenarioError("source_rate_elsewhen", where=str(path), found=found, expected=expected)
    if not (rate > 0.0).any():
        raise SourceError("source_rate_none", where=str(path))
    before = rate[(times < scene.start) & (rate > 0.0).to_numpy()]
    if len(before) and not scene.continues:
        found, expected = f"{before.index[0]} UTC", f"{scene.start} UTC"
        raise ScenarioError("source_rate_before", where=str(path), found=found, expected=expected)
    if times[0] > scene.start:
        rate.loc[scene.start] = 0.0
        rate = rate.sort_index()
    notes = scene.held(times, SOURCE_RATE) if rate.iloc[-1] > 0.0 else []
    return [xr.DataArray(rate.to_numpy(), {"time": rate.index.values}, ("time",), SOURCE_RATE.name)], notes


KIND = Kind(SourceRate, (SOURCE_RATE,), build)
