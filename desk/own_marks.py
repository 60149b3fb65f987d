"""What hazards mark themselves on the map: a star where it is, and an arrow where something goes from there."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely

from twin.blocks import Mark, Section
from twin.bridge.maps import MARK
from twin.bridge.shapes import Bounds
from twin.city import City
from twin.words import say, written

#: Radius of a star and length of an arrow, as shares of the height that is looked at.
STAR, ARROW = 0.014, 0.12

#: Red, green and blue of what is filled, and of its rim.
WHITE, INK = [255, 255, 255], [int(MARK[i : i + 2], 16) for i in (1, 3, 5)]


def own_marks(city: City, sections: Iterable[Section], bounds: Bounds, lang: str) -> gpd.GeoDataFrame:
    """Return the stars and arrows within bounds with name, hazard, colour and rim; arrows lie below their stars."""
    _, south, _, north = bounds
    rows, shapes = [], []
    for section in sections:
        told = {"told": section.sheet.name[lang], "rim": INK, "wide": 2}
        for mark in _within(section.marks, bounds):
            name = {"name": written(mark.said, lang)}
            if mark.toward_deg is not None:
                rows.append(told | name | {"colour": INK})
                shapes.append(_arrow(mark.x, mark.y, mark.toward_deg, ARROW * (north - south)))
            rows.append(told | name | {"colour": WHITE})
            shapes.append(_star(mark.x, mark.y, STAR * (north - south)))
    columns = ["name", "told", "colour", "rim", "wide"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry=shapes, crs=city.grid.crs)


def own_legend(sections: Iterable[Section], bounds: Bounds, lang: str) -> str:
    """Return the names of what is marked within bounds, as HTML; empty where nothing is."""
    names = [written(mark.said, lang) for section in sections for mark in _within(section.marks, bounds)]
    listed = (", " if lang == "en" else "、").join(html.escape(name) for name in dict.fromkeys(names))
    return f"★ {say('desk.marked', lang=lang)}: {listed}" if listed else ""


def _within(marks: Iterable[Mark], bounds: Bounds) -> list[Mark]:
    west, south, east, north = bounds
    return [mark for mark in marks if west <= mark.x <= east and south <= mark.y <= north]


def _star(x: float, y: float, radius: float) -> shapely.Polygon:
    """Return a star of five points, one of them to the north."""
    turns = np.pi / 5.0 * np.arange(10)
    reach = radius * np.where(np.arange(10) % 2 == 0, 1.0, 0.4)
    return shapely.Polygon(np.column_stack([x + reach * np.sin(turns), y + reach * np.cos(turns)]))


def _arrow(x: float, y: float, toward_deg: float, length: float) -> shapely.Polygon:
    """Return an arrow from a point toward a direction (degrees clockwise from north)."""
    turn, head, half = math.radians(toward_deg), 0.22 * length, 0.07 * length
    along, across = np.array([math.sin(turn), math.cos(turn)]), np.array([math.cos(turn), -math.sin(turn)])
    neck, tip = np.array([x, y]) + (length - head) * along, np.array([x, y]) + length * along
    thin = 0.12 * half * across
    tail = np.array([x, y])
    return shapely.Polygon(
        [tail - thin, neck - thin, neck - half * across, tip, neck + half * across, neck + thin, tail + thin]
    )
