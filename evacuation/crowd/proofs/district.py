"""The crowd as a density held against what is exact: few people, a queue, a jam that grows, ledger, threads; hand-over to persons."""

from __future__ import annotations

from functools import cache

import numpy as np
import shapely

from evacuation.crowd.district.handover import WALKS, HandOver
from evacuation.crowd.district.stream import FREE_M_S, MOST, Stream
from evacuation.crowd.kernels.stream import speed
from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People
from evacuation.crowd.proofs.hermes import nobody
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, plan_of, room
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import MOST_SLOW_DENSITY, Finder
from twin.jit import on_threads
from twin.proof import Reference, one_and_many

HALL = shapely.box(0, 0, 60, 40)
DOOR = line((60, 16), (60, 24))


def hall(cell: float | None, door: shapely.LineString = DOOR, outline: shapely.Polygon = HALL) -> Plan:
    """Return a hall with a door in its east wall, on cells of a side (m; None: as for persons)."""
    walls = outline.exterior.difference(door.buffer(0.005, cap_style="flat"))
    parts = [("wall", "wall", walls), ("door", "gate", door), ("floor", "source", outline)]
    return plan_of(outline, parts, cell_m=cell)


def open_stream(plan: Plan, per_s: float = np.inf) -> Stream:
    """Return an empty crowd in a plan with its gates open, each letting through so many a second."""
    n = len(plan.gates)
    inner = np.array([gate.inner for gate in plan.gates], np.int8)
    return Stream(
        plan, Finder(plan, MOST_SLOW_DENSITY), Gates(np.zeros(n, bool), np.zeros(n, np.int8), np.full(n, per_s), inner)
    )


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
    found = []
    for count in one_and_many():
        with on_threads(count):
            stream = open_stream(hall(1.0))
            stream.walking[0][stream.finder.walkable & stream.finder.cells_of(HALL)] = 2.0
            stream.walk(60)
        found.append(stream.total)
    return float(abs(found[0] - found[1]).max())


@cache
def shock(_: Reference) -> dict[str, float]:
    """Return by how much the speed of a jam that grows backwards lies from (J2 - J1) / (rho2 - rho1), Rankine and Hugoniot.

    People at 1 per m2 meet people at 5.39 before a gate that lets nobody through.
    """
    plan = hall(0.5, line((300, 0), (300, 4)), shapely.box(0, 0, 300, 4))
    stream = open_stream(plan, per_s=0.0)
    rows = stream.finder.walkable & stream.finder.cells_of(plan.ground)
    stream.walking[0] = np.where(rows, np.where(plan.grid.x[None, :] < 250.0, 1.0, 5.39), 0.0)
    stream.walk(20)
    fronts = []
    for _second in range(2):
        fronts.append(_front(stream, rows))
        stream.walk(60)
    flow = [rho * speed(rho, FREE_M_S) for rho in (1.0, 5.39)]
    expected = (flow[1] - flow[0]) / (5.39 - 1.0)
    found = (fronts[1] - fronts[0]) / 60.0
    return {"error": abs(found / expected - 1.0), "speed": found}


def _front(stream: Stream, rows: np.ndarray) -> float:
    """Return where the mean density across a street rises through 3 persons/m2, m."""
    own = stream.total.sum(axis=0) / np.maximum(rows.sum(axis=0), 1)
    k = int(np.argmax(own > 3.0))
    return float(stream.plan.grid.x[k - 1] + (3.0 - own[k - 1]) / (own[k] - own[k - 1]) * stream.cell)


@cache
def hand_over(_: Reference) -> dict[str, float]:
    """Return how people are kept in a street whose last third holds single people, and how far the flow into that third is from
    that of people who appear in it, in the worst minute in which at least half of the most people come.

    A street of 60 m by 4 m filled again and again at its begin for half an hour.
    """
    plan = hall(0.5, line((60, 0), (60, 4)), shapely.box(0, 0, 60, 4))
    stream = open_stream(plan)
    both, x = HandOver(stream), plan.grid.x[None, :]
    floor = stream.finder.walkable & stream.finder.cells_of(plan.ground)
    stream.walking[0][floor] = 1.0
    both.begin(floor & (x >= 40.0))
    beyond = room(shapely.box(0, 0, 20.0, 4.0), [line((20.0, 0.0), (20.0, 4.0))], shapely.box(0.3, 0.3, 19, 3.7))
    walkers, number, worst, put = nobody(beyond), 0, 0.0, both.persons
    into, out = [], []
    for second in range(2100):
        if second % 10 == 0 and second < 1800:
            more = np.where(floor & (x < 4.0), 1.6, 0.0)
            stream.walking[0] += more
            put += float(more.sum() * stream.cell**2)
        before = float(both.owed.sum())
        both.walk(1)
        into.append(float(both.owed.sum()) - before)
        people = walkers.people
        stand, take = np.column_stack([people.x, people.w]), np.zeros(floor.shape, np.int64)
        new: list[np.ndarray] = []
        owed = both.owed[WALKS, 0]
        cells = np.argwhere(owed > 0.0)
        for row, col in cells[np.argsort(-owed[tuple(cells.T)], kind="stable")]:
            if len(new) >= np.floor(owed.sum() + 1e-9):
                break
            at = beyond.local(np.array([[plan.grid.x[col] - 40.0, plan.grid.y[row]]]))[0]
            if not (len(stand) and (np.hypot(*(stand - at).T) < 0.41).any()):
                new.append(at)
                stand, take[row, col] = np.vstack([stand, at]), 1
        both.people(WALKS, 0, take, both.single)
        if new:
            ids = np.arange(number, number + len(new))
            number += len(new)
            walkers.people = people.joined(
                People.standing(
                    np.array(new), **draws.body(7, ids), free=draws.free_speed(7, ids),
                    group=np.zeros(len(ids)), leaves=np.zeros(len(ids)), number=ids,
                )
            )  # fmt: skip
        out.append(float(len(new)))
        walkers.walk(float(second), SECOND)
        there = both.persons + float(stream.out.sum()) + walkers.people.count + walkers.left
        worst = max(worst, abs(there / put - 1.0))
    sums = [np.convolve(v, np.ones(60), "valid")[60::60] for v in (into, out)]
    busy = sums[0] > 0.5 * sums[0].max()
    mismatch = float(np.abs(sums[1][busy] / sums[0][busy] - 1.0).max()) if busy.any() else np.inf
    return {"kept": worst, "mismatch": mismatch, "passed": float(walkers.left)}
