"""Attendance: how many persons are at a place of the city, or came by a source of it; or how many a goal of it has taken in all."""

from __future__ import annotations

from typing import Annotated

import xarray as xr
from pydantic import Field

from scenarios.case.forcings.rows import Table, by_id, check_ids, labelled, listed
from scenarios.case.forcings.scene import Kind, Note, Scene
from scenarios.case.part import Part
from twin.errors import ScenarioError
from twin.readers.series import read_readings
from twin.variables import ATTENDANCE

#: Column of a file -> its valid range.
COLUMNS = {"persons": (0.0, 1e7)}


class AttendanceRow(Part):
    """The persons at a place, or of those who came by a source of it, from a time on (default: the start of the run)."""

    place: str
    persons: Annotated[float, Field(ge=0, le=1e7)]
    at: str | None = None


class AttendanceTable(Table):
    """Attendance from a CSV file: columns `time`, `place` and `persons`."""


def build(attendance: AttendanceTable | list[AttendanceRow], scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return persons by time and place; at each place a number holds until the place's next one (NaN: none at that time)."""
    where = "forcing.attendance"
    if isinstance(attendance, AttendanceTable):
        where = str(scene.base / attendance.table)
        rows = read_readings(scene.base / attendance.table, scene.tz_of(attendance), "place", COLUMNS)
    else:
        rows = listed("place", attendance, scene)
    check_ids("forcing_place", where, rows["id"], scene.city.attended)
    table = by_id(where, rows, "persons")
    for place, first in rows.groupby("id")["time"].min().items():
        if first > scene.start:
            found, expected = f"{first} UTC", f"{scene.start} UTC"
            raise ScenarioError("rows_late", where=where, name=place, found=found, expected=expected)
    before = rows[rows["time"] <= scene.start].groupby("id")["time"].max()
    return [labelled(table.loc[before.min() :], "place", ATTENDANCE)], []


KIND = Kind(Annotated[list[AttendanceRow], Field(min_length=1)] | AttendanceTable, (ATTENDANCE,), build)
