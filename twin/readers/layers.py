"""Layers of a city from files of the city's own: roads, buildings, levees, the river and resources.

A file is anything with shapes that `twin.readers.vector.read_features` reads; names of columns are those of a city's tables,
of OpenStreetMap or of its common extracts as shapefiles.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.ops import substring

from twin.city import Resource
from twin.errors import SourceError
from twin.finding import Finding
from twin.readers import osm
from twin.readers.vector import column, names_of, read_features

SNAP_M = 0.5  # ends of roads nearer than this to each other, or to another road, are one junction
#: Road classes of CJJ 37 as those of OpenStreetMap.
CLASSES_ZH = {"快速路": "trunk", "主干路": "primary", "次干路": "secondary", "支路": "tertiary"}

YEARS = (1000, 2100)  # what can be a year in which a building was built
FLOOR_M = 3.0  # height of a floor where only the height of a building is known: assumed


def read_roads(path: Path, crs: str, source_crs: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the roads table of a file of lines, split where one ends on another, and what was mended or assumed.

    Columns, where the file has them: name or name_zh and name_en, road_class (highway, fclass), lanes, speed_kmh (maxspeed),
    bridge, tunnel, oneway, junction. A road without a class is `residential`; a line of a class that is no road (a footway) is left out.
    """
    lines, found = _of_kind(path, crs, source_crs, 1)
    kind = _series(lines, ("road_class", "highway", "fclass")).replace(CLASSES_ZH).fillna("residential")
    known = kind.isin(osm.CLASSES)
    if not known.all():
        found.append(Finding("roads_no_class", int((~known).sum()), str(kind[~known].iloc[0]), path.name, "left_out"))
    lines, kind = lines[known.values].reset_index(drop=True), kind[known].reset_index(drop=True)
    if lines.empty:
        raise SourceError("layer_roads", where=str(path), expected=[*osm.CLASSES])
    zh, en = names_of(lines, [""] * len(lines))
    lanes = _series(lines, ("lanes",)).map(osm.lanes_of).astype(float)
    speed = _series(lines, ("speed_kmh", "maxspeed")).map(osm.speed_of).astype(float)
    said, junction = (_series(lines, (tag,)) for tag in ("oneway", "junction"))
    direction = np.array([osm.direction_of(*t) for t in zip(said, kind, junction, strict=True)])
    raised, sunk = (_series(lines, (tag,), "no").map(_said_so) for tag in ("bridge", "tunnel"))
    roads = gpd.GeoDataFrame(
        {
            "name_zh": zh,
            "name_en": en,
            "road_class": kind.values,
            "lanes": lanes.fillna(osm.class_lanes(kind, direction != 0)).astype(int).values,
            "speed_kmh": speed.fillna(kind.map(lambda k: osm.CLASSES[k][1])).astype(float).values,
            "level": (raised.astype(int) - sunk.astype(int)).values,
            "oneway": direction != 0,
        },
        geometry=np.where(direction < 0, shapely.reverse(lines.geometry.values), lines.geometry.values),
        crs=crs,
    )
    roads = _joined_up(roads)
    roads["underpass"] = osm.short_tunnels(roads, roads["level"] == -1)
    roads.insert(0, "id", [f"road-{k + 1:05d}" for k in range(len(roads))])
    found += osm.from_class_table({"maxspeed": speed.isna(), "lanes": lanes.isna()})
    return roads, found + osm.two_way(said, direction != 0)


def read_buildings(path: Path, crs: str, source_crs: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the buildings table of a file of outlines, and what was mended or assumed.

    Columns, where the file has them: id, use, floors (levels, 层数) or height in m, built (year_built, 建成年份). Without them a building
    is residential, has 3 floors and no year (NaN; no column where no building has one).
    """
    shapes, found = _of_kind(path, crs, source_crs, 2)
    n = len(shapes)
    given = pd.to_numeric(_series(shapes, ("floors", "levels", "building:levels", "层数")), errors="coerce")
    height = pd.to_numeric(_series(shapes, ("height", "height_m", "高度")), errors="coerce")
    floors = given.fillna((height / FLOOR_M).round())
    if floors.isna().any():
        found.append(Finding("floors_missing", int(floors.isna().sum()), place=path.name, assumed="three_floors"))
    table = gpd.GeoDataFrame(
        {
            "id": [str(v) for v in column(shapes, ("id",), [f"house-{k + 1:05d}" for k in range(n)])],
            "use": [str(v) for v in column(shapes, ("use",), ["residential"] * n)],
            "floors": floors.fillna(3).clip(1, 150).astype(int).values,
        },
        geometry=shapes.geometry.values,
        crs=crs,
    )
    built = pd.to_numeric(_series(shapes, ("built", "year_built", "建成年份")), errors="coerce")
    if (known := built.between(*YEARS)).any():
        table["built"] = built.where(known).to_numpy(float)
    return table, found


def read_levees(path: Path, crs: str, source_crs: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the levees table of a file of lines with their crest in a column crest_m (m above the city's datum)."""
    lines, found = _of_kind(path, crs, source_crs, 1)
    crest = pd.to_numeric(_series(lines, ("crest_m",)), errors="coerce").to_numpy(float)
    _check_numbers(path, lines, "crest_m", crest)
    ids = [str(v) for v in column(lines, ("id",), [f"levee-{k + 1:03d}" for k in range(len(lines))])]
    return gpd.GeoDataFrame({"id": ids, "crest_m": crest}, geometry=lines.geometry.values, crs=crs), found


def read_river(path: Path, crs: str, source_crs: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the water surfaces of a file of outlines."""
    return _of_kind(path, crs, source_crs, 2)


def read_resources(path: Path, crs: str, source_crs: str | None = None) -> tuple[tuple[Resource, ...], list[Finding]]:
    """Return crews and machines of a table of points: id, kind, names, count; each further number is one of its figures."""
    points, found = read_features(path, crs, source_crs)
    if "kind" not in points:
        raise SourceError("series_columns", where=str(path), found=list(points.columns), expected=["kind"])
    n = len(points)
    count = pd.to_numeric(_series(points, ("count",), 1), errors="coerce").to_numpy(float)
    _check_numbers(path, points, "count", count)
    ids = [str(v) for v in column(points, ("id",), [f"resource-{k + 1:03d}" for k in range(n)])]
    zh, en = names_of(points, ids)
    taken = ("id", "count", "lon", "lat", "x", "y")
    figures = points.drop(columns=[c for c in points.columns if str(c).lower() in taken]).select_dtypes("number")
    at = shapely.centroid(points.geometry.values)
    rows = []
    for k in range(n):
        values = {str(name): float(v) for name, v in figures.iloc[k].items() if np.isfinite(v)}
        where = float(shapely.get_x(at[k])), float(shapely.get_y(at[k]))
        rows.append(Resource(ids[k], str(points["kind"].iloc[k]), zh[k], en[k], *where, int(count[k]), values))
    return tuple(rows), found


def _of_kind(path: Path, crs: str, source_crs: str | None, dimension: int) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the features of a file as single lines (1) or as outlines (2); raise SourceError where none is of that kind."""
    features, found = read_features(path, crs, source_crs)
    right = shapely.get_dimensions(features.geometry.values) == dimension
    if not right.any():
        kinds = sorted(set(features.geom_type.astype(str)))
        raise SourceError(
            "layer_shapes", where=str(path), found=kinds, expected=["LineString", "Polygon"][dimension - 1]
        )
    if not right.all():
        found.append(Finding("geometry_other", int((~right).sum()), place=path.name, assumed="left_out"))
    kept = features[right]
    return (kept.explode(ignore_index=True) if dimension == 1 else kept.reset_index(drop=True)), found


def _series(table: gpd.GeoDataFrame, names: tuple[str, ...], otherwise: Any = None) -> pd.Series:
    """Return the first of the named columns that a table has, else one value for every row."""
    return pd.Series(column(table, names, [otherwise] * len(table)), dtype=object)


def _check_numbers(path: Path, table: gpd.GeoDataFrame, name: str, values: Any) -> None:
    if not np.isfinite(values).all():
        k = int(np.argmax(~np.isfinite(values)))
        told = table[name].iloc[k] if name in table else "-"
        raise SourceError("series_value", where=str(path), row=k + 2, column=name, found=str(told))


def _joined_up(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the roads split where they meet, with the junctions u and v at their ends.

    Two roads meet at a vertex that both have, or where the end of one lies on the other; a mere crossing is a bridge.
    """
    lines = roads.geometry.values
    meet = _meeting_points(lines)
    point, line = shapely.STRtree(lines).query(meet, predicate="dwithin", distance=SNAP_M)
    along = shapely.line_locate_point(lines[line], meet[point])
    pieces: list[shapely.Geometry] = []
    of: list[int] = []
    for k, whole in enumerate(lines):
        inner = along[(line == k) & (along > SNAP_M) & (along < whole.length - SNAP_M)]
        cuts = [0.0, *np.unique(inner), whole.length]
        parts = [substring(whole, a, b) for a, b in pairwise(cuts) if b - a > SNAP_M] or [whole]
        pieces += parts
        of += [k] * len(parts)
    split = roads.iloc[of].reset_index(drop=True).set_geometry(gpd.GeoSeries(pieces, crs=roads.crs))
    ends = _junctions(np.concatenate([shapely.get_coordinates(shapely.get_point(pieces, k)) for k in (0, -1)]))
    split.insert(0, "v", ends[len(split) :])
    split.insert(0, "u", ends[: len(split)])
    return split


def _meeting_points(lines: np.ndarray) -> np.ndarray:
    """Return the ends of all lines and the vertices that two of them share, to a centimetre."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    own = pd.DataFrame({"x": xy[:, 0].round(2), "y": xy[:, 1].round(2), "line": line}).drop_duplicates()
    shared = own[own.duplicated(["x", "y"])][["x", "y"]].drop_duplicates().to_numpy()
    ends = [shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)]
    return np.asarray(shapely.points(np.concatenate([*ends, shared])))


def _junctions(ends: np.ndarray) -> list[str]:
    """Return the junction of each end: those within SNAP_M of one another share it."""
    points = shapely.points(ends)
    a, b = shapely.STRtree(points).query(points, predicate="dwithin", distance=SNAP_M)
    first = np.arange(len(points))
    np.minimum.at(first, a, b)
    while not (first == first[first]).all():  # an end takes the junction of its nearest earlier one
        first = first[first]
    return [f"n{k}" for k in first]


def _said_so(value: Any) -> bool:
    """Return whether a column `bridge` or `tunnel` says yes: as the map's tag, or as T or 1."""
    if isinstance(value, str):
        return value.strip().lower() not in {*osm.ON_GROUND, "f", "0", "false"}
    return bool(value) and not pd.isna(value)
