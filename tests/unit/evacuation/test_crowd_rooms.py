"""Random rooms: nobody leaves through a wall, nobody is made or lost, metered and one-way gates let through what they may."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from evacuation.crowd.people.law import Pressing
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, room
from evacuation.crowd.venue.plan import Plan
from twin.hazard import Action


@st.composite
def rooms(draw) -> tuple[Plan, shapely.Geometry, int, float]:
    width, height = draw(st.floats(4.0, 14.0)), draw(st.floats(4.0, 14.0))
    turn = draw(st.floats(0.0, 90.0))
    door = draw(st.floats(0.55, 2.5))
    at = draw(st.floats(0.2, max(0.21, width - door - 0.2)))
    outline = shapely.box(0, 0, width, height)
    gate = line((at, 0), (min(at + door, width - 0.05), 0))
    post = shapely.box(width / 2 - 0.4, height / 2 - 0.3, width / 2 + 0.3, height / 2 + 0.5)
    shapes = [outline, gate, post]
    if turn > 5.0:
        shapes = [shapely.affinity.rotate(s, turn, origin=(0, 0)) for s in shapes]
    outline, gate, post = shapes
    plan = room(outline, [gate], outline, ("post", "obstacle", post))
    return (
        plan,
        outline.difference(post),
        draw(st.integers(1, int(2.5 * width * height))),
        draw(st.sampled_from([30.0, 300.0])),
    )


@settings(max_examples=12)
@given(rooms())
def test_nobody_leaves_through_a_wall(world: tuple[Plan, shapely.Geometry, int, float]) -> None:
    plan, ground, persons, push = world
    walkers = filled(plan, persons, pressing=Pressing(push_n=push))
    for second in range(8):
        walkers.walk(float(second), SECOND)
        people = walkers.people
        at, out = np.column_stack(plan.at(people.x, people.w)), people.out == 0
        assert shapely.contains_xy(ground.buffer(1e-6), at[~out]).all()
        assert not shapely.contains_xy(ground, at[out]).any()
        assert people.count + walkers.left == persons
        assert walkers.left == walkers.left_by_gate.sum() == walkers.flows[0, 1] - walkers.flows[0, 0] - out.sum()
        assert len(np.unique(people.number)) == people.count


def hall():
    """A hall of 12 m by 6 m, divided by an inner gate of 2 m, with a way out of 2 m at its end."""
    outline = shapely.box(0, 0, 12, 6)
    walls = [("inner-1", "wall", line((6, 0), (6, 2))), ("inner-2", "wall", line((6, 4), (6, 6)))]
    return room(outline, [line((12, 2), (12, 4)), line((6, 2), (6, 4))], shapely.box(0.2, 0.2, 5.5, 5.8), *walls)


def test_a_metered_gate_lets_through_so_many_a_second() -> None:
    meter = Action("meter_inflow", "gate-2", values={"persons_per_s": 0.5})
    metered, free = filled(hall(), 60, actions=(meter,)), filled(hall(), 60)
    for second in range(30):
        for walkers in (metered, free):
            walkers.walk(float(second), SECOND)
    assert 13 <= metered.flows[1].sum() <= 16
    assert free.flows[1].sum() > 40


def test_who_waits_for_a_metered_gate_does_not_press_unless_a_scenario_says_so() -> None:
    meter = Action("meter_inflow", "gate-2", values={"persons_per_s": 0.5})
    load, through = {}, {}
    for push in (0.0, 20.0):
        walkers = filled(hall(), 60, actions=(meter,), pressing=Pressing(queue_push_n=push))
        for second in range(40):
            walkers.walk(float(second), SECOND)
        load[push], through[push] = walkers.people.load.mean(), walkers.flows[1].sum()
    assert load[0.0] < 3.0 < 10.0 < load[20.0]
    assert abs(through[0.0] - through[20.0]) <= 1


@pytest.mark.parametrize("key", [8, 11])
def test_who_stands_at_the_post_of_a_metered_gate_gets_a_pass_too(key: int) -> None:
    """In these draws the nearest of the queue stands a centimetre beside the gate, and everybody waits behind him."""
    walls = [("i-1", "wall", line((15, 0), (15, 5.5))), ("i-2", "wall", line((15, 6.5), (15, 12)))]
    doors = [line((30, 5), (30, 7)), line((15, 5.5), (15, 6.5))]
    plan = room(shapely.box(0, 0, 30, 12), doors, shapely.box(0.3, 0.3, 10, 11.7), *walls)
    meter = Action("meter_inflow", "gate-2", values={"persons_per_s": 0.5})
    assert emptied(filled(plan, 50, key=key, actions=(meter,)), 200) < 150


def test_a_gate_metered_at_nothing_lets_nobody_through() -> None:
    meter = Action("meter_inflow", "gate-2", values={"persons_per_s": 0.0})
    walkers = filled(hall(), 20, actions=(meter,))
    for second in range(15):
        walkers.walk(float(second), SECOND)
    assert walkers.flows[1].sum() == 0


@pytest.mark.parametrize("inward", [0, 1])
def test_a_one_way_gate_is_passed_in_one_direction_only(inward: int) -> None:
    way = Action("one_way", "gate-1", values={"inward": float(inward)})
    walkers = filled(hall(), 10, actions=(way,))
    for second in range(25):
        walkers.walk(float(second), SECOND)
    assert walkers.left == (0 if inward else 10)
    assert walkers.people.count == 10 - walkers.left and walkers.flows[0, 0] == 0


def test_the_same_person_is_the_same_in_every_plan() -> None:
    few, many = filled(hall(), 5), filled(hall(), 50)
    assert (few.people.free == many.people.free[:5]).all() and (few.people.broad == many.people.broad[:5]).all()
    assert many.people.free.min() >= 0.6 and many.people.free.max() <= 2.0
