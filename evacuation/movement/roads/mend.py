"""Small faults of a road map that would cut people off: what is mended, and how often, is told with the result."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from twin.errors import ScenarioError

#: A road that ends this near to another junction on its own level was meant to reach it, m: assumed.
GAP_M = 2.0


def levels(roads: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return the level of each road, (road,); the ground's, 0, where none can be read."""
    return np.asarray(pd.to_numeric(roads["level"], errors="coerce").fillna(0.0), dtype=np.float64)


def _check(roads: gpd.GeoDataFrame) -> None:
    shapes = roads.geometry.values
    line = (shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING) & ~shapely.is_empty(shapes)
    if not line.all():
        k = int(np.argmin(line))
        found = "–" if shapes[k] is None else f"{shapes[k].geom_type}{' EMPTY' * shapes[k].is_empty}"
        raise ScenarioError("movement_road_line", road=str(roads["id"].iloc[k]), found=found)
    for end in ("u", "v"):
        if (none := roads[end].isna().values).any():
            raise ScenarioError("movement_road_end", road=str(roads["id"].iloc[int(np.argmax(none))]), end=end)


def _pair(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return one number for each pair of junctions, in whatever order they stand."""
    return np.asarray((np.minimum(a, b).astype(np.int64) << 32) | np.maximum(a, b))


@dataclass(frozen=True)
class Mended:
    """Junctions by number: those at the begin and end of each road (road,), and where each junction lies, (junction,).

    `ids` are their names; `gaps` counts dead ends joined to a junction within GAP_M, `loops` roads that lead back to where they
    begin, which nobody runs.
    """

    ids: NDArray[np.str_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    gaps: int
    loops: int


def mended(roads: gpd.GeoDataFrame) -> Mended:
    """Return the junctions of a table of roads (`u`, `v`, `level`) with the gaps between them closed.

    Raises ScenarioError for a road that is no single line or names no junction at one of its ends.
    """
    _check(roads)
    ends = np.concatenate([roads["u"].astype(str), roads["v"].astype(str)])
    ids, number = np.unique(ends, return_inverse=True)
    points, line = shapely.get_coordinates(roads.geometry.values, return_index=True)
    each = np.arange(len(roads))
    points = points[np.concatenate([np.searchsorted(line, each), np.searchsorted(line, each, "right") - 1])]
    x, y = np.zeros(len(ids)), np.zeros(len(ids))
    x[number], y[number] = points.T
    level = np.tile(levels(roads), 2)
    lowest, highest = np.full(len(ids), np.inf), np.full(len(ids), -np.inf)
    np.minimum.at(lowest, number, level)
    np.maximum.at(highest, number, level)
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(GAP_M, output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    dead = np.bincount(number, minlength=len(ids)) == 1
    near = (dead[a] | dead[b]) & (lowest[a] <= highest[b]) & (lowest[b] <= highest[a])
    half = len(roads)
    near &= ~np.isin(_pair(a, b), _pair(number[:half], number[half:]))
    a, b = a[near], b[near]
    links = coo_array((np.ones(len(a)), (a, b)), shape=(len(ids), len(ids)))
    part = np.asarray(connected_components(links, directed=False)[1])
    kept, keeper = np.unique(part, return_index=True)
    of = np.searchsorted(kept, part)[number]
    first, last = of[:half], of[half:]
    return Mended(
        ids[keeper].astype(str), x[keeper], y[keeper], first, last, len(ids) - len(kept), int((first == last).sum())
    )
