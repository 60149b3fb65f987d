"""The subgrid scheme on its fine grid: a `Water` like the others, so drains, soil and works need no coarse cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hydro.kernels.subgrid_view import changes, share_flow, spread
from hydro.schemes.subgrid import Subgrid, Tables
from hydro.schemes.water import Array

#: Names of the coarse arrays in a state are those of `Subgrid.arrays` behind this.
COARSE = "coarse_"


#: Rain lies where it fell for this long at most, s: the longest exchange step of the flood. What comes faster than the
#: heaviest minute of rain on record (38 mm, Guadeloupe 1970; WMO) is an inflow and finds its level at once.
RAIN_LIES_S, MOST_RAIN_M_S = 60.0, 0.038 / 60.0


class SubgridView:
    """Water on cells `factor` times coarser than the bed `z` (ny, nx); all that is given and returned is on the fine grid.

    `depth` makes the depths, when it is asked, from the level of each coarse cell and its fine beds. The rain of the last
    `advance` still lies where it fell, so that the soil can take it there: levelled at once it would leave high ground dry.
    What is changed in the depths from outside goes into the coarse water before the next step, volume for volume: what the
    coarse depth loses by rounding is kept in `_rest` (m3, float64) and added later. In a coarse cell that is held, all
    ground below the level is under water and all other ground is dry; that water is not booked.
    """

    name: ClassVar[str] = Subgrid.name

    def __init__(
        self,
        z: ArrayLike,
        n: ArrayLike,
        cell_m: float,
        *,
        factor: int = 4,
        dtype: DTypeLike = "float32",
        courant: float | None = None,
        tables: Tables | None = None,
    ) -> None:
        self.dtype, self.cell_m = np.dtype(dtype), float(cell_m)
        self._coarse = Subgrid(z, n, cell_m, factor=factor, dtype=self.dtype.name, courant=courant, tables=tables)
        self.n, self.z = self._coarse.n, self._coarse.z
        self._blocked = self._coarse.blocked
        self._bed = self._fine_bed()
        self._h, self.source, self._given = (np.zeros(self.z.shape, self.dtype) for _ in range(3))
        shape = self._coarse.h.shape
        self._change, self._rest, self._held = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.bool_)
        self._sums = np.zeros((shape[0], self.z.shape[1]))
        self._rows = np.zeros((shape[0], 3, self.z.shape[1]), self.dtype)
        self._open_cells = np.rint(self._coarse.open_m2 / self.cell_m**2).astype(np.int64)
        self._swallows = np.zeros(shape, np.bool_)
        self._levels: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None = None
        self._handed = np.zeros(3)
        self._rain, self._lies = self.source, np.zeros(shape, self.dtype)  # what of the source lies where it fell, m/s
        self._rain_lies_s: float | None = None  # `_h` is yet to be made, with so many seconds of rain where it fell

    def depth(self) -> Array:
        """Return the depth now on the fine grid, m; see the class for what may be changed in it."""
        if self._rain_lies_s is not None:
            self._spread(self._h, self._coarse.h, self._rain_lies_s)
            self._given[:] = self._h
            self._rain_lies_s = None
        return self._h

    def highest_depth(self) -> Array:
        """Return the highest depth of any step, m: the highest level of each coarse cell over the bed as it is now."""
        fine = np.empty_like(self._h)
        self._spread(fine, self._coarse.highest, 0.0)
        return np.maximum(fine, self.depth())

    @property
    def booked(self) -> dict[str, float]:
        """m3 since the start that held cells took and gave, and that left over the rim (swallowing cells too)."""
        handed = self._handed + self._handed_to_held(self._changed())
        names = ("into_held", "out_of_held", "over_rim")
        return {name: self._coarse.booked[name] + float(more) for name, more in zip(names, handed, strict=True)}

    def volume(self) -> float:
        """Return the water on the ground outside held cells, m3, float64 and in a fixed order."""
        return self._coarse.volume() + float(np.where(self._held, 0.0, self._rest + self._changed()).sum())

    def feed(self, source: ArrayLike) -> None:
        """Set the water added from now on, m/s per fine cell; blocked cells take none."""
        self.depth()  # the rain of the last `advance` lies in it: it is made before that rain is replaced
        self.source[:] = np.where(self._blocked, 0.0, source)
        self._coarse.source[:] = self._lies = self._coarse.coarse_source(self.source)
        self._rain = self.source
        if self.source.max() > MOST_RAIN_M_S:
            self._rain = np.where(self.source > MOST_RAIN_M_S, 0.0, self.source).astype(self.dtype)
            self._lies = self._coarse.coarse_source(self._rain)
        self._lies = self._lies.astype(self.dtype)

    def fill(self, depth: ArrayLike) -> None:
        """Put water on the ground, m; not booked. It finds one level within each coarse cell."""
        self.depth()[:] = np.where(self._blocked, 0.0, depth)
        self._take_up()
        self._coarse.highest[:] = np.maximum(self._coarse.highest, self._coarse.h)
        self._rain_lies_s = 0.0

    def hold(self, row: ArrayLike, col: ArrayLike, level: ArrayLike) -> None:
        """Let the coarse cells that contain these fine cells keep `level` (m); of several levels the highest wins.

        A level of -inf swallows what reaches the cell and is booked as over the rim, other levels as into and out of held cells.
        """
        rows, cols = np.atleast_1d(np.asarray(row, np.int64)), np.atleast_1d(np.asarray(col, np.int64))
        levels = np.broadcast_to(np.asarray(level, np.float64), rows.shape)
        self._levels = rows, cols, levels
        cells = rows // self._coarse.factor, cols // self._coarse.factor
        highest = np.full(self._held.shape, -np.inf)
        np.maximum.at(highest, cells, levels)
        before = self._held.copy()
        self._held[cells] = self._coarse.open_m2[cells] > 0
        self._swallows = self._held & np.isneginf(highest)
        fresh = self._held & ~before
        self._handed += self._handed_to_held(np.where(fresh, self._rest, 0.0))
        self._rest[fresh] = 0.0
        at = np.nonzero(self._held)
        self._coarse.hold(at[0], at[1], highest[at])

    def open(self, side: str) -> None:
        """Let water leave freely over one side of the raster; it is booked as `over_rim`."""
        self._coarse.open(side)

    def set_bed(self, z: ArrayLike) -> None:
        """Change the bed; depths are kept, so no water is made (held cells keep their level)."""
        self._coarse.set_bed(z)
        self.z, self._bed = self._coarse.z, self._fine_bed()
        if self._levels is not None:
            self.hold(*self._levels)

    def wake(self, row: ArrayLike | None = None, col: ArrayLike | None = None) -> None:
        """Tell the scheme that the depths were changed from outside: it looks at every cell, so nothing is to do."""

    def advance(self, seconds: float, t: float | None = None) -> int:
        """Advance by `seconds` in adaptive steps and return their number; `t` (s) is the time at the start.

        Raises NumericsError with the time and the coarse cell when the step collapses.
        """
        self._take_up()
        steps = self._coarse.advance(seconds, t)
        self._rain_lies_s = min(seconds, RAIN_LIES_S)
        return steps

    def flow(self) -> tuple[Array, Array]:
        """Return the flow per width towards +column and +row, m2/s: that of coarse cells, shared as their fine cells convey.

        See `hydro.kernels.subgrid_view.share_flow`.
        """
        qx, qy, carried = (np.empty_like(self._h) for _ in range(3))
        share_flow(qx, qy, carried, *self._coarse.flow(), self.depth(), self._coarse.factor)
        return qx, qy

    def carried(self) -> NDArray[np.float64]:
        """Return the discharge between coarse cells now, m3/s: all, and held at the limit of its speed (`Subgrid.carried`)."""
        return self._coarse.carried()

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        fine = {"h": self.depth().copy(), "given": self._given.copy(), "rest": self._rest.copy()}
        return fine | {COARSE + name: array for name, array in self._coarse.arrays().items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` returned; `booked` begins anew."""
        self._h[:], self._given[:], self._rest[:] = arrays["h"], arrays["given"], arrays["rest"]
        self._rain_lies_s = None
        coarse = {name: arrays[COARSE + name] for name in self._coarse.arrays()}
        self._coarse.restore(coarse | {"booked": np.zeros(3)})
        self._handed[:] = 0.0
        ny, nx = self._h.shape
        held = np.repeat(np.repeat(self._held, self._coarse.factor, axis=0), self._coarse.factor, axis=1)[:ny, :nx]
        self._given[held] = self._h[held]  # what was changed there is booked already

    def _changed(self) -> Array:
        """Return the volumes by which the depths were changed from outside, m3 per coarse cell."""
        if self._rain_lies_s is None:
            changes(self._change, self._sums, self._h, self._given, self._coarse.factor)
        else:  # nobody has seen the depths
            self._change[:] = 0.0
        return self._change * self.cell_m**2

    def _take_up(self) -> None:
        """Put what was changed from outside into the coarse water; held cells only book it. New fine depths must follow."""
        change = self._changed()
        if not change.any():
            return
        self._handed += self._handed_to_held(change)
        water, area = self._coarse.h, self._coarse.open_m2
        free = ~self._held & (area > 0)
        whole = np.where(free, water.astype(np.float64) * area + self._rest + change, 0.0)
        np.divide(np.maximum(whole, 0.0), area, out=water, where=free, casting="same_kind")
        self._rest[:] = np.where(free, whole - water.astype(np.float64) * area, 0.0)
        if (change > 0.0).any():
            self._coarse.look_for_deepest()

    def _handed_to_held(self, change: Array) -> Array:
        """Return how a change from outside is booked at held cells: m3 into them, out of them and over the rim."""
        held, swallowed = np.where(self._held & ~self._swallows, change, 0.0), np.where(self._swallows, change, 0.0)
        return np.array([np.maximum(held, 0.0).sum(), np.maximum(-held, 0.0).sum(), swallowed.sum()])

    def _spread(self, fine: Array, coarse: Array, seconds: float) -> None:
        water = self._coarse
        spread(
            fine, self._rows, coarse, *water.tables, self._open_cells, self._bed, self._rain, self._lies, seconds,
            water.factor,
        )  # fmt: skip

    def _fine_bed(self) -> Array:
        return np.where(self._blocked, np.inf, self.z - self._coarse.datum).astype(self.dtype)
