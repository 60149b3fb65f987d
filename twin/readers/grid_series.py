"""Gridded series from NetCDF (radar, forecast, reanalysis): rain and wind on coarse cells of their own around a city."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from twin.errors import SourceError
from twin.grid import Grid
from twin.rainfall import AS_WRITTEN, Note, RainForm, Record, rates, with_gaps
from twin.readers.netcdf import Field, opened, read_field, said

Array = NDArray[np.float64]

#: Unit of rain -> (what one unit is in m or m/s, whether it is a depth); spellings are made alike by `_unit`.
RAIN_UNITS = {
    "mm/h": (1 / 3.6e6, False),
    "mm/min": (1 / 6e4, False),
    "mm/s": (1e-3, False),
    "mm/d": (1 / 8.64e7, False),
    "m/s": (1.0, False),
    "kg m-2 s-1": (1e-3, False),
    "mm": (1e-3, True),
    "cm": (1e-2, True),
    "m": (1.0, True),
    "kg m-2": (1e-3, True),
}

#: Depths of other things are written in these too: a variable is taken for rain only if its name says so.
NOT_RAIN_ALONE = ("m", "cm", "m/s", "mm/s")
RAIN_NAME = re.compile(r"rain|precip|^tp$|^pr$|^prate$|^apcp|^rr$|降")

#: Spellings of the one unit of wind that is read.
WIND_UNITS = ("m s-1", "m/s", "m s**-1", "m s^-1")

#: Component of the wind (also its CF standard name) -> what a file without standard names may call it.
WIND_NAMES = {"eastward_wind": "u10", "northward_wind": "v10"}

COARSE_M = 500.0  # a series is carried to cells of at most this size around the city

#: A bias correction leaves values a little below zero; as far as this share of the largest they are taken as no rain.
DIP = 0.01


def read_rain_grid(
    path: Path,
    grid: Grid,
    variable: str | None = None,
    units: str | None = None,
    form: RainForm = AS_WRITTEN,
    *,
    radar: tuple[float, float] | None = None,
    crs: str | None = None,
    tz: tzinfo = UTC,
    run: tuple[pd.Timestamp, pd.Timestamp] | None = None,
) -> xr.DataArray:
    """Return rain as `rain_rate_grid(time, y, x)` in m/s on a grid of its own in the city's CRS, UTC.

    `variable`, `units`, `form`, `crs` and `tz` say what the file does not; `radar` (lon, lat, degrees) is where axes in km from
    a radar begin: they are taken as true distances from it (azimuthal equidistant), which other projections keep to about
    1 % at 60 km. `run` is the time in which gaps matter; `attrs["notes"]` is what must be said. What time a value belongs to
    is told by `form`, else by the time's CF bounds, else it is the time before its stamp for ECMWF (`expver`) and for what
    was an accumulation in GRIB, and the time after it for all others. Raises SourceError when no rain variable is found, units
    are unknown, values are negative, the city lies outside the grid, and for what `twin.rainfall.rates` refuses.
    """
    with opened(path) as data:
        name, unit = _rain_variable(data, path, variable, units)
        field = read_field(data, path, name, crs, tz)
        before = "expver" in data.variables or said(field.attrs, "GRIB_stepType") in ("accum", "avg")
    if field.from_radar and radar is None:
        raise SourceError("rain_radar_place", where=str(path))
    labels = [f"{time:%Y-%m-%d %H:%M} UTC" for time in field.times]
    values, dips = with_gaps(field.values, form, str(path), labels, dip=DIP)
    cells = _cells(field, grid, radar)
    notes = _notes(field, dips)
    if form.stamps is None and field.bounds is None and before:
        form = replace(form, stamps="end")
        notes.append(("rain_stamps_end", {"name": name}))
    first = field.times[0]
    within = tuple((t - first).total_seconds() for t in run) if run else (-np.inf, np.inf)
    seconds = (field.times - first).total_seconds().to_numpy()
    record = Record(
        str(path), seconds, labels, cells.sample(values), *RAIN_UNITS[unit], field.bounds, (within[0], within[1])
    )
    edges, rate, more = rates(record, form)
    times = first + pd.to_timedelta(edges, unit="s")
    return cells.array(rate, times, "rain_rate_grid").assign_attrs(notes=notes + more)


def read_wind_grid(path: Path, grid: Grid, *, crs: str | None = None, tz: tzinfo = UTC) -> list[xr.DataArray]:
    """Return wind as `eastward_wind_grid` and `northward_wind_grid` (time, y, x) in m/s on a grid of their own, UTC.

    The file holds both components in m/s under their CF standard names, or called u10 and v10. Coordinates as in
    `read_rain_grid`. Raises SourceError when a component is missing or twice there, its unit is another, values are
    missing, or the city lies outside the grid.
    """
    with opened(path) as data:
        names = [_wind_variable(data, path, *pair) for pair in WIND_NAMES.items()]
        fields = [read_field(data, path, name, crs, tz) for name in names]
    found = []
    for standard_name, field in zip(WIND_NAMES, fields, strict=True):
        if field.from_radar:
            raise SourceError("grid_axes", where=str(path), name=field.name)
        cells = _cells(field, grid, None)
        values = cells.sample(field.values)
        missing = np.isnan(values)
        if missing.any():
            time = str(field.times[int(np.argmax(missing.any((1, 2))))])
            raise SourceError("grid_missing", where=str(path), name=field.name, count=int(missing.sum()), time=time)
        found.append(cells.array(values, field.times, f"{standard_name}_grid").assign_attrs(notes=_notes(field, 0)))
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
        from scipy.interpolate import RegularGridInterpolator  # slow to come, and few runs read a grid

        rows, cols = np.argsort(self.axes[0]), np.argsort(self.axes[1])
        axes = self.axes[0][rows], self.axes[1][cols]
        return np.stack([RegularGridInterpolator(axes, frame[np.ix_(rows, cols)])(self.at) for frame in values])

    def array(self, values: Array, times: pd.DatetimeIndex, name: str) -> xr.DataArray:
        """Return values on the cells with their coordinates."""
        return xr.DataArray(
            values, dims=("time", "y", "x"), coords={"time": times, "y": self.y, "x": self.x}, name=name
        )


def _cells(field: Field, grid: Grid, radar: tuple[float, float] | None) -> _Cells:
    """Return the cells of a city on the axes of a variable; raise SourceError when they do not lie within them."""
    cell = min(COARSE_M, max(grid.cell_m, (grid.east - grid.west) / 8))
    x = np.arange(grid.west + cell / 2, grid.east + cell / 2, cell)
    y = np.arange(grid.north - cell / 2, grid.south - cell / 2, -cell)
    xx, yy = np.meshgrid(x, y)
    rows, cols = field.y, field.x
    crs = _around_radar(*radar) if radar is not None else field.crs
    if crs is not None:
        xx, yy = Transformer.from_crs(grid.crs, crs, always_xy=True).transform(xx, yy)
        if crs.is_geographic:  # longitudes count from -180 or from 0: bring them around the city
            middle = float(xx.mean())
            cols = (cols - middle + 180.0) % 360.0 - 180.0 + middle
    if not (rows.min() <= yy.min() and yy.max() <= rows.max() and cols.min() <= xx.min() and xx.max() <= cols.max()):
        raise SourceError(
            "grid_elsewhere",
            where=field.where,
            name=field.name,
            found=[float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())],
            expected=[float(xx.min()), float(yy.min()), float(xx.max()), float(yy.max())],
        )
    return _Cells(y, x, (yy, xx), (rows, cols))


def _notes(field: Field, dips: int) -> list[Note]:
    """Return what must be said of a field: values below zero, a calendar of its own, metres that nobody names."""
    notes: list[Note] = [("rain_dips", {"count": dips})] if dips else []
    if field.calendar:
        notes.append(("grid_calendar", {"name": field.name, "calendar": field.calendar}))
    if field.crs is None and not field.from_radar:
        notes.append(("grid_crs", {"name": field.name}))
    return notes


def _around_radar(lon: float, lat: float) -> CRS:
    """Return the CRS of axes in km of true distance from a radar."""
    return CRS(f"+proj=aeqd +lon_0={lon} +lat_0={lat} +datum=WGS84 +units=km")


def _unit(text: str) -> str:
    """Return a unit in the spelling of `RAIN_UNITS`: "mm hr-1" and "mm hr**-1" are mm/h."""
    plain = text.strip().lower().replace("**", "").replace("^", "").replace(" of water equivalent", "")
    for long, short in (
        ("kilograms", "kg"),
        ("millimeters", "mm"),
        ("millimetres", "mm"),
        ("metres", "m"),
        ("meters", "m"),
    ):
        plain = plain.replace(long, short)
    rate = re.fullmatch(r"(mm|m|cm)\s*(?:/|per)\s*(\w+)|(mm|m|cm)[\s.]*(\w+?)-1", plain)
    if rate is None:
        return re.sub(r"[\s.]+", " ", plain)
    length, time = rate[1] or rate[3], rate[2] or rate[4]
    times = {"hr": "h", "hour": "h", "hours": "h", "day": "d", "sec": "s", "second": "s", "minute": "min"}
    return f"{length}/{times.get(time, time)}"


def _rain_variable(data: xr.Dataset, path: Path, wanted: str | None, units: str | None) -> tuple[str, str]:
    """Return the rain variable and its unit: the one that is named, else the only one in a unit of rain."""
    known = {
        str(n): unit
        for n, v in data.data_vars.items()
        if v.ndim >= 3
        and (unit := _unit(str(v.attrs.get("units", "")))) in RAIN_UNITS
        and (unit not in NOT_RAIN_ALONE or RAIN_NAME.search(str(n).lower()) or RAIN_NAME.search(_told(v)))
    }
    names = [wanted] if wanted else list(known)
    if len(names) != 1 or names[0] not in data.data_vars:
        raise SourceError(
            "rain_variable", where=str(path), found=[str(n) for n in data.data_vars], expected=sorted(RAIN_UNITS)
        )
    unit = _unit(units or str(data[names[0]].attrs.get("units", "")))
    if unit not in RAIN_UNITS:
        found = units or data[names[0]].attrs.get("units")
        raise SourceError("rain_units", where=str(path), found=found, expected=sorted(RAIN_UNITS))
    return names[0], unit


def _told(variable: xr.DataArray) -> str:
    return f"{said(variable.attrs, 'standard_name')} {said(variable.attrs, 'long_name')}"


def _wind_variable(data: xr.Dataset, path: Path, standard_name: str, short: str) -> str:
    """Find a component of the wind by its standard name, else by its short name."""
    flat = {str(n): v for n, v in data.data_vars.items() if v.ndim >= 3}
    names = [n for n, v in flat.items() if v.attrs.get("standard_name") == standard_name]
    names = names or [n for n in flat if n.lower() == short]
    if len(names) != 1:
        raise SourceError(
            "wind_variable", where=str(path), found=sorted(map(str, data.data_vars)), expected=[standard_name, short]
        )
    unit = flat[names[0]].attrs.get("units")
    if unit not in WIND_UNITS:
        raise SourceError("wind_units", where=str(path), name=names[0], found=unit, expected=list(WIND_UNITS))
    return names[0]
