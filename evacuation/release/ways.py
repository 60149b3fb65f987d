"""The city's roads for people on foot: the way that collects least from a cloud as it moves, round water that is too deep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evacuation.release.kernels import walking
from twin.city import City
from twin.clock import Clock
from twin.grid import Grid

Array = NDArray[np.float64]

#: Length of one piece of a way, s on foot: a road is walked in whole pieces, never in less time than it takes.
PIECE_S = 10.0
#: Depth at which walkers stop, m: H3 begins, unsafe for children and the elderly (AIDR Guideline 7-3).
WADE_M = 0.5


@dataclass(frozen=True)
class Ways:
    """Points along the roads, one piece of walking apart, in the largest connected part of the network.

    `x`, `y` (point,) m; `bridge` (point,) whether the point lies on a road above ground; `road` (point,) the row of a road that it
    lies on; `starts`, `ends`: the points one piece away
    from point p are `ends[starts[p]:starts[p + 1]]`. `piece_s` is the time that a piece takes, s.
    """

    x: Array
    y: Array
    bridge: NDArray[np.bool_]
    road: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    piece_s: float

    def least_doses(
        self,
        watched: NDArray[np.int64],
        rate: Array,
        grid: Grid,
        frame_s: float,
        water: Water,
        first: int,
        in_streets: Array | None = None,
    ) -> tuple[Array, NDArray[np.int64]]:
        """Return least dose and last point of the ways that begin at each watched point, (watched, piece).

        `rate` (frame, y, x) is the dose rate outdoors, s-1, `in_streets` (frame, road) that in the streets, where it is known: the higher
        of both holds. What is before frame `first` is not worked out (zero).
        """
        per = round(frame_s / self.piece_s)
        row, col, _ = grid.cells(self.x, self.y)
        met, place = rate.reshape(len(rate), -1), row * grid.nx + col
        if in_streets is not None:
            met, place = np.maximum(met[:, place], in_streets[:, self.road]), np.arange(len(place))
        moments = self.piece_s * np.arange(per * len(rate), dtype=np.float64)
        doses, ends = np.zeros((len(watched), len(moments))), np.zeros((len(watched), len(moments)), np.int64)
        two = (2, len(self.x))
        walking.least_doses(
            doses, ends, np.zeros(two), np.zeros(two, np.int64), watched, met, self.piece_s,
            place, water.depth, water.frame_at(moments), WADE_M, self.starts, self.ends, per, first,
        )  # fmt: skip
        return doses, ends

    def nearest(self, x: float, y: float) -> tuple[int, float]:
        """Return the point nearest to a place, and how far it is, m."""
        away = np.hypot(self.x - x, self.y - y)
        k = int(np.argmin(away))
        return k, float(away[k])


def ways_of(city: City, walk_m_s: float, frame_s: float) -> Ways | None:
    """Return the ways on foot along a city's roads; a frame of the cloud (s) is whole pieces. None for a city without roads."""
    if not len(city.roads):
        return None
    piece_s = frame_s / np.ceil(frame_s / PIECE_S - 1e-9)
    lines, level = city.roads.geometry.values, city.roads["level"].values.astype(float)
    node = {name: k for k, name in enumerate(dict.fromkeys([*city.roads["u"], *city.roads["v"]]))}
    x, y = np.zeros(len(node)), np.zeros(len(node))
    above = np.ones(len(node), bool)
    road = np.zeros(len(node), np.int64)
    parts, pairs, count = [(x, y, above, road)], [], len(node)
    rows = zip(lines, city.roads["u"], city.roads["v"], level > 0, strict=True)
    for k, (line, u, v, high) in enumerate(rows):
        pieces = max(int(np.ceil(line.length / (walk_m_s * piece_s) - 1e-9)), 1)
        inner = shapely.get_coordinates(
            shapely.line_interpolate_point(line, np.arange(1, pieces) / pieces, normalized=True)
        )
        first, last = node[u], node[v]
        x[first], y[first] = line.coords[0][:2]
        x[last], y[last] = line.coords[-1][:2]
        above[[first, last]] &= high
        road[[first, last]] = k
        chain = np.concatenate([[first], count + np.arange(pieces - 1), [last]])
        count += pieces - 1
        parts.append((inner[:, 0], inner[:, 1], np.full(pieces - 1, high), np.full(pieces - 1, k)))
        pairs.append(np.column_stack([chain[:-1], chain[1:]]))
    both = np.concatenate(pairs)
    x, y, bridge, road = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _largest(x, y, bridge, road, np.concatenate([both, both[:, ::-1]]), float(piece_s))


def _largest(
    x: Array, y: Array, bridge: NDArray[np.bool_], road: NDArray[np.int64], pairs: NDArray[np.int64], piece_s: float
) -> Ways:
    """Return the ways of the largest connected part: what is off it is an error of the map."""
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(x), len(x)))
    part: NDArray[np.int32] = np.asarray(connected_components(links, directed=False)[1])
    keep = part == np.bincount(part).argmax()
    number = np.cumsum(keep) - 1
    pairs = number[pairs[keep[pairs[:, 0]]]]
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts = np.searchsorted(pairs[:, 0], np.arange(int(keep.sum()) + 1))
    return Ways(
        x[keep], y[keep], bridge[keep], road[keep], starts.astype(np.int64), pairs[:, 1].astype(np.int64), piece_s
    )


@dataclass(frozen=True)
class Water:
    """Water on the ways: `times` (moment,) s since the first run's start, `depth` (moment, point) m; a depth holds to the next."""

    times: Array
    depth: NDArray[np.float32]

    def frame_at(self, moments: Array) -> NDArray[np.int64]:
        """Return the row that holds at each moment; the first before it begins."""
        return np.maximum(np.searchsorted(self.times, moments + 1e-6, side="right") - 1, 0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a run that goes on must know."""
        return {"way_times": self.times, "way_depth": self.depth}


def water_on(
    ways: Ways, field: xr.DataArray | None, crs: str, clock: Clock, elapsed: float, arrays: Mapping[str, NDArray[Any]] | None
) -> Water:  # fmt: skip
    """Return the water on the ways from a depth (time, y, x), m, or None, behind what an earlier run has met.

    On bridges, and where nothing is known, there is none.
    """
    times, depth = np.array([elapsed]), np.zeros((1, len(ways.x)), np.float32)
    if field is not None:
        grid = Grid.of_axes(crs, field["y"].values, field["x"].values, str(field.name))
        row, col, inside = grid.cells(ways.x, ways.y)
        values = np.nan_to_num(field.transpose("time", "y", "x").values[:, row, col])
        times = elapsed + np.array([clock.seconds(t) for t in field["time"].values])
        depth = np.where(inside & ~ways.bridge, values, 0.0).astype(np.float32)
    if arrays is not None and "way_times" in arrays:
        times, depth = np.append(arrays["way_times"], times), np.concatenate([arrays["way_depth"], depth])
    return Water(times, depth)
