"""What is likely wrong with a drawn plan although it can be run: gaps, slivers, doors beside their wall, parts outside."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import shapely

from evacuation.crowd.venue.plan import ATTRIBUTES, Plan
from twin.words import near

#: Ends of walls that stand further apart than the first, m, and nearer than the second were meant to meet (both assumed: the
#: snapping of a drawing, and what nobody passes).
MEET_M, GAP_M = 0.02, 0.45

#: A closed piece of ground in which no circle of this radius fits, m, holds nobody: a body is 0.4 m broad at least.
SLIVER_M = 0.25

#: The end of a gate may stand this far from a wall, m: nobody passes beside it.
BESIDE_M = 0.15

#: This share of a gate may lie on a wall.
WALLED = 0.2

#: This share of a zone, source or goal must lie inside the outline.
INSIDE = 0.98

#: An attribute so like a known one was meant to be it (assumed).
LIKE = 0.7

#: So much of a source may lie on another one.
TWICE = 0.1

Fault = tuple[str, Mapping[str, Any]]


def faults(plan: Plan, places: Collection[str]) -> list[Fault]:
    """Return the faults of a plan that can be run, each with the parts and figures that its sentence names (`note.crowd.<code>`).

    `places` are the ids of the places of its city, which gates name as what lies behind them.

    A plan that cannot be run is refused by `Plan.of` and `Finder.check`.
    """
    return [
        *_gaps(plan),
        *_slivers(plan),
        *_gates(plan),
        *_entrances(plan, places),
        *_outside(plan),
        *_sources(plan),
        *_loads(plan),
        *_unread(plan),
    ]


def _lines(plan: Plan) -> list[shapely.LineString]:
    """Return every line of walls, gates and sides of obstacles, in one piece each."""
    shapes = [*plan.walls, *(o.boundary for o in plan.obstacles), *(gate.shape for gate in plan.gates)]
    merged = [shapely.line_merge(shape) for shape in shapes]
    return [line for shape in merged for line in shapely.get_parts(shape)]


def _at(plan: Plan, point: shapely.Geometry) -> str:
    """Return a place of a plan as one reads it off in QGIS: map coordinates to a centimetre."""
    point = plan.levels.on_map(point)
    return f"{point.x:.2f}, {point.y:.2f}"


def _gaps(plan: Plan) -> list[Fault]:
    """Return the gaps between the end of a wall and what it nearly meets, the widest first in one sentence."""
    lines = _lines(plan)
    tree = shapely.STRtree(lines)
    found: dict[str, float] = {}
    for k, line in enumerate(lines):
        if line.is_closed:
            continue
        for end in (shapely.Point(line.coords[0]), shapely.Point(line.coords[-1])):
            near = [int(i) for i in tree.query(end, "dwithin", GAP_M) if i != k]
            distances = [end.distance(lines[i]) for i in near]
            if near and min(distances) > MEET_M:
                found[_at(plan, end)] = min(distances)
    if not found:
        return []
    worst = max(found, key=lambda place: found[place])
    return [("venue_gap", {"venue": plan.id, "count": len(found), "gap": found[worst], "where": worst})]


def _slivers(plan: Plan) -> list[Fault]:
    """Return the pieces of closed ground that hold nobody: two walls that nearly coincide, a corner drawn twice."""
    closed = shapely.get_parts(shapely.polygonize([shapely.node(shapely.union_all(_lines(plan)))]))
    solid = shapely.union_all(list(plan.obstacles))
    thin = [p for p in closed if p.buffer(-SLIVER_M).is_empty and not solid.covers(p.representative_point())]
    if not thin:
        return []
    largest = max(thin, key=lambda p: float(p.area))
    where = _at(plan, largest.representative_point())
    return [("venue_sliver", {"venue": plan.id, "count": len(thin), "area": float(largest.area), "where": where})]


def _gates(plan: Plan) -> list[Fault]:
    """Return gates that stand beside their wall, gates that a wall lies on, and gates that lie on one another."""
    found: list[Fault] = []
    lines = _lines(plan)
    walls = shapely.union_all([*plan.walls, *(o.boundary for o in plan.obstacles)])
    for gate in plan.gates:
        others = shapely.union_all([line for line in lines if not line.equals(gate.shape)])
        ends = [shapely.Point(gate.shape.coords[0]), shapely.Point(gate.shape.coords[-1])]
        loose = [end.distance(others) for end in ends]
        if gate.kind == "gate" and max(loose) > BESIDE_M:
            where = _at(plan, ends[int(np.argmax(loose))])
            found.append(("gate_apart", {"venue": plan.id, "gate": gate.id, "gap": max(loose), "where": where}))
        walled = gate.shape.intersection(walls.buffer(MEET_M)).length / gate.shape.length
        if walled > WALLED:
            found.append(("gate_walled", {"venue": plan.id, "gate": gate.id, "percent": 100.0 * walled}))
    for one, other in combinations(plan.gates, 2):
        if one.shape.intersection(other.shape.buffer(MEET_M)).length > WALLED * one.shape.length:
            found.append(("gate_twice", {"venue": plan.id, "gates": [one.id, other.id]}))
    return found


def _entrances(plan: Plan, places: Collection[str]) -> list[Fault]:
    """Return the gates that name an entrance which the city does not have: its water would never shut them."""
    return [
        (
            "gate_entrance",
            {"venue": plan.id, "gate": g.id, "entrance": g.entrance, "near": near(g.entrance, list(places))},
        )
        for g in plan.gates
        if g.entrance and g.entrance not in places
    ]


def _outside(plan: Plan) -> list[Fault]:
    """Return zones, sources and goals that reach beyond the outline."""
    shapes = {str(zone.id): zone.geometry for zone in plan.zones.itertuples()} | plan.goals
    shapes |= {source.id: source.shape for source in plan.sources if source.shape.area > 0.0}
    found: list[Fault] = []
    for name, shape in shapes.items():
        share = shape.intersection(plan.ground.buffer(0.01)).area / shape.area
        if share < INSIDE:
            found.append(("part_outside", {"venue": plan.id, "part": name, "percent": 100.0 * (1.0 - share)}))
    return found


def _sources(plan: Plan) -> list[Fault]:
    """Return sources of which a good part lies on another one: who is there at the start would stand in somebody."""
    areas = [source for source in plan.sources if source.shape.area > 0.0]
    return [
        ("sources_twice", {"venue": plan.id, "sources": [one.id, other.id]})
        for one, other in combinations(areas, 2)
        if one.shape.intersection(other.shape).area > TWICE * min(one.shape.area, other.shape.area)
    ]


def _loads(plan: Plan) -> list[Fault]:
    """Return the barriers of which nobody says what they bear."""
    unknown = [barrier.id for barrier in plan.barriers if not np.isfinite(barrier.strength_n_m)]
    return [("barrier_unknown", {"venue": plan.id, "barriers": unknown})] if unknown else []


def _unread(plan: Plan) -> list[Fault]:
    """Return attributes that are not read but are written nearly as one that is and that their part has not, each with the first such part;
    others are the drawing's own."""
    found: dict[str, Fault] = {}
    for part, said in plan.said:
        missing = [name for name in ATTRIBUTES if name not in said]
        for name in sorted(said.difference(ATTRIBUTES, found)):
            if like := difflib.get_close_matches(name, missing, 1, LIKE):
                found[name] = ("venue_attribute", {"venue": plan.id, "part": part, "found": name, "near": like[0]})
    return list(found.values())
