"""Benchmarks of movement: seconds of processor from arrays in memory to everybody's arrival; compilation is done before.

A million persons are timed on the clock, since their mark is one of a machine with two cores; seconds of processor stand beside.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numba
import numpy as np

from benchmarks.peer import run_uxsim
from evacuation.movement.proofs import planned, real, worlds
from evacuation.movement.proofs.city import MODEL
from evacuation.movement.proofs.fixed_paths import CASES, JAM_M, WAVE_M_S, FixedPaths, to_nearest
from evacuation.movement.proofs.worlds import grid, run
from evacuation.movement.roads.bound import least_time, repeated_flow_of
from evacuation.movement.roads.expanded import expanded_of
from scenarios.proofs import reference
from twin.proof import Skip
from twin.streams import stream

Row = dict[str, Any]

SIDE, SHELTERS, VEHICLES, HOURS = 50, 100, 200_000, 2.5
REROUTE_S = 60.0
MEAN_DEPARTURE_S = 2700.0

#: UXsim's own settings for large networks: platoons of five, ways renewed each five minutes. Both spare it work.
UXSIM_PLATOON, UXSIM_REROUTE_S = 5, 300.0


def grid_200k() -> Row:
    """Time 200,000 vehicles on a grid of 2,500 nodes and 9,800 links to the nearest of 100 shelters, ways renewed each minute."""
    rng = np.random.default_rng(1)
    web = grid(SIDE, SHELTERS, rng)
    home = rng.integers(0, web.nodes, VEHICLES).astype(np.int32)
    when = MEAN_DEPARTURE_S / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-rng.random(VEHICLES)))
    run(web, home[:100], when[:100], step_s=REROUTE_S)
    walls = []
    for _ in range(3):
        began = time.process_time()
        moved = run(web, home, when, step_s=REROUTE_S, most_s=3600.0 * HOURS)
        walls.append(time.process_time() - began)
    safe = moved.travellers["safe"]
    source, goal = np.zeros(web.nodes, bool), np.zeros(web.nodes, bool)
    source[home], goal[web.goals] = True, True
    at_goal = float(np.isin(home, web.goals).sum())
    began = time.perf_counter()
    flow = repeated_flow_of(
        nodes=web.nodes, up=web.up, down=web.down, time=web.length / web.speed, capacity=web.capacity,
        source=source, goal=goal, burst=1.0,
    )  # fmt: skip
    least = least_time([(flow, VEHICLES - at_goal)], 0.95, at_goal)
    bound_s = time.perf_counter() - began
    out = int(np.isfinite(safe).sum())
    t95 = float(np.sort(np.where(np.isnan(safe), np.inf, safe))[int(0.95 * VEHICLES) - 1])
    detail = (
        f"{web.nodes} nodes, {len(web.up)} links, {out} of {VEHICLES} arrived within {HOURS} h, T95 {t95:.0f} s, "
        f"bound {least:.0f} s (found in {bound_s:.2f} s, compilation included); {min(walls):.2f} to {max(walls):.2f} s of processor"
    )
    row: Row = {
        "metric": f"200,000 vehicles, {HOURS} h", "value": float(np.median(walls)), "unit": "s of processor",
        "target": ("value", "<=", 1.5),
    }  # fmt: skip
    case = to_nearest(web, np.full(len(web.up), 2), home, when)
    theirs = run_uxsim(
        _arrays(case), nodes=web.nodes, jam_m=JAM_M, wave_m_s=WAVE_M_S, deltan=UXSIM_PLATOON, most_s=3600.0 * HOURS,
        reroute_s=UXSIM_REROUTE_S,
    )  # fmt: skip
    if theirs is None:
        return row | {"detail": f"{detail}; uxsim is not installed (make peers)"}
    return row | {
        "peer": "UXsim 1.15.1",
        "peer_value": theirs["processor_s"],
        "ratio": theirs["processor_s"] / row["value"],
        "detail": f"{detail}; UXsim in platoons of {UXSIM_PLATOON}, ways renewed each {UXSIM_REROUTE_S:.0f} s, "
        f"{theirs['arrived']} of {theirs['cars']} arrived, {theirs['wall_s']:.0f} s on the clock",
    }


def _arrays(case: FixedPaths) -> dict[str, Any]:
    """Return the arrays of a case for UXsim."""
    web = case.web
    return {
        "up": web.up, "down": web.down, "length": web.length, "speed": web.speed, "capacity": web.capacity, "lanes": case.lanes,
        "home": case.home, "goal": case.goal, "when": case.when, "goals": case.goals, "lead": case.lead,
    }  # fmt: skip


def fixed_paths(name: str) -> Row:
    """Time cars on fixed paths beside UXsim (a platoon of one car) on the same, and compare their mean travel times."""
    case = CASES[name]()
    case.run()
    began = time.process_time()
    safe = case.run().travellers["safe"]
    wall, mean = time.process_time() - began, float((safe - case.when).mean())
    last = float(safe.max())
    theirs = run_uxsim(
        _arrays(case), nodes=case.web.nodes, jam_m=JAM_M, wave_m_s=WAVE_M_S, deltan=1, most_s=1.5 * last + 1200.0,
    )  # fmt: skip
    row: Row = {"metric": f"{len(case.home)} cars on fixed paths", "value": wall, "unit": "s of processor"}
    if theirs is None:
        return row | {"detail": f"mean travel time {mean:.1f} s; uxsim is not installed (make peers)"}
    return row | {
        "peer": "UXsim 1.15.1",
        "peer_value": theirs["processor_s"],
        "ratio": theirs["processor_s"] / wall,
        "detail": f"mean travel time ours/theirs {mean:.1f}/{theirs['travel_s']:.1f} s, {theirs['arrived']} of {theirs['cars']} arrived",
    }


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds that a call takes, after one before it that compiles, and what it returns."""
    run()
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


def million() -> Row:
    """Time a million persons of Wuxi Xinwu for three hours, with water over the west and a thin cloud over all."""
    row: Row = {"metric": "1,000,000 persons, three hours", "unit": "s on the clock", "target": ("value", "<=", 6.0)}
    try:
        city = real.city_of("wuxi-xinwu", reference())
    except Skip as skip:
        return row | {"value": None, "detail": str(skip)}
    people = city.population.assign(night=lambda t: t["night"] * 1e6 / t["night"].sum())
    crowd, when = replace(city, population=people), worlds.clock(3.0)
    wet = np.where(np.arange(when.steps + 1) * when.step_s >= 1800.0, 0.6, 0.0)
    fields = {"w": real.water(city, when, wet), "c": worlds.cloud(city, when, 1e-5)}
    model = real.MODEL
    model.simulate(crowd, fields, when.first(when.step_s), (), stream(7, "movement"))
    began, clock_began = time.process_time(), time.perf_counter()
    found = model.simulate(crowd, fields, when, (), stream(7, "movement"))
    seconds, clock_s = time.process_time() - began, time.perf_counter() - clock_began
    arrived = found.counts["end_state"].iloc[-1, :2].sum()
    return row | {
        "value": clock_s,
        "detail": f"{len(city.roads)} roads, {arrived:.0f} arrived; from a city in memory to all tables; "
        f"{numba.get_num_threads()} threads, {seconds:.1f} s of processor together",
    }


def ensemble() -> Row:
    """Time fifty members of 50,000 cars on the grid, one after another on one core."""
    rng = np.random.default_rng(1)
    web = grid(SIDE, SHELTERS, rng)

    def member(seed: int) -> None:
        rng = np.random.default_rng(seed)
        home = rng.integers(0, web.nodes, 50_000).astype(np.int32)
        run(
            web,
            home,
            MEAN_DEPARTURE_S * rng.rayleigh(np.sqrt(2.0 / np.pi), len(home)),
            step_s=REROUTE_S,
            most_s=3600.0 * HOURS,
        )

    member(0)
    began = time.process_time()
    for seed in range(50):
        member(seed)
    seconds = time.process_time() - began
    return {
        "metric": "50 members of 50,000 cars",
        "value": seconds,
        "unit": "s of processor",
        "target": ("value", "<=", 40.0),
    }


def fields_cost() -> Row:
    """Return how many times longer a town takes with water and a cloud than without."""
    city, when = worlds.town(12, people=300.0), worlds.clock(2.0)
    thin = {"w": worlds.water(city, when, np.full(25, 0.05)), "c": worlds.cloud(city, when, 1e-6)}
    plain, _ = _timed(lambda: MODEL.simulate(city, {}, when, (), stream(7, "movement")))
    wet, found = _timed(lambda: MODEL.simulate(city, thin, when, (), stream(7, "movement")))
    return {
        "metric": "with water and cloud over without", "value": wet / plain, "unit": "1", "target": ("value", "<=", 1.5),
        "detail": f"{found.balance.came_in['population']:.0f} persons; {wet:.2f} and {plain:.2f} s of processor",
    }  # fmt: skip


def memory() -> Row:
    """Return the most memory that a run of a crowded town takes, bytes a person."""
    city, when = worlds.town(12, people=3000.0), worlds.clock(1.0)
    MODEL.simulate(worlds.town(4), {}, when, (), stream(7, "movement"))
    tracemalloc.start()
    try:
        found = MODEL.simulate(city, {}, when, (), stream(7, "movement"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    people = found.balance.came_in["population"]
    return {
        "metric": "peak of memory", "value": peak / people, "unit": "bytes a person", "target": ("value", "<=", 200.0),
        "detail": f"{people:.0f} persons, {peak / 1e6:.0f} MB",
    }  # fmt: skip


def bounds(expanded: bool) -> Row:
    """Time the pooled, or the time-expanded, lower bound for 200,000 cars on the grid."""
    rng = np.random.default_rng(1)
    web = grid(SIDE, planned.SHELTERS, rng)
    home = rng.integers(0, web.nodes, VEHICLES).astype(np.int32)
    source, goal = np.zeros(web.nodes, bool), np.zeros(web.nodes, bool)
    source[home], goal[web.goals] = True, True

    def pooled() -> float:
        flow = repeated_flow_of(
            nodes=web.nodes, up=web.up, down=web.down, time=web.length / web.speed, capacity=web.capacity, source=source,
            goal=goal, burst=1.0,
        )  # fmt: skip
        at_goal = float(goal[home].sum())
        return least_time([(flow, VEHICLES - at_goal)], 0.95, at_goal)

    def in_time() -> float:
        roads = worlds.roads_of(web)
        found = expanded_of(roads, home, np.zeros(VEHICLES), np.ones(VEHICLES), 2.0 * pooled())
        return found.least_time(0.95 * VEHICLES - 1e-6)

    seconds, found = _timed(in_time if expanded else pooled)
    return {
        "metric": f"the {'time-expanded' if expanded else 'pooled'} bound", "value": seconds, "unit": "s of processor",
        "target": ("value", "<=", 30.0 if expanded else 1.0), "detail": f"no plan in less than {found:.0f} s",
    }  # fmt: skip


def bound_gap() -> Row:
    """Return T95 over its bound with approaches and release by plan, and without."""
    found = planned.gap(reference())
    return {
        "metric": "T95 over its bound", "value": found["planned"], "unit": "1", "target": ("value", "<=", 1.15),
        "detail": f"unsearched {found['unsearched']:.3f}; {found['held_zones']:.0f} zones held back",
    }  # fmt: skip


BENCHES: dict[str, Callable[[], Row]] = {
    "movement/grid-200k": grid_200k,
    **{f"movement/{name}": partial(fixed_paths, name) for name in ("sioux-falls", "grid-10k", "grid-50k")},
    "movement/million": million,
    "movement/ensemble": ensemble,
    "movement/fields-cost": fields_cost,
    "movement/memory": memory,
    "movement/bound": partial(bounds, False),
    "movement/bound-expanded": partial(bounds, True),
    "movement/bound-gap": bound_gap,
}
