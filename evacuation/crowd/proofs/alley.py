"""Case E12: a narrow alley on a slope, through which people go one way or both."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people import draws
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs.exact import contact_forces
from evacuation.crowd.proofs.worlds import SECOND, OverDraws, coming, emptied, filled, line, plan_of
from evacuation.crowd.risk.density import over
from evacuation.crowd.venue.plan import Plan
from twin.proof import Reference

#: Width of the alley, m; the grounds on which people stand in it and come in above it; persons a second who are let in there.
WIDE_M = 3.2
STANDING, TOP = shapely.box(0.3, 0.2, 45.7, WIDE_M - 0.2), shapely.box(43.5, 0.2, 45.8, WIDE_M - 0.2)
LOW = shapely.box(0.2, 0.2, 2.5, WIDE_M - 0.2)
METER_S = 82.0 / 60.0 * WIDE_M

#: Who comes by both ends together at last, persons a second; after so long, and so long from then on, s.
RAMP_S, RISES_S, HOLDS_S = 8000.0 / 3600.0, 600, 300

#: Where the two halves of the people go: all down, or half of them up.
ONE_WAY, TWO_WAY = ("low", "low"), ("low", "top")

#: How many stand in it at the start, and in how many files; whose load is looked at.
FILES, LOOKED_AT = 9, 800

#: Flow is judged from this second on, when who stood near an end, and met nobody, has gone; until this second.
FROM_S, UNTIL_S = 20, 60


def _alley(*sources: tuple[shapely.Geometry, str]) -> Plan:
    """Return an alley of 40 m that rises by 10 % to the east, its T-junction two open ends, with sources and the goal of each."""
    outline = shapely.union_all(
        [shapely.box(0, 0, 46, WIDE_M), shapely.box(46, -4, 50, WIDE_M + 4), shapely.box(-4, -4, 0, WIDE_M + 4)]
    )
    shut, used = line((-4, 1), (-4, 2)), {goal for _, goal in sources}
    fixed = [
        ("wall", "wall", outline.exterior.difference(shut.buffer(0.005, cap_style="flat"))),
        ("gate", "gate", shut),
        ("low", "goal", shapely.box(-3.8, -3.8, -1, WIDE_M + 3.8)),
        ("top", "goal", shapely.box(47, -3.8, 49.8, WIDE_M + 3.8)),
        ("slope", "slope", shapely.box(3, 0, 43, WIDE_M)),
    ]
    parts = [part for part in fixed if part[1] != "goal" or part[0] in used]
    parts += [(f"in-{k}", "source", ground) for k, (ground, _) in enumerate(sources)]
    slope = [part[1] == "slope" for part in parts]
    return plan_of(
        outline,
        parts,
        goals=[""] * (len(parts) - len(sources)) + [goal for _, goal in sources],
        rise=np.where(slope, 0.1, np.nan).tolist(),
        up_deg=np.where(slope, 90.0, np.nan).tolist(),
    )


def _standing(goals: tuple[str, str], persons: int, key: int) -> Walkers:
    """Return people who stand all over the alley in files, each before the gap of the next file; which half has which goal is drawn.

    No two stand in one place: of 1000 the nearest are 0.39 m apart.
    """
    walkers, ids = filled(_alley(*((STANDING, goal) for goal in goals)), 2, key=key), np.arange(persons)
    column, file = np.divmod(ids, FILES)
    step = (STANDING.bounds[2] - STANDING.bounds[0] - 0.2) / np.ceil(persons / FILES)
    at = np.column_stack([0.3 + step * (column + 0.25 + 0.5 * (file % 2)), 0.25 + (WIDE_M - 0.5) / (FILES - 1) * file])
    half = np.empty(persons, np.int64)
    half[np.argsort(draws.uniform(key, ids, draws.ORDER), kind="stable")] = ids % 2
    walkers.people = People.standing(
        walkers.plan.local(at), **draws.body(key, ids), free=draws.free_speed(key, ids),
        group=walkers.people.group[half], leaves=np.zeros(persons), number=ids,
    )  # fmt: skip
    return walkers


def _flows(walkers: Walkers, each: Callable[[], None] | None = None) -> tuple[float, float, int]:
    """Return the persons m-1 s-1 who leave from FROM_S to UNTIL_S, and from the first second on, and how many are inside at FROM_S."""
    left, inside = [0], [walkers.people.count]

    def look(_second: int) -> None:
        left.append(walkers.left)
        inside.append(walkers.people.count)
        if each is not None:
            each()

    emptied(walkers, UNTIL_S, look)
    later = (left[-1] - left[FROM_S]) / (UNTIL_S - FROM_S) / WIDE_M
    return later, left[-1] / UNTIL_S / WIDE_M, inside[FROM_S]


@OverDraws
@cache
def narrow_alley(_: Reference, key: int) -> dict[str, float]:
    """Return how people fare in an alley of 40 m by 3.2 m that rises by 10 %, by how many stand in it at the start.

    `one_way_1000` (all go down), `two_way_500` and so on (half up, half down): persons m-1 s-1 who leave from the 20th to the 60th second;
    `_first`: in the whole minute; `_inside`: how many are inside at the 20th. `metered`: the highest density of a square of 3.2 m when
    people come in at 82 a minute and metre, persons/m2. `ramp_most`: people inside at most when more and more come by both ends, 8000 an
    hour at last, and `ramp_flow`: persons m-1 s-1 who then leave. Of 800 in two directions: `force`, the mean sum of the contact forces on
    those who stand at 9 to 10 persons/m2 (the model's density, cells of 0.5 m; NaN where nobody does), N, and `load`, that of their loads;
    `densest`, persons/m2, and `most_load`, N, the highest of all.
    """
    found: dict[str, float] = {"metered": _metered(key)} | _ramp(key)
    for name, goals, counts in (("one_way", ONE_WAY, (1000,)), ("two_way", TWO_WAY, (500, 700, 800, 900))):
        for persons in counts:
            seen: list[NDArray[np.float64]] = []
            walkers = _standing(goals, persons, key)
            each = _pressed(walkers, seen) if (goals, persons) == (TWO_WAY, LOOKED_AT) else None
            mark = f"{name}_{persons}"
            found[mark], found[f"{mark}_first"], found[f"{mark}_inside"] = _flows(walkers, each)
            if each is not None:
                found |= _forces(seen)
    return found


def _pressed(walkers: Walkers, seen: list[NDArray[np.float64]]) -> Callable[[], None]:
    """Return what adds to `seen` everybody's density, sum of contact forces and load (3, person)."""
    density, walls = over(walkers.finder, 0.5), shapely.linestrings(walkers.plan.lines[0].reshape(-1, 2, 2))

    def look() -> None:
        x, y = walkers.people.x, walkers.people.w
        at = tuple((along / density.grid.cell_m).astype(np.int64) for along in (y, x))
        seen.append(np.stack([density.of(x, y)[at], contact_forces(walkers.people, walls), walkers.people.load]))

    return look


def _forces(seen: list[NDArray[np.float64]]) -> dict[str, float]:
    """Return the mean force and load on those who stand at 9 to 10 persons/m2, N, and the highest density and load of all."""
    dense, force, load = np.concatenate(seen, axis=1)
    packed = (dense >= 9.0) & (dense < 10.0)
    mean = {
        name: float(of[packed].mean()) if packed.any() else np.nan for name, of in (("force", force), ("load", load))
    }
    return mean | {"densest": float(dense.max()), "most_load": float(load.max())}


def _metered(key: int) -> float:
    """Return the highest density of a square of 3.2 m in three minutes in which people come in at the metered rate, persons/m2."""
    walkers, comers = coming(_alley((TOP, "low")), METER_S, key)
    densest = 0.0
    for second in range(180):
        comers.step(walkers, float(second), float(second))
        walkers.walk(float(second), SECOND)
        x, _w = walkers.plan.at(walkers.people.x, walkers.people.w)
        densest = max(densest, float(np.histogram(x, np.arange(3.0, 43.0, WIDE_M))[0].max()) / WIDE_M**2)
    return densest


def _ramp(key: int) -> dict[str, float]:
    """Return what becomes of an empty alley into which more and more people come, half of them by each end."""
    walkers, comers = coming(_alley((LOW, "top"), (TOP, "low")), 0.0, key)
    most, left = 0, 0
    for second in range(RISES_S + HOLDS_S):
        comers.per_s = RAMP_S * min(second / RISES_S, 1.0)
        comers.step(walkers, float(second), float(second))
        walkers.walk(float(second), SECOND)
        most = max(most, walkers.people.count)
        left = walkers.left if second < RISES_S else left
    return {"ramp_most": float(most), "ramp_flow": (walkers.left - left) / HOLDS_S / WIDE_M}
