"""A city of 20 x 20 cells: one home, one shelter, a short and a long road between them, a tank, a hall; two pits for water."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from twin.city import City, Layer, empty_table
from twin.grid import Grid
from twin.landcover import surface_of

CRS = "EPSG:4547"
WEST, NORTH = 500_000.0, 3_400_000.0
CELL_M = 50.0

#: Where things are, m east and south of the north-western corner: centres of cells.
HOME, SHELTER, PIT, TANK = (125.0, 525.0), (725.0, 525.0), (425.0, 525.0), (525.0, 825.0)

#: Lengths of the short and the long road, m, and how fast they are run, m/s.
SHORT_M, LONG_M, CAR_M_S, WALK_M_S = 600.0, 1200.0, 10.0, 1.0

#: Depth at which the tank floats, m.
FLOATS_M = 0.4

#: Persons at home: a car of two, and two on foot.
PERSONS = 4


def at(x: float, y: float) -> tuple[float, float]:
    """Return a place on the map, `x` m east and `y` m south of the corner."""
    return WEST + x, NORTH - y


def _square(x: float, y: float, half: float) -> shapely.Polygon:
    return shapely.box(WEST + x - half, NORTH - y - half, WEST + x + half, NORTH - y + half)


def make() -> City:
    """Return the city: flat, paved and closed, but for two pits of one cell, 5 m deep."""
    grid = Grid(CRS, WEST, NORTH, CELL_M, 20, 20)
    terrain = np.full(grid.shape, 20.0)
    for x, y in (PIT, TANK):
        terrain[int(y // CELL_M), int(x // CELL_M)] = 15.0
    north = [(HOME[0], 225.0), (SHELTER[0], 225.0)]
    ways = {"short": [HOME, SHELTER], "long-1": [HOME, north[0]], "long-2": north, "long-3": [north[1], SHELTER]}
    ends = {"short": ("h", "s"), "long-1": ("h", "a"), "long-2": ("a", "b"), "long-3": ("b", "s")}
    roads = gpd.GeoDataFrame(
        {
            "id": list(ways), "u": [ends[k][0] for k in ways], "v": [ends[k][1] for k in ways],
            "name_zh": ["近路", "远路一", "远路二", "远路三"], "name_en": ["Short way", "Long way 1", "Long way 2", "Long way 3"],
            "road_class": "secondary", "lanes": 2, "speed_kmh": 3.6 * CAR_M_S, "level": 0, "underpass": False,
        },
        geometry=[shapely.LineString([at(*p) for p in way]) for way in ways.values()],
        crs=CRS,
    )  # fmt: skip
    facilities = gpd.GeoDataFrame(
        {
            "id": ["pit", "haven", "T1", "hall"], "kind": ["underpass", "shelter", "tank", "venue"],
            "name_zh": ["近路下凹处", "避难所", "储罐", "礼堂"], "name_en": ["Dip of the short way", "Shelter", "Tank", "Hall"],
            "capacity": [0.0, 100.0, 0.0, 50.0], "substance": [None, None, "chlorine", None],
            "mass_kg": [np.nan, np.nan, 5000.0, np.nan], "floats_m": [np.nan, np.nan, FLOATS_M, np.nan],
        },
        geometry=[shapely.Point(at(*PIT)), shapely.Point(at(*SHELTER)), shapely.Point(at(*TANK)), _square(*HALL, 10.0)],
        crs=CRS,
    )  # fmt: skip
    home = gpd.GeoDataFrame(
        {"id": ["home"], "day": [float(PERSONS)], "night": [float(PERSONS)], "under_15": 0.0, "over_65": 0.0, "car_share": 0.5},
        geometry=[_square(*HOME, 50.0)],
        crs=CRS,
    )  # fmt: skip
    blocks = gpd.GeoDataFrame(
        {"id": ["b-home", "b-works"], "name_zh": ["居民区", "厂区"], "name_en": ["Homes", "Works"]},
        geometry=[_square(*HOME, 100.0), _square(*TANK, 100.0)],
        crs=CRS,
    )
    return City(
        id="chain-town", name_zh="链条小城", name_en="Chain town", grid=grid, timezone="Asia/Shanghai",
        vertical_datum="none", surface=surface_of(terrain, np.ones(grid.shape, int), grid.y, grid.x),
        buildings=empty_table("buildings", CRS), roads=roads, population=home, facilities=facilities, blocks=blocks,
        sensors=empty_table("sensors", CRS), levees=empty_table("levees", CRS), venues=_hall(),
        layers={"terrain": Layer("made by hand", "2026-11-01", "CC0-1.0", "assumed", ("everything is invented",))},
    )  # fmt: skip


#: The hall: 20 m x 20 m with one gate in its eastern wall, which is shut.
HALL = (225.0, 725.0)


def _hall() -> gpd.GeoDataFrame:
    """Return the plan of the hall."""
    outline, gate = (
        _square(*HALL, 10.0),
        shapely.LineString([at(HALL[0] + 10, HALL[1] - 1), at(HALL[0] + 10, HALL[1] + 1)]),
    )
    walls = outline.exterior.difference(gate.buffer(0.005, cap_style="flat"))
    return gpd.GeoDataFrame(
        {
            "id": ["hall/wall", "hall/source", "hall/gate"], "kind": ["wall", "source", "gate"], "venue": "hall",
            "name_zh": ["墙", "场内", "东门"], "name_en": ["Wall", "Floor", "East gate"], "opens": [True, True, False],
        },
        geometry=[walls, _square(*HALL, 8.0), gate],
        crs=CRS,
    )  # fmt: skip
