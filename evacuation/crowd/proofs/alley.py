"""Case E12: a narrow alley on a slope, through which people go one way or both."""

from __future__ import annotations

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
METER_S = 82.0 / 60.0 * WIDE_M

#: Where the two halves of the people go: all down, or half of them up.
ONE_WAY, TWO_WAY = ("low", "low"), ("low", "top")

#: How many stand in it at the start; files in which people stand who are put apart.
PERSONS, FILES = 800, 9


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
    """Return people who stand all over the alley, each half with a goal and spread for itself."""
    return filled(_alley(*((STANDING, goal) for goal in goals)), persons, key=key)


def _outflow(walkers: Walkers) -> float:
    """Return the persons m-1 s-1 who have left after the first minute."""
    return walkers.left / 60.0 / WIDE_M


@OverDraws
@cache
def narrow_alley(_: Reference, key: int) -> dict[str, float]:
    """Return how people fare in an alley of 40 m by 3.2 m that rises by 10 %.

    `one_way`, `two_way`: persons m-1 s-1 who leave in the first minute, of 800 who stand in it and all go down, or half up half down.
    `metered`: the highest density of a square of 3.2 m when people come in at 82 a minute and metre, persons/m2. In that minute of
    `two_way`: `force`, the mean sum of the contact forces on those who stand at 9 to 10 persons/m2 (the model's density, cells of 0.5 m;
    NaN where nobody does), N, and `load`, that of their loads; `densest`, persons/m2, and `most_load`, N, the highest of all.
    """
    down, walkers = _standing(ONE_WAY, PERSONS, key), _standing(TWO_WAY, PERSONS, key)
    emptied(down, 60)
    density, walls = over(walkers.finder, 0.5), shapely.linestrings(walkers.plan.lines[0].reshape(-1, 2, 2))
    seen: list[NDArray[np.float64]] = []

    def look(_second: int) -> None:
        x, y = walkers.people.x, walkers.people.w
        at = tuple((along / density.grid.cell_m).astype(np.int64) for along in (y, x))
        seen.append(np.stack([density.of(x, y)[at], contact_forces(walkers.people, walls), walkers.people.load]))

    emptied(walkers, 60, look)
    dense, force, load = np.concatenate(seen, axis=1)
    packed = (dense >= 9.0) & (dense < 10.0)
    mean = {
        name: float(of[packed].mean()) if packed.any() else np.nan for name, of in (("force", force), ("load", load))
    }
    flows = {"one_way": _outflow(down), "two_way": _outflow(walkers)}
    most = {"densest": float(dense.max()), "most_load": float(load.max())}
    return flows | mean | most | {"metered": _metered(key)}


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


def _apart(goals: tuple[str, str], persons: int, key: int) -> Walkers:
    """Return people who stand all over the alley in nine files, each before the gap of the next file; which half has which goal is drawn.

    Unlike the two halves of `_standing`, which are spread each for itself, no two stand in one place: of 1000 the nearest are 0.39 m apart.
    """
    walkers, ids = _standing(goals, 2, key), np.arange(persons)
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


@OverDraws
@cache
def persons_inside(_: Reference, key: int) -> dict[str, float]:
    """Return the persons m-1 s-1 who leave in the first minute, by how many stand in the alley at the start.

    `one_way_1000`: all go down; `two_way_500` and so on: half up, half down. `_later`: the same from the 20th second on, when those who
    stood near the ends have gone.
    """
    found: dict[str, float] = {}
    for name, goals, counts in (("one_way", ONE_WAY, (1000,)), ("two_way", TWO_WAY, (500, 700, 800, 900))):
        for persons in counts:
            walkers = _apart(goals, persons, key)
            left: list[int] = []
            emptied(walkers, 60, lambda _s, w=walkers, c=left: c.append(w.left))  # type: ignore[misc]
            found[f"{name}_{persons}"] = _outflow(walkers)
            found[f"{name}_{persons}_later"] = (walkers.left - left[19]) / 40.0 / WIDE_M
    return found
