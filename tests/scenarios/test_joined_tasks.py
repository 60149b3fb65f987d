"""Ways of one name that touch are one task of a plan, and every one of them is on its map and in its messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from lxml import etree

import scenarios as sc
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town
from scenarios.planning.joined import joined
from scenarios.runner.run import execute
from twin.bridge import plan_json
from twin.bridge.cap import NAMESPACE
from twin.city import City
from twin.plan import Task
from twin.readers.city_folder import save_folder
from twin.sheet import TaskRule

RULES = {
    ("release", "keep_off_way"): TaskRule("keep_off_way", "traffic_police", 10.0, 5.0, joins=True),
    ("release", "close_road"): TaskRule("close_road", "traffic_police", 10.0, 5.0),
}


def streets() -> City:
    """Return a town with one long street that a main road cuts in two, one of the same name far off, and one without a name."""
    lines = {
        "a1": (0, 10, 300, 10),
        "a2": (300, 10, 600, 10),
        "a3": (0, 1500, 300, 1500),
        "n1": (0, 10, 0, 300),
        "n2": (0, 300, 0, 600),
    }
    names = {"a1": "Long Lane", "a2": "Long Lane", "a3": "Long Lane", "n1": "", "n2": ""}
    lines["main"], names["main"] = (300, 10, 300, 600), "Main Road"
    table = {
        "id": list(lines), "u": [str(v[:2]) for v in lines.values()], "v": [str(v[2:]) for v in lines.values()],
        "name_zh": list(names.values()), "name_en": list(names.values()),
        "road_class": ["primary" if i == "main" else "residential" for i in lines], "lanes": 2, "speed_kmh": 30.0, "level": 0,
        "underpass": False,
    }  # fmt: skip
    shapes = [shapely.LineString([(WEST + v[0], NORTH - v[1]), (WEST + v[2], NORTH - v[3])]) for v in lines.values()]
    return replace(town(), roads=gpd.GeoDataFrame(table, geometry=shapes, crs=CRS))


def task(place: str, level: str, first: int, last: int, code: str = "keep_off_way", **evidence: object) -> Task:
    begins, ends = (datetime(2026, 6, 20, 10, m, tzinfo=UTC) for m in (first, last))
    return Task(
        id="", hazard="release", code=code, place=place, place_kind="street", place_name={"zh": place, "en": place}, level=level,
        start=begins, end=ends, deadline=begins, known=begins, unit="traffic_police", trigger={"table": code},
        evidence={"open_end": False, "by": begins.isoformat(), **evidence}, probability=None,
    )  # fmt: skip


def test_ways_of_one_name_that_touch_are_one_task_with_the_widest_window() -> None:
    asked = [
        task("street-a1", "yellow", 5, 30),
        task("street-a2", "red", 10, 50, open_end=True, lfl_share=0.8),
        task("street-a3", "red", 7, 20),
        task("street-n1", "red", 7, 20),
        task("street-n2", "red", 7, 20),
        task("street-a1", "red", 7, 20, "close_road"),
    ]
    found = joined(asked, RULES, streets())
    (one,) = [t for t in found if t.also]
    assert (one.place, one.also, one.level, one.evidence["lfl_share"]) == ("street-a2", ("street-a1",), "red", 0.8)
    assert (one.start.minute, one.end.minute, one.deadline.minute, one.evidence["open_end"]) == (5, 50, 5, True)
    assert one.place_name == {"zh": "street-a2、street-a1", "en": "street-a2, street-a1"}
    assert one.evidence["by"] == asked[0].evidence["by"] and one.places == ("street-a2", "street-a1")
    assert sorted((t.code, t.place) for t in found if not t.also) == sorted((t.code, t.place) for t in asked[2:])


@pytest.fixture
def run(tmp_path: Path) -> sc.Run:
    folder = tmp_path
    save_folder(streets(), folder / "town")
    (folder / "leak.yaml").write_text(
        f"""schema: 1
name: {{zh: 长街旁液化气泄漏, en: LPG beside a long lane}}
city: {folder / "town"}
start: 2026-06-20T18:00+08:00
hours: 1
forcing:
  wind: {{speed_m_s: 1.5, from_deg: 270}}
hazards:
  - release: {{substance: lpg, site: a1, mass_kg: 8000, hole_mm: 40, wind_members: 4, warned_min: 2}}
seed: 7
""",
        "utf-8",
    )
    return execute(sc.load(folder / "leak.yaml"), fresh=True)


def test_every_way_of_a_joined_task_is_in_the_table_on_the_map_and_in_the_messages(run: sc.Run, tmp_path: Path) -> None:
    table = run.tables_of("release")["burning_ways"]
    plan = sc.draft_plan(run)
    (one,) = [t for t in plan.tasks if t.code == "keep_off_way" and t.also]
    assert set(one.places) == {"street-a1", "street-a2"} <= set(table["id"])
    assert plan_json.from_dict(plan_json.to_dict(plan)) == plan
    assert not [t for t in plan.tasks if t.code == "close_road" and t.place in one.places]
    sc.export(plan, tmp_path, ("cap", "geojson"))
    (drawn,) = [
        f for path in tmp_path.rglob("tasks.geojson") for f in json.loads(path.read_text("utf-8"))["features"]
        if f["properties"]["id"] == one.id
    ]  # fmt: skip
    assert shapely.geometry.shape(drawn["geometry"]).geom_type == "MultiLineString" and drawn["properties"][
        "also"
    ] == list(one.also)
    infos = [
        info for path in tmp_path.rglob("cap/*.xml") for info in etree.parse(path).getroot().iterfind(f"{{{NAMESPACE}}}info")
        if info.findtext(f"{{{NAMESPACE}}}responseType") == "Avoid" and info.findtext(f"{{{NAMESPACE}}}language").startswith("en")
    ]  # fmt: skip
    areas = [a.findtext(f"{{{NAMESPACE}}}areaDesc") for info in infos for a in info.iterfind(f"{{{NAMESPACE}}}area")]
    assert areas.count("Long Lane (Main Road)") == 2, "each way has an area of its own"
    told = [info.findtext(f"{{{NAMESPACE}}}instruction") for info in infos]
    assert max(text.count("Long Lane (Main Road)") for text in told) == 1, "a message says once what is asked of both"
