"""A drain network as a tree: each node's way down and how much it can carry, from the geometry of a SWMM input."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from twin.errors import SourceError
from twin.inp import FLOW_M3_S, LENGTH_M, is_finite, options, read_sections

Array = NDArray[np.float64]
Sections = dict[str, list[list[str]]]

G = 9.80665

#: A pipe laid level or against the flow carries what this slope would give: full pipes run under the slope of their water.
LEAST_SLOPE = 5e-4


@dataclass(frozen=True)
class DrainTree:
    """Nodes (n,) of a drain network, each with one link down.

    `down` index of the node below, -1 where water leaves; `order` from heads to outfalls; `rim` (m); `outfall` index of the
    outfall below each node, -1 where there is none; `conveyance` (m3/s at slope 1) and `slope` of the link down, NaN slope
    for a link of fixed capacity (then `conveyance` is that capacity, m3/s); `way` length of pipe to the outfall (m);
    `link` the name of the link down.
    """

    ids: tuple[str, ...]
    link: tuple[str, ...]
    down: NDArray[np.int64]
    order: NDArray[np.int64]
    outfall: NDArray[np.int64]
    invert: Array
    rim: Array
    conveyance: Array
    slope: Array
    way: Array

    def capacity(self, stages: Array) -> Array:
        """Return what each node's link down carries, m3/s; `stages` (n,) is the water level at outfalls, NaN where free.

        Above a free outfall pipes run full by Manning. Where the level stands above the outfall's invert, the slope is at
        most that from the node's rim to the level; so nothing drains to a level above the rim.
        """
        piped = ~np.isnan(self.slope)
        slope = self.slope[piped]
        stage = np.where(self.outfall >= 0, stages[self.outfall], np.nan)[piped]
        fall = np.maximum(self.rim[piped] - stage, 0.0) / np.maximum(self.way[piped], 1.0)
        drowned = stage > self.invert[self.outfall[piped]]
        carries = self.conveyance.copy()
        carries[piped] *= np.sqrt(np.where(drowned, np.minimum(slope, fall), slope))
        return carries


def drain_tree(inp: str) -> DrainTree:
    """Return the tree of a SWMM input. It grows upwards from the outfalls, along the links that carry most; loops are cut.

    Conduits by their section and Manning n (CIRCULAR, RECT_CLOSED, RECT_OPEN exactly; any other as the circle of its
    height), pumps by the largest flow of their curve, orifices full under their own height, weirs and outlets without
    limit. A conduit may carry water either way, against its fall as much as at LEAST_SLOPE. A node from which no outfall
    is reached has capacity 0. Raises SourceError for a section by a transect or a street, whose full flow is not worked out.
    """
    sections = read_sections(inp)
    unit = LENGTH_M[options(sections).get("FLOW_UNITS", "CFS").upper()]
    invert, rim, outfalls = _nodes(sections, unit)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(invert)
    for name, a, b, conveyance, slope, length in _links(sections, unit, invert):
        carries = conveyance * (math.sqrt(slope) if not math.isnan(slope) else 1.0)
        if not graph.has_edge(a, b) or graph.edges[a, b]["carries"] < carries:
            graph.add_edge(a, b, name=name, conveyance=conveyance, slope=slope, length=length, carries=carries)
    chosen: dict[str, str] = {}
    reached = set(outfalls)
    edges = [(-graph.edges[p, o]["carries"], p, o) for o in sorted(outfalls) for p in graph.predecessors(o)]
    heapq.heapify(edges)
    while edges:  # from the outfalls up, always along the pipe that carries most, so that no loop closes
        _, upper, lower = heapq.heappop(edges)
        if upper not in reached:
            reached.add(upper)
            chosen[upper] = lower
            for above in graph.predecessors(upper):
                heapq.heappush(edges, (-graph.edges[above, upper]["carries"], above, upper))
    return _tree(graph, chosen, outfalls, invert, rim)


def _tree(
    graph: nx.DiGraph[str], chosen: dict[str, str], outfalls: set[str], invert: dict[str, float], rim: dict[str, float]
) -> DrainTree:
    ids = tuple(invert)
    at = {name: k for k, name in enumerate(ids)}
    n = len(ids)
    down, outfall = np.full(n, -1), np.full(n, -1)
    conveyance, slope, way = np.zeros(n), np.full(n, np.nan), np.zeros(n)
    link = [""] * n
    for o in outfalls:
        outfall[at[o]], conveyance[at[o]] = at[o], np.inf
    tree: nx.DiGraph[str] = nx.DiGraph()
    tree.add_nodes_from(ids)
    tree.add_edges_from(chosen.items())
    order = list(nx.topological_sort(tree))
    for name in reversed(order):
        if name in chosen:
            edge, k, below = graph.edges[name, chosen[name]], at[name], at[chosen[name]]
            down[k], outfall[k], link[k] = below, outfall[below], edge["name"]
            conveyance[k], slope[k], way[k] = edge["conveyance"], edge["slope"], way[below] + edge["length"]
    return DrainTree(
        ids=ids,
        link=tuple(link),
        down=down.astype(np.int64),
        order=np.array([at[name] for name in order], dtype=np.int64),
        outfall=outfall.astype(np.int64),
        invert=np.array([invert[name] for name in ids]),
        rim=np.array([rim[name] for name in ids]),
        conveyance=conveyance,
        slope=slope,
        way=way,
    )


def _nodes(sections: Sections, unit: float) -> tuple[dict[str, float], dict[str, float], set[str]]:
    invert, rim = {}, {}
    for section in ("JUNCTIONS", "OUTFALLS", "STORAGE", "DIVIDERS"):
        for row in sections.get(section, []):
            deep = float(row[2]) if section in ("JUNCTIONS", "STORAGE") and len(row) > 2 else 0.0
            invert[row[0]] = float(row[1]) * unit
            rim[row[0]] = (float(row[1]) + deep) * unit
    return invert, rim, {row[0] for row in sections.get("OUTFALLS", [])}


def _links(
    sections: Sections, unit: float, invert: dict[str, float]
) -> list[tuple[str, str, str, float, float, float]]:
    """Return name, nodes, conveyance (m3/s), slope (NaN: fixed capacity) and length (m) of every link, conduits both ways."""
    shapes = {row[0]: row for row in sections.get("XSECTIONS", [])}
    flows = _pump_flows(sections)
    absolute = options(sections).get("LINK_OFFSETS", "DEPTH").upper() == "ELEVATION"
    found: list[tuple[str, str, str, float, float, float]] = []
    for row in sections.get("CONDUITS", []):
        a, b, length, rough = row[1], row[2], float(row[3]) * unit, float(row[4])
        ends = [_end(row[5 + k] if len(row) > 5 + k else "0", invert[(a, b)[k]], absolute, unit) for k in (0, 1)]
        area, radius = _full(shapes[row[0]], unit)
        conveyance, slope = area * radius ** (2 / 3) / rough, (ends[0] - ends[1]) / length
        found.append((row[0], a, b, conveyance, max(slope, LEAST_SLOPE), length))
        found.append((row[0], b, a, conveyance, max(-slope, LEAST_SLOPE), length))
    for row in sections.get("PUMPS", []):
        found.append((row[0], row[1], row[2], flows.get(row[3], math.inf), math.nan, 0.0))
    for row in sections.get("ORIFICES", []):
        area, _ = _full(shapes[row[0]], unit)
        height = float(shapes[row[0]][2]) * unit
        found.append((row[0], row[1], row[2], float(row[5]) * area * math.sqrt(2 * G * height), math.nan, 0.0))
    for section in ("WEIRS", "OUTLETS"):
        found += [(row[0], row[1], row[2], math.inf, math.nan, 0.0) for row in sections.get(section, [])]
    return found


def _end(word: str, invert: float, absolute: bool, unit: float) -> float:
    if word == "*":
        return invert
    return float(word) * unit if absolute else invert + float(word) * unit


def _full(row: list[str], unit: float) -> tuple[float, float]:
    """Return the area (m2) and hydraulic radius (m) of a full section; raise SourceError for one that has no size of its own."""
    if not all(is_finite(word) for word in row[2:4]):
        raise SourceError("screening_section", found=row[0], section=" ".join(row[1:3]))
    shape, sizes = row[1].upper(), [float(w) * unit for w in row[2:4]]
    if shape in ("RECT_CLOSED", "RECT_OPEN"):
        area = sizes[0] * sizes[1]
        around = 2 * sizes[0] + (2 if shape == "RECT_CLOSED" else 1) * sizes[1]
    else:
        area, around = math.pi * sizes[0] ** 2 / 4.0, math.pi * sizes[0]
    barrels = float(row[6]) if len(row) > 6 else 1.0
    return area * barrels, area / around


def _pump_flows(sections: Sections) -> dict[str, float]:
    """Return the largest flow of each pump curve, m3/s."""
    scale = FLOW_M3_S[options(sections).get("FLOW_UNITS", "CFS").upper()]
    flows: dict[str, float] = {}
    for row in sections.get("CURVES", []):
        numbers = [float(w) for w in row[1:] if not w[0].isalpha()]
        if len(numbers) > 1:
            flows[row[0]] = max(flows.get(row[0], 0.0), *(q * scale for q in numbers[1::2]))
    return flows


def index_of(tree: DrainTree, ids: Iterable[str]) -> NDArray[np.int64]:
    """Return the place in the tree of each id."""
    at = {name: k for k, name in enumerate(tree.ids)}
    return np.array([at[name] for name in ids], dtype=np.int64)
