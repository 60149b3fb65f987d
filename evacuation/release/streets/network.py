"""The canyons of a city as rows of boxes, the junctions at which they meet, and the gas in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.release.kernels import street_boxes as kernels
from evacuation.release.streets.wind import StreetWind
from twin.hazard import Balance

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: A box is at most this long, m.
BOX_M = 20.0
#: The air of a shorter box is that of this length, m: a stub of a road then does not set the step. Only delay changes, not what stays.
SHORTEST_M = 10.0
#: Share of a box's air that is replaced in one step at most.
COURANT = 0.9


@dataclass(frozen=True)
class Network:
    """Canyons, their boxes and the junctions.

    `road` (canyon,) row of each in the city's roads; `width`, `height`, `length` (canyon,) m; `along` (canyon, 2) chord over length;
    canyon i owns the boxes `first_box[i]` to `first_box[i + 1]`; `box_x`, `box_y` (box,) their middles. Node n owns the arms
    `arm_start[n]` to `arm_start[n + 1]`, (`arm_canyon`, `arm_end`), end 0 the first; `node_x`, `node_y` (node,) m; `open_node` (node,)
    whether a road that is no canyon meets it or a single canyon ends there: its outside is the air at the ground, that of others
    the air above the roofs.
    """

    road: Index
    width: Array
    height: Array
    length: Array
    along: Array
    first_box: Index
    box_x: Array
    box_y: Array
    arm_start: Index
    arm_canyon: Index
    arm_end: Index
    node_x: Array
    node_y: Array
    open_node: NDArray[np.bool_]

    @cached_property
    def canyon(self) -> Index:
        """The canyon of each box (box,)."""
        return np.repeat(np.arange(len(self.road)), np.diff(self.first_box))

    @cached_property
    def roof(self) -> Array:
        """Area of the roof of each box, m2 (box,)."""
        return np.asarray((self.width * self.length / np.diff(self.first_box))[self.canyon])

    @cached_property
    def volume(self) -> Array:
        """Air in each box, m3 (box,)."""
        long = np.maximum(self.length / np.diff(self.first_box), SHORTEST_M)
        return np.asarray((self.width * self.height * long)[self.canyon])

    @cached_property
    def node_height(self) -> Array:
        """Mean height of the canyons that meet at each node, m (node,)."""
        total = np.add.reduceat(self.height[self.arm_canyon], self.arm_start[:-1]) if len(self.road) else np.zeros(0)
        return np.asarray(total / np.diff(self.arm_start))

    @cached_property
    def turn_start(self) -> Index:
        """Where the turns of each node begin (node + 1,): one for each pair of its arms."""
        return np.concatenate([[0], np.cumsum(np.diff(self.arm_start) ** 2)]).astype(np.int64)


def network_of(
    roads: gpd.GeoDataFrame, width: Array, height: Array, canyon: NDArray[np.bool_], box_m: float
) -> Network:
    """Return the network of the roads that are canyons, with boxes of at most `box_m`; width and height (road,) m."""
    road = np.flatnonzero(canyon)
    lines = roads.geometry.values[road]
    length = shapely.length(lines)
    start, end = (shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1))
    boxes = np.maximum(np.ceil(length / box_m - 1e-9).astype(np.int64), 1)
    first_box = np.concatenate([[0], np.cumsum(boxes)]).astype(np.int64)
    of = np.repeat(np.arange(len(road)), boxes)
    share = (np.arange(len(of)) - first_box[of] + 0.5) / boxes[of]
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines[of], share, normalized=True))
    ends = roads[["u", "v"]].astype(str).to_numpy(object)
    outside = set(ends[~canyon].ravel())
    node, number = np.unique(ends[road].T.ravel().astype(str), return_inverse=True)
    order = np.argsort(number, kind="stable")
    arm_start = np.searchsorted(number[order], np.arange(len(node) + 1)).astype(np.int64)
    place = np.concatenate([start, end])[order[arm_start[:-1]]]
    return Network(
        road, width[road], height[road], length, (end - start) / length[:, None], first_box, middle[:, 0], middle[:, 1], arm_start,
        (order % max(len(road), 1)).astype(np.int64), (order // max(len(road), 1)).astype(np.int64), place[:, 0], place[:, 1],
        np.array([name in outside for name in node], bool) | (np.diff(arm_start) == 1),
    )  # fmt: skip


class Boxes:
    """The gas in a network's boxes: concentration `c` (box,) kg m-3 and what crossed its rim, `ledger` (see the kernels), kg."""

    def __init__(self, network: Network, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        given = arrays or {}
        self.network = network
        self.c = np.array(given.get("street_c", np.zeros(len(network.volume))))
        self._ledger_before, self._kg_before = np.array(given.get("street_ledger", np.zeros(7))), self.kg
        self.ledger = self._ledger_before.copy()
        arms, canyons = len(network.arm_canyon), len(network.road)
        self._ahead, self._back, self._roof = np.zeros(canyons), np.zeros(canyons), np.zeros(len(network.volume))
        self._turn, self._leave, self._enter = np.zeros(network.turn_start[-1]), np.zeros(arms), np.zeros(arms)
        self._arriving, self._entering = np.zeros(arms), np.zeros((canyons, 2))

    def blow(self, wind: StreetWind) -> None:
        """Let this wind move the air from now on."""
        net = self.network
        kernels.fluxes(
            self._ahead, self._back, self._turn, self._leave, self._enter, self._arriving, net.width * net.height * wind.speed,
            net.along, *wind.directions(), net.arm_start, net.arm_canyon, net.arm_end, net.turn_start,
        )  # fmt: skip
        self._roof = net.roof * wind.exchange[net.canyon]

    def advance(self, dt: float, source: Array, above: Array, outside: Array) -> None:
        """Carry the gas on by `dt` s: `source` (box,) kg s-1; concentrations `above` (box,) and `outside` (node,), kg m-3."""
        net = self.network
        fastest = kernels.quickest(net.volume, net.first_box, self._ahead, self._back, self._roof)
        steps = max(int(np.ceil(dt * fastest / COURANT)), 1)
        kernels.advance(
            self.c, self.ledger, self._entering, steps, dt / steps, source, above, outside, net.open_node, net.volume,
            net.first_box, self._ahead, self._back, self._roof, self._turn, self._leave, self._enter, net.arm_start,
            net.arm_canyon, net.arm_end, net.turn_start,
        )  # fmt: skip

    def put(self, box: int, kg: float) -> None:
        """Let `kg` of gas into a box at once."""
        self.c[box] += kg / self.network.volume[box]
        self.ledger[kernels.SOURCE] += kg

    @property
    def kg(self) -> float:
        """Gas in the boxes, kg."""
        return float((self.c * self.network.volume).sum())

    def balance(self, tolerance: float) -> Balance:
        """Return the ledger of this run's gas in the streets, kg."""
        new = self.ledger - self._ledger_before
        took = {
            "sources": kernels.SOURCE,
            "roofs": kernels.ROOF_IN,
            "junctions": kernels.ABOVE_IN,
            "ends": kernels.OPEN_IN,
        }
        gave = {"roofs": kernels.ROOF_OUT, "junctions": kernels.ABOVE_OUT, "ends": kernels.OPEN_OUT}
        return Balance(
            unit="kg",
            came_in={name: float(new[k]) for name, k in took.items()},
            went_out={name: float(new[k]) for name, k in gave.items()},
            stored={"streets": self.kg - self._kg_before},
            tolerance=tolerance,
        )
