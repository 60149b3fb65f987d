"""Queues, ways and last departures on a few links."""

from __future__ import annotations

import numpy as np
import pytest

from evacuation.movement.kernels.agenda import CALL, THING, note, open_call, take
from evacuation.movement.kernels.heap import HEAP, drop_first, put
from evacuation.movement.kernels.paths import last_departures, ways, ways_beside
from evacuation.movement.kernels.people import fast_now
from evacuation.movement.proofs.worlds import chain, grid, run
from evacuation.movement.roads.bound import least_time, repeated_flow_of
from evacuation.movement.roads.conditions import car_speed, foot_speed

ONE = np.zeros(1, np.int32)


def test_a_heap_gives_the_least_first_and_of_equals_the_lower_number() -> None:
    heap = np.zeros(6, HEAP)
    heap["place"] = -1
    size = 0
    for thing, key in enumerate((3.0, 1.0, 2.0, 1.0, 9.0, 0.5)):
        size = put(heap, size, thing, key)
    size = put(heap, size, 4, 0.1)  # moved forward
    size = put(heap, size, 5, 5.0)  # moved back
    order = []
    while size:
        order.append(int(heap["thing"][0]))
        size = drop_first(heap, size)
    assert order == [4, 1, 3, 2, 0, 5]


def test_a_heap_of_many_gives_them_in_order_however_they_were_moved() -> None:
    rng = np.random.default_rng(3)
    heap = np.zeros(300, HEAP)
    heap["place"] = -1
    keys = rng.integers(0, 40, 300).astype(float)
    size = 0
    for thing in rng.permutation(300):
        size = put(heap, size, thing, rng.random())
    for thing in rng.permutation(300):
        size = put(heap, size, thing, keys[thing])
    order = []
    while size:
        order.append(int(heap["thing"][0]))
        size = drop_first(heap, size)
    assert order == np.lexsort((np.arange(300), keys)).tolist() and (heap["place"] == -1).all()


def test_an_agenda_gives_things_in_the_order_of_their_moments_whichever_spell_they_are_noted_in() -> None:
    rng = np.random.default_rng(4)
    call, things, lists = np.zeros(1, CALL), np.zeros(200, THING), np.zeros(16, np.int32)
    things["place"] = -1
    open_call(call, lists, 60.0, 120.0)
    when = np.round(rng.uniform(60.0, 119.0, 200), 1)
    for thing in rng.permutation(200):
        note(call, things, lists, thing, when[thing])
    for thing in range(0, 200, 3):  # moved forward
        when[thing] -= 0.5 * (when[thing] - 60.0)
        note(call, things, lists, thing, when[thing])
    note(call, things, lists, 7, 120.0)  # not before the end: it stays where it is
    found = [take(call, things, lists) for _ in range(100)]
    now = found[-1][1]
    again = found[0][0]
    note(call, things, lists, again, now)  # noted once more, for the same moment
    found += [take(call, things, lists) for _ in range(101)]
    assert take(call, things, lists)[0] == -1 and (things["place"] == -1).all() and (lists == -1).all()
    assert [t for _, t in found] == sorted(t for _, t in found)
    once = [thing for thing, t in found if not (thing == again and t == now)]
    assert once == np.lexsort((np.arange(200), when)).tolist()


def test_room_that_has_come_back_is_room_also_where_nobody_wants_in() -> None:
    """Ten cars pass 100 m at 10 m/s with gaps back at 5 m/s: the last leaves at 19 s and its room is back at 39 s."""
    web = chain(100.0, 1000.0)
    queues = web.queues(np.zeros(10, np.int32))
    queues.set_out(np.arange(10), np.zeros(10, np.int32), np.arange(10.0))
    lead = web.ways(web.length / web.speed)
    queues.advance(lead, 0.0, 38.0)
    assert queues.links["inside"][0] == 1.0
    queues.advance(lead, 38.0, 40.0)
    assert queues.links["inside"][0] == 0.0


def test_groups_beside_each_other_find_the_same_ways_as_one_after_another() -> None:
    rng = np.random.default_rng(6)
    web = grid(12, 7, rng, uneven=True)
    shape, goals = (7, web.nodes), np.arange(8, dtype=np.int32)
    found = []
    for find, heap in ((ways, np.zeros(web.nodes, HEAP)), (ways_beside, np.zeros(shape, HEAP))):
        cost, lead = np.zeros(shape), np.zeros(shape, np.int32)
        find(cost, lead, heap, web.length / web.speed, web.up, *web.into, goals, web.goals)
        found.append((cost, lead))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found[0][0][np.arange(7), web.goals] == 0.0).all() and np.isfinite(found[0][0]).all()


def test_a_state_holds_who_is_there_and_the_room_that_is_on_its_way_back() -> None:
    rng = np.random.default_rng(2)
    web = grid(6, 2, rng)
    home = rng.integers(0, web.nodes, 500).astype(np.int32)
    queues = run(web, home, rng.uniform(0.0, 60.0, 500), step_s=20.0, most_s=80.0)
    kept = queues.arrays()
    links = queues.links
    assert 0 < len(kept["hole_room_s"]) == links["hole_count"].sum() < len(queues.holes)
    other = web.queues(home)
    other.restore(kept)
    for name, values in other.arrays().items():
        np.testing.assert_array_equal(values, kept[name])
    ways = web.ways(web.length / web.speed)
    for each in (queues, other):
        each.links["speed"][: len(web.up)] = web.speed
        each.advance(ways, 80.0, 300.0)
    for name in ("link", "reach", "safe"):
        np.testing.assert_array_equal(other.travellers[name], queues.travellers[name])


def test_a_lone_car_runs_at_free_speed_whatever_the_length_of_a_call() -> None:
    for step_s in (7.0, 60.0, 1000.0):
        moved = run(chain(100.0, 250.0), ONE, np.array([3.0]), step_s=step_s)
        assert moved.travellers["safe"][0] == pytest.approx(3.0 + 35.0, abs=1e-9)
        assert moved.travellers["left"][0] == 3.0


def test_arrivals_do_not_depend_on_the_length_of_a_call() -> None:
    rng = np.random.default_rng(2)
    web = chain(300.0, 40.0, 200.0, capacity=(1.0, 0.3, 0.7), storage=9.0)
    when = np.sort(rng.uniform(0.0, 300.0, 80))
    short, long = (run(web, np.zeros(80, np.int32), when, step_s=s).travellers["safe"] for s in (10.0, 500.0))
    np.testing.assert_allclose(short, long, atol=1e-6)
    assert (np.diff(short) > 0).all(), "who comes first leaves first"


def test_a_queue_never_has_more_than_has_room_and_nobody_is_lost() -> None:
    rng = np.random.default_rng(3)
    web = grid(6, 2, rng, uneven=True)
    home = rng.integers(0, web.nodes, 900).astype(np.int32)
    queues = web.queues(home)
    queues.set_out(np.arange(900), home, np.zeros(900))
    for k in range(60):
        queues.advance(web.ways(web.cost(queues)), 30.0 * k, 30.0 * (k + 1))
        links = queues.links[: len(web.up)]
        assert (links["inside"] <= np.maximum(links["storage"], 1.0)).all()
        assert (links["hole_count"] <= links["ring_end"] - links["ring"]).all()
        on_links = int(queues.links["count"].sum())
        assert on_links + int((queues.travellers["link"] == -2).sum()) == 900


def test_a_closed_link_keeps_people_before_it_until_it_opens() -> None:
    web = chain(100.0, 100.0)
    queues = web.queues(ONE)
    queues.set_out(np.array([0]), ONE, np.zeros(1))
    lead = web.ways(web.length / web.speed)
    queues.links["opened"][1] = False
    queues.advance(lead, 0.0, 60.0)
    assert queues.waiting(np.full(1, 2.0))[0] == 2.0, "two persons wait at its end"
    queues.links["opened"][1] = True
    queues.advance(lead, 60.0, 120.0)
    assert queues.travellers["safe"][0] == pytest.approx(70.0)


def test_who_cannot_get_onto_a_road_waits_at_home() -> None:
    """A road with room for two cars that take 100 s: of five that set out at once three still wait at home at 10 s."""
    web = chain(1000.0, storage=2.0)
    queues = web.queues(np.zeros(5, np.int32))
    queues.set_out(np.arange(5), np.zeros(5, np.int32), np.zeros(5))
    queues.advance(web.ways(web.length / web.speed), 0.0, 10.0)
    assert queues.waiting(np.full(5, 2.0)).tolist() == [0.0, 6.0]


def test_the_last_departure_is_the_closing_less_the_way() -> None:
    """Two links of 100 m at 10 m/s that is halved from 60 s on; the second closes at 100 s: leave it by 100, enter it by 80.

    From 80 s back to 60 s one comes 100 m, so the first is entered at 60 s: all of the way at the slow speed, 20 s a link.
    """
    web = chain(100.0, 100.0)
    times, speed = np.array([0.0, 60.0]), np.array([[10.0, 10.0], [5.0, 5.0]])
    ways = np.vstack([np.zeros(2), 60.0 * speed[0]])
    starts, order = np.array([0, 0, 1, 2], np.int32), np.array([0, 1], np.int32)
    last = np.zeros(3)

    def seen(closes: float) -> list[float]:
        last_departures(
            last, np.zeros(3, HEAP), 0, np.array([np.inf, closes]), times, speed, ways, web.length, web.up, starts,
            order, web.goals,
        )  # fmt: skip
        return last.tolist()

    assert seen(100.0) == [60.0, 80.0, np.inf]
    assert seen(70.0) == [45.0, 55.0, np.inf]
    assert seen(5.0)[:2] == [-np.inf, -np.inf], "not even at once"
    assert seen(np.inf) == [np.inf, np.inf, np.inf]


def test_the_bound_of_one_road_is_its_length_and_its_capacity() -> None:
    """100 cars over 1000 m at 10 m/s and 0.5/s: the 95th at 100 s + 94 x 2 s; the bound may be one car earlier, not later."""
    web = chain(1000.0, capacity=0.5)
    source, goal = np.array([True, False]), np.array([False, True])
    flow = repeated_flow_of(
        nodes=2, up=web.up, down=web.down, time=web.length / web.speed, capacity=web.capacity, source=source, goal=goal,
        burst=1.0,
    )  # fmt: skip
    least = least_time([(flow, 100.0)], 0.95, 0.0)
    arrived = np.sort(run(web, np.zeros(100, np.int32), np.zeros(100)).travellers["safe"])
    assert least <= arrived[94] == pytest.approx(288.0)
    assert least == pytest.approx(288.0, abs=0.01)


def test_a_bound_needs_flow_to_be_sent_back() -> None:
    """The diamond with a cross link: two unit paths need the short path of the first to be undone."""
    up, down = np.array([0, 0, 1, 2, 1], np.int32), np.array([1, 2, 3, 3, 2], np.int32)
    time = np.array([1.0, 4.0, 4.0, 1.0, 1.0])
    flow = repeated_flow_of(
        nodes=4, up=up, down=down, time=time, capacity=np.ones(5), source=np.array([1, 0, 0, 0], bool),
        goal=np.array([0, 0, 0, 1], bool), burst=1.0,
    )  # fmt: skip
    assert flow.lengths.tolist() == [3.0, 7.0] and flow.rates.tolist() == [1.0, 1.0]


def test_speed_in_water() -> None:
    free = np.full(4, 20.0)
    cars = car_speed(np.array([0.0, 0.1, 0.299, 0.3]), free)
    assert cars[0] == 20.0 and cars[3] == 0.0
    assert cars[1] == pytest.approx((0.0009 * 100**2 - 0.5529 * 100 + 86.9448) / 3.6)
    assert cars[2] == pytest.approx(2.07 / 3.6, abs=0.05), "Pregnolato: 2.07 km/h at 300 mm"
    cautious = car_speed(np.array([0.0, 0.1, 0.149, 0.15]), free, "cautious")
    assert cautious[1] == pytest.approx((0.003864 * 100**2 - 1.1592 * 100 + 86.94) / 3.6)
    assert cautious[0] == 20.0 and 0.0 < cautious[2] < 0.01 and cautious[3] == 0.0
    relative = car_speed(np.array([0.0, 0.1, 0.15, 0.3]), free, "relative")
    assert relative == pytest.approx([20.0, 20.0 * 4.0 / 9.0, 5.0, 0.0], abs=1e-12)
    walkers = foot_speed(np.array([0.0, 0.35, 0.5, 0.2]), np.array([0.0, 0.0, 0.0, 0.7]), np.ones(4), 0.5)
    assert walkers.tolist() == [1.0, 0.6, 0.0, 0.0]


@pytest.mark.parametrize("step_s", [1.0, 2.5, 5.0])
def test_time_in_fast_water_is_that_on_a_link_while_it_is_fast_moving_or_standing(step_s: float) -> None:
    """One is on the first of two links from 3 s to 13 s, on the second from 13 s to 38 s. Water is fast on the first from 5 s to 10 s
    and from 20 s on, on the second from 30 s on; the next does the same 30 s later, and stands on the second from 60 s to 70 s."""
    web = chain(100.0, 250.0)
    queues = web.queues(np.zeros(2, np.int32))
    queues.set_out(np.arange(2), np.zeros(2, np.int32), np.array([3.0, 33.0]))
    lead, seconds = web.ways(web.length / web.speed), np.zeros(2)
    first, second = [(5.0, 10.0), (20.0, np.inf)], [(30.0, np.inf)]
    for k in range(round(90.0 / step_s)):
        t = k * step_s
        queues.links["speed"][1] = 0.0 if 60.0 <= t < 70.0 else 10.0
        for link, spells in enumerate((first, second)):
            queues.links["fast"][link] = any(a <= t < b for a, b in spells)
            queues.links["was_fast"][link] |= queues.links["fast"][link]
        queues.advance(lead, t, t + step_s)
        if t + step_s == 50.0:
            fast_now(seconds, queues.travellers, queues.links)
            assert seconds == pytest.approx([5.0 + 8.0, 17.0], abs=1e-3), "the second is still on his way"
    fast_now(seconds, queues.travellers, queues.links)
    assert queues.travellers["safe"] == pytest.approx([38.0, 78.0])
    assert seconds == pytest.approx([5.0 + 8.0, 45.0], abs=1e-3)
