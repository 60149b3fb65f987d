"""The levels of a venue, laid side by side in one plane, and the stairs that join them.

Level k of them (0 the lowest) is moved east by k spans. A stair that joins two levels lies on both, walled at its sides and on the lower
level at its head, on the upper at its foot; people change from one to the other at its middle (`kernels.storeys`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.errors import ScenarioError

#: A stair that joins levels is at least so long, m: people near its middle are seen from both levels, and none beyond its ends.
SHORTEST_M = 3.0

#: Kinds of parts that may join two levels.
JOINING = ("stair", "slope")


@dataclass(frozen=True)
class Join:
    """A stair as drawn, from level `foot` up to `head` (places in `Levels.numbers`); `up` is its unit direction, `middle` how far up that
    way (metres of the map) its middle lies."""

    id: str
    shape: shapely.Polygon
    foot: int
    head: int
    up: tuple[float, float]
    middle: float

    def past_middle(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far above its middle places of the map lie, m along the stair."""
        return np.asarray(x * self.up[0] + y * self.up[1] - self.middle)

    @property
    def width_m(self) -> float:
        """How wide it is in the mean, m."""
        long = np.ptp(shapely.get_coordinates(self.shape) @ np.array(self.up))
        return float(self.shape.area / long)

    def upper(self) -> shapely.Geometry:
        """Return its upper half."""
        far = 10.0 * (1.0 + self.shape.length)
        ux, uy = self.up
        x, y = self.shape.centroid.coords[0]
        along = self.middle - (x * ux + y * uy)
        at, side = np.array([x + along * ux, y + along * uy]), far * np.array([-uy, ux])
        above = far * np.array([ux, uy])
        return self.shape.intersection(shapely.Polygon([at + side, at + side + above, at - side + above, at - side]))

    def end(self, way: float) -> shapely.Geometry:
        """Return the line of its head (`way` 1) or foot (-1): the sides of the polygon that look that way."""
        return shapely.union_all([side for side, look in _sides(self.shape, self.up) if way * look > COS_45])

    @property
    def banks(self) -> shapely.Geometry:
        """The lines of its two sides."""
        return shapely.union_all([side for side, look in _sides(self.shape, self.up) if abs(look) <= COS_45])


COS_45 = float(np.sqrt(0.5))


def _sides(shape: shapely.Polygon, up: tuple[float, float]) -> list[tuple[shapely.LineString, float]]:
    """Return the straight sides of a polygon, each with the cosine between its outward normal and `up`."""
    at = shapely.get_coordinates(shapely.geometry.polygon.orient(shape).exterior)
    steps = np.diff(at, axis=0)
    long = np.hypot(*steps.T)
    looks = (steps[:, 1] * up[0] - steps[:, 0] * up[1]) / np.maximum(long, 1e-9)
    return [(shapely.LineString(at[k : k + 2]), float(looks[k])) for k in range(len(steps)) if long[k] > 1e-6]


@dataclass(frozen=True)
class Levels:
    """The `numbers` of a venue's levels from the lowest up, the map's x at which each begins (`west`), and how far apart they are laid."""

    numbers: tuple[int, ...]
    west: float
    span_m: float
    joins: tuple[Join, ...] = ()

    @property
    def many(self) -> bool:
        """Whether there is more than one level."""
        return len(self.numbers) > 1

    def laid(self, shape: shapely.Geometry, k: int) -> shapely.Geometry:
        """Return a shape of the map where level `k` of them is laid."""
        return shapely.transform(shape, lambda at: at + np.array([k * self.span_m, 0.0])) if k else shape

    def on_map(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return a laid shape on the map."""
        if not self.many:
            return shape
        parts = [self.laid(part, -self._level(part)) for part in shapely.get_parts(shape)]
        return parts[0] if len(parts) == 1 else shapely.union_all(parts)

    def hull(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return the convex hull of laid shapes, one for each level."""
        if not self.many:
            return shape.convex_hull
        bands = [
            shapely.box(
                self.west + k * self.span_m, shape.bounds[1], self.west + (k + 1) * self.span_m, shape.bounds[3]
            )
            for k in range(len(self.numbers))
        ]
        return shapely.union_all([shape.intersection(band).convex_hull for band in bands])

    def _level(self, part: shapely.Geometry) -> int:
        return int((part.bounds[0] - self.west) // self.span_m)

    def map_x(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the map's x of laid places."""
        return self.west + (x - self.west) % self.span_m if self.many else x

    def number_of(self, shape: shapely.Geometry) -> int:
        """Return the number of the level on which a laid shape begins."""
        return self.numbers[self._level(shape)] if self.many else self.numbers[0]

    def folded(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return a field (..., x) of the plane on the map: of the levels above one another the highest value."""
        if not self.many:
            return field
        return np.asarray(field.reshape(*field.shape[:-1], len(self.numbers), -1).max(axis=-2))


def lay(
    venue: str, outline: shapely.Geometry, parts: gpd.GeoDataFrame, margin_m: float, whole_m: float
) -> tuple[Levels, shapely.Geometry, gpd.GeoDataFrame]:
    """Return the levels of a venue, with its outline and parts laid side by side, a multiple of `whole_m` apart.

    `level` is the level of a part (whole number; 0 where it has none), `to_level` that at the head of a stair or slope which joins two.
    Zones and sources on such a stair reach over both of its halves. Raises ScenarioError for levels that cannot be.
    """
    parts = parts.reset_index(drop=True)
    number, heads = _whole(venue, parts, "level").fillna(0.0), _whole(venue, parts, "to_level")
    joining = heads.notna() & parts["kind"].isin(JOINING)
    numbers = tuple(sorted({int(n) for n in number[~joining]} or {0}))
    west, _, east, _ = shapely.total_bounds([outline, *parts.geometry.values])
    west = float(np.floor(west - margin_m))
    span = float(whole_m * np.ceil((east + margin_m - west) / whole_m))
    levels = Levels(numbers, west, span)
    if not levels.many and not joining.any():
        return levels, outline, parts
    joins = tuple(_join(venue, parts.loc[i], int(number[i]), int(heads[i]), numbers) for i in parts.index[joining])
    _check(venue, joins, numbers)
    levels = replace(levels, joins=joins)
    rows = []
    for i in parts.index[~joining]:
        row = parts.loc[i].to_dict()
        k = numbers.index(int(number[i]))
        shape = row["geometry"]
        if row["kind"] in ("zone", "source", "goal") and shape is not None and shape.area > 0.0:
            shape = _over_stairs(levels, shape, k)
        elif shape is not None:
            if "Line" in shape.geom_type and row["kind"] not in ("wall", "barrier") and _on_stairs(joins, shape, k):
                raise ScenarioError("stair_gate", venue=venue, part=row["id"])
            shape = levels.laid(shape, k)
        rows.append(row | {"geometry": shape})
    for i, join in zip(parts.index[joining], joins, strict=True):
        for k, closed in ((join.foot, 1.0), (join.head, -1.0)):
            rows.append(parts.loc[i].to_dict() | {"geometry": levels.laid(join.shape, k)})
            rail = shapely.union_all([join.banks, join.end(closed)])
            rows.append({"id": f"{join.id}/rail-{k}", "kind": "wall", "geometry": levels.laid(rail, k)})
    ground = outline
    if outline.area > 0.0:
        ground = shapely.union_all([levels.laid(outline, k) for k in range(len(numbers))])
    table = pd.DataFrame(rows).reindex(columns=parts.columns)
    return levels, ground, gpd.GeoDataFrame(table, geometry="geometry", crs=parts.crs)


def _whole(venue: str, parts: gpd.GeoDataFrame, column: str) -> pd.Series:
    """Return the whole numbers of a column, NaN where there is none; raise ScenarioError for another number or a word."""
    if column not in parts:
        return pd.Series(np.nan, index=parts.index)
    values = pd.to_numeric(parts[column], errors="coerce")
    said = parts[column].notna() & (parts[column].astype(str).str.strip() != "")
    for i in parts.index[said & ~(values % 1 == 0)]:
        raise ScenarioError("level_number", venue=venue, part=parts["id"][i], column=column, found=parts[column][i])
    return values


def _join(venue: str, part: pd.Series, foot: int, head: int, numbers: tuple[int, ...]) -> Join:
    """Return a stair that joins two levels; raise ScenarioError for one that joins nothing or is too short."""
    if foot == head or foot not in numbers or head not in numbers:
        raise ScenarioError(
            "stair_nowhere", venue=venue, part=part["id"], foot=foot, head=head, expected=[str(n) for n in numbers]
        )
    shape, up_deg = part["geometry"], pd.to_numeric(part.get("up_deg"), errors="coerce")
    turn = np.radians(float(np.nan_to_num(up_deg)))
    up = float(np.sin(turn)), float(np.cos(turn))
    along = shapely.get_coordinates(shape) @ np.array(up)
    if np.ptp(along) < SHORTEST_M:
        raise ScenarioError(
            "stair_short", venue=venue, part=part["id"], found=float(np.ptp(along)), expected=SHORTEST_M
        )
    middle = float(along.min() + along.max()) / 2.0
    return Join(str(part["id"]), shape, numbers.index(foot), numbers.index(head), up, middle)


def _check(venue: str, joins: tuple[Join, ...], numbers: tuple[int, ...]) -> None:
    """Raise ScenarioError for a level that no stair joins with the others, and for stairs that overlap on a level."""
    reached, before = {0}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {k for j in joins if {j.foot, j.head} & reached for k in (j.foot, j.head)}
    for k in set(range(len(numbers))) - reached:
        raise ScenarioError("level_apart", venue=venue, found=numbers[k])
    for a, one in enumerate(joins):
        for other in joins[a + 1 :]:
            if {one.foot, one.head} & {other.foot, other.head} and one.shape.intersection(other.shape).area > 0.01:
                raise ScenarioError("stairs_overlap", venue=venue, parts=[one.id, other.id])


def _over_stairs(levels: Levels, shape: shapely.Geometry, k: int) -> shapely.Geometry:
    """Return a shape of level `k`, laid; where it lies on a stair, each half on the level on which people walk there."""
    here, laid = shape, []
    for join in levels.joins:
        if k in (join.foot, join.head):
            away = join.upper() if k == join.foot else join.shape.difference(join.upper())
            other = join.head if k == join.foot else join.foot
            laid.append(levels.laid(shape.intersection(away), other))
            here = here.difference(away)
    pieces = [p for p in (levels.laid(here, k), *laid) if p.area > 0.0]
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def _on_stairs(joins: tuple[Join, ...], shape: shapely.Geometry, k: int) -> bool:
    """Return whether a line of level `k` runs within a stair that joins it with another."""
    return any(k in (j.foot, j.head) and shape.intersection(j.shape.buffer(-0.1)).length > 0.0 for j in joins)
