"""Fields and places as they are drawn: cells as pictures, ids as shapes, by axes and geometry alone."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from desk import pictures
from twin import words
from twin.blocks import Curve, Picture
from twin.bridge import maps, shapes
from twin.sheet import COLOURS, MapLayer

CRS, WEST, NORTH = "EPSG:4547", 500_000.0, 3_400_000.0
PALE, MIDDLE, DARK = "#fde0a0", "#f29e4c", "#c8372d"
LAYER = MapLayer("now", "v", "layer.drawn.now", ((0.5, PALE), (2.0, MIDDLE), (4.0, DARK)), steps=(0.5, 1.0, 2.0))
VALUES = [0.1, 1.0, 3.0, 5.0, np.nan]


@pytest.fixture(autouse=True)
def _words() -> None:
    words.add({"layer.drawn.now": {"zh": "数值", "en": "Value"}})


def places(geometry: list[shapely.Geometry], levels: list[str]) -> gpd.GeoDataFrame:
    """Return graded places as `Exposure.places` has them; "unknown" is one of which nothing is known."""
    table = gpd.GeoDataFrame(
        {"id": [f"z{k}" for k in range(len(levels))], "kind": "zone", "name_zh": "看台", "name_en": "Stand"},
        geometry=geometry,
        crs=CRS,
    ).assign(peak=1.0, unit="1", known=[level != "unknown" for level in levels])
    for k, colour in enumerate(COLOURS):
        reached = [level in COLOURS and COLOURS.index(level) >= k for level in levels]
        table[f"first_{colour}"] = [pd.Timestamp("2026-06-20") if yes else pd.NaT for yes in reached]
    return table


def zones() -> gpd.GeoDataFrame:
    boxes = [shapely.box(WEST + 400 + 20 * k, NORTH - 500, WEST + 418 + 20 * k, NORTH - 470) for k in range(5)]
    return places(boxes, ["", "blue", "orange", "red", "unknown"])


def share(image: bytes, colour: str, near: int = 40) -> float:
    """Return the share of an image's pixels that are nearly of a colour."""
    pixels = np.asarray(Image.open(BytesIO(image)).convert("RGB")).astype(int)
    return float((np.abs(pixels - np.round(255 * np.array(to_rgb(colour)))).max(axis=-1) < near).mean())


def on(name: str, ids: object) -> xr.DataArray:
    return xr.DataArray(VALUES, dims=name, coords={name: list(ids)})


def test_zones_of_the_hazards_own_are_drawn_large_as_areas(small_city) -> None:
    own = zones()
    field = on("zone", own["id"])
    image = maps.picture(small_city, Picture(LAYER, field, own), own)
    for colour in (PALE, MIDDLE, DARK):
        assert share(image, colour, 60) > 0.01, "an area of 18 x 30 m on a map of a whole kilometre would be no 0.001"
    with_all = share(image, DARK, 60)
    without = maps.picture(small_city, Picture(LAYER, field.where(field < 4), own), own)
    assert share(without, DARK, 60) < with_all - 0.01


def test_edges_are_drawn_as_lines_and_sites_as_points(small_city) -> None:
    for name, table in (("edge", small_city.roads), ("site", small_city.facilities)):
        field = (
            on(name, table["id"])[: len(table)]
            if name == "edge"
            else on("k", range(5))[2:].assign_coords(k=table["id"])
        )
        calm = xr.zeros_like(field)
        drawn, none = (maps.picture(small_city, Picture(LAYER, f)) for f in (field, calm))
        seen = np.abs(
            np.asarray(Image.open(BytesIO(drawn)).convert("RGB")).astype(int)
            - np.asarray(Image.open(BytesIO(none)).convert("RGB")).astype(int)
        )
        assert 10 < int((seen.max(axis=-1) > 60).sum()) < 0.05 * seen[..., 0].size, (
            "thin shapes, and nothing for nothing"
        )


def test_ids_nobody_has_are_left_out_and_not_misplaced(small_city) -> None:
    field = on("edge", ["r0", "nowhere", "r2", "r3", "r4"])
    found = shapes.shapes(small_city, field)
    assert (
        found.index.tolist() == ["r0", "nowhere", "r2", "r3", "r4"]
        and found.isna().tolist() == [False, True] + [False] * 3
    )
    assert found["r3"].equals(small_city.roads.set_index("id").geometry["r3"])
    maps.picture(small_city, Picture(LAYER, field))


def test_cells_of_another_grid_lie_where_they_are_and_the_unknown_is_grey(small_city) -> None:
    """Two hundred cells of 1 m: the map shows their surroundings, a quarter of them is not known."""
    y, x = NORTH - 400.5 - np.arange(100), WEST + 300.5 + np.arange(100)
    values = np.full((100, 100), 5.0)
    values[:, :25] = np.nan
    field = xr.DataArray(values, dims=("y", "x"), coords={"y": y, "x": x})
    assert shapes.extent(field) == (WEST + 300, NORTH - 500, WEST + 400, NORTH - 400)
    west, south, east, north = shapes.window(small_city, shapes.extent(field))
    assert (west + east) / 2 == WEST + 350 and 100 < east - west < 200 and north - south == east - west
    known = maps.picture(small_city, Picture(LAYER, field.fillna(5.0)))
    image = maps.picture(small_city, Picture(LAYER, field))
    assert share(image, DARK) == pytest.approx(0.75 * share(known, DARK), rel=0.1)


def test_what_lies_beyond_the_city_is_grey_and_told_as_unknown(small_city) -> None:
    """A square of the map goes on beyond the corner of the city: white there would read as a place that the field spares."""
    west, _, _, north = small_city.grid.bounds
    y, x = north - 0.5 - np.arange(40), west + 0.5 + np.arange(40)
    field = xr.DataArray(np.full((40, 40), 5.0), dims=("y", "x"), coords={"y": y, "x": x})
    inside = field.assign_coords(y=y - 200.0, x=x + 200.0)
    seen, within = (shapes.window(small_city, shapes.extent(f)) for f in (field, inside))
    assert shapes.beyond(small_city, seen) and not shapes.beyond(small_city, within)
    grey = "#" + "".join(f"{round(255 * (0.4 * c + 0.6)):02x}" for c in to_rgb(shapes.UNKNOWN))
    at_rim, well_in = (share(maps.picture(small_city, Picture(LAYER, f)), grey, near=3) for f in (field, inside))
    assert at_rim > 0.15 > 10.0 * well_in


def test_a_map_of_a_field_alone_goes_close_to_what_is_seen_of_it(small_city) -> None:
    """Two cells of 10 m at the rim of a hundred by a hundred, and some around them; where nothing is seen, all of it."""
    y, x = NORTH - 5.0 - 10.0 * np.arange(100), WEST + 5.0 + 10.0 * np.arange(100)
    field = xr.DataArray(np.zeros((100, 100)), dims=("y", "x"), coords={"y": y, "x": x})
    assert shapes.shown_of(small_city, field, LAYER) == shapes.extent(field)
    field[1, 50:52] = LAYER.bounds[-1]
    assert shapes.shown_of(small_city, field, LAYER) == (WEST + 450, NORTH - 70, WEST + 570, NORTH)
    field[1, 60] = np.nan
    assert shapes.shown_of(small_city, field, LAYER)[2] == WEST + 660, "the unknown is seen"


def test_a_field_over_most_of_the_city_shows_the_whole_city(small_city) -> None:
    assert shapes.window(small_city, shapes.reach_of(small_city, on("edge", small_city.roads["id"]))) == (
        small_city.grid.bounds
    )


def test_levels_are_areas_lines_and_marks_by_their_geometry(small_city) -> None:
    shapes_of = {
        "area": shapely.box(WEST, NORTH - 900, WEST + 800, NORTH - 400),
        "line": shapely.LineString([(WEST, NORTH - 500), (WEST + 900, NORTH - 500)]),
        "point": shapely.Point(WEST + 500, NORTH - 500),
    }
    red = shapes.LEVEL_COLOURS["red"]
    none = share(maps.level_map(small_city, places(list(shapes_of.values()), ["", "", ""])), red)
    seen = {
        name: share(maps.level_map(small_city, places([shape] * 1 + [shapes_of["area"]], ["red", ""])), red) - none
        for name, shape in shapes_of.items()
    }
    assert seen["line"] > seen["point"] > 1e-5
    tinted = maps.level_map(small_city, places([shapes_of["area"]], ["red"]))
    assert share(tinted, "#e0a9a5", 30) > 0.1, "an area is tinted, so that the city is seen through it"


def test_an_area_too_small_to_be_seen_is_marked_like_a_point() -> None:
    table = places([shapely.box(0, 0, 30, 30), shapely.box(0, 0, 500, 500), shapely.Point(0, 0)], ["red"] * 3)
    assert shapes.marked(table, 1000.0).tolist() == [True, False, True]
    assert shapes.marked(table, 100.0).tolist() == [False, False, True]


def test_an_area_within_a_larger_one_is_cut_out_of_it(small_city) -> None:
    boxes = [
        shapely.box(0, 0, 100, 100),
        shapely.box(10, 10, 40, 40),
        shapely.box(20, 20, 30, 30),
        shapely.box(200, 0, 260, 60),
    ]
    apart = shapes.apart(gpd.GeoSeries(boxes, crs=CRS))
    assert apart.area.tolist() == [100.0**2 - 30.0**2, 30.0**2 - 10.0**2, 100.0, 3600.0]
    south = [
        shapely.box(WEST, NORTH - 1000, WEST + 1000, NORTH - 400),
        shapely.box(WEST + 200, NORTH - 900, WEST + 600, NORTH - 600),
    ]
    alone, within = (maps.level_map(small_city, places(south, [outer, "blue"])) for outer in ("", "red"))
    tint = "#aebad8"
    assert share(alone, tint, 24) > 0.05
    assert share(within, tint, 24) == pytest.approx(share(alone, tint, 24), rel=0.1), "its colour is its own"


def test_places_of_which_nothing_is_known_are_told_apart_from_those_without_a_colour() -> None:
    assert shapes.levels_of(zones()).tolist() == ["", "blue", "orange", "red", "unknown"]


@pytest.mark.parametrize("stacked", [True, False])
def test_a_curve_has_its_colours(small_city, stacked: bool) -> None:
    times = pd.date_range("2026-06-20 10:00", periods=4, freq="10min")
    table = pd.DataFrame({1: [1.0, 2.0, 3.0, 4.0], 2: [4.0, 3.0, 2.0, 1.0]}, index=times)
    image = maps.curve(
        Curve({"zh": "人数", "en": "People"}, table, ("a", "b"), (DARK, "#2a6db3"), "km", stacked), small_city.tz
    )
    assert share(image, DARK) > (0.1 if stacked else 0.002) and share(image, "#2a6db3") > (0.1 if stacked else 0.002)


def test_the_desk_lays_cells_and_ids_over_the_same_picture(small_city) -> None:
    own = zones()
    field = on("zone", own["id"])
    bounds = shapes.window(small_city, shapes.reach_of(small_city, field, own))
    base = pictures.base_picture(small_city, bounds)
    ids = pictures.over_city(base, small_city, bounds, field, LAYER.colormap, own)
    assert share(ids, DARK, 60) > 0.01 and share(base, DARK, 60) == 0.0
    y, x = NORTH - 470.5 - np.arange(30), WEST + 460.5 + np.arange(18)
    cells = xr.DataArray(np.full((30, 18), 5.0), dims=("y", "x"), coords={"y": y, "x": x})
    same = pictures.over_city(base, small_city, bounds, cells, LAYER.colormap, own)
    assert share(same, DARK, 60) == pytest.approx(share(ids, DARK, 60), rel=0.1), "the fourth zone, as cells"


def test_values_have_the_colour_of_their_step_and_the_unknown_one_of_its_own() -> None:
    shown = pictures.coloured(np.array(VALUES), LAYER.colormap)
    assert shown[:, 3].tolist() == [0, 209, 209, 209, 102]
    assert ["#" + "".join(f"{c:02x}" for c in row[:3]) for row in shown[1:]] == [PALE, MIDDLE, DARK, shapes.UNKNOWN]
    change = pictures.coloured(np.array([-3.0, 0.0, 3.0]), pictures.change_colormap(LAYER))
    assert change[1, 3] == 0 and change[0, 3] == change[2, 3] == 209


def test_outlines_keep_their_holes_whichever_way_they_run() -> None:
    ring, hole = [(0, 0), (10, 0), (10, 10), (0, 10)], [(3, 3), (7, 3), (7, 7), (3, 7)]
    for turned in (hole, hole[::-1]):
        court, block = shapely.Polygon(ring, [turned]), shapely.box(20, 0, 30, 10)
        found = shapes.outlines(
            np.array([shapely.MultiPolygon([court, block]), shapely.Polygon(), block], dtype=object)
        )
        assert [len(path) for path in found if len(path)] == [10, 5, 5]
        signed = [
            (a[:-1, 0] * a[1:, 1] - a[1:, 0] * a[:-1, 1]).sum() / 2
            for a in (found[0].vertices[:5], found[0].vertices[5:])
        ]
        assert sorted(np.sign(signed)) == [-1, 1] and abs(sum(signed)) == court.area
    assert shapes.outlines(np.array([], dtype=object)) == [] == shapes.courses(np.array([], dtype=object))


def test_each_city_has_its_own_base(small_city) -> None:
    field = on("edge", small_city.roads["id"])
    bare = replace(small_city, buildings=small_city.buildings.iloc[:0])
    whole, without, again = (maps.picture(c, Picture(LAYER, field)) for c in (small_city, bare, small_city))
    assert whole == again != without


@pytest.mark.parametrize("wide", [True, False])
def test_a_long_caption_ends_within_the_picture(small_city, monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    long = {
        "zh": "最大人群密度 (人/m²),成员90%分位数",
        "en": "Highest crowd density (persons/m²), 90 % quantile of the members",
    }
    words.add({"layer.drawn.long": long})
    figures = []
    monkeypatch.setattr(maps, "png", lambda figure: figures.append(figure) or b"")
    own = zones()
    maps.picture(
        small_city, Picture(replace(LAYER, word="layer.drawn.long"), on("zone", own["id"]), own, wide=wide), own
    )
    (figure,) = figures
    FigureCanvasAgg(figure).draw()
    label = figure.axes[-1].xaxis.label if not wide else figure.axes[-1].yaxis.label
    box, page = label.get_window_extent(), figure.bbox
    assert long["en"] in label.get_text()
    assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1


def test_the_walls_of_a_venue_are_drawn_on_a_map_of_it(small_city) -> None:
    box = shapely.box(WEST + 400, NORTH - 500, WEST + 500, NORTH - 400)
    parts = gpd.GeoDataFrame(
        {"id": ["h/w", "h/g"], "kind": ["wall", "gate"], "venue": "h", "name_zh": "墙", "name_en": "wall"},
        geometry=[box.exterior, shapely.LineString([(WEST + 420, NORTH - 450), (WEST + 480, NORTH - 450)])],
        crs=CRS,
    )
    field = on("zone", zones()["id"]).where(lambda v: v < 0)
    bare, drawn = (
        maps.picture(city, Picture(LAYER, field, None), zones())
        for city in (small_city, replace(small_city, venues=parts))
    )
    assert share(drawn, maps.GATE) > share(bare, maps.GATE) + 5e-4 and share(drawn, maps.WALL) > share(bare, maps.WALL)
