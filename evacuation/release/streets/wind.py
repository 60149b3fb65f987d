"""The wind in a street: how fast the air moves along it, how fast it is exchanged through the roof, how far its direction swings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import j1, ndtri, y1

from evacuation.release.kernels.similarity import KAPPA, profile
from evacuation.release.weather import Air

Array = NDArray[np.float64]

#: Roughness of walls and ground inside a street, m (as SIRANE takes it).
WALL_Z0 = 0.05
#: Directions of equal share that stand for the swing of the wind.
DIRECTIONS = 15
EULER = 0.5772156649015329
NEUTRAL_SIGMA_W = 1.3  # sigma_w / u*: Panofsky, Tennekes, Lenschow and Wyngaard 1977


@dataclass(frozen=True)
class StreetWind:
    """The wind as the boxes need it.

    `speed` (canyon,) m s-1 along a canyon whose axis the wind follows, `exchange` (canyon,) m s-1 through its roof; the air above moves
    to (`east`, `north_ward`), with directions that swing by `swing` (rad, standard deviation).
    """

    speed: Array
    exchange: Array
    east: float
    north_ward: float
    swing: float

    def directions(self) -> tuple[Array, Array, Array]:
        """Return east, north and share of the directions that stand for the swing: middles of equal shares of a normal distribution."""
        count = DIRECTIONS if self.swing > 0.0 else 1
        turn = self.swing * ndtri((np.arange(count) + 0.5) / count)
        cos, sin = np.cos(turn), np.sin(turn)
        east = self.east * cos + self.north_ward * sin
        return east, self.north_ward * cos - self.east * sin, np.full(count, 1.0 / count)


@cache
def _eigenvalue(rough: float) -> float:
    """Return C of z0 / d = (2 / C) exp(pi Y1(C) / (2 J1(C)) - gamma), for 1e-6 <= z0 / d <= 0.3."""

    def gap(c: float) -> float:
        return math.log(2.0 / c) + 0.5 * math.pi * float(y1(c) / j1(c)) - EULER - math.log(rough)

    return float(brentq(gap, 0.2, 2.2, xtol=1e-12))


def mean_speed(height: float, width: float) -> float:
    """Return the mean speed of the air over the section of a canyon (height and width in m) over u*, the wind along its axis.

    Soulhac, Perkins and Salizzoni 2008 (Boundary-Layer Meteorol. 126, 365), as SIRANE uses it (Soulhac et al. 2011, eqs. 1 and 2): with
    d = min(H, W / 2) the air near each wall and near the ground has a logarithmic profile by the distance to the nearest of them, and
    above d the wind falls from the roof as exp(C (z - H) / (sqrt(2) d)). The wind at the roof is
    u* sqrt(pi / (sqrt(2) kappa^2 C) [Y0 - J0 Y1 / J1]) at C, which by the Wronskian is u* / (kappa C) sqrt(sqrt(2) / J1(C)).
    Valid for canyons at least 20 roughness lengths of their walls wide and high: what is smaller is taken as that.
    """
    near = max(min(height, 0.5 * width), 20.0 * WALL_Z0)
    high, wide = max(height, near), max(width, 2.0 * near)
    c, alpha = _eigenvalue(round(WALL_Z0 / near, 6)), math.log(near / WALL_Z0)
    beta = math.exp(c / math.sqrt(2.0) * (1.0 - high / near))
    upper = 2.0 * math.sqrt(2.0) / c * (1.0 - beta) * (1.0 - c**2 / 3.0 + c**4 / 45.0)
    corners = beta * (2.0 * alpha - 3.0) / alpha
    middle = (wide / near - 2.0) * (alpha - 1.0) / alpha
    roof = math.sqrt(math.sqrt(2.0) / float(j1(c))) / (KAPPA * c)
    return roof * near**2 / (high * wide) * (upper + corners + middle)


def exchange_speed(height: Array, ustar: Array, inv_l: float) -> Array:
    """Return the speed u_d (m s-1) at which air is exchanged through the roofs of canyons: sigma_w / (sqrt(2) pi) at the roof.

    Soulhac et al. 2011 (doi:10.1016/j.atmosenv.2011.07.008). sigma_w = 1.3 u* (1 - 3 z / L)^(1/3) in unstable air, else 1.3 u*.
    """
    lifted = np.cbrt(np.maximum(1.0 - 3.0 * height * inv_l, 1.0))
    return np.asarray(NEUTRAL_SIGMA_W * ustar * lifted / (math.sqrt(2.0) * math.pi))


def wind_in(air: Air, x: Array, y: Array, height: Array, factor: Array) -> StreetWind:
    """Return the wind in canyons at (x, y), of `height` (m) and mean speed over u* `factor`, all (canyon,).

    Each takes u* of its own square of the city. The swing is sigma_v over the wind at roof height, one for the whole city, so that
    what arrives at a junction is what left the streets (Soulhac et al. 2009, Atmos. Environ. 43, 2981, average junction by junction).
    """
    row = np.clip(((air.north - y) / air.tile_m).astype(int), 0, air.ustar.shape[0] - 1)
    col = np.clip(((x - air.west) / air.tile_m).astype(int), 0, air.ustar.shape[1] - 1)
    ustar, z0 = air.ustar[row, col], air.z0[row, col]
    swing = 0.0
    if len(x):
        swing = air.lateral * KAPPA / profile(float(np.mean(height)), float(np.median(z0)), air.inv_l)
    return StreetWind(factor * ustar, exchange_speed(height, ustar, air.inv_l), air.east, air.north_ward, float(swing))
