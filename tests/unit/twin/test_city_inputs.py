"""Areas of people, shapes and text of files as people have them: cut at the city's rim, mended or refused, never garbled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from twin import overlay
from twin.errors import SourceError
from twin.grid import Grid
from twin.readers.city_folder import open_folder, save_folder
from twin.readers.raster import write_raster
from twin.readers.vector import read_features, read_places, read_population

CRS = "EPSG:4547"
GRID = Grid(CRS, 500_000.0, 3_381_000.0, 10.0, 100, 100)  # 1 km by 1 km


def layer(path: Path, shapes: list[shapely.Geometry | None], **columns: list[object]) -> Path:
    gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=CRS), crs=CRS).to_file(path)
    return path


def people(path: Path) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    table, found = read_population(path, GRID)
    return table, {f.code: f for f in found}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((499_500, 3_379_500, 501_500, 3_381_500), 2500.0),  # a quarter of it is the city
        ((500_400, 3_380_400, 501_500, 3_381_500), 10_000 * 0.36 / 1.21),  # its centre lies outside
        ((500_000, 3_380_000, 501_000, 3_381_000), 10_000.0),
        ((502_000, 3_380_000, 503_000, 3_381_000), 0.0),
    ],
)
def test_people_of_an_area_count_by_its_share_inside(box, expected: float, tmp_path: Path) -> None:
    table, found = people(layer(tmp_path / "d.gpkg", [shapely.box(*box)], population=[10_000]))
    assert table["night"].sum() == pytest.approx(expected)
    left = found["people_outside"].values["people"] if "people_outside" in found else 0.0
    assert left == pytest.approx(10_000 - expected)
    assert all(shapely.box(*GRID.bounds).covers(shape) for shape in table.geometry)


def test_a_sliver_inside_keeps_the_shape_of_its_area(tmp_path: Path) -> None:
    box = shapely.box(499_005, 3_380_000, 500_005, 3_381_000)
    table, _ = people(layer(tmp_path / "d.gpkg", [box], population=[1000]))
    assert table["night"].tolist() == pytest.approx([5.0]) and table.geometry.area.tolist() == [1e6]


def test_raster_cells_count_by_their_share_inside(tmp_path: Path) -> None:
    coarse = Grid(CRS, 499_500.0, 3_381_500.0, 1000.0, 2, 2)
    write_raster(tmp_path / "p.tif", np.full((2, 2), 4000.0, np.float32), coarse, -1.0)
    table, found = people(tmp_path / "p.tif")
    assert table["night"].tolist() == pytest.approx([1000.0] * 4) and found["people_outside"].values["people"] == 12_000


def test_people_on_a_line_are_refused_and_a_single_point_is_a_square(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        people(
            layer(
                tmp_path / "l.gpkg", [shapely.LineString([(500_100, 3_380_100), (500_200, 3_380_100)])], population=[7]
            )
        )
    assert error.value.code == "layer_shapes"
    table, _ = people(layer(tmp_path / "p.gpkg", [shapely.Point(500_500, 3_380_500)], population=[7]))
    assert table["night"].tolist() == [7] and table.geometry.area.tolist() == pytest.approx([10_000.0])


BOW_TIE = shapely.Polygon([(500_200, 3_380_200), (500_600, 3_380_600), (500_600, 3_380_200), (500_200, 3_380_600)])


def test_crossed_outlines_are_rebuilt_and_features_without_a_shape_left_out(tmp_path: Path) -> None:
    square = shapely.box(500_600, 3_380_600, 500_900, 3_380_900)
    path = layer(tmp_path / "p.gpkg", [BOW_TIE, square, None], population=[1000, 500, 100])
    table, found = people(path)
    assert table["night"].tolist() == [1000, 500] and table.is_valid.all()
    assert table.geometry.area.tolist() == pytest.approx([80_000.0, 90_000.0])
    assert (found["geometry_crossed"].count, found["geometry_crossed"].values["row"]) == (1, 1)
    assert (found["geometry_missing"].count, found["geometry_missing"].values["row"]) == (1, 3)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (shapely.force_3d(shapely.box(500_100, 3_380_100, 500_200, 3_380_200), 7.0), "Polygon"),
        (shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(500_100, 3_380_100, 500_200, 3_380_200)]), "Polygon"),
        (shapely.MultiPoint([(500_105, 3_380_105), (500_305, 3_380_305)]), "MultiPoint"),
    ],
)  # fmt: skip
def test_any_shape_becomes_a_place_that_fields_can_be_read_at(shape, kind: str, tmp_path: Path) -> None:
    path = layer(tmp_path / "f.gpkg", [shape], name=["一"], kind=["school"])
    table, found = read_places(path, CRS)
    assert not found and table.geom_type.tolist() == [kind] and not table.has_z.any()
    depth = np.zeros((1, *GRID.shape))
    depth[0, 85, 15] = 2.0  # the cell at 500 155, 3 380 145
    depth[0, 69, 30] = 1.0  # the cell at 500 305, 3 380 305
    assert overlay.places(GRID, table.geometry).maximum(depth)[0, 0] == (2.0 if kind == "Polygon" else 1.0)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_shapefile_that_does_not_say_its_encoding_is_read_right(encoding: str, tmp_path: Path) -> None:
    table = gpd.GeoDataFrame(
        {"name": ["第一人民医院", "临江中学"], "kind": ["hospital", "school"], "capacity": [200, 900]}
    )
    table = table.set_geometry(gpd.points_from_xy([500_500, 500_300], [3_380_500, 3_380_300], crs=CRS))
    table.to_file(tmp_path / "p.shp", encoding=encoding)
    (tmp_path / "p.cpg").unlink()
    raw = bytearray((tmp_path / "p.dbf").read_bytes())
    raw[29] = 0  # nor does the table's own mark
    (tmp_path / "p.dbf").write_bytes(raw)
    found, _ = read_places(tmp_path / "p.shp", CRS)
    assert found["name_zh"].tolist() == ["第一人民医院", "临江中学"] and found["capacity"].tolist() == [200, 900]


def test_text_in_no_known_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_bytes(b"name,lon,lat\nH\xf4pital \xff,114.0,30.7\n")
    with pytest.raises(SourceError) as error:
        read_features(tmp_path / "h.csv", CRS)
    assert error.value.code == "text_encoding"
    (tmp_path / "u.csv").write_bytes("name,lon,lat\n医院,114.0,30.7\n".encode("utf-16"))
    assert read_features(tmp_path / "u.csv", CRS)[0]["name"].tolist() == ["医院"]


def test_a_city_folder_with_crossed_or_raised_shapes_is_mended_and_says_so(small_city, tmp_path: Path) -> None:
    crossed = small_city.buildings.copy()
    west, south, east, north = crossed.geometry.iloc[0].bounds
    bow_tie = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    crossed.loc[0, "geometry"] = bow_tie
    raised = small_city.roads.set_geometry(shapely.force_3d(small_city.roads.geometry.values, 3.0))
    save_folder(replace(small_city, buildings=crossed, roads=raised), tmp_path / "city")
    city = open_folder(tmp_path / "city")
    assert city.buildings.is_valid.all() and city.buildings.geometry.iloc[0].area == pytest.approx(
        (east - west) * (north - south) / 2
    )
    assert not city.roads.has_z.any() and city.road_graph.number_of_edges() == len(city.roads)
    assert [(f.code, f.count, f.place) for f in city.findings] == [("geometry_crossed", 1, "buildings.parquet")]
