"""Fields and places drawn by their axes and their geometry: cells as a picture, things with an id as their shapes.

An area is drawn as an area, a line as a line, a point as a mark; an area too small to be seen as one is marked like a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.path import Path
from numpy.typing import NDArray

from twin.city import City
from twin.grid import on_cells
from twin.sheet import COLOURS, MapLayer

#: Screen colours of the four levels, and of what is not known.
LEVEL_COLOURS = {"blue": "#2f6fde", "yellow": "#f2c200", "orange": "#f07d18", "red": "#d4252c"}
UNKNOWN = "#8d8d8d"

INK = "#22303c"

#: A field or places that reach over less than this share of the city's width and height are drawn larger.
WHOLE = 0.5
#: So many cells are shown around those that are seen of a field that is drawn larger.
AROUND = 5
#: An area less wide than this share of a map is marked like a point.
SMALL = 0.08

#: Width of the lines of a field on lines, points.
FIELD_LINE = 2.8

AREAS, POINTS = ("Polygon", "MultiPolygon"), ("Point", "MultiPoint")

Bounds = tuple[float, float, float, float]


def shapes(city: City, field: xr.DataArray, own: gpd.GeoDataFrame | None = None) -> gpd.GeoSeries:
    """Return the shape of each thing of a field on ids, in their order; None for an id that nothing has.

    The ids are those of the hazard's `own` places or of the table of the city that knows most of them.
    """
    ids = pd.Index([str(i) for i in field[_axis(field)].values])
    tables = [city.roads, city.blocks, city.facilities, city.population, city.sensors, city.buildings]
    known = [table for table in ([] if own is None else [own]) + tables if len(table)]
    best = max(known, key=lambda table: int(ids.isin(table["id"].astype(str)).sum()))
    found = best.set_index(best["id"].astype(str)).geometry.reindex(ids)
    return gpd.GeoSeries(found.values, index=ids, crs=city.grid.crs)


def extent(field: xr.DataArray) -> Bounds:
    """Return west, south, east and north of a field on cells, its outer cells whole."""
    half = abs(float(field["x"][1] - field["x"][0])) / 2
    x, y = field["x"].values, field["y"].values
    return float(x[0]) - half, float(y[-1]) - half, float(x[-1]) + half, float(y[0]) + half


def window(city: City, reach: Bounds) -> Bounds:
    """Return what a map shows: the whole city, or the square around what reaches over a small part of it only."""
    west, south, east, north = city.grid.bounds
    share = max((reach[2] - reach[0]) / (east - west), (reach[3] - reach[1]) / (north - south))
    if not share <= WHOLE:
        return west, south, east, north
    half = 0.65 * max(reach[2] - reach[0], reach[3] - reach[1], 10.0 * city.grid.cell_m)
    x, y = (reach[0] + reach[2]) / 2, (reach[1] + reach[3]) / 2
    return x - half, y - half, x + half, y + half


def beyond(city: City, window: Bounds) -> bool:
    """Return whether what a map shows goes on beyond the city, where nothing is known."""
    west, south, east, north = city.grid.bounds
    return window[0] < west or window[1] < south or window[2] > east or window[3] > north


def reach_of(city: City, field: xr.DataArray, own: gpd.GeoDataFrame | None = None) -> Bounds:
    """Return the bounds of a field's cells or shapes."""
    if on_cells(field):
        return extent(field)
    west, south, east, north = shapes(city, field, own).total_bounds
    return float(west), float(south), float(east), float(north)


def shown_of(city: City, field: xr.DataArray, layer: MapLayer, own: gpd.GeoDataFrame | None = None) -> Bounds:
    """Return the bounds of what is seen of a field on cells, with some cells around; of any other field, or of none, all of it."""
    if not on_cells(field):
        return reach_of(city, field, own)
    seen = ~(field.values < layer.bounds[0])
    if not seen.any():
        return extent(field)
    west, south, east, north = extent(field)
    rows, cols = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
    dx, dy = (east - west) / field.sizes["x"], (north - south) / field.sizes["y"]
    return (
        max(west, west + dx * (cols[0] - AROUND)), max(south, north - dy * (rows[-1] + 1 + AROUND)),
        min(east, west + dx * (cols[-1] + 1 + AROUND)), min(north, north - dy * (rows[0] - AROUND)),
    )  # fmt: skip


def draw_field(
    axes: Any, city: City, field: xr.DataArray, layer: MapLayer, own: gpd.GeoDataFrame | None = None
) -> ScalarMappable:
    """Draw a field in the colours of its layer, nothing below the lowest bound, grey where nothing is known.

    Returns what a colour bar is made of.
    """
    bounds, values = list(layer.bounds), field.values.astype(float)
    top = bounds[-1] + 1.0 if layer.names else max(10 * bounds[-1], float(np.nanmax(values, initial=0.0)) + 1.0)
    scale = ScalarMappable(BoundaryNorm([*bounds, top], len(bounds)), ListedColormap([c for _, c in layer.colormap]))
    unknown, shown = np.isnan(values), values >= bounds[0]
    if on_cells(field):
        west, south, east, north = extent(field)
        box = {
            "extent": (west, east, south, north),
            "interpolation": "nearest",
            "interpolation_stage": "data",
            "zorder": 3,
        }
        axes.imshow(np.where(shown, values, np.nan), cmap=scale.cmap, norm=scale.norm, **box)
        if unknown.any():
            axes.imshow(np.where(unknown, 1.0, np.nan), cmap=ListedColormap([UNKNOWN]), alpha=0.4, **box)
    else:
        things = apart(shapes(city, field, own))
        areas = things[things.geom_type.isin(AREAS)].values
        draw_paths(axes, outlines(areas), facecolor="none", edgecolor=UNKNOWN, linewidth=0.4, zorder=3)
        draw_shapes(axes, things[unknown], [UNKNOWN] * int(unknown.sum()), alpha=0.5, width=FIELD_LINE, hatch="///")
        highest_last = np.argsort(values[shown], kind="stable")
        colours = list(scale.to_rgba(values[shown][highest_last]))
        draw_shapes(axes, things[shown].iloc[highest_last], colours, alpha=0.85, width=FIELD_LINE)
    return scale


def draw_shapes(
    axes: Any,
    things: gpd.GeoSeries,
    colours: Sequence[Any],
    alpha: float | None = None,
    *,
    width: float = 1.9,
    hatch: str | None = None,
) -> None:
    """Draw areas, lines and points, each in its colour, with `alpha` in place of the colour's own; what has no shape is left.

    Lines are `width` points wide; areas may be hatched.
    """
    parts = gpd.GeoSeries(things.values, crs=things.crs).explode(index_parts=False)
    parts = parts[parts.notna() & ~parts.is_empty]
    own = pd.Series([mpl.colors.to_rgba(colour, alpha) for colour in colours], dtype=object).reindex(parts.index)
    areas, lines, points = (parts.geom_type == kind for kind in ("Polygon", "LineString", "Point"))
    edge = {"edgecolor": UNKNOWN, "hatch": hatch, "linewidth": 0.6} if hatch else {"edgecolor": "none"}
    draw_paths(axes, outlines(parts[areas].values), facecolor=list(own[areas]), zorder=3, **edge)
    draw_lines(axes, courses(parts[lines].values), list(own[lines]), width, zorder=4)
    if points.any():
        at = parts[points]
        axes.scatter(at.x, at.y, c=list(own[points]), s=34, edgecolors="white", linewidths=0.8, zorder=5)


def draw_paths(axes: Any, paths: Sequence[Path], **style: Any) -> None:
    """Draw paths, all at once, in the style of a PathCollection; they end where the axes end and have no say in the layout."""
    drawn = PathCollection(paths, **style)
    drawn.set_in_layout(False)
    axes.add_collection(drawn, autolim=False)


def draw_lines(axes: Any, paths: Sequence[Path], colours: Any, widths: Any, zorder: float) -> None:
    """Draw paths as lines with round ends, `widths` in points."""
    draw_paths(axes, paths, facecolor="none", edgecolor=colours, linewidth=widths, capstyle="round", zorder=zorder)


def outlines(areas: NDArray[np.object_]) -> list[Path]:
    """Return a path for each part of areas; its holes run the other way round, so that they stay open."""
    parts = shapely.get_parts(areas)
    rings, part = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.diff(ring, append=-1) != 0
    codes = np.full(len(xy), Path.LINETO, Path.code_type)
    codes[np.roll(ends, 1)], codes[ends] = Path.MOVETO, Path.CLOSEPOLY
    return [Path(xy[own], codes[own]) for own in _runs(part[ring], len(parts))]


def courses(lines: NDArray[np.object_]) -> list[Path]:
    """Return a path for each line."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    return [Path(xy[own]) for own in _runs(line, len(lines))]


def _runs(item: NDArray[np.intp], count: int) -> list[slice]:
    """Return where each of `count` items stands in a rising array of items."""
    return [slice(*bounds) for bounds in pairwise(np.searchsorted(item, np.arange(count + 1)))]


def apart(things: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return shapes of which no area lies on another: areas that lie within a larger one are cut out of it."""
    found, areas = list(things.values), np.flatnonzero(things.geom_type.isin(AREAS))
    own = things.iloc[areas]
    size, points = own.area.values, own.representative_point()
    outer, inner = (k.tolist() for k in own.sindex.query(points, predicate="within")[::-1])
    for large, small in zip(outer, inner, strict=True):
        if size[large] > size[small]:
            found[areas[large]] = found[areas[large]].difference(own.iloc[small])
    return gpd.GeoSeries(found, index=things.index, crs=things.crs)


def levels_of(places: pd.DataFrame) -> NDArray[np.object_]:
    """Return the highest colour each place reaches, empty for none, "unknown" for one of which nothing is known."""
    level = np.where(places["known"].astype(bool), "", "unknown").astype(object)
    for colour in COLOURS:
        level[places[f"first_{colour}"].notna().values] = colour
    return level


def marked(places: gpd.GeoDataFrame, wide: float) -> NDArray[np.bool_]:
    """Return which places are marked like a point on a map `wide` metres wide: points, and areas too small to be seen."""
    areas = places.geom_type.isin(AREAS).values
    small = np.sqrt(places.area.values) < SMALL * wide
    return np.asarray(places.geom_type.isin(POINTS).values | (areas & small))


def draw_marks(axes: Any, places: gpd.GeoDataFrame, most: int = 12) -> None:
    """Mark the places that are marked like a point, if they have a colour, and name the worst few whose names do not collide.

    Where no place of the worst colour is such, areas and lines are named, too.
    """
    west, east = axes.get_xlim()
    span = east - west
    level = levels_of(places)
    point = marked(places, span)
    shown = point & (level != "")
    at = places.geometry[shown].representative_point()
    faces = [(LEVEL_COLOURS | {"unknown": UNKNOWN})[name] for name in level[shown]]
    axes.scatter(at.x, at.y, s=6.5**2, c=faces, edgecolors="white", linewidths=0.9, zorder=6).set_in_layout(False)
    coloured = np.isin(level, COLOURS)
    worst = max((COLOURS.index(name) for name in level[coloured]), default=-1)
    named = np.flatnonzero(coloured & point if (point & (level == COLOURS[worst])).any() else coloured)
    rank = sorted(named, key=lambda k: (-COLOURS.index(level[k]), -abs(places["peak"].iloc[k])))
    taken: list[Bounds] = []
    for k in rank:
        if len(taken) < most:
            _name(axes, places.iloc[k], span, taken)


def _name(axes: Any, place: pd.Series, span: float, taken: list[Bounds]) -> None:
    """Write the names of a place beside it, unless they would lie on those `taken`, to which its box is added."""
    east = axes.get_xlim()[1]
    at = place.geometry.representative_point()
    wide = span * 0.0078 * max(1.9 * len(place["name_zh"]), len(place["name_en"])) + 0.012 * span
    right = at.x + wide + 0.008 * span > east
    box = (at.x - wide if right else at.x, at.y, at.x if right else at.x + wide, at.y + 0.036 * span)
    if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
        return
    taken.append(box)
    axes.annotate(
        f"{place['name_zh']}\n{place['name_en']}",
        (at.x, at.y),
        xytext=(-6 if right else 6, 2),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize=6.8,
        color=INK,
        zorder=7,
        bbox={"boxstyle": "round,pad=0.15", "fc": "#ffffffcc", "ec": "none"},
    )


def _axis(field: xr.DataArray) -> str:
    """Return the name of the axis of ids."""
    return next(str(d) for d in field.dims if d != "time")
