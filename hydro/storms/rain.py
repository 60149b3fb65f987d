"""Rain on cells and roofs, and other forcing in time: a value holds over [t_k, t_k+1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from twin.city import City
from twin.clock import Clock
from twin.hazard import Drivers

Array = NDArray[np.float64]


class Series:
    """A forcing read in time; `at` returns None where the drivers do not carry it or have not begun."""

    def __init__(self, drivers: Drivers, name: str, clock: Clock) -> None:
        self._values = drivers[name].values if name in drivers else None
        times = drivers[name]["time"].values if name in drivers else ()
        self._seconds = np.array([clock.seconds(t) for t in times])

    def window(self, t: float) -> int:
        """Return the index of the window that holds at `t` seconds, -1 before the first."""
        return int(np.searchsorted(self._seconds, t + 1e-9, side="right")) - 1 if self._values is not None else -1

    def at(self, t: float) -> float | None:
        """Return the value at `t` seconds."""
        k = self.window(t)
        return None if k < 0 or self._values is None or np.isnan(self._values[k]) else float(self._values[k])


class Roofs:
    """Where the rain of each building cell goes: down the nearest manhole, or onto the ground beside it."""

    def __init__(
        self, city: City, land: NDArray[np.bool_], manhole_of: Callable[[Array, Array], NDArray[np.int64]]
    ) -> None:
        self._land = land
        self._area = city.grid.cell_area_m2
        self._row, self._col = np.nonzero(city.surface["building"].values & np.isfinite(city.surface["terrain"].values))
        self._manhole = manhole_of(city.grid.x[self._col], city.grid.y[self._row])
        self._piped = self._manhole >= 0
        if land.any():
            near = ndimage.distance_transform_edt(~land, return_distances=False, return_indices=True)
            self._to = near[0][self._row, self._col], near[1][self._row, self._col]

    def share(self, rate: Array, manholes: int) -> tuple[Array, Array]:
        """Return rain on each cell (m/s, roofs moved to the ground) and what roofs send down each manhole (m3/s)."""
        ground: Array = np.where(self._land, rate, 0.0)
        roof = rate[self._row, self._col]
        spill = ~self._piped
        np.add.at(ground, (self._to[0][spill], self._to[1][spill]), roof[spill])
        piped = np.bincount(self._manhole[self._piped], roof[self._piped], manholes) * self._area
        return ground, np.asarray(piped, dtype=np.float64)


class Rain:
    """Uniform (`rain_rate`) and gridded (`rain_rate_grid`) rain, shared out to cells and manholes window by window."""

    def __init__(self, drivers: Drivers, clock: Clock, city: City, roofs: Roofs, manholes: int) -> None:
        self._uniform = Series(drivers, "rain_rate", clock)
        self._gridded = Series(drivers, "rain_rate_grid", clock)
        self._drivers, self._roofs, self._manholes = drivers, roofs, manholes
        self._shape = city.grid.shape
        self._seen: tuple[int, int] | None = None
        self._ground, self._piped = np.zeros(self._shape), np.zeros(manholes)
        if "rain_rate_grid" in drivers:
            rain = drivers["rain_rate_grid"]
            self._rows = np.abs(rain["y"].values[None, :] - city.grid.y[:, None]).argmin(axis=1)
            self._cols = np.abs(rain["x"].values[None, :] - city.grid.x[:, None]).argmin(axis=1)
        self.fallen_on_roofs_m3 = 0.0

    def _turn(self, t: float) -> None:
        now = (self._uniform.window(t), self._gridded.window(t))
        if now == self._seen:
            return
        self._seen = now
        rate = np.full(self._shape, self._uniform.at(t) or 0.0)
        if now[1] >= 0:
            rate += self._drivers["rain_rate_grid"].values[now[1]][np.ix_(self._rows, self._cols)]
        self._ground, self._piped = self._roofs.share(rate, self._manholes)

    def on_ground(self, t: float) -> Array:
        """Return the rain on each simulated cell in the window of `t`, m/s."""
        self._turn(t)
        return self._ground

    def to_manholes(self, t: float, dt: float) -> Array:
        """Return what roofs send down each manhole in the window of `t`, m3/s, and book `dt` seconds of it."""
        self._turn(t)
        self.fallen_on_roofs_m3 += float(self._piped.sum()) * dt
        return self._piped
