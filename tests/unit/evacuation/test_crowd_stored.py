"""What people did in four rooms is stored: whatever is made faster must still give it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely

from evacuation.crowd.people import arrivals, draws
from evacuation.crowd.people.arrivals import Comers
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.proofs.worlds import SECOND, filled, line, plan_of, room
from twin.hazard import Action


def metered() -> Walkers:
    """Forty people in a hall; the inner gate lets one a second through, the outer one lets people out only."""
    outline = shapely.box(0, 0, 12, 6)
    walls = [("inner-1", "wall", line((6, 0), (6, 2))), ("inner-2", "wall", line((6, 4), (6, 6)))]
    plan = room(outline, [line((12, 2), (12, 4)), line((6, 2), (6, 4))], shapely.box(0.2, 0.2, 5.5, 5.8), *walls)
    meter = Action("meter_inflow", "gate-2", values={"persons_per_s": 1.0})
    return filled(plan, 40, actions=(meter, Action("one_way", "gate-1", values={"inward": 0.0})))


def crossing() -> Walkers:
    """Two groups of fifteen whose ways to their goals cross, beside a post."""
    parts = [
        ("wall", "wall", shapely.box(0, 0, 10, 10).exterior.difference(line((10, 4), (10, 6)).buffer(0.005))),
        ("gate", "gate", line((10, 4), (10, 6))),
        ("west", "source", shapely.box(0.3, 3, 3, 7)),
        ("south", "source", shapely.box(3, 0.3, 7, 3)),
        ("east", "goal", shapely.box(8, 3, 9.5, 7)),
        ("north", "goal", shapely.box(3, 8, 7, 9.5)),
        ("post", "obstacle", shapely.box(4.8, 4.8, 5.2, 5.2)),
    ]
    plan = plan_of(shapely.box(0, 0, 10, 10), parts, goals=["", "", "east", "north", "", "", ""])
    return filled(plan, 30)


def pressing() -> Walkers:
    """Two hundred and forty people at 5 persons/m2 before a door of 1.2 m."""
    outline = shapely.box(0, 0, 8, 6)
    return filled(room(outline, [line((8, 2.4), (8, 3.6))], outline), 240)


def many() -> Walkers:
    """Four thousand people, whom all threads move, in a hall with a door of 2 m."""
    outline = shapely.box(0, 0, 36, 30)
    return filled(room(outline, [line((36, 14), (36, 16))], outline), 4000)


def told(walkers: Walkers) -> list[float]:
    """Sums over everybody inside: places, velocities, load, and places weighted by who stands there."""
    p = walkers.people
    number = p.number.astype(float)
    return [float(v.sum()) for v in (p.x, p.w, p.vx, p.vw, p.load, p.x * number, p.w * number)]


@pytest.mark.parametrize(
    ("room_of", "seconds", "inside", "flows", "by_goal", "sums"),
    [
        (metered, 12, 34, [[0, 7], [11, 0]], [],
         [275.8046126969681, 205.62121214023617, 11.552333317397153, -1.0849347267946765,
          90.58890621626027, 5396.245232082582, 3475.8945273008703]),
        (crossing, 6, 25, [[0, 0]], [2, 3],
         [233.47397965377948, 171.5912549414186, 10.090541134460338, -11.61404380898443,
          263.8979715125273, 3198.0060178204244, 2177.879691282197]),
        (pressing, 6, 224, [[0, 19]], [],
         [1595.139204450209, 1353.287699402107, 20.32140362802793, -0.7208456824809186,
          1090.209650763431, 191457.51531970996, 136641.23385228886]),
        (many, 2, 3993, [[0, 10]], [],
         [84918.47183708525, 72774.72386836515, 696.7607867442168, -7.602580185419697,
          10041.853007783415, 170404840.9211455, 106941402.41852835]),
    ],
)  # fmt: skip
def test_people_do_what_they_did(
    room_of: Callable[[], Walkers],
    seconds: int,
    inside: int,
    flows: list[list[int]],
    by_goal: list[int],
    sums: list[float],
) -> None:
    walkers = room_of()
    for second in range(seconds):
        walkers.walk(float(second), SECOND)
    assert walkers.people.count == inside
    assert walkers.flows.tolist() == flows and walkers.left_by_goal.tolist() == by_goal
    # another processor may round the last digit otherwise, which these few seconds of pressing let grow
    np.testing.assert_allclose(told(walkers), sums, rtol=1e-9)


def test_a_walk_of_single_decisions_is_the_whole_walk() -> None:
    whole, single = metered(), metered()
    for second in range(8):
        whole.walk(float(second), SECOND)
        for k in range(SECOND):
            single.walk(second + k * DECISION_S, 1)
    for name, values in whole.record().items():
        np.testing.assert_array_equal(single.record()[name], values, err_msg=name)


def test_who_is_told_to_walk_is_not_changed_in_place() -> None:
    walkers = pressing()
    before = walkers.people
    kept = [values.copy() for values in before]
    walkers.walk(0.0, SECOND)
    for values, were in zip(before, kept, strict=True):
        np.testing.assert_array_equal(values, were)
    assert walkers.people is not before


@pytest.mark.parametrize("key", [0, 7, 2**63 - 1])
def test_a_draw_is_splitmix64_of_key_person_and_purpose(key: int) -> None:
    whole = 2**64 - 1

    def expected(number: int) -> float:
        z = (number * 8 + draws.LEAVES + key + 1) * 0x9E3779B97F4A7C15 & whole
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & whole
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & whole
        return (((z ^ (z >> 31)) >> 11) + 0.5) / 2.0**53

    numbers = np.array([0, 1, 12_959, 10**12])
    assert draws.uniform(key, numbers, draws.LEAVES).tolist() == [expected(int(number)) for number in numbers]


def test_those_who_come_get_every_free_place_first_and_then_room_between() -> None:
    plan = room(shapely.box(0, 0, 6, 6), [line((6, 2), (6, 4))], shapely.box(0.3, 0.3, 5.7, 5.7))
    finder = filled(plan, 1).finder
    comers = Comers(plan, finder, 7, None, 30, 200.0, 1000.0)
    walkers = Walkers(plan, finder, Pressing(), comers.at_start())
    stood = np.column_stack([walkers.people.x, walkers.people.w])
    comers.step(walkers, 0.0, 0.0)
    at = np.column_stack([walkers.people.x, walkers.people.w])[30:]
    places = arrivals._places(plan, plan.sources[0])
    free = np.hypot(*(places[:, None] - stood).transpose(2, 0, 1)).min(axis=1) >= arrivals.APART_M
    first = int(free.sum())
    assert 30 < first < len(at) < 200 and comers.outside.sum() == 200 - len(at)
    assert {tuple(p) for p in at[:first]} == {tuple(p) for p in places[free]}
    apart = np.hypot(*(at[:, None] - np.concatenate([stood, at])).transpose(2, 0, 1))
    assert np.sort(apart, axis=1)[:, 1].min() >= arrivals.APART_M - 1e-9, (
        "nobody stands nearer to anybody, but to himself"
    )
