"""The city: a frozen value that every model reads and none changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from twin.errors import SourceError
from twin.finding import Finding
from twin.grid import Grid
from twin.words import near

#: Columns each table of a city carries; `id` is stable, names exist in both languages.
COLUMNS: dict[str, tuple[str, ...]] = {
    "buildings": ("id", "use", "floors"),
    "roads": ("id", "u", "v", "name_zh", "name_en", "road_class", "lanes", "speed_kmh", "level", "underpass"),
    "population": ("id", "day", "night", "under_15", "over_65"),
    "facilities": ("id", "kind", "name_zh", "name_en", "capacity"),
    "blocks": ("id", "name_zh", "name_en"),
    "sensors": ("id", "kind", "name_zh", "name_en"),
    "levees": ("id", "crest_m"),
    "venues": ("id", "kind", "venue", "name_zh", "name_en"),
}

#: Words in column names that would identify a person; such columns are refused (rule R1).
PERSONAL = (
    "person",
    "phone",
    "mobile",
    "id_card",
    "idcard",
    "passport",
    "birthdate",
    "email",
    "姓名",
    "身份证",
    "电话",
    "手机",
)

#: Road classes (OpenStreetMap `highway`) that make a `road`; the others are a `street`.
MAIN_CLASSES = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "motorway_link",
    "trunk_link",
    "primary_link",
    "secondary_link",
)

#: Links of the drains that can be held against their own rules: what holds them -> kinds of link.
GATES: dict[str, tuple[str, ...]] = {"pump": ("pump",), "gate": ("orifice", "weir", "outlet")}

#: Smallest cell on which population may exist, m (rule R2).
MIN_POPULATION_CELL_M = 100.0


@dataclass(frozen=True)
class Layer:
    """Where a layer comes from and how far it can be trusted; `assumed` lists what was not measured."""

    source: str
    date: str
    licence: str
    basis: str = "measured"
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drains:
    """The drain network: `nodes` (id, kind, invert_m, rim_m) and `links` (id, kind, from_node, to_node, length_m, height_m).

    `inp` is the EPA SWMM input verbatim; the tables are its geometry in the city's CRS.
    """

    nodes: gpd.GeoDataFrame
    links: gpd.GeoDataFrame
    inp: str


@dataclass(frozen=True)
class Resource:
    """A crew or a machine that a plan can send: `kind`, where it stands, how many, and its figures (e.g. flow_m3_s)."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    x: float
    y: float
    count: int = 1
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class City:
    """A city on one grid; equal to itself alone.

    `surface` holds, on (y, x): `terrain` (bare ground, m above `vertical_datum`; NaN outside the city), `roughness`
    (Manning n, s m-1/3), `soil` (index of the infiltration class), `building` and `river` (bool), `cover` (class of
    `twin.landcover`). Tables carry the
    columns of COLUMNS in the CRS of the grid; a missing layer is an empty table. `venues` holds what stands inside a facility of kind
    "venue" (`venue` is its id): walls, obstacles, gates, sources, goals, zones. `substances` are the city's own tables of
    substances (CSV text, by name). `findings` are the faults of the data that its build found and that every run repeats.
    `content_hash` identifies the input.
    """

    id: str
    name_zh: str
    name_en: str
    grid: Grid
    timezone: str
    vertical_datum: str
    surface: xr.Dataset
    buildings: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    population: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    sensors: gpd.GeoDataFrame
    levees: gpd.GeoDataFrame
    venues: gpd.GeoDataFrame
    drains: Drains | None = None
    resources: tuple[Resource, ...] = ()
    layers: Mapping[str, Layer] = field(default_factory=dict)
    level_overrides: Mapping[str, Any] = field(default_factory=dict)
    event_overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    content_hash: str = ""
    substances: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, columns in COLUMNS.items():
            table = getattr(self, name)
            missing = [c for c in columns if c not in table.columns]
            if missing:
                raise SourceError("table_columns", table=name, missing=missing, found=list(table.columns))
            personal = [c for c in table.columns if any(word in str(c).lower() for word in PERSONAL)]
            if personal:
                raise SourceError("personal_columns", table=name, found=personal)
            if table["id"].duplicated().any():
                twice = table.loc[table["id"].duplicated(), "id"]
                raise SourceError("duplicate_ids", table=name, found=list(twice[:5]), count=len(twice))
        if len(self.population):
            side = float(np.sqrt(self.population.geometry.area.min()))
            if side < MIN_POPULATION_CELL_M * 0.999:
                raise SourceError("population_fine", found=side, expected=MIN_POPULATION_CELL_M)

    @property
    def tz(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def road_graph(self) -> nx.MultiGraph[Any]:
        """The roads as an undirected multigraph: nodes carry x, y; edges carry the road id and length_m.

        Crews on duty run one-way roads both ways; who leaves the city does not (`evacuation.movement`).
        """
        graph: nx.MultiGraph[Any] = nx.MultiGraph()
        for road in self.roads.itertuples():
            line = road.geometry
            for node, (x, y) in ((road.u, line.coords[0]), (road.v, line.coords[-1])):
                graph.add_node(node, x=x, y=y)
            graph.add_edge(road.u, road.v, key=road.id, length_m=line.length)
        return graph

    @cached_property
    def road_kinds(self) -> tuple[str, ...]:
        """The kind of place each road is: underpass, road (a main class) or street."""
        main, below = self.roads["road_class"].isin(MAIN_CLASSES), self.roads["underpass"].astype(bool)
        return tuple("underpass" if b else "road" if m else "street" for m, b in zip(main, below, strict=True))

    @cached_property
    def sites(self) -> gpd.GeoDataFrame:
        """Every place that can be graded besides streets: facilities with their kinds, and the blocks."""
        parts = [self.facilities, self.blocks.assign(kind="block")]
        columns = ["id", "kind", "name_zh", "name_en", "geometry"]
        return gpd.GeoDataFrame(pd.concat([part[columns] for part in parts], ignore_index=True), crs=self.grid.crs)

    @property
    def _places(self) -> tuple[gpd.GeoDataFrame, ...]:
        """The tables of everything that has a place and an id."""
        drains = (self.drains.nodes, self.drains.links) if self.drains is not None else ()
        return self.facilities, self.blocks, self.roads, self.levees, self.sensors, self.venues, *drains

    def place(self, place_id: str) -> shapely.Geometry:
        """Return the geometry of anything in the city that has this id, its bounds for its own; raise SourceError when nothing has."""
        if place_id == self.id:
            return shapely.box(*self.grid.bounds)
        for table in self._places:
            hit = table.geometry[table["id"] == place_id]
            if len(hit):
                return hit.iloc[0]
        raise SourceError("unknown_place", found=place_id, near=near(place_id, self.ids("place")))

    def ids(self, kind: str) -> list[str]:
        """Return the ids of the places of a kind: "levee", a kind of facility, a kind of GATES, or "place" for all.

        "venue_gate", "venue_zone" and the like are the parts of venues of that kind.
        """
        if kind == "place":
            return [str(i) for table in self._places for i in table["id"]]
        if kind in GATES:
            return [] if self.drains is None else _ids_of(self.drains.links, GATES[kind])
        if kind.startswith("venue_"):
            return _ids_of(self.venues, (kind.removeprefix("venue_"),))
        return [str(i) for i in self.levees["id"]] if kind == "levee" else _ids_of(self.facilities, (kind,))

    @property
    def attended(self) -> list[str]:
        """The ids of the places at which people are present, of the sources by which they come to one and of the goals that take them."""
        return [*self.facilities["id"].astype(str), *self.ids("venue_source"), *self.ids("venue_goal")]

    def listed(self) -> pd.DataFrame:
        """Return id, kind, name_zh and name_en of everything in the city that has an id to be named by; "" for no name.

        The kind is that of the facility, sensor or part of the drains itself, of a road "underpass", "road" or "street", of what
        stands in a venue "venue_gate" and the like.
        """
        kinds = {"blocks": "block", "roads": list(self.road_kinds), "levees": "levee"}
        parts = [getattr(self, name).assign(kind=kind) for name, kind in kinds.items()]
        parts += [self.facilities, self.venues.assign(kind="venue_" + self.venues["kind"].astype(str)), self.sensors]
        parts += [] if self.drains is None else [self.drains.nodes, self.drains.links]
        columns = ["id", "kind", "name_zh", "name_en"]
        found = [pd.DataFrame(part.drop(columns="geometry")).reindex(columns=columns).astype(object) for part in parts]
        return pd.concat(found, ignore_index=True).fillna("").astype(str)

    def has_terrain(self, place: shapely.Geometry) -> bool:
        """Return whether any part of a place lies on a cell with terrain."""
        along = shapely.get_coordinates(shapely.segmentize(place, self.grid.cell_m))
        x, y = np.vstack([along, shapely.get_coordinates(place.centroid)]).T
        row, col, inside = self.grid.cells(x, y)
        return bool((inside & np.isfinite(self.surface["terrain"].values[row, col])).any())

    def part_of(self, place_id: str) -> str | None:
        """Return the id of the facility that a gate, a zone or the like is a part of; None for what is no such part."""
        found = self.venues.loc[self.venues["id"] == place_id, "venue"]
        return str(found.iloc[0]) if len(found) else None

    def place_name(self, place_id: str) -> dict[str, str]:
        """Return the name, in each language, of anything in the city that has this id; the id where it has no name.

        What stands in a venue has the venue's name before its own: a city has many a west gate.
        """
        for name in ("facilities", "blocks", "roads", "sensors", "venues"):
            table: gpd.GeoDataFrame = getattr(self, name)
            rows = np.flatnonzero(table["id"] == place_id)
            if len(rows):
                found = {lang: str(table[f"name_{lang}"].iloc[rows[0]] or place_id) for lang in ("zh", "en")}
                whole = self.part_of(place_id)
                return found if whole is None else part_name(self.place_name(whole), found)
        return {"zh": place_id, "en": place_id}

    def surface_on(self, grid: Grid) -> xr.Dataset:
        """Return the surface on another grid of the same CRS: the city's at a coarser cell, else that of the nearest cell.

        Outside the city there is no terrain (NaN), no building and no river.
        """
        k = grid.cell_m / self.grid.cell_m
        if k >= 1 and abs(k - round(k)) < 1e-6 and self.grid.at_cell_size(grid.cell_m).same_as(grid):
            return self.at_cell_size(grid.cell_m).surface
        yy, xx = np.meshgrid(grid.y, grid.x, indexing="ij")
        row, col, inside = self.grid.cells(xx, yy)
        terrain = np.where(inside, self.surface["terrain"].values[row, col], np.nan)
        flags = {n: (("y", "x"), self.surface[n].values[row, col] & inside) for n in ("building", "river")}
        return xr.Dataset({"terrain": (("y", "x"), terrain), **flags}, coords={"y": grid.y, "x": grid.x})

    def at_cell_size(self, cell_m: float) -> City:
        """Return the city with its surface averaged to a coarser cell (a whole multiple of the present one).

        Terrain and roughness are means over the open cells of a block, levee crests are kept as maxima, a block is
        building or river when at least half of it is, soil is that of the block's centre.
        """
        grid = self.grid.at_cell_size(cell_m)
        k = round(cell_m / self.grid.cell_m)
        if k == 1:
            return self
        tiles = {
            n: _tiles(self.surface[n].values, grid.shape, k)
            for n in ("terrain", "roughness", "soil", "building", "river", "cover")
        }
        open_ground = ~tiles["building"].astype(bool)
        weight = np.where(np.isfinite(tiles["terrain"]), np.where(open_ground, 1.0, 1e-6), 0.0)
        total = weight.sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            terrain = np.nansum(np.nan_to_num(tiles["terrain"]) * weight, axis=-1) / np.where(total > 0, total, np.nan)
        terrain = np.maximum(terrain, _crest(self, grid))
        surface = xr.Dataset(
            {
                "terrain": (("y", "x"), terrain),
                "roughness": (("y", "x"), tiles["roughness"].mean(axis=-1)),
                "soil": (("y", "x"), tiles["soil"][..., (k * k) // 2]),
                "building": (("y", "x"), tiles["building"].mean(axis=-1) >= 0.5),
                "river": (("y", "x"), tiles["river"].mean(axis=-1) >= 0.5),
                "cover": (("y", "x"), tiles["cover"][..., (k * k) // 2]),
            },
            coords={"y": grid.y, "x": grid.x},
        )
        return replace(self, grid=grid, surface=surface)


def part_name(whole: Mapping[str, str], part: Mapping[str, str]) -> dict[str, str]:
    """Return the name, in each language, of a part of a place: that of the place before its own."""
    return {"zh": f"{whole['zh']}·{part['zh']}", "en": f"{whole['en']}, {part['en']}"}


def _ids_of(table: gpd.GeoDataFrame, kinds: tuple[str, ...]) -> list[str]:
    return [str(i) for i in table.loc[table["kind"].isin(kinds), "id"]]


def _tiles(values: np.ndarray, shape: tuple[int, int], k: int) -> np.ndarray:
    """Return (ny, nx, k*k): the fine cells of each coarse cell."""
    ny, nx = shape
    return values[: ny * k, : nx * k].reshape(ny, k, nx, k).swapaxes(1, 2).reshape(ny, nx, k * k)


def _crest(city: City, grid: Grid) -> np.ndarray:
    """Return levee crest levels on the cells that levees cross, -inf elsewhere."""
    crest = np.full(grid.shape, -np.inf)
    for levee in city.levees.itertuples():
        points = shapely.get_coordinates(shapely.segmentize(levee.geometry, grid.cell_m / 2))
        row, col, inside = grid.cells(points[:, 0], points[:, 1])
        np.maximum.at(crest, (row[inside], col[inside]), levee.crest_m)
    return crest


def empty_table(name: str, crs: str) -> gpd.GeoDataFrame:
    """Return the empty table of a layer the city does not have."""
    return gpd.GeoDataFrame(
        {c: pd.Series(dtype=object) for c in COLUMNS[name]}, geometry=gpd.GeoSeries([], crs=crs), crs=crs
    )
