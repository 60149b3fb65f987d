"""Queues whose answer is known by arithmetic."""

from __future__ import annotations

from functools import cache

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from evacuation.movement.proofs.worlds import Web, chain, grid, roads_of, run
from evacuation.movement.roads.assignment import assign
from evacuation.movement.roads.bound import least_time, repeated_flow_of
from evacuation.movement.roads.expanded import expanded_of
from twin.proof import Reference


@cache
def queue(_: Reference) -> dict[str, float]:
    """Return the largest error of arrival times (s) behind a bottleneck, with room for the queue and with spillback.

    Cars set out every second from the first node of 1000 m + 500 m at 10 m/s; the second link lets one pass in 2 s. The k-th
    arrives after 150 s + 2 k s, whether the queue has room on the first link or stands back before its begin.
    """
    cars = np.arange(300)
    expected = 150.0 + 2.0 * cars
    found = {}
    for name, room in (("room", 1e3), ("spillback", 160.0)):
        web = chain(1000.0, 500.0, capacity=(1.0, 0.5), storage=room)
        moved = run(web, np.zeros(300, np.int32), cars.astype(float), step_s=30.0)
        found[name] = float(np.abs(np.sort(moved.travellers["safe"]) - expected).max())
    return found


def merge(_: Reference) -> float:
    """Return the largest error of the share of two links (1.0 and 0.5 per s) that both want into one (0.6 per s): 2/3 and 1/3."""
    web = Web(
        4, np.array([0, 1, 2], np.int32), np.array([2, 2, 3], np.int32), np.full(3, 500.0), np.full(3, 10.0),
        np.array([1.0, 0.5, 0.6]), np.full(3, 150.0), np.full(3, 5.0), np.array([3], np.int32),
    )  # fmt: skip
    home = np.repeat(np.array([0, 1], np.int32), 600)
    queues = web.queues(home)
    order = np.argsort(np.tile(np.arange(600.0), 2), kind="stable")
    queues.set_out(order, home[order], np.tile(np.arange(600.0), 2)[order])
    lead, passed = web.ways(web.length / web.speed), []
    for k in range(16):
        queues.advance(lead, 60.0 * k, 60.0 * (k + 1))
        passed.append(queues.links["passed"][:2].copy())
    flow = (passed[-1] - passed[5]) / (60.0 * 10)
    return float(np.abs(flow - [0.4, 0.2]).max())


def reopening(_: Reference) -> float:
    """Return the error (s) of the arrival of one who is stopped half way along 200 m from 10 s to 600 s, at 10 m/s: 610 s."""
    web = chain(200.0)
    queues = web.queues(np.zeros(1, np.int32))
    queues.set_out(np.array([0]), np.zeros(1, np.int32), np.zeros(1))
    lead = web.ways(web.length / web.speed)
    for begin, end, speed in ((0.0, 10.0, 10.0), (10.0, 300.0, 0.0), (300.0, 600.0, 0.0), (600.0, 900.0, 10.0)):
        queues.links["speed"][:1] = speed
        queues.advance(lead, begin, end)
    return abs(float(queues.travellers["safe"][0]) - 610.0)


def capacity(_: Reference) -> float:
    """Return the most that any link of a crowded grid let pass in a minute, as a share of its capacity.

    Less the one car that may go at once.
    """
    rng = np.random.default_rng(5)
    web = grid(12, 4, rng, uneven=True)
    home = rng.integers(0, web.nodes, 6000).astype(np.int32)
    when = rng.uniform(0.0, 900.0, len(home))
    queues = web.queues(home)
    order = np.argsort(when, kind="stable")
    queues.set_out(order, home[order], when[order])
    most, before = 0.0, queues.links["passed"][: len(web.up)].copy()
    for k in range(120):
        queues.advance(web.ways(web.cost(queues)), 60.0 * k, 60.0 * (k + 1))
        now = queues.links["passed"][: len(web.up)].copy()
        most = max(most, float(((now - before - 1.0) / (60.0 * web.capacity)).max()))
        before = now
    return most


@cache
def bound(_: Reference) -> dict[str, float]:
    """Return the least ratio of T95 to its bound over forty grids with random lengths, capacities, homes and departures."""
    ratios, expanded = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        web = grid(int(rng.integers(3, 9)), int(rng.integers(1, 4)), rng, uneven=True)
        cars = int(rng.integers(20, 3000))
        homes = rng.choice(web.nodes, int(rng.integers(1, web.nodes)), replace=False)
        home = rng.choice(homes, cars).astype(np.int32)
        when = rng.uniform(0.0, 1.0, cars) * (0.0 if seed % 2 else 600.0)
        t95 = float(np.quantile(run(web, home, when).travellers["safe"], 0.95, method="inverted_cdf"))
        at_goal = np.isin(home, web.goals)
        source, goal = np.zeros(web.nodes, bool), np.zeros(web.nodes, bool)
        source[home], goal[web.goals] = True, True
        flow = repeated_flow_of(
            nodes=web.nodes, up=web.up, down=web.down, time=web.length / web.speed, capacity=web.capacity,
            source=source, goal=goal, burst=1.0,
        )  # fmt: skip
        least = least_time([(flow, float((~at_goal).sum()))], 0.95, float(at_goal.sum()))
        if least > 0.0:
            ratios.append(t95 / least)
        later = expanded_of(roads_of(web), home, when, np.ones(cars), t95).least_time(0.95 * cars - 1e-6)
        if later > 0.0:
            expanded.append(t95 / later)
    return {
        "least": min(ratios),
        "median": float(np.median(ratios)),
        "expanded": min(expanded),
        "expanded_median": float(np.median(expanded)),
    }


def link_fd(_: Reference) -> float:
    """Return the relative error of the flow through a link that room, not capacity, holds back: 40 cars in 1000 m / 10 + 1000 m / 5."""
    web = chain(1000.0, 500.0, capacity=(1.0, 0.5), storage=40.0)
    moved = run(web, np.zeros(300, np.int32), np.arange(300.0), step_s=30.0)
    came = np.sort(moved.travellers["safe"])
    return abs(float(200.0 / (came[280] - came[80])) / (40.0 / 300.0) - 1.0)


def fifo(_: Reference) -> float:
    """Return how often, on a crowded uneven grid with ways renewed, anybody on a link is found out of the order of coming.

    Between two looks, 5 s apart, those on a link may lose some at its head and gain some at its tail, nothing else.
    """
    rng = np.random.default_rng(11)
    web = grid(8, 3, rng, uneven=True)
    home = rng.integers(0, web.nodes, 1500).astype(np.int32)
    when = np.sort(rng.uniform(0.0, 300.0, len(home)))
    queues, wrong = web.queues(home), 0
    queues.set_out(np.arange(len(home)), home, when)
    before = [queues.on(i) for i in range(len(queues.links))]
    for k in range(240):
        queues.advance(web.ways(web.cost(queues)), 5.0 * k, 5.0 * (k + 1))
        for i, had in enumerate(before):
            now = queues.on(i)
            stayed = had[np.isin(had, now)]
            wrong += int(
                not (
                    np.array_equal(now[: len(stayed)], stayed) and np.array_equal(had[len(had) - len(stayed) :], stayed)
                )
            )
            before[i] = now
    return float(wrong)


@cache
def spillback(_: Reference) -> dict[str, float]:
    """Return the relative errors of two speeds at which a queue travels back, against the triangular diagram.

    `tail`: cars come at 0.4/s onto 5000 m at 10 m/s that end in 0.2/s; with 0.14 cars a metre and gaps at 5 m/s the shock runs
    back at (0.4 - 0.2) / (0.14 - 0.2 / 5 - 0.4 / 10) m/s, and the first car is held at home when it reaches the begin.
    `start`: a standing queue over five links is let go at its head; the first of link k starts when gaps have come all the way.
    """
    web = chain(5000.0, 500.0, capacity=(1.0, 0.2), storage=0.14 * 5000.0)
    cars = np.arange(1500)
    moved = run(web, np.zeros(len(cars), np.int32), 2.5 * cars.astype(np.float64), step_s=60.0)
    held = int(np.argmax(np.sort(moved.travellers["left"]) - 2.5 * cars > 1e-6))
    shock = 5000.0 / (2.5 * held - 500.0)
    expected = (0.4 - 0.2) / (0.14 - 0.2 / 5.0 - 0.4 / 10.0)

    web = chain(*[200.0] * 5, 100.0, storage=28.0)
    queues = web.queues(np.zeros(200, np.int32))
    queues.set_out(np.arange(200), np.zeros(200, np.int32), np.zeros(200))
    lead = web.ways(web.length / web.speed)
    queues.links["opened"][5] = False
    queues.advance(lead, 0.0, 3600.0)
    standing = [int(queues.on(i)[0]) for i in range(5)]
    queues.links["opened"][5] = True
    t, started = 3600.0, np.full(5, np.nan)
    while np.isnan(started).any():
        queues.advance(lead, t, t + 0.5)
        t += 0.5
        gone = queues.travellers["link"][standing] != np.arange(5)
        started[gone & np.isnan(started)] = t
    waves = 200.0 / -np.diff(started)
    return {"tail": abs(shock / expected - 1.0), "start": float(np.abs(waves / 5.0 - 1.0).max())}


def step(_: Reference) -> float:
    """Return the largest relative change of T95 when the time between two decisions halves, over three crowded grids.

    Motion has no step. What is renewed at intervals are the ways: every 60 s, and every 30 s.
    """
    gaps = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        web = grid(20, 16, rng, uneven=True)
        home = rng.integers(0, web.nodes, 20_000).astype(np.int32)
        when = 1200.0 / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-rng.random(len(home))))
        found = [np.quantile(run(web, home, when, step_s=s).travellers["safe"], 0.95) for s in (60.0, 30.0)]
        gaps.append(abs(float(found[1] / found[0]) - 1.0))
    return max(gaps)


#: What OR-tools 9.15.6755 (SimpleMinCostFlow) finds for the problem of `assignment`: benchmarks/peers/ortools_peer.py.
ORTOOLS_COST = 11_618_264


def shelters_problem() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return people (zone,), costs (zone, shelter) and places (shelter,) of 900 zones and 100 shelters at random places."""
    rng = np.random.default_rng(12)
    zones, shelters = rng.uniform(0.0, 10_000.0, (900, 2)), rng.uniform(0.0, 10_000.0, (100, 2))
    people, places = rng.integers(50, 400, 900), rng.integers(1500, 3500, 100)
    apart = np.hypot(*(zones[:, None] - shelters[None]).transpose(2, 0, 1))
    return people, np.floor(apart / 10.0).astype(np.int64), places


@cache
def assignment(_: Reference) -> dict[str, float]:
    """Return the difference of costs between the assignment of shelters and two others' optima, and people without their place."""
    people, cost, places = shelters_problem()
    found, total = assign(people.astype(float), cost.astype(float), places.astype(float))
    left_out = np.abs(found.sum(axis=1) - people).sum() + np.maximum(found.sum(axis=0) - places, 0.0).sum()
    few = nx.DiGraph()
    for z in range(60):
        few.add_node(("zone", z), demand=-int(people[z]))
        few.add_edges_from((("zone", z), ("shelter", s), {"weight": int(cost[z, s])}) for s in range(12))
    few.add_node("end", demand=int(people[:60].sum()))
    few.add_edges_from((("shelter", s), "end", {"capacity": int(places[s])}) for s in range(12))
    own = assign(people[:60].astype(float), cost[:60, :12].astype(float), places[:12].astype(float))[1]
    return {
        "ortools": abs(total - ORTOOLS_COST),
        "networkx": abs(own - nx.network_simplex(few)[0]),
        "left_out": float(left_out),
    }
