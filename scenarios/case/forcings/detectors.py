"""Readings of gas detectors: each in the quantity that it measures, never turned into another."""

from __future__ import annotations

from typing import Annotated

import xarray as xr
from pydantic import Field

from scenarios.case.forcings.rows import Table, labelled, readings
from scenarios.case.forcings.scene import Kind, Note, Scene
from scenarios.case.part import Part
from twin.variables import DETECTOR_CONCENTRATION, DETECTOR_LFL_SHARE, DETECTOR_VOLUME_SHARE, Variable

#: Column of a file or key of a scenario -> its valid range.
COLUMNS = {"ppm": (0.0, 1e6), "mg_m3": (0.0, 1e7), "percent_lfl": (0.0, 1000.0)}

#: The same -> the variable and one unit of the column in the variable's unit.
SI: dict[str, tuple[Variable, float]] = {
    "ppm": (DETECTOR_VOLUME_SHARE, 1e-6),
    "mg_m3": (DETECTOR_CONCENTRATION, 1e-6),
    "percent_lfl": (DETECTOR_LFL_SHARE, 1e-2),
}


class DetectorRow(Part):
    """What a sensor of the city reads at a time (default: the start of the run), in its own quantity."""

    sensor: str
    at: str | None = None
    ppm: Annotated[float, Field(ge=0, le=1e6)] | None = None
    mg_m3: Annotated[float, Field(ge=0, le=1e7)] | None = None
    percent_lfl: Annotated[float, Field(ge=0, le=1000)] | None = None


class DetectorTable(Table):
    """Readings from a CSV file: `time`, `sensor` and one at least of `ppm`, `mg_m3`, `percent_lfl`; empty: no reading."""


def build(detectors: DetectorTable | list[DetectorRow], scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return an array (time, sensor) for each quantity that is read; NaN where there is no reading."""
    file = detectors if isinstance(detectors, DetectorTable) else None
    rows = [] if isinstance(detectors, DetectorTable) else detectors
    tables = readings("forcing.detectors", file, rows, COLUMNS, scene)
    return [labelled(tables[name] * by, "sensor", v) for name, (v, by) in SI.items() if name in tables], []


KIND = Kind(
    Annotated[list[DetectorRow], Field(min_length=1)] | DetectorTable,
    (DETECTOR_VOLUME_SHARE, DETECTOR_CONCENTRATION, DETECTOR_LFL_SHARE),
    build,
)
