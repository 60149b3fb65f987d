"""A party arrives together; people take the other gate; dense ground of a district becomes single people."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from evacuation.crowd.district.handover import WALKS, HandOver
from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.proofs.district import hall, open_stream
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, room


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=6, deadline=None)
def test_dense_ground_becomes_single_people_and_nobody_is_lost(seed: int) -> None:
    stream, rng = open_stream(hall(1.0)), np.random.default_rng(seed)
    floor = stream.finder.walkable
    stream.walking[0][floor] = rng.uniform(0.0, 5.0, int(floor.sum()))
    both = HandOver(stream)
    before = both.persons
    both.walk(5)
    both.begin(stream.total >= 2.0)
    both.walk(20)
    taken = both.people(WALKS, 0, np.full(floor.shape, 3), both.single)
    assert both.persons + stream.out.sum() + taken.sum() == pytest.approx(before, rel=1e-12)
    for _ in range(4):
        some = both.single & (rng.random(floor.shape) < 0.5)
        owed = both.owed[WALKS, 0][some].sum()
        taken += (more := both.people(WALKS, 0, rng.integers(0, 4, floor.shape), some))
        assert more.sum() <= owed + 1e-6 or more.sum() == 0, "nobody is made where parts of people are owed"
    both.single[:] = False
    for cell in np.repeat(np.arange(taken.size), taken.ravel()):
        both.give_back(WALKS, 0, int(cell))
    assert both.persons + stream.out.sum() == pytest.approx(before, rel=1e-12)


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
