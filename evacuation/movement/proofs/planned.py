"""How near a plan comes to the bound: a crowded grid as a city, with everybody to the nearest shelter, and with the measures of a plan.

What a planner can ask for is what is measured: `assign_approaches`, and `delay_zone` for each block that a search holds back.
"""

from __future__ import annotations

from functools import cache

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.movement.movement import Movement
from evacuation.movement.people.staging import Trial, staged
from evacuation.movement.proofs.worlds import CRS, NORTH, START, WEST, grid
from twin.city import City, empty_table
from twin.clock import Clock
from twin.grid import Grid
from twin.hazard import EVERYWHERE, Action, Outcome
from twin.landcover import surface_of
from twin.proof import Reference
from twin.streams import stream

#: Cars, junctions a side, shelters, blocks a side, m between junctions, and trials of the search for a release.
CARS, SIDE, SHELTERS, BLOCKS, STEP_M, ROUNDS = 200_000, 50, 16, 10, 200.0, 2

#: Two lanes each way of 1800 cars an hour; one person a car, all obey and know the roads, and leave within a mean of 15 min.
MODEL = Movement(zones="all", compliance=1.0, persons_per_car=1, mean_delay_min=15.0, veh_h_lane=1800.0)

HOURS = 3.0


def crowded() -> City:
    """Return the grid as a city: a cell of people about each junction, shelters with places for all at the goals of `worlds.grid`."""
    rng = np.random.default_rng(1)
    web = grid(SIDE, SHELTERS, rng, metres=STEP_M)
    home = rng.integers(0, web.nodes, CARS)
    row, column = np.divmod(np.arange(web.nodes), SIDE)
    x, y = WEST + STEP_M * (column + 0.5), NORTH - STEP_M * (row + 0.5)
    names = np.array([f"n{k}" for k in range(web.nodes)])
    once = np.flatnonzero(web.up < web.down)
    a, b = web.up[once], web.down[once]
    roads = gpd.GeoDataFrame(
        {
            "id": [f"r{k}" for k in once], "u": names[a], "v": names[b], "name_zh": "街", "name_en": "Street", "road_class": "primary",
            "lanes": 4, "speed_kmh": 50.0, "level": 0, "underpass": False,
        },
        geometry=shapely.linestrings(np.stack([np.column_stack([x[n], y[n]]) for n in (a, b)], axis=1)), crs=CRS,
    )  # fmt: skip
    people = np.bincount(home, minlength=web.nodes).astype(float)
    half = 0.5 * STEP_M
    population = gpd.GeoDataFrame(
        {"id": names, "day": people, "night": people, "under_15": 0.15, "over_65": 0.2, "car_share": 1.0},
        geometry=shapely.box(x - half, y - half, x + half, y + half), crs=CRS,
    )  # fmt: skip
    facilities = gpd.GeoDataFrame(
        {
            "id": [f"s{k}" for k in web.goals], "kind": "shelter", "name_zh": "避难所", "name_en": "Shelter", "capacity": float(CARS),
        },
        geometry=shapely.points(x[web.goals], y[web.goals]), crs=CRS,
    )  # fmt: skip
    wide = STEP_M * SIDE / BLOCKS
    i, j = np.divmod(np.arange(BLOCKS**2), BLOCKS)
    blocks = gpd.GeoDataFrame(
        {"id": _blocks(), "name_zh": "街区", "name_en": "Block"},
        geometry=shapely.box(WEST + wide * j, NORTH - wide * (i + 1), WEST + wide * (j + 1), NORTH - wide * i), crs=CRS,
    )  # fmt: skip
    ground = Grid(CRS, WEST, NORTH, STEP_M, SIDE, SIDE)
    terrain, cover = np.full(ground.shape, 20.0), np.full(ground.shape, 3)
    return City(
        id="crowded", name_zh="拥挤的方格网", name_en="Crowded grid", grid=ground, timezone="Asia/Shanghai", vertical_datum="none",
        surface=surface_of(terrain, cover, ground.y, ground.x), buildings=empty_table("buildings", CRS), roads=roads,
        population=population, facilities=facilities, blocks=blocks, sensors=empty_table("sensors", CRS),
        levees=empty_table("levees", CRS), venues=empty_table("venues", CRS),
    )  # fmt: skip


def _blocks() -> list[str]:
    return [f"b{k}" for k in range(BLOCKS**2)]


def _left(city: City, *actions: Action) -> Outcome:
    return MODEL.simulate(city, {}, Clock(START, 3600.0 * HOURS, 300.0), actions, stream(7, "movement"))


def _t95(found: Outcome) -> float:
    """Return T95, s; infinite where it is not reached."""
    t95 = float(found.tables["bound"]["t95_s"].iloc[0])
    return t95 if np.isfinite(t95) else np.inf


@cache
def gap(_: Reference) -> dict[str, float]:
    """Return T95 over its bound on the grid: `unsearched`, everybody to the nearest shelter; `assigned`, approaches by plan, all blocks
    ordered at once; `planned`, the best release found.

    The bound is that of every plan: the time-expanded one with all people ready to leave at once.
    """  # fmt: skip
    city = crowded()
    plan = Action("assign_approaches", EVERYWHERE)
    least: list[float] = []

    def trial(delays: NDArray[np.float64]) -> Trial:
        held = [
            Action("delay_zone", b, 0.0, None, {"delay_min": float(d) / 60.0})
            for b, d in zip(_blocks(), delays, strict=True)
        ]
        found = _left(city, plan, *(a for a in held if a.values["delay_min"] > 0.0))
        least.append(float(found.tables["bound"]["bound_s"].iloc[0]))
        zones = found.tables["zones"]
        return Trial(_t95(found), (zones["half_s"] - zones["ordered_s"]).fillna(3600.0 * HOURS).values)

    nearest = _left(city)
    delays, best, at_once = staged(trial, BLOCKS**2, rounds=ROUNDS)
    return {
        "unsearched": _t95(nearest) / least[0],
        "assigned": at_once.t95_s / least[0],
        "planned": best.t95_s / least[0],
        "held_zones": float((delays > 0.0).sum()),
    }
