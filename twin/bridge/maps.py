"""Maps and charts that a person can read, as PNG; labels in both languages."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from typing import Any, NamedTuple

import geopandas as gpd
import matplotlib as mpl
import matplotlib.dates
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LightSource, ListedColormap
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from PIL import Image

from twin.blocks import Curve, Mark, Picture
from twin.bridge import shapes
from twin.bridge.fonts import family
from twin.bridge.shapes import INK, LEVEL_COLOURS, UNKNOWN
from twin.city import City
from twin.sheet import COLOURS, MapLayer
from twin.words import LANGS, Phrase, Word, width, written

PAPER, RIVER, BUILDING, ROAD = "#ffffff", "#b5d3e4", "#d3cabb", "#ffffff"

#: Walls of venues, lines in them that open, and where their people go to, on a map less wide than this, m.
WALL, GATE, GOAL, NEAR_M = "#6d6459", "#2f8f5b", "#1f6fb2", 1500.0

#: What a hazard marks itself.
MARK = "#12305c"

#: Ground colour of each land-cover class of `twin.landcover`.
GROUND = {
    1: "#f4f1ea",
    2: "#e4ddd0",
    3: "#e9e3d7",
    4: "#e2ebd2",
    5: "#c8dcb4",
    6: "#ece4cf",
    7: RIVER,
    8: "#a9a59f",
    9: "#e6e0e4",
}


#: Letters of Latin script that fit on one line beside the axis of a curve, and into a row of its legend.
AXIS_LETTERS, LEGEND_WIDTH = 24, 150

#: Letters of Latin script that fit over a map at the size of a title.
TITLE_LETTERS = 76

#: Letters that fit below the colour bar of a small map.
BELOW_LETTERS = 62


def both(key: str, **values: Any) -> str:
    """Return a word in Chinese and English on one line."""
    return in_both(Word(key, values))


def in_both(phrase: Phrase, between: str = " ") -> str:
    """Return a phrase in Chinese and English on one line (or `between` them), once where it is the same in both."""
    return between.join(dict.fromkeys(written(phrase, lang) for lang in LANGS))


class Base(NamedTuple):
    """What lies under every map of a city: the ground (red, green, blue of each cell, 0..255), the rest as paths.

    Of venues: `solid` what nobody walks on, `walls` with the sides of stairs, and `gates` with other lines that open.
    """

    ground: NDArray[np.uint8]
    buildings: list[Path]
    roads: list[Path]
    solid: list[Path]
    walls: list[Path]
    gates: list[Path]
    goals: list[Path]

    @classmethod
    @lru_cache(maxsize=1)
    def of(cls, city: City) -> Base:
        """Return the base of a city, made once for all maps of it."""
        buildings, roads = city.buildings.geometry.values, city.roads.geometry.values
        parts = city.venues.explode(index_parts=False) if len(city.venues) else city.venues
        lines = parts.geom_type == "LineString"
        solid, wall = parts["kind"] == "obstacle", parts["kind"].isin(["wall", "barrier"])
        return cls(
            _ground(city), shapes.outlines(buildings), shapes.courses(roads),
            shapes.outlines(parts.geometry[solid & ~lines].values),
            shapes.courses(parts.geometry[lines & wall].values) + shapes.outlines(parts.geometry[parts["kind"] == "stair"].values),
            shapes.courses(parts.geometry[lines & ~wall & (parts["kind"] != "source")].values),
            shapes.outlines(parts.geometry[parts["kind"] == "goal"].values),
        )  # fmt: skip


def _ground(city: City) -> NDArray[np.uint8]:
    """Return the colours of the land cover in the light of a sun in the north-west; white where there is no terrain."""
    terrain = city.surface["terrain"].values
    level = np.nan_to_num(terrain, nan=float(np.nanmin(terrain)))
    shade = LightSource(315, 45).hillshade(level, vert_exag=6, dx=city.grid.cell_m, dy=city.grid.cell_m)
    palette = np.array([mpl.colors.to_rgb(GROUND.get(code, PAPER)) for code in range(max(GROUND) + 1)])
    land = palette[city.surface["cover"].values] * np.clip(0.66 + 0.48 * shade[..., None], 0, 1.04)
    land[city.surface["river"].values] = mpl.colors.to_rgb(RIVER)
    land[~np.isfinite(terrain)] = 1.0
    return np.asarray(np.round(255 * np.clip(land, 0, 1)), dtype=np.uint8)


def draw_city(axes: Any, city: City, window: shapes.Bounds | None = None, *, furniture: bool = True) -> None:
    """Draw ground, river, buildings and roads as a quiet base; scale bar and north arrow with `furniture`.

    `window` is what is shown (west, south, east, north), the whole city without one; what lies beyond the city is grey as what is not
    known.
    """
    axes.set_facecolor(mpl.colors.to_rgba(UNKNOWN, 0.4))
    base, (west, south, east, north) = Base.of(city), city.grid.bounds
    axes.imshow(base.ground, extent=(west, east, south, north), interpolation="bilinear", zorder=0)
    if base.buildings:
        shapes.draw_paths(axes, base.buildings, facecolor=BUILDING, edgecolor="#b9b0a2", linewidth=0.15, zorder=1)
    elif city.surface["building"].values.any():
        blocks = np.ma.masked_equal(city.surface["building"].values.astype(float), 0)
        axes.imshow(
            blocks,
            extent=(west, east, south, north),
            cmap=ListedColormap([BUILDING]),
            interpolation="nearest",
            zorder=1,
        )
    if base.roads:
        wide = city.roads["lanes"].astype(float).clip(1, 8)
        shapes.draw_lines(axes, base.roads, "#c9c2b4", 0.5 + 0.28 * wide, zorder=2)
        shapes.draw_lines(axes, base.roads, ROAD, 0.2 + 0.22 * wide, zorder=2)
    for track in city.facilities.geometry[city.facilities.geom_type == "LineString"]:
        axes.plot(*track.xy, color="#8a6fa8", linewidth=1.6, linestyle=(0, (4, 2)), zorder=2.5)
    west, south, east, north = window or city.grid.bounds
    if east - west < NEAR_M and len(city.venues.cx[west:east, south:north]):
        shapes.draw_paths(axes, base.solid, facecolor=BUILDING, edgecolor=WALL, linewidth=0.5, zorder=3.4)
        shapes.draw_lines(axes, base.walls, WALL, 0.9, zorder=3.5)
        shapes.draw_lines(axes, base.gates, GATE, 1.6, zorder=3.6)
        shapes.draw_lines(axes, base.goals, GOAL, 1.2, zorder=3.6)
        drawn = [(WALL, "chart.walls"), (GATE, "chart.gates")] + [(GOAL, "chart.goals")] * bool(base.goals)
        for colour, word in drawn:
            axes.plot([], [], color=colour, label=both(word))
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
    if furniture:
        _scale_bar(axes)


def city_map(city: City) -> bytes:
    """Return a PNG of the city itself: ground, buildings, roads, drains, facilities."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(10.5, 10.5), dpi=130, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        draw_city(axes, city)
        if city.drains is not None and len(city.drains.links):
            pipes = shapes.courses(city.drains.links.geometry.values)
            shapes.draw_lines(axes, pipes, "#3c8c7ccc", 0.6, zorder=4)
        sites = city.facilities[city.facilities.geom_type != "LineString"]
        for kind in sorted(set(sites["kind"])):
            centres = sites.geometry[sites["kind"] == kind].centroid
            axes.plot(centres.x, centres.y, "o", ms=4.5, mec="white", mew=0.6, label=_kind(kind), zorder=6)
        if len(city.facilities):
            axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
        axes.set(xlabel="", ylabel="")
        axes.set_title(f"{city.name_zh} {city.name_en}", loc="left", color=INK, fontsize=14)
        return png(figure)


def _kind(kind: str) -> str:
    return both(f"place.{kind}")


def picture(city: City, drawn: Picture, own: gpd.GeoDataFrame | None = None, title: str = "") -> bytes:
    """Return a PNG of a field over the city with its places marked, or for one that is not wide the field alone.

    `own` are the places that only the hazard knows. What reaches over a small part of the city is drawn larger, and of a field alone
    what is seen of it.
    """
    size, dpi = ((9.6, 8.4), 120) if drawn.wide else ((5.6, 6.2), 150)
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=size, dpi=dpi, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        reach = (
            shapes.reach_of(city, drawn.field, own)
            if drawn.wide
            else shapes.shown_of(city, drawn.field, drawn.layer, own)
        )
        window = shapes.window(city, reach)
        draw_city(axes, city, window)
        field = shapes.draw_field(axes, city, drawn.field, drawn.layer, own)
        _colour_bar(figure, axes, field, drawn.layer, below=not drawn.wide)
        unknown = np.isnan(drawn.field.values).any() or shapes.beyond(city, window)
        if drawn.places is not None:
            shapes.draw_marks(axes, drawn.places)
            unknown |= not drawn.places["known"].all()
        _own_marks(axes, drawn.marks)
        if unknown:
            axes.plot([], [], "s", color=UNKNOWN, label=both("report.unknown"))
        if unknown or (drawn.wide and axes.get_legend_handles_labels()[1]):
            axes.legend(loc="lower right", fontsize=8.5, framealpha=0.92)
        axes.set(xlabel="", ylabel="")
        _title(axes, title)
        return png(figure)


def _colour_bar(figure: Figure, axes: Any, image: Any, layer: MapLayer, *, below: bool) -> None:
    where = (
        {"location": "bottom", "shrink": 0.9, "pad": 0.015, "aspect": 32} if below else {"shrink": 0.55, "pad": 0.01}
    )
    bounds = list(layer.bounds)
    bar = figure.colorbar(image, ax=axes, extend="neither" if layer.names else "max", ticks=bounds, **where)
    if layer.names:
        edges = [*bounds, bounds[-1] + 1.0]
        bar.set_ticks([(a + b) / 2 for a, b in pairwise(edges)], labels=list(layer.names))
        bar.ax.minorticks_off()
    told = both(layer.word)
    lines = told if width(told) <= (BELOW_LETTERS if below else TITLE_LETTERS) else in_both(Word(layer.word), "\n")
    bar.set_label(lines, color=INK)


def curve(drawn: Curve, tz: Any) -> bytes:
    """Return a PNG of figures in time, stacked or as lines, with times as clocks in `tz` show them."""
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        times, labels = local_times(drawn.table.index, tz), [in_both(label) for label in drawn.labels]
        beside = max(
            1, min(6, LEGEND_WIDTH // (5 + max(map(width, labels), default=1)))
        )  # labels in a row of the legend
        rows = -(-len(labels) // beside)
        figure = Figure(figsize=(9.6, 2.5 + 0.2 * rows), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        columns = [drawn.table[name].values for name in drawn.table]
        if drawn.stacked:
            axes.stackplot(times, *columns, colors=drawn.colours, labels=labels)
            axes.set_ylim(bottom=0)
        else:
            for values, label, colour in zip(columns, labels, drawn.colours, strict=True):
                axes.plot(times, values, color=colour, label=label, linewidth=1.8)
        said = in_both(drawn.said) if width(in_both(drawn.said)) <= AXIS_LETTERS else in_both(drawn.said, "\n")
        axes.set_ylabel(said + (f" ({drawn.unit})" if drawn.unit else ""), color=INK, fontsize=8.5)
        axes.grid(axis="y", color="#e4e4e4")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=beside, fontsize=8, frameon=False, borderaxespad=0.2)
        time_axis(axes, tz)
        axes.set_xlim(times[0], times[-1])
        return png(figure)


def level_map(city: City, places: gpd.GeoDataFrame, title: str = "") -> bytes:
    """Return a PNG of the colour of each place (`Exposure.places`), grey for one of which nothing is known."""
    west, south, east, north = places.total_bounds
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        figure = Figure(figsize=(9.6, 8.4), dpi=120, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot()
        shown = shapes.window(city, (float(west), float(south), float(east), float(north)))
        draw_city(axes, city, shown)
        level, marked = shapes.levels_of(places), shapes.marked(places, shown[2] - shown[0])
        drawn = shapes.apart(places.geometry[(level != "") & ~marked])
        areas = drawn.geom_type.isin(shapes.AREAS)
        places = places.assign(geometry=drawn.reindex(places.index).fillna(places.geometry))
        for name, colour in (("unknown", UNKNOWN), *((c, LEVEL_COLOURS[c]) for c in COLOURS)):
            mine = pd.Series(level == name, index=places.index)[drawn.index]
            hatch = "///" if name == "unknown" else None
            for chosen, alpha in ((drawn[areas & mine], 0.25), (drawn[~areas & mine], 1.0)):
                shapes.draw_shapes(axes, chosen, [colour] * len(chosen), alpha, hatch=hatch)
            if name != "unknown" or (level == name).any():
                word = "report.unknown" if name == "unknown" else f"level.{name}"
                axes.plot([], [], "s", color=colour, label=both(word))
        shapes.draw_marks(axes, places)
        axes.legend(loc="lower right", fontsize=8.5, framealpha=0.92)
        axes.set(xlabel="", ylabel="")
        _title(axes, title)
        return png(figure)


def _own_marks(axes: Any, marks: tuple[Mark, ...]) -> None:
    """Draw what a hazard marks: a star with its name, and an arrow where something goes from there."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    halo = [withStroke(linewidth=3.0, foreground="white")]
    length = 0.12 * (east - west)
    for mark in marks:
        if not (west <= mark.x <= east and south <= mark.y <= north):
            continue
        if mark.toward_deg is not None:
            turn = np.deg2rad(mark.toward_deg)
            tip = (mark.x + length * np.sin(turn), mark.y + length * np.cos(turn))
            arrow = {"arrowstyle": "-|>", "color": MARK, "linewidth": 2.0, "path_effects": halo}
            axes.annotate("", tip, (mark.x, mark.y), arrowprops=arrow, zorder=9)
        axes.plot(mark.x, mark.y, "*", ms=15, mfc="white", mec=MARK, mew=1.6, zorder=10)
        aside = (
            "right"
            if mark.x > west + 0.67 * (east - west)
            else "left"
            if mark.x < west + 0.33 * (east - west)
            else "center"
        )
        axes.annotate(
            in_both(mark.said), (mark.x, mark.y), xytext=(0, 11), textcoords="offset points", ha=aside, fontsize=8.5,
            color=MARK, path_effects=halo, zorder=10,
        )  # fmt: skip


def _title(axes: Any, title: str) -> None:
    """Write a title that ends within the picture: a long one in smaller letters."""
    size = 13.0 * min(1.0, TITLE_LETTERS / max(width(title), 1))
    axes.set_title(title, loc="left", color=INK, fontsize=max(size, 7.0))


def _scale_bar(axes: Any) -> None:
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    length = 10 ** np.floor(np.log10((east - west) / 4)) * max(
        k for k in (1, 2, 5) if k * 10 ** np.floor(np.log10((east - west) / 4)) <= (east - west) / 4
    )
    x0, y0 = west + 0.03 * (east - west), south + 0.03 * (north - south)
    halo = [withStroke(linewidth=3.5, foreground="white")]  # to be read on dark colours
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
    """Return a figure as an opaque PNG."""
    canvas, out = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    Image.fromarray(drawn[..., :3]).save(out, "PNG", compress_level=4)
    return out.getvalue()
