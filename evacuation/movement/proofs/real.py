"""Real road networks from end to end: maps as they come, people as far as they are known, shelters assumed.

Each becomes a city whose streets, and nothing else, are real: people live where the data say, else evenly along the roads. Four
shelters at the quarter points of the map hold a fifth of them; the others leave where a road ends farthest out in one of sixteen
directions. The west of each city stands in water from half an hour on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from evacuation.movement.movement import Movement
from evacuation.movement.proofs.worlds import clock, people_sum
from twin.city import City, empty_table
from twin.clock import Clock
from twin.grid import Grid
from twin.hazard import Outcome
from twin.landcover import surface_of
from twin.proof import Reference
from twin.streams import stream

#: Edge of a cell of ground and of people, m; share of people with a car and floor area of a person: assumed.
CELL_M, PEOPLE_M, CAR_SHARE, FLOOR_M2 = 100.0, 100.0, 0.4, 40.0

#: Persons a km of road where no population is known: assumed.
PEOPLE_KM = 400.0

#: Directions in which a way out of each city is looked for.
EXITS = 16

MODEL = Movement(zones="all", compliance=0.9, mean_delay_min=20.0)


@dataclass(frozen=True)
class Place:
    """A network: its file below the folder of reference data, its CRS, and who lives where, (x, y, persons), if that is known."""

    folder: str
    file: str
    crs: str
    people: Callable[[Reference], NDArray[np.float64]] | None = None


def _porto_alegre(data: Reference) -> NDArray[np.float64]:
    """Return the hexagons of Porto Alegre with their people."""
    table = pd.read_csv(data.folder("hydro/porto_alegre") / "poa_hexgrid.csv")
    at = gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326").to_crs("EPSG:32722")
    return np.column_stack([at.x, at.y, table["population"]])


def _wuxi(data: Reference) -> NDArray[np.float64]:
    """Return the cells of Wuxi Xinwu with people by their residential floor."""
    table = pd.read_csv(data.folder("evacuation/wuxi_xinwu") / "cells_250m.csv.gz")
    at = gpd.GeoSeries(gpd.points_from_xy(table["x_utm50n"], table["y_utm50n"]), crs="EPSG:32650").to_crs("EPSG:32650")
    return np.column_stack([at.x, at.y, table["area_residential_m2"].fillna(0.0) / FLOOR_M2])


PLACES: dict[str, Place] = {
    "haidian": Place("osm", "beijing_haidian_2017.osm.gz", "EPSG:32650"),
    "huangpu": Place("osm", "shanghai_huangpu_2026_roads.osm.gz", "EPSG:32651"),
    "porto-alegre": Place("hydro/porto_alegre", "poa_osm.pbf", "EPSG:32722", _porto_alegre),
    "wuxi-xinwu": Place("evacuation/wuxi_xinwu", "roads.geojson.gz", "EPSG:32650", _wuxi),
}


def city_of(name: str, data: Reference) -> City:
    """Return a city around the roads of a place."""
    place = PLACES[name]
    roads = data.roads(data.folder(place.folder) / place.file, place.crs)
    west, south, east, north = roads.total_bounds
    wide, high = (int(np.ceil(span / CELL_M)) for span in (east - west, north - south))
    ground = Grid(place.crs, float(west), float(south + high * CELL_M), CELL_M, high, wide)
    if place.people is None:
        middle = roads.geometry.interpolate(0.5, normalized=True)
        where = np.column_stack([middle.x, middle.y, roads.geometry.length / 1000.0 * PEOPLE_KM])
    else:
        where = place.people(data)
    rows, columns = (north - where[:, 1]) // PEOPLE_M, (where[:, 0] - west) // PEOPLE_M
    inside = (rows >= 0) & (columns >= 0) & (rows < high) & (columns < wide)
    cells = pd.DataFrame({"row": rows, "column": columns, "people": where[:, 2]})[inside]
    cells = cells.groupby(["row", "column"], as_index=False)["people"].sum()
    cells = cells[cells["people"] > 0.0].reset_index(drop=True)
    x, y = west + PEOPLE_M * cells["column"].values, north - PEOPLE_M * cells["row"].values
    population = gpd.GeoDataFrame(
        {
            "id": [f"p{k}" for k in range(len(cells))], "day": cells["people"], "night": cells["people"], "under_15": 0.15,
            "over_65": 0.2, "car_share": CAR_SHARE,
        },
        geometry=shapely.box(x, y - PEOPLE_M, x + PEOPLE_M, y), crs=place.crs,
    )  # fmt: skip
    quarter = [(a, b) for a in (0.25, 0.75) for b in (0.25, 0.75)]
    points = [shapely.Point(west + a * (east - west), south + b * (north - south)) for a, b in quarter]
    ends = np.unique([line.coords[k][:2] for line in roads.geometry for k in (0, -1)], axis=0)
    turn = np.linspace(0.0, 2.0 * np.pi, EXITS, endpoint=False)
    outer = np.unique(np.argmax(ends @ np.vstack([np.sin(turn), np.cos(turn)]), axis=0))
    kinds = ["shelter"] * 4 + ["city_exit"] * len(outer)
    names = [f"{kind}-{k}" for k, kind in enumerate(kinds)]
    places = [float(round(0.05 * cells["people"].sum()))] * 4 + [0.0] * len(outer)
    facilities = gpd.GeoDataFrame(
        {"id": names, "kind": kinds, "name_zh": names, "name_en": names, "capacity": places},
        geometry=[*points, *shapely.points(ends[outer])], crs=place.crs,
    )  # fmt: skip
    half = (0.5 * (east - west), 0.5 * (north - south))
    corners = [(west + a * half[0], south + b * half[1]) for a in (0, 1) for b in (0, 1)]
    blocks = gpd.GeoDataFrame(
        {
            "id": [f"b{k}" for k in range(4)], "name_zh": [f"街区{k}" for k in range(4)], "name_en": [f"Block {k}" for k in range(4)],
        },
        geometry=[shapely.box(a, b, a + half[0], b + half[1]) for a, b in corners], crs=place.crs,
    )  # fmt: skip
    terrain, cover = np.full(ground.shape, 20.0), np.full(ground.shape, 3)
    return City(
        id=name, name_zh=name, name_en=name, grid=ground, timezone="Asia/Shanghai", vertical_datum="none",
        surface=surface_of(terrain, cover, ground.y, ground.x), buildings=empty_table("buildings", place.crs), roads=roads,
        population=population, facilities=facilities, blocks=blocks, sensors=empty_table("sensors", place.crs),
        levees=empty_table("levees", place.crs), venues=empty_table("venues", place.crs),
    )  # fmt: skip


@cache
def _left(name: str, data: Reference) -> tuple[City, Outcome]:
    """Return a city of which everybody is told to leave for three hours, with water over the west of it."""
    city, when = city_of(name, data), clock(3.0)
    depth = np.where(np.arange(when.steps + 1) * when.step_s >= 1800.0, 0.6, 0.0)
    fields = {"water_depth": water(city, when, depth)}
    return city, MODEL.simulate(city, fields, when, (), stream(7, "movement"))


def water(city: City, when: Clock, depth_m: NDArray[np.float64]) -> xr.DataArray:
    """Return water over the western fifth of a city at `depth_m` (time,)."""
    x = city.grid.x
    west = (x < x[0] + 0.2 * (x[-1] - x[0])).astype(float)
    field = depth_m[:, None, None] * np.broadcast_to(west, city.grid.shape)
    return xr.DataArray(
        field, dims=("time", "y", "x"), coords={"time": when.times.values, "y": city.grid.y, "x": x}, name="water_depth",
        attrs={"units": "m", "tags": "harms_people slows_travel"},
    )  # fmt: skip


def run(name: str, data: Reference) -> dict[str, float]:
    """Return what became of a real network's people.

    `gap`: the largest difference between end states and population at any time. `arrived`: the share of those who leave that has
    arrived after three hours. `bound`: the ratio of T95 (of the run's length, where it is not reached) to the lower bound.
    """
    _, found = _left(name, data)
    total, table = found.balance.came_in["population"], found.tables["bound"].iloc[0]
    last = found.counts["end_state"].iloc[-1]
    t95 = float(table["t95_s"]) if np.isfinite(table["t95_s"]) else np.inf
    return {
        "gap": float(max(np.abs(people_sum(t) - total).max() for t in found.counts.values())),
        "arrived": float(last.iloc[:2].sum() / table["leaving"]),
        "bound": t95 / float(table["bound_s"]) if table["bound_s"] > 0.0 else np.inf,
        "people": float(total),
    }
