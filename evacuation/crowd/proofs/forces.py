"""Files of people that press on a gate that is shut: forces known by arithmetic, on the level, on slopes and between rails."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.kernels.press import GRAVITY
from evacuation.crowd.people.law import MASS_KG, STIFFNESS, WALL_COULOMB, Pressing
from evacuation.crowd.people.walkers import People
from evacuation.crowd.proofs.worlds import SECOND, disc, filled, line, plan_of
from evacuation.crowd.venue.gates import Gates
from twin.proof import Reference

#: Radius of the round bodies of a file, by how much they overlap at the start, so that all touch, and the corridor, m.
RADIUS_M, OVERLAP_M, LONG_M, WIDE_M = 0.17, 0.0005, 12.0, 0.8

#: Within this time a file has come to rest, s.
RESTS_S = 30

#: Of case E3: people, and the push of each, N (75 kg times 1.34 m/s over 0.5 s).
FILE, PUSH_N = 10, 201.0

#: Of case E4: people in the column, and the grade.
COLUMN, GRADE = 20, 0.1

#: Of the file that stands by turns at one rail and the other: push of each, N (so small that bodies keep their places to 1 %), and how
#: far the two rows lie apart, m.
LIGHT_N, APART_M = 5.0, 0.17


class File(NamedTuple):
    """A file at rest, N: what presses on the gate, between neighbours (the last one's first), on the rails, and the load on each."""

    gate: float
    links: NDArray[np.float64]
    rails: float
    load: NDArray[np.float64]


def _at_rest(count: int, push: float, rise: float = 0.0, apart: float = 0.0, friction: bool = False) -> File:
    """Return the forces in a file that leans on a gate with `push` N each, on ground that rises by `rise` a metre towards it.

    Nobody turns aside. Rails touch the file on both sides; its people stand by turns `apart` / 2 to the left and to the right.
    """
    outline = shapely.box(0, 0, LONG_M, WIDE_M)
    gate = line((LONG_M, 0.15), (LONG_M, WIDE_M - 0.15))
    half = RADIUS_M + apart / 2.0
    rails = [line((2.7, y), (LONG_M, y)) for y in (WIDE_M / 2.0 - half, WIDE_M / 2.0 + half)]
    parts = [
        ("wall", "wall", outline.exterior.difference(gate.buffer(0.005, cap_style="flat"))),
        ("gate", "gate", gate),
        ("source", "source", shapely.box(0.3, 0.2, 2.5, 0.6)),
        *((f"rail-{k}", "wall", rail) for k, rail in enumerate(rails)),
        ("slope", "slope", outline.buffer(1.0, join_style="mitre")),
    ]
    up = 90.0 if rise > 0.0 else 270.0
    plan = plan_of(outline, parts, rise=[np.nan] * 5 + [abs(rise)], up_deg=[np.nan] * 5 + [up])
    walkers = filled(plan, 1, pressing=Pressing(push_n=push, queue_push_n=push))
    law = walkers._law
    walkers._law = law._replace(repulsion=0.0, friction=0.0, wall_coulomb=law.wall_coulomb if friction else 0.0)
    step = np.sqrt((2.0 * RADIUS_M) ** 2 - apart**2) - OVERLAP_M
    ids = np.arange(count)
    along = LONG_M - RADIUS_M + OVERLAP_M - step * (count - 1 - ids)
    walkers.people = People.standing(
        plan.local(np.column_stack([along, WIDE_M / 2.0 + apart / 2.0 * (-1.0) ** ids])),
        **disc(np.full(count, RADIUS_M)), free=np.full(count, 2.0), group=np.zeros(count), leaves=np.zeros(count), number=ids,
    )  # fmt: skip
    both = np.zeros(1, np.int8)
    walkers.set_gates(Gates(np.array([False]), both, np.array([0.0]), both + 1))
    walkers.tokens[:] = 0.0  # the gate lets nobody through
    for second in range(RESTS_S):
        walkers.walk(float(second), SECOND)
    people = walkers.people.chosen(np.argsort(walkers.people.number))
    at = np.column_stack(plan.at(people.x, people.w))
    against = [
        STIFFNESS * np.maximum(RADIUS_M - shapely.distance(wall, shapely.points(at)), 0.0) for wall in (gate, *rails)
    ]
    between = STIFFNESS * np.maximum(2.0 * RADIUS_M - np.hypot(*np.diff(at, axis=0).T), 0.0)
    return File(float(against[0].sum()), between, float(np.sum(against[1:])), people.load)


@cache
def chain(_: Reference) -> dict[str, float]:
    """Return how far the forces of ten people in single file, each pushing 201 N at a gate that lets nobody through, lie from k F.

    `gate`: on the gate, over N F; `links`: between the k-th and the next, counted from the last; `error`: the load on each: pressed by
    k F from ahead and (k - 1) F from behind he has half of both together. `front`: load on the one at the gate, N. Without friction.
    """
    found, k = _at_rest(FILE, PUSH_N), np.arange(1, FILE + 1)
    return {
        "gate": abs(found.gate / (FILE * PUSH_N) - 1.0),
        "force": found.gate,
        "links": float(np.abs(found.links / (PUSH_N * k[:-1]) - 1.0).max()),
        "error": float(np.abs(found.load / (PUSH_N * (k - 0.5)) - 1.0).max()),
        "front": float(found.load[-1]),
    }


def silo(friction: float, tangent: float, count: int) -> float:
    """Return what a file that stands by turns at one rail and the other presses on its gate with, over the push of one of its people.

    Dry friction m of the rails holds each back by m times what he presses on his rail with, and links lie askew by an angle of this
    tangent. Pressed with P_k along the file from ahead and P_(k-1) from behind he presses (P_k + P_(k-1)) tangent on his rail: so
    P_k = F + P_(k-1) - t (P_k + P_(k-1)), t = m tangent, which never passes F / 2t: the law of Janssen for a silo. The first one's link
    ahead is the gate, which is not askew, but holds him by m P from pressing on his rail: P = F + P_(n-1) - m (P_(n-1) tangent - m P).
    """
    t, behind = friction * tangent, 0.0
    for _ in range(count - 1):
        behind = (1.0 + behind * (1.0 - t)) / (1.0 + t)
    return (1.0 + behind * (1.0 - t)) / (1.0 - friction**2)


@cache
def between_rails(_: Reference) -> dict[str, float]:
    """Return how far a file that presses on rails at both its sides lies from the closed form: `smooth` and `rough` rails.

    `share`: what of its push the file presses on the gate with; `dry`: the share by the silo law; `rails`: force on both rails, N.
    """
    tangent = APART_M / np.sqrt((2.0 * RADIUS_M) ** 2 - APART_M**2)
    smooth, rough = (_at_rest(FILE, LIGHT_N, apart=APART_M, friction=friction) for friction in (False, True))
    dry = silo(WALL_COULOMB, tangent, FILE)
    return {
        "smooth": abs(smooth.gate / (LIGHT_N * silo(0.0, tangent, FILE)) - 1.0),
        "rough": abs(rough.gate / (LIGHT_N * dry) - 1.0),
        "share": rough.gate / (LIGHT_N * FILE),
        "dry": dry / FILE,
        "rails": rough.rails,
    }


@cache
def slope(_: Reference) -> dict[str, float]:
    """Return how far forces on a grade of 10 % lie from the weight that pulls people down.

    `error`: load on the lowest of twenty who do not push, over that of 19.5 people; `foot`: what they press on the gate below them
    with, over that of 20, `carried`, N; `one`: pull on one, N. `down`, `up`: what ten who push 201 N each press on a gate below and
    above them with, over ten times 201 N and, each way with its sign, the pull.
    """
    one = MASS_KG * GRAVITY * np.sin(np.arctan(GRADE))
    column = _at_rest(COLUMN, 0.0, -GRADE)
    down, up = (_at_rest(FILE, PUSH_N, rise).gate for rise in (-GRADE, GRADE))
    return {
        "one": float(one),
        "error": abs(float(column.load[-1]) / (one * (COLUMN - 0.5)) - 1.0),
        "foot": abs(column.gate / (one * COLUMN) - 1.0),
        "carried": column.gate,
        "down": abs(down / (FILE * (PUSH_N + one)) - 1.0),
        "up": abs(up / (FILE * (PUSH_N - one)) - 1.0),
    }
