"""Gridded series from NetCDF (radar, forecast, reanalysis): rain and wind on coarse cells of their own around a city."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from scipy.interpolate import RegularGridInterpolator

from twin.errors import SourceError
from twin.grid import Grid

Array = NDArray[np.float64]

#: Spelling of rain units -> (what one unit is in m/s, whether it is a depth per step).
RAIN_UNITS = {
    "mm/h": (1 / 3.6e6, False),
    "mm h-1": (1 / 3.6e6, False),
    "mm/hr": (1 / 3.6e6, False),
    "m s-1": (1.0, False),
    "kg m-2 s-1": (1e-3, False),
    "mm": (1e-3, True),
    "kg m-2": (1e-3, True),
}

#: Spellings of the one unit of wind that is read.
WIND_UNITS = ("m s-1", "m/s", "m s**-1", "m s^-1")

#: Component of the wind (also its CF standard name) -> what a file without standard names may call it.
WIND_NAMES = {"eastward_wind": "u10", "northward_wind": "v10"}

COARSE_M = 500.0  # a series is carried to cells of at most this size around the city

#: A bias correction leaves values a little below zero; as far as this share of the largest they are taken as no rain, and
#: `attrs["dips"]` counts them.
DIP = 0.01


def read_rain_grid(
    path: Path,
    grid: Grid,
    variable: str | None = None,
    units: str | None = None,
    *,
    radar: tuple[float, float] | None = None,
) -> xr.DataArray:
    """Return rain as `rain_rate_grid(time, y, x)` in m/s on a grid of its own in the city's CRS, UTC.

    `variable` and `units` say what the file does not; `radar` (lon, lat, degrees) is where axes in km from a radar begin:
    they are taken as true distances from it (azimuthal equidistant), which other projections keep to about 1 % at 60 km.
    Accepts lon/lat or projected coordinates (CF `grid_mapping`, else metres in the city's CRS). Raises SourceError when no
    rain variable is found, units are unknown, values are negative or missing, or the city lies outside the grid.
    """
    with _opened(path) as data:
        rain = _rain_variable(data, path, variable, units).load()
        if _axes(rain, data) == "radar" and radar is None:
            raise SourceError("rain_radar_place", where=str(path))
        cells = _cells(rain, data, path, grid, radar)
    factor, per_step = RAIN_UNITS[rain.attrs["units"]]
    values = _values(rain, path)
    times, steps = _times(rain, path)
    dips = int((values < 0).sum())
    if dips and values.min() < -DIP * values.max():
        raise SourceError(
            "rain_negative",
            where=str(path),
            time=str(times[int(np.argmax((values < 0).any((1, 2))))]),
            found=float(values.min()),
        )
    values = np.maximum(values, 0.0)
    if per_step:
        values = values / steps[:, None, None]
    sampled = cells.sample(values)
    times = times.append(pd.DatetimeIndex([times[-1] + pd.Timedelta(seconds=steps[-1])]))
    sampled = np.concatenate([sampled, np.zeros((1, *sampled.shape[1:]))]) * factor
    return cells.array(sampled, times, "rain_rate_grid").assign_attrs(dips=dips)


def read_wind_grid(path: Path, grid: Grid) -> list[xr.DataArray]:
    """Return wind as `eastward_wind_grid` and `northward_wind_grid` (time, y, x) in m/s on a grid of their own, UTC.

    The file holds both components in m/s under their CF standard names, or called u10 and v10. Coordinates as in
    `read_rain_grid`. Raises SourceError when a component is missing or twice there, its unit is another, values are
    missing, or the city lies outside the grid.
    """
    found = []
    with _opened(path) as data:
        for standard_name, short in WIND_NAMES.items():
            wind = _wind_variable(data, path, standard_name, short).load()
            if _axes(wind, data) == "radar":
                raise SourceError("grid_axes", where=str(path), name=str(wind.name))
            cells = _cells(wind, data, path, grid, None)
            times, _ = _times(wind, path)
            found.append(cells.array(cells.sample(_values(wind, path)), times, f"{standard_name}_grid"))
    return found


@dataclass(frozen=True)
class _Cells:
    """Coarse cells around a city, and where their centres lie on the axes of a file."""

    y: Array
    x: Array
    at: tuple[Array, Array]
    axes: tuple[Array, Array]

    def sample(self, values: Array) -> Array:
        """Return (time, y, x) on the cells, linear between the points of the file."""
        rows, cols = np.argsort(self.axes[0]), np.argsort(self.axes[1])
        axes = self.axes[0][rows], self.axes[1][cols]
        return np.stack([RegularGridInterpolator(axes, frame[np.ix_(rows, cols)])(self.at) for frame in values])

    def array(self, values: Array, times: pd.DatetimeIndex, name: str) -> xr.DataArray:
        """Return values on the cells with their coordinates."""
        return xr.DataArray(
            values, dims=("time", "y", "x"), coords={"time": times, "y": self.y, "x": self.x}, name=name
        )


def _opened(path: Path) -> xr.Dataset:
    try:
        return xr.open_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise SourceError("netcdf_unreadable", where=str(path), found=str(error)) from error


def _cells(array: xr.DataArray, data: xr.Dataset, path: Path, grid: Grid, radar: tuple[float, float] | None) -> _Cells:
    """Return the cells of a city on the axes of a variable; raise SourceError when they do not lie within them."""
    cell = min(COARSE_M, max(grid.cell_m, (grid.east - grid.west) / 8))
    x = np.arange(grid.west + cell / 2, grid.east + cell / 2, cell)
    y = np.arange(grid.north - cell / 2, grid.south - cell / 2, -cell)
    xx, yy = np.meshgrid(x, y)
    file_crs = _file_crs(array, data, path) if radar is None else _around_radar(*radar)
    if file_crs is not None:
        xx, yy = Transformer.from_crs(grid.crs, file_crs, always_xy=True).transform(xx, yy)
    rows, cols = (array[d].values.astype(float) for d in array.dims[1:])
    if not (rows.min() <= yy.min() and yy.max() <= rows.max() and cols.min() <= xx.min() and xx.max() <= cols.max()):
        raise SourceError(
            "grid_elsewhere",
            where=str(path),
            name=str(array.name),
            found=[float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())],
            expected=[float(xx.min()), float(yy.min()), float(xx.max()), float(yy.max())],
        )
    return _Cells(y, x, (yy, xx), (rows, cols))


def _values(array: xr.DataArray, path: Path) -> Array:
    """Return the values; raise SourceError that counts the missing ones and names the time of the first."""
    values: Array = array.values.astype(float)
    missing = np.isnan(values)
    if missing.any():
        time = str(array[array.dims[0]].values[int(np.argmax(missing.any((1, 2))))])
        raise SourceError("grid_missing", where=str(path), name=str(array.name), count=int(missing.sum()), time=time)
    return values


def _times(array: xr.DataArray, path: Path) -> tuple[pd.DatetimeIndex, Array]:
    """Return the times and how long each lasts, s; the last as long as the one before."""
    axis = array[array.dims[0]].values
    if not np.issubdtype(axis.dtype, np.datetime64):
        raise SourceError("series_time", where=str(path), found=str(axis[:1]))
    times = pd.DatetimeIndex(axis)
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    steps = np.diff(times.values).astype("timedelta64[s]").astype(float)
    if (steps <= 0).any():
        k = int(np.argmax(steps <= 0))
        raise SourceError("series_order", where=str(path), found=str(times[k + 1]), row=k + 2)
    return times, np.append(steps, steps[-1])


def _axes(array: xr.DataArray, data: xr.Dataset) -> str:
    """Return whether the axes of a variable are "lonlat", "metres" or km from a "radar"."""
    axis = array[array.dims[-1]]
    length = f"{axis.attrs.get('units', '')} {data.attrs.get('x_y_units', '')}".strip().lower()
    if str(axis.name).lower().startswith("lon") or length.startswith("degree"):
        return "lonlat"
    return "radar" if length.split()[:1] in (["km"], ["kilometre"], ["kilometer"]) else "metres"


def _file_crs(array: xr.DataArray, data: xr.Dataset, path: Path) -> CRS | None:
    """Return the CRS of a variable's axes, None for that of the city."""
    if _axes(array, data) == "lonlat":
        return CRS("EPSG:4326")
    mapping = array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping")
    if mapping not in data.variables:
        return None
    try:
        return CRS.from_cf(data[mapping].attrs)
    except (CRSError, KeyError) as error:
        raise SourceError("crs_unknown", found=f"{path}: {mapping}") from error


def _around_radar(lon: float, lat: float) -> CRS:
    """Return the CRS of axes in km of true distance from a radar."""
    return CRS(f"+proj=aeqd +lon_0={lon} +lat_0={lat} +datum=WGS84 +units=km")


def _rain_variable(data: xr.Dataset, path: Path, wanted: str | None, units: str | None) -> xr.DataArray:
    """Find the rain variable, with its units in its attributes."""
    names = (
        [wanted]
        if wanted
        else [str(n) for n, v in data.data_vars.items() if v.ndim == 3 and v.attrs.get("units") in RAIN_UNITS]
    )
    if len(names) != 1 or names[0] not in data:
        raise SourceError(
            "rain_variable", where=str(path), found=[str(n) for n in data.data_vars], expected=sorted(RAIN_UNITS)
        )
    rain = data[names[0]].assign_attrs(units=units) if units else data[names[0]]
    if rain.attrs.get("units") not in RAIN_UNITS:
        raise SourceError("rain_units", where=str(path), found=rain.attrs.get("units"), expected=sorted(RAIN_UNITS))
    return rain


def _wind_variable(data: xr.Dataset, path: Path, standard_name: str, short: str) -> xr.DataArray:
    """Find a component of the wind by its standard name, else by its short name."""
    flat = {str(n): v for n, v in data.data_vars.items() if v.ndim == 3}
    names = [n for n, v in flat.items() if v.attrs.get("standard_name") == standard_name]
    names = names or [n for n in flat if n.lower() == short]
    if len(names) != 1:
        raise SourceError(
            "wind_variable", where=str(path), found=sorted(map(str, data.data_vars)), expected=[standard_name, short]
        )
    unit = flat[names[0]].attrs.get("units")
    if unit not in WIND_UNITS:
        raise SourceError("wind_units", where=str(path), name=names[0], found=unit, expected=list(WIND_UNITS))
    return flat[names[0]]
