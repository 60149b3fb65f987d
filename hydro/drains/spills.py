"""Overflow of storage units and dividers onto the street: the engine lets water out there and takes none in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydro.drains.swmm import Engine

Array = NDArray[np.float64]


class Spills:
    """Nodes `ids` whose overflow comes up on the cells `row`, `col`; `volume` (m3, each) is what came up so far."""

    def __init__(self, ids: Sequence[str], row: NDArray[np.int64], col: NDArray[np.int64], cell_area_m2: float) -> None:
        self.ids, self.row, self.col, self._cell_area = list(ids), row, col, cell_area_m2
        self.volume = np.zeros(len(self.ids))
        self._before = np.zeros(len(self.ids))

    def begin(self, engine: Engine) -> None:
        """Count from here: what the engine let out before, while it repeated an earlier run, lies on the street already."""
        self._before = engine.flooded(self.ids)

    def give(self, engine: Engine, h: NDArray[np.floating]) -> None:
        """Put what the engine let out since the last call onto the surface `h` (m, changed in place)."""
        flooded = engine.flooded(self.ids)
        for k in np.flatnonzero(flooded > self._before):
            cell = self.row[k], self.col[k]
            depth = float(h[cell])
            h[cell] = depth + (flooded[k] - self._before[k]) / self._cell_area
            self.volume[k] += (float(h[cell]) - depth) * self._cell_area  # after rounding to the surface's own type
        self._before = flooded
