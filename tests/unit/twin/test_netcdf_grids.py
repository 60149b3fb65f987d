"""Gridded rain from NetCDF as agencies write it: every kind of axis, projection, clock and unit, with the rain that must fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS, Transformer

from twin import words
from twin.errors import SourceError
from twin.grid import Grid
from twin.rainfall import AS_WRITTEN, RainForm
from twin.readers.grid_series import read_rain_grid, read_wind_grid

GRID = Grid("EPSG:4547", 500_000.0, 3_381_000.0, 10.0, 100, 100)
LON, LAT = np.linspace(113.8, 114.2, 5), np.linspace(30.7, 30.3, 5)
BEGIN = "2026-06-20T10:00"


def rain(
    axes: dict[str, Any], values: Any = 10.0, unit: str = "mm/h", name: str = "rain", hours: int = 4
) -> xr.Dataset:
    """A file of constant rain (or of `values`, one an hour) on time and the axes given."""
    coords = {"time": pd.date_range(BEGIN, periods=hours, freq="60min"), **axes}
    sizes = tuple(len(v) for v in coords.values())
    data = np.broadcast_to(np.reshape(values, (-1, *[1] * len(axes))), sizes).astype(np.float32)
    return xr.Dataset({name: (tuple(coords), data.copy(), {"units": unit})}, coords)


def lonlat(**more: Any) -> xr.Dataset:
    return rain({"lat": LAT, "lon": LON}, **more)


def read(
    data: xr.Dataset, tmp_path: Path, form: RainForm = AS_WRITTEN, classic: bool = False, **said: Any
) -> xr.DataArray:
    path = tmp_path / "rain.nc"
    if classic:
        data.to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC")
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return read_rain_grid(path, GRID, said.pop("variable", None), said.pop("units", None), form, **said)


def refused(data: xr.Dataset, tmp_path: Path, form: RainForm = AS_WRITTEN, **said: Any) -> str:
    with pytest.raises(SourceError) as error:
        read(data, tmp_path, form, **said)
    assert all("\n" not in error.value.message(lang) for lang in words.LANGS)
    return error.value.code


def hourly(array: xr.DataArray) -> list[tuple[str, float]]:
    """Hour in UTC and mean rate, mm/h."""
    means = array.values.reshape(len(array), -1).mean(axis=1) * 3.6e6
    return [(f"{t:%H:%M}", round(float(v), 4)) for t, v in zip(array.indexes["time"], means, strict=True)]


def codes(array: xr.DataArray) -> list[str]:
    return [code for code, _ in array.attrs["notes"]]


STEADY = [("10:00", 10.0), ("11:00", 10.0), ("12:00", 10.0), ("13:00", 10.0), ("14:00", 0.0)]


def test_version_3_and_version_4_are_the_same_rain(tmp_path: Path) -> None:
    for classic in (False, True):
        array = read(lonlat(), tmp_path, classic=classic)
        assert hourly(array) == STEADY and codes(array) == []


def test_axes_are_found_by_what_they_mean_in_any_order(tmp_path: Path) -> None:
    """Rain that grows with longitude only: taken along the wrong axis it would grow with latitude."""
    data = lonlat()
    data["rain"] = data["rain"] * 0 + 100 * (data["lon"] - 113.8)
    data["rain"].attrs["units"] = "mm/h"
    turned = data.transpose("lon", "time", "lat")
    unnamed = data.rename(lat="j", lon="i").assign_coords(j=("j", LAT, {"axis": "Y", "units": "degrees_north"}),
                                                          i=("i", LON, {"standard_name": "longitude", "units": "degrees_east"}))  # fmt: skip
    single = data.expand_dims(height=[2.0]).transpose("time", "height", "lat", "lon")
    wanted = read(data, tmp_path).values
    assert wanted[0, 0, -1] > wanted[0, 0, 0] and wanted[0, 0, 0] == pytest.approx(wanted[0, -1, 0], rel=1e-3)
    for other in (turned, unnamed, single, data.rename(lat="latitude", lon="longitude", time="valid_time")):
        np.testing.assert_allclose(read(other, tmp_path).values, wanted)


def test_axes_without_values_or_of_two_dimensions_are_refused(tmp_path: Path) -> None:
    assert refused(lonlat().drop_vars(["lat", "lon"]), tmp_path) == "grid_dims"
    curved = rain({"y": np.arange(5.0), "x": np.arange(5.0)}).drop_vars(["y", "x"])
    xx, yy = np.meshgrid(LON, LAT)
    curved = curved.assign_coords(lon=(("y", "x"), xx), lat=(("y", "x"), yy))
    assert refused(curved, tmp_path) == "grid_dims"
    members = xr.concat([lonlat(), lonlat()], pd.Index([1, 2], name="member"), data_vars="all")
    assert refused(members, tmp_path) == "grid_dims"


@pytest.mark.parametrize("west", [True, False])
def test_longitudes_from_0_and_from_minus_180(west: bool, tmp_path: Path) -> None:
    """New York and Greenwich on the whole globe, where rain falls west of the meridian of the city only."""
    for lon, crs in ((-74.0, "EPSG:32618"), (0.05, "EPSG:32631")):
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, 41.0)
        city = Grid(crs, x - 500.0, y + 500.0, 10.0, 100, 100)
        axis = np.arange(-180.0, 180.0, 1.0) if west else np.arange(0.0, 360.0, 1.0)
        data = rain({"lat": np.arange(35.0, 46.0), "lon": axis})
        away = (axis - lon + 180.0) % 360.0 - 180.0
        data["rain"].values[:] = np.where(np.abs(away) < 5.0, 10.0, 0.0)
        data.to_netcdf(tmp_path / "globe.nc", engine="h5netcdf")
        assert hourly(read_rain_grid(tmp_path / "globe.nc", city)) == STEADY


def projected(crs: str, by: float = 1.0, **more: Any) -> xr.Dataset:
    west, south, east, north = GRID.bounds
    x, y = Transformer.from_crs(GRID.crs, crs, always_xy=True).transform([west, east], [south, north])
    axes = {"y": np.arange(y[0] - 5e3, y[1] + 5e3, 1e3) / by, "x": np.arange(x[0] - 5e3, x[1] + 5e3, 1e3) / by}
    data = rain(axes, **more)
    data["crs"] = xr.DataArray(0, attrs=CRS(crs).to_cf())
    data["rain"].attrs["grid_mapping"] = "crs"
    unit = "m" if by == 1.0 else "km"
    return data.assign_coords(y=data["y"].assign_attrs(units=unit), x=data["x"].assign_attrs(units=unit))


def test_a_projection_of_its_own_is_followed(tmp_path: Path) -> None:
    polar = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=110 +ellps=sphere +units=m"
    for data in (projected("EPSG:32649"), projected("EPSG:32649", by=1000.0), projected(polar), projected("EPSG:4547")):
        array = read(data, tmp_path)
        assert hourly(array) == STEADY and codes(array) == []
    elsewhere = projected("EPSG:4547")
    elsewhere["crs"].attrs = CRS("EPSG:32650").to_cf()
    assert refused(elsewhere, tmp_path) == "grid_elsewhere", "its metres are those of another zone"
    assert refused(projected("EPSG:32649").drop_vars("crs"), tmp_path) == "crs_unknown"


def test_metres_that_nobody_names_are_told_and_may_be_named(tmp_path: Path) -> None:
    bare = projected("EPSG:4547").drop_vars("crs")
    del bare["rain"].attrs["grid_mapping"]
    array = read(bare, tmp_path)
    assert hourly(array) == STEADY and codes(array) == ["grid_crs"]
    assert refused(bare, tmp_path, crs="EPSG:32650") == "grid_elsewhere"
    assert codes(read(bare, tmp_path, crs="EPSG:4547")) == []
    odd = bare.assign_coords(x=bare["x"].assign_attrs(units="rad"))
    assert refused(odd, tmp_path) == "grid_unit"


def test_a_turned_pole_is_no_longitude(tmp_path: Path) -> None:
    pole = CRS.from_cf({"grid_mapping_name": "rotated_latitude_longitude", "grid_north_pole_latitude": 40.0,
                        "grid_north_pole_longitude": -60.0})  # fmt: skip
    lon, lat = Transformer.from_crs(GRID.crs, pole, always_xy=True).transform(500_500.0, 3_380_500.0)
    data = rain({"rlat": lat + np.arange(-2.0, 3.0) * 0.1, "rlon": lon + np.arange(-2.0, 3.0) * 0.1})
    data["pole"] = xr.DataArray(0, attrs=pole.to_cf())
    data["rain"].attrs["grid_mapping"] = "pole"
    for name in ("rlat", "rlon"):
        data[name].attrs["units"] = "degrees"
    assert hourly(read(data, tmp_path)) == STEADY


@pytest.mark.parametrize("calendar", ["julian", "noleap"])
def test_days_of_another_calendar_are_taken_as_written(calendar: str, tmp_path: Path) -> None:
    pytest.importorskip("cftime")
    data = lonlat()
    data = data.assign_coords(
        time=("time", [0, 60, 120, 180], {"units": f"minutes since {BEGIN}", "calendar": calendar})
    )
    array = read(data, tmp_path)
    assert hourly(array) == STEADY and codes(array) == ["grid_calendar"]


def test_a_clock_that_is_not_utc(tmp_path: Path) -> None:
    data = lonlat().assign_coords(
        time=("time", [0, 60, 120, 180], {"units": "minutes since 2026-06-20 18:00:00 +08:00"})
    )
    assert hourly(read(data, tmp_path)) == STEADY


def era5(values: Any = 0.01, **attrs: Any) -> xr.Dataset:
    data = lonlat(values=values, unit="m", name="tp").rename(time="valid_time", lat="latitude", lon="longitude")
    data["tp"].attrs |= attrs
    return data


EARLIER = [("09:00", 10.0), ("10:00", 10.0), ("11:00", 10.0), ("12:00", 10.0), ("13:00", 0.0)]


def test_an_accumulation_of_ecmwf_lies_before_its_stamp(tmp_path: Path) -> None:
    for data in (era5(GRIB_stepType="accum"), era5().assign_coords(expver=("valid_time", ["0001"] * 4), number=0)):
        array = read(data, tmp_path)
        assert hourly(array) == EARLIER and codes(array) == ["rain_stamps_end"]
        assert hourly(read(data, tmp_path, RainForm(stamps="start"))) == STEADY
    assert hourly(read(era5(), tmp_path, RainForm(stamps="end"), variable="tp", units="m")) == EARLIER


def test_bounds_of_the_time_say_what_a_value_belongs_to(tmp_path: Path) -> None:
    data = lonlat(unit="mm")
    half = np.timedelta64(30, "m")
    data["time_bnds"] = (("time", "bnds"), np.stack([data["time"].values - half, data["time"].values + half], axis=1))
    data["time"].attrs["bounds"] = "time_bnds"
    assert hourly(read(data, tmp_path))[0] == ("09:30", 10.0)


def test_a_field_that_is_summed_up_since_the_start(tmp_path: Path) -> None:
    data = lonlat(values=[3.0, 4.0, 6.0, 6.0, 9.0, 9.5, 12.0], unit="kg m-2", hours=7)
    assert refused(data, tmp_path) == "rain_counter"
    array = read(data, tmp_path, RainForm(cumulative=True))
    assert hourly(array) == [
        ("10:00", 1),
        ("11:00", 2),
        ("12:00", 0),
        ("13:00", 3),
        ("14:00", 0.5),
        ("15:00", 2.5),
        ("16:00", 0),
    ]


def test_frames_that_are_missing_are_told(tmp_path: Path) -> None:
    data = lonlat(hours=8).isel(time=[0, 1, 2, 5, 6, 7])
    assert refused(data, tmp_path) == "rain_gap"
    array = read(data, tmp_path, RainForm(gaps="dry"))
    assert hourly(array)[2:5] == [("12:00", 10.0), ("13:00", 0.0), ("15:00", 10.0)]
    holed = lonlat()
    holed["rain"].values[1] = np.nan
    assert refused(holed, tmp_path) == "rain_gap"
    assert hourly(read(holed, tmp_path, RainForm(gaps="held"))) == STEADY
    far = lonlat()
    far["rain"].values[:, 0, 0] = np.nan
    assert hourly(read(far, tmp_path)) == STEADY, "outside the radar's circle, away from the city"
    code = lonlat()
    code["rain"].values[2] = 32766
    assert refused(code, tmp_path) == "rain_code"
    assert hourly(read(code, tmp_path, RainForm(missing=(32766,), gaps="dry")))[2] == ("12:00", 0.0)


UNITS = {"mm h-1": 10.0, "mm hr**-1": 10.0, "mm/hour": 10.0, "mm/day": 240.0, "kg m**-2 s**-1": 10 / 3600, "mm/min": 10 / 60,
         "mm": 10.0, "cm": 1.0, "m": 0.01, "kg m-2": 10.0, "m s-1": 10 / 3.6e6, "millimeters": 10.0}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_rain(unit: str, tmp_path: Path) -> None:
    assert hourly(read(lonlat(values=UNITS[unit], unit=unit), tmp_path)) == STEADY


def test_a_depth_of_snow_is_not_taken_for_rain(tmp_path: Path) -> None:
    assert refused(lonlat(values=0.01, unit="m", name="sd"), tmp_path) == "rain_variable"
    both = lonlat().merge(lonlat(name="gust", unit="m s-1"))
    assert hourly(read(both, tmp_path)) == STEADY
    assert refused(lonlat(unit="furlong"), tmp_path, variable="rain") == "rain_units"


def test_wind_is_read_by_the_same_rules(tmp_path: Path) -> None:
    data = lonlat(unit="m s-1", name="u10", values=3.0).merge(lonlat(unit="m s-1", name="v10", values=-2.0))
    data.transpose("lon", "lat", "time").assign_coords(lon=LON - 360.0).to_netcdf(
        tmp_path / "w.nc", engine="scipy", format="NETCDF3_CLASSIC"
    )
    east, north = read_wind_grid(tmp_path / "w.nc", GRID)
    np.testing.assert_allclose(east.values, 3.0)
    np.testing.assert_allclose(north.values, -2.0)
