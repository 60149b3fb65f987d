"""One sparse sampler from field to edge, place or cell: built once per city, used by exposure and by models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from twin.grid import Grid


@dataclass(frozen=True)
class Sampler:
    """Which cells belong to which item, as a ragged array: item i owns `cells[starts[i]:starts[i + 1]]` (flat indices).

    NaN in a cell is "not known" and is passed over; an item without a known cell samples as NaN. Items that own no cell (outside
    the grid) are named by `outside`.
    """

    starts: NDArray[np.int64]
    cells: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self.starts) - 1

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Items that own no cell."""
        return np.asarray(np.diff(self.starts) == 0)

    def maximum(self, frames: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the largest value of each item, shape (time, item), from frames (time, y, x)."""
        return self._reduce(np.fmax, frames)

    def mean(self, frames: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean value of each item, shape (time, item), from frames (time, y, x)."""
        known = self._reduce(np.add, np.isfinite(frames))
        total = self._reduce(np.add, np.nan_to_num(frames))
        return np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)

    def share(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of each item's cells that hold, shape (time, item), from masks (time, y, x); NaN without a cell."""
        return self._reduce(np.add, masks) / np.maximum(np.diff(self.starts), 1)

    def _reduce(self, ufunc: np.ufunc, frames: NDArray[Any]) -> NDArray[np.float64]:
        out = np.full((len(frames), self.count), np.nan)
        if len(self.cells) == 0:
            return out
        filled = ~self.outside
        flat = frames.reshape(len(frames), -1)
        for k, frame in enumerate(flat):
            out[k, filled] = ufunc.reduceat(frame[self.cells].astype(np.float64), self.starts[:-1][filled])
        return out

    def quantile(self, frames: NDArray[np.floating], q: float) -> NDArray[np.float64]:
        """Return the q-quantile of each item, shape (time, item)."""
        flat = frames.reshape(len(frames), -1)
        out = np.full((len(frames), self.count), np.nan)
        for i in np.flatnonzero(~self.outside):
            own = flat[:, self.cells[self.starts[i] : self.starts[i + 1]]]
            known = np.isfinite(own)
            out[:, i] = np.quantile(own, q, axis=1)
            for k in np.flatnonzero(~known.all(axis=1)):
                out[k, i] = np.quantile(own[k, known[k]], q) if known[k].any() else np.nan
        return out

    def keep(self, mask: NDArray[np.bool_]) -> Sampler:
        """Return the sampler restricted to the cells where `mask` (y, x) holds."""
        good = mask.ravel()[self.cells]
        counts = (
            np.add.reduceat(np.append(good.astype(np.int64), 0), self.starts[:-1]) * ~self.outside
            if self.count
            else np.zeros(0, np.int64)
        )
        return Sampler(np.concatenate([[0], np.cumsum(counts)]), self.cells[good])


def along_lines(grid: Grid, lines: gpd.GeoSeries) -> Sampler:
    """Return the cells each line crosses (points every half cell)."""
    dense = shapely.segmentize(lines.values, grid.cell_m / 2)
    points, item = shapely.get_coordinates(dense, return_index=True)
    return _collect(grid, points, item, len(lines))


def around_points(grid: Grid, points: gpd.GeoSeries, reach_cells: int = 1) -> Sampler:
    """Return the square of cells within `reach_cells` of each point."""
    steps = np.arange(-reach_cells, reach_cells + 1) * grid.cell_m
    dx, dy = (a.ravel() for a in np.meshgrid(steps, steps))
    at, item = shapely.get_coordinates(points.values, return_index=True)
    spread = (at[:, None, :] + np.column_stack([dx, dy])[None, :, :]).reshape(-1, 2)
    return _collect(grid, spread, np.repeat(item, len(dx)), len(points))


def around_buildings(grid: Grid, footprints: gpd.GeoSeries) -> Sampler:
    """Return the cells just outside each footprint: what cannot enter a building stands at its wall."""
    return along_lines(grid, footprints.buffer(0.75 * grid.cell_m, join_style="mitre").boundary)


def within_polygons(grid: Grid, polygons: gpd.GeoSeries) -> Sampler:
    """Return the cells whose centre lies in each polygon; for one too small to hold a centre the cell it lies in."""
    parts = [_cells_in(grid, polygon) for polygon in polygons.values]
    item = np.repeat(np.arange(len(polygons)), [len(part) for part in parts])
    cell = np.concatenate([np.zeros(0, np.int64), *parts])
    small = np.setdiff1d(np.arange(len(polygons)), item)
    if len(small):
        points = shapely.get_coordinates(shapely.point_on_surface(polygons.values[small]))
        row, col, inside = grid.cells(points[:, 0], points[:, 1])
        item, cell = np.append(item, small[inside]), np.append(cell, (row * grid.nx + col)[inside])
    order = np.lexsort((cell, item))
    return Sampler(_starts(item[order], len(polygons)), cell[order])


def _cells_in(grid: Grid, polygon: shapely.Geometry) -> NDArray[np.int64]:
    """Return the cells whose centre lies in one polygon, looked for within its bounds alone."""
    if polygon.is_empty:
        return np.zeros(0, np.int64)
    west, south, east, north = polygon.bounds
    rows, cols, _ = grid.cells([west, east], [north, south])
    row, col = np.mgrid[rows[0] : rows[1] + 1, cols[0] : cols[1] + 1]
    inside = shapely.contains_xy(polygon, grid.x[col], grid.y[row])
    return np.asarray((row * grid.nx + col)[inside], dtype=np.int64)


def places(grid: Grid, geometries: gpd.GeoSeries) -> Sampler:
    """Return a sampler for places of any geometry: points with their neighbours, lines, polygons by their cells and rim."""
    parts = []
    for kind, make in (("Point", around_points), ("LineString", along_lines), ("Polygon", within_polygons)):
        where = np.flatnonzero((geometries.geom_type.str.removeprefix("Multi") == kind).values)
        if len(where):
            part = make(grid, geometries.iloc[where])
            parts.append((np.repeat(where, np.diff(part.starts)), part.cells))
    item = np.concatenate([p[0] for p in parts]) if parts else np.zeros(0, np.int64)
    cell = np.concatenate([p[1] for p in parts]) if parts else np.zeros(0, np.int64)
    order = np.lexsort((cell, item))
    return Sampler(_starts(item[order], len(geometries)), cell[order])


def _collect(grid: Grid, points: NDArray[np.float64], item: NDArray[np.int64], count: int) -> Sampler:
    row, col, inside = grid.cells(points[:, 0], points[:, 1])
    pairs = np.unique(np.column_stack([item[inside], (row * grid.nx + col)[inside]]), axis=0)
    return Sampler(_starts(pairs[:, 0], count), pairs[:, 1])


def _starts(item: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.searchsorted(item, np.arange(count + 1))
