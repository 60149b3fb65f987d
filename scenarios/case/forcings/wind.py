"""Wind: speed and the direction it comes from, or both components on a grid; inside always as components.

Components have no jump at north: between 350 and 10 degrees lies north, not south.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field

from scenarios.case.forcings.rows import stepped
from scenarios.case.forcings.scene import Kind, Note, Scene, TimedFile
from scenarios.case.part import Part
from twin.readers.grid_series import read_wind_grid
from twin.readers.series import read_columns
from twin.variables import EASTWARD_WIND, EASTWARD_WIND_GRID, NORTHWARD_WIND, NORTHWARD_WIND_GRID

#: A mean over ten minutes 10 m above open ground: more was hardly ever measured anywhere.
Speed = Annotated[float, Field(ge=0, le=60)]
From = Annotated[float, Field(ge=0, le=360, description="where it comes from: 0 and 360 north, 90 east")]

#: Column of a station's file -> its valid range.
COLUMNS = {"speed_m_s": (0.0, 60.0), "from_deg": (0.0, 360.0)}


#: What a vane shows in still air goes on as the direction of a wind of this speed, m/s, far below any that is told as one.
VANE_M_S = 1e-6


class ConstantWind(Part):
    """One wind for the whole run; `speed_m_s: 0` is a calm, `from_deg` then what the vane shows, 0 nothing (as stations report it)."""

    speed_m_s: Speed
    from_deg: From


class WindRow(Part):
    """The wind from a time on."""

    at: str
    speed_m_s: Speed
    from_deg: From


class StationWind(TimedFile):
    """Wind from a CSV file: columns `time`, `speed_m_s` and `from_deg`."""

    station: Path


class GridWind(TimedFile):
    """Wind from a NetCDF file: both components by their CF standard names, or called u10 and v10.

    `crs` states the projection of its axes where the file does not. Its times are UTC unless `timezone` is written.
    """

    grid: Path
    crs: str | None = None


def build(
    wind: ConstantWind | list[WindRow] | StationWind | GridWind, scene: Scene
) -> tuple[list[xr.DataArray], list[Note]]:
    """Return the eastward and northward component, m/s."""
    if isinstance(wind, GridWind):
        arrays = read_wind_grid(
            scene.base / wind.grid, scene.city.grid, crs=wind.crs, tz=scene.tz_of(wind) if wind.timezone else UTC
        )
        times = pd.DatetimeIndex(arrays[0]["time"].values)
        scene.check_covers(times, str(scene.base / wind.grid))
        notes = [array.attrs.pop("notes") for array in arrays]
        return arrays, notes[0] + scene.held(times, EASTWARD_WIND_GRID)
    said: list[Note] = []
    if isinstance(wind, StationWind):
        path = scene.base / wind.station
        table = read_columns(path, scene.tz_of(wind), COLUMNS)
        scene.check_covers(table.index, str(path))
        said = scene.held(table.index, EASTWARD_WIND)
    elif isinstance(wind, ConstantWind):
        table = pd.DataFrame([wind.model_dump()], index=scene.clock.times[:1])
    else:
        table = stepped("forcing.wind", wind, scene)
    speed, towards = table["speed_m_s"].to_numpy(float), np.deg2rad(table["from_deg"].to_numpy(float) + 180.0)
    speed = np.where((speed == 0.0) & (table["from_deg"].to_numpy(float) > 0.0), VANE_M_S, speed)
    components = {EASTWARD_WIND.name: speed * np.sin(towards), NORTHWARD_WIND.name: speed * np.cos(towards)}
    return [xr.DataArray(v, {"time": table.index.values}, ("time",), name) for name, v in components.items()], said


KIND = Kind(
    ConstantWind | Annotated[list[WindRow], Field(min_length=1)] | StationWind | GridWind,
    (EASTWARD_WIND, NORTHWARD_WIND, EASTWARD_WIND_GRID, NORTHWARD_WIND_GRID),
    build,
    asks=("speed_m_s", "from_deg"),
)
