"""Made-up air and a made-up town for the cases."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from evacuation.release.weather import Air
from twin.city import City, empty_table
from twin.clock import Clock
from twin.grid import Grid
from twin.landcover import surface_of

CRS = "EPSG:4547"
WEST, NORTH = 500_000.0, 3_400_000.0


def even_air(ustar: float, inv_l: float, lateral: float, z0: float = 0.1, highest_m: float = 1e4) -> Air:
    """Return air that is the same everywhere and moves east."""
    return Air(
        z0=np.full((1, 1), z0), ustar=np.full((1, 1), ustar), west=-1e5, north=1e5, tile_m=2e5, inv_l=inv_l, lateral=lateral,
        highest_m=highest_m, density=1.2, east=1.0, north_ward=0.0, wind=3.0, temperature=293.15,
    )  # fmt: skip


def town() -> City:
    """Return a town of 2 km by 2 km with one tank of chlorine in its west, a few houses, four blocks and streets every 200 m."""
    grid = Grid(CRS, WEST, NORTH, 20.0, 100, 100)
    houses = [
        shapely.box(WEST + x, NORTH - y - 15, WEST + x + 40, NORTH - y)
        for x in range(400, 1600, 80)
        for y in range(600, 1400, 60)
    ]
    blocks = [shapely.box(WEST + 1000 * i, NORTH - 1000 * (j + 1), WEST + 1000 * (i + 1), NORTH - 1000 * j)
              for i in (0, 1) for j in (0, 1)]  # fmt: skip
    names = [f"b{k}" for k in range(4)]
    tank = {
        "id": ["works/T1"], "kind": ["tank"], "name_zh": ["一号罐"], "name_en": ["Tank 1"], "capacity": [0],
        "substance": ["chlorine"], "mass_kg": [2000.0], "phase": ["pressurised_liquid"], "temperature_k": [298.15],
        "pressure_pa": [7.8e5], "floats_m": [0.6],
    }  # fmt: skip
    return City(
        id="town",
        name_zh="小镇",
        name_en="Town",
        grid=grid,
        timezone="Asia/Shanghai",
        vertical_datum="made up",
        surface=surface_of(np.full(grid.shape, 20.0), np.full(grid.shape, 3), grid.y, grid.x),
        buildings=gpd.GeoDataFrame(
            {"id": [f"h{k}" for k in range(len(houses))], "use": "residential", "floors": 5}, geometry=houses, crs=CRS
        ),
        roads=streets(200.0, 9),
        population=empty_table("population", CRS),
        facilities=gpd.GeoDataFrame(tank, geometry=[shapely.Point(WEST + 300, NORTH - 1010)], crs=CRS),
        blocks=gpd.GeoDataFrame({"id": names, "name_zh": names, "name_en": names}, geometry=blocks, crs=CRS),
        sensors=empty_table("sensors", CRS),
        levees=empty_table("levees", CRS),
        venues=empty_table("venues", CRS),
    )


def streets(apart_m: float, count: int) -> gpd.GeoDataFrame:
    """Return streets in a square grid of `count` by `count` crossings."""
    at = {(i, j): (WEST + apart_m * (i + 1), NORTH - apart_m * (j + 1)) for i in range(count) for j in range(count)}
    ends = [((i, j), (i + a, j + 1 - a)) for i, j in at for a in (1, 0) if (i + a, j + 1 - a) in at]
    ids = [f"s{k}" for k in range(len(ends))]
    return gpd.GeoDataFrame(
        {
            "id": ids, "u": [str(u) for u, _ in ends], "v": [str(v) for _, v in ends], "name_zh": ids, "name_en": ids,
            "road_class": "residential", "lanes": 2, "speed_kmh": 30.0, "level": 0, "underpass": False,
        },
        geometry=[shapely.LineString([at[u], at[v]]) for u, v in ends],
        crs=CRS,
    )  # fmt: skip


def wind(clock: Clock, rows: dict[float, tuple[float, float]]) -> dict[str, xr.DataArray]:
    """Return the drivers of a wind: seconds -> (eastward, northward) m/s from then on."""
    times = [clock.times[0] + pd.Timedelta(seconds=s) for s in rows]
    return {
        name: xr.DataArray([row[k] for row in rows.values()], {"time": times}, ("time",), name)
        for k, name in enumerate(("eastward_wind", "northward_wind"))
    }
