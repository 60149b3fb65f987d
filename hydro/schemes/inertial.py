"""The local-inertial scheme as water on arrays: no city, no files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numba
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hydro.kernels import inertial as kernels
from hydro.kernels.ground import limited
from hydro.schemes.boundaries import SIDES
from hydro.schemes.water import Array
from twin.errors import NumericsError
from twin.jit import start_threads

#: Rounding margin of the outflow limit: a cell never gives its last rounding error.
MARGIN = {"float32": 2e-6, "float64": 1e-12}

#: Below the first Froude number the momentum that flow carries, h v^2, is under 2 % of its pressure, g h^2 / 2: still water
#: for any scheme. From the second part of its limit on (Froude 1) a flow counts as held.
STILL_FROUDE, HELD_FROUDE = 0.1, 0.95


def collapse(h: Array, at_s: float, *causes: Array) -> NumericsError:
    """Return the error of a step that collapsed `at_s` seconds after the start.

    It names one cell: the first without a finite number, in the first of `causes` that has such a cell. If all numbers are
    finite, it is the cell where the last of `causes` (the depth) is largest, and if that is zero everywhere, the cell where
    the first of them (the source) is largest.
    """
    largest = causes[-1] if (causes[-1] > 0).any() else causes[0]
    broken = next((mask for cause in causes if (mask := ~np.isfinite(cause)).any()), largest)
    row, col = (int(k) for k in np.unravel_index(int(np.argmax(broken)), h.shape))
    depth = float(h[row, col])
    return NumericsError("step_collapsed", time=f"{at_s:g} s", at_s=at_s, row=row, col=col, depth=depth)


STAGGER = 9  # cache lines between two arrays of a block


def one_block(dtype: DTypeLike, *shapes: tuple[int, ...]) -> list[Array]:
    """Return arrays of zeros in one block of memory; each begins with a cache line.

    numpy asks the system for huge pages for blocks from 4 MiB on. In pages of 4 KiB each row of each array lies in a page
    of its own, and looking up their addresses slows a step of a million cells. Between arrays lie STAGGER lines: cells of
    one index at the same place of every page would drive each other out of the first-level cache.
    """
    line = 64 // np.dtype(dtype).itemsize
    sizes = [(-(-int(np.prod(shape)) // line) + STAGGER) * line for shape in shapes]
    block = np.zeros(sum(sizes) + line, dtype)
    at = (-block.ctypes.data % 64) // block.itemsize + np.cumsum([0, *sizes])
    return [block[a : a + int(np.prod(shape))].reshape(shape) for a, shape in zip(at, shapes, strict=False)]


class Inertial:
    """Water on a bed (ny, nx) that moves by the local-inertial equations; see `hydro.kernels.inertial`.

    `z` bed (m) and `n` Manning's n (s m-1/3, > 0); `h` depth, `highest` the highest depth (looked at every few steps),
    `source` the water added each step (m/s, >= 0; assign with `feed`). `booked` holds m3 since the start. Valid for
    shallow, mostly subcritical flow and thin sheets on slopes: deep flow is held at Froude 1.
    """

    name: ClassVar[str] = "inertial"
    courant: ClassVar[float] = 0.64  # stable up to 0.671 (`hydro.kernels.inertial.advance`)

    def __init__(
        self, z: ArrayLike, n: ArrayLike, cell_m: float, *, dtype: DTypeLike = "float32", courant: float | None = None
    ) -> None:
        start_threads()
        bed = np.asarray(z, dtype=np.float64)
        self.dtype, self.cell_m = np.dtype(dtype), float(cell_m)
        self.courant_used = self.courant if courant is None else courant
        self._datum = float(np.floor(bed.min()))  # beds near zero keep float32 slopes exact on high plains
        ny, nx = bed.shape
        cells = [(ny, nx)] * 5
        self.z, self.n, self.h, self.highest, self.source, self._qx, self._qy = one_block(
            self.dtype, *cells, (ny, nx + 1), (ny + 1, nx)
        )
        self.n[:] = n
        self._rim, self._past, self._rows = np.zeros(ny), np.zeros(3), np.zeros((ny, 2))
        self._wet = np.zeros((ny, 2), np.int64)
        self._fed = np.zeros((ny + 1, 2), np.int64)
        self._fed[ny, 1] = nx
        self._lo, self._hi = np.zeros(ny, np.int64), np.zeros(ny, np.int64)
        self._deepest, self._peak_source = np.zeros(3), 0.0
        self._sides = np.zeros(4, np.uint8)
        self._most = numba.get_num_threads()
        self._scratch = np.ones((self._most, 8, nx + 2), self.dtype)
        self._borders = np.zeros((self._most + 1, 3, nx + 2), self.dtype)
        none = np.zeros(0, np.int64)
        self._levels = np.zeros(0)
        self._held = (np.zeros(ny + 1, np.int64), none, np.zeros(0, self.dtype), np.zeros((0, 2)))
        self.set_bed(bed)

    def set_bed(self, z: ArrayLike) -> None:
        """Change the bed; depths are kept, so no water is made (held cells keep their level)."""
        self.z[:] = np.asarray(z, dtype=np.float64) - self._datum
        start, cols, _, _ = self._held
        self.hold(np.repeat(np.arange(self.h.shape[0]), np.diff(start)), cols, self._levels)

    def hold(self, row: ArrayLike, col: ArrayLike, level: ArrayLike) -> None:
        """Let these cells keep `level` (m). A level of -inf swallows what reaches the cell, as an open rim does.

        What cells with a level take and give is booked as into and out of held cells, what is swallowed as over the rim.
        """
        rows, cols = np.asarray(row, np.int64), np.asarray(col, np.int64)
        order = np.lexsort((cols, rows))
        rows, cols = rows[order], cols[order]
        levels = np.broadcast_to(np.asarray(level, np.float64), rows.shape)[order]
        self._past = self._booked_m()
        depth = np.maximum(levels - self._datum - self.z[rows, cols], 0.0).astype(self.dtype)
        start = np.searchsorted(rows, np.arange(self.h.shape[0] + 1)).astype(np.int64)
        self._held, self._levels = (start, cols, depth, np.zeros((len(rows), 2))), levels
        self.h[rows, cols] = depth
        self.wake(rows, cols)

    def open(self, side: str) -> None:
        """Let water leave freely over one side of the raster; it is booked as `over_rim`."""
        self._sides[SIDES.index(side)] = 1

    def feed(self, source: ArrayLike) -> None:
        """Set the water added from now on, m/s per cell."""
        self.source[:] = source
        fed = self.source != 0  # true for what is no number, so that it meets the check of the water
        some = fed.any(axis=1)
        self._fed[:-1, 0] = np.where(some, fed.argmax(axis=1), 0)
        self._fed[:-1, 1] = np.where(some, fed.shape[1] - fed[:, ::-1].argmax(axis=1), 0)
        self._peak_source = float(self.source.max(initial=0.0))

    def wake(self, row: ArrayLike | None = None, col: ArrayLike | None = None) -> None:
        """Tell the scheme that `h` was changed from outside: in these cells, or anywhere."""
        if row is None or col is None:
            self._wet[:] = (0, self.h.shape[1])
            deepest = float(self.h.max(initial=0.0))
        else:
            rows, cols = np.asarray(row, np.int64), np.asarray(col, np.int64)
            empty = self._wet[:, 0] >= self._wet[:, 1]
            self._wet[empty] = (self.h.shape[1], 0)
            np.minimum.at(self._wet[:, 0], rows, cols)
            np.maximum.at(self._wet[:, 1], rows, cols + 1)
            deepest = float(self.h[rows, cols].max(initial=0.0))
        self._deepest[0] = np.maximum(self._deepest[0], deepest)  # of what is no number, too: the next step collapses

    def fill(self, depth: ArrayLike) -> None:
        """Put water on the ground, m; not booked."""
        self.h[:] = depth
        self.highest[:] = np.maximum(self.highest, self.h)
        self.wake()

    def depth(self) -> Array:
        """Return the depth now, m: `h`."""
        return self.h

    def highest_depth(self) -> Array:
        """Return the highest depth since the start, m: `highest`."""
        return self.highest

    def volume(self) -> float:
        """Return the water on the ground outside held cells, m3, float64 and in a fixed order."""
        start, cols, _, _ = self._held
        rows = np.repeat(np.arange(self.h.shape[0]), np.diff(start))
        held = float(self.h[rows, cols].sum(dtype=np.float64))
        return (float(self.h.sum(dtype=np.float64)) - held) * self.cell_m**2

    def advance(self, seconds: float, t: float = 0.0) -> int:
        """Advance by `seconds` in adaptive steps and return their number.

        Raises NumericsError with the time (`t` s at the start) and the cell when the step collapses.
        """
        steps, done_s = kernels.advance(
            self.h, self._qx, self._qy, self.highest, self._rim, self._wet, self._lo, self._hi, self._scratch,
            self._borders, self.z, self.n, self.source, self._fed, self._held, self._sides, self._deepest,
            self._peak_source, seconds, self.cell_m, self.courant_used, MARGIN[self.dtype.name],
            min(self._most, numba.get_num_threads()),
        )  # fmt: skip
        if steps < 0:
            raise collapse(self.h, t + done_s, self.source, self.z, self.n, self.h)
        return int(steps)

    def flow(self) -> tuple[Array, Array]:
        """Return the flow per width at cell centres towards +column and +row, m2/s."""
        qx, qy = np.empty_like(self.h), np.empty_like(self.h)
        kernels.centre_flow(qx, qy, self._qx, self._qy)
        return qx, qy

    def fast_share(self) -> float:
        """Return which part of the moving water's volume is held at the limit of its flow, 0..1: faster is not solved.

        Moving is what is above STILL_FROUDE, however thin; held is what runs at HELD_FROUDE of the limit: Froude 1, or more on
        thin sheets (`hydro.kernels.floats.DROP`).
        """
        limited(self._rows, self.h, self.z, self._qx, self._qy, STILL_FROUDE, HELD_FROUDE)
        moving, held = self._rows.sum(axis=0)
        return float(held / moving) if moving > 0.0 else 0.0

    @property
    def booked(self) -> dict[str, float]:
        """m3 since the start that cells with a held level took and gave, and that left over the rim; summed in a fixed order."""
        into, out, rim = self._booked_m() * self.cell_m**2
        over = rim + float(self._rim.sum()) * self.cell_m**2
        return {"into_held": float(into), "out_of_held": float(out), "over_rim": float(over)}

    def _booked_m(self) -> NDArray[np.float64]:
        """Return what held cells took, gave and swallowed, in metres of a cell."""
        swallow = np.isneginf(self._levels)
        took, gave = self._held[3][:, 0], self._held[3][:, 1]
        return np.asarray(self._past + np.array([took[~swallow].sum(), gave.sum(), took[swallow].sum()]))

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        return {
            "h": self.h.copy(), "highest": self.highest.copy(), "qx": self._qx.copy(), "qy": self._qy.copy(),
            "deepest": self._deepest.copy(),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` returned."""
        for mine, name in ((self.h, "h"), (self.highest, "highest"), (self._qx, "qx"), (self._qy, "qy")):
            mine[:] = arrays[name]
        self._wet[:] = (0, self.h.shape[1])
        self._deepest[:] = arrays["deepest"]
