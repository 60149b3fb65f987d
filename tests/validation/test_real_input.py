"""The main job on real data: Kowloon to a report, Porto Alegre and OpenStreetMap extracts as imports, radar rain, CAP schema."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from lxml import etree
from pyproj import Transformer

import scenarios as sc
from scenarios.case.build import build_city
from twin.bridge import cap
from twin.errors import SourceError
from twin.grid import Grid
from twin.readers import osm
from twin.readers.city_folder import open_folder
from twin.readers.grid_series import read_rain_grid
from twin.readers.swmm_inp import read_drains

REFERENCE = Path(os.environ.get("ANLAN_REFERENCE", "-"))
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.exists(), reason="ANLAN_REFERENCE names no folder: published data not at hand"),
]
KOWLOON = REFERENCE / "hydro" / "hongkong_kowloon"
PORTO = REFERENCE / "hydro" / "porto_alegre"


def kowloon_build(tmp_path: Path) -> Path:
    build = {
        "schema": 1, "id": "kowloon", "name": {"zh": "九龙城", "en": "Kowloon City"}, "crs": "EPSG:2326", "cell_m": 5,
        "timezone": "Asia/Hong_Kong", "vertical_datum": "Hong Kong Principal Datum",
        "terrain": {"raster": str(KOWLOON / "dem_int_m.tif"), "crs": "EPSG:3857", "nodata": 0, "source": "reference"},
        "landcover": {"raster": str(KOWLOON / "landuse.tif"), "crs": "EPSG:3857", "source": "reference",
                      "classes": {10: 2, 30: 3, 31: 3, 32: 3, 33: 3, 34: 1, 35: 8, 36: 6, 37: 3, 60: 4, 61: 9, 62: 5, 63: 5, 64: 4}},
        "drains": {"inp": str(KOWLOON / "Kowloon_calibrated.inp"), "crs": "EPSG:3857", "source": "reference",
                   "replace": {"#r1#": 0.015, "#r2#": 0.015}},
    }  # fmt: skip
    path = tmp_path / "kowloon.yaml"
    path.write_text(yaml.safe_dump(build, allow_unicode=True), "utf-8")
    return path


@pytest.mark.slow
def test_kowloon_runs_to_a_report(tmp_path: Path) -> None:
    folder, findings = build_city(kowloon_build(tmp_path))
    found = {(f.code, f.values.get("layer")): f for f in findings}
    assert found["web_mercator", "terrain"].worst == "x 1.081" and ("web_mercator", "drains") in found
    assert found["integer_dem", None].count == 177_864
    assert ("layer_missing", "population") in found
    city = open_folder(folder)
    assert city.drains is not None
    assert ((city.drains.nodes["kind"] == "junction").sum(), len(city.drains.links)) == (662, 667)
    ratio = (
        city.drains.links["length_m"].sum() / read_drains(KOWLOON_FILLED(tmp_path), "EPSG:3857").links["length_m"].sum()
    )
    assert ratio == pytest.approx(0.9251, rel=0.01), "true length of a map metre at this latitude"
    scenario = tmp_path / "storm.yaml"
    scenario.write_text(
        yaml.safe_dump(
            {
                "schema": 1, "name": {"zh": "九龙城五十年一遇", "en": "Kowloon fifty-year storm"}, "city": "kowloon",
                "start": "2021-07-06T00:00+08:00", "hours": 4.5,
                "forcing": {"rain": {"gauge": str(KOWLOON / "prec_mm_50yr.dat"), "unit": "mm_h"}}, "hazards": [{"flood": {"cell_m": 10, "precision": "float64"}}],
            },
            allow_unicode=True,
        ),
        "utf-8",
    )  # fmt: skip
    run = sc.run(sc.load(scenario).check())
    balance = run.balances["flood"]  # float64: what is left is no rounding of float32
    assert abs(balance["relative_error"]) <= 1e-9 and abs(balance["remarks"]["swmm_continuity_error"]) <= 0.01
    page = (run.folder / "report.html").read_text("utf-8")
    assert "九龙城五十年一遇" in page and "no layer population" in page


def KOWLOON_FILLED(tmp_path: Path) -> Path:  # noqa: N802
    path = tmp_path / "filled.inp"
    path.write_text((KOWLOON / "Kowloon_calibrated.inp").read_text().replace("#r1#", "0.015").replace("#r2#", "0.015"))
    return path


def test_calibration_marks_in_a_swmm_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="#r1#"):
        read_drains(KOWLOON / "Kowloon_calibrated.inp", "EPSG:3857")


def test_porto_alegre_roads_and_population(tmp_path: Path) -> None:
    path = tmp_path / "poa.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "schema": 1, "id": "porto-alegre", "name": {"zh": "阿雷格里港", "en": "Porto Alegre"}, "crs": "EPSG:31982", "cell_m": 30,
                "timezone": "America/Sao_Paulo", "vertical_datum": "unknown",
                "terrain": {"raster": str(PORTO / "poa_elevation.tif"), "source": "reference"},
                "osm": {"osm": str(PORTO / "poa_osm.pbf"), "source": "OpenStreetMap contributors", "licence": "ODbL-1.0"},
                "population": {"file": str(PORTO / "poa_hexgrid.csv"), "source": "Ipea"},
            },
            allow_unicode=True,
        ),
        "utf-8",
    )  # fmt: skip
    folder, findings = build_city(path)
    city = open_folder(folder)
    assert 10_000 <= len(city.roads) <= 12_500, "roads from junction to junction; their 25 290 pieces joined"
    assert 4 <= city.roads["underpass"].sum() <= 6
    assert city.population["night"].sum() == pytest.approx(813_000, rel=0.02)
    assert {"integer_dem", "clipped_dem", "tag_missing"} <= {f.code for f in findings}


@pytest.mark.parametrize(
    ("name", "least", "crs"),
    [("beijing_haidian_2017.osm.gz", 600, "EPSG:4547"), ("shanghai_huangpu_2026_roads.osm.gz", 420, "EPSG:4549")],
)
def test_osm_extracts_of_chinese_cities_without_a_network(name, least, crs, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a reader opened a socket")

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    roads, findings = osm.read_roads(REFERENCE / "osm" / name, crs)
    assert least <= len(roads) <= 3 * least and set(roads["road_class"]) <= set(osm.CLASSES)
    assert roads["speed_kmh"].between(5, 130).all() and (roads["lanes"] >= 1).all()
    assert any(f.values.get("tag") == "maxspeed" for f in findings)
    if name.startswith("beijing"):
        houses = osm.read_buildings(REFERENCE / "osm" / name, crs)
        assert 450 <= len(houses) <= 540 and (houses.geometry.area > 0).all()
        assert {"school", "hospital"} <= set(osm.read_facilities(REFERENCE / "osm" / name, crs)["kind"])


def test_radar_rain_keeps_its_peak(tmp_path: Path) -> None:
    x, y = 545_000.0, 3_640_000.0
    grid = Grid("EPSG:32616", x, y + 30_000.0, 100.0, 300, 300)
    rain = read_rain_grid(
        REFERENCE / "hydro" / "radar_storms" / "mrms_20190610_2min.nc", grid, "rain_rate_mm_h", "mm/h"
    )
    assert rain.sizes["time"] == 37 and 0 < float(rain.max()) * 3.6e6 <= 150.5
    with pytest.raises(SourceError) as error:
        read_rain_grid(REFERENCE / "hydro" / "radar_storms" / "mrms_20190610_2min.nc", grid)
    assert error.value.code == "rain_variable"


def test_radar_rain_in_km_from_the_radar_needs_its_place() -> None:
    """Mt Stapylton; a city of 20 km on the crop: the wettest cell of the file stands where the radar's distances put it."""
    path = REFERENCE / "hydro" / "radar_storms" / "bom_brisbane_20201031_10min.nc"
    radar = Transformer.from_crs("EPSG:4326", "EPSG:28356", always_xy=True).transform(153.24, -27.718)
    grid = Grid("EPSG:28356", radar[0] - 35_000.0, radar[1] - 2_000.0, 100.0, 200, 200)
    with pytest.raises(SourceError) as error:
        read_rain_grid(path, grid, "precip_10min_mm", "mm")
    assert error.value.code == "rain_radar_place"
    rain = read_rain_grid(path, grid, "precip_10min_mm", "mm", radar=(153.24, -27.718))
    with xr.open_dataset(path, engine="h5netcdf") as raw:
        window = raw["precip_10min_mm"].sel(x=slice(-35, -15), y=slice(-2, -22)).sum("time")
    day = rain.isel(time=slice(0, -1)).sum("time") * 600.0 * 1000.0
    assert float(day.mean()) == pytest.approx(float(window.mean()), rel=0.05)
    wettest = day.where(day == day.max(), drop=True)
    at = window.where(window == window.max(), drop=True)
    assert float(wettest["x"][0]) - radar[0] == pytest.approx(float(at["x"][0]) * 1000.0, abs=1500.0)
    assert float(wettest["y"][0]) - radar[1] == pytest.approx(float(at["y"][0]) * 1000.0, abs=1500.0)


def test_cap_messages_are_valid_against_the_published_schema(storm: Path, tmp_path: Path) -> None:
    schema = etree.XMLSchema(etree.parse(REFERENCE / "platform" / "CAP-v1.2.xsd"))
    for mode in ("planning", "drill"):
        plan = sc.draft_plan(sc.run(sc.load(storm).with_changes(mode=mode)))
        for path in sc.export(plan, tmp_path / mode, ("cap",)):
            document = etree.parse(path)
            schema.assertValid(document)
            cap.check(document.getroot())
            assert document.findtext("{*}status") == ("Exercise" if mode == "drill" else "Draft")


def test_chinese_place_names_survive_the_round_trip(tmp_path: Path) -> None:
    from twin.readers.vector import read_places

    source = REFERENCE / "hydro" / "wuhan_waterlogging_points" / "named_points.csv"
    table, _ = read_places(source, "EPSG:4547", kind="underpass")
    assert len(table) == 9 and np.isfinite(table.geometry.x).all()
