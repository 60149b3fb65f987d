"""How fast rooms change their air: at two rates that are given, or by the age and height of the buildings, wind and temperature.

With windows shut air comes in through leaks of an area ELA, driven by the stack and the wind (Sherman and Grimsrud 1980,
doi:10.1115/1.3138438, from memory, as ALOHA has it: NOAA Tech. Memo. NOS OR&R 43, second-hand):

    Q = ELA (fs^2 |T_in - T_out| + fw^2 U^2)^0.5,  fs = (1 + R/2) / 3 (g H / T_out)^0.5,  fw = C (1 - R)^(1/3),

U the wind at the height H of the roof. Leaks of a home by the year it was built, from measurements in single-family houses of the United
States (Chan and others 2005, doi:10.1016/j.atmosenv.2005.01.062; coefficients of conventional homes from memory):

    NL = 1000 ELA / A (H / 2.5 m)^0.3 = exp(20.7 - 0.0107 year - 0.0022 A),  A its floor area, m2.

Houses of one year differ by about a factor of two. Valid for one to three floors: a flat in a higher building is a guess, since
flats are shut off from one another and the stack of the whole building works on none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.release.kernels import loads
from evacuation.release.kernels.similarity import winds
from evacuation.release.weather import FLOOR_M, GRAVITY, Air
from twin.city import City
from twin.grid import Grid

Array = NDArray[np.float64]
Notes = list[tuple[str, dict[str, Any]]]

#: A home's floor area A (m2), the height of a room (m) and the year of a house that says none (a leaky one, on the safe side): assumed.
HOME_M2, ROOM_M, UNKNOWN_YEAR = 100.0, 2.5, 1950.0
#: The houses measured were built between these years; older and newer ones are taken as the nearest.
YEARS = (1900.0, 2000.0)
#: R, the share of the leaks in floor and ceiling (half: assumed), and C, of a house between others.
LEVEL_SHARE, SHELTERED = 0.5, 0.24
#: Rooms are heated and cooled to between these, K, and differ from the air outside by so much at least, K: assumed.
ROOM_K, LEAST_K = (293.15, 299.15), 2.0
#: Floors of the only house of a city whose buildings are not known: assumed.
UNKNOWN_FLOORS = 3.0


class AirChanges:
    """Rooms that change their air at one rate (s-1) with windows open, at another with windows shut.

    `house` (y, x): which house a room at each cell is in. `rates`: rows (house,) of s-1 in the mean wind, the first with windows open,
    the others with windows shut. `shut` (member, house): those with windows shut of each wind member, now.
    """

    def __init__(self, open_s: float, shut_s: float, shape: tuple[int, int], members: int) -> None:
        self.house = np.zeros(shape, np.int64)
        self.rates = [np.array([open_s]), np.array([shut_s])]
        self.shut = np.full((members, 1), shut_s)

    def blow(self, frame: int, air: Air) -> None:
        """Take the air of a frame (counted from the first run's start) as it begins."""

    def members_fading(self, shut: bool, dt: float) -> tuple[Array, Array]:
        """Return, now, what is left after dt s of a difference to the air outside, and its mean (member, house); see `loads.exchange`."""
        return self._fading(self.shut if shut else np.broadcast_to(self.rates[0], self.shut.shape), dt)

    def fading(self, dt: float) -> tuple[Array, Array]:
        """Return the same of all rows of `rates` (row, house)."""
        return self._fading(np.stack(self.rates), dt)

    def rows(self, frames: int, shut_at: int) -> NDArray[np.int64]:
        """Return the row of `rates` that holds in each frame (frame,), when windows are shut from the frame `shut_at` on."""
        return np.where(np.arange(frames) < shut_at, 0, self._shut(frames))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        return {}

    def notes(self) -> Notes:
        """Say what was assumed."""
        return []

    def _shut(self, frames: int) -> NDArray[np.int64]:
        return np.ones(frames, np.int64)

    @staticmethod
    def _fading(rates: Array, dt: float) -> tuple[Array, Array]:
        fade, kept = np.empty(rates.shape), np.empty(rates.shape)
        loads.exchanges(fade.reshape(-1), kept.reshape(-1), rates.ravel(), dt)
        return fade, kept


class OfBuildings(AirChanges):
    """Rooms whose air changes, windows shut, follow from the nearest building and the wind; `arrays`: those of a state.

    Wind members have the mean wind times `factors` (member,) in the air that their `classes` (member,) name: 0 that of the frame, k the
    k-th of its `beside`.
    """

    def __init__(
        self, open_s: float, city: City, grid: Grid, arrays: Mapping[str, NDArray[Any]] | None, factors: Array,
        classes: NDArray[np.int64],
    ) -> None:  # fmt: skip
        self._factors, self._classes = factors, classes
        self.house = np.zeros(grid.shape, np.int64)
        self._houses = len(city.buildings)
        floors, built = np.array([UNKNOWN_FLOORS]), np.full(max(self._houses, 1), np.nan)
        middle = shapely.points([[0.5 * (grid.west + grid.east), 0.5 * (grid.south + grid.north)]])
        if self._houses:
            outlines = city.buildings.geometry.values
            x, y = np.meshgrid(grid.x, grid.y)
            nearest = shapely.STRtree(outlines).nearest(shapely.points(x.ravel(), y.ravel()))
            self.house = nearest.reshape(grid.shape).astype(np.int64)
            floors, middle = city.buildings["floors"].to_numpy(float), shapely.centroid(outlines)
        if self._houses and "built" in city.buildings:
            built = city.buildings["built"].to_numpy(float)
        self._unknown = int(np.isnan(built).sum())
        self._x, self._y, self._height = shapely.get_x(middle), shapely.get_y(middle), FLOOR_M * floors
        self._leaks = leaks_m(np.where(np.isnan(built), UNKNOWN_YEAR, built), self._height)
        kept = arrays or {}
        self.rates = [np.full(len(floors), open_s), *kept.get("air_changes", ())]
        self.shut = np.full((len(factors), len(floors)), open_s)
        self._of_frame: list[int] = kept.get("air_changes_of", np.zeros(0, np.int64)).tolist()

    def blow(self, frame: int, air: Air) -> None:
        """Take the air of a frame (counted from the first run's start) as it begins."""
        if frame < len(self._of_frame):
            return
        rates = infiltration(self._leaks, self._height, self._at_roofs(air), air.temperature)
        if len(self.rates) == 1 or not np.array_equal(rates, self.rates[-1]):
            self.rates.append(rates)
        self._of_frame.append(len(self.rates) - 1)
        if len(self._factors):
            wind = np.stack([self._at_roofs(one) for one in (air, *air.beside)])[self._classes]
            self.shut = infiltration(self._leaks, self._height, self._factors[:, None] * wind, air.temperature)

    def _at_roofs(self, air: Air) -> Array:
        """Return the wind at the height of each house's roof, m s-1."""
        row = np.clip(((air.north - self._y) / air.tile_m).astype(np.int64), 0, air.z0.shape[0] - 1)
        col = np.clip(((self._x - air.west) / air.tile_m).astype(np.int64), 0, air.z0.shape[1] - 1)
        wind = np.empty_like(self._height)
        winds(wind, self._height, air.z0[row, col], air.ustar[row, col], air.inv_l)
        return wind

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps: the rates with windows shut, and which of them held in each frame."""
        return {"air_changes": np.array(self.rates[1:]), "air_changes_of": np.array(self._of_frame, np.int64)}

    def notes(self) -> Notes:
        """Say what the rates are and what was assumed of the buildings."""
        low, middle, high = 3600.0 * np.quantile(np.array(self.rates[1:]), (0.05, 0.5, 0.95))
        values = {"low": round(low, 2), "middle": round(middle, 2), "high": round(high, 2)}
        notes: Notes = [("rooms_of_buildings", values)]
        if not self._houses:
            notes.append(("rooms_no_buildings", {"floors": int(UNKNOWN_FLOORS), "year": int(UNKNOWN_YEAR)}))
        elif self._unknown:
            notes.append(("rooms_age", {"count": self._unknown, "of": self._houses, "year": int(UNKNOWN_YEAR)}))
        return notes

    def _shut(self, frames: int) -> NDArray[np.int64]:
        return np.array(self._of_frame[:frames], np.int64)


def leaks_m(built: Array, height: Array) -> Array:
    """Return the leakage area over the volume of homes, m-1, by the year built and the height of their buildings, m."""
    normalised = np.exp(20.7 - 0.0107 * np.clip(built, *YEARS) - 0.0022 * HOME_M2)
    return np.asarray(normalised / 1000.0 * (ROOM_M / height) ** 0.3 / ROOM_M)


def infiltration(leaks: Array, height: Array, wind: Array, outside_k: float) -> Array:
    """Return air changes with windows shut, s-1, by leaks (m-1) of buildings of a height (m), wind at the roof (m s-1), air (K)."""
    differs = max(abs(outside_k - min(max(outside_k, ROOM_K[0]), ROOM_K[1])), LEAST_K)
    stack = ((1.0 + 0.5 * LEVEL_SHARE) / 3.0) ** 2 * GRAVITY * height / outside_k
    blown = (SHELTERED * (1.0 - LEVEL_SHARE) ** (1.0 / 3.0)) ** 2
    return np.asarray(leaks * np.sqrt(stack * differs + blown * wind**2))
