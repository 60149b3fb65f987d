"""The full shallow-water scheme: dam breaks, steep fast flow, run-up; the equations are in `hydro.kernels.shallow`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydro.kernels.shallow import advance
from hydro.kernels.shallow_faces import BAND, CLOSED, OPEN
from hydro.schemes.boundaries import SIDES
from hydro.schemes.inertial import collapse
from hydro.schemes.water import Array
from twin.jit import start_threads

STATE = ("h", "u", "v", "highest")


class Shallow:
    """Water on a raster by the full shallow-water equations.

    `z` (ny, nx) bed, m; `n` Manning roughness, s m-1/3, a number or (ny, nx), >= 0; `cell_m` cell size, m; `courant`
    share of a cell that the fastest wave crosses in one step, at most 0.5. All sides are closed until opened.
    `h` depth, m; `u`, `v` velocity towards +column and +row, m/s; `highest` the highest depth of any step; `source` water
    added, m/s, >= 0: all (ny, nx). `booked` m3 since the start. A volume stays exact because only flows are limited.
    """

    name: ClassVar[str] = "full"

    def __init__(
        self, z: ArrayLike, n: ArrayLike, cell_m: float, *, dtype: str = "float32", courant: float | None = None
    ) -> None:
        start_threads()
        self.z: Array = np.array(z, dtype=dtype, order="C")
        ny, nx = self.z.shape
        self.n: Array = np.array(np.broadcast_to(np.asarray(n, dtype=dtype), (ny, nx)))
        self.cell_m, self.time = float(cell_m), 0.0
        self.courant = 0.5 if courant is None else float(courant)
        self.h, self.u, self.v, self.highest, self.source = (np.zeros((ny, nx), dtype) for _ in range(5))
        self._next = tuple(np.zeros((ny, nx), dtype) for _ in range(3))
        self._fx, self._fy = np.zeros((4, ny, nx + 1), dtype), np.zeros((4, ny + 1, nx), dtype)
        self._rows = np.zeros((-(-ny // BAND), 8, nx + 1), dtype)
        self._fastest = np.zeros(ny)
        whole = np.zeros((ny + 1, 2), np.int64)
        whole[ny, 1] = nx
        self._spans = (np.zeros((ny, 2), np.int64), np.zeros(ny, np.int64), np.zeros(ny, np.int64), whole)
        self._booked, self._booked_now = np.zeros((ny, 3)), np.zeros((ny, 3))
        none = np.zeros(0, np.intp)
        self._levels: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]] = (none, none, np.zeros(0))
        self._held, self._held_rows = np.zeros((ny, nx), np.uint8), np.zeros(ny, np.uint8)
        self._sides = np.full(4, CLOSED, np.int64)
        self._margin = 1e-12 if self.z.dtype == np.float64 else 1e-6
        self._look_outside()

    @property
    def booked(self) -> dict[str, float]:
        """Volumes since the start, m3: into held cells, out of held cells, over the rim; rain on held cells counts."""
        into, out, over = self._booked.sum(axis=0) * self.cell_m**2
        return {"into_held": float(into), "out_of_held": float(out), "over_rim": float(over)}

    def hold(self, row: ArrayLike, col: ArrayLike, level: ArrayLike) -> None:
        """Let these cells keep `level` (m). A level of -inf swallows what reaches the cell, as an open rim does.

        What cells with a level take and give is booked as into and out of held cells, what is swallowed as over the rim.
        The velocity there follows the free cells beside it, up to Froude 1. The water a cell holds is outside the books.
        """
        rows, cols = np.asarray(row, dtype=np.intp), np.asarray(col, dtype=np.intp)
        levels = np.broadcast_to(np.asarray(level, dtype=np.float64), rows.shape)
        self._levels = rows, cols, levels
        self._held[:], self._held_rows[:] = 0, 0
        self._held[rows, cols] = np.where(np.isneginf(levels), 2, 1)
        self._held_rows[rows] = 1
        self.h[rows, cols] = np.maximum(levels - self.z[rows, cols], 0.0)

    def open(self, side: str) -> None:
        """Let water leave freely over the "west", "east", "north" or "south" rim (zero gradient); none comes in."""
        self._sides[SIDES.index(side)] = OPEN
        self._look_outside()

    def set_bed(self, z: ArrayLike) -> None:
        """Change the terrain; depths and velocities are kept, so no water is made (held cells keep their level)."""
        self.z[:] = z
        self._look_outside()
        self.hold(*self._levels)

    def fill(self, depth: ArrayLike) -> None:
        """Put water on the ground, m; not booked."""
        self.h[:] = depth
        self.highest[:] = np.maximum(self.highest, self.h)

    def feed(self, source: ArrayLike) -> None:
        """Set the water added from now on, m/s per cell."""
        self.source[:] = source

    def wake(self, row: ArrayLike | None = None, col: ArrayLike | None = None) -> None:
        """Tell the scheme that `h` was changed from outside: it looks at every cell each step, so nothing is to do."""

    def depth(self) -> Array:
        """Return the depth now, m: `h`."""
        return self.h

    def highest_depth(self) -> Array:
        """Return the highest depth of any step, m: `highest`."""
        return self.highest

    def volume(self) -> float:
        """Return the water on the ground outside held cells, m3, float64 and in a fixed order."""
        return float(np.where(self._held > 0, 0.0, self.h).sum(dtype=np.float64)) * self.cell_m**2

    def advance(self, seconds: float, t: float | None = None) -> int:
        """Advance by `seconds` in adaptive steps and return their number; `t` (s) is the time at the start.

        Raises NumericsError("step_collapsed") with time and cell if one does.
        """
        self.time = self.time if t is None else t
        steps, done_s = advance(
            self.h, self.u, self.v, self.highest, self._booked, self._fastest, self._booked_now, *self._next, self._fx,
            self._fy, self._rows, self._spans, self.z, self.n, self.source, self._rim_z, self._rim_n, self._sides, self._held,
            self._held_rows, float(seconds), self.cell_m, self.courant, self._margin,
        )  # fmt: skip
        if steps < 0 or not np.isfinite(self._fastest).all():
            causes = (self.source, self.z, self.n, self.h, self.u, self.v, *self._next, self.h)
            raise collapse(self.h, self.time + done_s, *causes)
        self.time += seconds
        return int(steps)

    def flow(self) -> tuple[Array, Array]:
        """Return the flow per width at cell centres towards +column and +row, m2/s."""
        return self.h * self.u, self.h * self.v

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        return {name: getattr(self, name).copy() for name in STATE}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` returned."""
        for name in STATE:
            getattr(self, name)[:] = arrays[name]

    def _look_outside(self) -> None:
        """Set the bed just outside each rim: level with the rim, and falling on where the side is open.

        It falls on as steeply as between the two cells at the rim, but no steeper than between the next two, so that a roof
        or a cliff at the rim does not count as a slope.
        """
        beds = []
        for side, z in zip(self._sides, (self.z.T, self.z.T[::-1], self.z, self.z[::-1]), strict=True):
            fall = np.zeros_like(z[0])
            if side == OPEN and len(z) > 2:
                fall = np.maximum(np.minimum(z[1] - z[0], z[2] - z[1]), 0.0)
            beds.append(z[0] - fall)
        self._rim_z, self._rim_n = np.stack(beds[:2]), np.stack(beds[2:])
