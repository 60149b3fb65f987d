"""NetCDF files of either kind: a variable with its axes found by what they mean (CF conventions), times in UTC, and its projection."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from twin.errors import SourceError, TwinError
from twin.grid import known_crs
from twin.readers import stamps

Array = NDArray[np.float64]

#: What an axis is called where its attributes do not say what it is.
NAMES = {
    "T": ("time", "valid_time", "t", "xtime", "datetime", "date"),
    "Y": ("lat", "latitude", "y", "yc", "rlat", "nav_lat", "northing", "south_north", "projection_y_coordinate"),
    "X": ("lon", "longitude", "lng", "x", "xc", "rlon", "nav_lon", "easting", "west_east", "projection_x_coordinate"),
}

#: CF standard names of axes.
STANDARD = {
    "T": ("time", "forecast_time"),
    "Y": ("latitude", "projection_y_coordinate", "grid_latitude"),
    "X": ("longitude", "projection_x_coordinate", "grid_longitude"),
}

#: Unit of an axis -> m.
LENGTHS = {"": 1.0, "1": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0,
           "km": 1000.0, "kilometre": 1000.0, "kilometer": 1000.0, "kilometres": 1000.0, "kilometers": 1000.0}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A variable: values (time, y, x) with NaN where there is none, its stamps in UTC, and its axes.

    `bounds` (time, 2) is what time each value belongs to, where the file says so. The axes are degrees, metres, or km from a
    point that the file does not give (`from_radar`); `crs` is None where it does not say which metres. `calendar` is that of
    its times where it is not ours.
    """

    name: str
    where: str
    values: Array
    times: pd.DatetimeIndex
    bounds: Array | None
    y: Array
    x: Array
    crs: CRS | None
    from_radar: bool
    calendar: str
    attrs: dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a NetCDF file of version 3 or 4; whatever fails while it is read becomes one SourceError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a file is told in our own words
            with xr.open_dataset(path, engine=_engine(path)) as data:
                yield data
    except TwinError:
        raise
    except Exception as error:  # libraries raise nearly everything on a damaged file
        text = str(error).strip() or type(error).__name__
        raise SourceError("netcdf_unreadable", where=str(path), found=text.splitlines()[0][:200]) from error


def read_field(data: xr.Dataset, path: Path, name: str, crs: str | None = None, tz: tzinfo = UTC) -> Field:
    """Return a variable with its axes; `crs` states its projection and `tz` the clock of its times where the file does not.

    Axes of one value that are neither time, y nor x are dropped. Raises SourceError where time, y and x are not three axes
    with values of their own, for an unknown projection, and for times that cannot be read or do not rise.
    """
    array = data[name]
    axes = {kind: dim for dim in map(str, array.dims) if (kind := _kind(data, dim))}
    spare = [dim for dim in map(str, array.dims) if dim not in axes.values() and array.sizes[dim] == 1]
    array = array.isel({dim: 0 for dim in spare}, drop=True)
    if set(axes) != {"T", "Y", "X"} or array.ndim != 3:
        found = [f"{dim} ({data.sizes[dim]})" for dim in map(str, data[name].dims)]
        raise SourceError("grid_dims", where=str(path), name=name, found=found)
    array = array.transpose(axes["T"], axes["Y"], axes["X"]).load()
    times, calendar = _times(data[axes["T"]], path, tz)
    found_crs, unit, from_radar = _crs(array, data, axes["X"], path, crs)
    y, x = (_axis(data[axes[kind]], path) * unit for kind in "YX")
    bounds = _bounds(data, axes["T"], times)
    values = array.values.astype(float)
    return Field(name, str(path), values, times, bounds, y, x, found_crs, from_radar, calendar, dict(array.attrs))


def said(attrs: Any, key: str) -> str:
    """Return an attribute as plain lower-case text; empty where there is none."""
    return str(attrs.get(key, "")).strip().lower()


def _engine(path: Path) -> str:
    """Return what reads the file; raise here what h5netcdf would raise, as it complains a second time when it is closed."""
    with path.open("rb") as raw:
        head = raw.read(4)
    if head in (b"CDF\x01", b"CDF\x02"):
        return "scipy"
    with h5py.File(path, "r") as file:
        file.attrs.get("_nc3_strict")
    return "h5netcdf"


def _kind(data: xr.Dataset, dim: str) -> str:
    """Return whether a dimension is time (T), Y or X by the attributes of its axis, else by its name; "" for another."""
    if dim not in data.variables or data[dim].ndim != 1:
        return ""
    axis = data[dim]
    if np.issubdtype(axis.dtype, np.datetime64):
        return "T"
    units, standard, letter = (said(axis.attrs, key) for key in ("units", "standard_name", "axis"))
    for kind in "TYX":
        degrees = {"Y": ("degrees_north", "degree_north"), "X": ("degrees_east", "degree_east")}.get(kind, ())
        if letter == kind.lower() or standard in STANDARD[kind] or units in degrees:
            return kind
    return next((kind for kind, names in NAMES.items() if dim.lower() in names), "")


def _axis(axis: xr.DataArray, path: Path) -> Array:
    values = axis.values.astype(float)
    if len(values) < 2 or not np.isfinite(values).all() or len(np.unique(values)) < len(values):
        raise SourceError("grid_axis", where=str(path), name=str(axis.name), found=str(values[:3]))
    return values


def _times(axis: xr.DataArray, path: Path, tz: tzinfo) -> tuple[pd.DatetimeIndex, str]:
    """Return the times of an axis in UTC; days of another calendar are taken as they are written."""
    values, calendar = axis.values, ""
    if values.dtype == object and len(values) and hasattr(values[0], "calendar"):
        calendar = str(values[0].calendar)
        try:
            values = np.array([np.datetime64(f"{day.isoformat()}") for day in values])
        except (ValueError, AttributeError) as error:
            raise SourceError("series_time", where=str(path), found=f"{values[0]}, {calendar}") from error
    if not np.issubdtype(values.dtype, np.datetime64) or np.isnat(values).any():
        raise SourceError("series_time", where=str(path), found=str(values[:1]))
    times = stamps.localized(pd.DatetimeIndex(values.astype("datetime64[ns]")), tz, str(path))
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    falls = np.diff(times.values).astype(np.int64) <= 0
    if falls.any():
        k = int(np.argmax(falls))
        raise SourceError("series_order", where=str(path), found=str(times[k + 1]), row=k + 2)
    return times, calendar


def _bounds(data: xr.Dataset, time: str, times: pd.DatetimeIndex) -> Array | None:
    """Return begin and end of what each value belongs to, s after the first stamp; None where the file gives no usable ones."""
    name = data[time].attrs.get("bounds") or data[time].encoding.get("bounds")
    if name not in data.variables:
        return None
    bounds, stamp = data[name].values, data[time].values
    if bounds.shape != (len(times), 2) or bounds.dtype != stamp.dtype:
        return None
    if bounds.dtype == object:
        return None
    seconds: Array = (bounds - stamp[0]) / np.timedelta64(1, "s")
    good = np.isfinite(seconds).all() and (seconds[:, 1] > seconds[:, 0]).all() and (np.diff(seconds[:, 0]) > 0).all()
    return seconds if good else None


def _crs(
    array: xr.DataArray, data: xr.Dataset, axis: str, path: Path, stated: str | None
) -> tuple[CRS | None, float, bool]:
    """Return the projection of the axes (None: not said), their unit in it, and whether they are km from an unsaid point."""
    written = said(data[axis].attrs, "units") or said(data.attrs, "x_y_units")
    degrees = written.startswith("degree") or axis.lower().startswith("lon")
    crs = known_crs(stated) if stated else _mapping(array, data, path)
    if degrees:
        if crs is None:
            return CRS("EPSG:4326"), 1.0, False
        return (crs if crs.is_geographic else crs.geodetic_crs), 1.0, False
    unit = LENGTHS.get(written.split()[0] if written else "")
    if unit is None or (crs is not None and not crs.is_projected):
        raise SourceError(
            "grid_unit", where=str(path), name=axis, found=written or "-", expected=["degrees", "m", "km"]
        )
    if crs is None:
        return None, 1.0, unit == 1000.0
    return crs, unit / crs.axis_info[0].unit_conversion_factor, False


def _mapping(array: xr.DataArray, data: xr.Dataset, path: Path) -> CRS | None:
    """Return the projection that `grid_mapping` names, None where the variable has none."""
    named = array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping")
    if not named:
        return None
    mapping = str(named).split(":")[0].split()[0]
    if mapping not in data.variables:
        raise SourceError("crs_unknown", found=f"{path}: grid_mapping {mapping}")
    try:
        return CRS.from_cf(data[mapping].attrs)
    except (CRSError, KeyError, ValueError, TypeError) as error:
        raise SourceError("crs_unknown", found=f"{path}: {mapping}") from error
