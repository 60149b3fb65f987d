"""Movement on a small town: who leaves, where they go, what stops them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import scenarios as sc
from evacuation.movement.movement import Movement
from evacuation.movement.people.households import delays
from evacuation.movement.proofs import worlds
from evacuation.movement.record import STATES
from evacuation.movement.report import headline
from evacuation.movement.roads.goals import goals_of
from evacuation.movement.roads.network import network_of
from evacuation.movement.roads.routes import routes_of
from scenarios.case import hazards
from twin.city import empty_table
from twin.errors import ContractError, ScenarioError
from twin.exposure.people import Moving
from twin.hazard import Action, Hazard, State
from twin.streams import stream
from twin.words import say, written

ALL = Movement(zones="all", mean_delay_min=5.0)


@pytest.fixture(scope="module")
def town():
    return worlds.town(5, shelter_places=200.0, people=40.0)


def leave(town, model=ALL, drivers=None, actions=(), hours=1.0, seed=7):
    return model.simulate(town, drivers or {}, worlds.clock(hours), actions, stream(seed, "movement"))


def at_end(found, state: str) -> float:
    """Return the people in a state when the run ends."""
    return float(found.counts["end_state"].iloc[-1, STATES.index(state)])


def codes(found):
    return [code for code, _ in found.notes]


def test_the_model_keeps_the_protocol() -> None:
    assert isinstance(ALL, Hazard) and hazards.model_class("movement") is Movement


def test_everybody_is_in_one_state_at_every_time(town) -> None:
    found = leave(town)
    states = found.counts["end_state"]
    population = found.balance.came_in["population"]
    assert (states.sum(axis=1) == population).all() and population == round(town.population["night"].sum())
    assert found.balance.error == 0.0
    assert states.iloc[0, 2] == population, "at the start everybody is at home"
    home = (found.fields["people_at_home"].values * town.population["night"].values).sum(axis=1)
    np.testing.assert_allclose(home, states.iloc[:, 2], atol=0.5)
    np.testing.assert_allclose(found.fields["people_on_edge"].sum("edge"), states.iloc[:, 3], atol=0.01)
    assert Moving.of({v.name: found.fields[v.name] for v in Movement.gives}) is not None


def test_who_finds_no_place_leaves_the_city_and_it_is_said(town) -> None:
    found = leave(town, hours=2.0)
    shelters = found.tables["shelters"]
    assert (shelters["taken"] <= shelters["capacity"]).all() and (shelters["capacity"] - shelters["taken"] < 3).all()
    assert found.counts["end_state"].iloc[-1, 0] > 0 and "too_few_places" in codes(found)
    assert (found.fields["shelter_fill"].values <= 1.0).all()
    assert found.tables["bound"]["gap"].iloc[0] >= 1.0
    curve = found.tables["clearing"]
    assert (curve["arrived"] <= curve["left"]).all() and (curve["left"] <= curve["leaving"]).all()


def test_who_is_still_on_the_way_where_and_that_no_plan_is_faster_is_said() -> None:
    full = worlds.town(5, shelter_places=0.0, people=600.0)
    found = leave(full, hours=0.5)
    told = dict(found.notes)
    queued = found.fields["people_queued"].isel(time=-1).to_series().sort_values()
    assert at_end(found, "en_route") > 0 and told["still_queued"]["names"] == [
        full.place_name(i) for i in queued.index[:-6:-1]
    ]
    bound = found.tables["bound"].iloc[0]
    assert np.isnan(bound["t95_s"]) and bound["bound_s"] > 1800.0
    assert told["needs_longer"]["run"] == 0.5 and told["needs_longer"]["hours"] * 3600.0 <= bound["bound_s"]
    done = codes(leave(worlds.town(5, people=4.0), hours=2.0))
    assert not {"still_on_way", "still_queued", "needs_longer"} & set(done)


def test_a_district_that_no_road_joins_to_the_rest_is_stranded_where_it_has_no_way_out(town) -> None:
    """The streets between the second and the third column are missing; the west has a road out and no shelter, then neither."""
    middle = worlds.WEST + 400.0
    ends = shapely.get_x(shapely.get_point(town.roads.geometry.values, [[0], [-1]]))
    apart = town.roads[~((ends.min(axis=0) < middle) & (ends.max(axis=0) > middle))].reset_index(drop=True)
    west = (town.facilities.geometry.x < middle).values
    split = replace(town, roads=apart, facilities=town.facilities[~west])
    found = leave(split, hours=2.0)
    assert dict(found.notes)["parts"] == {"count": 2} and at_end(found, "stranded") == 0.0
    assert found.fields["people_on_edge"].sel(edge="out-w").values.max() > 0, "the west leaves by its own road"
    shut = replace(split, roads=apart[apart["id"] != "out-w"].reset_index(drop=True))
    stuck = leave(shut, hours=2.0).tables["stranded"]
    assert set(stuck["id"]) == {"b0", "b2"} and set(stuck["why"]) == {"no_way"}
    assert stuck["persons"].sum() > 0.6 * 0.4 * town.population["night"].sum() * 0.66


def test_a_city_without_blocks_is_one_block_that_has_a_place(town) -> None:
    bare = replace(town, blocks=town.blocks.iloc[:0])
    (zone,) = leave(bare, hours=0.25).tables["zones"]["id"]
    assert bare.place(zone).bounds == (town.grid.west, town.grid.south, town.grid.east, town.grid.north)


def test_a_city_without_shelters_says_that_everybody_leaves_it(town) -> None:
    for city in (
        replace(town, facilities=town.facilities.iloc[:0]),
        replace(town, facilities=town.facilities.assign(capacity=0)),
    ):
        told = codes(leave(city, hours=0.25))
        assert "no_shelter" in told and "too_few_places" not in told


def test_only_the_zones_asked_for_leave_and_later_if_they_are_held_back(town) -> None:
    held = Action("delay_zone", "b1", 0.0, None, {"delay_min": 20.0})
    found = leave(town, replace(ALL, zones=("b0", "b1")), actions=(held,))
    zones = found.tables["zones"].set_index("id")
    assert list(zones.index) == ["b0", "b1"] and zones["ordered_s"].tolist() == [0.0, 1200.0]
    assert zones["half_s"].iloc[1] > 1200.0 > zones["half_s"].iloc[0]
    share = zones["leaving"].sum() / zones["people"].sum()
    assert share == pytest.approx(0.66, abs=0.05)
    assert (
        leave(town, replace(ALL, zones=("b0",), shadow=0.3)).tables["bound"]["leaving"].iloc[0]
        > zones["leaving"].iloc[0]
    )


def test_two_plans_meet_the_same_people(town) -> None:
    one, other = leave(town), leave(town, replace(ALL, zones=("b0",)))
    for name in ("home_delay_s", "home_obeys", "home_persons"):
        np.testing.assert_array_equal(one.state.arrays[name], other.state.arrays[name])
    assert (leave(town, seed=8).state.arrays["home_delay_s"] != one.state.arrays["home_delay_s"]).any()


def test_a_warning_in_city_time(town) -> None:
    """The clock starts at 23:00 in the city."""
    found = leave(town, replace(ALL, warning="23:20"))
    assert set(found.tables["zones"]["ordered_s"]) == {1200.0}
    assert found.counts["end_state"].iloc[4, 2] == found.balance.came_in["population"], "at 23:20 nobody has left yet"


def advised(town, clock, known_s: float) -> dict[str, xr.DataArray]:
    """Return an advice that b0 leaves, which can be known from `known_s` on."""
    ids = [str(i) for i in town.blocks["id"]]
    one = np.array([i == "b0" for i in ids])
    values = {"stay_or_leave": np.where(one, 2.0, 0.0), "advice_from": np.where(one, known_s, np.nan)}
    tags = {"stay_or_leave": "advice", "advice_from": ""}
    return {n: xr.DataArray(v, {"block": ids}, ("block",), n, {"tags": tags[n]}) for n, v in values.items()}


@pytest.mark.parametrize(
    ("warning", "ordered_s", "said"), [("", 900.0, False), ("23:05", 900.0, True), ("23:30", 1800.0, False)]
)
def test_nobody_is_ordered_to_leave_before_it_can_be_known(town, warning: str, ordered_s: float, said: bool) -> None:
    clock = worlds.clock(1.0)
    model = replace(ALL, zones="auto", warning=warning)
    found = model.simulate(town, advised(town, clock, 900.0), clock, (), stream(7, "movement"))
    assert found.tables["zones"][["id", "why", "ordered_s"]].values.tolist() == [["b0", "advice", ordered_s]]
    assert found.tables["orders"]["rests_on_s"].tolist() == [900.0], "what its task rests on is not known before"
    assert ("known_later" in codes(found)) is said


def test_water_closes_roads_strands_people_and_names_the_last_departure(town) -> None:
    clock = worlds.clock(1.0)
    flood = worlds.water(town, clock, np.interp(np.arange(13), [0, 3, 4], [0.0, 0.0, 1.0]))  # the west at 23:20
    slow = replace(ALL, mean_delay_min=30.0)
    found = slow.simulate(town, {"water_depth": flood}, clock, (), stream(7, "movement"))
    west = [k for k, i in enumerate(town.roads["id"]) if i == "out-w"]
    assert found.fields["road_closed"].values[:, west].ravel().tolist() == [0] * 4 + [1] * 9
    zones, last = found.tables["zones"].set_index("id"), found.tables["last_departures"]
    assert set(last["id"]) == {"b0", "b2"} and (last["by_s"] < 1200.0).all()
    assert zones.loc["b0", "stranded"] > 0 and zones.loc["b1", "cut_off"] == False  # noqa: E712
    assert found.tables["stranded"]["persons"].sum() == at_end(found, "stranded")
    minutes = found.fields["minutes_to_harm"].sel(block="b0").values
    assert minutes[0] - minutes[1] == pytest.approx(5.0, abs=0.5), "the same moment, seen five minutes later"
    assert 0.0 < minutes[1] < 15.0 and minutes[4] == 0.0
    assert found.fields["minutes_to_harm"].sel(block="b1").values[0] == 1440.0
    assert "shelter_water" in codes(found), "the western shelter stands in water"


def test_people_poisoned_on_the_way_turn_their_block_red(town) -> None:
    """At 1/300 s AEGL-3's load takes five minutes outdoors; at home, windows shut, 35 min: sqrt(2 x 300 s x 7200 s)."""
    clock = worlds.clock(1.0)
    cloud = {"toxic_dose_rate": worlds.cloud(town, clock, 1.0 / 300.0)}
    model = replace(ALL, zones=("b0",), persons_on_foot=1)
    found = model.simulate(town, cloud, clock, (), stream(7, "movement"))
    assert at_end(found, "over_exposed") > 0
    minutes, half_hour = found.fields["minutes_to_harm"], 6
    assert minutes.sel(block="b0").values[0] == 1440.0 and minutes.sel(block="b0").values[half_hour] == 0.0
    others = minutes.sel(block=["b1", "b2", "b3"])
    assert (others[: half_hour + 1] == 1440.0).all() and (others[half_hour + 2 :] == 0.0).all()
    thin = model.simulate(town, {"toxic_dose_rate": worlds.cloud(town, clock, 1e-5)}, clock, (), stream(7, "movement"))
    assert (thin.fields["minutes_to_harm"] == 1440.0).all()


def test_the_advice_of_an_earlier_hazard_is_followed(town) -> None:
    advice = xr.DataArray(
        np.array([2, 1, 0, 0]), dims="block", coords={"block": ["b0", "b1", "b2", "b3"]}, attrs={"tags": "advice"}
    )
    before = xr.DataArray([300.0, np.nan, np.nan, np.nan], dims="block", coords={"block": ["b0", "b1", "b2", "b3"]})
    found = leave(town, replace(ALL, zones="auto"), {"stay_or_leave": advice, "leave_before": before})
    zones = found.tables["zones"]
    assert zones["id"].tolist() == ["b0"] and zones["why"].tolist() == ["advice"]
    assert 0 < zones["late"].iloc[0] < zones["leaving"].iloc[0]


def test_told_to_stay_although_it_floods_is_a_conflict_for_a_person(town) -> None:
    clock = worlds.clock(1.0)
    advice = xr.DataArray(
        [1, 1, 0, 0], dims="block", coords={"block": ["b0", "b1", "b2", "b3"]}, attrs={"tags": "advice"}
    )
    found = leave(
        town, replace(ALL, zones="auto"), {"a": advice, "water_depth": worlds.water(town, clock, np.full(13, 0.6))}
    )
    assert (
        found.tables["zones"]["id"].tolist() == ["b2"]
        and ("conflict", {"count": 1, "names": [town.place_name("b0")]}) in found.notes
    )


def test_where_all_whom_water_would_have_leave_are_advised_to_stay_the_first_page_says_so(town) -> None:
    clock, ids = worlds.clock(1.0), ["b0", "b1", "b2", "b3"]
    advice = xr.DataArray(np.ones(4), dims="block", coords={"block": ids}, attrs={"tags": "advice"})
    drivers = {"a": advice, "water_depth": worlds.water(town, clock, np.full(13, 0.6))}
    found = leave(town, replace(ALL, zones="auto"), drivers)
    assert not len(found.tables["zones"]) and "nobody_told" not in codes(found)
    assert {"all_conflict", "conflict"} <= set(codes(found))
    hazards.sheet("movement")
    (block,) = headline(SimpleNamespace(tables=found.tables), town, clock)
    assert block.style == "alarm" and "Block 0" in written(block.said, "en") and "街区0" in written(block.said, "zh")
    quiet = leave(town, replace(ALL, zones="auto"), {}, hours=0.5)
    assert not headline(SimpleNamespace(tables=quiet.tables), town, clock)


def test_nobody_leaves_when_nothing_comes(town) -> None:
    found = leave(town, Movement())
    assert "nobody_told" in codes(found) and not len(found.tables["zones"])
    assert found.counts["end_state"].iloc[-1, 2] == found.balance.came_in["population"]


def test_a_planned_assignment_makes_the_free_ways_to_the_shelters_shorter_together() -> None:
    town = worlds.town(8, shelter_places=700.0, people=20.0)
    network = network_of(town, veh_h_lane=ALL.veh_h_lane, walk_m_s=ALL.walk_m_s)
    routes = routes_of(town, network, goals_of(town, network, {}), (), {})
    cost, _ = routes.ways(network.length / network.free)
    free, planned = (leave(town, actions=a, hours=2.0) for a in ((), (Action("assign_shelters", "*"),)))

    def ways(found) -> tuple[float, float]:
        group, node, persons = (found.state.arrays[n] for n in ("traveller_group", "home_node", "home_persons"))
        sheltered = (group >= 0) & (group < routes.groups - 1)
        return float((cost[group, node] * persons)[sheltered].sum()), float(persons[sheltered].sum())

    for found in (free, planned):
        shelters = found.tables["shelters"]
        assert (shelters["taken"] <= shelters["capacity"]).all() and shelters["taken"].sum() > 0
    assert abs(ways(free)[1] - ways(planned)[1]) < 6, "a party has up to three persons"
    assert ways(planned)[0] < ways(free)[0]


def test_buses_fetch_those_without_a_car_and_take_no_more_than_their_seats(town) -> None:
    bus = Action("bus", "b0", 600.0, None, {"buses": 2.0, "seats": 30.0})
    found, plain = leave(town, actions=(bus,), hours=2.0), leave(town, hours=2.0)
    arrays = found.state.arrays
    riders = arrays["home_seats"] > 0
    assert (riders == ((arrays["home_block"] == 0) & (plain.state.arrays["home_layer"] == 1))).all()
    gone = riders & ~np.isnan(arrays["traveller_left"])
    assert gone.any() and arrays["traveller_left"][gone].min() >= 600.0, "no bus before the buses are there"
    assert (found.counts["end_state"].sum(axis=1) == found.balance.came_in["population"]).all()
    carried = found.tables["buses"].set_index("id").loc["b0", "carried"]
    assert carried == arrays["home_persons"][gone].sum() and "buses" in codes(found)
    assert found.tables["doses"].set_index(["group", "part"])["persons"]["bus", "way"] == carried
    assert found.tables["bound"]["gap"].iloc[0] >= 1.0 and (arrays["vehicle_back_s"] > 600.0).all()
    np.testing.assert_array_equal(arrays["home_obeys"], plain.state.arrays["home_obeys"], "the same people")


def test_who_is_not_informed_learns_of_a_closed_road_when_he_comes_to_it() -> None:
    """Of the four ways out the western and the northern are shut: all get out all the same, who goes by habit later."""
    town = worlds.town(6, shelter_places=0.0, people=10.0)
    shut = tuple(Action("close_road", f"out-{side}") for side in "wn")
    found = {share: leave(town, replace(ALL, informed=share), actions=shut, hours=2.0) for share in (0.0, 1.0)}
    for outcome in found.values():
        assert outcome.counts["end_state"].iloc[-1, 3:6].sum() == 0, "nobody is stranded or still on the way"
    took = [
        float(np.nansum(f.state.arrays["traveller_safe"] - f.state.arrays["traveller_left"])) for f in found.values()
    ]
    assert took[0] > took[1]
    open_roads = [leave(town, replace(ALL, informed=share)).state.arrays["traveller_safe"] for share in (0.0, 1.0)]
    assert (np.isnan(open_roads[0]) == np.isnan(open_roads[1])).all()


def test_departures_follow_their_curves(town) -> None:
    drawn = np.linspace(0.0005, 0.9995, 1000)
    rayleigh, logit = delays("rayleigh", 600.0, drawn), delays("logit", 600.0, drawn)
    assert rayleigh.mean() == pytest.approx(600.0, rel=0.01) and logit.mean() == pytest.approx(600.0, rel=0.02)
    at = 900.0
    assert (rayleigh <= at).mean() == pytest.approx(1.0 - np.exp(-np.pi / 4.0 * 1.5**2), abs=0.002)
    assert (logit <= at).mean() == pytest.approx(1.0 / (1.0 + np.exp(-2.0)), abs=0.002)
    assert leave(town, replace(ALL, departures="logit")).tables["bound"]["t50_s"].iloc[0] > 0


def test_small_faults_of_a_map_are_mended_and_told(town) -> None:
    """A road that ends a metre short of its junction, and one that leads back to where it begins."""
    roads = town.roads.copy()
    row = roads.index[roads["id"] == "out-w"][0]
    a, b = roads.geometry.loc[row].coords
    roads.loc[row, "u"] = "short"
    roads.loc[row, "geometry"] = shapely.LineString([(a[0] - 1.0, a[1]), b])
    loop = roads.iloc[[0]].assign(id="loop", v=roads["u"].iloc[0])
    found = leave(replace(town, roads=pd.concat([roads, loop], ignore_index=True)))
    assert ("roads_mended", {"gaps": 1, "loops": 1}) in found.notes
    assert found.fields["people_on_edge"].sel(edge="out-w").values.max() > 0, "the mended road is used"
    raised = replace(town, roads=roads.assign(level=(roads["id"] == "out-w").astype(int)))
    assert "roads_mended" not in codes(leave(raised)), "a bridge that ends above a junction does not meet it"


def test_lanes_turned_outward_clear_the_town_sooner() -> None:
    crowded = worlds.town(5, shelter_places=0.0, people=150.0)
    plain = leave(crowded, hours=3.0)
    turned = leave(crowded, actions=tuple(Action("contraflow", f"out-{k}") for k in "wens"), hours=3.0)
    assert turned.tables["bound"]["t95_s"].iloc[0] < 0.9 * plain.tables["bound"]["t95_s"].iloc[0]


def test_a_split_run_equals_the_whole_run_after_a_file(town, tmp_path: Path) -> None:
    clock = worlds.clock(1.0)
    whole = ALL.simulate(town, {}, clock, (), stream(7, "movement"))
    first = ALL.simulate(town, {}, clock.first(1500.0), (), stream(7, "movement"))
    first.state.save(tmp_path / "s.npz")
    second = ALL.simulate(town, {}, clock.after(1500.0), (), stream(9, "other"), State.load(tmp_path / "s.npz"))
    for name in ("people_on_edge", "people_at_home", "people_queued", "shelter_fill", "minutes_to_harm"):
        np.testing.assert_array_equal(whole.fields[name].values[5:], second.fields[name].values)
    for name, table in whole.counts.items():
        np.testing.assert_array_equal(table.iloc[5:], second.counts[name])
    half = whole.tables["zones"]["half_s"] - 1500.0
    np.testing.assert_allclose(half, second.tables["zones"]["half_s"], atol=1e-9)


def refused(code: str, town, **changes) -> None:
    with pytest.raises(ScenarioError) as caught:
        leave(town, **changes)
    assert caught.value.code == code and caught.value.message("zh") and caught.value.message("en")


def test_bad_input_is_one_clear_sentence(town) -> None:
    refused("movement_no_roads", replace(town, roads=town.roads.iloc[:0]))
    refused("movement_no_people", replace(town, population=empty_table("population", worlds.CRS)))
    refused("movement_zone", town, model=replace(ALL, zones=("b9",)))
    refused("movement_warning", town, model=replace(ALL, warning="22:00"))
    refused("time_text", town, model=replace(ALL, warning="soon"))
    refused("movement_step", town, model=replace(ALL, decision_s=70.0))
    refused("movement_contraflow", town, actions=(Action("contraflow", "b0"),))
    refused("movement_bus", town, actions=(Action("bus", "out-w", values={"buses": 1.0, "seats": 40.0}),))
    refused("movement_delay_zone", town, actions=(Action("delay_zone", "out-w", values={"delay_min": 5.0}),))
    refused("movement_road", replace(town, roads=town.roads.assign(lanes=-1)))
    refused("movement_shelter", replace(town, facilities=town.facilities.assign(capacity=-5)))
    inland = town.roads[~town.roads["id"].str.startswith("out-")]
    refused("movement_no_goal", replace(town, roads=inland, facilities=town.facilities.iloc[:0]))


def test_an_order_after_the_last_departure_is_told(town) -> None:
    clock = worlds.clock(1.0)
    flood = worlds.water(town, clock, np.interp(np.arange(13), [0, 3, 4], [0.0, 0.0, 1.0]))
    hazards.sheet("movement")  # brings the words
    for warning, late in (("23:40", True), ("23:00", False)):
        found = replace(ALL, warning=warning).simulate(town, {"water_depth": flood}, clock, (), stream(7, "movement"))
        assert ("ordered_too_late" in codes(found)) is late
        orders, zones = found.tables["orders"].set_index("id"), found.tables["zones"].set_index("id")
        share = zones["no_way"] / zones["leaving"]
        np.testing.assert_allclose(orders["cut_off_share"], share.loc[orders.index], rtol=0.0, atol=0.0)
        assert bool(orders["cut_off_share"].max() > 0.5) is late, "the west stands in water before it is ordered"
        assert (zones["no_way"] >= zones["stranded"]).all()
        assert ("closed" in set(orders["ways"])) is late
        said = say("order.movement.warn_zone", lang="en", place="West", by="23:40", ways="closed" if late else "open")
        assert said.endswith("direct.") if not late else "others have closed" in said


def test_homes_that_no_road_reaches_are_told(town) -> None:
    """The roads of the east are gone: its people are taken to leave by the nearest junction in the west, and it is said."""
    west = town.roads[town.roads.geometry.centroid.x < worlds.WEST + 350.0]
    found = leave(replace(town, roads=west, facilities=town.facilities.iloc[:0]))
    told = dict(found.notes)["homes_far"]
    assert told["metres"] > 300
    assert "homes_far" not in codes(leave(town))


def test_a_field_off_the_city_is_refused_and_not_taken_for_dry(town) -> None:
    clock = worlds.clock(1.0)
    far = worlds.water(town, clock, np.full(13, 1.0))
    far = far.assign_coords(x=far["x"] + 50_000.0)
    try:
        found = ALL.simulate(town, {"water_depth": far}, clock, (), stream(7, "movement"))
    except ContractError as error:
        assert error.message("zh") and error.message("en")
    else:
        assert dict(found.notes)["roads_unknown"]["count"] == len(town.roads)


def test_a_shelter_without_places_is_not_used_and_it_is_said(town) -> None:
    found = leave(replace(town, facilities=town.facilities.assign(capacity=0.0)))
    assert (
        dict(found.notes)["shelter_no_places"]["names"] == [town.place_name(i) for i in ("s0", "s1")]
        and found.tables["shelters"]["taken"].sum() == 0
    )


def test_when_all_roads_are_closed_everybody_is_stuck_and_it_is_said_why(town) -> None:
    shut = tuple(Action("close_road", str(i)) for i in town.roads["id"])
    found = leave(town, actions=shut)
    at_goal = found.counts["end_state"].iloc[-1, :2].sum()
    assert at_end(found, "stranded") + at_goal == found.tables["bound"]["leaving"].iloc[0]
    assert set(found.tables["stranded"]["why"]) == {"no_way"}
    zones = found.tables["zones"]
    assert (
        zones["no_way"].sum() == zones["leaving"].sum() - at_goal
        and found.tables["orders"]["cut_off_share"].min() > 0.5
    )


def test_a_run_without_water_or_cloud_says_so(town) -> None:
    clock = worlds.clock(0.5)
    dry, clean = worlds.water(town, clock, np.zeros(7)), worlds.cloud(town, clock, 0.0)
    for drivers, said in (
        ({}, {"no_water", "no_cloud"}),
        ({"water_depth": dry}, {"no_cloud"}),
        ({"water_depth": dry, "toxic_dose_rate": clean}, set()),
    ):
        assert {"no_water", "no_cloud"} & set(codes(leave(town, drivers=drivers, hours=0.5))) == said


def test_what_is_not_known_of_a_shelter_or_a_block_is_said(town) -> None:
    """Nothing is known of the water in the west, where a shelter stands; it is dry in the east."""
    clock = worlds.clock(1.0)
    field = worlds.water(town, clock, np.full(13, np.nan))
    east = field.x.values > worlds.WEST + 0.5 * (town.grid.east - worlds.WEST)
    field = xr.where(xr.DataArray(east, dims="x", coords={"x": field.x}), 0.0, field).transpose("time", "y", "x")
    field = field.assign_attrs(units="m", tags="harms_people slows_travel").rename("water_depth")
    model = replace(ALL, zones="auto")
    told = dict(model.simulate(town, {"water_depth": field}, clock, (), stream(7, "movement")).notes)
    assert told["shelters_unknown"] == {"count": 1, "names": [town.place_name("s1")]}
    assert told["zones_unknown"] == {"count": 2, "names": [town.place_name(i) for i in ("b0", "b2")]}
    known = dict(model.simulate(town, {"water_depth": field.fillna(0.0)}, clock, (), stream(7, "movement")).notes)
    assert not {"shelters_unknown", "zones_unknown"} & set(known)


def test_a_block_in_which_nobody_lives_is_not_ordered(town) -> None:
    empty = town.population.assign(
        day=town.population["day"].where(town.population.centroid.x > worlds.WEST + 500.0, 0.0)
    )
    empty["night"] = empty["day"]
    found = leave(replace(town, population=empty))
    zones, orders = found.tables["zones"].set_index("id"), found.tables["orders"]
    assert 0 < len(orders) < len(zones) and (zones.loc[orders["id"], "people"] > 0).all()


def test_a_flood_then_movement_go_to_a_plan_and_a_report(storm: Path) -> None:
    case = sc.load(storm).with_changes(
        hours=0.5, hazards=[{"flood": {}}, {"movement": {"zones": "all", "warning": "18:05", "mean_delay_min": 5}}]
    )
    run = sc.run(case.check())
    assert run.exposure["flood"].basis == "moving" and run.exposure["movement"].basis == "model"
    tasks = {(t.code, t.place) for t in sc.draft_plan(run).tasks if t.hazard == "movement"}
    assert {("warn_zone", "b1"), ("warn_zone", "b2"), ("open_shelter", "s1")} <= tasks
    page = (run.folder / "report.html").read_text("utf-8")
    assert "撤离街区" in page and "Zones told to leave" in page and "School shelter" in page
    with pytest.raises(ScenarioError, match="complianse"):
        case.with_changes(hazards=[{"movement": {"complianse": 1}}]).check()
    assert isinstance(run.tables["movement-bound"], pd.DataFrame)
