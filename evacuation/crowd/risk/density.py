"""Density on a raster over the venue: a Gaussian kernel, corrected for the ground that walls take from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from evacuation.crowd.kernels.arrays import Sight
from evacuation.crowd.kernels.density import gaussian
from evacuation.crowd.venue.nearby import lines_by_cell
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.grid import Grid

#: Width R of the kernel exp(-d2 / R2) / (pi R2), m: an area of pi m2 (reference case crowd/E1).
WIDTH_M = 1.0

#: The kernel's share of open ground is taken as at least this: the corner of a room has a quarter.
LEAST_SHARE = 0.25

#: Walls are looked up by squares of this size, m.
SQUARE_M = 1.0

#: Ground beside walls is found on so many points a cell of the raster of ways, along each side, by sight of so many cells beside it.
POINTS, SEEN_FROM = 4, 4


@dataclass(frozen=True)
class Ground:
    """Open ground on a raster of `cell_m`: `whole` (ny, nx) cells, and `points` (n, 2), local, each for an equal part of a cell that walls
    come near. `walls` (line, 4), local, hide what is behind them."""

    whole: NDArray[np.bool_]
    cell_m: float
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    walls: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))

    @property
    def share(self) -> NDArray[np.float64]:
        """The open share of each cell (ny, nx)."""
        share = self.whole.astype(np.float64)
        column, row = (self.points / self.cell_m).astype(np.int64).T
        np.add.at(share, (row, column), 1.0 / POINTS**2)
        return share


class Density:
    """Persons/m2 on `grid`, on ground that can be walked on; 0 elsewhere. `share` (ny, nx) of each cell is such ground.

    A wall hides people and ground behind it: the sum of kernels over the people whom a cell sees is divided by that over the ground that
    it sees, from its middle or, where no whole ground is there, from its ground nearest to that. The raster of the ground begins at the
    same corner; no cell of `grid` need be a multiple of its cells.
    """

    def __init__(self, grid: Grid, ground: Ground) -> None:
        self.grid, self.fine_m, self.ground = grid, ground.cell_m, ground.share
        sides = zip(grid.shape, self.ground.shape, strict=True)
        down, across = (_overlaps(n, grid.cell_m, m, self.fine_m) for n, m in sides)
        self.share = np.asarray(down @ (across @ self.ground.T).T, dtype=np.float64)
        self.open = self.share > 0.0
        self._scratch = np.empty((2, 2 * int(np.ceil(3.0 * WIDTH_M / grid.cell_m)) + 3))
        by_square = lines_by_cell(grid, ground.walls, SQUARE_M, 3.0 * WIDTH_M + grid.cell_m)
        self._sight = Sight(np.ascontiguousarray(ground.walls), *by_square, SQUARE_M)
        middles = (np.argwhere(ground.whole)[:, ::-1] + 0.5) * self.fine_m
        parts = (len(middles), 1.0), (len(ground.points), 1.0 / POINTS**2)
        area = self.fine_m**2 * np.concatenate([np.full(count, part) for count, part in parts])
        places = np.concatenate([middles, ground.points])
        self._spots = self._looked_at(ground, places)
        around = self._sum(places[:, 0], places[:, 1], area)
        self._scale = np.where(self.open, 1.0 / np.maximum(around, LEAST_SHARE), 0.0)

    def _looked_at(self, ground: Ground, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spot (2, ny, nx) of each cell whose middle is not on whole ground: of the `places` of its ground the nearest to it."""
        spots, cell = np.full((2, *self.grid.shape), np.nan), self.grid.cell_m
        rows, columns = np.nonzero(self.open)
        middle = (np.column_stack([columns, rows]) + 0.5) * cell
        at = np.minimum((middle / self.fine_m).astype(np.int64), np.array(ground.whole.shape)[::-1] - 1)
        off = ~ground.whole[at[:, 1], at[:, 0]]
        if off.any():
            _, nearest = cKDTree(places).query(middle[off])
            spots[:, rows[off], columns[off]] = places[nearest].T
        return spots

    def spot(self, cell: int) -> NDArray[np.float64]:
        """Return the local place (x, w) from which a cell sees, given by its place in a field that is laid out in one row."""
        row, col = divmod(cell, self.grid.nx)
        own = self._spots[:, row, col]
        return (np.array([col, row]) + 0.5) * self.grid.cell_m if np.isnan(own[0]) else own.copy()

    def both(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the local places at which people count: where they are, and of several levels on the other one, too."""
        return x, w

    def of(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density (ny, nx) of people at local places."""
        x, w = self.both(x, w)
        return self._sum(x, w, np.ones(len(x))) * self._scale

    def _sum(self, x: NDArray[np.float64], w: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros(self.grid.shape)
        own = np.ascontiguousarray(x), np.ascontiguousarray(w)
        gaussian(found, self._scratch, *own, weight, self.grid.cell_m, WIDTH_M, self._spots, self._sight)
        return found


def _overlaps(count: int, cell: float, fine_count: int, fine: float) -> sparse.csr_array:
    """Return the share of each of `count` cells in a row that each of `fine_count` smaller ones takes, from one corner on."""
    low, fine_low = (size * np.arange(n) for n, size in ((count, cell), (fine_count, fine)))
    both = np.minimum(low[:, None] + cell, fine_low + fine) - np.maximum(low[:, None], fine_low)
    return sparse.csr_array(np.where(both > 1e-9, both / cell, 0.0))


class OverStairs(Density):
    """A density over several levels: who walks near the middle of a stair that joins two of them counts on both."""

    def __init__(self, plan: Plan, grid: Grid, ground: Ground) -> None:
        super().__init__(grid, ground)
        self._plan = plan

    def both(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the local places at which people count, those near the middle of a stair twice."""
        return self._plan.on_both_levels(x, w, 3.0 * WIDTH_M)


def _bounds(plan: Plan) -> NDArray[np.object_]:
    """Return the local lines beyond which nobody counts: walls, obstacles and gates of the rim."""
    line, owner = plan.lines
    rim = [k for k, gate in enumerate(plan.gates) if gate.rim]
    return np.asarray(shapely.linestrings(line[(owner < 0) | np.isin(owner, rim)].reshape(-1, 2, 2)))


def ground_around(plan: Plan, density: Density, spot: NDArray[np.float64], far_m: float) -> shapely.Geometry:
    """Return the open ground up to `far_m` from a local spot to each side, up to walls, obstacles and gates of the rim.

    These lines part it; a part is open where the density knows most of it, or its inner point, as open.
    """
    around = shapely.box(*(spot - far_m), *(spot + far_m))
    rims = [shapely.transform(shape, plan.local).boundary for shape in (plan.ground, *plan.obstacles)]
    lines = [*_bounds(plan), *rims]
    cut = shapely.union_all([around.boundary, *shapely.intersection(lines, around)])
    parts = [part for part in shapely.get_parts(shapely.polygonize(shapely.get_parts(cut))) if _open(density, part)]
    return shapely.union_all(parts)


def _open(density: Density, part: shapely.Geometry) -> bool:
    """Return whether most cells of the raster of ways that lie in a part, or that of its inner point where none does, are open."""
    cell, (ny, nx) = density.fine_m, density.ground.shape
    west, north, east, south = np.clip(np.array(part.bounds) / cell, 0, [nx, ny, nx, ny]).astype(np.int64)
    rows, columns = (v.ravel() for v in np.mgrid[north : min(south + 1, ny), west : min(east + 1, nx)])
    within = shapely.contains_xy(part, (columns + 0.5) * cell, (rows + 0.5) * cell)
    if not within.any():
        point = part.representative_point()
        within = (rows == int(point.y / cell)) & (columns == int(point.x / cell))
    found = density.ground[rows[within], columns[within]]
    return bool(found.size and found.mean() >= 0.5)


def over(finder: Finder, cell_m: float) -> Density:
    """Return the density over a plan on cells of `cell_m`, which begin at the same corner as its raster of ways."""
    plan, fine = finder.plan, finder.plan.grid
    ny, nx = (int(np.ceil(n * fine.cell_m / cell_m - 1e-9)) for n in fine.shape)
    grid = Grid(fine.crs, fine.west, fine.north, cell_m, ny, nx)
    ground = open_ground(finder)
    return OverStairs(plan, grid, ground) if plan.levels.joins else Density(grid, ground)


def open_ground(finder: Finder) -> Ground:
    """Return the open ground of a plan on the raster of ways, up to the walls and gates of the rim.

    The raster of ways keeps off every cell that a wall comes near, so the ground beside walls is found by sight: a point of such a cell is
    open where no wall stands between it and the middle of one of the nearest cells that can be walked on.
    """
    plan, cell = finder.plan, finder.plan.grid.cell_m
    inner = finder.walked
    for k, gate in enumerate(plan.gates):
        if gate.rim:
            inner &= ~finder.gate_cells(k)
    around = np.ones((3, 3), bool)
    beside = ndimage.binary_dilation(inner, around, iterations=2) & ~inner
    seen_from = np.argwhere(inner & ndimage.binary_dilation(beside, around, iterations=2))
    line, owner = plan.lines
    if not len(seen_from):
        return Ground(inner, cell, walls=line[owner < 0])
    solid = shapely.union_all(_bounds(plan))
    shapely.prepare(solid)
    rows, columns = np.nonzero(beside)
    within = (np.stack(np.meshgrid(range(POINTS), range(POINTS)), axis=-1).reshape(-1, 2) + 0.5) / POINTS
    points = ((np.column_stack([columns, rows])[:, None] + within) * cell).reshape(-1, 2)
    middles = (seen_from[:, ::-1] + 0.5) * cell
    far, nearest = cKDTree(middles).query(points, SEEN_FROM, distance_upper_bound=3.0 * cell)
    sees = np.zeros(len(points), bool)
    for k in range(SEEN_FROM):
        left = np.flatnonzero(~sees & np.isfinite(far[:, k]))
        sight = shapely.linestrings(np.stack([points[left], middles[nearest[left, k]]], axis=1))
        sees[left] = ~shapely.intersects(solid, sight)
    return Ground(inner, cell, points[sees], line[owner < 0])
