"""The crowd as a density held against what is exact: a wave of few people, a queue before a gate, ledger, threads, persons."""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import shapely

from evacuation.crowd.district.stream import FREE_M_S, MOST, Stream
from evacuation.crowd.proofs.worlds import emptied, filled, line, plan_of
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.proof import Reference

HALL = shapely.box(0, 0, 60, 40)
DOOR = line((60, 16), (60, 24))


def hall(cell: float | None, door: shapely.LineString = DOOR, outline: shapely.Polygon = HALL) -> Plan:
    """Return a hall with a door in its east wall, on cells of a side (m; None: as for persons)."""
    walls = outline.exterior.difference(door.buffer(0.005, cap_style="flat"))
    parts = [("wall", "wall", walls), ("door", "gate", door), ("floor", "source", outline)]
    return plan_of(outline, parts, cell_m=cell)


def open_stream(plan: Plan) -> Stream:
    """Return an empty crowd in a plan with its gates open."""
    n = len(plan.gates)
    inner = np.array([gate.inner for gate in plan.gates], np.int8)
    return Stream(plan, Finder(plan), Gates(np.zeros(n, bool), np.zeros(n, np.int8), np.full(n, np.inf), inner))


def emptying(cell: float, persons: float) -> tuple[list[float], float, Stream]:
    """Return persons out by second, persons at the start and the crowd at the end, of a hall that empties."""
    stream = open_stream(hall(cell))
    floor = stream.finder.walkable & stream.finder.cells_of(HALL)
    stream.walking[0][floor] = persons / (floor.sum() * cell**2)
    count, out = stream.inside, [0.0]
    while stream.inside > 0.01 * count and len(out) < 3000:
        stream.walk(1)
        out.append(float(stream.out.sum()))
    return out, count, stream


@cache
def queue(_: Reference) -> dict[str, float]:
    """Return how the flow of a queue through a door of 8 m differs from the largest that its width takes, on two rasters, and sums.

    `emptied`: time until one in a hundred is left, the one raster over the other; `lost`: people made or lost; `dense`: highest density.
    """
    found, times, worst, dense = {}, [], 0.0, 0.0
    for cell in (1.0, 0.5):
        out, count, stream = emptying(cell, 4800.0)
        flow = np.diff(out)[60 : len(out) // 2].mean()
        found[f"flow_{cell:g}"] = abs(float(flow) / (8.0 * MOST) - 1.0)
        times.append(len(out))
        worst = max(worst, abs(count - stream.inside - float(stream.out.sum())) / count)
        dense = max(dense, float(stream.total.max()))
    return found | {
        "flow": max(found.values()),
        "emptied": abs(times[0] / times[1] - 1.0),
        "lost": worst,
        "dense": dense,
    }


@cache
def alone(_: Reference) -> dict[str, float]:
    """Return how the time of few people over 200 m of corridor differs from its length over their free speed."""
    corridor = shapely.box(0, 0, 200, 8)
    stream = open_stream(hall(1.0, line((200, 0.0), (200, 8.0)), corridor))
    rows = stream.finder.walkable.any(axis=1)
    column = int((2.5 - 0.0) / stream.cell) + round((0.0 - (stream.plan.grid.west)) / stream.cell)
    stream.walking[0][rows, column] = 1e-3
    count, seconds, mean = stream.inside, 0, 0.0
    before = 0.0
    while stream.inside > 1e-4 * count and seconds < 600:
        stream.walk(1)
        seconds += 1
        out = float(stream.out.sum())
        mean += (out - before) * seconds
        before = out
    return {"time": abs(mean / before / ((200.0 - 2.5) / FREE_M_S) - 1.0)}


@cache
def against_persons(_: Reference) -> dict[str, float]:
    """Return the time in which half of 1200 people leave a hall by a door of 4 m, as a density over as persons."""
    outline, door, persons = shapely.box(0, 0, 40, 20), line((40, 8), (40, 12)), 1200
    walkers, gone = filled(hall(None, door, outline), persons), []
    emptied(walkers, 900, lambda second: gone.append(persons - walkers.people.count))
    stream = open_stream(hall(0.5, door, outline))
    floor = stream.finder.walkable & stream.finder.cells_of(outline)
    stream.walking[0][floor] = persons / (floor.sum() * stream.cell**2)
    out: list[float] = []
    while stream.inside > 0.5 * persons and len(out) < 900:
        stream.walk(1)
        out.append(float(stream.out.sum()))
    half = int(np.argmax(np.array(gone) >= persons / 2) + 1)
    return {"ratio": len(out) / half, "persons": float(half), "density": float(len(out))}


@cache
def one_thread(_: Reference) -> float:
    """Return the largest difference in density of a hall after a minute between one thread and all."""
    found, own = [], numba.get_num_threads()
    for threads in (1, own):
        numba.set_num_threads(threads)
        try:
            stream = open_stream(hall(1.0))
            stream.walking[0][stream.finder.walkable & stream.finder.cells_of(HALL)] = 2.0
            stream.walk(60)
        finally:
            numba.set_num_threads(own)
        found.append(stream.total)
    return float(abs(found[0] - found[1]).max())
