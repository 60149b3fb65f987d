"""Near the source: particles in the wind between the city's buildings, handed over to puffs where they leave the box around it.

The wind is worked out once for each of 16 sectors and scaled with the speed; `near_members` has the wind members. Particles are a
passive gas: where what leaks is heavier than air the higher of the two clouds is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.release.buildings.momentum import steady_wind
from evacuation.release.buildings.obstacles import roofs, wall_direction
from evacuation.release.buildings.particles import Carrier, Swarm, cell_of
from evacuation.release.buildings.shelf import Shelf
from evacuation.release.buildings.turbulence import turbulence
from evacuation.release.buildings.wind import Box, Sectors, Wind, layers, log_law
from evacuation.release.cloud import BREATHING_M, Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels.similarity import KAPPA, MIDDLE, depletion, swayed
from evacuation.release.weather import BLENDING_M, FLOOR_M, OPEN_Z0, Air
from twin.city import City
from twin.grid import Grid

Array = NDArray[np.float64]
Notes = list[tuple[str, dict[str, Any]]]

#: The box: how far its sides are from the source, its cells and lowest layers, m; buildings nearer to its rim than CLEAR_M are left out.
HALF_M, CELL_M, LAYER_M, CLEAR_M = 300.0, 5.0, 2.5, 20.0
#: Its top: at least so high, and so many times the highest roof.
LEAST_TOP_M, TOP_ROOFS = 60.0, 3.0
#: Particles let go in a step, of a sudden release at once; looks at them in a step.
PARTICLES, SUDDEN, LOOKS = 1000, 20_000, 10
#: Thickness of the layer of air from which the ground takes gas, m.
TAKEN_M = 1.0
#: What leaves the box is joined over squares of this side, m.
HAND_M = 25.0
#: Below this share of open ground a cell counts as built: there the highest of its neighbours holds.
OPEN_SHARE = 0.1
SEED, MOST_MEMBERS = 20_260_620, 128


class NearSource(Protocol):
    """Who follows the cloud of the mean wind, and of its members, near the source."""

    @property
    def airborne_kg(self) -> float:
        """Mass in the air and in sight, kg."""

    def step(
        self,
        emissions: list[Emission],
        dt: float,
        number: int,
        air: Air,
        t: float,
        c: Array,
        ledger: tuple[float, float],
    ) -> tuple[float, float]:
        """Carry the gas on by `dt` s and set c (member, y, x), kg m-3, that of the puffs before; return what the ground took and what
        was lost from sight of the mean wind's, kg, `ledger` of the puffs."""

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass outside the grid and in sight, kg."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""

    def notes(self) -> Notes:
        """Say what the reader must know."""


class NoNearSource:
    """The cloud of the mean wind is its puffs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    @property
    def airborne_kg(self) -> float:
        """Mass in the air and in sight, kg."""
        return self._cloud.airborne_kg

    def step(
        self,
        emissions: list[Emission],
        dt: float,
        number: int,
        air: Air,
        t: float,
        c: Array,
        ledger: tuple[float, float],
    ) -> tuple[float, float]:
        """Leave all as the puffs have it."""
        return ledger

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass outside the grid and in sight, kg."""
        return self._cloud.over_edge_kg(grid)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return nothing."""
        return {}

    def notes(self) -> Notes:
        """Say nothing."""
        return []


class Surroundings:
    """The box around one place: its buildings, the winds around them and the ground that is open in each cell of the city's grid.

    It is turned about the place so that most walls near it lie along its cells.
    """

    def __init__(self, city: City, grid: Grid, x: float, y: float, z0_m: float) -> None:
        self.x, self.y = x, y
        west, south, count = x - HALF_M, y - HALF_M, round(2.0 * HALF_M / CELL_M)
        houses = city.buildings.assign(height_m=FLOOR_M * city.buildings["floors"].astype(float))
        self.turn_deg = wall_direction(houses.cx[west : x + HALF_M, south : y + HALF_M])
        houses = houses.set_geometry(houses.rotate(-self.turn_deg, origin=(x, y)))
        roof = roofs(houses, west, south, CELL_M, (count, count)) if len(houses) else np.zeros((count, count))
        rim = round(CLEAR_M / CELL_M)
        inner = np.zeros_like(roof)
        inner[rim:-rim, rim:-rim] = roof[rim:-rim, rim:-rim]
        top = max(LEAST_TOP_M, TOP_ROOFS * float(inner.max()))
        box = Box(west, south, CELL_M, layers(LAYER_M, top, min(float(inner.max()), 20.0), 1.15))
        self.rough = z0_m if not inner.any() else OPEN_Z0
        self.shelf = Shelf(partial(steady_wind, z0_m=self.rough), f"steady {self.rough!r}")
        self.sectors = Sectors(inner, box, log_law(1.0, BLENDING_M, z0_m), BLENDING_M, around=self.shelf)
        xs, ys = west + CELL_M * (np.arange(count) + 0.5), south + CELL_M * (np.arange(count) + 0.5)
        centres = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        row, col, inside = (part.reshape(count, count) for part in grid.cells(*self.turned(centres, 1.0).T))
        solid = np.zeros(grid.shape)
        np.add.at(solid, (row[inside], col[inside]), (inner > 0)[inside] * CELL_M**2)
        self.open = np.maximum(1.0 - solid / grid.cell_m**2, 0.0)
        self._carriers: dict[int, Carrier] = {}

    def turned(self, position: Array, way: float) -> Array:
        """Return positions (n, 2 or 3) of the box on the map (`way` 1), or those of the map in the box (-1)."""
        c, s = math.cos(math.radians(self.turn_deg)), way * math.sin(math.radians(self.turn_deg))
        out, (east, north) = position.copy(), (position[:, 0] - self.x, position[:, 1] - self.y)
        out[:, 0], out[:, 1] = self.x + c * east - s * north, self.y + s * east + c * north
        return out

    def carrier(self, from_deg: float) -> Carrier:
        """Return what carries particles in a wind of 1 m s-1 at 60 m from a direction of the map."""
        sector = self.sectors.sector(from_deg + self.turn_deg)
        if sector not in self._carriers:
            wind = self.sectors.wind(1.0, from_deg + self.turn_deg)
            self._carriers[sector] = Carrier(wind, turbulence(wind, self.rough))
        return self._carriers[sector]


class BetweenBuildings:
    """Particles in the boxes around the sources, and the puffs that they become outside.

    `member`: which member of the wind it follows; `counts`: particles let go in a step, of a sudden release, and looks in a step;
    `around`: what stands around each place, shared by members.
    """

    def __init__(
        self, city: City, grid: Grid, uptake: float, arrays: Mapping[str, NDArray[Any]] | None, *, member: int = 0,
        counts: tuple[int, int, int] | None = None, around: dict[tuple[float, float], Surroundings] | None = None,
    ) -> None:  # fmt: skip
        self._named = f"near{member or ''}_"
        kept = {n[len(self._named) :]: values for n, values in (arrays or {}).items() if n.startswith(self._named)}
        self._member, (self._count, self._sudden, self._looks) = member, counts or (PARTICLES, SUDDEN, LOOKS)
        self._city, self._grid = city, grid
        self.far = Cloud(arrays=kept or None, uptake=uptake)
        self.position = np.array(kept.get("position", np.zeros((0, 3))))
        self.fluctuation = np.array(kept.get("fluctuation", np.zeros((0, 3))))
        self.drawn = np.array(kept.get("drawn", np.zeros(0, np.int64)))
        self.mass, self.age = np.array(kept.get("mass", np.zeros(0))), np.array(kept.get("age", np.zeros(0)))
        self.place = np.array(kept.get("place", np.zeros(0, np.int64)))
        self.places = np.array(kept.get("places", np.zeros((0, 2))))
        self.dense = bool(kept.get("dense", np.zeros(1))[0])
        self.aloft = bool(kept.get("aloft", np.zeros(1))[0])
        self.moved_m = float(kept.get("moved", np.zeros(1))[0])
        self.around = {} if around is None else around

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        names = ("position", "fluctuation", "drawn", "mass", "age", "place", "places")
        own = {name: getattr(self, name) for name in names}
        own |= {"dense": np.array([float(self.dense)]), "aloft": np.array([float(self.aloft)])}
        own["moved"] = np.array([self.moved_m])
        return {f"{self._named}{name}": values for name, values in (own | self.far.arrays()).items()}

    @property
    def airborne_kg(self) -> float:
        """Mass in the air and in sight, kg."""
        return float(self.mass.sum()) + self.far.airborne_kg

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass outside the grid and in sight, kg."""
        outside = ~grid.cells(self.position[:, 0], self.position[:, 1])[2]
        return float(self.mass[outside].sum()) + self.far.over_edge_kg(grid)

    def step(
        self,
        emissions: list[Emission],
        dt: float,
        number: int,
        air: Air,
        t: float,
        c: Array,
        ledger: tuple[float, float],
    ) -> tuple[float, float]:
        """Carry particles and puffs on by `dt` s and set c (y, x) of this member; see `NearSource`."""
        low, aloft = [e for e in emissions if e.axis <= 0.0], [e for e in emissions if e.axis > 0.0]
        self.dense |= any(emission.dilution != PASSIVE for emission in low)
        self.aloft |= bool(aloft)
        looks = self._looks
        every, near, on_ground = dt / looks, np.zeros(c.shape), 0.0
        gone: list[tuple[Array, Array, Array]] = []
        for look in range(looks):
            rng = np.random.default_rng((SEED, number, look, self._member))
            for emission in low:
                if emission.kg_s > 0.0:
                    self._let_go(emission, emission.kg_s * every, self._count // looks, air, rng)
                elif look == 0:
                    self._let_go(emission, emission.kg, self._sudden, air, rng)
            gone.append(self._move(every, air, (number * looks + look) * MOST_MEMBERS + self._member))
            on_ground += self._deposit(every, air)
            near += self._on_ground() / looks
        position, mass, age = (np.concatenate(part) for part in zip(*gone, strict=True))
        handed = aloft + self._handed(position, mass, age, dt, air)
        taken = on_ground + self.far.step(handed, dt, 1, number, air, t)
        lost = self.far.lose(self._grid)
        puffs, built = c.copy(), self._open_share() < OPEN_SHARE
        self.far.onto(self._grid, air, c[None])
        c += np.where(built, ndimage.maximum_filter(near, 3), near)
        if self.dense:
            np.maximum(c, puffs, out=c)
        return taken, lost

    @property
    def _mine(self) -> list[Surroundings]:
        """What stands around the places of this member that have been asked about."""
        return [self.around[x, y] for x, y in self.places.tolist() if (x, y) in self.around]

    def _surroundings(self, place: int, air: Air) -> Surroundings:
        """Return what stands around a place, worked out when first asked for."""
        x, y = map(float, self.places[place])
        if (x, y) not in self.around:
            self.around[x, y] = Surroundings(self._city, self._grid, x, y, float(air.z0[air.tile(x, y)]))
        return self.around[x, y]

    def _carrier(self, place: int, air: Air) -> tuple[Carrier, float]:
        """Return what carries particles around a place where the wind at 60 m is 1 m s-1, and how many times as strong it is."""
        around = self._surroundings(place, air)
        tile = air.tile(around.x, around.y)
        c, s = air.turns[tile]
        east, north = air.east * c - air.north_ward * s, air.north_ward * c + air.east * s
        speed = float(air.ustar[tile]) / KAPPA * math.log(BLENDING_M / float(air.z0[tile]))
        return around.carrier(math.degrees(math.atan2(-east, -north)) % 360.0), speed

    def _let_go(self, emission: Emission, kg: float, count: int, air: Air, rng: np.random.Generator) -> None:
        """Add the particles of an emission, spread evenly over its width and height; those in a building move to the nearest air."""
        known = np.flatnonzero((self.places == (emission.x, emission.y)).all(axis=1))
        if not len(known):
            self.places = np.concatenate([self.places, [(emission.x, emission.y)]])
        place = int(known[0]) if len(known) else len(self.places) - 1
        wind = self._carrier(place, air)[0].wind
        far, turn = emission.half_width * np.sqrt(rng.random(count)), 2.0 * np.pi * rng.random(count)
        height = np.minimum(2.0 * emission.mean_height * rng.random(count), wind.box.edges[-1] - 1e-3)
        at = np.stack([emission.x + far * np.cos(turn), emission.y + far * np.sin(turn), height], axis=1)
        around = self._surroundings(place, air)
        new = Swarm.at(around.turned(self._into_air(wind, around.turned(at, -1.0)), 1.0), rng)
        self.position = np.concatenate([self.position, new.position])
        self.fluctuation = np.concatenate([self.fluctuation, new.fluctuation])
        self.drawn = np.concatenate([self.drawn, new.drawn])
        self.mass = np.concatenate([self.mass, np.full(count, kg / count)])
        self.age = np.concatenate([self.age, np.zeros(count)])
        self.place = np.concatenate([self.place, np.full(count, place)])

    def _into_air(self, wind: Wind, at: Array) -> Array:
        """Return positions in the box, those outside or in buildings at the centre of the nearest cell of air of their layer."""
        inside, (level, row, col) = cell_of(wind, at)
        bad = ~inside | ~wind.air[level, row, col]
        box = wind.box
        for k in np.unique(level[bad]):
            mine = np.flatnonzero(bad & (level == k))
            near = ndimage.distance_transform_edt(~wind.air[k], return_distances=False, return_indices=True)
            rows, cols = near[:, row[mine], col[mine]]
            x, y = box.west + (cols + 0.5) * box.cell_m, box.south + (rows + 0.5) * box.cell_m
            self.moved_m = max(self.moved_m, float(np.hypot(x - at[mine, 0], y - at[mine, 1]).max()))
            at[mine, 0], at[mine, 1] = x, y
        return at

    def _move(self, seconds: float, air: Air, seed: int) -> tuple[Array, Array, Array]:
        """Move all particles; take out those that left their box and return their positions, masses and ages."""
        here = np.ones(len(self.mass), bool)
        for place in np.unique(self.place):
            mine = self.place == place
            around = self._surroundings(int(place), air)
            boxed = around.turned(self.position[mine], -1.0)
            swarm = Swarm(boxed, self.fluctuation[mine], self.drawn[mine], here[mine])
            carrier, speed = self._carrier(int(place), air)  # all scales with the speed: time does in its stead
            swarm = carrier.moved(swarm, seconds * speed, seed * len(self.places) + int(place))
            self.position[mine], self.fluctuation[mine] = around.turned(swarm.position, 1.0), swarm.fluctuation
            self.drawn[mine], here[mine] = swarm.drawn, swarm.here
        self.age += seconds
        out = (self.position[~here], self.mass[~here], self.age[~here])
        for name in ("position", "fluctuation", "drawn", "mass", "age", "place"):
            setattr(self, name, getattr(self, name)[here])
        return out

    def _deposit(self, seconds: float, air: Air) -> float:
        """Let the ground take its part of the gas in `seconds`; return it, kg.

        The lowest layer H = TAKEN_M loses c v / H in a second, with the speed v = u / (1 + u R) that the puffs have: u of the
        surface and its film, R of the neutral air up to the middle of the layer.
        """
        if self.far.uptake <= 0.0:
            return 0.0
        share, low = np.zeros(len(self.mass)), self.position[:, 2] < TAKEN_M
        for place in np.unique(self.place[low]):
            z0, ustar = air.on_tile(*self.places[place])
            rate = depletion(self.far.uptake, z0, 0.0, ustar, 0.5 * TAKEN_M / MIDDLE, 1.0 / TAKEN_M)
            share[low & (self.place == place)] = -math.expm1(-rate * seconds)
        taken = self.mass * share
        self.mass = self.mass - taken
        return float(taken.sum())

    def _open_share(self) -> Array:
        """Return the share of each cell of the city's grid that no building takes."""
        share = np.ones(self._grid.shape)
        for around in self._mine:
            share = np.minimum(share, around.open)
        return share

    def _on_ground(self) -> Array:
        """Return the concentration of the particles within reach of people on the cells of the city's grid, kg m-3."""
        low = self.position[:, 2] < 2.0 * BREATHING_M
        row, col, inside = self._grid.cells(self.position[low, 0], self.position[low, 1])
        kg = np.zeros(self._grid.shape)
        np.add.at(kg, (row[inside], col[inside]), self.mass[low][inside])
        room = np.maximum(self._open_share(), OPEN_SHARE) * self._grid.cell_m**2 * 2.0 * BREATHING_M
        return np.asarray(kg / room)

    def _handed(self, position: Array, mass: Array, age: Array, dt: float, air: Air) -> list[Emission]:
        """Return what becomes of particles that left in `dt` s: a stretch of plume for each square of HAND_M that they left through."""
        if not len(mass):
            return []
        square = np.floor((position[:, :2] - (self._grid.west, self._grid.south)) / HAND_M).astype(np.int64)
        which, index = np.unique(square, axis=0, return_inverse=True)
        kg = np.bincount(index, mass)
        x, y, z, old = (np.bincount(index, mass * part) / kg for part in (*position.T, age))
        aside = position[:, 0] * -air.north_ward + position[:, 1] * air.east
        middle = x * -air.north_ward + y * air.east
        wide = np.sqrt(np.bincount(index, mass * (aside - middle[index]) ** 2) / kg)
        out = []
        for n, (i, j) in enumerate(which):
            tile = air.tile(x[n], y[n])
            height = min(z[n], air.highest_m)
            _, sway = swayed(0.0, 0.0, old[n], height, air.inv_l, air.ustar[tile], air.lateral, air.highest_m)
            source = int(i * 1_000_003 + j)
            out.append(
                Emission(
                    source,
                    x[n],
                    y[n],
                    kg[n] / dt,
                    0.0,
                    PASSIVE,
                    1.0,
                    0.0,
                    height,
                    turb=max(wide[n], 0.5 * HAND_M),
                    sway=sway,
                )
            )
        return out

    def notes(self) -> Notes:
        """Say how far the box reaches, what it leaves out, and where it is in doubt."""
        notes: Notes = [("near_source", {"metres": HALF_M, "cell": CELL_M})]
        if self.dense:
            notes.append(("near_dense", {}))
        if self.aloft:
            notes.append(("near_aloft", {}))
        if self.moved_m > CELL_M:
            notes.append(("near_moved", {"metres": round(self.moved_m)}))
        winds = [wind for around in self._mine for wind in around.sectors.known]
        if any(code == "unsteady" for wind in winds for code, _ in wind.notes):
            notes.append(("near_unsteady", {}))
        if spoilt := sum(len(around.shelf.spoilt) for around in self._mine):
            notes.append(("near_spoilt", {"count": spoilt}))
        return notes
