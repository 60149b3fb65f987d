"""The direction of two effects that a published simulation of the Camp Fire found: information on the way, and phasing.

Its network is not at hand. A ridge of its size stands for it: 21,500 cars and four ways out to the south, of which the western has two
lanes and three have one (Skyway, Neal, Clark and Pentz Road), so that five lanes of 600 vehicles an hour let 90 % out in no less than
six hours (published: 5.4 h until they had left). A fire comes from the east: the eastern way closes after half an hour for good, the
next from one hour to two and a half (the order is known, the moments are assumed). What is compared is whether the time until 90 %
have arrived falls or rises, and whether five seeds tell it from chance; not by how much.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import shapely

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.tables import quantile
from twin.city import City, empty_table
from twin.grid import Grid
from twin.hazard import Action
from twin.landcover import surface_of
from twin.proof import Reference
from twin.streams import stream

SEEDS, HOURS = 5, 16.0
MODEL = Movement(zones="all", compliance=1.0, informed=0.2)

#: Cars of the published simulation, and persons in each.
CARS, IN_CAR = 21_500, 2

#: The ridge, m: arterials from north to south, streets across them, and how far the ways out lead: round figures of the town.
ARTERIALS_M, ACROSS_M, HIGH_M, OUT_M = (0.0, 1000.0, 2000.0, 3000.0, 4000.0), 750.0, 6000.0, 8000.0

#: Ways out, from the west: the arterial they begin at, and lanes of both directions.
OUT = {"skyway": (0, 4), "neal": (1, 2), "clark": (2, 2), "pentz": (4, 2)}

FIRE = (Action("close_road", "pentz", 1800.0, None), Action("close_road", "clark", 3600.0, 9000.0))

#: The four quarters are ordered a quarter of an hour after one another, the one nearest to the fire first.
PHASES = tuple(Action("delay_zone", f"b{k}", 0.0, None, {"delay_min": 15.0 * (3 - k)}) for k in range(4))


def ridge() -> City:
    """Return the ridge, with its people spread evenly and all of them in cars."""
    rim = 50.0
    west, north = worlds.WEST, worlds.NORTH
    wide, high = ARTERIALS_M[-1] + 2.0 * rim, HIGH_M + OUT_M + 2.0 * rim
    grid = Grid(worlds.CRS, west, north, 50.0, round(high / 50.0), round(wide / 50.0))

    def point(x: float, y: float) -> tuple[float, float]:
        return west + rim + x, north - rim - y

    rows: list[tuple[str, str, str, shapely.LineString, str, int]] = []
    down = np.arange(0.0, HIGH_M + 1.0, ACROSS_M)
    for i, y in enumerate(down):
        for j, x in enumerate(ARTERIALS_M):
            for di, dj in ((1, 0), (0, 1)):
                if i + di < len(down) and j + dj < len(ARTERIALS_M):
                    ends = [point(x, y), point(ARTERIALS_M[j + dj], down[i + di])]
                    lanes = 4 if di and j == 0 else 2
                    rows.append(
                        (
                            f"r{i}-{j}-{di}",
                            f"n{i}-{j}",
                            f"n{i + di}-{j + dj}",
                            shapely.LineString(ends),
                            "secondary",
                            lanes,
                        )
                    )
    for name, (j, lanes) in OUT.items():
        ends = [point(ARTERIALS_M[j], HIGH_M), point(ARTERIALS_M[j], HIGH_M + OUT_M)]
        rows.append((name, f"n{len(down) - 1}-{j}", f"out-{name}", shapely.LineString(ends), "primary", lanes))
    names = [r[0] for r in rows]
    roads = gpd.GeoDataFrame(
        {
            "id": names, "u": [r[1] for r in rows], "v": [r[2] for r in rows], "name_zh": names, "name_en": names,
            "road_class": [r[4] for r in rows], "lanes": [r[5] for r in rows], "speed_kmh": 56.0, "level": 0, "underpass": False,
        },
        geometry=[r[3] for r in rows], crs=worlds.CRS,
    )  # fmt: skip
    squares = [point(x, y) for y in np.arange(0.0, HIGH_M, 500.0) for x in np.arange(0.0, ARTERIALS_M[-1], 500.0)]
    each = float(CARS * IN_CAR) / len(squares)
    population = gpd.GeoDataFrame(
        {
            "id": [f"p{k}" for k in range(len(squares))], "day": each, "night": each, "under_15": 0.15, "over_65": 0.25,
            "car_share": 1.0,
        },
        geometry=[shapely.box(x, y - 500.0, x + 500.0, y) for x, y in squares], crs=worlds.CRS,
    )  # fmt: skip
    quarter = ARTERIALS_M[-1] / 4.0
    blocks = gpd.GeoDataFrame(
        {"id": [f"b{k}" for k in range(4)], "name_zh": [f"街区{k}" for k in range(4)], "name_en": [f"Block {k}" for k in range(4)]},
        geometry=[shapely.box(*point(quarter * k, HIGH_M), *point(quarter * (k + 1), 0.0)) for k in range(4)], crs=worlds.CRS,
    )  # fmt: skip
    exits = [shapely.Point(point(ARTERIALS_M[j], HIGH_M + OUT_M)) for j, _ in OUT.values()]
    facilities = gpd.GeoDataFrame(
        {"id": [f"to-{name}" for name in OUT], "kind": "city_exit", "name_zh": list(OUT), "name_en": list(OUT), "capacity": 0.0},
        geometry=exits, crs=worlds.CRS,
    )  # fmt: skip
    terrain, cover = np.full(grid.shape, 20.0), np.full(grid.shape, 3)
    return City(
        id="ridge", name_zh="山脊镇", name_en="Ridge", grid=grid, timezone="Asia/Shanghai", vertical_datum="none",
        surface=surface_of(terrain, cover, grid.y, grid.x), buildings=empty_table("buildings", worlds.CRS), roads=roads,
        population=population, facilities=facilities, blocks=blocks, sensors=empty_table("sensors", worlds.CRS),
        levees=empty_table("levees", worlds.CRS), venues=empty_table("venues", worlds.CRS),
    )  # fmt: skip


@cache
def effects(_: Reference) -> dict[str, float]:
    """Return the relative change of the time until 90 % have arrived, and its p, for information and for phasing.

    Both plans meet the same people in each seed: p is that of Student's t of the differences, seed by seed. `base_h`: the time itself
    without either, h.
    """
    from scipy.special import stdtr

    town, clock = ridge(), worlds.clock(HOURS)

    def times(model: Movement, actions: tuple[Action, ...]) -> np.ndarray:
        found = []
        for seed in range(SEEDS):
            arrays = model.simulate(town, {}, clock, actions, stream(seed, "movement")).state.arrays
            found.append(quantile(arrays["traveller_safe"], arrays["home_persons"], 0.9))
        return np.array(found)

    base = times(MODEL, FIRE)
    found = {"base_h": float(base.mean()) / 3600.0}
    for name, other in (
        ("information", times(replace(MODEL, informed=0.9), FIRE)),
        ("phasing", times(MODEL, FIRE + PHASES)),
    ):
        change = other - base
        error = float(change.std(ddof=1)) / np.sqrt(SEEDS)
        t = abs(float(change.mean())) / error if error > 0.0 else np.inf * float(change.any())
        found[name] = float(change.mean() / base.mean())
        found[f"{name}_p"] = float(2.0 * stdtr(SEEDS - 1, -t)) if change.any() else 1.0
    return found
