"""What people collect who leave on foot from some spots, at each moment from the warning on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evacuation.release.ways import WADE_M, Water, Ways
from twin.grid import Grid

Array = NDArray[np.float64]


class Leaving:
    """The doses of leaving from some spots (flat cells), at each frame from frame `first` on.

    `rate` (frame, y, x), s-1: the dose rate outdoors, whose integral reaching 1 is AEGL-3; a frame lasts `dt` s. `in_streets`
    (frame, road), s-1: the same in the streets, where the street form followed them. Without roads, or
    water on them, nobody can leave.
    """

    def __init__(
        self, grid: Grid, rate: Array, dt: float, first: int, walk_m_s: float, ways: Ways | None, water: Water | None,
        in_streets: Array | None, spots: list[int],
    ) -> None:  # fmt: skip
        self.grid, self._n, self._ways = grid, len(rate), ways
        self._found: dict[int, tuple[Array, NDArray[np.int64]]] = {}
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
            self._found[spot] = walk, last

    def of(self, spot: int, frame: int) -> tuple[Array, tuple[float, float]]:
        """Return the dose of leaving a spot at each frame, infinite where there is no way, and where the way from `frame` ends."""
        if spot not in self._found or self._ways is None:
            return np.full(self._n, np.inf), (np.nan, np.nan)
        walk, last = self._found[spot]
        end = last[frame]
        place = float(self._ways.x[end]), float(self._ways.y[end])
        return walk, place if np.isfinite(walk[frame]) else (np.nan, np.nan)
