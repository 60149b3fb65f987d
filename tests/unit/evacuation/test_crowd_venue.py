"""A drawn venue: what its checker names, hours of gates, barriers with load, and what measures on it do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.kernels.press import LIGHT_N
from evacuation.crowd.people.law import Pressing
from evacuation.crowd.proofs.worlds import filled, line, plan_of
from evacuation.crowd.risk.barriers import Barriers
from evacuation.crowd.venue.checker import faults
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from scenarios.case import hazards
from tests.unit.evacuation.test_crowd_hazard import X, Y, at, clock, parts, with_hall
from twin.city import City
from twin.errors import ScenarioError, SourceError
from twin.hazard import Action
from twin.readers.city_folder import open_folder, save_folder
from twin.streams import stream
from twin.words import say

HALL = shapely.box(X, Y, X + 16, Y + 10)


def plan(**changes: shapely.Geometry | None) -> Plan:
    """The hall of `parts`, with parts changed, added as walls or removed."""
    return Plan.of_parts("hall", HALL, parts(**changes), "EPSG:4547")


def with_part(key: str, kind: str, shape: shapely.Geometry, **more: object) -> gpd.GeoDataFrame:
    """The parts of the hall and one more."""
    row = {
        "id": f"hall/{key}",
        "kind": kind,
        "venue": "hall",
        "name_zh": key,
        "name_en": key,
        "geometry": shape,
        **more,
    }
    return gpd.GeoDataFrame(pd.concat([parts(), gpd.GeoDataFrame([row], crs="EPSG:4547")]), crs="EPSG:4547")


def codes(of: Plan) -> list[str]:
    """The codes of the faults of a plan, each of which has a sentence in both languages."""
    hazards.sheet("crowd")  # brings the sentences in
    found = faults(of, ())
    for code, values in found:
        for lang in ("zh", "en"):
            assert "hall" in say(f"note.crowd.{code}", lang=lang, **values) or "barrier" in code
    return [code for code, _ in found]


def test_a_sound_plan_has_no_fault() -> None:
    assert codes(plan()) == []


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("venue_gap", {"wall-1": shapely.LineString(at((16, 6), (16, 10), (8.12, 10)))}),
        ("venue_sliver", {"twice": shapely.LineString(at((0, 10), (0.1, 5), (0, 0)))}),
        ("gate_apart", {"east": shapely.LineString(at((16, 4.3), (16, 6)))}),
        ("gate_walled", {"across": shapely.LineString(at((16, 4.5), (16, 5.5)))}),
        ("part_outside", {"front": shapely.box(X + 11, Y, X + 19, Y + 10)}),
    ],
)
def test_each_fault_of_a_drawing_is_named(expected: str, changes: dict[str, shapely.Geometry]) -> None:
    assert expected in codes(plan(**changes))


def test_a_gap_is_told_with_its_width_and_place() -> None:
    gap = {"wall-1": shapely.LineString(at((16, 6), (16, 10), (8.12, 10)))}
    found = dict(faults(plan(**gap), ()))["venue_gap"]
    assert found["gap"] == pytest.approx(0.12) and found["where"] == f"{X + 8.12:.2f}, {Y + 10:.2f}"


def test_two_sources_on_one_another_are_told_and_their_people_survive(small_city: City) -> None:
    table = with_part("more", "source", shapely.box(X + 0.5, Y + 0.5, X + 10, Y + 9.5))
    assert codes(Plan.of_parts("hall", HALL, table, "EPSG:4547")) == ["sources_twice"]
    out = Crowd("hall", persons=80).simulate(with_hall(small_city, table), {}, clock(60), rng=stream(1, "crowd"))
    assert out.balance.error == 0.0 and out.counts["where"][3.0].iloc[-1] == 80


def test_two_gates_on_one_another_are_named() -> None:
    table = with_part("again", "gate", shapely.LineString(at((16, 4.2), (16, 5.8))))
    assert "gate_twice" in codes(Plan.of_parts("hall", HALL, table, "EPSG:4547"))


def test_a_gate_that_names_an_entrance_which_is_not_there_is_named() -> None:
    table = parts().assign(entrance=None)
    table.loc[table["id"] == "hall/east", "entrance"] = "metro-9"
    drawn = Plan.of_parts("hall", HALL, table, "EPSG:4547")
    assert codes(drawn) == ["gate_entrance"] and faults(drawn, ["metro-9"]) == []


@pytest.mark.parametrize(
    ("code", "factor", "shift"),
    [("venue_degrees", 1e-5, (X, Y)), ("venue_far", 1.0, (3e6, 0.0))],
)
def test_degrees_taken_as_metres_and_the_other_way_are_told(small_city: City, code, factor, shift) -> None:
    def moved(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(
            shape,
            lambda a: (a - np.array([X, Y])) * factor + np.array([X, Y]) + np.array(shift) * (code == "venue_far"),
        )

    city = with_hall(small_city)
    places, venues = city.facilities.copy(), city.venues.copy()
    venues["geometry"] = venues.geometry.map(moved)
    places.loc[places["id"] == "hall", "geometry"] = moved(HALL)
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=5).check(replace(city, facilities=places, venues=venues), {}, clock(60))
    assert error.value.code == code


def test_a_gate_that_is_not_straight_is_refused() -> None:
    with pytest.raises(ScenarioError) as error:
        plan(east=shapely.LineString(at((16, 4), (17, 5), (16, 6))))
    assert error.value.code == "gate_bent"


def test_the_check_of_a_city_names_what_is_wrong_with_its_venues(small_city: City) -> None:
    sound = with_hall(small_city)
    assert Crowd.check_city(sound) == [] and Crowd.check_city(small_city) == []
    bare = replace(sound, venues=sound.venues.iloc[:0])
    assert [code for code, _ in Crowd.check_city(bare)] == ["venue_undrawn"]
    open_wall = with_hall(small_city, parts(**{"wall-1": None}))
    ((code, values),) = Crowd.check_city(open_wall)
    assert code == "venue_refused" and values["why"].code == "source_outside"
    gap = with_hall(small_city, parts(**{"wall-1": shapely.LineString(at((16, 6), (16, 10), (8.12, 10)))}))
    assert [code for code, _ in Crowd.check_city(gap)] == ["venue_gap"]


def test_a_gate_keeps_its_hours(small_city: City) -> None:
    venues = parts().assign(opens_at=[None, "18:00", *[None] * 4], shuts_at=[None, "18:01", *[None] * 4])
    city = with_hall(small_city, venues)
    hall = Plan.of(city, "hall")
    times = Timetable(hall, city, clock(120), (), None, 0.15)
    assert [times.at(t).shut.tolist() for t in (0.0, 59.0, 61.0)] == [[False, False], [False, False], [False, True]]
    night = replace(hall.gates[1], hours=(22 * 60.0, 6 * 60.0))
    past = Timetable(replace(hall, gates=(hall.gates[0], night)), city, clock(43_200), (), None, 0.15)
    assert [bool(past.at(3600.0 * h).shut[1]) for h in (0, 4, 11, 12)] == [True, False, False, True]
    opened = Timetable(hall, city, clock(120), (Action("open_gate", "hall/north", 90.0),), None, 0.15)
    assert not opened.at(100.0).shut[1] and opened.at(80.0).shut[1]
    bad = parts().assign(opens_at=[None, "18.00", *[None] * 4], shuts_at=[None, "25:01", *[None] * 4])
    with pytest.raises(ScenarioError) as error:
        Plan.of(with_hall(small_city, bad), "hall")
    assert error.value.code == "gate_hours" and "18.00" in error.value.message("en")


def test_a_barrier_is_pressed_and_its_strength_is_held_against_the_load(small_city: City) -> None:
    outline = shapely.box(0, 0, 8, 6)
    rail = line((6, 0.6), (6, 5.4))
    walls = outline.exterior.difference(line((0, 2), (0, 4)).buffer(0.005, cap_style="flat"))
    shapes = [("wall", "wall", walls), ("gate", "gate", line((0, 2), (0, 4))), ("s", "source", shapely.box(3, 1, 5.8, 5)), ("rail", "barrier", rail)]  # fmt: skip
    drawn = plan_of(outline, shapes, strength_n_m=[np.nan, np.nan, np.nan, 35.0])
    walkers = filled(drawn, 4, pressing=Pressing())
    people = walkers.people
    people.x[:], people.w[:] = drawn.local(np.array([[6 - r + 0.008, 1.5 + k] for k, r in enumerate(people.deep)])).T
    barriers = Barriers(drawn)
    for second in range(8):
        barriers.watch(people, second + 1.0)
    row = barriers.table(0.0).iloc[0]
    pressed = 4 * 3e4 * 0.008 / rail.length
    assert row["peak_n_m"] == pytest.approx(pressed, rel=1e-6) and row["fails"] and row["by_s"] == 1.0
    strong = Barriers(replace(drawn, barriers=(replace(drawn.barriers[0], strength_n_m=5000.0),)))
    strong.watch(people, 1.0)
    assert not strong.table(0.0).iloc[0]["fails"] and pd.isna(strong.table(0.0).iloc[0]["by_s"])
    assert Barriers.unknown(drawn)["fails"].isna().all(), "nobody is followed: it is not known whether it holds"
    table = with_part("rail", "barrier", shapely.LineString(at((12, 3), (12, 7))))
    out = Crowd("hall", persons=40).simulate(with_hall(small_city, table), {}, clock(20), rng=stream(1, "crowd"))
    assert out.tables["barriers"]["id"].tolist() == ["hall/rail"]
    assert "barrier_unknown" in dict(out.notes), "nobody said what it bears"
    assert out.tables["barriers"]["fails"].isna().all()


def test_a_cordon_stands_until_it_is_removed_and_a_separator_from_when_it_is_set(small_city: City) -> None:
    cordon = shapely.LineString(at((10.5, 0), (10.5, 10)))
    for kind, measure in (("cordon", "remove_cordon"), ("separator", "set_separator")):
        table = with_part("line", kind, cordon)
        table = table[table["id"] != "hall/north"]
        closed = gpd.GeoDataFrame([{"id": "hall/w3", "kind": "wall", "venue": "hall", "geometry": shapely.LineString(at((7, 10), (8, 10)))}], crs="EPSG:4547")  # fmt: skip
        city = with_hall(small_city, gpd.GeoDataFrame(pd.concat([table, closed]), crs="EPSG:4547"))
        act = (Action(measure, "hall/line", 20.0),) if kind == "cordon" else (Action(measure, "hall/line", 0.0, 30.0),)
        out = Crowd("hall", persons=60).simulate(city, {}, clock(90), act, stream(1, "crowd"))
        left = out.tables["exits"].set_index("s")["left"]
        assert left.loc[20.0 if kind == "cordon" else 30.0] == 0 and left.loc[90.0] == 60, kind
        assert ("hall/line" in set(out.tables["gates"]["id"])) == (kind == "cordon"), "nobody goes by a separator"
        asked = out.tables["measures"].iloc[0]
        assert asked["kind"] == measure and asked["id"] == "hall/line" and asked["by_s"] == act[0].start_s
        assert np.isnan(asked["until_s"]) == (kind == "cordon")


def test_people_whom_no_gate_lets_out_are_told(small_city: City) -> None:
    city, inwards = (
        with_hall(small_city),
        tuple(Action("one_way", f"hall/{k}", values={"inward": 1.0}) for k in ("east", "north")),
    )
    shut, free = (
        dict(Crowd("hall", persons=30).simulate(city, {}, clock(20), act, stream(1, "crowd")).notes)
        for act in (inwards, ())
    )
    assert shut["no_way"]["count"] == shut["inside"]["count"] == 30 and "no_way" not in free


def test_a_relief_gap_lets_people_through_its_barrier(small_city: City) -> None:
    table = with_part("rail", "barrier", shapely.LineString(at((10.5, 0), (10.5, 4))), strength_n_m=3000.0)
    more = [
        {"id": "hall/rail-2", "kind": "barrier", "venue": "hall", "strength_n_m": 3000.0, "geometry": shapely.LineString(at((10.5, 6), (10.5, 10)))},
        {"id": "hall/gap", "kind": "relief_gap", "venue": "hall", "geometry": shapely.LineString(at((10.5, 4), (10.5, 6)))},
    ]  # fmt: skip
    table = gpd.GeoDataFrame(pd.concat([table, gpd.GeoDataFrame(more, crs="EPSG:4547")]), crs="EPSG:4547")
    city = with_hall(small_city, table)
    shut, opened = (
        Crowd("hall", persons=60).simulate(city, {}, clock(60), act, stream(1, "crowd")).tables["gates"].set_index("id")
        for act in ((), (Action("open_gap", "hall/gap"),))
    )
    assert shut.loc["hall/east", "left"] == 0 < opened.loc["hall/east", "left"]
    assert shut.loc["hall/gap"][["passed_in", "passed_out"]].sum() == 0


def test_trains_that_skip_the_stop_bring_nobody(small_city: City) -> None:
    skip = (Action("skip_stop", "hall/floor", 20.0, 40.0),)
    for form in ("persons", "stream"):
        model = Crowd("hall", arrivals_per_s=1.0, form=form, stream_cell_m=0.5)
        out = model.simulate(with_hall(small_city), {}, clock(60), skip, stream(1, "crowd"))
        assert dict(out.notes)["skipped"]["count"] == 20
        assert out.balance.came_in["came"] == pytest.approx(40), form
    times = clock(60).times
    series = xr.DataArray([[0.0], [30.0]], {"time": times[[0, 3]], "place": ["hall"]}, ("time", "place"), "attendance")
    skip = (Action("skip_stop", "hall/floor", 10.0, 20.0),)
    out = Crowd("hall").simulate(with_hall(small_city), {"attendance": series}, clock(60), skip, stream(1, "crowd"))
    assert out.balance.came_in["came"] == 20, "those of the ten seconds without a train do not come later"


def test_the_compression_dose_is_told_in_time_and_begins_with_loads_that_can_harm(small_city: City) -> None:
    runs = [
        Crowd("hall", persons=250, push_n=push).simulate(with_hall(small_city), {}, clock(60), (), stream(1, "crowd"))
        for push in (Pressing.push_n, 300.0)
    ]
    calm, shoved = (out.fields["compression_dose"].values.max(axis=1) for out in runs)
    assert 100 * calm.max() < shoved.max() < 1.0
    for out, dose in zip(runs, (calm, shoved), strict=True):
        harms = np.maximum.accumulate(out.fields["contact_force"].values.max(axis=1)) > LIGHT_N
        assert not harms[0] and (dose[~harms] == 0.0).all() and (dose > 0.0).any() == harms.any()


def test_a_staged_end_lets_the_nearest_go_first_and_nobody_is_lost(small_city: City) -> None:
    city, staged = with_hall(small_city), (Action("staged_end", "hall", values={"stages": 2.0, "minutes": 1.0}),)
    plain, stages = (
        Crowd("hall", persons=80).simulate(city, {}, clock(120), act, stream(1, "crowd")) for act in ((), staged)
    )
    left = [out.tables["exits"].groupby("s")["left"].sum() for out in (plain, stages)]
    assert left[0].loc[50.0] > 60 and left[1].loc[59.0] == 40 and left[1].loc[120.0] == 80
    dense = [out.counts["density"].iloc[:, 1:].to_numpy().sum() for out in (plain, stages)]
    assert dense[1] < dense[0]  # of all output times: where one ends up among a few at a door is chance
    stream_form = Crowd("hall", persons=80, form="stream", stream_cell_m=0.5)
    out = stream_form.simulate(city, {}, clock(120), staged, stream(1, "crowd"))
    total = out.tables["exits"].groupby("s")["left"].sum()
    assert 30 < total.loc[59.0] <= 40.01 and total.loc[120.0] > 75


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("venue_number", {"flow_per_s": -2.0}),
        ("venue_number", {"flow_per_s": "many"}),
    ],
)
def test_figures_and_sources_that_cannot_be_are_refused_before_the_run(small_city: City, code, change) -> None:
    row = {"kind": "gate", "geometry": shapely.LineString(at((10.5, 0), (10.5, 10)))} | change
    table = with_part("more", row.pop("kind"), row.pop("geometry"), **row)
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=100).check(with_hall(small_city, table), {}, clock(60))
    assert error.value.code == code and "hall/more" in error.value.message("en")


@pytest.mark.parametrize("form", ["persons", "stream"])
def test_more_people_than_fit_are_refused_before_the_run(small_city: City, form: str) -> None:
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=3200, form=form).check(with_hall(small_city), {}, clock(60))
    assert error.value.code == "venue_too_many"


def test_a_drawing_by_hand_is_read(small_city: City, tmp_path: Path) -> None:
    """Names may be missing, parts of a venue that is not there are told, a line without length is refused by name."""
    rows = with_part("extra", "zone", shapely.box(X, Y, X + 2, Y + 2))
    rows.loc[rows["id"] == "hall/extra", ["name_zh", "name_en"]] = None
    rows.loc[rows["id"] == "hall/front", "venue"] = "hal"
    save_folder(with_hall(small_city, rows), tmp_path / "town")
    city = open_folder(tmp_path / "town")
    assert city.place_name("hall/extra") == {"zh": "礼堂·hall/extra", "en": "Hall, hall/extra"}
    ((code, values),) = Crowd.check_city(city)
    assert code == "venue_of_no_place" and values["parts"] == ["hall/front"] and "hall" in values["near"]
    path = tmp_path / "town" / "venues" / "hall.geojson"
    drawn = gpd.read_file(path)
    drawn.loc[drawn["id"] == "hall/north", "geometry"] = shapely.LineString([(114.0, 30.0), (114.0, 30.0)])
    drawn.to_file(path, driver="GeoJSON")
    with pytest.raises(SourceError, match="hall/north") as error:
        open_folder(tmp_path / "town")
    assert (
        error.value.code == "table_length"
        and "0 m wide" in error.value.message("en")
        and "宽0米" in error.value.message("zh")
    )


def test_an_attribute_that_is_misspelt_is_told_and_one_of_the_drawings_own_is_not() -> None:
    table = parts().assign(one_way=lambda t: [90.0] + [None] * (len(t) - 1), fid=1, note="drawn in May", opens_att=None)
    found = [
        values
        for code, values in faults(Plan.of_parts("hall", HALL, table, "EPSG:4547"), ())
        if code == "venue_attribute"
    ]
    assert [(values["found"], values["near"]) for values in found] == [("one_way", "one_way_deg")]


def test_an_attribute_that_is_misspelt_is_told_although_another_part_has_the_right_one() -> None:
    table = parts().assign(flow_per_s=lambda t: [2.0] + [None] * (len(t) - 1))
    table["flow_per_sec"] = np.where(table["id"] == "hall/north", 1.5, np.nan)
    table["flow_per_m"] = np.where(
        table["id"] == "hall/east", 1.0, np.nan
    )  # beside the one that is read: the drawing's own
    found = [v for code, v in faults(Plan.of_parts("hall", HALL, table, "EPSG:4547"), ()) if code == "venue_attribute"]
    assert found == [{"venue": "hall", "part": "hall/north", "found": "flow_per_sec", "near": "flow_per_s"}]
    hazards.sheet("crowd")
    assert all("hall/north" in say("note.crowd.venue_attribute", lang=lang, **found[0]) for lang in ("zh", "en"))


@pytest.mark.parametrize(
    ("code", "column", "value"),
    [("gate_one_way", "one_way_deg", 5.0), ("venue_truth", "opens", "ajar"), ("venue_number", "one_way_deg", "north")],
)
def test_a_gate_that_says_what_cannot_be_is_refused(code: str, column: str, value: object) -> None:
    table = parts()
    table[column] = pd.Series([value] + [None] * (len(table) - 1), dtype=object)
    with pytest.raises(ScenarioError) as error:
        Plan.of_parts("hall", HALL, table, "EPSG:4547")
    assert error.value.code == code and "hall/east" in error.value.message("en") + error.value.message("zh")


def test_a_one_way_line_of_the_plan_is_passed_that_way_alone_and_a_measure_turns_it(small_city: City) -> None:
    """The east gate leads in alone (270 degrees: to the west): the hall empties by the north gate, or not at all where that is shut."""
    table = parts()
    table["one_way_deg"] = np.where(table["id"] == "hall/east", 270.0, np.nan)
    city = with_hall(small_city, table)
    out = Crowd("hall", persons=30).simulate(city, {}, clock(60), rng=stream(1, "crowd"))
    assert out.tables["gates"].set_index("id")["left"].to_dict() == {"hall/east": 0, "hall/north": 30}
    shut = with_hall(small_city, table.assign(opens=np.where(table["id"] == "hall/north", "false", None)))
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=30).check(shut, {}, clock(60))
    assert error.value.code == "room_sealed"
    turned = (Action("one_way", "hall/east", 0.0, None, {"inward": 0.0}),)
    out = Crowd("hall", persons=30).simulate(shut, {}, clock(60), turned, rng=stream(1, "crowd"))
    assert out.tables["gates"].set_index("id")["left"].to_dict() == {"hall/east": 30, "hall/north": 0}
