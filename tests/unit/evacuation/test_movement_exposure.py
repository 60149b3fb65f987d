"""Time in fast water: for whom water is fast, how long each is in it, and that a time that is not known is never none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.proofs.city import with_care_home
from evacuation.movement.record import FAST_S
from evacuation.movement.report import blocks
from evacuation.movement.roads.conditions import conditions_of
from evacuation.movement.roads.network import CAR, FOOT, RESCUE, network_of
from scenarios.case import hazards
from twin.blocks import Table, Text
from twin.hazard import Action, Outcome, State
from twin.streams import stream
from twin.words import written

ALL = Movement(zones="all", mean_delay_min=5.0)
CLOCK = worlds.clock(1.0)

#: Where 0.2 m of water run, from 23:20 on: s on the clock, and its output time.
FROM_S, FROM = 1200.0, 4


@pytest.fixture(scope="module")
def town():
    return worlds.town(5, shelter_places=200.0, people=40.0)


def over_all(city, speed_m_s: float):
    """Return 0.2 m of water over all of a city and its speed, from FROM_S on."""
    depth = worlds.water(city, CLOCK, np.where(np.arange(13) >= FROM, 0.2, 0.0))
    depth = depth.copy(data=np.broadcast_to(depth.values.max(axis=(1, 2))[:, None, None], depth.shape))
    return {"water_depth": depth, "water_speed": worlds.flow(depth, speed_m_s)}


def leave(city, drivers, model=ALL, actions=(), clock=CLOCK, state=None) -> Outcome:
    return model.simulate(city, drivers, clock, actions, stream(7, "movement"), state)


def told(found, city, lang: str) -> list[str]:
    """Return the words of the report on time in fast water."""
    hazards.sheet("movement")  # brings the words
    every = blocks(SimpleNamespace(tables=found.tables), city, CLOCK)
    title = "Time in fast water on the way, by how people went"
    at = next(k for k, b in enumerate(every) if isinstance(b, Text) and written(b.said, "en") == title)
    table = every[at + 1]
    if isinstance(table, Text):
        return [written(table.said, lang)]
    assert isinstance(table, Table)
    return [" ".join(written(c.said if isinstance(c, Text) else c, lang) for c in row) for row in table.rows]


def test_everybody_has_been_in_it_from_coming_onto_the_road_or_its_rise_to_arriving(town) -> None:
    """Water that runs everywhere at 0.4 m2/s: each one's time is known from when he came onto the road and when he arrived."""
    found = leave(town, over_all(town, 2.0), replace(ALL, mean_delay_min=30.0))
    arrays = found.state.arrays
    left, safe = arrays["traveller_left"], arrays["traveller_safe"]
    expected = np.nan_to_num(np.fmax(np.fmin(safe, 3600.0) - np.maximum(left, FROM_S), 0.0))
    people, gone = arrays["home_persons"], arrays["traveller_link"] != -1
    assert (expected[gone] == 0.0).any() and (expected > 600.0).any() and (np.isnan(safe) & (expected > 0.0)).any()
    table = found.tables["fast_water"].set_index("group")
    modes = np.where(arrays["home_layer"] == FOOT, "foot", "car")
    assert set(table.index) == {"set_out", "car", "foot"}
    for group, row in table.iterrows():
        mine = gone & ((modes == group) | (group == "set_out"))
        assert row["persons"] == people[mine].sum()
        assert row["mean"] == pytest.approx(np.average(expected[mine], weights=people[mine]), abs=0.01)
        assert row["most"] == pytest.approx(expected[mine].max(), abs=0.05)
        assert row["p5"] <= row["p25"] <= row["p50"] <= row["p75"] <= row["p95"] <= row["most"]
        for seconds in FAST_S:
            assert row[f"over_{seconds}"] == people[mine & (expected > seconds + 1e-6)].sum()
    classes = np.sum([expected > seconds + 1e-6 for seconds in FAST_S], axis=0)
    counted = found.counts["fast_water"]
    assert counted.iloc[-1].tolist() == np.bincount(classes, people, len(FAST_S) + 2).tolist()
    assert (counted.sum(axis=1) == people.sum()).all() and (counted.iloc[: FROM + 1, 0] == people.sum()).all()
    assert told(found, town, "en")[0].startswith("all who set out") and told(found, town, "zh")[2].startswith(
        "步行离开"
    )


def test_water_is_fast_for_each_by_his_own_bound(town) -> None:
    city = with_care_home(town)
    network = network_of(city, veh_h_lane=600.0, walk_m_s=1.0, rescue=True)
    for speed, fast in ((1.49, set()), (1.51, {CAR, FOOT}), (2.99, {CAR, FOOT}), (3.01, {CAR, FOOT, RESCUE})):
        found = conditions_of(
            city,
            network,
            over_all(city, speed),
            CLOCK,
            (),
            decision_s=60.0,
            wade_m=0.5,
            car_curve="pregnolato",
            reversed_lanes={},
        )
        assert found.fast_known and not found.fast[0].any()
        for layer in (CAR, FOOT, RESCUE):
            assert (found.fast[found.at(FROM_S)][network.layer == layer] == (layer in fast)).all()


def test_none_in_fast_water_is_said_and_not_known_is_neither_none_nor_a_figure(town) -> None:
    still = over_all(town, 0.1)
    found = leave(town, still)
    assert found.tables["fast_water"][["mean", "most", "over_0"]].to_numpy().max() == 0.0
    assert told(found, town, "en")[0].startswith("None of the") and "no_water_speed" not in dict(found.notes)
    for drivers, note in (({"water_depth": still["water_depth"]}, "no_water_speed"), ({}, "no_water")):
        found = leave(town, drivers)
        assert found.tables["fast_water"].drop(columns=["group", "persons"]).isna().all(axis=None)
        assert (found.counts["fast_water"].iloc[:, :-1] == 0.0).all(axis=None) and (
            found.counts["fast_water"].iloc[:, -1] > 0.0
        ).all()
        assert (found.tables["fast_water"]["persons"] > 0.0).all() and note in dict(found.notes)
        assert told(found, town, "en")[0].startswith("Not known") and told(found, town, "zh")[0].startswith("未知")


def test_a_split_run_has_the_times_of_the_whole_run_after_a_file(town, tmp_path: Path) -> None:
    """The cut at 1500 s finds people in water that has run for five minutes."""
    drivers = over_all(town, 2.0)
    slow = replace(ALL, mean_delay_min=15.0)
    whole = leave(town, drivers, slow)
    first = leave(town, drivers, slow, clock=CLOCK.first(1500.0))
    assert first.tables["fast_water"]["over_60"].max() > 0.0
    first.state.save(tmp_path / "s.npz")
    second = leave(town, drivers, slow, clock=CLOCK.after(1500.0), state=State.load(tmp_path / "s.npz"))
    assert whole.tables["fast_water"].equals(second.tables["fast_water"])


def test_those_who_are_fetched_are_told_by_themselves(town) -> None:
    city = with_care_home(town)
    fetch = (Action("transport", "aged", 0.0, None, {"vehicles": 8.0, "places": 4.0}),)
    found = leave(city, over_all(city, 3.5), actions=fetch)
    table, arrays = found.tables["fast_water"].set_index("group"), found.state.arrays
    gone = (arrays["home_care"] >= 0) & (arrays["traveller_link"] != -1)
    assert table.loc["rescue", "persons"] == arrays["home_persons"][gone].sum() > 0.0
    assert table.loc["rescue", "most"] > 0.0
    assert (
        leave(city, over_all(city, 2.0), actions=fetch).tables["fast_water"].set_index("group").loc["rescue", "most"]
        == 0.0
    )


def test_cars_by_another_curve_arrive_later_and_the_result_says_so(town) -> None:
    drivers = over_all(town, 0.1)
    drivers["water_depth"] = drivers["water_depth"] * 0.5  # 0.1 m
    model = replace(ALL, mean_delay_min=15.0)
    mean = {}
    for curve in ("pregnolato", "cautious", "relative"):
        found = leave(town, drivers, replace(model, car_curve=curve))
        safe, car = found.state.arrays["traveller_safe"], found.state.arrays["home_layer"] == CAR
        mean[curve] = np.nanmean(safe[car])
        assert [c for c, _ in found.notes if c.startswith("cars_")] == (
            [] if curve == "pregnolato" else [f"cars_{curve}"]
        )
    assert mean["pregnolato"] < mean["cautious"] and mean["pregnolato"] < mean["relative"]
