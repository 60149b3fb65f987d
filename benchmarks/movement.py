"""Benchmarks of movement. Wall clocks run from arrays in memory to everybody's arrival; compilation is done before."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peer import run_uxsim
from evacuation.movement.proofs.fixed_paths import CASES, JAM_M, WAVE_M_S
from evacuation.movement.proofs.worlds import grid, run
from evacuation.movement.roads.bound import least_time, repeated_flow_of

Row = dict[str, Any]

SIDE, SHELTERS, VEHICLES, HOURS = 50, 100, 200_000, 2.5
REROUTE_S = 60.0
MEAN_DEPARTURE_S = 2700.0


def grid_200k() -> Row:
    """Time 200,000 vehicles on a grid of 2,500 nodes and 9,800 links to the nearest of 100 shelters, ways renewed each minute."""
    rng = np.random.default_rng(1)
    web = grid(SIDE, SHELTERS, rng)
    home = rng.integers(0, web.nodes, VEHICLES).astype(np.int32)
    when = MEAN_DEPARTURE_S / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-rng.random(VEHICLES)))
    run(web, home[:100], when[:100], step_s=REROUTE_S)
    walls = []
    for _ in range(3):
        began = time.perf_counter()
        moved = run(web, home, when, step_s=REROUTE_S, most_s=3600.0 * HOURS)
        walls.append(time.perf_counter() - began)
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
        f"bound {least:.0f} s (found in {bound_s:.2f} s, compilation included); walls {min(walls):.2f} to {max(walls):.2f} s"
    )
    return {"metric": "wall", "value": float(np.median(walls)), "unit": "s", "detail": detail}


def fixed_paths(name: str) -> Row:
    """Time cars on fixed paths beside UXsim (a platoon of one car) on the same, and compare their mean travel times."""
    case = CASES[name]()
    case.run()
    began = time.process_time()
    safe = case.run().travellers["safe"]
    wall, mean = time.process_time() - began, float((safe - case.when).mean())
    web, last = case.web, float(safe.max())
    theirs = run_uxsim(
        {
            "up": web.up, "down": web.down, "length": web.length, "speed": web.speed, "capacity": web.capacity, "lanes": case.lanes,
            "home": case.home, "goal": case.goal, "when": case.when, "goals": case.goals, "lead": case.lead,
        },
        nodes=web.nodes, jam_m=JAM_M, wave_m_s=WAVE_M_S, deltan=1, most_s=1.5 * last + 1200.0,
    )  # fmt: skip
    row: Row = {"metric": f"{len(case.home)} cars on fixed paths", "value": wall, "unit": "s of processor"}
    if theirs is None:
        return row | {"detail": f"mean travel time {mean:.1f} s; uxsim is not installed (make peers)"}
    return row | {
        "peer": "UXsim 1.15.1",
        "peer_value": theirs["wall_s"],
        "ratio": theirs["wall_s"] / wall,
        "detail": f"mean travel time ours/theirs {mean:.1f}/{theirs['travel_s']:.1f} s, {theirs['arrived']} of {theirs['cars']} arrived",
    }


BENCHES: dict[str, Callable[[], Row]] = {
    "movement/grid-200k": grid_200k,
    **{f"movement/{name}": partial(fixed_paths, name) for name in ("sioux-falls", "grid-10k", "grid-50k")},
}
