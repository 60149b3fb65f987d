"""What stands beside each road: the width between its facades, how high they are, and whether they make a canyon of it.

From points along the road a line is drawn to both sides; the first building that it meets is the facade there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from evacuation.release.weather import FLOOR_M
from twin.city import City

Array = NDArray[np.float64]

#: Points along a road are at most this far apart, m.
SPACING_M = 10.0
#: A building farther than this from the middle of the road is no facade of it, m: assumed.
REACH_M = 40.0
#: Facades stand along this share of each side of a canyon at least: assumed.
BUILT_SHARE = 0.5
#: A canyon is at least this high for its width: below, buildings act one by one (Oke 1988, doi:10.1016/0378-7788(88)90026-6).
HEIGHT_TO_WIDTH = 0.3


@dataclass(frozen=True)
class Facades:
    """The facades of every road of a city.

    `width` (road,) m between those of both sides, `height` (road,) m, mean of both sides: NaN where a side has none; `built` (road, side)
    share of the length with a facade beside it. Courtyards and gaps behind the building line are not told apart.
    """

    width: Array
    height: Array
    built: Array

    @property
    def canyon(self) -> NDArray[np.bool_]:
        """Roads that are canyons (road,); the others are open."""
        high = np.nan_to_num(self.height) >= HEIGHT_TO_WIDTH * np.nan_to_num(self.width, nan=np.inf)
        return np.asarray((self.built.min(axis=1) >= BUILT_SHARE) & high)


def facades_of(city: City) -> Facades:
    """Return the facades along the roads of a city; a bridge, an underpass and a passage under a house have none."""
    lines, count = city.roads.geometry.values, len(city.roads)
    length = shapely.length(lines)
    points = np.maximum(np.ceil(length / SPACING_M).astype(int), 1)
    road = np.repeat(np.arange(count), points)
    number = np.arange(len(road)) - np.repeat(np.cumsum(points) - points, points)
    place = (number + 0.5) / points[road] * length[road]
    middle, before, after = (
        shapely.get_coordinates(shapely.line_interpolate_point(lines[road], np.clip(place + step, 0.0, length[road])))
        for step in (0.0, -1.0, 1.0)
    )
    axis = after - before
    axis /= np.maximum(np.hypot(axis[:, 0], axis[:, 1]), 1e-9)[:, None]
    across = np.column_stack([-axis[:, 1], axis[:, 0]])
    width, height, built = np.zeros(count), np.zeros(count), np.zeros((count, 2))
    for side, sign in enumerate((1.0, -1.0)):
        away, high = _first_met(city, middle, middle + sign * REACH_M * across)
        met = ~np.isnan(away)
        seen = np.bincount(road, met, count)
        built[:, side] = seen / points
        for total, values in ((width, away), (height, 0.5 * high)):
            total += np.divide(
                np.bincount(road, np.where(met, values, 0.0), count), seen, out=np.full(count, np.nan), where=seen > 0
            )
    built[(city.roads["level"].values.astype(float) != 0) | city.roads["underpass"].values.astype(bool)] = 0.0
    return Facades(width, height, built)


def _first_met(city: City, start: Array, end: Array) -> tuple[Array, Array]:
    """Return how far along each line the first building stands and how high it is, m; NaN where none does."""
    away, high = np.full(len(start), np.nan), np.full(len(start), np.nan)
    if not len(city.buildings):
        return away, high
    shapes, rays = city.buildings.geometry.values, shapely.linestrings(np.stack([start, end], axis=1))
    ray, building = shapely.STRtree(shapes).query(rays, predicate="intersects")
    far = shapely.distance(shapely.points(start[ray]), shapely.intersection(rays[ray], shapes[building]))
    order = np.lexsort((building, far, ray))
    ray, building, far = ray[order], building[order], np.where(far > 0.0, far, np.nan)[order]
    nearest = np.append(True, ray[1:] != ray[:-1])[: len(ray)]
    away[ray[nearest]] = far[nearest]  # not known under a house
    high[ray[nearest]] = FLOOR_M * city.buildings["floors"].values.astype(float)[building[nearest]]
    return away, high
