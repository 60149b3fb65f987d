"""Counters that fail are found, zones follow their counts, a district keeps its people, a party arrives together."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from evacuation.crowd.district.district import District
from evacuation.crowd.live.counters import GOOD, MISSING, STUCK, WEEK_H, Counters
from evacuation.crowd.live.zones import Zone
from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, room
from twin.errors import ScenarioError


def weeks(count: int) -> np.ndarray:
    """Counts of one counter that repeat every day, with some scatter."""
    hours = np.arange(count * WEEK_H)
    usual = 200.0 + 150.0 * np.sin(2 * np.pi * hours / 24.0)
    return np.round(usual * np.exp(np.random.default_rng(1).normal(0, 0.1, len(hours))))[:, None]


def test_missing_and_stuck_hours_are_found_and_no_other() -> None:
    counts = weeks(6)
    at = 5 * WEEK_H + 10
    spoilt = counts.copy()
    spoilt[at : at + 6] = spoilt[at]
    spoilt[at + 24 : at + 30] = np.nan
    spoilt[at + 48 : at + 54] = 0.0
    states = Counters().states(spoilt)[:, 0]
    assert (states[at + 1 : at + 6] == STUCK).all() and states[at] == GOOD
    assert (states[at + 24 : at + 30] == MISSING).all() and (states[at + 48 : at + 54] == STUCK).all()
    states[at : at + 54] = GOOD
    assert (states == GOOD).all()


def test_a_surge_is_seen_and_a_negative_count_refused() -> None:
    counts, model = weeks(6), Counters()
    counts[5 * WEEK_H + 20] *= 6.0
    surges = model.surges(counts, model.states(counts))
    assert np.flatnonzero(surges).tolist() == [5 * WEEK_H + 20]
    counts[3] = -1.0
    with pytest.raises(ScenarioError, match="negative"):
        model.states(counts)


def test_a_zone_follows_its_gates_and_does_not_believe_a_jump() -> None:
    zone = Zone()
    state = zone.begin(1000.0)
    for minute in range(1, 31):
        state, believed = zone.told(zone.ahead(state, 60.0), 1000.0 + 60.0 * minute, came=2.0, went=1.0)
        assert believed
    ahead = zone.forecast(state)
    assert abs(ahead[0, 1] - 3400.0) < 2.0 * ahead[0, 2] and (np.diff(ahead[:, 2]) > 0).all()
    after, believed = zone.told(state, 60_000.0)
    assert not believed and after is state
    with pytest.raises(ScenarioError, match="negative"):
        zone.told(state, -4.0)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=10, deadline=None)
def test_a_district_loses_nobody_and_is_never_negative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wall = rng.random((20, 24)) < 0.15
    wall[5, :4] = False
    leave = np.zeros_like(wall)
    leave[5, 0] = True
    district = District(1.0, wall, leave, rng.uniform(0.0, 5.0, wall.shape))
    before = district.persons
    for k in range(60):
        district.step()
        if k == 20:
            district.hand_over(district.dense())
        assert district.density.min() >= -1e-12
    single = district.people(np.full(wall.shape, 3))
    assert district.persons + district.left + single.sum() == pytest.approx(before, rel=1e-12)


def test_a_party_arrives_together_and_without_it_the_slow_come_later() -> None:
    outline = shapely.box(0, 0, 60, 4)
    plan = room(outline, [line((60, 0), (60, 4))], shapely.box(0.3, 0.5, 3, 3.5))
    last = []
    for party in (-1, 0):
        walkers = filled(plan, 4)
        walkers.people.free[:] = 1.4
        walkers.people.free[walkers.people.number == 2] = 0.6
        walkers.people.party[:] = party
        gone, t = [], 0.0
        while walkers.people.count and t < 150.0:
            walkers.walk(t, SECOND)
            t += SECOND * DECISION_S
            gone += [t] * (4 - walkers.people.count - len(gone))
        last.append(gone[-1] - gone[0])
    assert last[0] > 30.0 and last[1] < 12.0


def test_people_take_the_other_gate_when_one_is_crowded() -> None:
    outline = shapely.box(0, 0, 20, 10)
    plan = room(outline, [line((8, 0), (9, 0)), line((14, 0), (15, 0))], shapely.box(0.3, 0.3, 7, 9.7))
    walkers = filled(plan, 250)
    emptied(walkers, 300)
    assert walkers.people.count == 0
    assert 0.05 < walkers.left_by_gate[1] / 250 < 0.6
