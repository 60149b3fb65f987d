"""Small faults of a road map that would cut people off: what is mended, and how often, is told with the result."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

#: A road that ends this near to another junction on its own level was meant to reach it, m: assumed.
GAP_M = 2.0


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
    """Return the junctions of a table of roads (`u`, `v`, `level`) with the gaps between them closed."""
    ends = np.concatenate([roads["u"].astype(str), roads["v"].astype(str)])
    ids, number = np.unique(ends, return_inverse=True)
    lines = roads.geometry.values
    xy = np.array([line.coords[k][:2] for k in (0, -1) for line in lines])
    x, y = np.zeros(len(ids)), np.zeros(len(ids))
    x[number], y[number] = xy[:, 0], xy[:, 1]
    level = np.tile(roads["level"].fillna(0).values.astype(float), 2) if "level" in roads else np.zeros(len(ends))
    lowest, highest = np.full(len(ids), np.inf), np.full(len(ids), -np.inf)
    np.minimum.at(lowest, number, level)
    np.maximum.at(highest, number, level)
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(GAP_M, output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    dead = np.bincount(number, minlength=len(ids)) == 1
    near = (dead[a] | dead[b]) & (lowest[a] <= highest[b]) & (lowest[b] <= highest[a])
    half = len(roads)
    joined = np.unique(np.sort(np.column_stack([number[:half], number[half:]]), axis=1), axis=0)
    known = {tuple(pair) for pair in joined.tolist()}
    near &= np.array([tuple(sorted(pair)) not in known for pair in pairs.tolist()], dtype=bool)
    a, b = a[near], b[near]
    links = coo_array((np.ones(len(a)), (a, b)), shape=(len(ids), len(ids)))
    part = np.asarray(connected_components(links, directed=False)[1])
    kept, keeper = np.unique(part, return_index=True)
    of = np.searchsorted(kept, part)[number]
    first, last = of[:half], of[half:]
    return Mended(
        ids[keeper].astype(str), x[keeper], y[keeper], first, last, len(ids) - len(kept), int((first == last).sum())
    )
