"""Rows in time, written in a scenario or in a CSV file, as tables and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from scenarios.case.forcings.scene import Scene, TimedFile
from scenarios.case.part import Part
from twin.errors import ScenarioError, SourceError
from twin.readers.series import read_readings
from twin.variables import Variable
from twin.words import near


class Table(TimedFile):
    """A CSV file of rows in time."""

    table: Path


def stepped(where: str, rows: Sequence[Part], scene: Scene) -> pd.DataFrame:
    """Return the values of rows with `at`, on their times in UTC; each row holds until the next.

    Raises ScenarioError when the first row begins after the start, times do not rise, or rows give different quantities.
    """
    values = [row.model_dump(exclude_none=True) for row in rows]
    times = scene.moments([row.pop("at") for row in values])
    if times[0] > scene.start:
        name, found, expected = where.rpartition(".")[2], f"{times[0]} UTC", f"{scene.start} UTC"
        raise ScenarioError("rows_late", where=where, name=name, found=found, expected=expected)
    if any(row.keys() != values[0].keys() for row in values):
        raise ScenarioError("rows_differ", where=where, found=sorted({name for row in values for name in row}))
    return pd.DataFrame(values, index=times)


def listed(key: str, rows: Sequence[Part], scene: Scene) -> pd.DataFrame:
    """Return rows about things with an id, `key`, as a table of `time` (UTC), `id` and values."""
    table = pd.DataFrame([row.model_dump() for row in rows])
    seconds = [scene.seconds(at if isinstance(at, str) else None) for at in table.pop("at")]
    return table.rename(columns={key: "id"}).assign(time=[scene.start + pd.Timedelta(seconds=s) for s in seconds])


def by_id(where: str, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a value by time (rows) and id (columns), NaN where none is; raise SourceError for two at one time."""
    twice = rows.duplicated(["time", "id"])
    if twice.any():
        row = rows[twice].iloc[0]
        raise SourceError("series_twice", where=where, name=str(row["id"]), found=f"{row['time']} UTC")
    return rows.pivot(index="time", columns="id", values=column).astype(float)


def labelled(table: pd.DataFrame, dim: str, variable: Variable) -> xr.DataArray:
    """Return a table by time and id as an array (time, `dim`)."""
    coords = {"time": table.index.values, dim: table.columns.to_numpy(str)}
    return xr.DataArray(table.to_numpy(float), coords, ("time", dim), variable.name)


def readings(
    where: str, file: Table | None, rows: Sequence[Part], ranges: Mapping[str, tuple[float, float]], scene: Scene
) -> dict[str, pd.DataFrame]:
    """Return what sensors read, by column and then by time and sensor: from `file` where there is one, else from `rows`.

    Raises SourceError or ScenarioError for an unknown sensor, two readings at one time, readings all outside the run, or none at all.
    """
    if file is not None:
        where = str(scene.base / file.table)
        table = read_readings(scene.base / file.table, scene.tz_of(file), "sensor", ranges, gaps=True)
    else:
        table = listed("sensor", rows, scene)
    known = [str(sensor) for sensor in scene.city.sensors["id"]]
    if not known:
        raise ScenarioError("forcing_no_sensors", where=where, found=sorted(set(table["id"])))
    check_ids("forcing_sensor", where, table["id"], known)
    first, last = table["time"].min(), table["time"].max()
    if first >= scene.end or last < scene.start:
        found, expected = f"{first} .. {last} UTC", f"{scene.start} .. {scene.end} UTC"
        raise ScenarioError("readings_elsewhen", where=where, found=found, expected=expected)
    tables = {name: by_id(where, table, name) for name in ranges if name in table and table[name].notna().any()}
    if not tables:
        raise ScenarioError("readings_none", where=where)
    return tables


def check_ids(code: str, where: str, found: Iterable[str], known: Iterable[str]) -> None:
    """Raise ScenarioError with the near matches of the first id that is not known."""
    known = [str(one) for one in known]
    for one in dict.fromkeys(found):
        if one not in known:
            raise ScenarioError(code, where=where, found=one, near=near(one, known))
