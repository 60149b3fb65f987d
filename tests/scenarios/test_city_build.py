"""A city from a build file: the page's own example works, layers come from files, and what was found is said in every run."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from pyproj import Transformer

import scenarios as sc
from evacuation.release.release import Release
from scenarios.case.build import build_city, check_any
from twin.city import City
from twin.clock import Clock
from twin.errors import SourceError, TwinError
from twin.grid import Grid
from twin.readers.city_folder import open_folder
from twin.readers.raster import write_raster
from twin.words import say

CRS, WEST, NORTH = "EPSG:4547", 500_000.0, 3_381_000.0
PAGE = Path(__file__).parents[2] / "docs" / "your_city.md"
DRAINS = """[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING KINWAVE
[JUNCTIONS]
J1 22.0 3.0 0 0 0
[OUTFALLS]
O1 20.0 FREE NO
[CONDUITS]
C1 J1 O1 200 0.013 0 0
[XSECTIONS]
C1 CIRCULAR 0.5 0 0 0 1
[COORDINATES]
J1 500100 3380900
O1 500300 3380900
[RDII]
J1 UH1 20
"""


def at(x: float, y: float) -> tuple[float, float]:
    return WEST + x, NORTH - 400 + y


def line(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([at(*p) for p in points])


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(*at(x0, y0), *at(x1, y1))


def table(shapes: list[shapely.Geometry], **columns: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The files that the page's example names: 400 m by 400 m that fall to the east."""
    grid = Grid(CRS, WEST, NORTH, 5.0, 80, 80)
    write_raster(
        tmp_path / "dem.tif", np.tile((25.0 - 0.004 * (grid.x - WEST)).astype(np.float32), (80, 1)), grid, -9999.0
    )
    write_raster(tmp_path / "landuse.tif", np.full(grid.shape, 60, np.uint8), grid, 0)
    (tmp_path / "drains.inp").write_text(DRAINS, "utf-8")
    lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    nodes = "".join(
        '<node id="{}" lon="{:.7f}" lat="{:.7f}"/>'.format(k, *lonlat(*at(*p)))
        for k, p in enumerate([(20, 200), (380, 200)])
    )
    way = '<way id="9"><nd ref="0"/><nd ref="1"/><nd ref="7"/><tag k="highway" v="primary"/></way>'
    (tmp_path / "extract.osm.gz").write_bytes(gzip.compress(f'<osm version="0.6">{nodes}{way}</osm>'.encode()))
    table(
        [line((0, 100), (200, 100), (400, 100)), line((200, 0), (200, 100)), line((300, 50), (300, 150)), line((0, 5), (9, 5))],
        name=["东西路", "南路", "跨线桥", "小径"], fclass=["secondary", "支路", "tertiary", "footway"], bridge=["F", "F", "T", "F"],
        oneway=["B", "T", "F", "B"],
    ).to_file(tmp_path / "roads.shp", encoding="gb18030")  # fmt: skip
    (tmp_path / "roads.cpg").unlink()
    table([box(10, 10, 30, 30), box(50, 10, 70, 30)], height=[18.0, None], year_built=[1987, 0]).to_file(
        tmp_path / "buildings.gpkg"
    )
    table([box(390, 0, 400, 400)]).to_file(tmp_path / "water.geojson")
    table([line((385, 0), (385, 400))], crest_m=[26.5]).to_file(tmp_path / "levees.geojson")
    lon, lat = lonlat(*at(100, 100))
    rows = pd.DataFrame(
        {"id": ["p1"], "kind": ["pump_team"], "name": ["泵车一队"], "lon": [lon], "lat": [lat], "flow_m3_s": [0.8]}
    )
    rows.to_csv(tmp_path / "crews.csv", index=False)
    pd.DataFrame({"name": ["医院"], "lon": [lon], "lat": [lat]}).to_csv(tmp_path / "hospitals.csv", index=False)
    tanks = {"id": ["w/T1"], "substance": ["氯"], "mass_kg": [900.0], "floats_m": [None], "lon": [lon], "lat": [lat]}
    pd.DataFrame(tanks).to_csv(tmp_path / "tanks.csv", index=False)
    pd.DataFrame({"id": ["g1"], "most_kg_m3": [0.01], "lon": [lon], "lat": [lat]}).to_csv(
        tmp_path / "detectors.csv", index=False
    )
    table([box(0, 0, 800, 400)], population=[1000]).to_file(tmp_path / "census.gpkg")
    example = PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "city.yaml").write_text(example, "utf-8")
    return tmp_path


@pytest.fixture
def built(sources: Path) -> City:
    return open_folder(build_city(sources / "city.yaml")[0])


def test_the_example_of_the_page_builds_with_every_layer_it_names(built: City) -> None:
    assert built.layers["terrain"].date == "2024-05-01", "a bare date of YAML is its text"
    roads = built.roads.sort_values("id")
    assert roads["name_zh"].tolist() == ["东西路", "东西路", "南路", "跨线桥"]
    assert roads["road_class"].tolist() == ["secondary", "secondary", "tertiary", "tertiary"]
    assert roads["level"].tolist() == [0, 0, 0, 1] and roads.length.tolist() == pytest.approx([200, 200, 100, 100])
    assert roads["oneway"].tolist() == [False, False, True, True] and roads["lanes"].tolist() == [4, 4, 1, 1]
    assert [line.coords[0][1] > line.coords[-1][1] for line in roads.geometry[2:]] == [True, False], (
        "drawn as they are run"
    )
    ends = [{u, v} for u, v in zip(roads["u"], roads["v"], strict=True)]
    assert len(ends[0] & ends[1] & ends[2]) == 1, "three roads meet where one ends on the other"
    assert not ends[3] & (ends[0] | ends[1] | ends[2]), "a road that only crosses does not meet"
    assert built.buildings["floors"].tolist() == [6, 3]
    years = built.buildings["built"]
    assert years[0] == 1987.0 and years.isna().tolist() == [False, True]
    river = built.surface["river"].values
    assert river[:, 78:].all() and not river[:, :78].any()
    assert built.levees["crest_m"].tolist() == [26.5]
    (team,) = built.resources
    assert (team.kind, team.name_zh, team.values) == ("pump_team", "泵车一队", {"flow_m3_s": 0.8})
    assert built.population["night"].sum() == pytest.approx(500.0)
    tank = built.facilities[built.facilities["id"] == "w/T1"].iloc[0]
    assert (tank["kind"], tank["substance"], tank["mass_kg"], tank["name_zh"]) == ("tank", "氯", 900.0, "w/T1")
    assert np.isnan(tank["floats_m"]) and built.facilities["capacity"].tolist() == [0]
    assert built.sensors[["id", "kind", "most_kg_m3"]].values.tolist() == [["g1", "gas_detector", 0.01]]


def test_a_leak_of_a_tank_of_an_own_city_knows_what_the_tank_holds(built: City) -> None:
    tanks = Release(substance="chlorine", site="w/T1", mass_kg=901.0)
    with pytest.raises(TwinError, match=r"901 kg.* 900 kg") as error:
        tanks.check(built, {}, Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0))
    assert error.value.code == "release_too_much"


def test_a_tank_that_is_wrong_or_of_a_substance_without_a_table_is_told_by_the_check(sources: Path) -> None:
    text = (sources / "tanks.csv").read_text("utf-8")
    (sources / "tanks.csv").write_text(text.replace("氯", "unobtainium"), "utf-8")
    told = [f.values["says"].values for f in check_any(str(sources / "city.yaml")) if f.code == "noted"]
    assert {"tank": "w/T1", "substance": "unobtainium"} in told
    (sources / "tanks.csv").write_text(text.replace(",900.0,", ",-900.0,"), "utf-8")
    with pytest.raises(TwinError, match=r"w/T1.*mass_kg"):
        check_any(str(sources / "city.yaml"))


def test_what_the_build_found_is_said_in_every_run(built: City, sources: Path) -> None:
    codes = [f.code for f in built.findings]
    assert {"people_outside", "floors_missing", "roads_no_class", "ways_clipped"} <= set(codes)
    assert not {"layer_missing", "noted"} & set(codes)
    raw = {
        "schema": 1, "name": {"zh": "雨", "en": "rain"}, "city": "my-city", "start": "2026-06-20T18:00+08:00", "hours": 0.25,
        "forcing": {"rain": {"mm_h": 60, "hours": 0.25}}, "hazards": [{"flood": {"cell_m": 10}}],
    }  # fmt: skip
    (sources / "case.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    run = sc.run(sc.load(sources / "case.yaml").check())
    notes = [say(f"note.{code}", lang="en", **values) for code, values in run.notes]
    assert any("500 of 1000 people are outside" in note for note in notes)
    assert any("[RDII]" in note for note in notes) and any("KINWAVE" in note for note in notes)
    page = (run.folder / "report.html").read_text("utf-8")
    assert "1000人中有500人在城外" in page or "500 of 1000 people are outside" in page


def test_a_check_of_the_folder_repeats_what_only_its_build_could_see(built: City) -> None:
    codes = [f.code for f in check_any(built.id)]
    assert {"people_outside", "floors_missing", "roads_no_class", "noted"} <= set(codes)


def test_a_check_meets_what_a_run_would(sources: Path) -> None:
    told = [f.values["says"].values for f in check_any(str(sources / "city.yaml")) if f.code == "noted"]
    assert told == [{"sections": ["[RDII]"]}, {"asked": "KINWAVE"}]
    (sources / "drains.inp").write_text(DRAINS.replace("C1 CIRCULAR 0.5 0 0 0 1", ""), "utf-8")
    for ask in (check_any, lambda p: build_city(Path(p))):
        with pytest.raises(SourceError, match="C1"):
            ask(str(sources / "city.yaml"))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"terain": {}}, "build_key", "docs/your_city.md"),
        ({"roads": {"file": "census.gpkg", "source": "x"}}, "layer_shapes", "census.gpkg"),
        ({"levees": {"file": "roads.shp", "source": "x"}}, "series_value", "crest_m"),
        ({"resources": {"file": "hospitals.csv", "source": "x"}}, "series_columns", "kind"),
        ({"drains": {"inp": "drains.inp", "crs": "EPSG:99999", "source": "x"}}, "crs_unknown", "99999"),
    ],
)
def test_a_wrong_build_file_is_told_in_one_sentence(sources: Path, change: dict, code: str, says: str) -> None:
    raw = yaml.safe_load((sources / "city.yaml").read_text("utf-8")) | change
    (sources / "city.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    with pytest.raises(TwinError) as error:
        build_city(sources / "city.yaml")
    assert error.value.code == code and says in error.value.message("en") and says in error.value.message("zh")
