"""Maps and charts that a person can read, as PNG; labels in both languages."""

from __future__ import annotations

from io import BytesIO
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

from twin.bridge.fonts import family
from twin.city import City
from twin.expose import Exposure
from twin.sheet import COLOURS, Sheet
from twin.words import say

#: Screen colours of the four levels.
LEVEL_COLOURS = {"blue": "#2f6fde", "yellow": "#f2c200", "orange": "#f07d18", "red": "#d4252c"}
PAPER, INK, LAND, WATER, BUILDING, ROAD = "#ffffff", "#22303c", "#f4f1ea", "#bcd7e6", "#d9d2c7", "#ffffff"


def both(key: str, **values: Any) -> str:
    """Return a phrase in Chinese and English on one line."""
    return f"{say(key, lang='zh', **values)} {say(key, lang='en', **values)}"


def draw_city(axes: Any, city: City) -> None:
    """Draw ground, river, buildings and roads as a quiet base."""
    west, south, east, north = city.grid.bounds
    terrain = city.surface["terrain"].values
    shade = LightSource(315, 45).hillshade(
        np.nan_to_num(terrain, nan=float(np.nanmin(terrain))),
        vert_exag=6,
        dx=city.grid.cell_m,
        dy=city.grid.cell_m,
    )
    land = np.array(mpl.colors.to_rgb(LAND)) * (0.80 + 0.20 * shade[..., None])
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
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
    _scale_bar(axes, city)


def hazard_map(
    city: City, field: xr.DataArray, sheet: Sheet, exposure: Exposure | None = None, title: str = ""
) -> bytes:
    """Return a PNG of a field (y, x) over the city, with the graded places marked and the worst ones named."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 8.4), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        image = _draw_field(axes, city, field, sheet)
        bar = figure.colorbar(
            image, ax=axes, shrink=0.55, pad=0.01, extend="max", ticks=[b for b, _ in sheet.style["colormap"]]
        )
        bar.set_label(both(f"style.{sheet.id}"), color=INK)
        if exposure is not None:
            _draw_places(axes, exposure)
        axes.set(xlabel="", ylabel="")
        axes.set_title(title, loc="left", color=INK, fontsize=13)
        return _png(figure)


def forcing_chart(drivers: xr.Dataset, tz: Any) -> bytes | None:
    """Return a PNG of rain (and river stage) in time, or None without either."""
    names = [n for n in ("rain_rate", "rain_rate_grid", "river_stage") if n in drivers]
    if not names:
        return None
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 2.6), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        times = _local(drivers["time"].values, tz)
        rain = sum(
            drivers[n] if n == "rain_rate" else drivers[n].mean(("rain_y", "rain_x"))
            for n in names
            if n != "river_stage"
        )
        if isinstance(rain, xr.DataArray) and len(times) > 1:
            axes.step(times, rain.values * 3.6e6, where="post", color="#2a6db3")
            axes.fill_between(times, rain.values * 3.6e6, step="post", color="#9fcbe8")
        axes.set_ylabel(both("chart.rain"), color=INK)
        axes.set_ylim(bottom=0)
        if "river_stage" in names and drivers["river_stage"].size > 1 and len(np.unique(drivers["river_stage"])) > 1:
            other = axes.twinx()
            other.plot(times, drivers["river_stage"].values, color="#7a4b1f")
            other.set_ylabel(both("chart.stage"), color="#7a4b1f")
        _time_axis(axes, tz)
        return _png(figure)


def exposure_chart(exposure: Exposure, sheet: Sheet, tz: Any) -> bytes:
    """Return a PNG of people and road length by class in time."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 4.4), dpi=120, layout="constrained", facecolor=PAPER)
        upper, lower = figure.subplots(2, 1, sharex=True)
        shades = [c for _, c in sheet.style["colormap"]][-len(exposure.classes) :]
        for axes, table, factor, label in (
            (upper, exposure.people, 1.0, "chart.people"),
            (lower, exposure.road_m, 1e-3, "chart.roads"),
        ):
            times = _local(table.index.values, tz)
            bounds = [*exposure.classes, None]
            labels = [
                f"{low:g}-{high:g} {sheet.unit}" if high else f"> {low:g} {sheet.unit}"
                for low, high in zip(bounds[:-1], bounds[1:], strict=True)
            ]
            axes.stackplot(times, *(table[c].values * factor for c in exposure.classes), colors=shades, labels=labels)
            axes.set_ylabel(both(label), color=INK, fontsize=8.5)
            axes.set_ylim(bottom=0)
            axes.grid(axis="y", color="#e4e4e4")
        upper.legend(loc="upper left", fontsize=8, frameon=False)
        _time_axis(lower, tz)
        return _png(figure)


def _draw_field(axes: Any, city: City, field: xr.DataArray, sheet: Sheet) -> Any:
    stops = sheet.style["colormap"]
    norm = BoundaryNorm([b for b, _ in stops] + [max(10 * stops[-1][0], float(field.max()) + 1)], len(stops))
    cell = abs(float(field["x"][1] - field["x"][0])) / 2
    extent = (
        float(field["x"][0]) - cell,
        float(field["x"][-1]) + cell,
        float(field["y"][-1]) - cell,
        float(field["y"][0]) + cell,
    )
    shown = np.ma.masked_less(field.values, stops[0][0])
    return axes.imshow(
        shown,
        extent=extent,
        cmap=ListedColormap([c for _, c in stops]),
        norm=norm,
        interpolation="nearest",
        zorder=3,
    )


def _draw_places(axes: Any, exposure: Exposure, most: int = 10) -> None:
    """Mark point places that have a colour, outline blocks, and name the worst few without overlap."""
    places = exposure.places
    level = _levels(places)
    named: list[tuple[float, float]] = []
    west, east = axes.get_xlim()
    order = sorted(
        range(len(places)),
        key=lambda k: (-COLOURS.index(level[k]) if level[k] else 9, -places["peak"].iloc[k]),
    )
    for k in order:
        if not level[k]:
            continue
        place, colour = places.iloc[k], LEVEL_COLOURS[level[k]]
        if place["kind"] == "block":
            gpd.GeoSeries([place.geometry]).boundary.plot(ax=axes, color=colour, linewidth=1.2, zorder=4)
            continue
        if place["kind"] == "road":
            continue
        x, y = place.geometry.centroid.x, place.geometry.centroid.y
        axes.plot(x, y, "o", ms=6.5, mfc=colour, mec="white", mew=0.9, zorder=6)
        if len(named) < most and all(
            abs(x - a) > 0.10 * (east - west) or abs(y - b) > 0.035 * (east - west) for a, b in named
        ):
            named.append((x, y))
            right = x > east - 0.22 * (east - west)
            axes.annotate(f"{place['name_zh']}\n{place['name_en']}", (x, y), xytext=(-6 if right else 6, 2), textcoords="offset points",
                          ha="right" if right else "left", fontsize=6.8, color=INK, zorder=7,
                          bbox={"boxstyle": "round,pad=0.15", "fc": "#ffffffcc", "ec": "none"})  # fmt: skip


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
    axes.plot([x0, x0 + length], [y0, y0], color=INK, linewidth=2.5, zorder=8, solid_capstyle="butt")
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(
        x0 + length / 2,
        y0 + 0.008 * (north - south),
        label,
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
        zorder=8,
    )
    axes.annotate("N", (west + 0.035 * (east - west), north - 0.03 * (north - south)), xytext=(0, -26), textcoords="offset points", ha="center",
                  fontsize=10, color=INK, arrowprops={"arrowstyle": "-|>", "color": INK}, zorder=8)  # fmt: skip


def _local(times: Any, tz: Any) -> Any:
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(tz)


def _time_axis(axes: Any, tz: Any) -> None:
    axes.xaxis.set_major_formatter(mpl.dates.DateFormatter("%H:%M", tz=tz))
    axes.set_xlabel(both("chart.time"), color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
