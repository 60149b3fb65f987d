"""Attendance of a venue's sources: each follows its own curve, the others share that of the venue, and nobody is made or lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
import yaml

import scenarios as sc
from evacuation.crowd.crowd import Crowd
from scenarios.case.hazards import sheet
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, parts, with_hall
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Action, State
from twin.readers.city_folder import save_folder
from twin.streams import stream
from twin.words import say

FORMS = {
    "persons": {},
    "stream": {"form": "stream", "stream_cell_m": 0.5},
    "mixed": {"form": "mixed", "stream_cell_m": 0.5},
}

#: Where the sources part, m from the hall's west wall.
BETWEEN = 6.0


def of_two(city: City, back: shapely.Geometry | None = None) -> City:
    """The hall with a source in its west and one, `hall/back`, in its middle."""
    venues = parts(floor=shapely.box(X + 0.5, Y + 0.5, X + BETWEEN, Y + 9.5))
    shape = back or shapely.box(X + BETWEEN, Y + 0.5, X + 10, Y + 9.5)
    row = venues[venues["id"] == "hall/floor"].assign(id="hall/back", geometry=[shape])
    return with_hall(city, gpd.GeoDataFrame(pd.concat([venues, row], ignore_index=True), crs=venues.crs))


@pytest.fixture
def city(small_city: City) -> City:
    return of_two(small_city)


def curves(**by_place: dict[float, float]) -> dict[str, xr.DataArray]:
    """Return the forcing: by place its numbers by second."""
    table = pd.DataFrame({name.replace("__", "/"): pd.Series(curve) for name, curve in by_place.items()}).sort_index()
    times = clock(10).times[0] + pd.to_timedelta(table.index, unit="s")
    coords = {"time": times.values, "place": table.columns.to_numpy(str)}
    return {"attendance": xr.DataArray(table.to_numpy(float), coords, ("time", "place"), "attendance")}


BOTH = curves(hall={0: 40, 70: 20}, hall__back={0: 10, 20: 50, 30: 0})


@pytest.mark.parametrize("form", FORMS)
def test_a_source_follows_its_own_curve_and_the_others_that_of_the_venue(city: City, form: str) -> None:
    out = Crowd("hall", **FORMS[form]).simulate(city, BOTH, clock(150), rng=stream(1, "crowd"))
    inside = out.counts["where"][2.0]
    assert (
        inside.iloc[0] == 50
        and inside.iloc[1] == pytest.approx(70, abs=3)
        and inside.iloc[2] == pytest.approx(90, abs=3)
    )
    assert inside.iloc[7] == pytest.approx(40, abs=2), (
        "of those from the one source all have left, of the others nobody"
    )
    assert inside.iloc[-1] == pytest.approx(20, abs=3), "who stays stands in the way of the last"
    assert out.counts["where"].sum(axis=1).iloc[-1] == pytest.approx(90, abs=1)
    assert abs(out.balance.error) <= 1e-9 and "attendance_silent" not in dict(out.notes)


@pytest.mark.parametrize("form", ["persons", "stream"])
def test_who_leaves_is_who_came_from_that_source(city: City, form: str) -> None:
    only = curves(hall={0: 30}, hall__back={0: 30, 10: 0})
    state = Crowd("hall", **FORMS[form]).simulate(city, only, clock(60), rng=stream(1, "crowd")).state.arrays
    if form == "persons":
        assert (
            len(state["people_x"]) == 30 and (state["people_x"] < BETWEEN + 3.5).all()
        )  # 3 m beside the hall, and a step
    else:
        west = np.arange(state["stream_staying"].shape[-1]) * 0.5 < BETWEEN + 3.0
        assert state["stream_staying"][..., west].sum() * 0.25 == pytest.approx(30)
        assert state["stream_staying"][..., ~west].sum() == 0.0


@pytest.mark.parametrize("form", FORMS)
def test_a_split_run_equals_the_whole(city: City, tmp_path: Path, form: str) -> None:
    """Split while people have been told and have not left yet."""
    model, staged = (
        Crowd("hall", leave_within_s=15.0, **FORMS[form]),
        (Action("staged_end", "hall", 0.0, None, {"stages": 2, "minutes": 0.2}),),
    )
    whole = model.simulate(city, BOTH, clock(80), staged, rng=stream(1, "crowd"))
    first = model.simulate(city, BOTH, clock(80).first(40), staged, rng=stream(1, "crowd"))
    first.state.save(tmp_path / "state.npz")
    later = (Action("staged_end", "hall", -40.0, None, staged[0].values),)
    second = model.simulate(
        city, BOTH, clock(80).after(40), later, stream(9, "crowd"), State.load(tmp_path / "state.npz")
    )
    for name, values in whole.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], values, err_msg=name)


def with_train(city: City) -> City:
    """The hall with a goal, `hall/train`, along its east wall."""
    doors = city.venues[city.venues["id"] == "hall/floor"]
    doors = doors.assign(id="hall/train", kind="goal", geometry=[shapely.box(X + 9.2, Y + 1, X + 9.8, Y + 9)])
    return replace(city, venues=gpd.GeoDataFrame(pd.concat([city.venues, doors], ignore_index=True), crs=doors.crs))


def test_a_goal_takes_as_many_as_its_curve_says_and_the_others_wait(small_city: City, tmp_path: Path) -> None:
    city, model = with_train(with_hall(small_city)), Crowd("hall", persons=60)
    train = curves(hall__train={0: 0, 30: 0, 40: 20, 70: 20, 80: 100})
    out = model.simulate(city, train, clock(120), rng=stream(1, "crowd"))
    left = out.counts["where"][3.0].to_numpy()
    assert list(left[:9]) == [0, 0, 0, 0, 20, 20, 20, 20, left[8]] and left[8] > 20 and left[-1] == 60
    assert out.balance.error == 0.0 and "attendance_silent" not in dict(out.notes)
    first = model.simulate(city, train, clock(120).first(50), rng=stream(1, "crowd"))
    first.state.save(tmp_path / "state.npz")
    second = model.simulate(
        city, train, clock(120).after(50), (), stream(9, "crowd"), State.load(tmp_path / "state.npz")
    )
    for name, values in out.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], values, err_msg=name)


def test_places_that_nobody_took_leave_with_the_train(small_city: City) -> None:
    """The first train goes before anybody has been told to leave; the second has its own places, and who has none is told."""
    late = curves(hall={0: 60, 30: 0}, hall__train={0: 0, 5: 0, 15: 50, 40: 50, 50: 70})
    out = Crowd("hall").simulate(with_train(with_hall(small_city)), late, clock(100), rng=stream(1, "crowd"))
    goal = out.tables["goals"].set_index("id").loc["hall/train"]
    assert list(goal[["places", "taken", "most_going", "still_going"]]) == [70, 20, 60, 40]
    notes = dict(out.notes)
    assert notes["goals_wait"]["goals"] == ["hall/train"] and "goals_unknown" not in notes
    assert "no_way" not in notes, "who is pressed to the wall beside the goal has a way"


def test_who_waits_at_a_goal_that_takes_nobody_presses_only_where_the_scenario_says_so(small_city: City) -> None:
    city, train = with_train(with_hall(small_city)), curves(hall__train={0: 0, 300: 0})
    calm, impatient = (
        Crowd("hall", persons=150, queue_push_n=push).simulate(city, train, clock(60), rng=stream(1, "crowd")).fields
        for push in (0.0, 20.0)
    )
    assert calm["crowd_density"].max() < 3.6 and calm["contact_force"].max() < 20.0  # the densest queue that Fruin saw
    assert impatient["crowd_density"].max() > 5.0 and impatient["contact_force"].max() > 50.0


@pytest.mark.parametrize(
    ("code", "curve", "form"),
    [
        ("attendance_goal", {0: 5}, "stream"),
        ("attendance_goal", {0: 5}, "mixed"),
        ("attendance_goal_falls", {0: 5, 9: 4}, "persons"),
    ],
)
def test_a_goals_curve_that_cannot_be_is_refused(small_city: City, code: str, curve, form: str) -> None:
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=5, **FORMS[form]).check(
            with_train(with_hall(small_city)), curves(hall__train=curve), clock(10)
        )
    assert error.value.code == code and "hall/train" in error.value.message("zh")


def test_rows_of_another_place_change_nothing(city: City) -> None:
    """People come evenly over the time since the last number of their own place."""
    own = {0: 0, 100: 100}
    alone = Crowd("hall").simulate(city, curves(hall__back=own), clock(100), rng=stream(1, "crowd"))
    beside = curves(hall__back=own, s1={0: 5, 70: 6, 90: 7})
    out = Crowd("hall").simulate(city, beside, clock(100), rng=stream(1, "crowd"))
    assert out.counts["where"][2.0].iloc[5] == pytest.approx(50, abs=2)
    pd.testing.assert_frame_equal(out.counts["where"], alone.counts["where"])


def test_sources_of_which_nobody_says_anything_are_named(city: City) -> None:
    out = Crowd("hall").simulate(city, curves(hall__back={0: 5}), clock(10), rng=stream(1, "crowd"))
    assert out.counts["where"][2.0].iloc[0] == 5 and dict(out.notes)["attendance_silent"] == {"sources": ["hall/floor"]}
    sheet("crowd")
    assert all(
        "hall/floor" in say("note.crowd.attendance_silent", lang=lang, sources=["hall/floor"]) for lang in ("zh", "en")
    )


@pytest.mark.parametrize(
    ("code", "forcing", "model"),
    [
        ("attendance_shared", {"hall": {0: 5}, "hall__back": {0: 5}, "hall__floor": {0: 5}}, {}),
        ("crowd_twice", {"hall__back": {0: 5}}, {"persons": 3}),
        ("venue_too_many", {"hall": {0: 5}, "hall__back": {0: 900}}, {}),
    ],
)
def test_what_cannot_be_is_refused(city: City, code: str, forcing, model) -> None:
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", **model).simulate(city, curves(**forcing), clock(10))
    assert error.value.code == code and error.value.message("zh") and error.value.message("en")


@pytest.mark.parametrize("form", FORMS)
def test_sources_on_one_another_can_be_told_apart_as_persons_only(small_city: City, form: str) -> None:
    city = of_two(small_city, shapely.box(X + 3, Y + 0.5, X + 9, Y + 9.5))
    model, forcing = Crowd("hall", **FORMS[form]), curves(hall={0: 5}, hall__back={0: 5})
    if form == "persons":
        model.check(city, forcing, clock(10))
        return
    with pytest.raises(ScenarioError) as error:
        model.check(city, forcing, clock(10))
    assert error.value.code == "attendance_mixed" and "hall/back" in error.value.message("en")


def test_a_scenario_names_sources_as_places(city: City, tmp_path: Path) -> None:
    """From rows of a scenario to the report; what is said of a venue at which nothing of the scenario stands is told to change nothing."""
    yard = city.venues.assign(venue="yard", id=city.venues["id"].str.replace("hall", "yard"))
    place = city.facilities[city.facilities["id"] == "hall"].assign(id="yard", name_en="Yard")
    both = {"venues": [city.venues, yard], "facilities": [city.facilities, place]}
    both = {name: gpd.GeoDataFrame(pd.concat(rows, ignore_index=True), crs=yard.crs) for name, rows in both.items()}
    save_folder(replace(city, **both), tmp_path / "town")
    rows = [{"place": "hall", "persons": 30}, {"place": "hall/back", "persons": 0}]
    rows += [{"place": "hall/back", "persons": 20, "at": "18:01"}, {"place": "yard/back", "persons": 9}]
    raw = {
        "schema": 1, "name": {"zh": "礼堂", "en": "Hall"}, "city": "town", "start": "2026-06-20T18:00+08:00", "hours": 0.05,
        "output_minutes": 0.5, "forcing": {"attendance": rows}, "hazards": [{"crowd": {"venue": "hall"}}], "seed": 7,
    }  # fmt: skip
    (tmp_path / "evening.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    case = sc.load(tmp_path / "evening.yaml")
    run = sc.run(case, fresh=True)
    inside = run.exposure["crowd"].counts["where"]["people"].iloc[:, 1]
    assert inside.tolist()[:3] == [30, pytest.approx(40, abs=1), pytest.approx(50, abs=1)]
    page = (run.folder / "report.html").read_text("utf-8")
    assert "what the forcing says of it changes nothing" in page and "20 persons" in page
    with pytest.raises(ScenarioError, match="hall/back") as error:
        case.with_changes(forcing={"attendance": [{"place": "hall/bak", "persons": 3}]}).check()
    assert error.value.code == "forcing_place"


@pytest.mark.parametrize(
    ("model", "forcing", "told"),
    [
        ({"persons": 401}, {}, {"most": 401, "capacity": 400}),
        ({"persons": 400}, {}, None),
        ({}, curves(hall={0: 10, 20: 260, 25: 0}, hall__back={0: 0, 25: 160, 26: 0}), {"most": 420, "capacity": 400}),
        ({}, curves(hall={0: 10, 20: 260, 21: 0}, hall__back={0: 0, 21: 0, 40: 160}), None),
        ({}, curves(hall={0: 10, 500: 900}), None),
    ],
)
def test_more_people_at_one_time_than_the_venue_holds_are_told(city: City, model, forcing, told) -> None:
    """Nothing of the run changes; who is to come after its end does not count."""
    form = {"form": "stream", "stream_cell_m": 0.5}
    out = Crowd("hall", **model, **form).simulate(city, forcing, clock(40), rng=stream(1, "crowd"))
    assert dict(out.notes).get("capacity") == told
    sheet("crowd")
    for lang in ("zh", "en") if told else ():
        assert str(told["most"]) in say("note.crowd.capacity", lang=lang, **told)


def test_where_nobody_says_what_a_venue_holds_nothing_is_compared(city: City) -> None:
    for capacity in (0.0, np.nan, None):
        unknown = replace(city, facilities=city.facilities.assign(capacity=capacity))
        out = Crowd("hall", persons=450, form="stream", stream_cell_m=0.5).simulate(unknown, {}, clock(10))
        assert "capacity" not in dict(out.notes)


def test_who_comes_later_finds_room_between_those_who_stand_there(small_city: City) -> None:
    """The hall's floor of some 85 m2 holds 200 people; 100 more come while nobody leaves: 3.5 persons/m2."""
    venue = with_hall(small_city)
    forcing = curves(hall={0: 200, 20: 300, 3000: 300})
    out = Crowd("hall").simulate(venue, forcing, clock(30), rng=stream(1, "crowd"))
    assert out.counts["where"].iloc[-1].tolist() == [0.0, 300.0, 0.0], "waiting outside, inside, left"
    assert out.fields["contact_force"].max() < 156.0, "nobody is set upon another"
