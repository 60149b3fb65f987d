"""Small worlds for the proofs: networks of a few links, a grid of queues, and a whole city of streets at right angles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from evacuation.movement.kernels import paths
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.roads.expanded import Roads
from evacuation.movement.roads.queues import Queues, queues_of
from twin.city import City, empty_table
from twin.clock import Clock
from twin.grid import Grid
from twin.landcover import surface_of

CRS = "EPSG:4547"
WEST, NORTH = 500_000.0, 3_400_000.0
START = datetime(2026, 6, 20, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Web:
    """Links of one layer and where they lead: one group of goals."""

    nodes: int
    up: NDArray[np.int32]
    down: NDArray[np.int32]
    length: NDArray[np.float64]
    speed: NDArray[np.float64]
    capacity: NDArray[np.float64]
    storage: NDArray[np.float64]
    wave: NDArray[np.float64]
    goals: NDArray[np.int32]

    def queues(self, home: NDArray[np.int32]) -> Queues:
        """Return empty queues for cars that set out from the nodes `home` (car,), all to the one group of goals."""
        found = queues_of(
            nodes=self.nodes, up=self.up, down=self.down, length=self.length, speed=self.speed, capacity=self.capacity,
            storage=self.storage, wave=self.wave, weight=np.ones(len(home)), home=home,
        )  # fmt: skip
        found.travellers["group"] = 0
        return found

    @cached_property
    def into(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Links into each node: (starts, links)."""
        order = np.argsort(self.down, kind="stable").astype(np.int32)
        return np.searchsorted(self.down[order], np.arange(self.nodes + 1)).astype(np.int32), order

    def ways(self, cost: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the link that leads on from each node, (1, node), at link costs, s."""
        found, lead = np.zeros((1, self.nodes)), np.zeros((1, self.nodes), np.int32)
        goals = np.array([0, len(self.goals)], np.int32)
        paths.ways(found, lead, np.zeros(self.nodes, HEAP), cost, self.up, *self.into, goals, self.goals)
        return lead

    def cost(self, queues: Queues) -> NDArray[np.float64]:
        """Return what it costs to run each link now, s."""
        links = queues.links[: len(self.up)]
        return np.asarray(np.maximum(self.length / self.speed, links["inside"] * links["gap"]))


def chain(*lengths: float, speed: float = 10.0, capacity: tuple[float, ...] | float = 1.0, storage: float = 1e3) -> Web:
    """Return links one after another, m; the goal is the last node."""
    count = len(lengths)
    flow = np.broadcast_to(np.asarray(capacity, float), count).copy()
    return Web(
        count + 1, np.arange(count, dtype=np.int32), np.arange(1, count + 1, dtype=np.int32), np.array(lengths, float),
        np.full(count, speed), flow, np.full(count, storage), np.full(count, 5.0), np.array([count], np.int32),
    )  # fmt: skip


def grid(side: int, goals: int, rng: np.random.Generator, *, metres: float = 200.0, uneven: bool = False) -> Web:
    """Return a grid of `side` x `side` nodes with a link either way between neighbours, two lanes each, and goals at random nodes.

    The lanes carry 1800 vehicles an hour at 50 km/h; `uneven` varies length and capacity.
    """
    at = np.arange(side * side).reshape(side, side)
    pairs = [(at[:, :-1].ravel(), at[:, 1:].ravel()), (at[:-1].ravel(), at[1:].ravel())]
    up = np.concatenate([end for a, b in pairs for end in (a, b)]).astype(np.int32)
    down = np.concatenate([end for a, b in pairs for end in (b, a)]).astype(np.int32)
    count = len(up)
    length = metres * (rng.uniform(0.5, 2.0, count) if uneven else np.ones(count))
    capacity = rng.uniform(0.1, 1.0, count) if uneven else np.ones(count)
    chosen = rng.choice(side * side, goals, replace=False).astype(np.int32)
    return Web(
        side * side, up, down, length, np.full(count, 50.0 / 3.6), capacity, np.maximum(2 * 0.14 * length, 2.0),
        np.full(count, 5.0), chosen,
    )  # fmt: skip


def roads_of(web: Web) -> Roads:
    """Return a web of cars as the roads of a bound: never shut, with places for all."""
    one = np.ones(len(web.up))
    return Roads(
        web.nodes, web.up, web.down, web.length / web.speed, web.capacity, one, one, np.array([0, len(web.goals)]), web.goals,
        np.array([np.inf]), np.zeros(1), np.zeros((1, len(web.up)), bool),
    )  # fmt: skip


def run(
    web: Web, home: NDArray[np.int32], when: NDArray[np.float64], *, step_s: float = 60.0, most_s: float = 36_000.0
) -> Queues:
    """Let cars set out from `home` (car,) at `when` (car,) s and move until all have arrived; ways are renewed each step."""
    queues = web.queues(home)
    order = np.argsort(when, kind="stable")
    queues.set_out(order, home[order], when[order])
    t = 0.0
    while t < most_s and queues.links["count"].any():
        queues.advance(web.ways(web.cost(queues)), t, t + step_s)
        t += step_s
    return queues


def town(side: int = 8, *, shelter_places: float = 600.0, people: float = 90.0) -> City:
    """Return a city of `side` x `side` streets 200 m apart, with four blocks, two shelters and four roads out of it."""
    step, rim = 200.0, 100.0
    size = rim * 2 + step * (side - 1)
    cells = round(size / 10.0)
    grid = Grid(CRS, WEST, NORTH, 10.0, cells, cells)
    rows: list[tuple[str, str, str, shapely.LineString, str]] = []

    def point(i: int, j: int) -> tuple[float, float]:
        return WEST + rim + step * j, NORTH - rim - step * i

    for i in range(side):
        for j in range(side):
            for di, dj in ((0, 1), (1, 0)):
                if i + di < side and j + dj < side:
                    kind = "secondary" if di == 0 and i == side // 2 else "residential"
                    line = shapely.LineString([point(i, j), point(i + di, j + dj)])
                    rows.append((f"r{i}-{j}-{di}", f"n{i}-{j}", f"n{i + di}-{j + dj}", line, kind))
    middle = side // 2
    outs = {
        "w": ((middle, 0), (-rim, 0)),
        "e": ((middle, side - 1), (rim, 0)),
        "n": ((0, middle), (0, rim)),
        "s": ((side - 1, middle), (0, -rim)),
    }
    for name, ((i, j), (dx, dy)) in outs.items():
        x, y = point(i, j)
        rows.append(
            (f"out-{name}", f"n{i}-{j}", f"rim-{name}", shapely.LineString([(x, y), (x + dx, y + dy)]), "secondary")
        )
    roads = gpd.GeoDataFrame(
        {
            "id": [r[0] for r in rows],
            "u": [r[1] for r in rows],
            "v": [r[2] for r in rows],
            "name_zh": [f"街{r[0]}" for r in rows],
            "name_en": [f"Street {r[0]}" for r in rows],
            "road_class": [r[4] for r in rows],
            "lanes": 2,
            "speed_kmh": 36.0,
            "level": 0,
            "underpass": False,
        },
        geometry=[r[3] for r in rows],
        crs=CRS,
    )
    homes = [(a, b) for a in range(int(size // 100)) for b in range(int(size // 100))]
    population = gpd.GeoDataFrame(
        {
            "id": [f"p{a}-{b}" for a, b in homes],
            "day": people / 2,
            "night": people,
            "under_15": 0.15,
            "over_65": 0.2,
            "car_share": 0.4,
        },
        geometry=[
            shapely.box(WEST + 100 * b, NORTH - 100 * (a + 1), WEST + 100 * (b + 1), NORTH - 100 * a) for a, b in homes
        ],
        crs=CRS,
    )
    half = size / 2
    quarters = [(0, 0), (0, half), (half, 0), (half, half)]
    blocks = gpd.GeoDataFrame(
        {
            "id": [f"b{k}" for k in range(4)],
            "name_zh": [f"街区{k}" for k in range(4)],
            "name_en": [f"Block {k}" for k in range(4)],
        },
        geometry=[shapely.box(WEST + x, NORTH - y - half, WEST + x + half, NORTH - y) for y, x in quarters],
        crs=CRS,
    )
    facilities = gpd.GeoDataFrame(
        {
            "id": ["s0", "s1"],
            "kind": "shelter",
            "name_zh": ["东避难所", "西避难所"],
            "name_en": ["East shelter", "West shelter"],
            "capacity": shelter_places,
        },
        geometry=[shapely.Point(*point(1, side - 2)), shapely.Point(*point(side - 2, 1))],
        crs=CRS,
    )
    terrain, cover = np.full(grid.shape, 20.0), np.full(grid.shape, 3)
    return City(
        id="proof-town", name_zh="验证城", name_en="Proof town", grid=grid, timezone="Asia/Shanghai",
        vertical_datum="none", surface=surface_of(terrain, cover, grid.y, grid.x),
        buildings=empty_table("buildings", CRS), roads=roads, population=population, facilities=facilities, blocks=blocks,
        sensors=empty_table("sensors", CRS), levees=empty_table("levees", CRS), venues=empty_table("venues", CRS),
    )  # fmt: skip


def clock(hours: float = 2.0) -> Clock:
    """Return the clock of a proof."""
    return Clock(START, 3600.0 * hours, 300.0)


def water(city: City, when: Clock, depth_m: NDArray[np.float64]) -> xr.DataArray:
    """Return water that covers the western half of a city at `depth_m` (time,)."""
    west = (city.grid.x < WEST + 0.5 * (city.grid.east - WEST)).astype(float)
    field = depth_m[:, None, None] * np.broadcast_to(west, city.grid.shape)
    return xr.DataArray(
        field, dims=("time", "y", "x"), coords={"time": when.times.values, "y": city.grid.y, "x": city.grid.x},
        name="water_depth", attrs={"units": "m", "tags": "harms_people slows_travel"},
    )  # fmt: skip


def flow(water_depth: xr.DataArray, speed_m_s: float) -> xr.DataArray:
    """Return the speed of water that is the same wherever there is any."""
    return (speed_m_s * (water_depth > 0.0)).rename("water_speed").assign_attrs(units="m s-1", tags="harms_people")


def cloud(city: City, when: Clock, rate: float) -> xr.DataArray:
    """Return a cloud that stands over all of a city at one dose rate, 1/s."""
    field = np.full((len(when.times), *city.grid.shape), rate)
    return xr.DataArray(
        field, dims=("time", "y", "x"), coords={"time": when.times.values, "y": city.grid.y, "x": city.grid.x},
        name="toxic_dose_rate", attrs={"units": "s-1", "tags": "dose_rate harms_people"},
    )  # fmt: skip


def people_sum(counts: pd.DataFrame) -> NDArray[np.float64]:
    """Return the people of all states at each time."""
    return np.asarray(counts.sum(axis=1).values, dtype=np.float64)
