"""What people collect who leave on foot from some spots, at each moment from the warning on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evacuation.release.ways import WADE_M, Water, Ways
from twin.grid import Grid

Array = NDArray[np.float64]

#: Weight of being where gas may burn, s-1: far above any dose rate (at most 1 s-1), so that of all ways those with the least time there
#: come first, and of these the one with the least dose.
KINDLED = 1e6


class Leaving:
    """The doses of leaving from some spots (flat cells), at each frame from frame `first` on.

    `rate` (frame, y, x), s-1: the dose rate outdoors, whose integral reaching 1 is AEGL-3; a frame lasts `dt` s. `in_streets`
    (frame, road), s-1: the same in the streets, where the street form followed them. `burns`: where the gas may burn, on the same axes
    as both (None: nowhere). Without roads, or water on them, nobody can leave.
    """

    def __init__(
        self, grid: Grid, rate: Array, dt: float, first: int, walk_m_s: float, ways: Ways | None, water: Water | None,
        in_streets: Array | None, spots: list[int], burns: tuple[NDArray[np.bool_], NDArray[np.bool_] | None] | None = None,
    ) -> None:  # fmt: skip
        self.grid, self._n, self._ways = grid, len(rate), ways
        if burns is not None:
            rate = rate + KINDLED * burns[0]
            in_streets = in_streets if in_streets is None or burns[1] is None else in_streets + KINDLED * burns[1]
        self._found: dict[int, tuple[Array, Array, NDArray[np.int64]]] = {}
        if ways is None or water is None or not spots or first >= self._n:
            return
        near = [ways.nearest(*grid.centre(*divmod(s, grid.nx))) for s in spots]
        points = np.array([point for point, _ in near], dtype=np.int64)
        doses, ends = ways.least_doses(points, rate, grid, dt, water, first, in_streets)
        per, pieces = round(dt / ways.piece_s), doses.shape[1]
        begins = per * np.arange(first, self._n)
        wet = water.depth[:, points][water.frame_at(ways.piece_s * np.arange(pieces, dtype=np.float64))] >= WADE_M
        for k, (spot, (_, away)) in enumerate(zip(spots, near, strict=True)):
            steps = int(np.ceil(away / (walk_m_s * ways.piece_s)))
            here = np.repeat(rate.reshape(self._n, -1)[:, spot], per) * ways.piece_s
            summed = np.append(0.0, np.cumsum(here))
            there = np.minimum(begins + steps, pieces)
            on = np.append(doses[k], 0.0)[there]
            shut = np.append(wet[:, k], False)[there]
            walk, last = np.full(self._n, np.inf), np.zeros(self._n, np.int64)
            walk[first:] = np.where(shut, np.inf, summed[there] - summed[begins] + on)
            last[first:] = ends[k, np.minimum(there, pieces - 1)]
            in_gas = np.where(np.isfinite(walk), np.floor(walk / (KINDLED * ways.piece_s) + 1e-9), 0.0)
            self._found[spot] = walk, ways.piece_s * in_gas, last

    def of(self, spot: int, frame: int) -> tuple[Array, Array, tuple[float, float]]:
        """Return the dose of leaving a spot at each frame, the time on that way where gas may burn, s, and where it ends from `frame`.

        The dose is infinite where there is no way, and far above any that harms where the way leads through gas that may burn.
        """
        if spot not in self._found or self._ways is None:
            return np.full(self._n, np.inf), np.zeros(self._n), (np.nan, np.nan)
        walk, in_gas, last = self._found[spot]
        end = last[frame]
        place = float(self._ways.x[end]), float(self._ways.y[end])
        return walk, in_gas, place if np.isfinite(walk[frame]) else (np.nan, np.nan)

    def way_out(self, spot: int, frame: int) -> dict[str, float]:
        """Return where the way out of a spot leads that begins at a frame, how far, and how long through gas that may burn."""
        walk, in_gas, to = self.of(spot, frame)
        here, known = self.grid.centre(*divmod(spot, self.grid.nx)), bool(np.isfinite(walk[frame]))
        return {
            "walk_deg": _bearing(to[0] - here[0], to[1] - here[1]),
            "walk_m": float(np.hypot(to[0] - here[0], to[1] - here[1])),
            "in_gas_s": float(in_gas[frame]) if known else np.nan,
            "way_clear": known and not in_gas[frame] > 0.0,
            "off_grid": _at_rim(self.grid, *to),
        }


def _bearing(east: float, north: float) -> float:
    """Return a direction, degrees clockwise from north to the next five; NaN for NaN."""
    return float(np.round(np.rad2deg(np.arctan2(east, north)) / 5.0) * 5.0 % 360.0)


def _at_rim(grid: Grid, x: float, y: float) -> bool:
    """Return whether a point lies on the outermost cells of the grid."""
    if np.isnan(x):
        return False
    row, col, _ = grid.cells([x], [y])
    return bool(row[0] in (0, grid.ny - 1) or col[0] in (0, grid.nx - 1))
