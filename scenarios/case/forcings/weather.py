"""Weather: temperature, humidity and cloud of the air, one at least."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import xarray as xr
from pydantic import Field

from scenarios.case.forcings.rows import stepped
from scenarios.case.forcings.scene import Kind, Note, Scene, TimedFile
from scenarios.case.part import Part
from twin.errors import ScenarioError
from twin.readers.series import read_columns
from twin.variables import AIR_TEMPERATURE, CLOUD_COVER, RELATIVE_HUMIDITY, Variable

#: Column of a file or key of a scenario -> its valid range.
COLUMNS = {"temperature_c": (-80.0, 60.0), "humidity_percent": (0.0, 100.0), "cloud_tenths": (0.0, 10.0)}

#: The same -> the variable, what is added, and what the sum is multiplied by.
SI: dict[str, tuple[Variable, float, float]] = {
    "temperature_c": (AIR_TEMPERATURE, 273.15, 1.0),
    "humidity_percent": (RELATIVE_HUMIDITY, 0.0, 0.01),
    "cloud_tenths": (CLOUD_COVER, 0.0, 0.1),
}


class ConstantWeather(Part):
    """One weather for the whole run."""

    temperature_c: Annotated[float, Field(ge=-80, le=60)] | None = None
    humidity_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    cloud_tenths: Annotated[float, Field(ge=0, le=10)] | None = None


class WeatherRow(ConstantWeather):
    """The weather from a time on; every row gives the same quantities."""

    at: str


class StationWeather(TimedFile):
    """Weather from a CSV file: `time` and one at least of `temperature_c`, `humidity_percent` and `cloud_tenths`."""

    station: Path


def build(
    weather: ConstantWeather | list[WeatherRow] | StationWeather, scene: Scene
) -> tuple[list[xr.DataArray], list[Note]]:
    """Return temperature (K), relative humidity (0..1) and cloud cover (0..1), as far as they are given."""
    station = isinstance(weather, StationWeather)
    if isinstance(weather, StationWeather):
        path = scene.base / weather.station
        table = read_columns(path, scene.tz_of(weather), COLUMNS, some=True)
        scene.check_covers(table.index, str(path))
    elif isinstance(weather, ConstantWeather):
        table = pd.DataFrame([weather.model_dump(exclude_none=True)], index=scene.clock.times[:1])
    else:
        table = stepped("forcing.weather", weather, scene)
    given = [name for name in SI if name in table]
    if not given:
        raise ScenarioError("weather_empty", where="forcing.weather", expected=list(SI))
    arrays = [
        xr.DataArray((table[name].to_numpy(float) + added) * by, {"time": table.index.values}, ("time",), v.name)
        for name, (v, added, by) in SI.items()
        if name in given
    ]
    return arrays, scene.held(table.index, SI[given[0]][0]) if station else []


KIND = Kind(
    ConstantWeather | Annotated[list[WeatherRow], Field(min_length=1)] | StationWeather,
    (AIR_TEMPERATURE, RELATIVE_HUMIDITY, CLOUD_COVER),
    build,
    varies="",
)
