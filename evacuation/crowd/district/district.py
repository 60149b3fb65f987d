"""People of a district as a density on a grid, who walk the quickest way out and become single people where it is dense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.kernels.continuum import FREE_M_S, JAM_M2, spread, walking_flow
from evacuation.crowd.kernels.eikonal import FAR, downhill, sweep
from twin.errors import NumericsError

#: The density falls to single people from here on, and back below, persons/m2.
SINGLE_FROM, SINGLE_TO = 3.0, 2.0

#: Ways are found again so often, s; rounds of sweeps at most; slowest pace that a way reckons with, share of free speed.
LOOK_S, ROUNDS, SLOWEST = 5.0, 500, 0.1


class District:
    """A density (ny, nx), persons/m2, on square cells of `cell_m`, that flows to the cells `leave`.

    `wall` (ny, nx) bars it. `left` is how many have left, `owed` (ny, nx) how many people stand in cells of single people and are not
    whole yet. Persons are kept to rounding: density, `owed`, `left` and those taken out by `people` make what was put in.
    """

    def __init__(
        self, cell_m: float, wall: NDArray[np.bool_], leave: NDArray[np.bool_], density: NDArray[np.float64]
    ) -> None:
        self.cell_m, self.wall, self.leave = cell_m, wall, leave & ~wall
        self.density = np.where(wall, 0.0, density).astype(np.float64)
        self.single = np.zeros(wall.shape, dtype=bool)
        self.owed = np.zeros(wall.shape)
        self.left, self.taken, self.given = 0.0, 0, 0
        ny, nx = wall.shape
        self._flow_x, self._flow_w = np.zeros((ny, nx + 1)), np.zeros((ny + 1, nx))
        self._x, self._w = np.zeros(wall.shape, np.float32), np.zeros(wall.shape, np.float32)
        self._next_look = 0.0
        self.t = 0.0

    @property
    def persons(self) -> float:
        """How many people the density holds, those owed included."""
        return float(self.density.sum() * self.cell_m**2 + self.owed.sum())

    @property
    def step_s(self) -> float:
        """The longest stable step, s."""
        return self.cell_m / (2.0 * FREE_M_S)

    def step(self) -> None:
        """Move everybody by one step; who reaches a cell to leave has left, who reaches a cell of single people is owed there."""
        if self.t >= self._next_look:
            self._look()
        spread(self.density, self._flow_x, self._flow_w, self._x, self._w, self.wall, self.cell_m, self.step_s)
        area = self.cell_m**2
        self.left += float(self.density[self.leave].sum() * area)
        self.density[self.leave] = 0.0
        self.owed[self.single] += self.density[self.single] * area
        self.density[self.single] = 0.0
        self.t += self.step_s

    def _look(self) -> None:
        """Find the quickest ways through the crowd as it is."""
        rho = np.maximum(self.density, 0.05)
        pace = np.maximum([walking_flow(r) for r in _LEVELS], 0.0) / _LEVELS / FREE_M_S
        slowness = 1.0 / np.maximum(np.interp(rho, _LEVELS, pace), SLOWEST)
        cost = np.where(self.leave, 0.0, FAR)
        none = np.zeros(self.wall.shape)
        if sweep(cost, slowness, self.wall, none, none, self.cell_m, 1e-3, ROUNDS) < 0:
            raise NumericsError("venue_maze", venue="district")
        downhill(self._x, self._w, cost, self.wall)
        self._next_look = self.t + LOOK_S

    def dense(self) -> NDArray[np.bool_]:
        """Return the cells that should hold single people: from SINGLE_FROM on, with all joined to them above SINGLE_TO."""
        rooms, count = ndimage.label(self.density >= SINGLE_TO)
        if not count:
            return np.zeros(self.wall.shape, dtype=bool)
        top = ndimage.maximum(self.density, rooms, index=np.arange(count + 1))
        return np.asarray((rooms > 0) & (np.asarray(top)[rooms] >= SINGLE_FROM))

    def hand_over(self, cells: NDArray[np.bool_]) -> None:
        """Turn cells into cells of single people: what they hold is owed there."""
        self.single |= cells & ~self.wall
        self.owed[self.single] += self.density[self.single] * self.cell_m**2
        self.density[self.single] = 0.0

    def people(self, room: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take whole people out of what is owed, at most `room` (ny, nx) in each cell; return how many in each."""
        whole = np.minimum(np.floor(self.owed + 1e-9).astype(np.int64), room)
        self.owed -= whole
        self.taken += int(whole.sum())
        return whole

    def take_back(self, count: NDArray[np.int64]) -> None:
        """Put single people who have walked out of their cells (ny, nx counts) back into the density."""
        self.density += count / self.cell_m**2
        self.given += int(count.sum())


#: Densities at which the pace is tabled.
_LEVELS = np.linspace(0.05, JAM_M2 - 1e-6, 200)
