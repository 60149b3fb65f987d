"""The variational adjustment: the nearest wind to a first guess that neither makes nor loses air (Sherman 1978, Roeckle 1990)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels.poisson import along, eliminate, product, prolong, relax, restrict, rows_dot
from twin.errors import NumericsError
from twin.jit import start_threads

Array = NDArray[np.float64]

#: Net flow out of any cell over the flow of the reference speed through its largest face, at most.
CLOSED = 1e-6
MOST_ROUNDS = 200
COARSEST_SWEEPS = 4


@dataclass
class Level:
    """One grid of the multigrid: conductances of faces, the factors of columns, and room for what is sought, its right side and
    products."""

    tx: Array
    ty: Array
    tz: Array
    over: Array
    above: Array
    p: Array
    r: Array

    @classmethod
    def of(cls, tx: Array, ty: Array, tz: Array) -> Level:
        """Return the level of the conductances tx (nz, ny, nx + 1), ty (nz, ny + 1, nx), tz (nz + 1, ny, nx)."""
        over = np.empty((len(tx), tx.shape[1], ty.shape[2]))
        above = np.empty_like(over)
        eliminate(over, above, tx, ty, tz)
        room = tuple(n + 2 for n in over.shape)
        return cls(tx, ty, tz, over, above, np.zeros(room), np.zeros(room))

    def coarser(self) -> Level:
        """Return the level of twice the spacing."""

        def pairs(t: Array, axis: int) -> Array:
            return np.asarray(np.add.reduceat(t, np.arange(0, t.shape[axis], 2), axis=axis))

        def every_second(t: Array, axis: int) -> Array:
            last = t.shape[axis] - 1
            return 0.5 * np.take(t, sorted({*range(0, last, 2), last}), axis=axis)

        x, y = every_second(pairs(self.tx, 1), 2), every_second(pairs(self.ty, 2), 1)
        return Level.of(x, y, pairs(pairs(self.tz, 1), 2))


def levels(tx: Array, ty: Array, tz: Array) -> list[Level]:
    """Return the grids from the finest to the coarsest, two columns wide."""
    grids = [Level.of(tx, ty, tz)]
    while min(grids[-1].over.shape[1:]) > 2:
        grids.append(grids[-1].coarser())
    return grids


def cycle(grids: list[Level], n: int = 0) -> None:
    """Improve p of level n by one V-cycle; red then black going down, black then red coming up, so that it is symmetric."""
    g = grids[n]
    sweeps = 1 if n + 1 < len(grids) else COARSEST_SWEEPS
    for _ in range(sweeps):
        relax(g.p, g.r, g.tx, g.ty, g.tz, g.over, g.above, 0)
        relax(g.p, g.r, g.tx, g.ty, g.tz, g.over, g.above, 1)
    if n + 1 < len(grids):
        low = grids[n + 1]
        restrict(low.r, low.p, g.r, g.p, g.tx, g.ty, g.tz)
        cycle(grids, n + 1)
        prolong(g.p, low.p)
    for _ in range(sweeps):
        relax(g.p, g.r, g.tx, g.ty, g.tz, g.over, g.above, 1)
        relax(g.p, g.r, g.tx, g.ty, g.tz, g.over, g.above, 0)


class Poisson:
    """The equation of the multiplier for fixed conductances of faces (area / distance, m; 0 for a wall): solved again and again.

    `p` (nz + 2, ny + 2, nx + 2) is the last answer, `rest` what it leaves of the right side.
    """

    def __init__(self, open_to: tuple[Array, Array, Array]) -> None:
        start_threads()
        self.open_to, self.grids = open_to, levels(*open_to)
        self.p, self.rest, self._search, self._image = (np.zeros_like(self.grids[0].p) for _ in range(4))
        self._rows = np.zeros(self.rest.shape[:2])

    def _dot(self, a: Array, b: Array) -> float:
        rows_dot(self._rows, a, b)
        return float(self._rows.sum())

    def solve(self, least: float, most: int = MOST_ROUNDS) -> int:
        """Seek p for the right side that stands in `rest`, until no cell is left with `least`, in at most `most` rounds; return them."""
        top, rounds, before = self.grids[0], 0, 1.0
        self.p[...] = 0.0
        while rounds < most and np.abs(self.rest).max() > least:
            top.r[...] = self.rest
            top.p[...] = 0.0
            cycle(self.grids)
            now = self._dot(self.rest, top.p)
            along(self._search, 1.0, top.p, now / before if rounds else 0.0)
            product(self._image, self._search, *self.open_to)
            step = now / self._dot(self._search, self._image)
            along(self.p, step, self._search, 1.0)
            along(self.rest, -step, self._image, 1.0)
            before, rounds = now, rounds + 1
        return rounds


def balanced(flow: tuple[Array, Array, Array], open_to: tuple[Array, Array, Array], least: float) -> int:
    """Change `flow` (m3 s-1 through the faces across x, y and z) in place until no cell gains or loses `least`; return the rounds taken.

    `open_to` are the conductances of the faces (area / distance, m), 0 for a wall.
    """
    poisson, (fx, fy, fz) = Poisson(open_to), flow
    poisson.rest[1:-1, 1:-1, 1:-1] = -(np.diff(fx, axis=2) + np.diff(fy, axis=1) + np.diff(fz, axis=0))
    rounds = poisson.solve(least)
    if (rest := float(np.abs(poisson.rest).max())) > least:
        raise NumericsError("building_wind_rounds", found=rounds, rest=rest, expected=least)
    p = poisson.p
    fx -= open_to[0] * np.diff(p[1:-1, 1:-1, :], axis=2)
    fy -= open_to[1] * np.diff(p[1:-1, :, 1:-1], axis=1)
    fz -= open_to[2] * np.diff(p[:, 1:-1, 1:-1], axis=0)
    return rounds
