"""Small worlds for the tests; no logic."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numba
import numpy as np
import pytest
import shapely
from hypothesis import settings

from twin.city import City, Layer, Resource, empty_table
from twin.grid import Grid
from twin.landcover import surface_of
from twin.readers.city_folder import open_folder, save_folder
from twin.readers.swmm_inp import drains_of

# On a build server the same examples every time; elsewhere new ones, which find new faults.
# No deadline: a first call may compile a kernel.
settings.register_profile("server", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("server" if os.environ.get("CI") else "here")

CRS = "EPSG:4547"
WEST, NORTH = 500_000.0, 3_400_000.0

SMALL_DRAINS = """[TITLE]
two streets into one outfall
[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
START_DATE 01/01/2026
START_TIME 00:00:00
END_DATE 01/01/2026
END_TIME 06:00:00
ROUTING_STEP 5
VARIABLE_STEP 0.75
[JUNCTIONS]
J1 21.0 2.6 0 0 0
J2 20.2 2.8 0 0 0
J3 19.4 2.9 0 0 0
[OUTFALLS]
O1 17.0 FREE NO
[CONDUITS]
C1 J1 J2 200 0.013 0 0
C2 J2 J3 200 0.013 0 0
C3 J3 O1 150 0.013 0 0
[XSECTIONS]
C1 CIRCULAR 0.5 0 0 0
C2 CIRCULAR 0.6 0 0 0
C3 CIRCULAR 0.8 0 0 0
[COORDINATES]
J1 500255 3399745
J2 500455 3399745
J3 500655 3399745
O1 500845 3399745
[SUBCATCHMENTS]
S1 G1 J1 1 50 100 0.5 0
[SUBAREAS]
S1 0.01 0.1 0.05 0.05 25 OUTLET
[INFILTRATION]
S1 3 0.5 4
[RAINGAGES]
G1 INTENSITY 0:05 1.0 TIMESERIES T1
[TIMESERIES]
T1 0:00 50
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module run in one process, so that it is made once."""
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        shared = any(fixture.scope == "module" for found in fixtures for fixture in found)
        if shared and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))


@pytest.fixture(scope="session", autouse=True)
def _session() -> None:
    """Messages in English; one kernel thread per test process, because the processes share the cores."""
    os.environ["ANLAN_LANG"] = "en"
    numba.set_num_threads(1)


@pytest.fixture(autouse=True)
def anlan_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a home folder of its own."""
    monkeypatch.setenv("ANLAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def make_small_city() -> City:
    """100 x 100 cells of 10 m: a gentle valley to the east, a basin at an underpass, one street, two rows of houses."""
    grid = Grid(CRS, WEST, NORTH, 10.0, 100, 100)
    xx, yy = np.meshgrid(grid.x - WEST, grid.y - NORTH + 1000.0)
    terrain = 24.0 - 0.004 * xx + 1.5e-5 * (yy - 745.0) ** 2
    terrain -= 1.8 * np.exp(-((xx - 500.0) ** 2 + (yy - 745.0) ** 2) / 40.0**2)
    cover = np.full(grid.shape, 3)
    cover[25, :] = 1
    for x0 in range(100, 900, 60):
        cover[20:23, x0 // 10 : x0 // 10 + 4] = 2
        cover[28:31, x0 // 10 : x0 // 10 + 4] = 2
    cover[60:80, 10:40] = 4
    houses = [
        shapely.box(WEST + x0, NORTH - y1, WEST + x0 + 40, NORTH - y0)
        for x0 in range(100, 900, 60)
        for y0, y1 in ((200, 230), (280, 310))
    ]
    y_street = NORTH - 255.0
    street = [shapely.LineString([(WEST + x, y_street), (WEST + x + 200, y_street)]) for x in range(0, 1000, 200)]
    roads = gpd.GeoDataFrame(
        {
            "id": [f"r{k}" for k in range(5)],
            "u": [f"n{k}" for k in range(5)],
            "v": [f"n{k + 1}" for k in range(5)],
            "name_zh": "长街",
            "name_en": "Long Street",
            "road_class": "secondary",
            "lanes": 2,
            "speed_kmh": 40.0,
            "level": 0,
            "underpass": [False, False, True, False, False],
        },
        geometry=street,
        crs=CRS,
    )
    facilities = gpd.GeoDataFrame(
        {
            "id": ["u1", "h1", "s1"],
            "kind": ["underpass", "hospital", "shelter"],
            "name_zh": ["长街下穿", "一医院", "中学避难所"],
            "name_en": ["Long Street underpass", "First Hospital", "School shelter"],
            "capacity": [0, 200, 500],
        },
        geometry=[
            shapely.Point(WEST + 500, y_street),
            shapely.Point(WEST + 720, y_street - 15),
            shapely.Point(WEST + 300, NORTH - 600),
        ],
        crs=CRS,
    )
    cells = [(i, j) for i in range(10) for j in range(10)]
    population = gpd.GeoDataFrame(
        {
            "id": [f"p{i}{j}" for i, j in cells],
            "day": 40.0,
            "night": [120.0 if i in (2, 3) else 6.0 for i, _ in cells],
            "under_15": 0.15,
            "over_65": 0.2,
        },
        geometry=[
            shapely.box(WEST + 100 * j, NORTH - 100 * (i + 1), WEST + 100 * (j + 1), NORTH - 100 * i) for i, j in cells
        ],
        crs=CRS,
    )
    blocks = gpd.GeoDataFrame(
        {"id": ["b1", "b2"], "name_zh": ["北街区", "南街区"], "name_en": ["North block", "South block"]},
        geometry=[
            shapely.box(WEST, NORTH - 400, WEST + 1000, NORTH),
            shapely.box(WEST, NORTH - 1000, WEST + 1000, NORTH - 400),
        ],
        crs=CRS,
    )
    return City(
        id="small",
        name_zh="小城",
        name_en="Small town",
        grid=grid,
        timezone="Asia/Shanghai",
        vertical_datum="test datum",
        surface=surface_of(terrain, cover, grid.y, grid.x),
        buildings=gpd.GeoDataFrame(
            {"id": [f"h{k:02d}" for k in range(len(houses))], "use": "residential", "floors": 3},
            geometry=houses,
            crs=CRS,
        ),
        roads=roads,
        population=population,
        facilities=facilities,
        blocks=blocks,
        sensors=empty_table("sensors", CRS),
        levees=empty_table("levees", CRS),
        venues=empty_table("venues", CRS),
        drains=drains_of(SMALL_DRAINS, CRS, "small"),
        resources=(
            Resource("police-1", "traffic_police", "交警一队", "Traffic police 1", WEST + 50, y_street, 2),
            Resource("drain-1", "drain_crew", "排水一队", "Drainage crew 1", WEST + 50, y_street, 1),
        ),
        layers={"terrain": Layer("made for tests", "2026-11-01", "CC0-1.0", "assumed", ("everything is invented",))},
    )


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small town as a city folder."""
    folder = tmp_path_factory.mktemp("cities") / "small"
    save_folder(make_small_city(), folder)
    return folder


@pytest.fixture(scope="session")
def small_city(small_folder: Path) -> City:
    """The small town, read back."""
    return open_folder(small_folder)


@pytest.fixture
def storm(small_folder: Path, tmp_path: Path) -> Path:
    """A one-hour storm on the small town."""
    path = tmp_path / "storm.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 小城暴雨, en: Storm on the small town}}
city: {small_folder}
start: 2026-06-20T18:00+08:00
hours: 1
forcing:
  rain: {{design: chicago, formula: wuhan-2020, return_period_years: 50, hours: 1}}
hazards:
  - flood: {{cell_m: 10}}
seed: 7
""",
        "utf-8",
    )
    return path


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the panel open in Chinese, whatever the locale is."""
    monkeypatch.setenv("ANLAN_LANG", "zh")
