"""Readers and exporters on small files: rain, population, facilities, shifted coordinates, drains, CAP rules, fonts."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import jsonschema
import numpy as np
import pytest
import shapely
from lxml import etree

import scenarios as sc
from twin.bridge import cap, plan_json
from twin.errors import ContractError, SourceError
from twin.grid import Grid
from twin.readers.china_shift import suspect, to_wgs84
from twin.readers.findings import check_city, check_imperviousness
from twin.readers.osm import read_roads
from twin.readers.raster import grid_of, read_raster, write_raster
from twin.readers.series import read_rain, read_stage
from twin.readers.swmm_inp import drains_of, reproject
from twin.readers.vector import read_places, read_population

SHANGHAI = ZoneInfo("Asia/Shanghai")
GRID = Grid("EPSG:4547", 500_000.0, 3_400_000.0, 10.0, 100, 100)


def test_rain_in_mm_and_in_mm_per_hour_is_the_same_rain(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,rain_mm\n2026-06-20 18:00,5\n2026-06-20 18:05,10\n", "utf-8")
    (tmp_path / "b.csv").write_text(
        "\ufefftime,rain_mm_h\n2026-06-20T10:00+00:00,60\n2026-06-20T10:05+00:00,120\n", "utf-8"
    )
    a, b = read_rain(tmp_path / "a.csv", SHANGHAI), read_rain(tmp_path / "b.csv", SHANGHAI)
    np.testing.assert_allclose(a.values, b.values)
    assert (a["time"].values == b["time"].values).all() and a.values[-1] == 0.0
    assert float((a.values[:-1] * 300).sum()) == pytest.approx(0.015)


def test_stage_reads_chinese_encodings(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(
        "# 水位站\ntime,stage_m,备注\n2026-06-20 18:00,18.5,正常\n2026-06-20 19:00,19.0,上涨\n".encode("gb18030")
    )
    assert read_stage(tmp_path / "s.csv", SHANGHAI).values.tolist() == [18.5, 19.0]


def test_shifted_coordinates_come_back_to_a_metre() -> None:
    # Tiananmen: WGS 84 116.39139, 39.90739 is about 116.39763, 39.90879 in GCJ-02
    lon, lat = to_wgs84(np.array([116.39763]), np.array([39.90879]), "GCJ-02")
    assert abs(lon[0] - 116.39139) < 3e-5 and abs(lat[0] - 39.90739) < 3e-5
    bd_lon, _ = to_wgs84(np.array([116.40403]), np.array([39.91513]), "BD-09")
    assert abs(bd_lon[0] - 116.3914) < 2e-4


def test_a_shifted_layer_is_suspected_and_a_true_one_is_not() -> None:
    lon, lat = 114.0 + np.linspace(0.0, 0.02, 30), np.full(30, 30.72)
    x, y = (
        np.asarray(v)
        for v in gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs="EPSG:4326")
        .to_crs("EPSG:4547")
        .get_coordinates()
        .values.T
    )
    road = shapely.LineString(np.column_stack([x, y]))
    assert suspect(lon, lat, road, "EPSG:4547") is None
    wrong_lon, wrong_lat = 2 * lon - to_wgs84(lon, lat, "GCJ-02")[0], 2 * lat - to_wgs84(lon, lat, "GCJ-02")[1]
    seen = suspect(wrong_lon, wrong_lat, road, "EPSG:4547")
    assert seen is not None and seen[0] == "GCJ-02" and seen[2] < 10 < seen[1]


def test_population_raster_is_summed_to_cells_of_100_m(tmp_path: Path) -> None:
    count = np.zeros((100, 100), np.float32)
    count[:10, :10] = 0.5
    write_raster(tmp_path / "p.tif", count, GRID, -1.0)
    cells, _ = read_population(tmp_path / "p.tif", GRID)
    assert (
        len(cells) == 1
        and cells["night"].iloc[0] == pytest.approx(50.0)
        and cells.geometry.area.iloc[0] == pytest.approx(1e4)
    )


def test_coarse_population_keeps_its_own_cells_and_its_density(tmp_path: Path) -> None:
    coarse = Grid("EPSG:4547", 500_000.0, 3_400_000.0, 500.0, 2, 2)
    write_raster(tmp_path / "p.tif", np.full((2, 2), 5000.0, np.float32), coarse, -1.0)
    cells, outside = read_population(tmp_path / "p.tif", GRID)
    assert not outside and cells["night"].sum() == 20_000
    assert cells.geometry.area.tolist() == pytest.approx([250_000.0] * 4, rel=1e-6)
    write_raster(tmp_path / "n.tif", np.full((2, 2), -5.0, np.float32), coarse, -1.0)
    with pytest.raises(SourceError) as error:
        read_population(tmp_path / "n.tif", GRID)
    assert error.value.code == "population_negative"


def test_population_table_becomes_squares_and_refuses_bad_counts(tmp_path: Path) -> None:
    x, y = np.meshgrid(500_150 + 300 * np.arange(3), 3_399_850 - 300 * np.arange(3))
    points = gpd.GeoSeries(gpd.points_from_xy(x.ravel(), y.ravel()), crs="EPSG:4547").to_crs("EPSG:4326")
    rows = [f"{p.x},{p.y},{100 + k}" for k, p in enumerate(points)]
    (tmp_path / "hex.csv").write_text("lon,lat,population\n" + "\n".join(rows), "utf-8")
    cells, outside = read_population(tmp_path / "hex.csv", GRID)
    assert not outside and cells["night"].sum() == 936 and cells.geometry.area.min() > 1e4
    (tmp_path / "bad.csv").write_text("lon,lat,population\n114.0,30.7,-5\n114.1,30.7,5\n", "utf-8")
    with pytest.raises(SourceError, match="-5"):
        read_population(tmp_path / "bad.csv", GRID)
    (tmp_path / "who.csv").write_text("lon,lat,population,phone\n114.0,30.7,5,1\n114.1,30.7,5,2\n", "utf-8")
    with pytest.raises(SourceError) as error:
        read_population(tmp_path / "who.csv", GRID)
    assert error.value.code == "personal_columns"


def test_coordinates_that_are_no_numbers_or_no_crs_are_named(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("name,lon,lat\na,abc,30.7\n", "utf-8")
    with pytest.raises(SourceError, match="abc"):
        read_places(tmp_path / "h.csv", "EPSG:4547", kind="hospital")
    with pytest.raises(SourceError) as error:
        read_places(tmp_path / "h.csv", "EPSG:4547", "GCJ02", "hospital")
    assert error.value.code == "crs_unknown"


def test_facilities_from_a_chinese_table(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("名称,经度 (Longitude),纬度 (Latitude)\n一医院,114.001,30.70\n", "utf-8")
    table, _ = read_places(tmp_path / "h.csv", "EPSG:4547", kind="hospital")
    assert table["name_zh"].tolist() == ["一医院"] and table["kind"].tolist() == ["hospital"]


@pytest.mark.parametrize("what", ["missing", "text", "empty"])
def test_unreadable_rasters_are_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "t.tif"
    if what == "text":
        path.write_text("not a raster")
    if what == "empty":
        write_raster(path, np.full(GRID.shape, -1.0, np.float32), GRID, -1.0)
    with pytest.raises(SourceError, match=r"t\.tif"):
        read_raster(path)


def test_a_raster_keeps_its_grid(tmp_path: Path) -> None:
    values = np.arange(10_000, dtype=np.float32).reshape(GRID.shape)
    write_raster(tmp_path / "t.tif", values, GRID, -9999.0)
    raster = read_raster(tmp_path / "t.tif")
    assert grid_of(raster).bounds == GRID.bounds and (raster.values == values).all()


OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="30.700" lon="114.000"/><node id="2" lat="30.700" lon="114.002"/><node id="3" lat="30.700" lon="114.004"/>
<node id="4" lat="30.702" lon="114.002"/><node id="5" lat="30.701" lon="114.001"/>
<way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="primary"/><tag k="name" v="人民路"/><tag k="lanes" v="6"/></way>
<way id="11"><nd ref="2"/><nd ref="4"/><tag k="highway" v="residential"/><tag k="maxspeed" v="30 mph"/></way>
<way id="12"><nd ref="1"/><nd ref="5"/><nd ref="4"/><tag k="waterway" v="river"/></way>
</osm>"""


def test_osm_keeps_roads_only_and_says_what_is_assumed(tmp_path: Path) -> None:
    (tmp_path / "x.osm").write_text(OSM, "utf-8")
    roads, findings = read_roads(tmp_path / "x.osm", "EPSG:4547")
    assert len(roads) == 3 and set(roads["road_class"]) == {"primary", "residential"}
    assert roads.loc[roads["road_class"] == "primary", "lanes"].tolist() == [6, 6]
    assert roads.loc[roads["road_class"] == "residential", "speed_kmh"].iloc[0] == pytest.approx(48.3, abs=0.1)
    assert {f.values.get("tag", f.code): f.count for f in findings} == {"maxspeed": 2, "lanes": 1, "oneway_missing": 3}
    (tmp_path / "no.osm").write_text(OSM.replace("highway", "landuse"), "utf-8")
    with pytest.raises(SourceError):
        read_roads(tmp_path / "no.osm", "EPSG:4547")


def test_drains_on_web_mercator_get_true_lengths(small_city) -> None:
    mercator, _ = reproject(small_city.drains.inp, "EPSG:4547", "EPSG:3857")
    drawn = drains_of(mercator, "EPSG:3857", "x").links.geometry.length.values
    inflated = mercator
    for link, given, on_map in zip(("C1 J1 J2", "C2 J2 J3", "C3 J3 O1"), (200, 200, 150), drawn, strict=True):
        assert f"{link} {given} " in inflated
        inflated = inflated.replace(f"{link} {given} ", f"{link} {on_map:.3f} ")
    back, ratio = reproject(inflated, "EPSG:3857", "EPSG:4547")
    assert ratio == pytest.approx(np.cos(np.radians(30.7)), rel=0.01)
    lengths = drains_of(back, "EPSG:4547", "x").links
    assert lengths["length_m"].iloc[0] == pytest.approx(200.0, rel=1e-3)
    assert lengths["length_m"].tolist() == pytest.approx(lengths.geometry.length.tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("J2 20.2 2.8", "J1 20.2 2.8", "duplicate_ids"),
        ("C3 J3 O1", "C3 J3 O9", "swmm_loose"),
        ("J2 500455 3399745\n", "", "swmm_coordinates"),
        ("FLOW_UNITS CMS", "FLOW_UNITS BUCKETS", "swmm_units"),
        ("C1 J1 J2 200 0.013", "C1 J1 J2 200 #r1#", "swmm_value"),
    ],
)
def test_faulty_drains_are_named(small_city, old, new, code) -> None:
    assert old in small_city.drains.inp
    with pytest.raises(SourceError) as error:
        drains_of(small_city.drains.inp.replace(old, new), "EPSG:4547", "x")
    assert error.value.code == code


def test_the_check_report_finds_the_usual_lies(small_city) -> None:
    import dataclasses

    inp = small_city.drains.inp
    lies = (
        inp.replace("J1 21.0 2.6", "J1 21.0 6.6")
        .replace("C2 J2 J3 200 0.013 0 0", "C2 J3 J2 200 0.013 0 0")
        .replace("J3 500655", "J3 900655")
    )
    city = dataclasses.replace(small_city, drains=drains_of(lies, "EPSG:4547", "x"))
    found = {f.code: f for f in check_city(city)}
    assert (
        found["lid_above"].place == "J1" and found["reverse_slope"].place == "C2" and found["nodes_off"].place == "J3"
    )
    rows = "\n".join(f"S{k} G J1 1 0.{k} 100 0.5 0" for k in range(1, 6))
    assert check_imperviousness(f"[SUBCATCHMENTS]\n{rows}\n")[0].code == "imperv_fraction"
    assert not check_imperviousness(f"[SUBCATCHMENTS]\n{rows.replace('0.', '5')}\n")
    assert not {"reverse_slope", "nodes_off"} & {f.code for f in check_city(small_city)}


@pytest.fixture
def plan(storm: Path):
    return sc.draft_plan(sc.run(sc.load(storm)))


def test_the_plan_survives_json_and_obeys_its_schema(plan) -> None:
    raw = plan_json.to_dict(plan)
    schema = json.loads((Path(plan_json.__file__).with_name("plan.schema.json")).read_text("utf-8"))
    jsonschema.validate(raw, schema)
    assert plan_json.from_dict(raw) == plan


def test_cap_rules_catch_what_the_schema_does_not(plan, tmp_path: Path) -> None:
    path = next(p for p in sc.export(plan, tmp_path, ("cap",)))
    good = etree.parse(path).getroot()
    cap.check(good)
    faults = {
        "status": lambda r: r.find("{*}status").__setattr__("text", "Ac" + "tual"),
        "identifier": lambda r: r.find("{*}identifier").__setattr__("text", "a b"),
        "sent": lambda r: r.find("{*}sent").__setattr__("text", "2026-06-20T18:00:00Z"),
        "polygon": lambda r: r.find(".//{*}polygon").__setattr__("text", "30,114 30,115 31,115"),
        "info": lambda r: r.remove(r.findall("{*}info")[1]),
        "restriction": lambda r: r.remove(r.find("{*}restriction")),
    }
    for tag, spoil in faults.items():
        bad = copy.deepcopy(good)
        spoil(bad)
        with pytest.raises(ContractError) as error:
            cap.check(bad)
        assert error.value.values["tag"] == tag


def test_geojson_is_longitude_first(plan, tmp_path: Path) -> None:
    path = next(p for p in sc.export(plan, tmp_path, ("geojson",)) if p.name == "levels.geojson")
    features = json.loads(path.read_text("utf-8"))["features"]
    points = [f["geometry"]["coordinates"] for f in features if f["geometry"]["type"] == "Point"]
    assert points and all(113 < lon < 116 and 30 < lat < 31 for lon, lat in points)


def test_an_export_that_fails_leaves_nothing(plan, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="pigeon"):
        sc.export(plan, tmp_path / "out", ("json", "pigeon"))
    assert not (tmp_path / "out").exists()


def test_chinese_letters_need_no_font_on_the_machine(tmp_path: Path) -> None:
    """With an empty font configuration the map still draws Chinese: a box for every letter would look alike."""
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    code = """
import matplotlib, numpy as np
from io import BytesIO
from matplotlib.figure import Figure
from twin.bridge.fonts import family, embedded
import matplotlib.image as mpimg
pictures = []
for letter in "安澜":
    with matplotlib.rc_context({"font.family": family()}):
        figure = Figure(figsize=(1, 1)); figure.text(0.2, 0.2, letter, fontsize=40)
        out = BytesIO(); figure.savefig(out, format="png"); out.seek(0); pictures.append(mpimg.imread(out))
assert np.abs(pictures[0] - pictures[1]).sum() > 50
assert len(embedded("安澜")) > 500
"""
    env = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
