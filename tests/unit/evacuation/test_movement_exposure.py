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


def striped(city):
    """Return the water of `over_all` on every second column of the ground alone: on half of each cell of the population."""
    water = over_all(city, 2.0)["water_depth"].copy(deep=True)
    water[:, :, ::2] = 0.0
    return {"water_depth": water, "water_speed": worlds.flow(water, 2.0)}


def on_way(found: Outcome):
    """Return the rows of the time in fast water on the way, by group."""
    table = found.tables["fast_water"]
    return table[table["part"] == "way"].set_index("group")


def leave(city, drivers, model=ALL, actions=(), clock=CLOCK, state=None) -> Outcome:
    return model.simulate(city, drivers, clock, actions, stream(7, "movement"), state)


def told(found, city, lang: str) -> list[str]:
    """Return the words of the report on time in fast water."""
    hazards.sheet("movement")  # brings the words
    every = blocks(SimpleNamespace(tables=found.tables), city, CLOCK)
    title = "Time in fast water at home and on the way"
    at = next(k for k, b in enumerate(every) if isinstance(b, Text) and written(b.said, "en") == title)
    table = every[at + 1]
    if isinstance(table, Text):
        return [written(b.said, lang) for b in every[at + 1 : at + 3] if isinstance(b, Text)]
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
    table = on_way(found)
    modes = np.where(arrays["home_layer"] == FOOT, "foot", "car")
    assert set(table.index) == {"everybody", "at_home", "car", "foot"}
    for group, row in table.iterrows():
        mine = {"everybody": gone | ~gone, "at_home": ~gone}.get(group, gone & (modes == group))
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
    heads = [row.split(" ", 3)[:3] for row in told(found, town, "zh")]
    assert (
        heads[0][:2] == ["全体", "在家"]
        and [head[0] for head in heads].count("未出门") == 1
        and "步行离开" in heads[-1]
    )
    assert told(found, town, "en")[0].startswith("everybody at home")


def test_half_of_a_cell_in_fast_water_is_half_of_the_time_until_people_set_out(town) -> None:
    """Every second column of ground is in water of 0.4 m2/s: who leaves at t has had half of the time since its rise, or none."""
    found = leave(town, striped(town), replace(ALL, mean_delay_min=30.0))
    arrays = found.state.arrays
    gone, people = arrays["traveller_link"] != -1, arrays["home_persons"]
    expected = 0.5 * np.maximum(np.where(gone, arrays["home_delay_s"], 3600.0) - FROM_S, 0.0)
    np.testing.assert_allclose(arrays["home_fast_s"][gone], expected[gone], atol=1e-6)
    assert (arrays["room_fast_s"] == 0.5 * 2400.0).all() and (expected[gone] == 0.0).any() and expected[gone].any()
    table = found.tables["fast_water"].set_index(["group", "part"])
    assert (table.loc[("at_home", "home"), ["p5", "mean", "most"]] == 1200.0).all()
    assert (table.loc[("at_home", "way"), ["mean", "most", "over_0"]] == 0.0).all() and (table["unknown"] == 0.0).all()
    for group, mine in {"everybody": gone | ~gone, "foot": gone & (arrays["home_layer"] == FOOT)}.items():
        home, way, both = (table.loc[(group, part)] for part in ("home", "way", "all"))
        assert home["mean"] == pytest.approx(np.average(expected[mine], weights=people[mine]))
        assert home["over_600"] == people[mine & (expected > 600.0)].sum()
        assert both["mean"] == pytest.approx(home["mean"] + way["mean"])


def test_homes_on_ground_of_which_nothing_is_known_are_told_and_left_out(town) -> None:
    """One cell knows nothing of its ground from 30 min on; another knows the dry half of it alone."""
    drivers = striped(town)
    depth = drivers["water_depth"]
    depth[6:, :10, :10] = np.nan
    depth[:, :10, 10:20] = depth[:, :10, 10:20].where(depth[-1, :10, 10:20] == 0.0)
    drivers["water_speed"] = worlds.flow(depth, 2.0)
    found = leave(town, drivers)
    homes, met = found.state.arrays, found.state.arrays["room_fast_s"]
    assert np.isnan(met[0]) and met[1] == 0.0 and (met[2:] == 1200.0).all()
    table = found.tables["fast_water"].set_index(["group", "part"])
    early = np.isfinite(homes["home_fast_s"]) & (homes["home_cell"] == 0)
    lost = homes["home_persons"][(homes["home_cell"] == 0) & ~early].sum()
    assert (
        early.any()
        and table.loc[("everybody", "home"), "unknown"] == table.loc[("everybody", "all"), "unknown"] == lost > 0.0
    )
    assert (table.xs("way", level="part")["unknown"] == 0.0).all() and table["most"].notna().all()
    dry = leave(town, {"water_depth": depth, "water_speed": worlds.flow(depth, 0.1)})
    for lang, people in (("en", f"Of {lost:.0f} people it is not known"), ("zh", f"{lost:.0f}人住处周围")):
        none, unknown = told(dry, town, lang)
        assert none and unknown.startswith(people)


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
    assert told(found, town, "en")[0].startswith("As far as") and "no_water_speed" not in dict(found.notes)
    for drivers, note in (({"water_depth": still["water_depth"]}, "no_water_speed"), ({}, "no_water")):
        found = leave(town, drivers)
        table = found.tables["fast_water"]
        assert table.drop(columns=["group", "part", "persons", "unknown"]).isna().all(axis=None)
        assert (table["unknown"] == table["persons"]).all()
        assert (found.counts["fast_water"].iloc[:, :-1] == 0.0).all(axis=None) and (
            found.counts["fast_water"].iloc[:, -1] > 0.0
        ).all()
        assert (found.tables["fast_water"]["persons"] > 0.0).all() and note in dict(found.notes)
        assert told(found, town, "en")[0].startswith("Not known") and told(found, town, "zh")[0].startswith("未知")


def test_a_split_run_has_the_times_of_the_whole_run_after_a_file(town, tmp_path: Path) -> None:
    """The cut at 1500 s finds people in water that has run for five minutes."""
    drivers = striped(town)
    slow = replace(ALL, mean_delay_min=15.0)
    whole = leave(town, drivers, slow)
    first = leave(town, drivers, slow, clock=CLOCK.first(1500.0))
    assert first.tables["fast_water"]["over_60"].max() > 0.0
    first.state.save(tmp_path / "s.npz")
    second = leave(town, drivers, slow, clock=CLOCK.after(1500.0), state=State.load(tmp_path / "s.npz"))
    assert whole.tables["fast_water"].equals(second.tables["fast_water"])
    for name in ("home_fast_s", "room_fast_s"):
        np.testing.assert_array_equal(whole.state.arrays[name], second.state.arrays[name])


def test_those_who_are_fetched_are_told_by_themselves(town) -> None:
    city = with_care_home(town)
    fetch = (Action("transport", "aged", 0.0, None, {"vehicles": 8.0, "places": 4.0}),)
    found = leave(city, over_all(city, 3.5), actions=fetch)
    table, arrays = on_way(found), found.state.arrays
    gone = (arrays["home_care"] >= 0) & (arrays["traveller_link"] != -1)
    assert table.loc["rescue", "persons"] == arrays["home_persons"][gone].sum() > 0.0
    assert table.loc["rescue", "most"] > 0.0
    assert on_way(leave(city, over_all(city, 2.0), actions=fetch)).loc["rescue", "most"] == 0.0


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
