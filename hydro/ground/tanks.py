"""Storage tanks that a measure puts on the ground: each takes the water of its cells until it is full."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.city import City
from twin.hazard import Action


class Tanks:
    """What the tanks of a run hold.

    An action of kind `tank` at a place takes all water standing on the open cells within one cell of the place, up to
    `volume_m3`; two actions at one place are one tank of the larger volume. `before` is a `record()` of an earlier run.
    """

    def __init__(
        self, city: City, open_ground: NDArray[np.bool_], before: Mapping[str, NDArray[np.generic]] | None = None
    ) -> None:
        self._city, self._open = city, open_ground
        self._cells: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self.held: dict[str, float] = {}
        if before and "tank_places" in before:
            self.held = dict(zip(before["tank_places"].tolist(), before["tank_held"].tolist(), strict=True))
        self.taken_m3 = 0.0

    def fill(self, t: float, h: NDArray[np.floating], actions: tuple[Action, ...]) -> None:
        """Take water out of `h` (m, (ny, nx), changed in place); book what it really lost."""
        area = self._city.grid.cell_area_m2
        for action in actions:
            if action.kind != "tank" or not action.active(t):
                continue
            at = self._cells_of(action.place)
            depth = h[at].astype(np.float64)
            room = action.values["volume_m3"] - self.held.get(action.place, 0.0)
            standing = float(depth.sum()) * area
            if standing <= 0.0 or room <= 0.0:
                continue
            h[at] = depth * (1.0 - min(1.0, room / standing))
            taken = float((depth - h[at]).sum()) * area
            self.held[action.place] = self.held.get(action.place, 0.0) + taken
            self.taken_m3 += taken

    def record(self) -> dict[str, NDArray[np.generic]]:
        """Return what each tank holds, for a run that goes on from here."""
        places = sorted(self.held)
        return {
            "tank_places": np.array(places, dtype=np.str_),
            "tank_held": np.array([self.held[p] for p in places], dtype=float),
        }

    def _cells_of(self, place: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if place not in self._cells:
            grid = self._city.grid
            around = self._city.place(place).buffer(grid.cell_m)
            xx, yy = np.meshgrid(grid.x, grid.y)
            row, col = np.nonzero(shapely.contains_xy(around, xx, yy) & self._open)
            self._cells[place] = row.astype(np.int64), col.astype(np.int64)
        return self._cells[place]
