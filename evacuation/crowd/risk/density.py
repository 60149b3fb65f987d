"""Density on a raster over the venue: a Gaussian kernel, corrected for the ground that walls take from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.kernels.density import gaussian
from evacuation.crowd.venue.plan import Plan
from twin.grid import Grid

#: Width R of the kernel exp(-d2 / R2) / (pi R2), m: an area of pi m2 (reference case crowd/E1).
WIDTH_M = 1.0

#: The kernel's share of open ground is taken as at least this: the corner of a room has a quarter.
LEAST_SHARE = 0.25


class Density:
    """Persons/m2 on `grid`, on ground that can be walked on; 0 elsewhere.

    People at a wall have no neighbours behind it: the sum of kernels is divided by their share of open ground. People behind a
    thin wall count as near.
    """

    def __init__(self, grid: Grid, walkable: NDArray[np.bool_], fine_m: float) -> None:
        self.grid = grid
        k = round(grid.cell_m / fine_m)
        padded = np.zeros((grid.ny * k, grid.nx * k))
        padded[: walkable.shape[0], : walkable.shape[1]] = walkable[: grid.ny * k, : grid.nx * k]
        share = padded.reshape(grid.ny, k, grid.nx, k).mean(axis=(1, 3))
        reach = int(np.ceil(3.0 * WIDTH_M / grid.cell_m))
        line = np.exp(-((np.arange(-reach, reach + 1) * grid.cell_m / WIDTH_M) ** 2))
        line /= line.sum()
        around = ndimage.convolve1d(ndimage.convolve1d(share, line, 0, mode="constant"), line, 1, mode="constant")
        self.open = share > 0.0
        self._scale = np.where(self.open, 1.0 / np.maximum(around, LEAST_SHARE), 0.0)
        self._scratch = np.empty((2, 2 * reach + 3))

    def of(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density (ny, nx) of people at local places."""
        field = np.zeros(self.grid.shape)
        if not len(x):
            return field
        gaussian(field, self._scratch, x, w, self.grid.cell_m, WIDTH_M)
        return field * self._scale


class OverStairs(Density):
    """A density over several levels: who walks near the middle of a stair that joins two of them counts on both."""

    def __init__(self, plan: Plan, grid: Grid, walkable: NDArray[np.bool_]) -> None:
        super().__init__(grid, walkable, plan.grid.cell_m)
        self._plan = plan

    def of(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density (ny, nx) of people at local places."""
        return super().of(*self._plan.on_both_levels(x, w, 3.0 * WIDTH_M))


def over(plan: Plan, walkable: NDArray[np.bool_], cell_m: float) -> Density:
    """Return the density over a plan on cells of `cell_m`, which begin at the same corner as its raster of ways."""
    fine = plan.grid
    ny, nx = (int(np.ceil(n * fine.cell_m / cell_m - 1e-9)) for n in fine.shape)
    grid = Grid(fine.crs, fine.west, fine.north, cell_m, ny, nx)
    return OverStairs(plan, grid, walkable) if plan.levels.joins else Density(grid, walkable, fine.cell_m)
