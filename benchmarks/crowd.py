"""Benchmarks of the crowd: steps of single persons a second, with everything that a run keeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import shapely

from evacuation.crowd.people.law import Pressing
from evacuation.crowd.proofs.district import open_stream
from evacuation.crowd.proofs.worlds import SECOND, filled, line, plan_of, room
from evacuation.crowd.risk.density import over
from evacuation.crowd.risk.monitor import Monitor

Row = dict[str, Any]

#: A hall of this side, m, with a gate of 4 m; how many seconds are timed.
SIDE_M, SECONDS = 40.0, 10

#: Seconds of the district that are timed.
CONTINUUM_S = 60


def contact(density: float, threads: int = 1) -> Row:
    """Time a hall that empties from one density, risk metrics on; a step is one person moved by one step of the contacts."""
    outline = shapely.box(0, 0, SIDE_M, SIDE_M)
    plan = room(outline, [line((SIDE_M, 18), (SIDE_M, 22))], outline, ("zone", "zone", outline.buffer(-1)))
    own = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        walkers = filled(plan, round(density * outline.area))
        monitor = Monitor(over(plan, walkers.finder.walkable, 0.5), plan.zones)
        _second(walkers, monitor, 0)  # compiled and warm
        steps, began, cpu = 0, time.perf_counter(), time.process_time()
        for second in range(1, SECONDS + 1):
            steps += walkers.people.count * SECOND * Pressing().steps
            _second(walkers, monitor, second)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    finally:
        numba.set_num_threads(own)
    there = walkers.people.count
    facts = (
        f"{there} people left at the end, mean density met {float(np.average(monitor.now, weights=monitor.now)):.2f}/m2,"
        f" step {1000 * Pressing().step_s:g} ms, {threads} thread(s), {steps / cpu / 1e6:.2f} M a CPU-second"
    )
    return {"metric": "steps of single persons a second", "value": steps / wall / 1e6, "unit": "M/s", "target": None,
            "detail": facts}  # fmt: skip


def continuum(cell: float = 2.0) -> Row:
    """Time 200,000 people who leave a square through the streets of a district of 2 km by 2 km, ways found again every 5 s."""
    outline = shapely.box(0, 0, 2000, 2000)
    sides = [((2000, 900), (2000, 1100)), ((0, 900), (0, 1100)), ((900, 0), (1100, 0)), ((900, 2000), (1100, 2000))]
    gates = [line(*ends) for ends in sides]
    square, places = shapely.box(800, 800, 1200, 1200), range(60, 1900, 90)
    blocks = [
        shapely.box(x, y, x + 60, y + 60) for x in places for y in places if not square.contains(shapely.Point(x, y))
    ]
    walls = outline.exterior.difference(shapely.union_all(gates).buffer(0.005, cap_style="flat"))
    parts = [("wall", "wall", walls), ("square", "source", square)]
    parts += [(f"gate-{k}", "gate", gate) for k, gate in enumerate(gates)]
    parts += [(f"block-{k}", "obstacle", block) for k, block in enumerate(blocks)]
    stream = open_stream(plan_of(outline, parts, cell))
    floor = stream.finder.cells_of(square) & stream.finder.walkable
    stream.walking[0][floor] = 200_000.0 / (floor.sum() * cell**2)
    stream.walk(1)  # compiled and warm
    began, cpu = time.perf_counter(), time.process_time()
    stream.walk(CONTINUUM_S)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    facts = (
        f"cells of {cell:g} m, {stream.total.size:,} cells, {CONTINUUM_S} s, {CONTINUUM_S / cpu:.1f} times a CPU-second"
    )
    return {
        "metric": "times real time",
        "value": CONTINUUM_S / wall,
        "unit": "1",
        "target": ("value", ">=", 5.0),
        "detail": facts,
    }


def _second(walkers: Any, monitor: Monitor, second: int) -> None:
    walkers.walk(float(second), SECOND)
    monitor.watch(walkers.people, second + 1.0)


BENCHES: dict[str, Callable[[], Row]] = {
    "crowd/contact-5": lambda: contact(5.0),
    "crowd/contact-1": lambda: contact(1.0),
    "crowd/continuum": continuum,
}
