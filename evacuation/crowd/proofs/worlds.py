"""Rooms and corridors of the proofs, and the shortest way to fill and empty them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.crowd.people.arrivals import Comers
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.clock import Clock
from twin.hazard import Action
from twin.proof import Reference

CRS = "EPSG:4547"
SECOND = round(1.0 / DECISION_S)

Part = tuple[str, str, shapely.Geometry]

#: Keys of the draws (`people/draws.py`) over which a figure of a crowd is a mean.
KEYS = (7, 11, 23)


@dataclass(frozen=True)
class OverDraws:
    """A case whose figures differ from draw to draw of its people: the mean of each, and its `_least` and `_most`.

    `case(reference, key)` returns the figures of one draw. `judge` returns what follows from figures, as the worst of several runs:
    of the means, and of each draw for the least and the most.
    """

    case: Callable[[Reference, int], Mapping[str, float]]
    judge: Callable[[Mapping[str, float]], Mapping[str, float]] = lambda _: {}
    keys: tuple[int, ...] = KEYS

    def __call__(self, reference: Reference) -> dict[str, float]:
        """Return the mean, the least and the largest value of each figure, and what follows from the means."""
        draws = [self.case(reference, key) for key in self.keys]
        mean = {name: fmean(draw[name] for draw in draws) for name in draws[0]}
        found, judged = mean | dict(self.judge(mean)), [dict(draw) | dict(self.judge(draw)) for draw in draws]
        return (
            found
            | {f"{name}_least": min(draw[name] for draw in judged) for name in found}
            | {f"{name}_most": max(draw[name] for draw in judged) for name in found}
        )


def disc(radius: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return round bodies: both half axes are the radius, m."""
    return {"broad": radius, "deep": radius}


def line(*points: tuple[float, float]) -> shapely.LineString:
    """Return a line through points."""
    return shapely.LineString(points)


def plan_of(
    outline: shapely.Geometry, parts: Sequence[Part], cell_m: float | None = None, **columns: Sequence[object]
) -> Plan:
    """Return the plan of parts (id, kind, shape) on cells of `cell_m`; `columns` are further columns, a value a part."""
    table = gpd.GeoDataFrame(
        {"id": [p[0] for p in parts], "kind": [p[1] for p in parts], "venue": "v", **columns},
        geometry=[p[2] for p in parts],
        crs=CRS,
    )
    return Plan.of_parts("v", outline, table.assign(name_zh=table["id"], name_en=table["id"]), CRS, cell_m)


def room(outline: shapely.Polygon, gates: Sequence[shapely.LineString], source: shapely.Geometry, *more: Part) -> Plan:
    """Return a room fenced along its outline but for its gates."""
    walls = outline.exterior.difference(shapely.union_all(list(gates)).buffer(0.005, cap_style="flat"))
    parts: list[Part] = [("wall", "wall", walls), ("source", "source", source)]
    return plan_of(outline, [*parts, *((f"gate-{k + 1}", "gate", gate) for k, gate in enumerate(gates)), *more])


def filled(
    plan: Plan,
    persons: int,
    *,
    key: int = 7,
    pressing: Pressing | None = None,
    actions: tuple[Action, ...] = (),
    strangers: float = 0.0,
    together: float = 0.0,
) -> Walkers:
    """Return people standing in a room, about to leave."""
    finder = Finder(plan)
    gates = Timetable(plan, None, Clock(datetime(2026, 1, 1, tzinfo=UTC), 3600.0), actions, None, 0.15)
    finder.check(gates.ever_open())
    comers = Comers(plan, finder, key, None, persons, 0.0, 0.0, strangers=strangers, together=together)
    walkers = Walkers(plan, finder, pressing or Pressing(), comers.at_start())
    walkers.set_gates(gates.at(0.0))
    return walkers


def coming(plan: Plan, per_s: float, key: int = 7) -> tuple[Walkers, Comers]:
    """Return an empty room into which so many people come a second, and who brings them in."""
    walkers = filled(plan, 1, key=key)
    walkers.people = walkers.people.first(0)
    return walkers, Comers(plan, walkers.finder, key, None, 0, per_s, 0.0)


def emptied(walkers: Walkers, most_s: int, each: Callable[[int], None] | None = None) -> float:
    """Return the seconds until nobody is inside, at most `most_s`; `each` is called with every second that has passed."""
    for second in range(most_s):
        walkers.walk(float(second), SECOND, walkers.plan.stairs)
        if each is not None:
            each(second + 1)
        if walkers.people.count == 0:
            return float(second + 1)
    return float(most_s)


def set_speed(walkers: Walkers, speed: float) -> None:
    """Give everybody one free speed."""
    walkers.people.free[:] = speed


def mean_speed(walkers: Walkers, low: float, high: float) -> tuple[float, float]:
    """Return mean speed along x and persons between two places x (local)."""
    people = walkers.people
    there = (people.x >= low) & (people.x < high)
    return (float(people.vx[there].mean()) if there.any() else np.nan), float(there.sum())
