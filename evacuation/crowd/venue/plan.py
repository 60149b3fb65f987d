"""A venue's plan: walls, obstacles, gates, sources, goals and zones, read from the city and checked with shapely.

Inside, lengths are metres from the north-west corner of the plan's raster: x to the right (east), w down (south).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.crowd.kernels import storeys
from evacuation.crowd.kernels.arrays import Stairs
from evacuation.crowd.kernels.gates import BEYOND_M
from evacuation.crowd.venue.levels import Levels, lay
from twin.city import City
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.words import near

#: Narrowest gate that a body passes, m: shoulder breadth of an adult, 95th percentile of men (assumed).
NARROWEST_M = 0.5

#: Ground kept around the plan, m, so that the way out of a gate in the rim lies on the raster.
MARGIN_M = 3.0

#: Cells of the raster on which ways are found: a quarter of the narrowest gate within these, m; and the most there may be.
WAY_CELL_M = (0.1, 0.25)
MOST_CELLS = 6_000_000

#: Lines that are open or shut, with whether they are open as drawn (a gate: as its `opens` says). A cordon stands until it is
#: removed, a relief gap is a piece of a barrier that can be taken out, a separator stands from when it is set.
GATE_KINDS = {"gate": True, "cordon": False, "relief_gap": False, "separator": True}

#: What a drawing may say of its parts (docs/venue.md).
ATTRIBUTES = (
    "id", "kind", "venue", "name_zh", "name_en", "geometry", "capacity", "width_m", "opens", "opens_at", "shuts_at", "one_way_deg",
    "flow_per_s", "entrance", "goals", "came_by", "strength_n_m", "rise", "up_deg", "level", "to_level",
)  # fmt: skip

#: Parts that stand in the way for good. A barrier is a wall whose load is told.
WALL_KINDS = ("wall", "barrier")

#: A plan that is smaller than this, m, has its coordinates in degrees; one further than this from its city has no coordinates of the city.
SMALLEST_M, FURTHEST_M = 2.0, 20_000.0

#: A gate is straight when its line is no longer than this, times the distance of its ends.
STRAIGHT = 1.01

#: A gate's one way leads across its line: within 60 degrees of the right angle.
ACROSS = 0.5

#: Steepest slope or stair, m rise a horizontal metre: 45 degrees.
STEEPEST = 1.0

#: Words of a file that say yes and no.
TRUE, FALSE = ("true", "1", "1.0", "yes", "是"), ("false", "0", "0.0", "no", "否")


@dataclass(frozen=True)
class Gate:
    """A way in or out, or another line of GATE_KINDS that is open or shut.

    `hours` are the minutes of the city's day between which it is open (past midnight where the first is larger), None: always.
    `persons_per_s` is the most that its barriers let through (infinite where the plan gives none). `rim`: it leads out of the
    venue. `inner` is the sign of its inner side (`evacuation.crowd.kernels.walls.side`). `entrance` is the facility behind it,
    whose water shuts it; "" for none. `one_way` is the sign of the side that one comes from, 0 both ways.
    """

    id: str
    name_zh: str
    name_en: str
    shape: shapely.LineString
    opens: bool
    persons_per_s: float
    rim: bool
    inner: int
    entrance: str
    kind: str = "gate"
    hours: tuple[float, float] | None = None
    one_way: int = 0


@dataclass(frozen=True)
class Source:
    """Ground or a line on which people appear; `persons_per_s` is its part of those who come, `goals` where its people want to go.

    No goals: to any goal of the venue, else out of any gate of its rim. `came_by`: the goals or gates by which its people came in,
    which are all that those know who do not know the venue; none: everybody knows every way.
    """

    id: str
    shape: shapely.Geometry
    persons_per_s: float
    goals: frozenset[str]
    came_by: frozenset[str]


@dataclass(frozen=True)
class Barrier:
    """A line that people lean on; `strength_n_m` is the line load it bears, N/m (NaN: not known)."""

    id: str
    shape: shapely.Geometry
    strength_n_m: float


@dataclass(frozen=True)
class Slope:
    """Ground that rises by `rise` a horizontal metre towards `up_deg` (degrees from north, clockwise), in steps or evenly."""

    id: str
    shape: shapely.Polygon
    rise: float
    up_deg: float
    stair: bool


@dataclass(frozen=True)
class Plan:
    """A checked plan. `ground` is the venue's outline; `grid` the raster of ways in the city's CRS.

    Several `levels` lie side by side: all shapes and places are in that plane, and `levels.on_map` returns them to the map. `said`
    are the attributes that the drawing gives to each part, by its id.
    """

    id: str
    ground: shapely.Geometry
    walls: tuple[shapely.Geometry, ...]
    obstacles: tuple[shapely.Polygon, ...]
    gates: tuple[Gate, ...]
    sources: tuple[Source, ...]
    goals: dict[str, shapely.Geometry]
    slopes: tuple[Slope, ...]
    zones: gpd.GeoDataFrame
    grid: Grid
    levels: Levels
    barriers: tuple[Barrier, ...] = ()
    said: tuple[tuple[str, frozenset[str]], ...] = ()

    @classmethod
    def of(cls, city: City, venue: str, cell_m: float | None = None) -> Plan:
        """Return the plan of a facility of kind "venue"; raise ScenarioError that names what is wrong with it.

        `cell_m`: of the raster of ways; None: a quarter of the narrowest gate within WAY_CELL_M.
        """
        known = city.ids("venue")
        if venue not in known:
            raise ScenarioError("venue_unknown", found=venue, near=near(venue, known))
        parts = city.venues[city.venues["venue"] == venue]
        _check_place(venue, city.place(venue), parts, city.grid)
        return cls.of_parts(venue, city.place(venue), parts, city.grid.crs, cell_m)

    @classmethod
    def of_parts(
        cls, venue: str, outline: shapely.Geometry, parts: gpd.GeoDataFrame, crs: str, cell_m: float | None = None
    ) -> Plan:
        """Return the plan of the parts of one venue (columns of `City.venues`) within its outline (a point: within its walls)."""
        kinds = parts["kind"]
        for part in parts.itertuples():
            _check_shape(venue, part)
        if not kinds.isin(GATE_KINDS).any():
            raise ScenarioError("venue_no_gate", venue=venue)
        if not (kinds == "source").any():
            raise ScenarioError("venue_no_source", venue=venue)
        said = tuple((str(part["id"]), frozenset(part.dropna().index)) for _, part in parts.iterrows())
        whole_m = 2.0 if cell_m is None else cell_m * float(np.ceil(2.0 / cell_m))
        levels, outline, parts = lay(venue, outline, parts, MARGIN_M, whole_m)
        kinds = parts["kind"]
        drawn = shapely.union_all(parts.geometry[kinds.isin([*WALL_KINDS, *GATE_KINDS, "obstacle"])].values)
        ground = outline if outline.area > 0 else levels.hull(drawn)
        gates = tuple(_gate(venue, part, ground) for part in parts[kinds.isin(GATE_KINDS)].to_dict("records"))
        goals = {str(p.id): p.geometry for p in parts[kinds == "goal"].itertuples()}
        narrow = min(gate.shape.length for gate in gates)
        cell = cell_m or float(np.clip(np.floor(narrow / 4 / 0.05) * 0.05, *WAY_CELL_M))
        return cls(
            id=venue,
            ground=ground,
            walls=tuple(parts.geometry[kinds.isin(WALL_KINDS)].values),
            obstacles=tuple(parts.geometry[kinds == "obstacle"].values),
            gates=gates,
            sources=tuple(_source(venue, part, goals, gates) for part in parts[kinds == "source"].to_dict("records")),
            goals=goals,
            slopes=tuple(_slope(venue, part) for part in parts[kinds.isin(["slope", "stair"])].to_dict("records")),
            zones=parts.loc[kinds == "zone", ["id", "name_zh", "name_en", "geometry"]].reset_index(drop=True),
            grid=_raster(venue, crs, shapely.union_all([drawn, ground, *parts.geometry.values]).bounds, cell, levels),
            levels=levels,
            barriers=tuple(
                Barrier(str(p["id"]), p["geometry"], _number(venue, p, "strength_n_m", np.nan))
                for p in parts[kinds == "barrier"].to_dict("records")
            ),
            said=said,
        )

    @cached_property
    def gate_index(self) -> dict[str, int]:
        """Return each gate's place in `gates` by its id."""
        return {gate.id: k for k, gate in enumerate(self.gates)}

    @cached_property
    def lines(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Every straight piece of wall, obstacle and gate (x0, w0, x1, w1), and the gate it belongs to, -1 for none."""
        shapes = [(wall, -1) for wall in (*self.walls, *(o.boundary for o in self.obstacles))]
        shapes += [(gate.shape, k) for k, gate in enumerate(self.gates)]
        pieces, owner = [], []
        for shape, gate in shapes:
            for line in getattr(shape, "geoms", [shape]):
                at = self.local(shapely.get_coordinates(line))
                steps = np.hypot(*np.diff(at, axis=0).T) > 1e-6
                pieces.append(np.hstack([at[:-1], at[1:]])[steps])
                owner += [gate] * int(steps.sum())
        return np.concatenate(pieces), np.array(owner, dtype=np.int32)

    def local(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return map coordinates (n, 2) as metres from the raster's north-west corner (n, 2)."""
        return np.column_stack([xy[:, 0] - self.grid.west, self.grid.north - xy[:, 1]])

    def at(self, x: Any, w: Any) -> tuple[Any, Any]:
        """Return the map coordinates of local ones."""
        return self.grid.west + x, self.grid.north - w

    @cached_property
    def stairs(self) -> Stairs:
        """The stairs that join levels, in local coordinates."""
        sides, first, lines = [np.zeros((0, 4))], [0], []
        for join in self.levels.joins:
            for k, way in ((join.foot, 1.0), (join.head, -1.0)):
                for ring in shapely.get_rings(self.levels.laid(join.shape, k)):
                    at = self.local(shapely.get_coordinates(ring))
                    sides.append(np.hstack([at[:-1], at[1:]]))
                first.append(sum(map(len, sides)))
                apart = way * (join.head - join.foot) * self.levels.span_m
                lines.append([k * self.levels.span_m, *join.up, join.middle, way, apart])
        lines_by = np.array(lines).reshape(-1, 6).T.copy()
        return Stairs(np.concatenate(sides), np.array(first), self.grid.west, self.grid.north, *lines_by)

    def across(
        self, x: NDArray[np.float64], w: NDArray[np.float64], low: float, high: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return, for each local place on a stair that joins levels, how far east its place on the other level lies, m, 0 elsewhere, and
        how far past the middle of the stair it is, m, seen from its level.

        Of those alone that are more than `low` and at most `high` m past the middle.
        """
        moved, past = np.zeros((2, len(x)))
        storeys.across(moved, past, x, w, self.stairs, low, high)
        return moved, past

    def on_both_levels(
        self, x: NDArray[np.float64], w: NDArray[np.float64], near_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return local places and after them, on the other level, those that are up to `near_m` before the middle of a stair."""
        moved, _ = self.across(x, w, -near_m, 0.0)
        twice = moved != 0.0
        return np.concatenate([x, (x + moved)[twice]]), np.concatenate([w, w[twice]])

    def free_ground(self, shape: shapely.Geometry, clearance: float) -> shapely.Geometry:
        """Return what of a shape a body of radius `clearance` can stand on: inside the outline, off walls, obstacles and gates."""
        solid = [*self.walls, *self.obstacles, *(gate.shape for gate in self.gates)]
        return shape.intersection(self.ground).difference(shapely.union_all(solid).buffer(clearance, quad_segs=4))


def _check_place(venue: str, outline: shapely.Geometry, parts: gpd.GeoDataFrame, city: Grid) -> None:
    """Raise ScenarioError for a plan in degrees taken as metres, or one in metres taken as degrees: it lies nowhere near the city."""
    west, south, east, north = shapely.total_bounds([outline, *parts.geometry.values])
    if not np.isfinite([west, south, east, north]).all():
        raise ScenarioError("venue_far", venue=venue, found=np.inf, expected=FURTHEST_M / 1000.0)
    if max(east - west, north - south) < SMALLEST_M:
        raise ScenarioError("venue_degrees", venue=venue, found=max(east - west, north - south), expected=SMALLEST_M)
    away = shapely.box(west, south, east, north).distance(shapely.box(*city.bounds))
    if away > FURTHEST_M:
        raise ScenarioError("venue_far", venue=venue, found=away / 1000.0, expected=FURTHEST_M / 1000.0)


def _check_shape(venue: str, part: Any) -> None:
    """Raise ScenarioError for a part without a usable shape, and for a gate that no body passes."""
    wanted = dict.fromkeys([*WALL_KINDS, *GATE_KINDS], "Line")
    wanted |= dict.fromkeys(["obstacle", "zone", "goal", "slope", "stair"], "Polygon")
    shape = part.geometry
    if part.kind in GATE_KINDS and shape is not None and shape.length < NARROWEST_M:
        raise ScenarioError("gate_narrow", venue=venue, gate=part.id, found=shape.length, expected=NARROWEST_M)
    if part.kind not in (*wanted, "source"):
        raise ScenarioError("venue_part_kind", venue=venue, part=part.id, found=part.kind, expected=[*wanted, "source"])
    if shape is None or shape.is_empty or not shape.is_valid or wanted.get(part.kind, "") not in shape.geom_type:
        found = "–" if shape is None else shape.geom_type
        raise ScenarioError("venue_part_shape", venue=venue, part=part.id, kind=part.kind, found=found)


def _gate(venue: str, part: dict[str, Any], ground: shapely.Geometry) -> Gate:
    """Return a gate with what its sides are; raise ScenarioError for one that is not one line."""
    line = shapely.line_merge(part["geometry"])
    if not isinstance(line, shapely.LineString):
        raise ScenarioError("venue_part_shape", venue=venue, part=part["id"], kind="gate", found=line.geom_type)
    ends = shapely.LineString([line.coords[0], line.coords[-1]])
    if line.length > STRAIGHT * ends.length:
        raise ScenarioError("gate_bent", venue=venue, gate=part["id"], found=line.length, expected=ends.length)
    inside = {sign: bool(shapely.dwithin(ground, _beside(line, sign, 0.2), 1e-6)) for sign in (1, -1)}
    return Gate(
        id=str(part["id"]),
        name_zh=str(part["name_zh"]),
        name_en=str(part["name_en"]),
        shape=line,
        opens=_truth(venue, part, "opens", True) if part["kind"] == "gate" else GATE_KINDS[part["kind"]],
        persons_per_s=_number(venue, part, "flow_per_s", np.inf),
        rim=inside[1] != inside[-1],
        inner=-1 if inside[-1] and not inside[1] else 1,
        entrance=_text(part.get("entrance")),
        kind=str(part["kind"]),
        hours=_hours(venue, part),
        one_way=_one_way(venue, part, line),
    )


def _one_way(venue: str, part: dict[str, Any], line: shapely.LineString) -> int:
    """Return the sign of the side from which alone a gate is passed, 0 for both; raise ScenarioError for a direction along its line."""
    towards = _number(venue, part, "one_way_deg", np.nan, low=-360.0)
    if np.isnan(towards):
        return 0
    (x0, y0), (x1, y1) = line.coords[0], line.coords[-1]
    turn, long = np.radians(towards), np.hypot(x1 - x0, y1 - y0)
    across = ((y1 - y0) * np.sin(turn) - (x1 - x0) * np.cos(turn)) / long
    if abs(across) < ACROSS:
        raise ScenarioError("gate_one_way", venue=venue, gate=part["id"], found=towards)
    return -1 if across > 0.0 else 1


def _hours(venue: str, part: dict[str, Any]) -> tuple[float, float] | None:
    """Return the minutes of the day at which a gate is opened and shut; raise ScenarioError for what is no time of day."""
    told = [_text(part.get(key)) for key in ("opens_at", "shuts_at")]
    if not any(told):
        return None
    found = [re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)|24:00", text) for text in told]
    if None in found or told[0] == told[1]:
        raise ScenarioError("gate_hours", venue=venue, gate=part["id"], found=" – ".join(told))
    opens, shuts = (60.0 * int(text.split(":")[0]) + int(text.split(":")[1]) for text in told)
    return opens, shuts


def _beside(line: shapely.LineString, sign: int, distance: float) -> shapely.Point:
    """Return the point beside the middle of a line, on the side of `sign` (in local coordinates, w down)."""
    a, b = (line.interpolate(share, normalized=True) for share in (0.499, 0.501))
    dx, dy = (b.x - a.x), (b.y - a.y)
    length = np.hypot(dx, dy)
    return shapely.Point(
        (a.x + b.x) / 2 + sign * distance * dy / length, (a.y + b.y) / 2 - sign * distance * dx / length
    )


def beyond(gate: Gate) -> shapely.Geometry:
    """Return where somebody stands who has gone out through a gate of the rim."""
    a, b = np.array(gate.shape.coords[0]), np.array(gate.shape.coords[-1])
    step = np.array([(b - a)[1], -(b - a)[0]]) / np.hypot(*(b - a)) * BEYOND_M * -gate.inner
    return shapely.transform(gate.shape, lambda at: at + step)


def _slope(venue: str, part: dict[str, Any]) -> Slope:
    """Return a slope or stair; raise ScenarioError for one without a usable grade or direction."""
    rise, up = _number(venue, part, "rise", np.nan), _number(venue, part, "up_deg", np.nan, low=-360.0)
    if not (0.0 <= rise <= STEEPEST and np.isfinite(up)):
        raise ScenarioError("venue_slope", venue=venue, part=part["id"], rise=rise, up=up, expected=STEEPEST)
    return Slope(str(part["id"]), part["geometry"], rise, up, part["kind"] == "stair")


def _source(venue: str, part: dict[str, Any], goals: dict[str, Any], gates: tuple[Gate, ...]) -> Source:
    """Return a source; raise ScenarioError for a goal, or a way in, that is not there."""
    wanted, came_by = _ids(part.get("goals")), _ids(part.get("came_by"))
    ways_in = set(goals) or {gate.id for gate in gates if gate.rim}
    for asked, there in ((wanted, set(goals)), (came_by, ways_in)):
        for goal in sorted(asked - there):
            raise ScenarioError("source_goal", venue=venue, source=part["id"], found=goal, expected=sorted(there))
    return Source(str(part["id"]), part["geometry"], _number(venue, part, "flow_per_s", np.nan), wanted, came_by)


def _ids(value: Any) -> frozenset[str]:
    """Return ids separated by commas."""
    return frozenset(filter(None, _text(value).replace(" ", "").split(",")))


def _raster(venue: str, crs: str, bounds: tuple[float, float, float, float], cell: float, levels: Levels) -> Grid:
    west, south, east, north = bounds
    west, north = np.floor(west - MARGIN_M), np.ceil(north + MARGIN_M)
    west = levels.west if levels.many else west
    nx, ny = (int(np.ceil((long + MARGIN_M) / 2)) * 2 for long in (east - west, north - south))
    wide_m = len(levels.numbers) * levels.span_m if levels.many else float(nx)
    per_m = round(1 / cell, 6)
    if (cells := wide_m * ny * per_m**2) > MOST_CELLS:
        raise ScenarioError("venue_large", venue=venue, found=int(cells), expected=MOST_CELLS, cell=cell)
    return Grid(crs, float(west), float(north), cell, round(ny / cell), round(wide_m / cell))


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _number(venue: str, part: dict[str, Any], key: str, otherwise: float, low: float = 0.0) -> float:
    """Return a number of a part, `otherwise` where it has none; raise ScenarioError for a word, and for one below `low`."""
    text = _text(part.get(key)).strip()
    if not text:
        return otherwise
    value = pd.to_numeric(text, errors="coerce")
    if not value >= low:
        raise ScenarioError("venue_number", venue=venue, part=part["id"], column=key, found=text, expected=low)
    return float(value)


def _truth(venue: str, part: dict[str, Any], key: str, otherwise: bool) -> bool:
    """Return a truth value that a file may hold as a word; raise ScenarioError for one that is neither."""
    text = _text(part.get(key)).strip().lower()
    if text and text not in (*TRUE, *FALSE):
        raise ScenarioError("venue_truth", venue=venue, part=part["id"], column=key, found=text)
    return text in TRUE if text else otherwise
