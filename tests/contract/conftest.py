"""The world of the toys: the small town with a few places more; each toy is one folder and one registry line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from scenarios.case import hazards
from twin.city import City, Resource
from twin.readers.city_folder import open_folder, save_folder

#: The registry lines: all that the rest of the house is told of a toy.
TOYS = {"smoke": "smoke", "venue": "venue", "walk": "walk"}


@pytest.fixture(scope="module")
def toys() -> Iterator[dict[str, str]]:
    """Register the toys: each one folder of this directory and one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        for name, package in TOYS.items():
            patch.setitem(hazards.HAZARDS, name, package)
        yield TOYS


@pytest.fixture(scope="session")
def town_folder(small_city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town as a city folder."""
    folder = tmp_path_factory.mktemp("towns") / "town"
    save_folder(make_town(small_city), folder)
    return folder


@pytest.fixture(scope="session")
def town(town_folder: Path) -> City:
    """The town, read back."""
    return open_folder(town_folder)


@pytest.fixture(scope="module")
def four(toys: dict[str, str], town_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of a storm on the town with the flood on 20 m cells and all three toys."""
    path = tmp_path_factory.mktemp("case") / "four.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 四种灾害, en: Four hazards}}
city: {town_folder}
start: 2026-06-20T18:00+08:00
hours: 0.5
forcing:
  rain: {{mm_h: 120, hours: 0.5}}
  wind: {{speed_m_s: 1.05, from_deg: 253}}
hazards:
  - flood: {{cell_m: 20}}
  - smoke
  - venue
  - walk
seed: 7
""",
        "utf-8",
    )
    return path


def make_town(city: City) -> City:
    """Return the small town with a venue, a school in the east, a bridge over its street, two side streets and crews."""
    west, north, crs = city.grid.west, city.grid.north, city.grid.crs

    def line(*points):
        return shapely.LineString([(west + x, north - y) for x, y in points])

    places = gpd.GeoDataFrame(
        {
            "id": ["v1", "k1"],
            "kind": ["venue", "school"],
            "name_zh": ["体育馆", "东校"],
            "name_en": ["Sports hall", "East school"],
            "capacity": [9000, 600],
        },
        geometry=[
            shapely.box(west + 600, north - 560, west + 720, north - 500),
            shapely.Point(west + 960, north - 600),
        ],
        crs=crs,
    )
    more = gpd.GeoDataFrame(
        {
            "id": ["bridge", "lane1", "lane4"],
            "u": ["k0", "n1", "n4"],
            "v": ["k1", "m1", "m4"],
            "name_zh": ["高架路", "北一巷", "南四巷"],
            "name_en": ["Bridge Road", "North Lane 1", "South Lane 4"],
            "road_class": ["primary", "residential", "residential"],
            "lanes": 2,
            "speed_kmh": 30.0,
            "level": [1, 0, 0],
            "underpass": False,
        },
        geometry=[line((500, 0), (500, 420)), line((200, 255), (200, 0)), line((800, 255), (800, 900))],
        crs=crs,
    )
    crews = (
        Resource("stewards-1", "hall_stewards", "安保一队", "Stewards 1", west + 650, north - 480, 3),
        Resource("ward-1", "ward_office", "街道办一组", "Ward office 1", west + 400, north - 300, 2),
    )
    return replace(
        city,
        id="town",
        facilities=gpd.GeoDataFrame(pd.concat([city.facilities, places], ignore_index=True), crs=crs),
        roads=gpd.GeoDataFrame(pd.concat([city.roads, more], ignore_index=True), crs=crs),
        resources=(*city.resources, *crews),
    )
