"""The city's roads as a directed graph, for cars, for people on foot and for rescue vehicles, on the city's road ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from evacuation.movement.roads.mend import mended
from twin.city import City
from twin.errors import ScenarioError

#: The layers of the graph. They do not hinder one another: cars and walkers, and rescue vehicles, for which others
#: make way (assumed); these are there only where a run has some.
CAR, FOOT, RESCUE = 0, 1, 2

#: Vehicles that stand on a metre of lane: kinematic-wave practice 0.13 to 0.15, assumed.
JAM_VEH_M_LANE = 0.14

#: Speed at which a gap travels back through standing cars, m/s: 18 km/h, kinematic-wave practice, assumed.
CAR_WAVE_M_S = 5.0

#: Persons a second that pass a metre of pavement: 1.2 of SFPE and Fruin, halved for families with luggage.
WALK_FLOW_S_M = 0.6

#: Persons that stand on a square metre of pavement, and the speed at which a gap travels back through them: assumed.
JAM_PERSONS_M2, WALK_WAVE_M_S = 4.0, 0.5

#: A part of the map from which no way leads to the largest one, but with this share of its junctions and so many of them, is no fault of
#: the map, but a district cut off: assumed.
PART_SHARE, PART_NODES = 0.05, 10

#: The most lanes, km/h or metres of pavement that a road can have; more is a slip in the data: assumed.
MOST = 1000.0

#: Class of road -> lanes of both directions, km/h and metres of pavement on one's own side: assumed where a city says nothing.
CLASS_DEFAULTS: dict[str, tuple[int, float, float]] = {
    "motorway": (4, 80.0, 0.0),
    "trunk": (4, 70.0, 0.0),
    "primary": (4, 60.0, 3.0),
    "secondary": (4, 50.0, 2.5),
    "tertiary": (2, 40.0, 2.0),
    "residential": (2, 30.0, 1.5),
    "other": (2, 30.0, 1.5),
}


@dataclass(frozen=True)
class Network:
    """Nodes and links of all `layers`; a node of layer k is its number plus k times the number of nodes.

    Link arrays, shape (link,): `up`, `down` node, `road` row of the city's roads, `layer`, `reverse` (against the drawn
    direction), `length` m, `free` m/s, `capacity` and `storage` in units (cars, or persons on foot), `wave` m/s; `against` a
    one-way road, open by contraflow only.
    `assumed` counts roads whose lanes, speed or pavement were taken from CLASS_DEFAULTS; `gaps` and `loops` what was mended.
    """

    ids: NDArray[np.str_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    up: NDArray[np.int32]
    down: NDArray[np.int32]
    road: NDArray[np.int32]
    layer: NDArray[np.int8]
    reverse: NDArray[np.bool_]
    length: NDArray[np.float64]
    free: NDArray[np.float64]
    capacity: NDArray[np.float64]
    storage: NDArray[np.float64]
    wave: NDArray[np.float64]
    against: NDArray[np.bool_]
    assumed: int = 0
    gaps: int = 0
    loops: int = 0
    layers: int = 2

    @property
    def nodes(self) -> int:
        """Number of nodes of one layer."""
        return len(self.ids)

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """How many other nodes each node has a road to, (node,)."""
        ends = np.column_stack([self.up, self.down]) % self.nodes
        pairs = np.unique(np.sort(ends, axis=1), axis=0)
        return np.bincount(pairs[pairs[:, 0] != pairs[:, 1]].ravel(), minlength=self.nodes)

    @cached_property
    def into(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Links into each node of all layers: (starts, links)."""
        order = np.argsort(self.down, kind="stable").astype(np.int32)
        starts = np.searchsorted(self.down[order], np.arange(self.layers * self.nodes + 1)).astype(np.int32)
        return starts, order

    @cached_property
    def dry_s(self) -> NDArray[np.float64]:
        """The time of each link on dry and empty roads, (link,), s; infinite against a one-way road."""
        return np.where(self.against, np.inf, self.length / self.free)

    @cached_property
    def parts(self) -> NDArray[np.int64]:
        """Which part of its layer each node lies in, (layer x node,): everybody can go everywhere in it. 0 is the largest.

        Nodes of smaller parts have -1: errors of the map, or one-way roads that its rim cuts off. But what holds PART_SHARE as
        many nodes as the largest, and PART_NODES, is a part of its own.
        """
        found = connected_components(self._matrix(~self.against), connection="strong")[1].reshape(
            self.layers, self.nodes
        )
        return np.concatenate([_by_size(part) for part in found])

    @property
    def connected(self) -> NDArray[np.bool_]:
        """Which nodes people live at, and go to from others, (layer x node,)."""
        return self.parts >= 0

    @cached_property
    def reached(self) -> NDArray[np.bool_]:
        """Which nodes can be gone to from a part, (layer x node,): by one-way roads too, and where contraflow opens one."""
        found, links = self.connected.copy(), self._matrix(np.ones(len(self.up), bool))
        layer = np.repeat(np.arange(self.layers), self.nodes)
        for first in np.unique(np.where(found, layer * self.nodes + self.parts, -1), return_index=True)[1]:
            if found[first]:
                found[breadth_first_order(links, first, return_predecessors=False)] = True
        return found

    def _matrix(self, some: NDArray[np.bool_]) -> csr_array:
        """Return some of the links (link,) as a matrix, (layer x node, layer x node)."""
        count = self.layers * self.nodes
        return csr_array((np.ones(int(some.sum())), (self.up[some], self.down[some])), shape=(count, count))

    def nearest(self, x: float, y: float, layer: int) -> int:
        """Return the node of a layer's connected part that lies nearest to a point; -1 where it has none."""
        own = np.flatnonzero(self.connected[layer * self.nodes : (layer + 1) * self.nodes])
        if not len(own):
            return -1
        return int(own[np.argmin((self.x[own] - x) ** 2 + (self.y[own] - y) ** 2)]) + layer * self.nodes


def network_of(
    city: City, *, veh_h_lane: float, walk_m_s: float, rescue: bool = False, contraflow: frozenset[str] = frozenset()
) -> Network:
    """Return the graph of a city's roads: two directed links a road and layer.

    A column `oneway` says of a road, as maps do, whether vehicles run it in its drawn direction alone (true, 1, "yes") or against it
    (-1, "-1", "reverse"); all else is both ways, and walkers always go both ways. Roads (ids) that ever come under `contraflow`
    have their other link too, `against` their direction.

    Lanes are shared by the two directions. `veh_h_lane` is what a lane carries in an evacuation, `walk_m_s` the speed of
    groups on foot on dry ground; `rescue` adds the layer of rescue vehicles, on the lanes of the cars.
    Raises ScenarioError for a city without roads and for lanes or speeds below nothing.
    """
    roads = city.roads
    if not len(roads):
        raise ScenarioError("movement_no_roads")
    junctions = mended(roads)
    ids, first, last = junctions.ids, junctions.first, junctions.last
    ahead, back = _directions(roads)
    oneway = ~(ahead & back)
    lanes, speed, width, assumed = _of_class(roads, oneway)
    turned = oneway & roads["id"].astype(str).isin(contraflow).values
    length = np.maximum(roads.geometry.length.values.astype(float), 1.0)
    per_side = np.where(oneway, lanes, np.maximum(lanes / 2.0, 1.0))
    parts = []
    for layer in (CAR, FOOT, RESCUE)[: 3 if rescue else 2]:
        free = speed / 3.6 if layer != FOOT else np.full(len(roads), walk_m_s)
        flow = per_side * veh_h_lane / 3600.0 if layer != FOOT else width * WALK_FLOW_S_M
        jam = per_side * JAM_VEH_M_LANE if layer != FOOT else width * JAM_PERSONS_M2
        wave = np.full(len(roads), CAR_WAVE_M_S if layer != FOOT else WALK_WAVE_M_S)
        for reverse in (False, True):
            usual = (back if reverse else ahead) | (layer == FOOT)
            there = (flow > 0.0) & (first != last) & (usual | (turned & (layer == CAR)))
            k = np.flatnonzero(there)
            up, down = (last, first) if reverse else (first, last)
            parts.append(
                (
                    up[k] + layer * len(ids),
                    down[k] + layer * len(ids),
                    k,
                    np.full(len(k), layer),
                    np.full(len(k), reverse),
                    length[k],
                    free[k],
                    flow[k],
                    room(jam[k] * length[k], flow[k], length[k], free[k], wave[k]),
                    wave[k],
                    ~usual[k],
                )
            )
    up_of, down_of, road, layers, reverse_of, metres, speeds, flows, storage, waves, against = (
        np.concatenate(p) for p in zip(*parts, strict=True)
    )
    return Network(
        ids, junctions.x, junctions.y, up_of.astype(np.int32), down_of.astype(np.int32), road.astype(np.int32),
        layers.astype(np.int8), reverse_of.astype(bool), metres, speeds, flows, storage, waves, against.astype(bool), assumed,
        junctions.gaps, junctions.loops, 3 if rescue else 2,
    )  # fmt: skip


def room(
    jam: NDArray[np.float64],
    flow: NDArray[np.float64],
    length: NDArray[np.float64],
    free: NDArray[np.float64],
    wave: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the units that have room on each link: those that stand in a jam, but enough for its capacity to pass, and for two."""
    return np.maximum(np.maximum(jam, flow * (length / free + length / wave)), 2.0)


def _by_size(part: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the number of each node's part (node,) in the order of their size, -1 for those too small to be one."""
    size = np.bincount(part)
    order = np.argsort(-size, kind="stable")
    kept = size[order] >= max(PART_NODES, PART_SHARE * size.max())
    kept[0] = True
    number = np.full(len(size), -1)
    number[order[kept]] = np.arange(int(kept.sum()))
    return np.asarray(number[part])


def _directions(roads: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether vehicles run each road in its drawn direction, and whether they run it against it."""
    if "oneway" not in roads:
        return np.ones(len(roads), bool), np.ones(len(roads), bool)
    said = roads["oneway"].astype(str).str.lower().str.removesuffix(".0")
    return ~said.isin(("-1", "reverse")).values, ~said.isin(("true", "1", "yes")).values


def _of_class(
    roads: pd.DataFrame, oneway: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Return lanes, km/h and pavement (m) of each road, and how many roads lack some of them.

    The lanes of a class are those of both directions: a one-way road has half of them.
    """
    names = roads["road_class"].astype(str).str.removesuffix("_link")
    defaults = np.array([CLASS_DEFAULTS.get(name, CLASS_DEFAULTS["other"]) for name in names], dtype=float)
    defaults[oneway, 0] = np.maximum(defaults[oneway, 0] // 2, 1.0)
    found, lacks = [], np.zeros(len(roads), bool)
    for k, column in enumerate(("lanes", "speed_kmh", "pavement_m")):
        own = (
            pd.to_numeric(roads[column], errors="coerce").values.astype(float)
            if column in roads
            else np.full(len(roads), np.nan)
        )
        bad = (own < 0) | (own > MOST) | ((k < 2) & (own == 0))
        if bad.any():
            first = int(np.argmax(bad))
            raise ScenarioError(
                "movement_road", road=str(roads["id"].iloc[first]), name=column, found=float(own[first]), most=MOST
            )
        lacks |= np.isnan(own) & (column != "pavement_m")
        found.append(np.where(np.isnan(own), defaults[:, k], own))
    return found[0], found[1], found[2], int(lacks.sum())
