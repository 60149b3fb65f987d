"""Gridded rain (radar or forecast) from NetCDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from pyproj import Transformer
from scipy.interpolate import RegularGridInterpolator

from twin.errors import SourceError
from twin.grid import Grid

#: Spelling of rain units -> (what one unit is in m/s, whether it is a depth per step).
UNITS = {
    "mm/h": (1 / 3.6e6, False),
    "mm h-1": (1 / 3.6e6, False),
    "mm/hr": (1 / 3.6e6, False),
    "m s-1": (1.0, False),
    "kg m-2 s-1": (1e-3, False),
    "mm": (1e-3, True),
    "kg m-2": (1e-3, True),
}

COARSE_M = 500.0  # rain is carried to cells of at most this size around the city

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
    Accepts lon/lat or projected coordinates (CF `grid_mapping` or metres in the city's CRS). Raises SourceError when no
    rain variable is found, units are unknown, values are negative or missing, or the city lies outside the grid.
    """
    try:
        data = xr.open_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise SourceError("netcdf_unreadable", where=str(path), found=str(error)) from error
    with data:
        rain = _rain_variable(data, path, variable, units).load()
    factor, per_step = UNITS[rain.attrs["units"]]
    time, y, x = rain.dims
    values = rain.values.astype(float)
    if np.isnan(values).any():
        raise SourceError("rain_missing", where=str(path), count=int(np.isnan(values).sum()))
    dips = int((values < 0).sum())
    if dips and values.min() < -DIP * values.max():
        raise SourceError(
            "rain_negative",
            where=str(path),
            time=str(rain[time].values[int(np.argmax((values < 0).any((1, 2))))]),
            found=float(values.min()),
        )
    values = np.maximum(values, 0.0)
    times = pd.DatetimeIndex(rain[time].values)
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    gaps = np.diff(times.values).astype("timedelta64[s]").astype(float)
    if (gaps <= 0).any():
        raise SourceError(
            "series_order",
            where=str(path),
            found=str(times[int(np.argmax(gaps <= 0)) + 1]),
            row=int(np.argmax(gaps <= 0)) + 2,
        )
    if per_step:
        values = values / np.append(gaps, gaps[-1])[:, None, None]
    cell = min(COARSE_M, max(grid.cell_m, (grid.east - grid.west) / 8))
    rain_x = np.arange(grid.west + cell / 2, grid.east + cell / 2, cell)
    rain_y = np.arange(grid.north - cell / 2, grid.south - cell / 2, -cell)
    xx, yy = np.meshgrid(rain_x, rain_y)
    if rain.attrs["axes"] == "radar" and radar is None:
        raise SourceError("rain_radar_place", where=str(path))
    file_crs = {"lonlat": "EPSG:4326", "metres": None, "radar": None}[rain.attrs["axes"]]
    if radar is not None:
        file_crs = f"+proj=aeqd +lon_0={radar[0]} +lat_0={radar[1]} +datum=WGS84 +units=km"
    if file_crs is not None:
        xx, yy = Transformer.from_crs(grid.crs, file_crs, always_xy=True).transform(xx, yy)
    axes = rain[y].values.astype(float), rain[x].values.astype(float)
    if not (
        axes[0].min() <= yy.min()
        and yy.max() <= axes[0].max()
        and axes[1].min() <= xx.min()
        and xx.max() <= axes[1].max()
    ):
        raise SourceError(
            "rain_elsewhere",
            where=str(path),
            found=[float(axes[1].min()), float(axes[0].min()), float(axes[1].max()), float(axes[0].max())],
            expected=[float(xx.min()), float(yy.min()), float(xx.max()), float(yy.max())],
        )
    order = (np.argsort(axes[0]), np.argsort(axes[1]))
    sampled = np.stack(
        [
            RegularGridInterpolator((axes[0][order[0]], axes[1][order[1]]), frame[np.ix_(*order)])((yy, xx))
            for frame in values
        ]
    )
    times = times.append(pd.DatetimeIndex([times[-1] + pd.Timedelta(seconds=gaps[-1])]))
    sampled = np.concatenate([sampled, np.zeros((1, *sampled.shape[1:]))]) * factor
    return xr.DataArray(
        sampled,
        dims=("time", "y", "x"),
        coords={"time": times, "y": rain_y, "x": rain_x},
        name="rain_rate_grid",
        attrs={"dips": dips},
    )


def _rain_variable(data: xr.Dataset, path: Path, wanted: str | None, units: str | None) -> xr.DataArray:
    """Find the rain variable and note in its attributes whether its axes are lon/lat, metres or km from a radar."""
    names = (
        [wanted]
        if wanted
        else [str(n) for n, v in data.data_vars.items() if v.ndim == 3 and v.attrs.get("units") in UNITS]
    )
    if len(names) != 1 or names[0] not in data:
        raise SourceError(
            "rain_variable", where=str(path), found=[str(n) for n in data.data_vars], expected=sorted(UNITS)
        )
    rain = data[names[0]].assign_attrs(units=units) if units else data[names[0]]
    if rain.attrs.get("units") not in UNITS:
        raise SourceError("rain_units", where=str(path), found=rain.attrs.get("units"), expected=sorted(UNITS))
    axis = rain[rain.dims[-1]]
    length = f"{axis.attrs.get('units', '')} {data.attrs.get('x_y_units', '')}".strip().lower()
    if str(axis.name).lower().startswith("lon") or length.startswith("degree"):
        rain.attrs["axes"] = "lonlat"
    else:
        rain.attrs["axes"] = "radar" if length.split()[:1] in (["km"], ["kilometre"], ["kilometer"]) else "metres"
    return rain
