"""Terrain and rain that the benchmarks share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELL_M = 5.0
MANNING = 0.03  # s m-1/3
STORM_M_S = 60 / 3.6e6  # 60 mm/h
WET_S, HOUR_S = 1800.0, 3600.0


def synthetic_city(size: int) -> Array:
    """Return a terrain of `size` x `size` cells, m: hills with streets 0.15 m lower and blocks raised 5 m on a quarter of them.

    Hills and hollows of 8 m, 250 cells apart, stand on a gentle slope with 5 cm of noise. So water runs through the
    streets into hollows that are 1.6 m deep after one hour of `STORM_M_S` for half of it (1000 x 1000): at 5 m about
    3,500 steps at C = 0.6, as on the published jobs. Without hills the deepest water would be 0.3 m and the job tame.
    """
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:size, 0:size]
    hills = 8.0 * np.sin(2 * np.pi * x / 250) * np.sin(2 * np.pi * y / 250)
    z = 20.0 - 0.001 * x - 0.0005 * y + hills + 0.05 * rng.standard_normal((size, size))
    z[streets(size)] -= 0.15
    z[roofs(size)] += 5.0
    return z


def streets(size: int) -> NDArray[np.bool_]:
    """Return which cells of the city are street: 3 of every 20 in each direction."""
    y, x = np.mgrid[0:size, 0:size]
    return (x % 20 < 3) | (y % 20 < 3)


def roofs(size: int) -> NDArray[np.bool_]:
    """Return which cells of the city are roof: 10 x 10 of every 20 x 20."""
    y, x = np.mgrid[0:size, 0:size]
    return (x % 20 >= 6) & (x % 20 < 16) & (y % 20 >= 6) & (y % 20 < 16)


def uniform_storm() -> tuple[Array, list[float]]:
    """Return `STORM_M_S` for half an hour, then none: rain (2, 1, 1), m/s, and from when it holds, s."""
    return np.array([STORM_M_S, 0.0])[:, None, None], [0.0, WET_S]


def moving_storm(size: int) -> tuple[Array, list[float]]:
    """Return a cell of rain that crosses the city in six rasters of 5 min, 60 mm/h on the mean, then none (7, size, size)."""
    y, x = np.mgrid[0:size, 0:size] / size
    cells = [np.exp(-(((x - k / 5) ** 2 + (y - 0.5) ** 2) / 0.18)) for k in range(6)]
    rain = [STORM_M_S * cell / cell.mean() for cell in cells]
    return np.stack([*rain, np.zeros((size, size))]), [300.0 * k for k in range(7)]


def yards_capacity(size: int) -> Array:
    """Return what soaks in, m/s: 20 mm/h in the yards, nothing on streets and roofs."""
    return np.where(streets(size) | roofs(size), 0.0, 20 / 3.6e6)
