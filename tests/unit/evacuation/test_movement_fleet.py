"""A fleet of buses that blocks share: its rounds against every possible plan, driven in the queues, told, and refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from types import SimpleNamespace

import numpy as np
import pytest

from evacuation.movement.movement import Movement
from evacuation.movement.people.rounds import CLOSE_S, end_of, least_end, rounds_of
from evacuation.movement.proofs import worlds
from evacuation.movement.report import blocks
from scenarios.case import hazards
from twin.blocks import Table
from twin.errors import ScenarioError
from twin.hazard import Action
from twin.streams import stream
from twin.words import written

ALL = Movement(zones="all", mean_delay_min=5.0)


def fleet(buses: float = 3.0, seats: float = 20.0, start_s: float = 600.0, end_s: float | None = None) -> Action:
    return Action("bus_fleet", "*", start_s, end_s, {"buses": buses, "seats": seats})


@pytest.fixture(scope="module")
def uneven():
    """A town in whose first block live five times as many people as in the second and the third, and nobody in the fourth."""
    town = worlds.town(5, shelter_places=4000.0, people=8.0)
    cells = town.population.copy()
    inside = [int(np.argmax(town.blocks.contains(c).values)) for c in cells.geometry.centroid]
    cells["night"] = np.array([40.0, 8.0, 8.0, 0.0])[inside]
    return replace(town, population=cells)


def leave(city, actions, clock=None, state=None, model=ALL):
    return model.simulate(city, {}, clock or worlds.clock(2.0), actions, stream(7, "movement"), state)


def last_rider(found) -> float:
    """Return when the last of those who go by bus arrives, infinite where somebody has not."""
    arrays = found.state.arrays
    riders = (arrays["home_seats"] > 0) & (arrays["home_obeys"] < ALL.compliance)
    return float(np.where(np.isnan(arrays["traveller_safe"][riders]), np.inf, arrays["traveller_safe"][riders]).max())


def test_the_plan_of_five_trips_is_the_shortest_and_shorter_than_turn_by_turn() -> None:
    lasts, none = np.array([200, 200, 200, 300, 300]), np.zeros(5, int)
    found = rounds_of(none, lasts, np.zeros((5, 5), int), 2)
    assert sorted(trip for trips in found for trip in trips) == [0, 1, 2, 3, 4]
    assert end_of(found, none, lasts, np.zeros((5, 5), int)) == 600, "turn by turn ends at 700"


def test_no_possible_plan_of_six_trips_is_shorter() -> None:
    """All orders of six trips and all cuts into three rounds, for eight draws of times."""
    rng, trips = np.random.default_rng(4), range(6)
    plans = [
        [list(order[a:b]) for a, b in zip((0, *cut), (*cut, 6), strict=True)]
        for order in permutations(trips)
        for cut in combinations(trips[1:], 2)
    ]
    for _ in range(8):
        ready, lasts, between = rng.integers(0, 900, 6), rng.integers(200, 900, 6), rng.integers(100, 900, (6, 6))
        best = min(end_of(plan, ready, lasts, between) for plan in plans)
        found = end_of(rounds_of(ready, lasts, between, 3), ready, lasts, between)
        assert least_end(ready, lasts, between, 3) <= best <= found <= best + CLOSE_S


def test_the_same_trips_give_the_same_rounds() -> None:
    rng = np.random.default_rng(5)
    times = rng.integers(0, 900, 20), rng.integers(200, 900, 20), rng.integers(100, 900, (20, 20))
    assert rounds_of(*times, 4) == rounds_of(*times, 4)


def test_a_shared_fleet_clears_unequal_blocks_sooner_than_an_even_split(uneven) -> None:
    shared = leave(uneven, (fleet(),))
    split = leave(uneven, tuple(Action("bus", f"b{k}", 600.0, None, {"buses": 1.0, "seats": 20.0}) for k in range(3)))
    assert np.isfinite(last_rider(shared)) and last_rider(shared) < last_rider(split)
    for found in (shared, split):
        assert (found.counts["end_state"].sum(axis=1) == found.balance.came_in["population"]).all()
        assert found.balance.error == 0.0


def test_buses_drive_the_rounds_that_are_planned(uneven) -> None:
    found = leave(uneven, (fleet(),))
    rounds, arrays = found.tables["bus_rounds"], found.state.arrays
    assert rounds["bus"].unique().tolist() == [1, 2, 3] and set(rounds["id"]) == {"b0", "b1", "b2"}
    for _, own in rounds.groupby("bus"):
        assert own["order"].tolist() == list(range(1, len(own) + 1))
        assert (own["leave_s"].values[1:] > own["arrive_s"].values[:-1]).all(), "one round after the other"
    assert (rounds["persons"] <= 20.0).all() and (rounds["leave_s"] > 600.0).all()
    assert rounds["persons"].sum() == found.tables["buses"]["carried"].sum() > 0
    for k, row in rounds.iterrows():
        own = arrays["fleet_trip"] == k
        assert arrays["home_persons"][own].sum() == row["persons"]
        assert len(set(arrays["traveller_group"][own])) == 1, "one goal"
    late = rounds["arrive_s"] - rounds["plan_arrive_s"]
    assert late.abs().max() < 0.2 * rounds["plan_arrive_s"].max(), "on empty roads the plan is about kept"


def test_a_split_run_goes_on_with_the_same_rounds(uneven) -> None:
    clock, plan = worlds.clock(2.0), (fleet(), Action("bus", "b2", 0.0, None, {"buses": 1.0, "seats": 20.0}))
    whole = leave(uneven, plan, clock)
    for cut_s in (300.0, 1500.0):
        first = leave(uneven, plan, clock.first(cut_s))
        later = tuple(replace(action, start_s=action.start_s - cut_s) for action in plan)
        second = leave(uneven, later, clock.after(cut_s), first.state)
        for name, array in whole.state.arrays.items():
            np.testing.assert_array_equal(array, second.state.arrays[name], err_msg=name)
    assert "b2" not in set(whole.tables["bus_rounds"]["id"]), "it has a bus of its own"


def test_a_bus_waits_where_its_way_is_shut_and_goes_on_when_it_opens(uneven) -> None:
    """All four ways out of the city are shut for half an hour, and there is no shelter: who rides comes later, nobody is lost."""
    bare = replace(uneven, facilities=uneven.facilities.iloc[:0])
    shut = tuple(Action("close_road", f"out-{side}", 700.0, 2500.0) for side in "nesw")
    free, held = leave(bare, (fleet(),)), leave(bare, (fleet(), *shut))
    assert last_rider(free) < last_rider(held) < np.inf
    rounds = held.tables["bus_rounds"]
    assert not rounds["arrive_s"].between(800.0, 2500.0).any() and rounds["arrive_s"].notna().all()


def test_who_is_in_no_trip_is_told(uneven) -> None:
    bare = replace(uneven, facilities=uneven.facilities.iloc[:0])
    shut = tuple(Action("close_road", f"out-{side}", 0.0, 2500.0) for side in "nesw")
    notes = dict(leave(bare, (fleet(), *shut), worlds.clock(1.0)).notes)
    assert "fleet_idle" in notes and float(notes["fleet_left"]["people"].replace(",", "")) > 0
    over = leave(uneven, (fleet(buses=1.0, end_s=1500.0),))
    assert "fleet_left" in dict(over.notes) and over.tables["buses"]["waiting"].sum() > 0
    assert over.tables["bus_rounds"]["plan_leave_s"].max() < 1600.0


def test_where_nobody_is_without_a_car_the_fleet_has_no_trip(uneven) -> None:
    drivers = replace(uneven, population=uneven.population.assign(car_share=1.0))
    found = leave(drivers, (fleet(),), worlds.clock(1.0))
    assert not len(found.tables["bus_rounds"]) and "fleet_idle" in dict(found.notes)


def test_two_fleets_are_refused(uneven) -> None:
    with pytest.raises(ScenarioError) as caught:
        ALL.check(uneven, {}, worlds.clock(1.0), (fleet(), fleet()))
    assert caught.value.code == "movement_bus_fleet"


def test_rounds_are_told_in_both_languages(uneven) -> None:
    hazards.sheet("movement")
    found = leave(uneven, (fleet(),))
    section = SimpleNamespace(tables=found.tables)
    shown = [b for b in blocks(section, uneven, worlds.clock(2.0)) if isinstance(b, Table)]
    (table,) = (t for t in shown if "report.movement.plan_leave" in [getattr(head, "key", "") for head in t.heads])
    assert len(table.rows) == len(found.tables["bus_rounds"])
    orders = found.tables["bus_orders"]
    assert orders["bus"].tolist() == [1, 2, 3]
    for lang in ("zh", "en"):
        assert all(written(head, lang) for head in table.heads)
        for bus, rounds in zip(orders["bus"], orders["rounds"], strict=True):
            blocks_of = found.tables["bus_rounds"].set_index("bus")["id"].loc[[bus]]
            first = rounds[lang].split(" → ")[0]
            assert first.startswith(uneven.place_name(blocks_of.iloc[0])[lang]), "a crew reads names, no ids"
            assert rounds[lang].count("→") == len(blocks_of) - 1


def test_tables_without_rows_still_hold_figures(uneven) -> None:
    """An ensemble takes the median of `by_s`, also where a plan holds nothing but what works in the whole city."""
    everybody_drives = replace(uneven, population=uneven.population.assign(car_share=1.0))
    found = leave(everybody_drives, (fleet(),), worlds.clock(1.0))
    for name in ("measures", "bus_orders"):
        assert not len(found.tables[name]) and found.tables[name]["by_s"].dtype == float
