"""The air: wind in time, turbulence by surface-layer similarity, roughness from the city's buildings.

The forcing's wind is taken as that 10 m above open ground; at 60 m it is the same over the whole city, and below each place has the
profile of its own roughness. Heat flux and so the stability follow from sun, cloud and wind (Holtslag and van Ulden 1983 by day,
van Ulden and Holtslag 1985 by night).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from evacuation.release.kernels.similarity import KAPPA, profile, profiles, psi_m, sideways
from evacuation.release.slab.ambient import NEUTRAL, inv_l_of, moisture_of, stability_of
from twin.city import City
from twin.clock import Clock
from twin.hazard import Drivers

Array = NDArray[np.float64]

GRAVITY, GAS, AIR_KG_MOL, CP = 9.81, 8.314, 0.028964, 1005.0

OPEN_Z0, STATION_M, BLENDING_M = 0.03, 10.0, 60.0
#: Roughness is that of squares of this side, m.
TILE_M = 250.0
FLOOR_M = 3.0  # height of a floor: assumed
#: The smallest |L| over a town, whose own heat and roughness keep the air moving, m (as ADMS assumes for large towns).
SHORTEST_L_M = 30.0
#: Winds below this are calm: turbulence and drift are those of this wind, m/s.
CALM_M_S = 0.5
#: Below this the direction of the mean wind is less certain: it meanders by some 0.5 m/s sideways whatever its speed, 15 degrees here
#: (Hanna 1983, doi:10.1175/1520-0450(1983)022<1424:LTIAPM>2.0.CO;2).
STEADY_M_S = 2.0
#: Air slower than this does not tell where it moves to, m/s.
STILL_M_S = 1e-9
#: The components of the wind.
WIND = ("eastward_wind", "northward_wind")
#: Smallest sideways turbulence, m/s: slow meandering in calm air (as AERMOD assumes).
LEAST_SIGMA_V = 0.2
#: Weather that the forcing does not give: K, share of the sky, relative humidity (in dry air a cold cloud stays cold for longest).
ASSUMED = {"air_temperature": 293.15, "cloud_cover": 0.5, "relative_humidity": 0.0}
DAY_MIXING_M = 1000.0  # assumed; the lowest kilometre of a summer day


@dataclass(frozen=True)
class Air:
    """The air of one moment, as the kernels need it.

    z0 and ustar (row, column) hold on tiles of `tile_m` from (west, north). `inv_l` 1 / L (m-1), `lateral` sigma_v / u*,
    `highest_m` the largest mean height of a cloud, `density` of the air (kg m-3), (`east`, `north_ward`) the unit vector that
    the air moves to, `wind` the speed at 10 m over open ground (m s-1), `temperature` K. `turned` (row, column, 2) is cosine and sine
    of the angle, counter-clockwise, by which the air of a tile moves another way than that; None where it moves so everywhere. `blown`
    (row, column, 2) is the forcing's wind on each tile, eastward and northward (m s-1); None where it is the same everywhere. `moisture`
    is the mass share of water in the air. `beside`: the same air where its stability is one class off, less and more stable; empty:
    that is not asked. `wider`: how many times as wide as in a steady wind the members' directions spread.
    """

    z0: Array
    ustar: Array
    west: float
    north: float
    tile_m: float
    inv_l: float
    lateral: float
    highest_m: float
    density: float
    east: float
    north_ward: float
    wind: float
    temperature: float
    turned: Array | None = None
    blown: Array | None = None
    moisture: float = 0.0
    wider: float = 1.0
    beside: tuple[Air, ...] = ()

    @property
    def turns(self) -> Array:
        """Return `turned`, whole."""
        return np.tile([1.0, 0.0], (*self.z0.shape, 1)) if self.turned is None else self.turned

    def on_tile(self, x: float, y: float) -> tuple[float, float]:
        """Return z0 (m) and u* (m s-1) at a map point, of the nearest tile outside."""
        at = self.tile(x, y)
        return float(self.z0[at]), float(self.ustar[at])

    def tile(self, x: float, y: float) -> tuple[int, int]:
        """Return row and column of the tile of a map point, the nearest outside."""
        row, col = int((self.north - y) / self.tile_m), int((x - self.west) / self.tile_m)
        return min(max(row, 0), self.z0.shape[0] - 1), min(max(col, 0), self.z0.shape[1] - 1)


class Held:
    """A forcing in time: a value holds over [t_k, t_k+1), the first before it begins.

    A field (time, y, x) is read on tiles, linear between its cells; beyond them the nearest holds.
    """

    def __init__(self, array: xr.DataArray, clock: Clock, x: NDArray[Any], y: NDArray[Any]) -> None:
        if "x" in array.dims:
            inside = {n: np.clip(at, float(array[n].min()), float(array[n].max())) for n, at in (("x", x), ("y", y))}
            array = array.interp(x=("column", inside["x"]), y=("row", inside["y"]))
            array = array.transpose("time", "row", "column")
        self._values = array.values.astype(np.float64)
        self.seconds = np.array([clock.seconds(t) for t in array["time"].values])

    def on_tiles(self, t: float) -> Array:
        """Return the value at `t` seconds on the clock, of no dimension or (row, column)."""
        return np.asarray(self._values[max(int(np.searchsorted(self.seconds, t + 1e-9, side="right")) - 1, 0)])

    def at(self, t: float) -> float:
        """Return the value at `t` seconds on the clock, of a field its mean over the city."""
        return float(np.nanmean(self.on_tiles(t)))


class Weather:
    """What the forcing and the city say of the air.

    `assumed` names what had to be assumed, `calm` whether the wind ever was, anywhere, `changes` when the forcing gives another
    wind (s on the clock). In still air the last direction that was known goes on, in the run before if need be (`kept`: the arrays of its
    state); before any was, the first that will be; east where none ever is.
    A Pasquill class, A to F, stands for sun, cloud and wind where it is given. `beside`: whether the air of one class off is asked for.
    """

    def __init__(
        self, city: City, drivers: Drivers, clock: Clock, pasquill: str | None = None, beside: bool = False,
        kept: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:  # fmt: skip
        self._read, self.tz = {}, city.tz
        self.z0 = roughness(city)
        x = city.grid.west + TILE_M * np.arange(0.5, self.z0.shape[1], dtype=np.float64)
        y = city.grid.north - TILE_M * np.arange(0.5, self.z0.shape[0], dtype=np.float64)
        for name in WIND:
            self._read[name] = Held(drivers[name] if name in drivers else drivers[f"{name}_grid"], clock, x, y)
        self.gridded = "eastward_wind" not in drivers
        self.assumed: dict[str, float] = {}
        for name, default in ASSUMED.items():
            if name in drivers:
                self._read[name] = Held(drivers[name], clock, x, y)
            elif name != "cloud_cover" or pasquill is None:
                self.assumed[name] = default
        self._clock, self._pasquill, self._beside = clock, pasquill, beside
        lon, lat = city.grid.lonlat((city.grid.west + city.grid.east) / 2, (city.grid.south + city.grid.north) / 2)
        self._lon, self._lat = float(lon), float(lat)
        self._west, self._north = city.grid.west, city.grid.north
        self.calm = False
        self.changes = np.union1d(*(self._read[name].seconds for name in WIND))
        self._before = np.zeros((2, *self.z0.shape)) if kept is None else np.asarray(kept["wind_before"])

    def _value(self, name: str, t: float) -> float:
        return self._read[name].at(t) if name in self._read else self.assumed[name]

    def at(self, t: float) -> Air:
        """Return the air at `t` seconds on the clock."""
        speed = math.hypot(*self._mean(t))
        u, v = map(float, self._moved(t, self._mean))
        moved = math.hypot(u, v)
        east, north_ward = (u / moved, v / moved) if moved > 0 else (1.0, 0.0)
        spread = wider(float(np.nanmean(np.hypot(*self._tiles(t)))))
        self.calm |= speed < CALM_M_S
        wind, temperature = max(speed, CALM_M_S), self._value("air_temperature", t)
        moment = self._clock.times[0] + pd.Timedelta(seconds=t)
        sun = sun_height(moment, self._lon, self._lat)
        given = self._pasquill
        inv_l = of_class(given) if given else stability(wind, temperature, self._value("cloud_cover", t), sun)
        moisture = moisture_of(self._value("relative_humidity", t), temperature)

        def with_(inv_l: float) -> Air:
            return replace(
                air_of(
                    wind, (east, north_ward), inv_l, temperature, self.z0, self._west, self._north, TILE_M, self._lat
                ),
                moisture=moisture,
                wider=spread,
            )

        others = [with_(class_off(inv_l, k, sun > 0.0)) for k in (-1.0, 1.0)] if self._beside else []
        airs = [self._on_grid(air, t) for air in (with_(inv_l), *others)]
        return replace(airs[0], beside=tuple(airs[1:]))

    def _mean(self, t: float) -> Array:
        """Return the mean wind over the city (2,), m/s."""
        return np.array([self._read[name].at(t) for name in WIND])

    def _tiles(self, t: float) -> Array:
        """Return the wind of each tile (2, row, column), or of all of them (2,), m/s."""
        return np.stack([self._read[name].on_tiles(t) for name in WIND])

    def _moved(self, t: float, winds: Callable[[float], Array]) -> Array:
        """Return the winds (2, ...) of a moment, still ones as they last were, or else first will be, when they were not still."""
        found = self._last(t, winds)
        for s in self.changes[self.changes > t]:
            found = np.where(np.hypot(*found) < STILL_M_S, winds(s), found)
        return found

    def _last(self, t: float, winds: Callable[[float], Array]) -> Array:
        """Return the winds (2, ...) of a moment, still ones as they last were when they were not, those of the run before last."""
        found = winds(t)
        for s in self.changes[self.changes <= t][::-1]:
            if not (still := np.hypot(*found) < STILL_M_S).any():
                return found
            found = np.where(still, winds(s), found)
        before = self._before if found.ndim > 1 else self._before.mean(axis=(1, 2))
        return np.where(np.hypot(*found) < STILL_M_S, before, found)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps: how the wind of each tile last blew (2, row, column), m/s; 0 where it never did."""
        last = self._last(self._clock.duration_s, self._tiles)
        return {"wind_before": np.broadcast_to(last.reshape(2, *(last.shape[1:] or (1, 1))), self._before.shape).copy()}

    def _on_grid(self, air: Air, t: float) -> Air:
        """Return the air with the wind of each tile, where the forcing has it on a grid."""
        if not self.gridded:
            return air
        wind, east, north_ward = air.wind, air.east, air.north_ward
        us, vs = self._tiles(t)
        speeds = np.hypot(us, vs)
        self.calm |= bool((speeds < CALM_M_S).any())
        to_east, to_north = self._moved(t, self._tiles)
        along, aside = to_east * east + to_north * north_ward, to_north * east - to_east * north_ward
        moved = np.hypot(to_east, to_north)
        still = moved < STILL_M_S
        turned = np.stack([np.where(still, 1.0, along), np.where(still, 0.0, aside)], axis=-1)
        turned /= np.where(still, 1.0, moved)[..., None]
        return replace(
            air, ustar=air.ustar * np.maximum(speeds, CALM_M_S) / wind, turned=turned, blown=np.stack([us, vs], axis=-1)
        )


def air_of(
    wind: float,
    to: tuple[float, float],
    inv_l: float,
    temperature: float,
    z0: Array,
    west: float,
    north: float,
    tile_m: float,
    lat: float,
) -> Air:
    """Return the air over tiles of roughness z0 for a wind (m s-1, 10 m over open ground) that moves to the unit vector `to`."""
    above = wind * profile(BLENDING_M, OPEN_Z0, inv_l) / profile(STATION_M, OPEN_Z0, inv_l)
    at_blending = np.empty_like(z0)
    profiles(at_blending, BLENDING_M, z0, inv_l)
    ustar = KAPPA * above / at_blending
    typical = float(np.median(ustar))
    coriolis = max(1.46e-4 * abs(math.sin(math.radians(lat))), 2e-5)
    mixing = min(0.3 * typical / coriolis, DAY_MIXING_M)
    if inv_l > 0:  # Zilitinkevich 1972
        mixing = min(mixing, 0.4 * math.sqrt(typical / (inv_l * coriolis)))
    elif inv_l < 0:
        mixing = DAY_MIXING_M
    lateral = sideways(inv_l, 0.5 * mixing)
    return Air(
        z0=z0,
        ustar=ustar,
        west=west,
        north=north,
        tile_m=tile_m,
        inv_l=inv_l,
        lateral=max(lateral, LEAST_SIGMA_V / typical),
        highest_m=max(0.5 * mixing, 10.0),
        density=AIR_KG_MOL * 101325.0 / (GAS * temperature),
        east=to[0],
        north_ward=to[1],
        wind=wind,
        temperature=temperature,
    )


def stability(wind: float, temperature: float, cloud: float, sun: float) -> float:
    """Return 1 / L (m-1) over open ground from wind (m s-1, 10 m), air temperature (K), cloud (0..1) and height of the sun (rad).

    Day: net radiation and its share that heats the air (grass, moderately moist: alpha = 1, beta = 20 W m-2). Night:
    theta* = 0.09 (1 - 0.5 cloud^2) K. |L| is at least SHORTEST_L_M.
    """
    incoming = max(990.0 * math.sin(sun) - 30.0, 0.0) * (1.0 - 0.75 * cloud**3.4)
    net = ((1 - 0.2) * incoming + 5.31e-13 * temperature**6 - 5.67e-8 * temperature**4 + 60.0 * cloud) / 1.12
    ustar = KAPPA * wind / math.log(STATION_M / OPEN_Z0)
    if sun > 0 and net > 0:
        slope = math.exp(0.055 * (temperature - 279.0))  # s / gamma of moist air, about 1 at 279 K
        heat = (1.0 / slope) / (1.0 + 1.0 / slope) * 0.9 * net - 20.0
        if heat > 0:
            inv_l = -KAPPA * GRAVITY * heat / (1.2 * CP * temperature * ustar**3)
            for _ in range(20):
                felt = psi_m(STATION_M * inv_l) - psi_m(OPEN_Z0 * inv_l)
                ustar = KAPPA * wind / max(math.log(STATION_M / OPEN_Z0) - felt, 1.0)
                inv_l = max(-KAPPA * GRAVITY * heat / (1.2 * CP * temperature * ustar**3), -1.0 / SHORTEST_L_M)
            return float(inv_l)
        return 0.0
    inv_l = KAPPA * GRAVITY * 0.09 * (1.0 - 0.5 * cloud**2) / (temperature * ustar**2)
    return min(inv_l, 1.0 / SHORTEST_L_M)


def wider(speed: float) -> float:
    """Return how many times as wide as in a steady wind directions spread at a speed (m/s); infinite in a calm: all round.

    STEADY_M_S / speed below STEADY_M_S. In a calm every direction is as likely, as in AERMOD's random plume (Cimorelli et al. 2005,
    doi:10.1175/JAM2227.1).
    """
    told = round(speed, 6)
    return math.inf if told < CALM_M_S else max(STEADY_M_S / told, 1.0)


def of_class(pasquill: str) -> float:
    """Return 1 / L (m-1) over open ground of a Pasquill class, A to F, as SLAB reads it; |L| is at least SHORTEST_L_M."""
    inv_l = inv_l_of("ABCDEF".index(pasquill) + 1.0, OPEN_Z0)
    return max(-1.0 / SHORTEST_L_M, min(inv_l, 1.0 / SHORTEST_L_M))


def class_off(inv_l: float, classes: float, day: bool) -> float:
    """Return 1 / L (m-1) over open ground so many Pasquill classes more stable, between A and F and with |L| at least SHORTEST_L_M.

    By day the ground does not make the air stable, nor unstable by night: there a class off ends at neutral.
    """
    off = stability_of(inv_l, OPEN_Z0)
    low, high = (1.0 - NEUTRAL, max(off, 0.0)) if day else (min(off, 0.0), 6.0 - NEUTRAL)
    shifted = inv_l_of(NEUTRAL + min(max(off + classes, low), high), OPEN_Z0)
    return max(-1.0 / SHORTEST_L_M, min(shifted, 1.0 / SHORTEST_L_M))


def sun_height(moment: pd.Timestamp, lon: float, lat: float) -> float:
    """Return the height of the sun (rad) at a UTC moment; to about a degree (Cooper 1969's declination)."""
    day = moment.dayofyear
    declination = math.radians(23.45) * math.sin(2.0 * math.pi * (284 + day) / 365.0)
    hours = moment.hour + moment.minute / 60.0 + moment.second / 3600.0
    angle = math.radians(15.0 * (hours - 12.0) + lon)
    phi = math.radians(lat)
    return math.asin(math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(angle))


def roughness(city: City) -> Array:
    """Return z0 (m) on tiles of TILE_M from plan area, frontal area and height of the buildings (Macdonald 1998).

    Height is FLOOR_M a floor, the frontal area that of a convex outline seen from all sides: height times perimeter / pi. Between
    buildings and where there are none, open ground.
    """
    grid = city.grid
    tiles = tile_shape(grid.ny * grid.cell_m, grid.nx * grid.cell_m)
    plan, front, volume = (np.zeros(tiles) for _ in range(3))
    if len(city.buildings):
        shapes = city.buildings.geometry
        middle, area = shapes.centroid, shapes.area.values
        height = FLOOR_M * city.buildings["floors"].values.astype(float)
        row = np.clip(((grid.north - middle.y.values) / TILE_M).astype(int), 0, tiles[0] - 1)
        col = np.clip(((middle.x.values - grid.west) / TILE_M).astype(int), 0, tiles[1] - 1)
        np.add.at(plan, (row, col), area)
        np.add.at(front, (row, col), height * shapes.length.values / math.pi)
        np.add.at(volume, (row, col), height * area)
    high = np.divide(volume, plan, out=np.zeros(tiles), where=plan > 0)
    plan, front = np.clip(plan / TILE_M**2, 0.0, 0.9), front / TILE_M**2
    displaced = 1.0 + 4.43**-plan * (plan - 1.0)
    drag = 0.5 * 1.2 / KAPPA**2 * (1.0 - displaced) * front
    rough = high * (1.0 - displaced) * np.exp(-1.0 / np.sqrt(np.maximum(drag, 1e-6)))
    return np.maximum(rough, OPEN_Z0)


def tile_shape(height_m: float, width_m: float) -> tuple[int, int]:
    """Return rows and columns of tiles that cover a height and a width."""
    return max(math.ceil(height_m / TILE_M - 1e-9), 1), max(math.ceil(width_m / TILE_M - 1e-9), 1)
