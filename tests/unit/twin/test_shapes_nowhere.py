"""A layer whose CRS is not that of its coordinates has shapes that lie nowhere: told in one sentence, never an accident of GEOS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from twin.errors import SourceError
from twin.readers.city_folder import open_folder
from twin.readers.geometry import sound


def test_a_venue_in_metres_that_is_marked_as_degrees_is_refused_by_name(small_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "city"
    shutil.copytree(small_folder, folder)
    ring = [[538280.0, 3302907.0], [538320.0, 3302907.0], [538320.0, 3302937.0], [538280.0, 3302907.0]]
    part = {
        "type": "Feature",
        "properties": {"id": "hall", "kind": "venue", "name_en": "Hall"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (folder / "venues").mkdir(exist_ok=True)
    file = folder / "venues" / "hall.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [part]}))
    with pytest.raises(SourceError) as error:
        open_folder(folder)
    assert error.value.code == "table_nowhere" and f"{file}: 1 features" in error.value.message("en")
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [part | {"properties": {"name": "Hall"}}]}))
    with pytest.raises(SourceError) as error:
        open_folder(folder)
    assert error.value.code == "table_columns" and "kind" in error.value.message("en")


def test_a_shape_that_lies_nowhere_is_left_out_of_a_build_and_told() -> None:
    far = shapely.Polygon([(0, 0), (float("inf"), 0), (float("inf"), float("inf")), (0, 0)])
    table = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1), far], crs="EPSG:4547")
    kept, found = sound(table, "areas.geojson")
    assert list(kept["id"]) == ["a"] and [(f.code, f.count) for f in found] == [("geometry_missing", 1)]
