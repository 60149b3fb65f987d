"""Those who cannot leave alone, those who stay, who knows what, and what they breathe."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from evacuation.movement.movement import Movement
from evacuation.movement.people.masts import lost_from
from evacuation.movement.people.rooms import Rooms
from evacuation.movement.people.shuttles import Stop, board, call_back
from evacuation.movement.proofs import worlds
from evacuation.movement.record import STATES
from evacuation.movement.roads.routes import Routes, parted
from twin.errors import ScenarioError
from twin.hazard import Action
from twin.streams import stream

ALL = Movement(zones="all", mean_delay_min=5.0)


def with_place(city, kind: str, capacity: float = 0.0, x: float = 150.0, y: float = 150.0, **columns):
    """Return a city with one more facility, so many metres east and south of its north-western corner."""
    point = shapely.Point(worlds.WEST + x, worlds.NORTH - y)
    row = {"id": f"{kind}-1", "kind": kind, "name_zh": kind, "name_en": kind, "capacity": capacity, **columns}
    more = gpd.GeoDataFrame([row], geometry=[point], crs=worlds.CRS)
    return replace(city, facilities=pd.concat([city.facilities, more], ignore_index=True))


@pytest.fixture(scope="module")
def town():
    return worlds.town(5, shelter_places=400.0, people=20.0)


@pytest.fixture(scope="module")
def aged(town):
    """A town with a home for the aged of twelve people in block b0, with four of staff: one is ready each five minutes."""
    return with_place(town, "care_home", 12.0, staff=4.0)


def leave(city, model=ALL, drivers=None, actions=(), hours=1.0):
    return model.simulate(city, drivers or {}, worlds.clock(hours), actions, stream(7, "movement"))


def state(found, name: str):
    return found.counts["end_state"].iloc[:, STATES.index(name)]


def test_those_who_cannot_leave_alone_are_never_safe_until_they_are_fetched(aged) -> None:
    left = leave(aged, replace(ALL, warning="23:20"))
    assert state(left, "awaits_transport").tolist() == [0.0] * 4 + [12.0] * 9, "from the order on"
    assert left.balance.came_in["in_care"] == 12.0 and left.balance.error == 0.0
    row = left.tables["in_care"].iloc[0]
    assert (row["people"], row["waiting"], row["fetched"], row["by_s"]) == (12.0, 12.0, 0.0, 1200.0)
    assert ("in_care", {"people": 12, "waiting": 12, "names": [aged.place_name("care_home-1")]}) in [
        (code, {**v, "people": 12, "waiting": 12}) for code, v in left.notes
    ]
    other = leave(aged, replace(ALL, zones=("b3",)))
    assert not state(other, "awaits_transport").any() and not len(other.tables["in_care"]), "their block stays"


def test_vehicles_fetch_them_as_fast_as_the_staff_makes_them_ready(aged) -> None:
    """Four in an hour and a half of one vehicle with a place for each: the first is ready after 300 s and takes 120 s to load."""
    send = Action("transport", "care_home-1", 0.0, None, {"vehicles": 12.0, "places": 1.0})
    found = leave(aged, actions=(send,), hours=1.5)
    row = found.tables["in_care"].iloc[0]
    assert row["first_s"] == pytest.approx(300.0 + 120.0) and row["last_s"] == pytest.approx(12 * 300.0 + 120.0)
    assert row["waiting"] == 0.0 and not state(found, "awaits_transport").iloc[-1]
    arrays = found.state.arrays
    assert np.isfinite(arrays["traveller_safe"][arrays["home_care"] == 0]).all()
    few = leave(aged, actions=(replace(send, values={"vehicles": 1.0, "places": 2.0}),), hours=1.5)
    assert 0.0 < few.tables["in_care"]["fetched"].iloc[0] <= 12.0
    assert few.tables["in_care"]["last_s"].iloc[0] > row["last_s"] or few.tables["in_care"]["waiting"].iloc[0] > 0.0
    assert found.tables["bound"]["gap"].iloc[0] >= 1.0


def test_rescue_vehicles_get_through_water_that_stops_cars(aged) -> None:
    clock = worlds.clock(1.0)
    send = Action("transport", "care_home-1", 0.0, None, {"vehicles": 12.0, "places": 1.0})
    for depth, fetched in ((0.5, 11.0), (0.65, 0.0)):
        flood = {"water_depth": worlds.water(aged, clock, np.full(13, depth))}
        found = leave(aged, replace(ALL, zones=("b0",)), flood, (send,))
        assert found.tables["in_care"]["fetched"].iloc[0] == fetched
        assert found.fields["road_closed"].sel(edge="r0-0-0").all(), "cars do not get through"


def test_a_home_with_vehicles_of_its_own_needs_none_sent(aged) -> None:
    own = replace(aged, facilities=aged.facilities.assign(vehicles=6.0, vehicle_places=2.0))
    assert leave(own, hours=1.5).tables["in_care"]["fetched"].iloc[0] == 12.0


def stop(vehicles: int, seats: float) -> Stop:
    return Stop(0, -1, 0, 0, np.full(vehicles, seats), np.full(vehicles, np.inf), np.zeros(vehicles))


def test_a_bus_leaves_when_it_is_full_or_the_first_has_waited_ten_minutes() -> None:
    """Riders of two each 100 s; four seats: full at 100 s, 12 s to board; then at 300 s; the last pair waits for nobody."""
    ready = np.array([0.0, 100.0, 200.0, 300.0, 400.0])
    two = stop(3, 4.0)
    found = board(two, np.arange(5), ready, np.full(5, 2.0), 0.0, 1000.0)
    assert found.when.tolist() == [112.0, 112.0, 312.0, 312.0, 406.0]
    assert found.vehicle.tolist() == [0, 0, 1, 1, 2] and np.isinf(two.back_s).all()
    slow = board(stop(1, 60.0), np.arange(2), np.array([0.0, 5000.0]), np.full(2, 2.0), 0.0, 9000.0)
    assert slow.who.tolist() == [0] and slow.when.tolist() == [606.0], "nobody is kept waiting for hours"


def test_boarding_in_steps_is_boarding_at_once() -> None:
    ready, persons = np.sort(np.random.default_rng(1).uniform(0.0, 900.0, 40)), np.full(40, 2.0)
    whole, parts = stop(6, 10.0), stop(6, 10.0)
    at_once = board(whole, np.arange(40), ready, persons, 0.0, 1800.0)
    who, when = [], []
    for t in np.arange(0.0, 1800.0, 60.0):
        waiting = np.setdiff1d(np.arange(40), np.array(who, dtype=int))
        some = board(parts, waiting, ready[waiting], persons[waiting], t, t + 60.0)
        who += some.who.tolist()
        when += some.when.tolist()
    assert who == at_once.who.tolist()
    np.testing.assert_allclose(when, at_once.when, rtol=1e-12)


def test_a_vehicle_comes_back_by_the_roads_of_the_moment_or_waits_for_one() -> None:
    """The last rider is set down at 500 s, turning takes 120 s, the way back 80 s; while no way is open it stays."""
    one = stop(1, 4.0)
    one.back_s[:] = np.inf
    vehicle, link, safe = np.zeros(2, np.int32), np.array([-2, -2], np.int32), np.array([400.0, 500.0])
    call_back(one, vehicle, link, safe, np.full(2, np.inf), 600.0)
    assert np.isinf(one.back_s[0])
    call_back(one, vehicle, np.array([-2, 3], np.int32), safe, np.full(2, 80.0), 600.0)
    assert np.isinf(one.back_s[0]), "one of them is still on the way"
    call_back(one, vehicle, link, safe, np.full(2, 80.0), 600.0)
    assert one.back_s[0] == 700.0


def test_who_is_kept_inside_leaves_when_that_ends(town) -> None:
    inside = Action("stay_inside", "b0", 0.0, 1800.0)
    found = leave(town, actions=(inside,))
    zones = found.tables["zones"].set_index("id")
    assert zones.loc["b0", "ordered_s"] == 1800.0 and zones.loc["b1", "ordered_s"] == 0.0
    arrays = found.state.arrays
    mine = arrays["home_block"] == 0
    assert np.nanmin(arrays["traveller_left"][mine]) >= 1800.0
    late = leave(town, actions=(replace(inside, start_s=300.0),)).state.arrays
    left = late["traveller_left"][mine]
    assert np.nanmin(left) < 300.0 and not ((left > 900.0) & (left < 1800.0)).any(), "queues of those before have gone"
    never = leave(town, actions=(replace(inside, end_s=None),))
    assert never.tables["zones"].set_index("id").loc["b0", "leaving"] == 0.0
    assert state(never, "at_home").iloc[-1] > zones.loc["b0", "people"] - 1.0


def test_a_further_shelter_takes_people_from_when_it_opens() -> None:
    town = with_place(worlds.town(5, shelter_places=50.0, people=20.0), "school", x=300.0, y=300.0)
    opened = Action("open_shelter", "school-1", 600.0, None, {"places": 300.0})
    found = leave(town, actions=(opened,), hours=2.0)
    row = found.tables["shelters"].set_index("id").loc["school-1"]
    assert row["capacity"] == 300.0 and 0.0 < row["taken"] <= 300.0 and row["first_s"] >= 600.0
    assert "school-1" not in set(found.tables["openings"]["id"]), "its task is that of the measure"
    assert "school-1" not in set(leave(town).tables["shelters"]["id"])


def test_a_hospital_of_which_no_figure_is_known_is_told_and_not_taken_for_empty(town) -> None:
    unknown = leave(with_place(town, "hospital", np.nan))
    assert dict(unknown.notes)["care_unknown"] == {"count": 1, "names": [{"zh": "hospital", "en": "hospital"}]}
    assert "care_unknown" in dict(leave(with_place(town, "hospital", 0.0)).notes), "no beds are no figure"
    for known in (with_place(town, "hospital", 3.0), with_place(town, "hospital", 0.0, in_care=0.0)):
        assert "care_unknown" not in dict(leave(known).notes)


def test_a_measure_where_nobody_leaves_is_told(town, aged) -> None:
    bus, van = {"buses": 2.0, "seats": 40.0}, {"vehicles": 1.0, "places": 4.0}
    asked = (
        Action("bus", "b1", 0.0, None, bus),
        Action("transport", "care_home-1", 0.0, None, van),
        Action("bus", "b2", 0.0, None, bus),
    )
    told = dict(leave(aged, replace(ALL, zones=("b2",)), actions=asked).notes)
    assert told["measures_idle"] == {"names": [aged.place_name(i) for i in ("b1", "care_home-1")]}
    assert "measures_idle" not in dict(leave(aged, actions=asked).notes)


def test_a_held_turn_sends_cars_another_way_and_lets_walkers_pass(town) -> None:
    """Everybody of the north goes out by the northern road; a post at its junction holds those who come up the middle street."""
    town = replace(town, facilities=town.facilities.iloc[:0])
    plain = leave(town)
    up, out = "r0-2-1", "out-n"
    held = leave(town, actions=(Action("hold_turn", up, 0.0, None, {"turn_deg": 0.0}),))

    def straight(found) -> set[str]:
        """Return how those go who come up the middle street and drive straight on out of the city."""
        path = found.tables["trajectories"]
        follows = (path["party"] == path["party"].shift(-1)) & (path["id"].shift(-1) == out)
        return set(path.loc[follows & (path["id"] == up) & path["reverse"], "by"])

    assert straight(plain) == {"car", "foot"} and straight(held) == {"foot"}
    assert held.tables["bound"]["gap"].iloc[0] >= 1.0 and at_goal(held) == at_goal(plain), "they find another way"
    assert dict(held.notes)["held_turns"] == {"names": [town.place_name(up)]}


def test_a_turn_that_the_roads_bar_is_as_one_held_all_the_time(town) -> None:
    """Straight on out of the city from the middle street; rescue vehicles may, cars and buses not; a bus comes back to its stop there."""
    town = replace(town, facilities=town.facilities.iloc[:0])
    bars = np.where(town.roads["id"] == "r0-2-1", "u out-n; v gone", "")
    bus = (Action("bus", "b0", 0.0, None, {"buses": 1.0, "seats": 20.0}),)
    barred = leave(replace(town, roads=town.roads.assign(no_turn=bars)), actions=bus)
    held = leave(town, actions=(*bus, Action("hold_turn", "r0-2-1", 0.0, None, {"turn_deg": 0.0})))
    for name in ("trajectories", "zones", "last_departures", "clearing", "buses"):
        pd.testing.assert_frame_equal(barred.tables[name], held.tables[name])
    assert len(barred.tables["buses"]) and not barred.tables["trajectories"].equals(
        leave(town, actions=bus).tables["trajectories"]
    )


def test_a_held_turn_counts_for_the_last_departure_of_cars_alone(town) -> None:
    """Only the northern road stays open; it is reached by the middle street, straight on, which cars may not go."""
    town = replace(town, facilities=town.facilities.iloc[:0])
    shut = tuple(Action("close_road", road, 1800.0) for road in ("out-w", "out-e", "out-s"))
    shut += tuple(Action("close_road", road) for road in ("r0-1-0", "r0-2-0"))
    turn = Action("hold_turn", "r0-2-1", 0.0, None, {"turn_deg": 0.0})
    later = replace(turn, start_s=1200.0)
    left = [leave(town, actions=(*shut, *more)).tables["zones"]["last_departure_s"] for more in ((), (turn,), (later,))]
    assert left[0].isna().all(), "by the northern road everybody can leave whenever they like"
    assert (left[1] < 1800.0).all() and (left[2] < 1800.0).all()
    on_foot = replace(town, population=town.population.assign(car_share=0.0))
    assert leave(on_foot, actions=(*shut, turn)).tables["zones"]["last_departure_s"].isna().all(), (
        "walkers are not held"
    )


def at_goal(found) -> float:
    return float(found.counts["end_state"].iloc[-1, :2].sum())


def test_a_turn_is_only_held_where_there_is_another(town) -> None:
    with pytest.raises(ScenarioError) as caught:
        leave(town, actions=(Action("hold_turn", "out-n", 0.0, None, {"turn_deg": 0.0}),))
    assert caught.value.code == "movement_turn" and caught.value.message("zh") and caught.value.message("en")


def test_approaches_by_plan_share_out_the_ways_out() -> None:
    """All people live in the north-west: by the nearest way they crowd two of the four roads out; by plan all four are used."""
    town = worlds.town(6, shelter_places=0.0, people=60.0)
    corner = town.population.geometry.centroid.x + (worlds.NORTH - town.population.geometry.centroid.y)
    town = replace(town, population=town.population[(corner < worlds.WEST + 900.0).values].assign(car_share=1.0))
    model = replace(ALL, mean_delay_min=1.0, informed=0.0)
    plain = leave(town, model, hours=3.0)
    planned = leave(town, model, actions=(Action("assign_approaches", "*"),), hours=3.0)
    used = []
    for found in (plain, planned):
        path = found.tables["trajectories"]
        used.append(path.loc[path["id"].str.startswith("out-"), "id"].value_counts())
        assert found.balance.error == 0.0 and found.tables["bound"]["gap"].iloc[0] >= 1.0
    assert used[1].max() / used[1].sum() < used[0].max() / used[0].sum()
    posts = planned.tables["control_points"]
    assert len(posts) and (posts["people"].diff().dropna() <= 0.0).all() and (posts["by_s"] == 0.0).all()
    assert not len(plain.tables["control_points"]), "no plan, nobody to direct"
    assert planned.tables["bound"]["t95_s"].iloc[0] < 0.9 * plain.tables["bound"]["t95_s"].iloc[0]


def test_people_are_directed_where_their_way_parts_from_the_fastest() -> None:
    """From 0 two roads lead to the goal 2: link 0 straight, links 1 and 2 by node 1. Three go by plan the long way, two the short one."""
    none = np.zeros(0, np.int64)
    routes = Routes(
        3, np.array([2, 1, 2], np.int32), np.arange(3, dtype=np.int32), np.array([0, 0, 1], np.int32), np.arange(3, dtype=np.int32), (none, none),
        np.zeros(3, bool), (), np.arange(2), np.array([-1, 2]), none, none,
    )  # fmt: skip
    cost, lead = np.array([[10.0, 5.0, 0.0], [20.0, 5.0, 0.0]]), np.array([[0, 2, -2], [1, 2, -2]], np.int32)
    assert parted(routes, cost, lead, np.array([[2.0, 0.0, 0.0], [3.0, 1.0, 0.0]])).tolist() == [0.0, 3.0, 0.0]


def test_approaches_of_a_shelter_give_out_its_places_once() -> None:
    town = worlds.town(5, shelter_places=200.0, people=40.0)
    found = leave(town, actions=(Action("assign_approaches", "*"),), hours=2.0)
    shelters = found.tables["shelters"]
    assert (shelters["taken"] <= shelters["capacity"]).all() and (shelters["taken"] > 0.0).all()
    assert (found.fields["shelter_fill"].values <= 1.0).all()
    assert at_goal(found) == pytest.approx(at_goal(leave(town, hours=2.0)), abs=3.0)


def test_who_is_told_goes_by_the_last_bulletin() -> None:
    """The western and the northern way out shut after ten minutes; the bulletin of half an hour does not know of it, none needs one."""
    town = worlds.town(6, shelter_places=0.0, people=10.0)
    shut = tuple(Action("close_road", f"out-{side}", 600.0, None) for side in "wn")
    slow = replace(ALL, mean_delay_min=20.0)

    def took(model) -> float:
        arrays = leave(town, model, actions=shut, hours=2.0).state.arrays
        return float(np.nansum(arrays["traveller_safe"] - arrays["traveller_left"]))

    now = took(slow)
    often, seldom = (took(replace(slow, informed=0.0, told=1.0, bulletin_min=m)) for m in (1.0, 120.0))
    assert often == pytest.approx(now, rel=0.02) and seldom > 1.02 * now


def test_who_hears_nothing_more_goes_by_habit() -> None:
    town = worlds.town(6, shelter_places=0.0, people=10.0)
    shut = tuple(Action("close_road", f"out-{side}", 0.0, None) for side in "wn")
    masts = with_place(town, "mast")
    arrays = [
        leave(city, replace(ALL, informed=share), actions=(*shut, *lost), hours=2.0).state.arrays["traveller_safe"]
        for city, share, lost in (
            (town, 0.0, ()), (masts, 1.0, (Action("lose_mast", "mast-1"),)), (town, 1.0, ()), (masts, 1.0, ()),
        )
    ]  # fmt: skip
    np.testing.assert_array_equal(arrays[0], arrays[1])
    np.testing.assert_array_equal(arrays[2], arrays[3])
    assert (arrays[0] != arrays[2]).any()


def test_a_mast_fails_when_water_stands_at_it(town) -> None:
    """The mast stands in the west, where half a metre of water comes after ten minutes."""
    clock = worlds.clock(1.0)
    flood = {"water_depth": worlds.water(town, clock, np.where(np.arange(13) >= 2, 0.5, 0.4))}
    assert set(lost_from(with_place(town, "mast"), flood, clock, ())) == {600.0}
    assert set(lost_from(with_place(town, "mast", x=900.0), flood, clock, ())) == {np.inf}
    assert set(lost_from(town, flood, clock, ())) == {np.inf}, "no masts, nothing to lose"


def test_guidance_that_nobody_follows_changes_nothing() -> None:
    town = worlds.town(6, shelter_places=300.0, people=20.0)
    plan = (Action("assign_shelters", "*"),)
    plain = leave(town).state.arrays["traveller_safe"]
    none = leave(town, replace(ALL, guided=0.0), actions=plan).state.arrays["traveller_safe"]
    np.testing.assert_array_equal(plain, none)
    assert (leave(town, actions=plan).state.arrays["traveller_safe"] != plain).any()


def test_rooms_let_in_what_the_air_changes_bring() -> None:
    """At a steady rate r and k air changes a second: load = r (t - (1 - exp(-k t)) / k); after the cloud r (1 - exp(-k t)) / k more."""
    rate, changes, t = 2e-3, 1.0 / 7200.0, 3600.0
    nothing = (np.zeros(1), np.full((1, 1), np.nan), np.zeros(1))
    rooms = Rooms(np.array([0.0, t]), np.array([[rate], [0.0]]), np.zeros(1), np.zeros(1), np.ones(1), *nothing)
    for k in range(60):
        rooms.advance(60.0 * k, 60.0, changes)
    inside = 1.0 - np.exp(-changes * t)
    assert rooms.load[0] == pytest.approx(rate * (t - inside / changes), rel=1e-12)
    for k in range(60, 60 * 200):
        rooms.advance(60.0 * k, 60.0, changes)
    assert rooms.load[0] == pytest.approx(rate * t, rel=1e-6), "all that came in goes through the room in the end"


def test_a_load_indoors_that_is_known_is_kept(town) -> None:
    """The bound is brought down to what the release counts for those who stay; who leaves has the same share of it."""
    cloud = worlds.cloud(town, worlds.clock(1.0), 1e-4)
    whole = cloud.isel(time=0, drop=True).rename("indoor_dose") * 0.0 + 0.01
    free, known = (leave(town, drivers={"toxic_dose_rate": cloud} | more) for more in ({}, {"indoor_dose": whole}))
    stays = [found.tables["doses"].set_index(["group", "part"]).loc[("at_home", "home")] for found in (free, known)]
    assert stays[1]["p5"] == pytest.approx(0.01) and stays[1]["most"] == pytest.approx(0.01)
    ratio = known.state.arrays["home_dose"] / free.state.arrays["home_dose"]
    assert np.nanmax(np.abs(ratio - 0.01 / stays[0]["most"])) < 1e-9


def test_the_load_at_home_ends_when_people_set_out_and_is_told_by_group(town) -> None:
    """Without a cloud's way to walk through, who stays has the room's load; who leaves at t has the room's load at t."""
    clock = worlds.clock(1.0)
    cloud = {"toxic_dose_rate": worlds.cloud(town, clock, 1e-4)}
    found = leave(town, drivers=cloud)
    arrays = found.state.arrays
    gone = ~np.isnan(arrays["home_dose"])
    changes = ALL.air_changes_shut / 3600.0

    def load(t):
        return 1e-4 * (t - (1.0 - np.exp(-changes * t)) / changes)

    set_out = arrays["home_delay_s"][gone]
    np.testing.assert_allclose(arrays["home_dose"][gone], load(set_out), atol=1e-4 * 60.0 * changes * 60.0)
    doses = found.tables["doses"].set_index(["group", "part"])
    assert doses.loc[("at_home", "home"), "p50"] == pytest.approx(load(3600.0))
    assert (doses.loc[("at_home", "way"), ["mean", "most"]] == 0.0).all()
    for group in ("everybody", "car", "foot"):
        row = doses.loc[(group, "all")]
        assert row["p5"] <= row["p25"] <= row["p50"] <= row["p75"] <= row["p95"] <= row["most"]
        assert row["mean"] == pytest.approx(doses.loc[(group, "home"), "mean"] + doses.loc[(group, "way"), "mean"])
    stayed = found.tables["zones"]["load_stayed"]
    assert stayed.values == pytest.approx(load(3600.0)), "what staying costs stands beside what leaving costs"
    assert (found.counts["dose"].sum(axis=1) == found.balance.came_in["population"]).all()


def test_who_knows_of_the_cloud_shuns_it_when_the_detour_is_worth_it(town) -> None:
    """A cloud stands over the west: those who shun it carry less on the way than those who take the fastest road."""
    town = replace(town, facilities=town.facilities.iloc[:0])
    clock = worlds.clock(1.0)
    cloud = worlds.water(town, clock, np.full(13, 2e-3)).rename("toxic_dose_rate")
    cloud.attrs.update({"units": "s-1", "tags": "dose_rate harms_people"})
    loads = []
    for worth in (0.0, 60.0):
        found = leave(town, replace(ALL, dose_detour_min=worth), {"toxic_dose_rate": cloud})
        doses = found.tables["doses"].set_index(["group", "part"])
        loads.append(doses.loc[("foot", "way"), "mean"])
    assert loads[1] < 0.9 * loads[0]


def test_paths_are_told_road_by_road(town) -> None:
    """Each road begins where the one before ends, is left when the next is entered, and takes its free time at least."""
    found = leave(town)
    path, arrays = found.tables["trajectories"], found.state.arrays
    roads = town.roads.set_index("id")
    ends = np.where(
        path["reverse"].values[:, None], roads.loc[path["id"], ["v", "u"]], roads.loc[path["id"], ["u", "v"]]
    )
    same = (path["party"].values[1:] == path["party"].values[:-1]).nonzero()[0]
    assert len(same) and (ends[same, 1] == ends[same + 1, 0]).all()
    np.testing.assert_array_equal(path["leave_s"].values[same], path["enter_s"].values[same + 1])
    free = roads.geometry.length[path["id"]].values / np.where(path["by"] == "foot", ALL.walk_m_s, 10.0)
    assert (path["leave_s"] - path["enter_s"] >= free - 1e-6).mean() > 0.9, (
        "within a step a wait is told on the road before"
    )
    last = path.groupby("party")["leave_s"].last()
    arrived = arrays["traveller_safe"][np.isfinite(arrays["traveller_safe"])]
    assert np.isin(np.round(last.dropna(), 6), np.round(arrived, 6)).all(), "moments of arrival are exact"


def test_bad_input_of_people_is_one_clear_sentence(town, aged) -> None:
    for code, city, model, action in (
        ("movement_shares", town, replace(ALL, told=0.5), None),
        ("movement_transport", town, ALL, Action("transport", "b0", values={"vehicles": 1.0, "places": 2.0})),
        ("movement_stay_inside", town, ALL, Action("stay_inside", "out-w")),
        ("movement_open_shelter", town, ALL, Action("open_shelter", "s0", values={"places": 9.0})),
        ("movement_lose_mast", town, ALL, Action("lose_mast", "s0")),
        ("movement_everywhere", town, ALL, Action("bus_fleet", "b0", values={"buses": 2.0, "seats": 20.0})),
        ("movement_everywhere", town, ALL, Action("assign_shelters", "b0")),
        ("movement_hold_turn", town, ALL, Action("hold_turn", "b0", values={"turn_deg": 0.0})),
        ("movement_care", replace(aged, facilities=aged.facilities.assign(staff=-1.0)), ALL, None),
    ):
        with pytest.raises(ScenarioError) as caught:
            leave(city, model, actions=(action,) if action else ())
        assert caught.value.code == code and caught.value.message("zh") and caught.value.message("en")


def test_what_is_wrong_with_a_city_is_found_before_anything_is_simulated(aged) -> None:
    inland = aged.roads[~aged.roads["id"].str.startswith("out-")]
    for code, city, action in (
        ("movement_road", replace(aged, roads=aged.roads.assign(lanes=-1)), None),
        ("movement_shelter", replace(aged, facilities=aged.facilities.assign(capacity=-5.0)), None),
        ("movement_care", replace(aged, facilities=aged.facilities.assign(in_care=-1.0)), None),
        ("movement_no_goal", replace(aged, roads=inland, facilities=aged.facilities.iloc[2:]), None),
        ("movement_turn", aged, Action("hold_turn", "out-n", values={"turn_deg": 0.0})),
    ):
        with pytest.raises(ScenarioError) as caught:
            ALL.check(city, {}, worlds.clock(1.0), (action,) if action else ())
        assert caught.value.code == code
    with pytest.raises(ScenarioError) as caught:
        replace(ALL, warning="22:00").check(aged, {}, worlds.clock(1.0))
    assert caught.value.code == "movement_warning"


def test_a_split_run_keeps_who_is_aboard_and_what_is_known(aged) -> None:
    clock = worlds.clock(1.0)
    drivers = {"toxic_dose_rate": worlds.cloud(aged, clock, 1e-4)}
    model = replace(ALL, informed=0.3, told=0.4, bulletin_min=20.0)
    plan = (
        Action("transport", "care_home-1", 0.0, None, {"vehicles": 1.0, "places": 2.0}),
        Action("bus", "b3", 0.0, None, {"buses": 2.0, "seats": 20.0}),
        Action("assign_approaches", "*"),
        Action("hold_turn", "r0-2-1", 0.0, None, {"turn_deg": 0.0}),
    )
    whole = model.simulate(aged, drivers, clock, plan, stream(7, "movement"))
    first = model.simulate(aged, drivers, clock.first(1500.0), plan, stream(7, "movement"))
    second = model.simulate(aged, drivers, clock.after(1500.0), plan, stream(9, "other"), first.state)
    for name, array in whole.state.arrays.items():
        np.testing.assert_array_equal(array, second.state.arrays[name], err_msg=name)
