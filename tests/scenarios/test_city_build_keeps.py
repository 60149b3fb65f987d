"""A build of a city replaces what a build wrote and nothing else, and the city keeps its own thresholds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from scenarios.case.build import build_city
from twin.errors import SourceError
from twin.grid import Grid
from twin.readers.city_folder import open_folder
from twin.readers.raster import write_raster

BUILD = """schema: 1
id: slope
name: {zh: 坡, en: Slope}
crs: EPSG:4547
cell_m: 10
timezone: Asia/Shanghai
vertical_datum: invented
terrain: {raster: dem.tif, source: invented}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of a user: the build file is called as the head of a city is, beside a terrain and notes."""
    folder = tmp_path / "own"
    folder.mkdir()
    grid = Grid("EPSG:4547", 500_000.0, 3_400_000.0, 10.0, 20, 20)
    heights = np.linspace(30.0, 20.0, 400, dtype=np.float32).reshape(20, 20)
    write_raster(folder / "dem.tif", heights, grid, -9999.0)
    (folder / "city.yaml").write_text(BUILD, "utf-8")
    (folder / "notes.txt").write_text("levelled in 2024", "utf-8")
    return folder


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_build_into_the_folder_of_its_own_sources_is_refused_and_changes_nothing(own: Path) -> None:
    before = held(own)
    with pytest.raises(SourceError) as error:
        build_city(own / "city.yaml", own)
    assert (error.value.code, error.value.values["found"]) == ("build_over", ["city.yaml"])
    assert held(own) == before and [path.name for path in own.parent.iterdir() if path.name != "home"] == ["own"]


def test_a_second_build_keeps_thresholds_crews_and_notes_and_takes_the_new_terrain(own: Path, tmp_path: Path) -> None:
    city, _ = build_city(own / "city.yaml", tmp_path / "built")
    head = yaml.safe_load((city / "city.yaml").read_text("utf-8"))
    levels, event = {"flood": {"road": {"blue": 0.1, "yellow": 0.2, "orange": 0.3, "red": 0.5}}}, {"II": {"red": 5}}
    (city / "city.yaml").write_text(yaml.safe_dump(head | {"levels": levels, "event": event}), "utf-8")
    (city / "resources.yaml").write_text("resources: []\n", "utf-8")
    (city / "papers").mkdir()
    (city / "papers" / "notes.txt").write_text("thresholds of the flood office", "utf-8")
    (own / "city.yaml").write_text(BUILD.replace("invented\n", "another datum\n", 1), "utf-8")
    build_city(own / "city.yaml", city)
    again = open_folder(city)
    assert (again.level_overrides, again.event_overrides) == (levels, event) and again.vertical_datum == "another datum"
    assert (city / "papers" / "notes.txt").read_text("utf-8") == "thresholds of the flood office"
    assert (city / "resources.yaml").exists() and not list(tmp_path.glob(".*"))
    build_city(own / "city.yaml", city)
    assert open_folder(city).level_overrides == levels and (city / "papers" / "notes.txt").exists()


def test_what_was_changed_after_the_build_is_not_written_over(own: Path, tmp_path: Path) -> None:
    city, _ = build_city(own / "city.yaml", tmp_path / "built")
    (city / "landcover.tif").write_bytes((city / "landcover.tif").read_bytes() + b" ")
    before = held(city)
    with pytest.raises(SourceError) as error:
        build_city(own / "city.yaml", city)
    assert error.value.values["found"] == ["landcover.tif"] and held(city) == before
    assert "--to" in error.value.message("zh") and "landcover.tif" in error.value.message("en")


@pytest.mark.parametrize("listed", ["[1, 2", "[]", '{"files": 3}', json.dumps({"files": {}})])
def test_without_a_readable_list_no_file_counts_as_built(own: Path, tmp_path: Path, listed: str) -> None:
    city, _ = build_city(own / "city.yaml", tmp_path / "built")
    (city / "built.json").write_text(listed, "utf-8")
    with pytest.raises(SourceError) as error:
        build_city(own / "city.yaml", city)
    assert "terrain.tif" in error.value.values["found"]
