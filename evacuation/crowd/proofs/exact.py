"""Cases with a known answer: one walker, doors shut, people counted, threads, a squeezed crowd that must come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.law import DECISION_S, MASS_KG, STIFFNESS, Pressing
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.worlds import SECOND, OverDraws, emptied, filled, line, room, set_speed
from twin.jit import on_threads
from twin.proof import Reference, one_and_many

#: Speed of the walker of case A1, m/s, and the corridor, m.
WALK_M_S, CORRIDOR_M = 1.33, 40.0

#: When a squeezed crowd is to be at rest, and until when it is watched, s.
RESTS_S, WATCHED_S = 8, 18

#: The draws of its bodies, and the steps of the contacts that are compared, s: the usual one, halved twice.
SQUEEZED, STEPS_S = range(7, 15), (0.01, 0.005, 0.0025)

#: The last seconds, over which the load on the walls of the box is looked at.
LAST_S = 5


@cache
def corridor_speed(_: Reference) -> dict[str, float]:
    """Return the time of one person over 40 m of a corridor 2 m wide, from when he walks, and how far it lies from 40 m / speed."""
    begin, length = 3.0, CORRIDOR_M + 3.0  # who goes out is followed for a metre more
    outline = shapely.box(0, 0, length, 2)
    plan = room(outline, [line((length, 0), (length, 2))], shapely.box(0.3, 0.7, 0.7, 1.3))
    walkers = filled(plan, 1)
    set_speed(walkers, WALK_M_S)
    start = plan.local(np.array([[begin, 1.0]]))[0, 0]
    time = 0.0
    passed: list[float] = []
    while walkers.people.count:
        walkers.walk(time, 1)
        time += DECISION_S
        for place in (start, start + CORRIDOR_M)[len(passed) : len(passed) + 1]:
            if walkers.people.count and walkers.people.x[0] >= place:
                passed.append(time - (walkers.people.x[0] - place) / WALK_M_S)
    took = passed[1] - passed[0]
    return {"time": took, "error": abs(took * WALK_M_S / CORRIDOR_M - 1.0)}


def _ratio(found: Mapping[str, float]) -> dict[str, float]:
    return {"ratio": found["two"] / found["four"]}


@partial(OverDraws, judge=_ratio)
@cache
def large_room(_: Reference, key: int) -> dict[str, float]:
    """Return the times to empty a room of 30 m by 20 m with 1000 adults through four and through two doors of 1 m."""
    outline = shapely.box(0, 0, 30, 20)
    doors = [line((x - 0.5, y), (x + 0.5, y)) for y in (0.0, 20.0) for x in (5.0, 25.0)]
    times, lost = {}, 0.0
    for count in (4, 2):
        walkers = filled(room(outline, doors[-count:], outline), 1000, key=key)
        lost = max(lost, _lost(walkers, 1000))
        times[count] = emptied(walkers, 900)
        lost = max(lost, _lost(walkers, 1000))
    return {"four": times[4], "two": times[2], "lost": lost}


def _lost(walkers: Walkers, persons: int) -> float:
    """Return by how many the people inside and left differ from those who came."""
    return float(abs(walkers.people.count + walkers.left - persons))


def threads(_: Reference) -> float:
    """Return the largest difference in place or load between one thread and all, in a crowd that presses at a door: 1000 steps."""
    outline = shapely.box(0, 0, 36, 30)
    plan = room(outline, [line((36, 14), (36, 16))], outline)
    found = []
    for count in one_and_many():
        walkers = filled(plan, 4000)
        with on_threads(count):
            for second in range(10):
                walkers.walk(float(second), SECOND)
        people = walkers.people.chosen(np.argsort(walkers.people.number))
        found.append(np.stack([people.x, people.w, people.load]))
    return float(np.abs(found[0] - found[1]).max())


@cache
def squeeze(_: Reference) -> dict[str, float]:
    """Return how squeezed crowds of 8 persons/m2 in a closed box come to rest, with the usual step, half of it and a quarter.

    Nobody walks; bodies are a fifth larger than usual, so that each is pressed by its neighbours. What the springs free sets people
    moving, so their own energy grows at times, but together with that of the springs it may not: nothing drives them. Where a crowd
    comes to rest is chance, so loads, which must not depend on the step, are means over draws of the bodies. Nobody may leave the box.
    `load`: mean on a person; `line`: largest on any of the four walls in any of the last seconds, `walls`: mean of the four in them,
    each of the longer steps against the shortest, the worse of both.
    """
    side, seconds = 4.0, WATCHED_S * SECOND
    outline = shapely.box(0, 0, side + 2.0, side)
    gate, closed = (
        line((6, 1.5), (6, 2.5)),
        line((side, 0), (side, side)),
    )  # a venue has a gate: here it is behind a wall
    plan = room(outline, [gate], shapely.box(4.3, 0.3, 5.7, 3.7), ("closed", "wall", closed))
    walls, corner = shapely.linestrings(plan.lines[0].reshape(-1, 2, 2)), plan.local(np.array([[0.0, side]]))[0]
    kinetic, springs = np.zeros((2, len(SQUEEZED), len(STEPS_S), seconds + 1))
    sides = shapely.linestrings(
        corner + side * np.array([[(0, 0), (1, 0)], [(1, 0), (1, 1)], [(1, 1), (0, 1)], [(0, 1), (0, 0)]])
    )
    load, beyond = np.zeros((len(SQUEEZED), len(STEPS_S))), 0
    on_walls = np.zeros((len(SQUEEZED), len(STEPS_S), LAST_S, len(sides)))
    for draw, key in enumerate(SQUEEZED):
        for fine, step in enumerate(STEPS_S):
            walkers = filled(plan, 1, pressing=Pressing(step_s=step))
            crowd = walkers.people = _packed(corner, side, 8.0, key)
            springs[draw, fine, 0] = _springs(crowd, walls)
            for k in range(1, seconds + 1):
                walkers.walk((k - 1) * DECISION_S, 1)
                own = walkers.people
                kinetic[draw, fine, k] = 0.5 * MASS_KG * float((own.vx**2 + own.vw**2).mean())
                springs[draw, fine, k] = _springs(own, walls)
                if k == RESTS_S * SECOND:
                    load[draw, fine] = own.load.mean()
                if k % SECOND == 0 and k > seconds - LAST_S * SECOND:
                    on_walls[draw, fine, k // SECOND - 1 - WATCHED_S] = (
                        STIFFNESS * pressed(own, sides)[2].sum(axis=0) / side
                    )
            off = np.column_stack([own.x, own.w]) - corner
            beyond += int(crowd.count - ((off > 0.0) & (off < side)).all(axis=1).sum())
    largest, of_all = on_walls.max(axis=(2, 3)), on_walls.mean(axis=(2, 3))
    return {
        "grows": float(np.diff(kinetic + springs, axis=2).max()),
        "freed": float((springs[:, :, 0] - springs[:, :, -1]).mean()),
        "rest": float(kinetic[:, 0, RESTS_S * SECOND].max()),
        "late": float(kinetic[:, 0, -1].max()),
        "beyond": float(beyond),
        "load": _apart(load.mean(axis=0)),
        "load_most": _apart(load),
        "mean_load": float(load[:, 0].mean()),
        "line": _apart(largest.mean(axis=0)),
        "line_most": _apart(largest),
        "walls": _apart(of_all.mean(axis=0)),
        "line_load": float(largest[:, 0].mean()),
    }


def _apart(found: NDArray[np.float64]) -> float:
    """Return how far figures of steps (..., step) lie from those of the last, the shortest, at most, over it."""
    return float(np.abs(found / found[..., -1:] - 1.0).max())


def _springs(people: People, walls: NDArray[np.object_]) -> float:
    """Return the energy that outlines pressed by one another and by walls hold, J a person: half of STIFFNESS times the overlap squared."""
    _, bodies, against = pressed(people, walls)
    return float(0.5 * STIFFNESS * ((bodies**2).sum() + (against**2).sum()) / people.count)


def contact_forces(people: People, walls: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the forces of all springs that press each person, added up whatever way they point, N: what simulations of crushes report."""
    pairs, bodies, against = pressed(people, walls)
    total = against.sum(axis=1)
    for end in pairs:
        np.add.at(total, end, bodies)
    return np.asarray(STIFFNESS * total)


def pressed(
    people: People, walls: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return who is near whom (2, pair), how far their outlines overlap (pair,), and how far each overlaps each wall (person, wall), m.

    Found by shapely from the lines of the shoulders, not by the kernel.
    """
    centre = np.column_stack([people.x, people.w])
    across = (people.broad - people.deep)[:, None] * np.column_stack([people.face_w, -people.face_x])
    shoulders = shapely.linestrings(np.stack([centre - across, centre + across], axis=1))
    near = shapely.STRtree(shoulders).query(shoulders, "dwithin", 2.0 * float(people.deep.max()))
    pairs = near[:, near[0] < near[1]]
    bodies = people.deep[pairs].sum(axis=0) - shapely.distance(*shoulders[pairs])
    against = people.deep[:, None] - shapely.distance(shoulders[:, None], walls)
    return pairs, np.maximum(bodies, 0.0), np.maximum(against, 0.0)


def _packed(corner: NDArray[np.float64], side: float, density: float, key: int) -> People:
    """Return standing people at a density on a triangular lattice in a square, with bodies a fifth larger than usual."""
    apart = np.sqrt(2.0 / np.sqrt(3.0) / density)
    rows = [
        np.column_stack([x, np.full(len(x), y)])
        for k, y in enumerate(np.arange(0.2, side - 0.15, apart * np.sqrt(3.0) / 2.0))
        if len(x := np.arange(0.2 + (k % 2) * apart / 2.0, side - 0.15, apart))
    ]
    at = np.concatenate(rows)
    ids = np.arange(len(at), dtype=np.int64)
    return People.standing(
        at + corner,
        **{name: 1.2 * half for name, half in draws.body(key, ids).items()},
        free=draws.free_speed(key, ids),
        group=np.zeros(len(at)),
        leaves=np.full(len(at), np.inf),
        number=ids,
    )
