"""Cases with a known answer: one walker, doors shut, people counted, threads, a squeezed crowd that must come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

import numba
import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.law import DECISION_S, MASS_KG, Pressing
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.worlds import SECOND, OverDraws, disc, emptied, filled, line, room, set_speed
from evacuation.crowd.venue.gates import Gates
from twin.proof import Reference, Skip

#: Speed of the walker of case A1, m/s, and the corridor, m.
WALK_M_S, CORRIDOR_M = 1.33, 40.0

#: When a squeezed crowd is to be at rest, and until when it is watched, s.
RESTS_S, WATCHED_S = 8, 18


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
    """Return the largest difference in place or load between one thread and all, in a crowd that presses at a door."""
    outline = shapely.box(0, 0, 36, 30)
    plan = room(outline, [line((36, 14), (36, 16))], outline)
    own, found = numba.get_num_threads(), []
    most = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    if most < 2:
        raise Skip("this process has one thread only")
    try:
        for count in (1, most):
            walkers = filled(plan, 4000)
            numba.set_num_threads(count)
            for second in range(6):
                walkers.walk(float(second), SECOND)
            people = walkers.people.chosen(np.argsort(walkers.people.number))
            found.append(np.stack([people.x, people.w, people.load]))
    finally:
        numba.set_num_threads(own)
    return float(np.abs(found[0] - found[1]).max())


@cache
def squeeze(_: Reference) -> dict[str, float]:
    """Return how a squeezed crowd of 8 persons/m2 in a closed box comes to rest, with the usual step and a quarter of it.

    Nobody walks; bodies are a fifth larger than usual, so that each is pressed by its neighbours. What the springs free
    must die away, the load at rest must not depend on the step, and nobody may leave the box.
    """
    outline = shapely.box(0, 0, 4, 4)
    plan = room(outline, [line((4, 1.5), (4, 2.5))], shapely.box(0.2, 0.2, 3.8, 3.8))
    found: dict[str, float] = {}
    loads = []
    for step in (0.01, 0.0025):
        walkers = filled(plan, 80, pressing=Pressing(step_s=step))
        crowd = _packed(walkers, plan.local(np.array([[0.0, 4.0]]))[0], 4.0, 8.0)
        walkers.people = crowd
        gate = np.zeros(1, np.int8)
        walkers.set_gates(Gates(np.array([True]), gate, np.array([np.inf]), gate + 1))
        energy = []
        for second in range(WATCHED_S):
            walkers.walk(float(second), SECOND)
            own = walkers.people
            energy.append(0.5 * MASS_KG * float((own.vx**2 + own.vw**2).mean()))
            if second == RESTS_S - 1:
                loads.append(float(own.load.mean()))
        found |= {
            f"rest_{step}": energy[RESTS_S - 1],
            f"late_{step}": energy[-1],
            f"grows_{step}": float(max(np.diff(energy[:RESTS_S]).max(), 0.0)),
        }
        found[f"out_{step}"] = float(crowd.count - walkers.people.count + walkers.left)
        inside = (own.x > 3.0) & (own.x < 7.0) & (own.w > 3.0) & (own.w < 7.0)
        found[f"beyond_{step}"] = float((~inside).sum())
    return found | {"load": abs(loads[0] / loads[1] - 1.0), "mean_load": loads[0]}


def _packed(walkers: Walkers, corner: NDArray[np.float64], side: float, density: float) -> People:
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
        **{name: 1.2 * half for name, half in draws.body(7, ids).items()},
        free=draws.free_speed(7, ids),
        group=np.zeros(len(at)),
        leaves=np.full(len(at), np.inf),
        number=ids,
    )


def chain(_: Reference) -> dict[str, float]:
    """Return how far the loads of ten people in single file, each pushing 201 N at a gate that lets nobody through, lie from k F.

    Contact alone: nobody turns aside. They touch from the start, between rails
    that keep them in file. The one at the gate, who carries all, is the tenth.
    """
    count, force, length = 10, 201.0, 8.0
    outline = shapely.box(0, 0, length, 0.8)
    rails = [(f"rail-{y}", "wall", line((3.0, y), (length, y))) for y in (0.23, 0.57)]
    plan = room(outline, [line((length, 0.15), (length, 0.65))], shapely.box(0.3, 0.2, 2.5, 0.6), *rails)
    walkers = filled(plan, 1, pressing=Pressing(queue_push_n=force))
    walkers._law = walkers._law._replace(repulsion=0.0)
    end = plan.local(np.array([[length, 0.4]]))[0]
    ids = np.arange(count, dtype=np.int64)
    at = np.column_stack([end[0] - 0.165 - 0.33 * (count - 1 - ids), np.full(count, end[1])])
    walkers.people = People.standing(
        at,
        **disc(np.full(count, 0.17)),
        free=np.full(count, 2.0),
        group=np.zeros(count),
        leaves=np.zeros(count),
        number=ids,
    )
    both = np.zeros(1, np.int8)
    walkers.set_gates(Gates(np.array([False]), both, np.array([0.0]), both + 1))
    walkers.tokens[:] = 0.0
    for second in range(20):
        walkers.walk(float(second), SECOND)
    load = walkers.people.load[np.argsort(walkers.people.number)]
    # somebody pressed by k F from ahead and (k - 1) F from behind: half of both together
    expected = force * (ids + 0.5)
    return {"error": float(np.abs(load / expected - 1.0).max()), "front": float(load[-1])}
