"""Benchmarks of the crowd: steps of single persons a second, with everything that a run keeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import shapely

from benchmarks.first_call import compiling
from benchmarks.peer import run_jupedsim
from evacuation.crowd.people.law import Pressing
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.proofs.district import open_stream
from evacuation.crowd.proofs.worlds import SECOND, filled, line, plan_of, room
from evacuation.crowd.risk.density import over
from evacuation.crowd.risk.monitor import Monitor
from evacuation.crowd.risk.signs import Signs
from twin.jit import most_threads, on_threads

Row = dict[str, Any]

#: A hall of this side, m, with a gate of 4 m; how many seconds are timed.
SIDE_M, SECONDS = 40.0, 10

#: The hall in which threads are compared, the seconds that are timed there and of the 20,000, and the sizes whose cost is compared.
THREADS_PEOPLE, THREADS_S, REAL_TIME_S = 12_000, 4, 10
SCALES = (2_000, 20_000, 200_000)

#: The time gap of JuPedSim's people, s: with it the hall empties about as ours does (with its own 1.06 s it lets out 40 % fewer).
PEER_GAP_S = 0.5

#: Seconds of the district that are timed.
CONTINUUM_S = 60


def contact(density: float, least: float) -> Row:
    """Time a hall that empties from one density on one thread, risk metrics on; a step is one person moved by one step of the contacts."""
    people = round(density * SIDE_M**2)
    with on_threads(1):
        walkers, signs = _crowded(people, density)
        _second(walkers, signs, 0)  # compiled and warm
        steps, began, cpu = 0, time.perf_counter(), time.process_time()
        for second in range(1, SECONDS + 1):
            steps += walkers.people.count * SECOND * Pressing().steps
            _second(walkers, signs, second)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    facts = (
        f"{walkers.people.count} people left at the end, mean density met "
        f"{float(np.average(signs.monitor.now, weights=signs.monitor.now)):.2f}/m2, step {1000 * Pressing().step_s:g} ms, "
        f"{steps / wall / 1e6:.2f} M a second of the clock"
    )
    return {
        "metric": "steps of single persons a CPU-second of one thread",
        "value": steps / cpu / 1e6,
        "unit": "M/s",
        "target": ("value", ">=", least),
        "detail": facts,
    }


def contact_1() -> Row:
    """Time a hall at 1/m2, and one that empties beside JuPedSim."""
    own, both = contact(1.0, 5.0), beside_jupedsim()
    return own | both | {"detail": f"{own['detail']}; {both['detail']}"}


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


def threads() -> Row:
    """Time a crowded hall on one thread and on two, in turn: the best of three each, for another job on the machine slows both."""
    walls = {n: min(_hall_s(n) for _ in range(3)) for n in (1, 2)}
    ratio = walls[1] / walls[2]
    return {
        "metric": "two threads against one",
        "value": ratio,
        "unit": "1",
        "target": ("value", ">=", 1.6),
        "detail": f"{THREADS_PEOPLE} people at 5/m2, {THREADS_S} s: {walls[1]:.2f} s on one thread, {walls[2]:.2f} s on two",
    }


def _hall_s(count: int, people: int = THREADS_PEOPLE) -> float:
    """Return the wall seconds that THREADS_S seconds of a hall of so many people at 5/m2 take on so many threads."""
    with on_threads(min(count, most_threads())):
        walkers, signs = _crowded(people, 5.0)
        _second(walkers, signs, 0)
        began = time.perf_counter()
        for second in range(1, THREADS_S + 1):
            _second(walkers, signs, second)
        return time.perf_counter() - began


def _crowded(people: int, density: float) -> tuple[Walkers, Signs]:
    """Return a square hall in which so many people stand at a density, about to leave by a gate of 4 m, and what watches them."""
    side = float(np.sqrt(people / density))
    outline = shapely.box(0, 0, side, side)
    gate = line((side, side / 2 - 2.0), (side, side / 2 + 2.0))
    plan = room(outline, [gate], outline, ("zone", "zone", outline.buffer(-1)))
    walkers = filled(plan, people)
    return walkers, Signs(plan, Monitor(over(walkers.finder, 0.5), plan.zones))


def real_time_20k() -> Row:
    """Time 20,000 people at 6/m2 on the threads there are, risk metrics on: seconds of life for a second of the clock."""
    walkers, signs = _crowded(20_000, 6.0)
    _second(walkers, signs, 0)
    began, cpu = time.perf_counter(), time.process_time()
    for second in range(1, REAL_TIME_S + 1):
        _second(walkers, signs, second)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "metric": "times real time",
        "value": REAL_TIME_S / wall,
        "unit": "1",
        "target": ("value", ">=", 1.0),
        "detail": f"{walkers.people.count} people at the end, {numba.get_num_threads()} threads, "
        f"{REAL_TIME_S / cpu:.2f} times a CPU-second, highest density {signs.monitor.highest.max():.1f}/m2",
    }


def scaling() -> Row:
    """Hold the cost of a person's step at 2/m2 from 2,000 to 200,000 people against the least: CPU time on one thread."""
    costs = {}
    with on_threads(1):
        for people in SCALES:
            walkers, signs = _crowded(people, 2.0)
            _second(walkers, signs, 0)
            seconds, steps, cpu = max(1, 20_000 // people), 0, time.process_time()
            for second in range(1, seconds + 1):
                steps += walkers.people.count * SECOND * Pressing().steps
                _second(walkers, signs, second)
            costs[people] = 1e6 * (time.process_time() - cpu) / steps
    told = ", ".join(f"{people:,}: {cost:.3f}" for people, cost in costs.items())
    return {
        "metric": "dearest step of a person against the cheapest",
        "value": max(costs.values()) / min(costs.values()),
        "unit": "1",
        "target": ("value", "<=", 1.5),
        "detail": f"CPU microseconds a step on one thread at 2/m2: {told}",
    }


def beside_jupedsim() -> Row:
    """Return the peer's part of a row: a hall of 900 people that empties at 1/m2, a core each, and how far the curves of the exit part.

    A step of ours moves one person by 10 ms with contacts, one of theirs by 10 ms without; both for the same people and time.
    """
    side, people, seconds = 30.0, 900, 60
    walkers, signs = _crowded(people, people / side**2)
    start = np.column_stack(walkers.plan.at(walkers.people.x, walkers.people.w))
    left, steps, cpu = [0], 0, 0.0
    with on_threads(1):
        warm, watch = _crowded(people, people / side**2)
        _second(warm, watch, 0)
        began = time.process_time()
        for second in range(seconds):
            steps += walkers.people.count * SECOND * Pressing().steps
            _second(walkers, signs, second)
            left.append(walkers.left)
        cpu = time.process_time() - began
    mine = steps / cpu / 1e6
    theirs = run_jupedsim(
        {"at": start, "free": walkers_free(people)},
        side_m=side,
        gate_m=4.0,
        seconds=seconds,
        step_s=0.01,
        time_gap_s=PEER_GAP_S,
    )
    if theirs is None:
        return {"detail": "JuPedSim is not installed (make peers)"}
    other = np.array(theirs["left"])
    apart = float(np.abs(np.array(left) - other).max()) / people
    return {
        "peer": f"JuPedSim {theirs['version']}",
        "peer_value": theirs["steps"] / theirs["cpu_s"] / 1e6,
        "ratio": mine / (theirs["steps"] / theirs["cpu_s"] / 1e6),
        "detail": f"beside it {people} people, {seconds} s: left {left[-1]} and {other[-1]}, curves of the exit {100 * apart:.0f} % apart; "
        f"ours with contact force and risk metrics, theirs without, time gap {PEER_GAP_S} s",
    }


def walkers_free(people: int) -> Any:
    """Return the free speeds that our people have, m/s."""
    return _crowded(people, 1.0)[0].people.free


def _second(walkers: Walkers, signs: Signs, second: int) -> None:
    walkers.walk(float(second), SECOND)
    signs.monitor.watch(walkers.people, second + 1.0)
    signs.watch(walkers.people, second + 1.0)


#: The first second of a hall, with all that a run keeps.
FIRST_CALL = """
import time
from benchmarks.crowd import _crowded, _second
began = time.perf_counter()
_second(*_crowded(100, 1.0), 0)
print(time.perf_counter() - began)
"""

BENCHES: dict[str, Callable[[], Row]] = {
    "crowd/compile": lambda: compiling(FIRST_CALL),
    "crowd/contact-5": lambda: contact(5.0, 2.0),
    "crowd/contact-1": contact_1,
    "crowd/threads": threads,
    "crowd/real-time-20k": real_time_20k,
    "crowd/scaling": scaling,
    "crowd/continuum": continuum,
}
