"""River or tide stage: one level, or a gauge."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from scenarios.case.forcings.scene import Kind, Note, Scene, TimedFile
from twin.readers.series import read_stage
from twin.variables import RIVER_STAGE


class GaugeStage(TimedFile):
    """A river or tide level from a CSV file: columns `time` and `stage_m`."""

    gauge: Path


def build(stage: float | GaugeStage, scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return the stage, m above the city's datum."""
    if isinstance(stage, GaugeStage):
        path = scene.base / stage.gauge
        array = read_stage(path, scene.tz_of(stage))
        times = pd.DatetimeIndex(array["time"].values)
        scene.check_covers(times, str(path))
        return [array], scene.held(times, RIVER_STAGE)
    return [xr.DataArray([float(stage)], {"time": scene.clock.times[:1]}, name=RIVER_STAGE.name)], []


KIND = Kind(float | GaugeStage, (RIVER_STAGE,), build, varies="shift")
