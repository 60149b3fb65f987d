"""Maps and charts that a person can read, as PNG; labels in both languages."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import matplotlib.dates
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import BoundaryNorm, LightSource, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from twin.bridge.fonts import family
from twin.city import City
from twin.expose import Exposure
from twin.sheet import COLOURS, MapLayer, Sheet
from twin.words import say

#: Screen colours of the four levels.
LEVEL_COLOURS = {"blue": "#2f6fde", "yellow": "#f2c200", "orange": "#f07d18", "red": "#d4252c"}
PAPER, INK, WATER, BUILDING, ROAD, CASING = "#ffffff", "#22303c", "#b5d3e4", "#d3cabb", "#ffffff", "#bdb3a2"

#: Ground colour of each land-cover class of `twin.landcover`.
GROUND = {
    1: "#f4f1ea",
    2: "#e4ddd0",
    3: "#e9e3d7",
    4: "#e2ebd2",
    5: "#c8dcb4",
    6: "#ece4cf",
    7: WATER,
    8: "#a9a59f",
    9: "#e6e0e4",
}


def both(key: str, **values: Any) -> str:
    """Return a phrase in Chinese and English on one line."""
    return f"{say(key, lang='zh', **values)} {say(key, lang='en', **values)}"


def draw_city(axes: Any, city: City, *, furniture: bool = True) -> None:
    """Draw ground, river, buildings and roads as a quiet base; scale bar and north arrow with `furniture`."""
    west, south, east, north = city.grid.bounds
    terrain = city.surface["terrain"].values
    level = np.nan_to_num(terrain, nan=float(np.nanmin(terrain)))
    shade = LightSource(315, 45).hillshade(level, vert_exag=6, dx=city.grid.cell_m, dy=city.grid.cell_m)
    palette = np.array([mpl.colors.to_rgb(GROUND.get(code, PAPER)) for code in range(max(GROUND) + 1)])
    land = palette[city.surface["cover"].values] * np.clip(0.66 + 0.48 * shade[..., None], 0, 1.04)
    land[city.surface["river"].values] = mpl.colors.to_rgb(WATER)
    land[~np.isfinite(terrain)] = 1.0
    axes.imshow(np.clip(land, 0, 1), extent=(west, east, south, north), interpolation="bilinear", zorder=0)
    if len(city.buildings):
        axes.add_collection(
            PatchCollection(_patches(city.buildings), facecolor=BUILDING, edgecolor="#b9b0a2", linewidth=0.15, zorder=1)
        )
    elif city.surface["building"].values.any():
        blocks = np.ma.masked_equal(city.surface["building"].values.astype(float), 0)
        axes.imshow(
            blocks,
            extent=(west, east, south, north),
            cmap=ListedColormap([BUILDING]),
            interpolation="nearest",
            zorder=1,
        )
    if len(city.roads):
        wide = city.roads["lanes"].astype(float).clip(1, 8)
        lines = [np.asarray(g.coords)[:, :2] for g in city.roads.geometry]
        axes.add_collection(
            LineCollection(lines, colors="#c9c2b4", linewidths=0.5 + 0.28 * wide, zorder=2, capstyle="round")
        )
        axes.add_collection(
            LineCollection(lines, colors=ROAD, linewidths=0.2 + 0.22 * wide, zorder=2, capstyle="round")
        )
    for track in city.facilities.geometry[city.facilities["kind"] == "metro_line"]:
        axes.plot(*track.xy, color="#8a6fa8", linewidth=1.6, linestyle=(0, (4, 2)), zorder=2.5)
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
    if furniture:
        _scale_bar(axes, city)


def city_map(city: City) -> bytes:
    """Return a PNG of the city itself: ground, buildings, roads, drains, facilities."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(10.5, 10.5), dpi=130, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        if city.drains is not None and len(city.drains.links):
            pipes = [np.asarray(g.coords)[:, :2] for g in city.drains.links.geometry]
            axes.add_collection(LineCollection(pipes, colors="#3c8c7c", linewidths=0.6, zorder=4, alpha=0.8))
        for kind in sorted(set(city.facilities["kind"]) - {"metro_line"}):
            centres = city.facilities.geometry[city.facilities["kind"] == kind].centroid
            axes.plot(centres.x, centres.y, "o", ms=4.5, mec="white", mew=0.6, label=_kind(kind), zorder=6)
        if len(city.facilities):
            axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
        axes.set(xlabel="", ylabel="")
        axes.set_title(f"{city.name_zh} {city.name_en}", loc="left", color=INK, fontsize=14)
        return png(figure)


def _kind(kind: str) -> str:
    return both(f"place.{kind}")


def hazard_map(
    city: City, field: xr.DataArray, layer: MapLayer, exposure: Exposure | None = None, title: str = ""
) -> bytes:
    """Return a PNG of a field (y, x) over the city, with the graded places marked and the worst ones named."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 8.4), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        _colour_bar(figure, axes, _draw_field(axes, field, layer), layer)
        if exposure is not None:
            _draw_points(axes, exposure)
        axes.set(xlabel="", ylabel="")
        axes.set_title(title, loc="left", color=INK, fontsize=13)
        return png(figure)


def layer_map(city: City, field: xr.DataArray, layer: MapLayer) -> bytes:
    """Return a PNG of a field (y, x) over the city alone, for a page half as wide."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(5.6, 6.2), dpi=150, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        _colour_bar(figure, axes, _draw_field(axes, field, layer), layer, below=True)
        return png(figure)


def _colour_bar(figure: Figure, axes: Any, image: Any, layer: MapLayer, below: bool = False) -> None:
    where = (
        {"location": "bottom", "shrink": 0.9, "pad": 0.015, "aspect": 32} if below else {"shrink": 0.55, "pad": 0.01}
    )
    bounds = list(layer.bounds)
    bar = figure.colorbar(image, ax=axes, extend="neither" if layer.names else "max", ticks=bounds, **where)
    if layer.names:
        edges = [*bounds, bounds[-1] + 1.0]
        bar.set_ticks([(a + b) / 2 for a, b in pairwise(edges)], labels=list(layer.names))
        bar.ax.minorticks_off()
    bar.set_label(both(layer.word), color=INK)


def exposure_chart(city: City, exposure: Exposure, sheet: Sheet) -> bytes | None:
    """Return a PNG of people and road length by class in time, or None where the city has neither layer."""
    rows = [
        r
        for r in (
            (exposure.people, 1.0, "chart.people", city.population),
            (exposure.road_m, 1e-3, "chart.roads", city.roads),
        )
        if len(r[3])
    ]
    if not rows:
        return None
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 2.4 * len(rows)), dpi=120, layout="constrained", facecolor=PAPER)
        panels = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
        shades = [c for _, c in sheet.lead_layer.colormap][-len(exposure.classes) :]
        bounds = [*exposure.classes, None]
        labels = [
            f"{low:g}-{high:g} {sheet.unit}" if high else f"> {low:g} {sheet.unit}" for low, high in pairwise(bounds)
        ]
        for axes, (table, factor, label, _) in zip(panels, rows, strict=True):
            times = local_times(table.index.values, city.tz)
            axes.stackplot(times, *(table[c].values * factor for c in exposure.classes), colors=shades, labels=labels)
            axes.set_ylabel(both(label), color=INK, fontsize=8.5)
            axes.set_ylim(bottom=0)
            axes.grid(axis="y", color="#e4e4e4")
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].legend(loc="upper left", fontsize=8, frameon=False)
        time_axis(panels[-1], city.tz)
        return png(figure)


def _draw_field(axes: Any, field: xr.DataArray, layer: MapLayer) -> Any:
    bounds = list(layer.bounds)
    top = bounds[-1] + 1.0 if layer.names else max(10 * bounds[-1], float(field.max()) + 1.0)
    cell = abs(float(field["x"][1] - field["x"][0])) / 2
    extent = (
        float(field["x"][0]) - cell,
        float(field["x"][-1]) + cell,
        float(field["y"][-1]) - cell,
        float(field["y"][0]) + cell,
    )
    return axes.imshow(
        np.ma.masked_less(field.values, bounds[0]),
        extent=extent,
        cmap=ListedColormap([c for _, c in layer.colormap]),
        norm=BoundaryNorm([*bounds, top], len(bounds)),
        interpolation="nearest",
        zorder=3,
    )


def level_map(city: City, exposure: Exposure, title: str = "") -> bytes:
    """Return a PNG of the colour of each place: blocks as areas, streets as lines, other places as points."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 8.4), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        places, level = exposure.places, np.array(_levels(exposure.places))
        for colour in COLOURS:
            chosen = places[level == colour]
            areas = chosen[chosen["kind"] == "block"]
            axes.add_collection(
                PatchCollection(
                    _patches(areas), facecolor=LEVEL_COLOURS[colour], alpha=0.25, edgecolor="none", zorder=3
                )
            )
            streets = chosen[chosen["kind"].isin(["road", "street"])]
            lines = [
                np.asarray(part.coords)[:, :2]
                for shape in streets.geometry
                for part in getattr(shape, "geoms", [shape])
            ]
            axes.add_collection(
                LineCollection(lines, colors=LEVEL_COLOURS[colour], linewidths=1.7, zorder=4, capstyle="round")
            )
            axes.plot([], [], "s", color=LEVEL_COLOURS[colour], label=both(f"level.{colour}"))
        _draw_points(axes, exposure)
        axes.legend(loc="lower right", fontsize=8.5, framealpha=0.92)
        axes.set(xlabel="", ylabel="")
        axes.set_title(title, loc="left", color=INK, fontsize=13)
        return png(figure)


def _draw_points(axes: Any, exposure: Exposure, most: int = 12) -> None:
    """Mark the point places that have a colour and name the worst few where their names do not collide."""
    places = exposure.places[~exposure.places["kind"].isin(["block", "road", "street"])]
    level = _levels(places)
    west, east = axes.get_xlim()
    span = east - west
    taken: list[tuple[float, float, float, float]] = []
    for k in sorted(
        (k for k in range(len(places)) if level[k]), key=lambda k: (-COLOURS.index(level[k]), -places["peak"].iloc[k])
    ):
        place = places.iloc[k]
        x, y = place.geometry.centroid.x, place.geometry.centroid.y
        axes.plot(x, y, "o", ms=6.5, mfc=LEVEL_COLOURS[level[k]], mec="white", mew=0.9, zorder=6)
        wide = span * 0.0078 * max(1.9 * len(place["name_zh"]), len(place["name_en"]))
        right = x + wide + 0.02 * span > east
        box = (
            (x - wide - 0.012 * span, y, x, y + 0.036 * span)
            if right
            else (x, y, x + wide + 0.012 * span, y + 0.036 * span)
        )
        if len(taken) >= most or any(
            box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken
        ):
            continue
        taken.append(box)
        axes.annotate(
            f"{place['name_zh']}\n{place['name_en']}",
            (x, y),
            xytext=(-6 if right else 6, 2),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=6.8,
            color=INK,
            zorder=7,
            bbox={"boxstyle": "round,pad=0.15", "fc": "#ffffffcc", "ec": "none"},
        )


def _levels(places: pd.DataFrame) -> list[str]:
    return [next((c for c in reversed(COLOURS) if pd.notna(row[f"first_{c}"])), "") for _, row in places.iterrows()]


def _patches(table: gpd.GeoDataFrame) -> list[PathPatch]:
    patches = []
    for shape in table.geometry:
        for part in shape.geoms if shape.geom_type == "MultiPolygon" else [shape]:
            patches.append(PathPatch(Outline(np.asarray(part.exterior.coords)[:, :2])))
    return patches


def _scale_bar(axes: Any, city: City) -> None:
    west, south, east, north = city.grid.bounds
    length = 10 ** np.floor(np.log10((east - west) / 4)) * max(
        k for k in (1, 2, 5) if k * 10 ** np.floor(np.log10((east - west) / 4)) <= (east - west) / 4
    )
    x0, y0 = west + 0.03 * (east - west), south + 0.03 * (north - south)
    halo = [withStroke(linewidth=3.5, foreground="white")]  # to be read on dark water
    axes.plot(
        [x0, x0 + length], [y0, y0], color=INK, linewidth=2.5, zorder=8, solid_capstyle="butt",
        path_effects=[withStroke(linewidth=5.5, foreground="white")],
    )  # fmt: skip
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    middle, above = x0 + length / 2, y0 + 0.008 * (north - south)
    axes.text(middle, above, label, ha="center", va="bottom", fontsize=8, color=INK, zorder=8, path_effects=halo)
    axes.annotate(
        "N",
        (west + 0.035 * (east - west), north - 0.03 * (north - south)),
        xytext=(0, -26),
        textcoords="offset points",
        ha="center",
        fontsize=10,
        color=INK,
        arrowprops={"arrowstyle": "-|>", "color": INK, "path_effects": halo},
        path_effects=halo,
        zorder=8,
    )


def local_times(times: Any, tz: Any) -> Any:
    """Return UTC times of a `time` axis in a zone."""
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(tz)


def time_axis(axes: Any, tz: Any) -> None:
    """Write the hours below a chart, with the dates where it passes midnight."""
    first, last = (mpl.dates.num2date(x, tz).date() for x in axes.dataLim.intervalx)  # type: ignore[no-untyped-call]
    form = "%H:%M" if first == last else "%m-%d\n%H:%M"
    axes.xaxis.set_major_formatter(mpl.dates.DateFormatter(form, tz=tz))  # type: ignore[no-untyped-call]
    axes.set_xlabel(both("chart.time"), color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG."""
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
