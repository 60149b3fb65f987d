"""Exposure to fields of any axes: other grids, grids that end inside the city, gaps, ids, and people who move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from twin.city import City
from twin.errors import ContractError
from twin.exposure import Exposure, Moving, expose
from twin.exposure.closures import COLUMNS
from twin.exposure.members import members_exposure
from twin.exposure.people import floor_area_people
from twin.grade import grade
from twin.grid import Grid
from twin.sheet import COLOURS, Cap, MapLayer, Rule, Scale, Sheet

TIMES = pd.date_range("2026-06-20 10:00", periods=4, freq="5min")
ALL = -1e9  # below any value, so that nobody is below the lowest class

LEVEL = Rule("level", "1", "max", 1.0, 2.0, 3.0, 4.0, closes_at="orange")
SHEET = Sheet(
    id="toy",
    model="",
    name={},
    lead="level",
    scales=(
        Scale("now", ("people", "buildings", "roads"), (ALL, 1.0, 2.0), "level"),
        Scale("worst", ("people",), (ALL, 1.0, 2.0), "worst", when="ever", harms_from=2.0),
    ),
    rules=dict.fromkeys(("hospital", "shelter", "underpass", "road", "block"), LEVEL),
    rules_version="1",
    rules_source="",
    expiry_hours=1.0,
    tasks=(),
    cap=Cap((), {}, {}),
    lead_layer=MapLayer("now", "level", "", ((1.0, "#fff"),)),
    reaches=frozenset({"roofs", "rivers", "gaps"}),
)
POPULATION = 4000.0  # of the small town by day


def on_grid(grid: Grid, values: Any) -> xr.Dataset:
    """Return a field and its worst values on a grid; `values` (time, y, x), or one for all."""
    level = np.broadcast_to(np.asarray(values, float), (len(TIMES), *grid.shape))
    space = {"y": grid.y, "x": grid.x}
    worst = np.where(np.isnan(level).all(axis=0), np.nan, np.fmax.reduce(level, axis=0))
    data = {"level": (("time", "y", "x"), level), "worst": (("y", "x"), worst)}
    return xr.Dataset(data, {"time": TIMES, **space})


def on_ids(axis: str, ids: Any, values: Any) -> xr.Dataset:
    level = np.broadcast_to(np.asarray(values, float), (len(TIMES), len(ids)))
    data = {"level": (("time", axis), level), "worst": ((axis,), level.max(axis=0))}
    return xr.Dataset(data, {"time": TIMES, axis: np.asarray(ids, dtype=object)})


def moved(grid: Grid, east: float = 0.0, north: float = 0.0) -> Grid:
    return replace(grid, west=grid.west + east, north=grid.north + north)


def people(seen: Exposure, scale: str = "now") -> pd.DataFrame:
    return seen.counts[scale]["people"]


def unknown(seen: Exposure, scale: str = "now", of: str = "people") -> float:
    return float(seen.unknown.set_index(["scale", "of"])["most"].get((scale, of), 0.0))


@pytest.mark.parametrize(("east", "north"), [(5000, 0), (-5000, 0), (0, 5000), (0, -5000), (1000, 0), (0, -1000)])
def test_a_field_off_the_city_is_refused(small_city: City, east: float, north: float) -> None:
    """Moved by 5 km it used to expose the same people as in its place."""
    with pytest.raises(ContractError) as error:
        expose(small_city, on_grid(moved(small_city.grid, east, north), 3.0), SHEET)
    assert error.value.code == "field_off_city"
    for lang in ("zh", "en"):
        said = error.value.message(lang)
        assert "level" in said and f"{500_000 + east}" in said and "(500000, 3399000) – (501000, 3400000)" in said


@pytest.mark.parametrize("north_up", [True, False])
def test_a_field_whose_axes_are_no_grid_is_refused(small_city: City, north_up: bool) -> None:
    fields = on_grid(small_city.grid, 3.0)
    wrong = fields.isel(x=[0, 1, 3]) if north_up else fields.isel(y=slice(None, None, -1))
    with pytest.raises(ContractError) as error:
        expose(small_city, wrong, SHEET)
    assert error.value.code == "field_axes"
    with pytest.raises(ContractError) as error:
        expose(small_city, fields.drop_vars("worst"), SHEET)
    assert error.value.code == "variable_missing" and error.value.values["name"] == "worst"


def test_where_a_field_ends_inside_the_city_the_rest_is_not_known(small_city: City) -> None:
    """The field ends 395 m from the west: the half of a cell beyond it is not known, nor are the places there."""
    grid = replace(small_city.grid, nx=40, west=small_city.grid.west - 5.0)
    seen = expose(small_city, on_grid(grid, 1.5), SHEET)
    known = seen.places.set_index("id")["known"]
    assert known.to_dict() | {"street-r0": True} == known.to_dict() and not known[["u1", "h1"]].any() and known["s1"]
    whole = seen.places.set_index("id")["whole"]
    assert whole["s1"] and not whole["street-r0"], "half of the street is not known: its value is a lower bound"
    assert people(seen)[1.0].iloc[0] + unknown(seen) == pytest.approx(POPULATION)
    homes = small_city.buildings.geometry.bounds["minx"] >= small_city.grid.west + 395.0
    at_home, rest, _ = floor_area_people(small_city, "day")
    by_hand = at_home[homes].sum() + rest[(rest > 0) & (np.arange(100) % 10 >= 4)].sum() + 0.05 * rest[3::10].sum()
    assert unknown(seen) == pytest.approx(by_hand)
    assert np.isnan(seen.roads.set_index("id").loc["r4", "peak"]) and unknown(seen, of="roads") == pytest.approx(600.0)
    assert set(grade(seen, SHEET)["place"]) <= set(known[known].index)


def test_a_field_without_a_value_exposes_nobody_and_says_that_nothing_is_known(small_city: City) -> None:
    seen = expose(small_city, on_grid(small_city.grid, np.nan), SHEET)
    assert people(seen).to_numpy().sum() == people(seen, "worst").to_numpy().sum() == 0.0
    assert unknown(seen) == unknown(seen, "worst") == pytest.approx(POPULATION)
    assert unknown(seen, of="buildings") == len(small_city.buildings)
    assert not seen.places["known"].any() and not len(grade(seen, SHEET)) and not len(seen.closures)
    assert seen.roads["peak"].isna().all() and seen.roads["closes"].isna().all()


@pytest.mark.parametrize("cell_m", [5.0, 20.0, 35.0])
def test_another_cell_size_meets_the_same_people(small_city: City, cell_m: float) -> None:
    """A smooth hill of values, sampled on other cells whose edges lie elsewhere."""

    def hill(grid: Grid) -> np.ndarray:
        x, y = np.meshgrid(grid.x - small_city.grid.west - 450.0, grid.y - small_city.grid.north + 500.0)
        return 3.0 * np.exp(-(x**2 + y**2) / (2.0 * 300.0**2))

    other = Grid(small_city.grid.crs, small_city.grid.west - 0.4 * cell_m, small_city.grid.north + 0.3 * cell_m, cell_m,
                 *(2 * [int(np.ceil(1000.0 / cell_m)) + 1]))  # fmt: skip
    one, two = (expose(small_city, on_grid(grid, hill(grid)), SHEET) for grid in (small_city.grid, other))
    for low in (ALL, 1.0, 2.0):
        assert people(two)[low].iloc[0] == pytest.approx(people(one)[low].iloc[0], abs=0.04 * POPULATION)
    assert people(one)[1.0].iloc[0] > 0.2 * POPULATION < people(one)[2.0].iloc[0] and unknown(two) == 0.0
    steep = 3.0 / 300.0 * np.exp(-0.5)  # the steepest slope of the hill
    peaks = [seen.places.set_index("id")["peak"] for seen in (one, two)]
    np.testing.assert_allclose(peaks[1], peaks[0], atol=steep * 2.0 * max(cell_m, 10.0))


@settings(max_examples=30, deadline=None)
@given(
    values=arrays(float, (4, 6, 7), elements=st.one_of(st.floats(-1, 4), st.just(np.nan))),
    cell=st.sampled_from([70.0, 130.0, 200.0]),
    east=st.floats(-400, 800),
    north=st.floats(-800, 400),
    stay=st.floats(0, 1),
)
def test_nobody_is_lost_and_nobody_counts_twice(
    small_city: City, values: np.ndarray, cell: float, east: float, north: float, stay: float
) -> None:
    """In a class, or where nothing is known: whatever the grid, its gaps, and however many walk."""
    grid = Grid(small_city.grid.crs, small_city.grid.west + east, small_city.grid.north + north, cell, 6, 7)
    home = xr.DataArray(
        np.linspace(1.0, stay, 4)[:, None] * np.ones(100), {"time": TIMES, "cell": small_city.population["id"].values}
    )
    away = POPULATION * (1.0 - np.linspace(1.0, stay, 4))
    edge = xr.DataArray(
        away[:, None] * np.array([0.5, 0.1, 0.0, 0.2, 0.0]), {"time": TIMES, "edge": small_city.roads["id"].values}
    )
    there = POPULATION - 0.2 * away  # a fifth of those who left has arrived
    fields = on_grid(grid, values)
    for moving, total in ((None, np.full(4, POPULATION)), (Moving(home.rename("h"), edge.rename("e")), there)):
        seen = expose(small_city, fields, SHEET, moving=moving)
        assert seen.basis == ("day" if moving is None else "moving")
        counted = people(seen).sum(axis=1).values
        assert (counted <= total + 1e-6).all() and (counted >= total - unknown(seen) - 1e-6).all()
        if not np.isnan(values).any():
            lost = total - counted
            assert unknown(seen) == pytest.approx(lost.max(), abs=1e-6)
        worst = people(seen, "worst").iloc[0]
        assert (worst >= -1e-9).all() and worst.sum() <= POPULATION + 1e-6
        if moving is None:
            assert worst.sum() + unknown(seen, "worst") == pytest.approx(POPULATION)


def test_who_passes_through_harm_counts_once_over_the_whole_run(small_city: City) -> None:
    """Forty people walk down the street, one road after the other, all of it in the worst class: forty, not two hundred."""
    street = np.zeros((4, 100, 100))
    street[:, 24:27] = 3.0
    home = xr.DataArray(np.ones((4, 100)), {"time": TIMES, "cell": small_city.population["id"].values}, name="h")
    home[1:, 0] = 0.0
    walked = np.zeros((4, 5))
    walked[1, 0] = walked[2, 1] = walked[3, 2] = 40.0
    edge = xr.DataArray(walked, {"time": TIMES, "edge": small_city.roads["id"].values}, name="e")
    seen = expose(small_city, on_grid(small_city.grid, street), SHEET, moving=Moving(home, edge))
    alone = expose(small_city, on_grid(small_city.grid, street), SHEET)
    assert people(seen, "worst")[2.0].item() == pytest.approx(people(alone, "worst")[2.0].item() + 40.0)
    assert people(seen)[2.0].diff().tolist()[1:] == pytest.approx([40.0, 0.0, 0.0])


def test_ids_are_looked_up_in_any_order(small_city: City) -> None:
    ids = small_city.roads["id"].values
    value = dict(zip(ids, (0.5, 1.5, 2.5, 3.5, 4.5), strict=True))
    order = [3, 0, 4, 2, 1]
    seen = expose(small_city, on_ids("edge", ids[order], [value[ids[k]] for k in order]), SHEET)
    assert dict(zip(seen.roads["id"], seen.roads["peak"], strict=True)) == value
    places = seen.places.set_index("id")
    assert places.loc["street-r0", "peak"] == 1.5 and places.loc["street-r3", "peak"] == 4.5
    assert not places.loc[["u1", "h1", "b1"], "known"].any(), "a field on roads says nothing of a hospital"
    assert seen.counts["now"]["roads"].iloc[0].tolist() == [200.0, 200.0, 600.0]
    assert unknown(seen) == pytest.approx(POPULATION) and unknown(seen, of="buildings") == len(small_city.buildings)
    blocks = expose(small_city, on_ids("block", ["b2", "b1"], [1.5, 3.5]), SHEET).places.set_index("id")
    assert blocks.loc[["b1", "b2"], "peak"].tolist() == [3.5, 1.5] and not blocks.loc["h1", "known"]
    cells = small_city.population["id"].values
    by_cell = expose(small_city, on_ids("cell", cells[::-1], np.where(cells[::-1] < "p50", 1.5, 0.0)), SHEET)
    rest = floor_area_people(small_city, "day")[1]
    assert people(by_cell)[1.0].iloc[0] == pytest.approx(rest[:50].sum())


@pytest.mark.parametrize(
    ("axis", "ids", "code", "told"),
    [
        ("edge", ["r0", "r1", "q7"], "field_ids", "q7"),
        ("zone", ["z1", "z2"], "field_ids", "z1"),
        ("edge", ["r0", "r0", "r1"], "field_ids_twice", "r0"),
    ],
)
def test_ids_that_nobody_knows_or_that_stand_twice_are_refused(
    small_city: City, axis: str, ids: list[str], code: str, told: str
) -> None:
    with pytest.raises(ContractError) as error:
        expose(small_city, on_ids(axis, ids, 1.0), SHEET)
    assert error.value.code == code
    assert all(part in error.value.message(lang) for lang in ("zh", "en") for part in (told, axis, "level"))


def zones(small_city: City, **changes: Any) -> gpd.GeoDataFrame:
    west, north = small_city.grid.west, small_city.grid.north
    table = {"id": ["z1", "z2"], "kind": ["zone", "zone"], "name_zh": ["甲", "乙"], "name_en": ["A", "B"]} | changes
    boxes = [shapely.box(west + x, north - 100, west + x + 50, north) for x in (0, 50)]
    return gpd.GeoDataFrame(table, geometry=boxes, crs=small_city.grid.crs)


def test_each_kind_of_place_has_a_variable_of_its_own(small_city: City) -> None:
    """Zones by their id, a hospital by its cells, the same sheet; a field of another name on each."""
    sheet = replace(
        SHEET,
        scales=(),
        rules={
            "zone": replace(LEVEL, variable="crowd", unit="m-2"),
            "hospital": LEVEL,
            "block": replace(LEVEL, statistic="area"),
        },
    )
    cells = on_grid(small_city.grid, 2.5)
    fields = cells.assign(crowd=(("time", "zone"), np.full((4, 2), [1.5, 3.5])), zone=["z1", "z2"])
    seen = expose(small_city, fields, sheet, places=zones(small_city))
    places = seen.places.set_index("id")
    assert places.loc[["z1", "z2", "h1", "b1"], "peak"].tolist() == [1.5, 3.5, 2.5, 2.5]
    assert places.loc[["z1", "h1"], "unit"].tolist() == ["m-2", "1"]
    assert seen.closures["id"].tolist() == ["z2"] and seen.series.sel(place="z2").values.tolist() == [3.5] * 4


@pytest.mark.parametrize(
    ("own", "code"),
    [
        (lambda city: zones(city).drop(columns="name_zh"), "own_places"),
        (lambda city: zones(city).to_crs("EPSG:4326"), "own_places_crs"),
        (lambda city: zones(city, id=["z1", "z1"]), "place_twice"),
        (lambda city: zones(city, id=["z1", "h1"]), "place_twice"),
    ],
)
def test_own_places_that_cannot_be_told_apart_or_found_are_refused(small_city: City, own: Any, code: str) -> None:
    sheet = replace(SHEET, rules={**SHEET.rules, "zone": LEVEL})
    with pytest.raises(ContractError) as error:
        expose(small_city, on_grid(small_city.grid, 1.0), sheet, places=own(small_city))
    assert error.value.code == code and error.value.message("zh") != error.value.message("en")


@pytest.mark.parametrize("given_counts", [{}, {"ends": pd.DataFrame({1: [1.0], 2: [2.0], 3: [3.0]}, index=TIMES[:1])}])
def test_people_that_the_model_was_to_count_are_missed(small_city: City, given_counts: dict[str, pd.DataFrame]) -> None:
    sheet = replace(SHEET, scales=(Scale("ends", ("people",), (1.0, 2.0)),))
    with pytest.raises(ContractError) as error:
        expose(small_city, on_grid(small_city.grid, 1.0), sheet, counts=given_counts)
    assert error.value.code == "model_counts" and "ends" in error.value.message("zh")


def test_whoever_leaves_home_must_be_somewhere(small_city: City) -> None:
    home = xr.DataArray(np.ones((4, 1)), {"time": TIMES, "cell": ["p00"]}, attrs={"tags": "people_at_home"})
    with pytest.raises(ContractError) as error:
        Moving.of({"at_home": home})
    assert error.value.code == "moving_half" and "people_on_edge" in error.value.message("zh")
    assert Moving.of({}) is None


def test_who_walks_on_a_road_that_is_not_there_is_missed(small_city: City) -> None:
    home = xr.DataArray(np.ones((4, 1)), {"time": TIMES, "cell": ["p00"]}, name="at_home")
    edge = xr.DataArray(np.ones((4, 2)), {"time": TIMES, "edge": ["r0", "q7"]}, name="on_edge")
    with pytest.raises(ContractError) as error:
        expose(small_city, on_grid(small_city.grid, 1.0), SHEET, moving=Moving(home, edge))
    assert error.value.code == "field_ids" and all(word in error.value.message("zh") for word in ("q7", "on_edge"))


@settings(max_examples=30, deadline=None)
@given(values=arrays(float, (4, 10, 10), elements=st.floats(0, 5)), area=st.booleans())
def test_where_lower_is_worse_all_is_mirrored(small_city: City, values: np.ndarray, area: bool) -> None:
    """A rule on 10 - value with mirrored bounds closes, colours and reopens the same places at the same minutes."""
    grid = small_city.grid.at_cell_size(100.0)
    above = replace(LEVEL, statistic="area" if area else "max")
    below = replace(above, blue=9.0, yellow=8.0, orange=7.0, red=6.0, sense="below")
    plain, mirrored = (replace(SHEET, scales=(), rules=dict.fromkeys(SHEET.rules, rule)) for rule in (above, below))
    one = expose(small_city, on_grid(grid, values), plain)
    two = expose(small_city, on_grid(grid, 10.0 - values), mirrored)
    np.testing.assert_allclose(two.places["peak"], 10.0 - one.places["peak"])
    levels = [grade(seen, sheet).set_index("place") for seen, sheet in ((one, plain), (two, mirrored))]
    assert set(levels[0].index) == set(levels[1].index)
    near = (
        np.abs(one.series.values[:, :, None] - np.array([1.0, 2.0, 3.0, 4.0])).min() < 1e-9
    )  # a bound met to the last digit
    if not near:
        for column in ("level", "from", "until", "open_end"):
            assert levels[0][column].to_dict() == levels[1][column].to_dict()
        pd.testing.assert_frame_equal(one.roads[list(COLUMNS)], two.roads[list(COLUMNS)])
        shut = [
            seen.closures.sort_values("id").reset_index(drop=True)[["id", "closes", "reopens"]] for seen in (one, two)
        ]
        pd.testing.assert_frame_equal(*shut)
    assert all(c in COLOURS for c in levels[1]["level"])


def test_a_bridge_above_the_hazard_is_never_the_worst(small_city: City) -> None:
    roads = small_city.roads.assign(level=[0, 1, 0, 1, 1])
    city, below = (
        replace(small_city, roads=roads),
        replace(LEVEL, blue=9.0, yellow=8.0, orange=7.0, red=6.0, sense="below"),
    )
    low = replace(SHEET, scales=(), rules={"road": below, "underpass": below})
    seen = expose(city, on_grid(city.grid, 5.0), low)
    assert seen.roads["closes"].notna().tolist() == [True, False, True, False, False]
    assert seen.roads["peak"].tolist() == [5.0, np.inf, 5.0, np.inf, np.inf]
    streets = seen.places.set_index("id")
    assert streets.loc["street-r0", "first_red"] == TIMES[0] and streets.loc["street-r3", "known"]
    assert set(grade(seen, low)["place"]) == {"street-r0", "u1"}, "two bridges make a street that is clear, not unknown"
    carried = expose(city, on_grid(city.grid, 5.0), replace(low, reaches=low.reaches | {"bridges"}))
    assert carried.roads["closes"].notna().all()


@pytest.mark.parametrize(("reaches", "met"), [((), False), (("roofs",), True)])
def test_what_the_hazard_reaches_decides_whether_a_roof_counts(
    small_city: City, reaches: tuple[str, ...], met: bool
) -> None:
    """The field has a value on the roofs alone."""
    roofs = np.where(small_city.surface["building"].values, 1.5, 0.0)
    seen = expose(small_city, on_grid(small_city.grid, roofs), replace(SHEET, reaches=frozenset(reaches)))
    assert bool(seen.counts["now"]["buildings"][1.0].iloc[0] == len(small_city.buildings)) is met
    assert bool(people(seen)[1.0].iloc[0] > 0) is met


def ensemble(city: City, *levels: float) -> tuple[Exposure, list[Exposure]]:
    """The exposure of members that each have one level everywhere (NaN: not known), and theirs."""
    members = [expose(city, on_grid(city.grid, level), SHEET) for level in levels]
    series = xr.DataArray(
        np.nanmax([m.series.values for m in members], axis=0), members[0].series.coords, members[0].series.dims
    )
    return members_exposure(members, SHEET, series), members


@pytest.mark.filterwarnings("ignore:All-NaN")
def test_a_member_that_does_not_know_a_place_does_not_count_as_one_that_spares_it(small_city: City) -> None:
    seen, _ = ensemble(small_city, 5.0, np.nan, 0.0, np.nan)
    assert (seen.places["share_red"] == 0.5).all() and not seen.places["known"].any()
    assert set(grade(seen, SHEET)["level"]) == {"red"} and set(grade(seen, SHEET)["probability"]) == {0.5}
    assert len(seen.closures) == len(seen.places) and seen.roads["closes"].notna().all()
    unseen, _ = ensemble(small_city, np.nan, np.nan)
    assert unseen.places[[f"share_{c}" for c in COLOURS]].isna().all(axis=None)
    assert not len(grade(unseen, SHEET)) and not len(unseen.closures) and unseen.roads["closes"].isna().all()


def test_counts_and_colours_take_the_same_of_two_middle_members(small_city: City) -> None:
    seen, (low, high) = ensemble(small_city, 0.0, 2.5)
    assert (seen.places["share_yellow"] == 0.5).all() and set(grade(seen, SHEET)["level"]) == {"yellow"}
    for of, table in seen.counts["now"].items():
        pd.testing.assert_frame_equal(table, high.counts["now"][of], check_dtype=False)
        pd.testing.assert_frame_equal(seen.spread[90]["now"][of], high.counts["now"][of], check_dtype=False)
        pd.testing.assert_frame_equal(seen.spread[10]["now"][of], low.counts["now"][of], check_dtype=False)


def test_of_what_a_field_beside_tells_too_the_worse_holds(small_city: City) -> None:
    """Where nothing stands beside, or it does not know a road, the field on cells holds as before."""
    sheet = replace(SHEET, beside={"level": "level_on_roads"})
    fields, roads = on_grid(small_city.grid, 1.5), small_city.roads["id"].to_numpy(object)
    plain = expose(small_city, fields, sheet)
    values = np.linspace(0.5, 3.5, len(roads))
    values[1::3] = np.nan
    beside = xr.DataArray(
        np.tile(values, (len(TIMES), 1)), dims=("time", "edge"), coords={"time": TIMES, "edge": roads}
    )
    seen = expose(small_city, fields.assign(level_on_roads=beside), sheet)
    before = plain.roads["peak"].to_numpy(float)
    told = np.isfinite(before)  # underpasses and roads have a rule
    assert told.any() and (values[told] > 1.5).any()
    np.testing.assert_allclose(seen.roads["peak"][told], np.fmax(before, values)[told])
    others = ~seen.places["kind"].isin(["road", "street"])
    pd.testing.assert_frame_equal(seen.places[others], plain.places[others])
