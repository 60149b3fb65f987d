"""Live counts: how many persons a sensor of the city counts."""

from __future__ import annotations

from typing import Annotated

import xarray as xr
from pydantic import Field

from scenarios.case.forcings.rows import Table, labelled, readings
from scenarios.case.forcings.scene import Kind, Note, Scene
from scenarios.case.part import Part
from twin.variables import PEOPLE_COUNT

#: Column of a file -> its valid range.
COLUMNS = {"persons": (0.0, 1e7)}


class CountRow(Part):
    """The persons that a sensor counts at a time (default: the start of the run)."""

    sensor: str
    persons: Annotated[float, Field(ge=0, le=1e7)]
    at: str | None = None


class CountTable(Table):
    """Counts from a CSV file: columns `time`, `sensor` and `persons`; empty: no reading."""


def build(counts: CountTable | list[CountRow], scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return persons by time and sensor; NaN where there is no reading."""
    file = counts if isinstance(counts, CountTable) else None
    rows = [] if isinstance(counts, CountTable) else counts
    tables = readings("forcing.counts", file, rows, COLUMNS, scene)
    return [labelled(tables["persons"], "sensor", PEOPLE_COUNT)], []


KIND = Kind(Annotated[list[CountRow], Field(min_length=1)] | CountTable, (PEOPLE_COUNT,), build)
