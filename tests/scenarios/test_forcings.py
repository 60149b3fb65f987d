"""Every kind of forcing: the exact values it gives, on its own axes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from pyproj import CRS, Transformer

import scenarios as sc
from scenarios.case import schema
from scenarios.case.forcings import FORCINGS
from twin import words
from twin.errors import TwinError
from twin.variables import named

SIN45 = np.sqrt(0.5)


def case(tmp_path: Path, forcing: dict, city: str = "linjiang") -> sc.Case:
    path = tmp_path / "case.yaml"
    raw = {
        "schema": 1,
        "name": {"zh": "风", "en": "wind"},
        "city": city,
        "start": "2026-06-20T18:00+08:00",
        "hours": 2,
        "forcing": {"river_stage": 18.0, **forcing},
        "hazards": [{"flood": {"cell_m": 20, "drainage": "none"}}],
    }
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    return sc.load(path)


def given(tmp_path: Path, forcing: dict) -> tuple[dict[str, xr.DataArray], list]:
    drivers, notes = case(tmp_path, forcing).check().drivers()
    return {name: array for name, array in drivers.items() if name != "river_stage"}, notes


def local(array: xr.DataArray) -> list[str]:
    times = pd.DatetimeIndex(array["time"].values).tz_localize("UTC").tz_convert("Asia/Shanghai")
    return [f"{time:%H:%M}" for time in times]


def error_of(tmp_path: Path, forcing: dict, city: str = "linjiang") -> TwinError:
    with pytest.raises(TwinError) as error:
        case(tmp_path, forcing, city).check()
    said = {lang: error.value.message(lang) for lang in words.LANGS}
    assert all(text and "{" not in text.replace("{speed_m_s", "") and "\n" not in text for text in said.values())
    return error.value


def test_each_variable_of_the_registry_has_a_home_and_one_giver() -> None:
    gives = [v for kind in FORCINGS.values() for v in kind.gives]
    assert len({v.name for v in gives}) == len(gives)
    assert all(named()[v.name] is v and "forcing" in v.tags and v.zh and v.en for v in gives)
    assert set(schema.Forcing.model_fields) == set(FORCINGS)


def test_a_constant_wind_from_the_south_east_blows_to_the_north_west(tmp_path: Path) -> None:
    drivers, notes = given(tmp_path, {"wind": {"speed_m_s": 3.0, "from_deg": 135}})
    assert list(drivers) == ["eastward_wind", "northward_wind"] and not notes
    east, north = drivers.values()
    assert east.dims == ("time",) and local(east) == ["18:00"]
    np.testing.assert_allclose([east.item(), north.item()], [-3.0 * SIN45, 3.0 * SIN45], rtol=1e-12)
    assert east.attrs["units"] == "m s-1" and east.attrs["tags"].split() == ["forcing", "vector", "wind"]


@pytest.mark.parametrize(
    ("from_deg", "east", "north"), [(0, 0, -2), (360, 0, -2), (90, -2, 0), (180, 0, 2), (270, 2, 0)]
)
def test_the_four_winds(from_deg: float, east: float, north: float, tmp_path: Path) -> None:
    drivers, _ = given(tmp_path, {"wind": {"speed_m_s": 2.0, "from_deg": from_deg}})
    found = [drivers["eastward_wind"].item(), drivers["northward_wind"].item()]
    np.testing.assert_allclose(found, [east, north], atol=1e-12)


def test_a_wind_that_turns_through_north_never_blows_from_the_south(tmp_path: Path) -> None:
    rows = [{"at": "18:00", "speed_m_s": 4.0, "from_deg": 350}, {"at": "18:30", "speed_m_s": 4.0, "from_deg": 10},
            {"at": "19:10", "speed_m_s": 0, "from_deg": 0}]  # fmt: skip
    drivers, notes = given(tmp_path, {"wind": rows})
    east, north = drivers["eastward_wind"], drivers["northward_wind"]
    assert local(east) == ["18:00", "18:30", "19:10"] and not notes
    assert (north[:2] < -3.9).all() and float(north[:2].mean()) == pytest.approx(-4.0 * np.cos(np.deg2rad(10.0)))
    assert float(east[:2].mean()) == pytest.approx(0.0, abs=1e-12)
    assert east[2] == 0.0 and north[2] == 0.0, "a calm is a wind"


def test_still_air_keeps_what_the_vane_shows(tmp_path: Path) -> None:
    drivers, _ = given(tmp_path, {"wind": {"speed_m_s": 0, "from_deg": 120}})
    east, north = (float(v.item()) for v in drivers.values())
    assert 0.0 < np.hypot(east, north) < 1e-3
    assert np.rad2deg(np.arctan2(-east, -north)) % 360.0 == pytest.approx(120.0)


def test_a_station_s_wind_in_city_time(tmp_path: Path) -> None:
    (tmp_path / "wind.csv").write_text(
        "time,speed_m_s,from_deg\n2026-06-20 18:00,2,270\n2026-06-20T10:30Z,3,0\n2026-06-20 19:00,1,90\n", "utf-8"
    )
    drivers, notes = given(tmp_path, {"wind": {"station": "wind.csv"}})
    assert local(drivers["eastward_wind"]) == ["18:00", "18:30", "19:00"]
    np.testing.assert_allclose(drivers["eastward_wind"], [2, 0, -1], atol=1e-12)
    np.testing.assert_allclose(drivers["northward_wind"], [0, -3, 0], atol=1e-12)
    assert [(code, values["time"]) for code, values in notes] == [("series_held", "19:00")]


def wind_file(path: Path, grid, u, v, crs: str | None = None, names=("u", "v"), standard=True, unit="m s-1") -> Path:
    """Wind on 9 x 11 points that reach 2 km beyond the city, in lon/lat or in `crs`; u and v functions of (t, y, x)."""
    west, south, east, north = grid.bounds
    corners = np.array([[west - 2e3, south - 2e3], [east + 2e3, north + 2e3]])
    x, y = Transformer.from_crs(grid.crs, crs or "EPSG:4326", always_xy=True).transform(*corners.T)
    x, y = np.linspace(*x, 11), np.linspace(*y, 9)
    t = np.arange(3.0)
    axes = ("lat", "lon") if crs is None else ("y", "x")
    tt, yy, xx = np.meshgrid(t, y, x, indexing="ij")
    data = xr.Dataset(
        {names[0]: (("time", *axes), u(tt, yy, xx)), names[1]: (("time", *axes), v(tt, yy, xx))},
        {"time": pd.date_range("2026-06-20T10:00", periods=3, freq="60min"), axes[0]: y, axes[1]: x},
    )
    for name, standard_name in zip(names, ("eastward_wind", "northward_wind"), strict=True):
        data[name].attrs |= {"units": unit} | ({"standard_name": standard_name} if standard else {})
    if crs is not None:
        data["map"] = 0
        data["map"].attrs = CRS(crs).to_cf()
        for name in names:
            data[name].attrs["grid_mapping"] = "map"
    data.to_netcdf(path, engine="h5netcdf")
    return path


def test_gridded_wind_lies_where_its_file_puts_it(tmp_path: Path) -> None:
    """A wind that grows with longitude is sampled, exactly, at the longitude of each cell of its own grid."""
    grid = sc.open_city("linjiang").grid
    wind_file(tmp_path / "wind.nc", grid, lambda t, y, x: 100 * (x - 114.0) + t, lambda t, y, x: 10 * (y - 29.0) - t)
    drivers, notes = given(tmp_path, {"wind": {"grid": "wind.nc"}})
    east, north = drivers["eastward_wind_grid"], drivers["northward_wind_grid"]
    assert east.dims == ("time", "y", "x") and local(east) == ["18:00", "19:00", "20:00"] and not notes
    assert east["x"].values[0] - grid.west == pytest.approx((east["x"].values[1] - east["x"].values[0]) / 2)
    xx, yy = np.meshgrid(east["x"], east["y"])
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(xx, yy)
    for k in range(3):
        np.testing.assert_allclose(east[k], 100 * (lon - 114.0) + k, rtol=1e-9)
        np.testing.assert_allclose(north[k], 10 * (lat - 29.0) - k, rtol=1e-9)


def test_gridded_wind_in_another_projection_and_under_short_names(tmp_path: Path) -> None:
    grid = sc.open_city("linjiang").grid
    wind_file(tmp_path / "era.nc", grid, lambda t, y, x: 1e-3 * (x - 250_000), lambda t, y, x: 0 * x - 2,
              "EPSG:32650", ("u10", "v10"), standard=False, unit="m s**-1")  # fmt: skip
    drivers, _ = given(tmp_path, {"wind": {"grid": "era.nc"}})
    east = drivers["eastward_wind_grid"]
    x, _ = Transformer.from_crs(grid.crs, "EPSG:32650", always_xy=True).transform(*np.meshgrid(east["x"], east["y"]))
    np.testing.assert_allclose(east[0], 1e-3 * (x - 250_000), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(drivers["northward_wind_grid"], -2.0, rtol=1e-12)


def test_weather_comes_in_the_units_people_read_and_stands_in_si(tmp_path: Path) -> None:
    drivers, _ = given(tmp_path, {"weather": {"temperature_c": 31.5, "humidity_percent": 80, "cloud_tenths": 7}})
    assert {n: a.item() for n, a in drivers.items()} == pytest.approx(
        {"air_temperature": 304.65, "relative_humidity": 0.8, "cloud_cover": 0.7}
    )
    rows = [{"at": "18:00", "cloud_tenths": 10}, {"at": "19:30", "cloud_tenths": 2.5}]
    drivers, _ = given(tmp_path, {"weather": rows})
    assert list(drivers) == ["cloud_cover"] and local(drivers["cloud_cover"]) == ["18:00", "19:30"]
    np.testing.assert_allclose(drivers["cloud_cover"], [1.0, 0.25])
    (tmp_path / "w.csv").write_text(
        "time,temperature_c,humidity_percent\n2026-06-20 17:30,-5,50\n2026-06-20 20:30,0,60\n", "utf-8"
    )
    drivers, notes = given(tmp_path, {"weather": {"station": "w.csv"}})
    np.testing.assert_allclose(drivers["air_temperature"], [268.15, 273.15])
    np.testing.assert_allclose(drivers["relative_humidity"], [0.5, 0.6])
    assert local(drivers["air_temperature"]) == ["17:30", "20:30"] and not notes


def test_attendance_holds_at_each_place_until_its_own_next_number(tmp_path: Path) -> None:
    rows = [
        {"place": "venue-square", "persons": 12000},
        {"place": "school-1", "persons": 800, "at": "18:00"},
        {"place": "venue-square", "persons": 20000, "at": "18:40"},
        {"place": "school-1", "persons": 0, "at": "19:00"},
    ]
    drivers, _ = given(tmp_path, {"attendance": rows})
    people = drivers["attendance"]
    assert people.dims == ("time", "place") and local(people) == ["18:00", "18:40", "19:00"]
    np.testing.assert_array_equal(people.sel(place="venue-square"), [12000, 20000, np.nan])
    np.testing.assert_array_equal(people.sel(place="school-1"), [800, np.nan, 0])
    (tmp_path / "people.csv").write_text(
        "time,place,persons\n2026-06-20 17:00,school-1,5\n2026-06-20 17:30,venue-square,7\n"
        "2026-06-20 18:30,school-1,6\n", "utf-8"
    )  # fmt: skip
    people = given(tmp_path, {"attendance": {"table": "people.csv"}})[0]["attendance"]
    assert local(people) == ["17:00", "17:30", "18:30"], "from the last number of each place before the start"
    np.testing.assert_array_equal(people.sel(place="school-1"), [5, np.nan, 6])
    np.testing.assert_array_equal(people.sel(place="venue-square"), [np.nan, 7, np.nan])


def test_a_reading_that_is_missing_stays_missing(tmp_path: Path) -> None:
    (tmp_path / "gas.csv").write_text(
        "time,sensor,ppm,percent_lfl\n2026-06-20 18:10,level-1,12,\n2026-06-20 18:10,level-2,,4\n"
        "2026-06-20 18:20,level-1,,\n2026-06-20 18:30,level-1,30,\n", "utf-8"
    )  # fmt: skip
    drivers, _ = given(tmp_path, {"detectors": {"table": "gas.csv"}})
    assert list(drivers) == ["detector_volume_share", "detector_lfl_share"], "no quantity is made of another"
    share = drivers["detector_volume_share"]
    assert share.dims == ("time", "sensor") and local(share) == ["18:10", "18:20", "18:30"]
    np.testing.assert_allclose(share.sel(sensor="level-1"), [12e-6, np.nan, 30e-6])
    assert share.sel(sensor="level-2").isnull().all()
    np.testing.assert_allclose(drivers["detector_lfl_share"].sel(sensor="level-2"), [0.04, np.nan, np.nan])
    drivers, _ = given(tmp_path, {"detectors": [{"sensor": "level-1", "at": "18:05", "mg_m3": 3.0}]})
    assert drivers["detector_concentration"].item() == pytest.approx(3e-6)
    (tmp_path / "count.csv").write_text(
        "time,sensor,persons\n2026-06-20 18:00,level-1,40\n2026-06-20 18:01,level-1,\n2026-06-20 18:01,level-2,9\n", "utf-8"
    )  # fmt: skip
    count = given(tmp_path, {"counts": {"table": "count.csv"}})[0]["people_count"]
    np.testing.assert_array_equal(count, [[40, np.nan], [np.nan, 9]])
    assert given(tmp_path, {"counts": [{"sensor": "level-1", "persons": 3}]})[0]["people_count"].item() == 3


BAD_ROWS = {
    "rows_late": ({"wind": [{"at": "18:10", "speed_m_s": 1, "from_deg": 0}]}, "forcing.wind"),
    "rows_order": (
        {"wind": [{"at": t, "speed_m_s": 1, "from_deg": 0} for t in ("18:00", "19:00", "2026-06-20T18:30")]},
        "18:30",
    ),
    "weather_empty": ({"weather": {}}, "humidity_percent"),
    "rows_differ": (
        {"weather": [{"at": "18:00", "cloud_tenths": 1}, {"at": "19:00", "temperature_c": 1}]},
        "cloud_tenths",
    ),
    "forcing_place": ({"attendance": [{"place": "venue-sqare", "persons": 1}]}, "venue-square"),
    "forcing_sensor": ({"counts": [{"sensor": "level-12", "persons": 1}]}, "level-1"),
    "series_twice": ({"counts": [{"sensor": "level-1", "persons": 1}] * 2}, "level-1"),
    "readings_elsewhen": ({"counts": [{"sensor": "level-1", "persons": 1, "at": "21:00"}]}, "13:00"),
    "readings_none": ({"detectors": [{"sensor": "level-1"}]}, "forcing.detectors"),
    "file_missing": ({"wind": {"station": "gone.csv"}}, "forcing.wind.station"),
    "time_text": ({"wind": [{"at": "soon", "speed_m_s": 1, "from_deg": 0}]}, "soon"),
}


@pytest.mark.parametrize("code", sorted(BAD_ROWS))
def test_wrong_rows_are_told(code: str, tmp_path: Path) -> None:
    forcing, told = BAD_ROWS[code]
    error = error_of(tmp_path, forcing)
    assert error.code == code and told in error.message("en") and told in error.message("zh")


BAD_FORMS = {
    "negative speed": ({"wind": {"speed_m_s": -1, "from_deg": 0}}, "forcing.wind.speed_m_s"),
    "direction": ({"wind": [{"at": "18:00", "speed_m_s": 1, "from_deg": 361}]}, "forcing.wind.0.from_deg"),
    "a wind of no weather": ({"wind": {"speed_m_s": 90, "from_deg": 0}}, "forcing.wind.speed_m_s"),
    "no direction": ({"wind": {"speed_m_s": 1}}, "forcing.wind.from_deg"),
    "nan": ({"wind": {"speed_m_s": float("nan"), "from_deg": 0}}, "forcing.wind.speed_m_s"),
    "unknown forcing": ({"wnid": 3}, "wind"),
    "unknown key": ({"wind": {"speed_ms": 1, "from_deg": 0}}, "speed_m_s"),
    "kelvin": ({"weather": {"temperature_c": 300}}, "forcing.weather.temperature_c"),
    "no rows": ({"attendance": []}, "forcing.attendance"),
    "less than nobody": ({"attendance": [{"place": "venue-square", "persons": -1}]}, "forcing.attendance.0.persons"),
}


def test_a_station_file_with_a_wind_of_no_weather_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wind.csv").write_text(
        "time,speed_m_s,from_deg\n2026-06-20 18:00,90,270\n2026-06-20 21:00,9,270\n", "utf-8"
    )
    assert "60" in error_of(tmp_path, {"wind": {"station": "wind.csv"}}).message("en")
    given(tmp_path, {"wind": {"speed_m_s": 60, "from_deg": 0}})


@pytest.mark.parametrize("kind", sorted(BAD_FORMS))
def test_wrong_forms_are_told_with_the_field(kind: str, tmp_path: Path) -> None:
    forcing, told = BAD_FORMS[kind]
    error = error_of(tmp_path, forcing)
    assert told in error.message("en") and told in error.message("zh")


HEAD = "time,speed_m_s,from_deg\n2026-06-20 18:00,1,10\n"
BAD_STATIONS = {
    "negative": (HEAD + "2026-06-20 18:10,-1,10\n", "series_range"),
    "direction": (HEAD + "2026-06-20 18:10,1,400\n", "series_range"),
    "gap": (HEAD + "2026-06-20 18:10,,10\n", "series_value"),
    "words": (HEAD + "2026-06-20 18:10,calm,10\n", "series_value"),
    "backwards": (HEAD + "2026-06-20 17:10,1,10\n", "series_order"),
    "late": ("time,speed_m_s,from_deg\n2026-06-20 19:00,1,1\n2026-06-20 20:00,1,1\n", "series_elsewhen"),
    "another day": ("time,speed_m_s,from_deg\n2020-06-20 19:00,1,1\n2020-06-20 20:00,1,1\n", "series_elsewhen"),
    "columns": ("time,speed_m_s\n2026-06-20 18:00,1\n2026-06-20 19:00,1\n", "series_columns"),
    "no time": (HEAD + ",1,10\n", "series_time"),
    "one row": (HEAD, "series_short"),
    "empty": ("", "file_unreadable"),
}


@pytest.mark.parametrize("kind", sorted(BAD_STATIONS))
def test_wrong_station_files_are_told_with_the_file(kind: str, tmp_path: Path) -> None:
    text, code = BAD_STATIONS[kind]
    (tmp_path / "wind.csv").write_text(text, "utf-8")
    error = error_of(tmp_path, {"wind": {"station": "wind.csv"}})
    assert error.code == code and "wind.csv" in error.message("zh")


def test_wrong_wind_grids_are_told(tmp_path: Path) -> None:
    grid = sc.open_city("linjiang").grid

    def code(name: str = "a.nc", **changes) -> str:
        calm = {"u": lambda t, y, x: 0 * x, "v": lambda t, y, x: 0 * x}
        wind_file(tmp_path / name, grid, **(calm | changes))
        return error_of(tmp_path, {"wind": {"grid": name}}).code

    assert code(unit="knots") == "wind_units"
    assert code(names=("x_wind", "y_wind"), standard=False) == "wind_variable"
    assert code(u=lambda t, y, x: np.where(t == 1, np.nan, x)) == "grid_missing"
    assert code(u=lambda t, y, x: 0 * x + 500) == "variable_range"
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as data:
        data.assign_coords(lon=data["lon"] + 3.0).to_netcdf(tmp_path / "far.nc", engine="h5netcdf")
    assert error_of(tmp_path, {"wind": {"grid": "far.nc"}}).code == "grid_elsewhere"
    (tmp_path / "no.nc").write_text("no NetCDF")
    assert error_of(tmp_path, {"wind": {"grid": "no.nc"}}).code == "netcdf_unreadable"


def test_a_city_without_sensors_has_no_readings(tmp_path: Path, small_folder: Path) -> None:
    forcing = {"counts": [{"sensor": "level-1", "persons": 3}]}
    assert error_of(tmp_path, forcing, str(small_folder)).code == "forcing_no_sensors"


def test_wind_is_not_taken_for_rain(tmp_path: Path) -> None:
    """It was: "7,200,000 of 13,200,000 mm fall outside" stood in the notes of a case with wind."""
    wind = {"speed_m_s": 3.0, "from_deg": 135}
    drivers, notes = case(tmp_path, {"wind": wind, "rain": {"mm_h": 30, "hours": 1}}).drivers()
    assert set(drivers) == {"rain_rate", "river_stage", "eastward_wind", "northward_wind"} and notes == []
    assert [local(drivers[name]) for name in ("rain_rate", "eastward_wind")] == [["18:00", "19:00"], ["18:00"]]


RATES = "time,rate_kg_h\n2026-06-20 18:20,3600\n2026-06-20 18:30,7200\n2026-06-20 18:45,0\n"


def test_rates_of_a_source_in_their_unit_and_time_zone(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(RATES, "utf-8")
    drivers, notes = given(tmp_path, {"source_rate": {"table": "rates.csv"}})
    assert local(drivers["source_rate"]) == ["18:00", "18:20", "18:30", "18:45"] and not notes
    np.testing.assert_allclose(drivers["source_rate"], [0.0, 1.0, 2.0, 0.0])
    (tmp_path / "rates.csv").write_text("time,rate_t_h\n2026-06-20 10:00,3.6\n2026-06-20 10:10,7.2\n", "utf-8")
    drivers, notes = given(tmp_path, {"source_rate": {"table": "rates.csv", "timezone": "UTC"}})
    np.testing.assert_allclose(drivers["source_rate"], [1.0, 2.0])
    assert [(code, values["time"]) for code, values in notes] == [("series_held", "18:10")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (RATES.replace("rate_kg_h", "rate"), "source_rate_unit"),
        (RATES.replace("rate_kg_h", "rate_kg_h,rate_g_s").replace("00\n", "00,1\n"), "source_rate_unit"),
        (RATES.replace("7200", "-1"), "series_range"),
        (RATES.replace("7200", ""), "series_value"),
        (RATES.replace("18:30", "18:10"), "series_order"),
        (RATES.replace("3600", "0").replace("7200", "0"), "source_rate_none"),
        (RATES.replace("06-20", "06-21"), "source_rate_elsewhen"),
        (RATES.replace("18:20", "17:50"), "source_rate_before"),
    ],
)
def test_a_file_of_rates_that_cannot_be_is_refused(text: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(text, "utf-8")
    assert error_of(tmp_path, {"source_rate": {"table": "rates.csv"}}).code == code
