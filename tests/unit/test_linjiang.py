"""The demonstration city: its program makes it again, and it has what a city has."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np

import data.linjiang.make_city as program
import scenarios as sc
from data import linjiang

FOLDER = Path(linjiang.__file__).parent


def test_the_same_program_makes_the_same_city(tmp_path: Path) -> None:
    program.rng = np.random.default_rng(program.SEED)
    program.make(tmp_path / "again")
    for name in ("terrain.tif", "landcover.tif", "drains.inp", "resources.yaml", "city.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == (FOLDER / name).read_bytes(), name
    for path in sorted((tmp_path / "again").glob("*.parquet")):
        assert gpd.read_parquet(path).equals(gpd.read_parquet(FOLDER / path.name)), path.name


def test_it_has_what_a_city_has() -> None:
    city = sc.open_city("linjiang")
    west, south, east, north = city.grid.bounds
    assert (east - west, north - south) == (4000.0, 4000.0)
    assert 4000 <= len(city.buildings) <= 8000
    assert abs(city.population["night"].sum() - 200_000) < 500
    assert (city.drains.nodes["kind"] == "junction").sum() >= 400
    assert city.drains.nodes["river"].sum() >= 5, "outfalls stand in the river"
    wanted = {
        "hospital",
        "school",
        "care_home",
        "shelter",
        "hazardous_site",
        "tank",
        "metro_line",
        "metro_entrance",
        "underpass",
        "venue",
        "pump_station",
    }
    assert wanted <= set(city.facilities["kind"])
    assert {"rain_gauge", "stage_gauge", "level_gauge"} <= set(city.sensors["kind"])
    assert {"drain_crew", "pump_team", "traffic_police"} <= {r.kind for r in city.resources}
    assert nx.is_connected(nx.Graph(city.road_graph))
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < 15e6


def test_drains_run_downhill_to_an_outfall() -> None:
    drains = sc.open_city("linjiang").drains
    flow = nx.DiGraph(zip(drains.links["from_node"], drains.links["to_node"], strict=True))
    ends = set(drains.nodes.loc[drains.nodes["kind"] == "outfall", "id"])
    reached = set().union(*(nx.ancestors(flow, end) for end in ends)) | ends
    assert set(drains.nodes["id"]) <= reached
    streets = drains.links[drains.links["id"].str.startswith("P_n") | drains.links["id"].str.startswith("P_m")]
    assert (streets["offset_in_m"] >= streets["offset_out_m"] - 1e-6).all()
