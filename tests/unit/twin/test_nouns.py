"""Grid, clock, variables, overlay, levels, plan, words: behaviour through their public functions."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hydro.variables import WATER_DEPTH
from scenarios.case import hazards
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.errors import ContractError, ScenarioError, SourceError
from twin.exposure import expose
from twin.exposure.people import floor_area_people
from twin.grade import grade
from twin.grid import Grid
from twin.hazard import Balance
from twin.plan import STATES, Event, Plan, shown
from twin.streams import stream
from twin.variables import conform
from twin.words import say

GRID = Grid("EPSG:4547", 500_000.0, 3_400_000.0, 10.0, 20, 30)


@given(st.integers(0, 19), st.integers(0, 29))
def test_a_cell_and_its_centre_find_each_other(row: int, col: int) -> None:
    i, j, inside = GRID.cells(*[[v] for v in GRID.centre(row, col)])
    assert (i[0], j[0], inside[0]) == (row, col, True)


def test_points_outside_are_marked_and_never_wrapped() -> None:
    _, _, inside = GRID.cells([499_999.0, 500_300.1, 500_005.0], [3_399_995.0, 3_399_995.0, 3_400_000.1])
    assert not inside.any()


@pytest.mark.parametrize(
    ("crs", "code"),
    [("EPSG:3857", "crs_web_mercator"), ("EPSG:4326", "crs_not_metres"), ("EPSG:2277", "crs_not_metres")],
)
def test_coordinates_that_are_no_true_metres_are_refused(crs: str, code: str) -> None:
    with pytest.raises(SourceError) as error:
        Grid(crs, 0, 0, 10, 2, 2)
    assert error.value.code == code


def test_the_grid_agrees_with_pyproj_on_longitude_first() -> None:
    lon, lat = GRID.lonlat(500_000.0, 3_400_000.0)
    assert lon == pytest.approx(114.0, abs=1e-6) and 30 < lat < 31


def test_a_clock_counts_in_utc_and_splits_without_a_gap() -> None:
    clock = Clock(datetime(2026, 6, 20, 18, tzinfo=ZoneInfo("Asia/Shanghai")), 3600.0, 600.0)
    assert clock.times[0] == pd.Timestamp("2026-06-20 10:00") and len(clock.times) == 7
    assert clock.first(1200).times[-1] == clock.after(1200).times[0]
    with pytest.raises(ScenarioError):
        Clock(datetime(2026, 6, 20, 18), 3600.0, 600.0)
    with pytest.raises(ScenarioError):
        Clock(clock.start, 3600.0, 700.0)


def depth(values: np.ndarray) -> xr.Dataset:
    times = pd.date_range("2026-06-20 10:00", periods=len(values), freq="5min")
    return xr.Dataset({"water_depth": (("time", "y", "x"), values)}, coords={"time": times, "y": GRID.y, "x": GRID.x})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.rename(water_depth="depth"), "variable_missing"),
        (lambda d: d.transpose("x", "y", "time"), "variable_dims"),
        (lambda d: d.assign(water_depth=d.water_depth.assign_attrs(units="cm")), "variable_unit"),
        (lambda d: d.where(d.water_depth.x != GRID.x[3]), "variable_nan"),
        (lambda d: d - 1.0, "variable_range"),
    ],
)
def test_conform_names_what_was_promised_and_is_not_there(change, code) -> None:
    with pytest.raises(ContractError) as error:
        conform(change(depth(np.zeros((2, 20, 30)))), WATER_DEPTH)
    assert error.value.code == code


def test_conform_annotates() -> None:
    data = conform(depth(np.zeros((2, 20, 30))), WATER_DEPTH)
    assert data.water_depth.attrs["units"] == "m" and data.water_depth.attrs["long_name_zh"] == "积水深度"


def test_samplers_find_the_right_cells() -> None:
    frame = np.zeros((1, 20, 30))
    frame[0, 5, 7] = 3.0
    line = gpd.GeoSeries(
        [
            shapely.LineString([(500_000, 3_399_945), (500_300, 3_399_945)]),
            shapely.LineString([(500_000, 3_399_805), (500_300, 3_399_805)]),
        ]
    )
    assert overlay.along_lines(GRID, line).maximum(frame).tolist() == [[3.0, 0.0]]
    points = gpd.GeoSeries([shapely.Point(500_085, 3_399_945), shapely.Point(500_115, 3_399_945), shapely.Point(0, 0)])
    around = overlay.around_points(GRID, points)
    assert around.maximum(frame)[0, :2].tolist() == [3.0, 0.0] and np.isnan(around.maximum(frame)[0, 2])
    assert around.outside.tolist() == [False, False, True]
    area = gpd.GeoSeries([shapely.box(500_000, 3_399_900, 500_100, 3_400_000)])
    inside = overlay.within_polygons(GRID, area)
    assert inside.mean(frame)[0, 0] == pytest.approx(3.0 / 100) and np.diff(inside.starts).tolist() == [100]
    next_door = gpd.GeoSeries([shapely.box(500_080, 3_399_940, 500_090, 3_399_950)])
    assert overlay.around_buildings(GRID, next_door).maximum(frame)[0, 0] == 3.0


def test_exposure_counts_people_roads_and_places(small_city: City) -> None:
    sheet = hazards.sheet("flood")
    times = pd.date_range("2026-06-20 10:00", periods=3, freq="5min")
    values = np.zeros((3, 100, 100), np.float32)
    values[1:, 20:32, :] = 0.30
    fields = xr.Dataset(
        {
            "water_depth": (("time", "y", "x"), values),
            "flood_danger": (("y", "x"), np.where(values[1] > 0, 3, 0).astype(np.uint8)),
        },
        coords={"time": times, "y": small_city.grid.y, "x": small_city.grid.x},
    )
    seen = expose(small_city, fields, sheet)
    expected, rest, _ = floor_area_people(small_city, "day")
    depth, danger = seen.counts["depth"], seen.counts["danger"]
    assert expected.sum() + rest.sum() == pytest.approx(small_city.population["day"].sum())
    assert depth["people"].iloc[0].sum() == 0 and depth["people"][0.27].iloc[1] >= expected.sum()
    assert depth["buildings"][0.27].iloc[2] == len(small_city.buildings)
    assert depth["roads"][0.27].iloc[1] == pytest.approx(1000.0)
    hospital = seen.places.set_index("id").loc["h1"]
    assert (
        hospital["first_yellow"] == times[0] + pd.Timedelta(minutes=4)  # 0.27 of 0.30 m after 4.5 minutes of five
        and hospital["last_yellow"] == times[2]
        and pd.isna(hospital["first_orange"])
    )
    levels = grade(seen, sheet).set_index("place")
    assert levels.loc["h1", "level"] == "yellow" and levels.loc["u1", "level"] == "red" and "s1" not in levels.index
    assert levels.loc["h1", "probability"] is None and levels["open_end"].all(), "the water stands to the end"
    assert set(seen.closures["id"]) == {"u1", "street-r0", "street-r3"}, "a hospital is graded and never closed"
    closed = seen.closures.set_index("id").loc["u1"]
    assert closed["threshold"] == sheet.rules["underpass"].threshold("yellow") and closed["danger"] == 3
    assert closed["closes"] == times[0] + pd.Timedelta(minutes=2) and pd.isna(closed["reopens"])
    assert closed["closed_s"] == pytest.approx(150.0 + 300.0, rel=1e-6), "0.15 of 0.30 m after half a step"
    closing = (seen.roads["closes"] - times[0]) / pd.Timedelta(minutes=1)
    assert dict(zip(seen.roads["kind"], closing, strict=True)) == {"road": 4.0, "underpass": 2.0}
    assert danger["people"][3].item() >= expected.sum() and danger["people"][4].item() == 0
    assert danger["roads"][3].item() == pytest.approx(1000.0)
    assert danger["buildings"][3].item() == len(small_city.buildings)
    assert not len(seen.unknown) and seen.basis == "day" and seen.places["known"].all()


def test_a_city_overrides_thresholds() -> None:
    sheet = hazards.sheet("flood").with_overrides({"road": {"blue": 0.05}})
    assert sheet.rules["road"].blue == 0.05 and sheet.rules["road"].red == 0.60


def test_coarser_cells_keep_levees_and_open_ground(small_city: City) -> None:
    line = shapely.LineString([(500_100, 3_399_500), (500_900, 3_399_500)])
    levees = gpd.GeoDataFrame({"id": ["l"], "crest_m": [30.0]}, geometry=[line], crs=small_city.grid.crs)
    coarse = dataclasses.replace(small_city, levees=levees).at_cell_size(50.0)
    row, col, _ = coarse.grid.cells([500_500.0], [3_399_500.0])
    assert coarse.surface["terrain"].values[row[0], col[0]] == 30.0
    with pytest.raises(SourceError):
        small_city.at_cell_size(15.0)


CALM = Event(None, {}, None, 0, None, None, 0.0, (), {"zh": "", "en": ""})


def test_a_plan_goes_only_where_it_may() -> None:
    now = datetime.now(UTC)
    plan = Plan("P1", "r", {"zh": "", "en": ""}, {}, "planning", "drafted", now, now + timedelta(hours=1), (), (), CALM)
    assert plan.to("approved").to("exported").to("received").to("acknowledged").to("done").state == "done"
    with pytest.raises(ScenarioError):
        plan.to("exported")
    with pytest.raises(ScenarioError):
        dataclasses.replace(plan, mode="actual")
    assert all(step in STATES for steps in STATES.values() for step in steps)


@pytest.mark.parametrize(
    ("people", "text"), [(0, "0"), (0.4, "<10"), (9.9, "<10"), (10, "10"), (123, "120"), (24_371, "24,000")]
)
def test_small_counts_are_hidden(people: float, text: str) -> None:
    assert shown(people) == text


def test_a_ledger_that_does_not_close_is_an_error() -> None:
    good = Balance("m3", {"a": 10.0}, {"b": 4.0}, {"c": 6.0}, 1e-9)
    assert good.check("flood") is good
    with pytest.raises(Exception, match="ledger"):
        dataclasses.replace(good, stored={"c": 5.9}).check("flood")


def test_randomness_is_named() -> None:
    a, b = stream(7, "departures"), stream(7, "departures")
    assert a.random() == b.random() != stream(7, "arrivals").random() != stream(8, "arrivals").random()


def test_errors_speak_both_languages_and_travel_between_processes() -> None:
    error = SourceError("rain_negative", where="a.csv", time="18:00", found=-2.0)
    again = pickle.loads(pickle.dumps(error))
    assert again.message("zh") == error.message("zh") != error.message("en")
    assert "a.csv" in error.message("zh") and "-2" in error.message("en")
    assert say("level.red", lang="zh") == "红色"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.7321e-7, "1.73e-07"), (0.123456, "0.123"), (117.71, "118"), (999.7, "1000"), (12345.6, "12346"),
        (14400.0, "14400"), (-9999.0, "-9999"), (-0.0, "0"), (2026, "2026"), (np.float32(0.1), "0.1"), (-3.4e38, "-3.4e+38"),
    ],
)  # fmt: skip
def test_numbers_in_sentences_have_three_digits_and_keep_those_before_the_point(value: float, written: str) -> None:
    for lang in ("zh", "en"):
        assert say("cli.wall", lang=lang, seconds=value) == say("cli.wall", lang=lang, seconds=written)


def test_what_was_found_is_never_rounded_onto_what_was_expected() -> None:
    told = ScenarioError("array_number", name="courant", found=0.63001, expected=0.63).message("en")
    assert "0.63001" in told


def test_a_value_that_is_a_code_is_said_in_words() -> None:
    hazards.sheet("flood")
    assert "完整浅水方程" in say("note.flood.scheme", lang="zh", name="full", why="breach")
    assert say("note.flood.scheme", lang="en", name="full", why="anything else").endswith("Why: anything else.")
