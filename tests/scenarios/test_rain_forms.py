"""Every way to say the rain, through a scenario file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

import scenarios as sc
from scenarios.case.times import clock_time
from twin import words
from twin.errors import ScenarioError, SourceError
from twin.hazard import Drivers


def case(small_folder: Path, tmp_path: Path, rain: dict, hours: float = 24.0):
    path = tmp_path / "rain.yaml"
    head = {
        "schema": 1,
        "name": {"zh": "雨", "en": "rain"},
        "city": str(small_folder),
        "start": "2026-06-20T18:00+08:00",
    }
    path.write_text(yaml.safe_dump(head | {"hours": hours, "forcing": {"rain": rain}, "hazards": ["flood"]}), "utf-8")
    return sc.load(path)


def fallen(drivers: Drivers) -> float:
    """Depth in mm."""
    rain = drivers["rain_rate"]
    seconds = np.diff(rain["time"].values).astype("timedelta64[s]").astype(float)
    return float((rain.values[:-1] * seconds).sum() * 1000.0)


def test_a_day_from_a_formula_and_from_a_table(small_folder, tmp_path) -> None:
    formula = {"formula": "beijing-zone2", "return_period_years": 100, "hours": 24, "peak_at": 0.4}
    for design in ("chicago", "alternating"):
        drivers, notes = case(small_folder, tmp_path, {"design": design} | formula).drivers()
        assert fallen(drivers) == pytest.approx(299.0, rel=0.012)
        assert any(code == "design_storm" for code, _ in notes)
    table = {"design": "pattern", "depths_mm": {60: 97, 360: 189, 1440: 299}, "peak_at": 0.77}
    drivers, notes = case(small_folder, tmp_path, table).drivers()
    assert fallen(drivers) == pytest.approx(299.0)
    assert ("pattern_storm", {"hours": 24.0, "depth": 299.0}) in notes
    times = drivers["rain_rate"]["time"].values
    peak = times[int(drivers["rain_rate"].values.argmax())] - times[0]
    assert 0.70 < peak / np.timedelta64(24, "h") < 0.78


def test_a_table_that_makes_no_storm_and_a_misspelt_design_are_named(small_folder, tmp_path) -> None:
    with pytest.raises(ScenarioError) as error:
        case(small_folder, tmp_path, {"design": "pattern", "depths_mm": {60: 97, 120: 50}, "peak_at": 0.4}).drivers()
    assert error.value.code == "pattern_depths" and "97" in error.value.message("en")
    with pytest.raises(ScenarioError):
        case(small_folder, tmp_path, {"design": "patern", "depths_mm": {60: 97, 120: 150}, "peak_at": 0.4})


def radar_file(path: Path, values: np.ndarray, attrs: dict) -> Path:
    times = pd.date_range("2026-06-20T10:00", periods=values.shape[0], freq="10min")
    axis = np.arange(-10.0, 11.0, 1.0)
    data = xr.Dataset(
        {"rain": (("time", "y", "x"), values)}, coords={"time": times, "y": axis[::-1], "x": axis}, attrs=attrs
    )
    data.to_netcdf(path, engine="h5netcdf")
    return path


def test_radar_rain_in_km_stands_where_the_radar_does(small_folder, tmp_path) -> None:
    values = np.zeros((6, 21, 21))
    values[:, :, 11:] = 1.0  # it rains east of the radar only
    values[0, 0, 0] = -0.005
    path = radar_file(tmp_path / "radar.nc", values, {"x_y_units": "km from radar"})
    rain = {"grid": str(path), "variable": "rain", "units": "mm"}
    with pytest.raises(SourceError) as error:
        case(small_folder, tmp_path, rain, 1.0).drivers()
    assert error.value.code == "rain_radar_place"
    city = sc.open_city(str(small_folder))
    lon, lat = map(float, _lonlat(city.grid.crs, city.grid.west + 500.0, city.grid.south + 500.0))
    drivers, notes = case(small_folder, tmp_path, rain | {"radar": {"lon": lon - 0.05, "lat": lat}}, 1.0).drivers()
    assert ("rain_dips", {"count": 1}) in notes
    assert float(drivers["rain_rate_grid"].isel(time=0).min()) == pytest.approx(1e-3 / 600.0), "5 km east of the radar"
    drivers, _ = case(small_folder, tmp_path, rain | {"radar": {"lon": lon + 0.05, "lat": lat}}, 1.0).drivers()
    assert float(drivers["rain_rate_grid"].max()) == 0.0, "5 km west of it"


def _lonlat(crs: str, x: float, y: float) -> tuple[float, float]:
    from pyproj import Transformer

    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)


RECORD = "time,rain_mm\n" + "".join(
    f"2026-06-20 {t},{v}\n" for t, v in (("10:00", 3), ("11:00", 4), ("12:00", 6), ("13:00", -1), ("14:00", 9), ("15:00", 9.5), ("16:00", 12))
)  # fmt: skip


def test_what_a_file_does_not_say_is_said_in_the_scenario(small_folder, tmp_path) -> None:
    """A running total in UTC with a missing value, whose stamps end their hours, against the depths it stands for."""
    (tmp_path / "total.csv").write_text(RECORD, "utf-8")
    said = {"gauge": "total.csv", "timezone": "UTC", "cumulative": True, "missing": [-1]}
    drivers, notes = case(small_folder, tmp_path, said, 6.0).drivers()
    times = [str(t)[11:16] for t in drivers["rain_rate"]["time"].values]
    assert times == ["10:00", "11:00", "12:00", "14:00", "15:00", "16:00"] and fallen(drivers) == pytest.approx(9.0)
    np.testing.assert_allclose(drivers["rain_rate"] * 3.6e6, [1.0, 2.0, 1.5, 0.5, 2.5, 0.0])
    assert dict(notes)["rain_counter"] == {"total": pytest.approx(9.0), "restarts": 0}
    wrong = {"gauge": "total.csv", "timezone": "Mars/Olympus"}
    with pytest.raises(ScenarioError) as error:
        case(small_folder, tmp_path, wrong, 6.0).drivers()
    assert error.value.code == "timezone"
    dry = {
        "gauge": "total.csv",
        "timezone": "+00:00",
        "cumulative": False,
        "missing": [-1],
        "gaps": "dry",
        "stamps": "end",
    }
    drivers, notes = case(small_folder, tmp_path, dry, 6.0).drivers()
    assert fallen(drivers) == pytest.approx(43.5) and str(drivers["rain_rate"]["time"].values[0])[11:16] == "09:00"
    assert {"rain_gap_dry", "rain_cut"} <= set(dict(notes))
    for code, values in notes:
        for lang in words.LANGS:
            assert "{" not in words.say(f"note.{code}", lang=lang, **values)


def test_a_clock_time_that_comes_twice_or_never_is_refused() -> None:
    new_york = ZoneInfo("America/New_York")
    for start, text in ((datetime(2026, 11, 1, 0, 30), "01:30"), (datetime(2026, 3, 8, 1, 0), "02:30")):
        with pytest.raises(ScenarioError) as error:
            clock_time(text, start.replace(tzinfo=new_york))
        assert error.value.code == "time_clock"
    assert clock_time("02:30", datetime(2026, 11, 1, 0, 30, tzinfo=new_york)).utcoffset().total_seconds() == -5 * 3600
