"""Make the demonstration city: `python -m data.linjiang.make_city [FOLDER]`; the same program gives the same city.

Linjiang is invented, about 4 km x 4 km on the north bank of a river: a levee, a low old town behind it, a ring road and
arterials, streets by recursive subdivision, a railway on an embankment with underpasses, a metro line, a hill park, a
chemical works. Drains follow the streets downhill and are sized by the rational method. Nothing is copied from a place.
"""

from __future__ import annotations

import shutil
import sys
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely import LineString, Point, Polygon, box
from shapely.ops import polygonize, split, substring, unary_union

from data.linjiang.drains import lay_drains
from data.linjiang.names import AREAS, ROADS, STREETS
from twin.city import City, Layer, Resource, empty_table
from twin.grid import Grid
from twin.landcover import surface_of
from twin.readers.city_folder import save_folder, seal
from twin.readers.swmm_inp import drains_of

SEED = 20260620
CRS = "EPSG:4547"  # CGCS2000 / 3-degree Gauss-Kruger, central meridian 114 E
WEST, SOUTH, SIZE, CELL = 536_000.0, 3_302_000.0, 4000.0, 5.0
NORMAL_STAGE, CREST = 17.5, 24.6
PEOPLE = 200_000

rng = np.random.default_rng(SEED)


# --- the lie of the land (local metres, origin at the south-west corner) -------------------------------------------


def river_axis(x: np.ndarray) -> np.ndarray:
    """Northing of the river's middle."""
    return 330.0 + 110.0 * np.sin(2 * np.pi * x / 5200.0 + 0.7)


def bank(x: np.ndarray, side: int = 1) -> np.ndarray:
    """Northing of the water's edge on the north (+1) or south (-1) bank."""
    return river_axis(x) + side * (150.0 + 14.0 * np.sin(2 * np.pi * x / 1300.0))


XS = np.arange(-200.0, SIZE + 201.0, 20.0)
LEVEE = LineString(np.column_stack([XS, bank(XS) + 38.0]))
RIVERSIDE = LineString(np.column_stack([XS, bank(XS) + 105.0]))
RAIL = LineString([(-200, 2520), (900, 2490), (2200, 2330), (3300, 2240), (4200, 2210)])
HILL = Point(560, 3420)
FRAME = box(12, 0, SIZE - 12, SIZE - 12)  # roads end short of the edge of the map
CITY = Polygon(
    [*[(x, y) for x, y in RIVERSIDE.coords if -60 <= x <= SIZE + 60], (SIZE + 60, SIZE + 60), (-60, SIZE + 60)]
)


def ring() -> LineString:
    """The ring road: a rounded box."""
    t = np.linspace(0, 2 * np.pi, 181)
    n = 3.2
    x = 2060 + 1500 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / n)
    y = 2230 + 1240 * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / n)
    return LineString(np.column_stack([x, y])).simplify(2.0)


def curve(points: list[tuple[float, float]]) -> LineString:
    """A smooth line through points (Chaikin's corner cutting)."""
    p = np.array(points, dtype=float)
    for _ in range(3):
        q = np.empty((2 * len(p) - 2, 2))
        q[0::2], q[1::2] = 0.75 * p[:-1] + 0.25 * p[1:], 0.25 * p[:-1] + 0.75 * p[1:]
        p = np.vstack([p[:1], q, p[-1:]])
    return LineString(p)


MAIN: dict[str, tuple[LineString, str]] = {
    "ring": (ring(), "primary"),
    "riverside": (RIVERSIDE, "primary"),
    "west": (curve([(1240, 480), (1230, 1400), (1330, 2400), (1300, 3200), (1380, 4060)]), "secondary"),
    "middle": (curve([(2080, 500), (2120, 1500), (2060, 2400), (2110, 3300), (2060, 4060)]), "primary"),
    "east": (curve([(2880, 500), (2850, 1400), (2930, 2300), (2900, 3200), (2960, 4060)]), "secondary"),
    "people": (curve([(-60, 1480), (1200, 1540), (2100, 1490), (3000, 1570), (4060, 1500)]), "primary"),
    "north": (curve([(-60, 2960), (700, 2900), (1500, 3010), (2600, 2930), (4060, 3040)]), "secondary"),
    "old": (curve([(1500, 1010), (2080, 1040), (2500, 1000), (3200, 1060)]), "secondary"),
}
WIDTH = {"primary": 34.0, "secondary": 26.0, "tertiary": 15.0, "residential": 11.0}
LANES = {"primary": 6, "secondary": 4, "tertiary": 2, "residential": 2}
SPEED = {"primary": 60.0, "secondary": 50.0, "tertiary": 40.0, "residential": 30.0}


def zone(p: Point) -> str:
    """Which part of the city a point lies in."""
    if p.distance(HILL) < 470:
        return "park"
    if 1330 < p.x < 3000 and p.y < 1500:
        return "old"
    if p.x > 3080 and 2260 < p.y < 3020:
        return "works"
    if abs(p.x - 2100) < 620 and 1500 < p.y < 2330:
        return "centre"
    return "new" if ring_area.contains(p) else "edge"


ring_area = Polygon(MAIN["ring"][0].coords)

#: Largest block (m2) and how irregular the cuts are, by zone.
BLOCKS = {"old": (11_000, 0.16, 9.0), "centre": (24_000, 0.08, 3.0), "new": (33_000, 0.08, 3.0), "edge": (46_000, 0.12, 6.0),
          "works": (95_000, 0.05, 2.0), "park": (1e9, 0.0, 0.0)}  # fmt: skip


# --- streets and blocks ---------------------------------------------------------------------------------------------


def cut(block: Polygon, kind: str) -> list[Polygon]:
    """Cut a block across its long side until it is small enough for its zone."""
    limit, shift, turn = BLOCKS[kind]
    rectangle = block.minimum_rotated_rectangle
    if block.area < limit * rng.uniform(0.8, 1.25) or rectangle.geom_type != "Polygon":
        return [block]
    corners = np.array(rectangle.exterior.coords)
    sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
    long = int(np.argmax(sides))
    axis = (corners[long + 1] - corners[long]) / sides[long]
    centre = corners[:4].mean(axis=0) + axis * sides[long] * rng.uniform(-shift, shift)
    angle = np.radians(90 + rng.uniform(-turn, turn))
    across = np.array(
        [axis[0] * np.cos(angle) - axis[1] * np.sin(angle), axis[0] * np.sin(angle) + axis[1] * np.cos(angle)]
    )
    reach = sides.sum()
    parts = [
        p for p in split(block, LineString([centre - across * reach, centre + across * reach])).geoms if p.area > 400
    ]
    if len(parts) < 2:
        return [block]
    return [piece for part in parts for piece in cut(part, kind)]


def make_blocks() -> tuple[list[Polygon], list[str], list[Polygon]]:
    """Return blocks, their zones, and the communities (superblocks between main roads and railway)."""
    frame = unary_union([line for line, _ in MAIN.values()] + [RAIL, CITY.exterior, box(0, 0, SIZE, SIZE).exterior])
    inside = CITY.intersection(box(0, 0, SIZE, SIZE))
    communities = [p for p in polygonize(frame) if p.representative_point().within(inside) and p.area > 3000]
    blocks, zones = [], []
    for community in communities:
        kind = zone(community.representative_point())
        for block in cut(community, kind):
            blocks.append(block)
            zones.append(zone(block.representative_point()) if kind != "park" else kind)
    return blocks, zones, communities


def make_roads(blocks: list[Polygon], zones: list[str]) -> tuple[gpd.GeoDataFrame, list[Point]]:
    """Return road edges with names and classes, and the points where roads pass under the railway."""
    mains = unary_union([line for line, _ in MAIN.values()]).intersection(CITY.buffer(0.5)).intersection(FRAME)
    streets = unary_union([b.exterior for b, z in zip(blocks, zones, strict=True) if z != "park"])
    streets = (
        streets.difference(RAIL.buffer(12))
        .difference(mains.buffer(0.5))
        .difference(box(0, 0, SIZE, SIZE).exterior.buffer(6))
    )
    streets = streets.difference(HILL.buffer(440)).intersection(FRAME)
    network = unary_union([mains, shapely.set_precision(streets, 0.01)])
    network = unary_union(
        [mains, *[_reach(line, mains) for line in _lines(shapely.line_merge(network.difference(mains.buffer(0.4))))]]
    )
    network = shapely.line_merge(unary_union(shapely.set_precision(network, 0.05)))
    edges = [line for line in _lines(unary_union(network)) if line.length > 3.0]
    edges = _join_near_nodes(edges, 14.0)
    edges = _prune(edges, 60.0)
    rows, crossings = [], []
    for line in edges:
        name, kind = _main_of(line)
        crossing = kind and line.intersection(RAIL)
        if crossing:
            crossings.append(crossing.centroid)
        rows.append((name, kind or ("tertiary" if line.length > 150 else "residential"), bool(crossing), line))
    table = gpd.GeoDataFrame(rows, columns=["main", "road_class", "underpass", "geometry"])
    return _name(table), crossings


def _lines(shape: shapely.Geometry) -> list[LineString]:
    return [g for g in getattr(shape, "geoms", [shape]) if g.geom_type == "LineString" and g.length > 0]


def _reach(line: LineString, mains: shapely.Geometry) -> LineString:
    """Stretch a street's ends onto a main road that they stop just short of."""
    points = list(line.coords)
    for end in (0, -1):
        p = Point(points[end])
        if 0 < p.distance(mains) < 3.0:
            q = mains.interpolate(mains.project(p))
            points[end] = (q.x, q.y)
    return LineString(points)


def _ends(edges: list[LineString]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([e.coords[0][:2] for e in edges]), np.array([e.coords[-1][:2] for e in edges])


def _join_near_nodes(edges: list[LineString], near: float) -> list[LineString]:
    """Join junctions closer than `near` metres, as a surveyor would."""
    a, b = _ends(edges)
    points, inverse = np.unique(np.round(np.vstack([a, b]), 2), axis=0, return_inverse=True)
    parent = np.arange(len(points))
    for i, j in cKDTree(points).query_pairs(near):
        root = min(parent[i], parent[j])
        parent[parent == parent[i]] = root
        parent[parent == parent[j]] = root
    centre = np.array([points[parent == parent[k]].mean(axis=0) for k in range(len(points))])
    out = []
    n = len(edges)
    for k, edge in enumerate(edges):
        first, last = centre[inverse.ravel()[k]], centre[inverse.ravel()[n + k]]
        middle = [c[:2] for c in edge.coords[1:-1]]
        if not np.allclose(first, last):
            out.append(LineString([tuple(first), *middle, tuple(last)]))
    unique = {(*tuple(sorted([e.coords[0], e.coords[-1]])), round(e.length / 30)): e for e in out}
    return list(unique.values())


def _prune(edges: list[LineString], short: float) -> list[LineString]:
    """Drop dead ends shorter than `short`, then whatever is not joined to the largest network."""
    for _ in range(3):
        a, b = _ends(edges)
        _, inverse, count = np.unique(np.round(np.vstack([a, b]), 1), axis=0, return_inverse=True, return_counts=True)
        degree = count[inverse.ravel()]
        n = len(edges)
        rim = box(25, 25, SIZE - 25, SIZE - 25)
        edges = [
            e
            for k, e in enumerate(edges)
            if e.length >= short or (degree[k] > 1 and degree[n + k] > 1) or not rim.contains(e)
        ]
    graph = nx.Graph((tuple(np.round(e.coords[0], 1)), tuple(np.round(e.coords[-1], 1))) for e in edges)
    keep = max(nx.connected_components(graph), key=len)
    return [e for e in edges if tuple(np.round(e.coords[0], 1)) in keep]


def _main_of(line: LineString) -> tuple[str, str]:
    """Return the main road an edge lies on, and its class."""
    middle = line.interpolate(0.5, normalized=True)
    for name, (main, kind) in MAIN.items():
        if (
            middle.distance(main) < 9.0
            and Point(line.coords[0]).distance(main) < 16
            and Point(line.coords[-1]).distance(main) < 16
        ):
            return name, kind
    return "", ""


def _name(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Name streets by strokes: at a junction a street goes on into the edge that bends least."""
    a, b = _ends(list(table.geometry))
    _points, inverse = np.unique(np.round(np.vstack([a, b]), 1), axis=0, return_inverse=True)
    n = len(table)
    node = inverse.ravel().reshape(2, n)
    table["u"], table["v"] = [f"n{k:04d}" for k in node[0]], [f"n{k:04d}" for k in node[1]]
    stroke = np.arange(n)
    at: dict[int, list[tuple[int, np.ndarray]]] = {}
    for k, line in enumerate(table.geometry):
        c = np.array(line.coords)[:, :2]
        for end, (p, q) in enumerate(((c[0], c[1]), (c[-1], c[-2]))):
            at.setdefault(int(node[end, k]), []).append((k, (q - p) / max(np.linalg.norm(q - p), 1e-9)))
    for arms in at.values():
        pairs = sorted(
            (float(d1 @ d2), k1, k2)
            for i, (k1, d1) in enumerate(arms)
            for k2, d2 in arms[i + 1 :]
            if table["main"][k1] == table["main"][k2]
        )
        used: set[int] = set()
        for cosine, k1, k2 in pairs:
            if cosine < -0.90 and k1 not in used and k2 not in used:
                used |= {k1, k2}
                stroke[stroke == stroke[k2]] = stroke[k1]
    names_zh, names_en = np.empty(n, object), np.empty(n, object)
    length = pd.Series(table.geometry.length.values).groupby(stroke).sum().sort_values(ascending=False)
    supply = iter(STREETS)
    for s in length.index:
        members = np.flatnonzero(stroke == s)
        main = table["main"].iloc[members[0]]
        zh, en = ROADS[main] if main else next(supply)
        names_zh[members], names_en[members] = zh, en
    table["name_zh"], table["name_en"] = names_zh, names_en
    return table


# --- ground ---------------------------------------------------------------------------------------------------------


def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bare land level before streets, levee and railway, m."""
    z = 19.6 + 0.00185 * np.clip(y - 600.0, 0, None) + 0.00035 * (2000.0 - x)
    z += 46.0 * np.exp(-(((x - HILL.x) / 300.0) ** 2 + ((y - HILL.y) / 260.0) ** 2))
    for cx, cy, depth, reach in (
        (2230, 1090, 1.35, 430),
        (3330, 1850, 1.0, 260),
        (1010, 1830, 0.8, 230),
        (2480, 2700, 0.7, 200),
    ):
        z -= depth * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / reach**2)
    return z


def make_terrain(roads: gpd.GeoDataFrame, crossings: list[Point], grid: Grid) -> np.ndarray:
    """Return the terrain raster: land, noise, streets below kerbs, levee, railway embankment, underpasses, river bed."""
    xx, yy = np.meshgrid(grid.x - WEST, grid.y - SOUTH)
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape), 22)
    z = ground(xx, yy) + 0.16 * noise / noise.std()
    street = burn([g.buffer(WIDTH[c] / 2) for g, c in zip(roads.geometry, roads["road_class"], strict=True)], grid)
    z[street] -= 0.15
    to_rail = distance(RAIL, xx, yy)
    rise = np.clip((24.0 - to_rail) / 12.0, 0.0, 1.0) * 4.2
    mains = unary_union(list(roads.geometry[roads["underpass"]]))
    along = np.min([np.hypot(xx - p.x, yy - p.y) for p in crossings], axis=0)
    beside = distance(mains, xx, yy)
    passage = (beside < 14.0) & (along < 75.0)
    z += np.where(passage, 0.0, rise)
    z -= np.where(passage, 2.4 * np.clip(1.0 - (along / 75.0) ** 2, 0.0, 1.0), 0.0)
    to_levee = distance(LEVEE, xx, yy)
    z = np.maximum(z, np.where(yy > river_axis(xx), CREST - np.clip(to_levee - 5.0, 0, None) / 3.0, -99.0))
    south = yy < river_axis(xx)
    z = np.where(south, 21.5 + 0.004 * (bank(xx, -1) - yy), z)
    depth = np.clip(np.minimum(bank(xx) - yy, yy - bank(xx, -1)), 0.0, 40.0)
    return np.where(depth > 0, 17.0 - depth / 8.0, z).astype(np.float32)


def distance(shape: shapely.Geometry, xx: np.ndarray, yy: np.ndarray) -> np.ndarray:
    """Distance of every cell centre to a shape, m (exact to half a cell)."""
    dense = shapely.get_coordinates(shapely.segmentize(shape, CELL))
    found, _ = cKDTree(dense).query(np.column_stack([xx.ravel(), yy.ravel()]))
    return found.reshape(xx.shape)


def burn(shapes: list[shapely.Geometry], grid: Grid) -> np.ndarray:
    """Return the cells whose centre lies in one of the shapes (local metres)."""
    transform = Affine(CELL, 0, 0, 0, -CELL, SIZE)
    return rasterize(
        [(s, 1) for s in shapes if not s.is_empty], out_shape=grid.shape, transform=transform, fill=0
    ).astype(bool)


# --- buildings and people -------------------------------------------------------------------------------------------


def make_buildings(blocks: list[Polygon], zones: list[str], roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return building footprints: slabs in new quarters, small houses in the old town, towers in the centre, sheds in the works."""
    corridor = unary_union(
        [g.buffer(WIDTH[c] / 2 + 4) for g, c in zip(roads.geometry, roads["road_class"], strict=True)]
    )
    clear = unary_union([corridor, RAIL.buffer(38), LEVEE.buffer(26), HILL.buffer(430), *OPEN_PLACES.values()])
    rows: list[tuple[str, int, Polygon]] = []
    for block, kind in zip(blocks, zones, strict=True):
        lot = block.difference(clear)
        for part in getattr(lot, "geoms", [lot]):
            if part.geom_type == "Polygon" and part.area > 500:
                rows += _fill(part, kind)
    table = gpd.GeoDataFrame(rows, columns=["use", "floors", "geometry"])
    return table[table.geometry.within(box(0, 0, SIZE, SIZE))].reset_index(drop=True)


#: Building width, depth, gap between, row spacing (m); floors; share built; use by zone.
FORMS = {
    "old": (13.0, 11.0, 2.0, 16.0, (2, 5), 0.92, "mixed"),
    "centre": (32.0, 24.0, 11.0, 38.0, (8, 30), 0.90, "commercial"),
    "new": (36.0, 13.0, 9.0, 27.0, (6, 19), 0.93, "residential"),
    "edge": (30.0, 13.0, 11.0, 31.0, (3, 7), 0.72, "residential"),
    "works": (78.0, 42.0, 26.0, 68.0, (1, 2), 0.75, "industrial"),
}


def _fill(lot: Polygon, kind: str) -> list[tuple[str, int, Polygon]]:
    """Fill a lot with rows of buildings along its longer side."""
    if kind == "park":
        return []
    width, depth, gap, spacing, (low, high), share, use = FORMS[kind]
    corners = np.array(lot.minimum_rotated_rectangle.exterior.coords)
    sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
    k = int(np.argmax(np.abs((corners[1:3] - corners[:2])[:, 0]) / sides)) if kind != "old" else int(np.argmax(sides))
    u = (corners[k + 1] - corners[k]) / sides[k]
    u = u if u[0] >= 0 else -u
    v = np.array([-u[1], u[0]])
    local = (corners[:4] - corners[0]) @ np.column_stack([u, v])
    (u0, v0), (u1, v1) = local.min(axis=0), local.max(axis=0)
    inner = lot.buffer(-3.0)
    if kind == "centre" and rng.random() < 0.45:
        use, (low, high) = "mixed", (12, 26)
    floors = int(rng.integers(low, high + 1))
    rows = []
    for top in np.arange(v0 + 4, v1 - depth, spacing * rng.uniform(0.97, 1.05)):
        for left in np.arange(u0 + 4 + rng.uniform(0, gap), u1 - width * 0.8, width + gap):
            if rng.random() > share:
                continue
            w, d = width * rng.uniform(0.82, 1.04), depth * rng.uniform(0.92, 1.08)
            base = corners[0] + left * u + top * v
            shape = Polygon([base, base + w * u, base + w * u + d * v, base + d * v])
            if inner.contains(shape):
                rows.append((use, max(1, floors + int(rng.integers(-1, 2))), shape))
    return rows


def make_population(buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return people on 100 m cells: by night over homes, by day also over offices and works."""
    edges = np.arange(0.0, SIZE, 100.0)
    cells = gpd.GeoDataFrame(
        {"id": [f"p{int(x // 100):02d}{int(y // 100):02d}" for y in edges for x in edges]},
        geometry=[box(x, y, x + 100, y + 100) for y in edges for x in edges],
    )
    area = buildings.geometry.area.values * buildings["floors"].values
    use = buildings["use"].values
    home = area * np.select([use == "residential", use == "mixed"], [1.0, 0.75], 0.0)
    work = area * np.select([use == "commercial", use == "industrial", use == "mixed"], [1.0, 0.35, 0.35], 0.12)
    centroid = buildings.geometry.centroid
    index = (centroid.y.values // 100).astype(int) * len(edges) + (centroid.x.values // 100).astype(int)
    night = np.bincount(index, home, len(cells))
    busy = np.bincount(index, work, len(cells))
    cells["night"] = np.round(PEOPLE * night / night.sum(), 0)
    cells["day"] = np.round(PEOPLE * (0.45 * night / night.sum() + 0.55 * busy / busy.sum()), 0)
    cells["under_15"] = np.round(rng.uniform(0.09, 0.17, len(cells)), 3)
    cells["over_65"] = np.round(rng.uniform(0.11, 0.26, len(cells)), 3)
    return cells[(cells["night"] > 0) | (cells["day"] > 0)].reset_index(drop=True)


# --- places ---------------------------------------------------------------------------------------------------------

#: Open places kept free of buildings (local metres).
OPEN_PLACES = {
    "square": box(1880, float(bank(np.array([2000.0]))[0]) + 128, 2290, float(bank(np.array([2000.0]))[0]) + 250),
    "stadium": Point(3270, 3420).buffer(120, quad_segs=12),
    "park": box(1560, 2760, 1800, 2890),
}


def nearest_block(blocks: list[Polygon], zones: list[str], x: float, y: float, kinds: tuple[str, ...]) -> Point:
    """Return a point inside the block of the given zones that is nearest to (x, y)."""
    found = min((b for b, z in zip(blocks, zones, strict=True) if z in kinds), key=lambda b: b.distance(Point(x, y)))
    return found.representative_point()


def make_facilities(
    blocks: list[Polygon], zones: list[str], roads: gpd.GeoDataFrame, crossings: list[Point], station: Point
) -> gpd.GeoDataFrame:
    """Return hospitals, schools, care homes, shelters, the works, metro entrances, underpasses, venues, the pumping station."""
    rows: list[tuple[str, str, str, str, int, shapely.Geometry]] = []
    wanted = [
        ("hospital", "hospital-1", "临江市第一人民医院", "Linjiang First People's Hospital", 1200, 2450, 1180),
        ("hospital", "hospital-2", "城北医院", "North Hospital", 600, 1680, 3350),
        ("school", "school-1", "江汉路小学", "Jianghan Road Primary School", 1400, 1720, 1150),
        ("school", "school-2", "实验中学", "Experimental Middle School", 2600, 2500, 2050),
        ("school", "school-3", "城北中学", "North Middle School", 2200, 2500, 3400),
        ("school", "school-4", "东湖小学", "Donghu Primary School", 1300, 3350, 1850),
        ("school", "school-5", "西城小学", "West City Primary School", 1300, 800, 1850),
        ("school", "school-6", "滨江小学", "Binjiang Primary School", 1100, 700, 950),
        ("care_home", "care-1", "夕照养老院", "Sunset Care Home", 180, 1600, 880),
        ("care_home", "care-2", "松鹤养老院", "Pine and Crane Care Home", 220, 3300, 1250),
        ("care_home", "care-3", "颐和养老院", "Yihe Care Home", 150, 1050, 2750),
        ("shelter", "shelter-1", "实验中学避难场所", "Experimental Middle School shelter", 4000, 2530, 2080),
        ("shelter", "shelter-2", "城北中学避难场所", "North Middle School shelter", 3500, 2530, 3430),
        ("shelter", "shelter-3", "体育馆避难场所", "Stadium shelter", 6000, 3100, 3330),
        ("shelter", "shelter-4", "西城避难场所", "West City shelter", 2500, 820, 2150),
        ("shelter", "shelter-5", "江汉路避难场所", "Jianghan Road shelter", 1800, 1750, 1700),
    ]
    for kind, key, zh, en, capacity, x, y in wanted:
        rows.append((key, kind, zh, en, capacity, nearest_block(blocks, zones, x, y, ("old", "centre", "new", "edge"))))
    works = nearest_block(blocks, zones, 3480, 2650, ("works",))
    rows.append(
        ("south-works", "hazardous_site", "南湾化工厂", "Nanwan Chemical Works", 0, works.buffer(70, quad_segs=2))
    )
    tanks = (
        ("T1", "液氨储罐", "ammonia tank", 30),
        ("T2", "汽油储罐", "petrol tank", 200),
        ("T3", "液氯储罐", "chlorine tank", 25),
        ("T4", "盐酸储罐", "hydrochloric acid tank", 50),
    )
    rows.append(
        ("old-waterworks", "hazardous_site", "老城水厂", "Old Town Waterworks", 0, WATERWORKS.buffer(22, quad_segs=2))
    )
    rows.append(
        ("old-waterworks/C1", "tank", "老城水厂液氯罐C1", "Old Town Waterworks chlorine tank C1", 3, WATERWORKS)
    )
    store = nearest_block(blocks, zones, 900, 2500, ("edge", "new"))
    rows.append(("west-cold-store", "hazardous_site", "西片冷库", "West Cold Store", 0, store.buffer(30, quad_segs=2)))
    rows.append(("west-cold-store/A1", "tank", "西片冷库贮氨器A1", "West Cold Store ammonia receiver A1", 6, store))
    for k, (tank, zh, en, tonnes) in enumerate(tanks):
        rows.append(
            (
                f"south-works/{tank}",
                "tank",
                f"南湾化工厂{zh}{tank}",
                f"Nanwan works {en} {tank}",
                tonnes,
                Point(works.x - 45 + 30 * k, works.y - 30),
            )
        )
    rows.append(("pump-1", "pump_station", "老城泵站", "Old Town pumping station", 0, station))
    line = MAIN["middle"][0]
    stops = (
        (900, "滨江广场", "Binjiang Square"),
        (1480, "人民路", "Renmin Road"),
        (2050, "市政府", "City Hall"),
        (2960, "城北", "Chengbei"),
        (3560, "大学城", "University"),
    )
    for k, (y, zh, en) in enumerate(stops):
        at = line.interpolate(line.project(Point(2080, y)))
        for letter, dx, dy in (("A", 24, 26), ("B", -24, 26), ("C", 24, -26), ("D", -24, -26)):
            rows.append(
                (
                    f"metro-{k + 1}{letter}",
                    "metro_entrance",
                    f"{zh}站{letter}口",
                    f"{en} station exit {letter}",
                    0,
                    Point(at.x + dx, at.y + dy),
                )
            )
    rows.append(("metro", "metro_line", "地铁1号线", "Metro line 1", 0, substring(line, 330, line.length - 330)))
    crossing_names = {tuple(np.round((p.x, p.y))): p for p in crossings}
    for k, p in enumerate(sorted(crossing_names.values(), key=lambda p: p.x)):
        road = roads.loc[roads["underpass"]].geometry.distance(p).idxmin()
        zh, en = roads.at[road, "name_zh"], roads.at[road, "name_en"]
        side_zh, side_en = {"ring": (("西段", "West ") if p.x < SIZE / 2 else ("东段", "East "))}.get(
            roads.at[road, "main"], ("", "")
        )
        rows.append(
            (f"underpass-{k + 1}", "underpass", f"{zh}{side_zh}铁路下穿", f"{side_en}{en} railway underpass", 0, p)
        )
    return gpd.GeoDataFrame(rows, columns=["id", "kind", "name_zh", "name_en", "capacity", "geometry"])


#: The waterworks of the old town, on low ground (local metres).
WATERWORKS = Point(2238, 1067)

#: What is in each tank: substance, mass (kg), how it is kept, temperature (K), pressure (Pa), the depth of water at which the tank
#: or its pipework fails (m): all assumed.
TANKS = {
    "south-works/T1": ("ammonia", 30_000.0, "pressurised_liquid", 298.15, 1.0e6, 1.0),
    "south-works/T2": ("petrol", 200_000.0, "liquid", 298.15, 101_325.0, 0.8),
    "south-works/T3": ("chlorine", 25_000.0, "pressurised_liquid", 298.15, 7.8e5, 1.0),
    "south-works/T4": ("hydrochloric acid", 50_000.0, "liquid", 298.15, 101_325.0, 0.8),
    "old-waterworks/C1": ("chlorine", 3_000.0, "pressurised_liquid", 298.15, 7.8e5, 0.6),
    "west-cold-store/A1": ("ammonia", 6_000.0, "pressurised_liquid", 303.15, 1.17e6, 1.0),
}

#: The share of people who have a car at hand, by part of the city: assumed.
CAR_SHARE = {"old": 0.22, "centre": 0.30, "new": 0.45, "edge": 0.45, "works": 0.40}


def with_tanks(facilities: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the facilities with what stands in their tanks; empty for what is no tank."""
    columns = ("substance", "mass_kg", "phase", "temperature_k", "pressure_pa", "floats_m")
    held = [TANKS.get(i, (None, np.nan, None, np.nan, np.nan, np.nan)) for i in facilities["id"]]
    site = [i.partition("/")[0] if i in TANKS else None for i in facilities["id"]]
    return facilities.assign(site=site, **{c: [row[k] for row in held] for k, c in enumerate(columns)})


#: Venues: what stands in each, in local metres. The ground of a venue is fenced but for its gates; `entrance` is the metro entrance
#: a gate leads to, `opens` whether it is open at the start.
SQUARE = OPEN_PLACES["square"]
HALL = box(2070, 885, 2122, 913)
PLATFORM = box(2071, 887, 2121, 902)
ALLEY = box(1990, 1180, 1994.5, 1256)


#: A lane of 3.2 m and 40 m between a yard at its foot and a street at its top.
FOOT, LANE, TOP = box(1992, 1392, 2020, 1404), box(2004.4, 1404, 2007.6, 1444), box(1992, 1444, 2020, 1452)


def _lane() -> list[dict[str, object]]:
    """Return the parts of Festival Lane: it rises by a tenth, people come from both ends, a separator and one-way mouths can be set."""
    foot, top, middle = LANE.bounds[1], LANE.bounds[3], (LANE.bounds[0] + LANE.bounds[2]) / 2
    return [
        _gate("lane-left", "巷口左侧", "Mouth, left half", LineString([(LANE.bounds[0], foot), (middle, foot)])),
        _gate("lane-right", "巷口右侧", "Mouth, right half", LineString([(middle, foot), (LANE.bounds[2], foot)])),
        _part("lane-axis", "separator", "中线分隔", "Separator along the lane", LineString([(middle, foot), (middle, top)])),
        _part("lane-slope", "slope", "坡道", "Slope", LANE, rise=0.1, up_deg=0.0),
        _part("lane-from-foot", "source", "坡下来客", "From the foot", box(1993, 1396, 2002, 1402), goals="venue-lane/lane-to-top", flow_per_s=1.0),
        _part("lane-from-top", "source", "坡上来客", "From the top", box(2010, 1445, 2019, 1449), goals="venue-lane/lane-to-foot", flow_per_s=1.0),
        _part("lane-to-top", "goal", "上街", "Street at the top", box(1992.5, 1450, 2019.5, 1451.5)),
        _part("lane-to-foot", "goal", "下院", "Yard at the foot", box(1992.5, 1392.5, 2019.5, 1394)),
        _part("lane-lower", "zone", "巷下半段", "Lower half of the lane", box(2004.4, 1404, 2007.6, 1424)),
        _part("lane-upper", "zone", "巷上半段", "Upper half of the lane", box(2004.4, 1424, 2007.6, 1444)),
        _part("lane-foot", "zone", "巷口", "Before the mouth", box(2000, 1396, 2012, 1404)),
    ]  # fmt: skip


def _stadium() -> list[dict[str, object]]:
    """Return the parts of the stadium: a ring around the stands with a gate of 2.5 m to each side of the world."""
    ground = OPEN_PLACES["stadium"]
    middle, edges = ground.centroid, [LineString(pair) for pair in pairwise(ground.exterior.coords)]
    stands = middle.buffer(88, quad_segs=12)
    parts = [_part("stadium-stands", "obstacle", "看台", "Stands", stands)]
    for key, zh, en, east, north in (("north", "北门", "North gate", 0, 1), ("east", "东门", "East gate", 1, 0),
                                     ("south", "南门", "South gate", 0, -1), ("west", "西门", "West gate", -1, 0)):  # fmt: skip
        side = Point(middle.x + 120 * east, middle.y + 120 * north)
        edge = min(edges, key=lambda e: e.centroid.distance(side))
        ends = [edge.interpolate(edge.length / 2 + step) for step in (-1.25, 1.25)]
        parts.append(_gate(f"stadium-{key}", zh, en, LineString(ends)))
        before = edge.centroid.buffer(14).intersection(ground).difference(stands)
        parts.append(_part(f"stadium-{key}-front", "zone", f"{zh}内", f"Inside the {en.lower()}", before))
    ring = middle.buffer(104, quad_segs=12).difference(middle.buffer(90, quad_segs=12))
    for key, zh, en, east, north in (("ne", "东北看台", "North-east stand", 1, 1), ("se", "东南看台", "South-east stand", 1, -1),
                                     ("sw", "西南看台", "South-west stand", -1, -1), ("nw", "西北看台", "North-west stand", -1, 1)):  # fmt: skip
        xs, ys = (sorted((at + 40 * way, at + 130 * way)) for at, way in ((middle.x, east), (middle.y, north)))
        corner = box(xs[0], ys[0], xs[1], ys[1])
        parts.append(_part(f"stadium-{key}", "source", zh, en, ring.intersection(corner)))
    return parts


def make_venues() -> dict[str, gpd.GeoDataFrame]:
    """Return the venues, each with a file of its own."""
    west, south, east, north = SQUARE.bounds
    square = [
        _gate("square-north", "北门", "North gate", LineString([(2080, north), (2092, north)])),
        _gate("square-north-east", "东北门", "North-east gate", LineString([(2210, north), (2218, north)])),
        _gate("square-west", "西门", "West gate", LineString([(west, 660), (west, 668)])),
        _gate(
            "square-east", "东门(应急)", "East gate (emergency)", LineString([(east, 660), (east, 668)]), opens=False
        ),
        _part("square-stage", "obstacle", "舞台", "Stage", box(2070, south + 8, 2100, south + 20)),
        _part("square-front", "zone", "台前区", "Stage front", box(2040, south + 22, 2130, south + 52)),
        _part("square-middle", "zone", "中区", "Middle", box(2040, south + 52, 2130, north - 22)),
        _part("square-exit", "zone", "北门内", "Inside the north gate", box(2060, north - 22, 2112, north)),
        _part("square-crowd", "source", "观众", "Audience", box(2020, south + 24, 2150, north - 24)),
    ]
    x0, y0, x1, y1 = HALL.bounds
    hall = [
        *[
            _gate(f"hall-{letter}", f"{letter}口通道", f"Passage to exit {letter}", line, entrance=f"metro-1{letter}")
            for letter, line in (
                ("A", LineString([(x1, y1 - 7), (x1, y1 - 3)])),
                ("B", LineString([(x0, y1 - 7), (x0, y1 - 3)])),
                ("C", LineString([(x1, y0 + 3), (x1, y0 + 7)])),
                ("D", LineString([(x0, y0 + 3), (x0, y0 + 7)])),
            )
        ],
        _gate(
            "hall-link",
            "通往人民路站的地下通道",
            "Underground link to Renmin Road station",
            LineString([(2094, y1), (2097, y1)]),
            entrance="metro-2C",
        ),
        _part("hall-kiosk", "obstacle", "客服中心", "Service centre", box(2092, 886.5, 2100, 890)),
        # The platform lies below the hall, level -1; three stairs lead up.
        _part("platform-edge", "wall", "站台边缘", "Edge of the platform", PLATFORM.exterior, level=-1),
        _part("hall-stairs", "source", "站台", "Platform", box(2072, 888, 2120, 891), level=-1),
        *[
            _part(
                f"hall-stair-{k + 1}",
                "stair",
                f"{k + 1}号楼梯",
                f"Stair {k + 1}",
                box(x, 893, x + 4, 901),
                level=-1,
                to_level=0,
                up_deg=0.0,
                rise=0.5,
            )
            for k, x in enumerate((2078, 2094, 2110))
        ],
        _part(
            "platform-foot",
            "zone",
            "站台层楼梯口",
            "Platform, before the stairs",
            box(2072, 887.5, 2120, 893),
            level=-1,
        ),
        _part("hall-concourse", "zone", "站厅楼梯口", "Concourse, above the stairs", box(2076, 901, 2114, 904.5)),
        _part("hall-north", "zone", "连通道口", "Mouth of the link", box(2084, 904.5, 2107, y1 - 0.5)),
        _part("hall-east", "zone", "东侧出站口", "East barriers", box(2112, 886, 2121, 912)),
        _part("hall-west", "zone", "西侧出站口", "West barriers", box(2071, 886, 2080, 912)),
    ]
    ax, ay, bx, by = ALLEY.bounds
    alley = [
        _gate("alley-south", "南口", "South end", LineString([(ax + 0.2, ay), (bx - 0.2, ay)])),
        _gate("alley-north", "北口", "North end", LineString([(ax + 0.2, by), (bx - 0.2, by)])),
        *[
            _part(f"alley-{key}", "zone", zh, en, box(ax, ay + k * 25.3, bx, ay + (k + 1) * 25.3))
            for k, (key, zh, en) in enumerate(
                (("lower", "下段", "Lower part"), ("middle", "中段", "Middle part"), ("upper", "上段", "Upper part"))
            )
        ],
        _part("alley-visitors", "source", "游客", "Visitors", box(ax + 0.4, ay + 2, bx - 0.4, by - 2)),
    ]
    stadium, lane = _stadium(), _lane()
    about = {
        "square": ("venue-square", "滨江广场", "Binjiang Square", 30_000, SQUARE, square),
        "stadium": ("venue-stadium", "临江体育场", "Linjiang Stadium", 22_000, OPEN_PLACES["stadium"], stadium),
        "metro-hall": ("venue-metro-hall", "滨江广场站站厅", "Binjiang Square station hall", 1_500, HALL, hall),
        "alley": ("venue-alley", "花灯巷", "Lantern Alley", 800, ALLEY, alley),
        "lane": ("venue-lane", "灯会坡巷", "Festival Lane", 600, unary_union([FOOT, LANE, TOP]), lane),
    }
    return {
        key: gpd.GeoDataFrame(
            [
                {"id": venue, "kind": "venue", "name_zh": zh, "name_en": en, "capacity": capacity, "geometry": ground},
                *[{**part, "venue": venue, "id": f"{venue}/{part['id']}"} for part in parts],
                *[{**part, "venue": venue, "id": f"{venue}/{part['id']}"} for part in _fence(ground, parts) if parts],
            ]
        )
        for key, (venue, zh, en, capacity, ground, parts) in about.items()
    }


def _part(key: str, kind: str, zh: str, en: str, shape: shapely.Geometry, **more: object) -> dict[str, object]:
    return {"id": key, "kind": kind, "name_zh": zh, "name_en": en, "geometry": shape, **more}


def _gate(
    key: str, zh: str, en: str, line: LineString, *, opens: bool = True, entrance: str | None = None
) -> dict[str, object]:
    """Return a gate without barriers: what it lets through follows from its width."""
    more = {"width_m": line.length, "opens": opens, "entrance": entrance}
    return _part(key, "gate", zh, en, line, **more)


def _fence(ground: Polygon, parts: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the walls around a venue: its rim without the gates."""
    gates = unary_union([part["geometry"] for part in parts if part["kind"] == "gate"])
    walls = _lines(ground.exterior.difference(gates.buffer(0.01, cap_style="flat"))) if parts else []
    return [_part(f"wall-{k + 1}", "wall", "围栏", "Fence", wall) for k, wall in enumerate(walls)]


# --- all of it ------------------------------------------------------------------------------------------------------


def make(folder: Path) -> City:
    """Make the city and write its folder."""
    grid = Grid(CRS, WEST, SOUTH + SIZE, CELL, int(SIZE / CELL), int(SIZE / CELL))
    blocks, zones, communities = make_blocks()
    roads, crossings = make_roads(blocks, zones)
    terrain = make_terrain(roads, crossings, grid)
    buildings = make_buildings(blocks, zones, roads)
    population = make_population(buildings)

    def level(x: float, y: float) -> float:
        row, col, _ = grid.cells([x + WEST], [y + SOUTH])
        return float(terrain[row[0], col[0]])

    inp, station = lay_drains(
        roads, crossings, level, lambda x: float(bank(np.array([x]))[0]), WEST, SOUTH, NORMAL_STAGE
    )
    facilities = with_tanks(make_facilities(blocks, zones, roads, crossings, station))
    homes = [zone(p) for p in population.geometry.centroid]
    population["car_share"] = [CAR_SHARE.get(part, CAR_SHARE["edge"]) for part in homes]
    cover = make_cover(blocks, zones, roads, buildings, grid)
    areas = [c for c in communities if c.area > 25_000]
    table = gpd.GeoDataFrame(
        {"id": [f"block-{k + 1:02d}" for k in range(len(areas))], "name_zh": [AREAS[k][0] for k in range(len(areas))],
         "name_en": [AREAS[k][1] for k in range(len(areas))]}, geometry=areas,
    )  # fmt: skip
    parts = rail_parts(crossings)
    levees = gpd.GeoDataFrame(
        {"id": ["levee-1", *[f"railway-{k + 1}" for k in range(len(parts))]],
         "crest_m": [CREST, *[round(float(np.mean([level(*c) for c in p.segmentize(60).coords[1:-1]])), 2) for p in parts]]},
        geometry=[substring(LEVEE, 200, LEVEE.length - 200), *parts],
    )  # fmt: skip
    roads["id"] = [f"road-{k + 1:04d}" for k in range(len(roads))]
    for column, values in (("lanes", LANES), ("speed_kmh", SPEED)):
        roads[column] = roads["road_class"].map(values)
    roads["level"] = 0
    buildings["id"] = [f"house-{k + 1:05d}" for k in range(len(buildings))]
    made = {"source": "data/linjiang/make_city.py", "date": "2026-06-20", "licence": "Apache-2.0", "basis": "assumed"}
    invented = Layer(**made, assumed=("an invented city: nothing was measured",))
    city = City(
        id="linjiang", name_zh="临江", name_en="Linjiang", grid=grid, timezone="Asia/Shanghai",
        vertical_datum="1985国家高程基准 National Vertical Datum 1985 (invented levels)",
        surface=surface_of(terrain, cover, grid.y, grid.x),
        buildings=placed(buildings[["id", "use", "floors", "geometry"]]),
        roads=placed(roads[["id", "u", "v", "name_zh", "name_en", "road_class", "lanes", "speed_kmh", "level", "underpass", "geometry"]]),
        population=placed(population[["id", "day", "night", "under_15", "over_65", "car_share", "geometry"]]),
        facilities=placed(facilities),
        blocks=placed(table),
        sensors=placed(make_sensors(facilities)),
        levees=placed(levees),
        venues=empty_table("venues", CRS),
        drains=drains_of(inp, CRS, "drains.inp"),
        resources=make_resources(),
        layers={name: invented for name in ("terrain", "landcover", "buildings", "roads", "population", "facilities", "blocks", "drains", "resources", "sensors")},
    )  # fmt: skip
    save_folder(city, folder)
    (folder / "venues").mkdir()
    for name, venue in make_venues().items():
        placed(venue).to_crs("EPSG:4326").to_file(
            folder / "venues" / f"{name}.geojson", driver="GeoJSON", COORDINATE_PRECISION=7
        )
    return city


def make_cover(
    blocks: list[Polygon], zones: list[str], roads: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, grid: Grid
) -> np.ndarray:
    """Return the land-cover raster."""
    xx, yy = np.meshgrid(grid.x - WEST, grid.y - SOUTH)
    cover = np.full(grid.shape, 4)
    cover[burn([b for b, z in zip(blocks, zones, strict=True) if z != "park"], grid)] = 3
    cover[burn([b for b, z in zip(blocks, zones, strict=True) if z == "works"], grid)] = 9
    edge = [b for b, z in zip(blocks, zones, strict=True) if z == "edge"]
    cover[burn([b for b in edge if rng.random() < 0.35], grid)] = 6
    cover[np.hypot(xx - HILL.x, yy - HILL.y) < 430] = 5
    cover[burn([OPEN_PLACES["park"]], grid)] = 4
    cover[burn([OPEN_PLACES["square"], OPEN_PLACES["stadium"]], grid)] = 1
    cover[burn([RAIL.buffer(9)], grid)] = 8
    cover[burn([g.buffer(WIDTH[c] / 2) for g, c in zip(roads.geometry, roads["road_class"], strict=True)], grid)] = 1
    cover[burn(list(buildings.geometry), grid)] = 2
    cover[burn([LEVEE.buffer(20)], grid)] = 4
    cover[(yy < bank(xx)) & (yy > bank(xx, -1))] = 7
    return cover


def rail_parts(crossings: list[Point]) -> list[LineString]:
    """Return the embankment as lines between the underpasses."""
    inside = RAIL.intersection(box(0, 0, SIZE, SIZE))
    return _lines(inside.difference(unary_union([p.buffer(24) for p in crossings])))


def make_sensors(facilities: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return rain, stage and water-level gauges, gas detectors, and counters of persons at the square's north gate."""
    north = SQUARE.bounds[3]
    rows = [
        ("rain-1", "rain_gauge", "老城雨量站", "Old Town rain gauge", Point(2150, 1250)),
        ("rain-2", "rain_gauge", "城北雨量站", "North rain gauge", Point(2300, 3300)),
        ("rain-3", "rain_gauge", "东郊雨量站", "East rain gauge", Point(3600, 2000)),
        (
            "stage-1",
            "stage_gauge",
            "滨江水位站",
            "Binjiang stage gauge",
            Point(2050, float(bank(np.array([2050.0]))[0]) - 10),
        ),
    ]
    rows += [
        ("count-1", "zone_counter", "北门内客流计", "Counter inside the north gate", Point(2086, north - 10)),
        ("count-3", "zone_counter", "中区客流计", "Counter of the middle", Point(2086, north - 50)),
        ("count-2", "gate_counter", "北门过人计", "Counter at the north gate", Point(2086, north + 1)),
    ]
    for k, place in enumerate(facilities[facilities["kind"] == "underpass"].itertuples()):
        rows.append(
            (f"level-{k + 1}", "level_gauge", f"{place.name_zh}水位计", f"{place.name_en} level gauge", place.geometry)
        )
    tanks = facilities.set_index("id").geometry
    for k, (tank, dx, dy) in enumerate(
        (
            ("south-works/T1", -60, 40),
            ("south-works/T3", 60, 40),
            ("south-works/T3", 60, -50),
            ("old-waterworks/C1", 30, 30),
        )
    ):
        place = Point(tanks[tank].x + dx, tanks[tank].y + dy)
        rows.append((f"gas-{k + 1}", "gas_detector", f"气体探测器{k + 1}", f"Gas detector {k + 1}", place))
    return gpd.GeoDataFrame(rows, columns=["id", "kind", "name_zh", "name_en", "geometry"])


def make_resources() -> tuple[Resource, ...]:
    """Return crews and machines."""
    rows = [
        ("drain-east", "drain_crew", "东片排水队", "East drainage crew", 3000, 1600, 3, {}),
        ("drain-west", "drain_crew", "西片排水队", "West drainage crew", 1200, 1800, 3, {}),
        ("pump-depot", "pump_team", "防汛泵车队", "Flood pump team", 2700, 2950, 3, {"flow_m3_s": 0.28}),
        ("police-centre", "traffic_police", "交警中队", "Traffic police, centre", 2100, 1550, 8, {}),
        ("police-north", "traffic_police", "城北交警中队", "Traffic police, north", 1900, 3000, 6, {}),
        ("metro-control", "metro_staff", "地铁应急队", "Metro emergency team", 2080, 2050, 6, {}),
        ("street-office-old", "community", "老城街道办", "Old Town street office", 2000, 1100, 10, {}),
        ("fire-hazmat", "fire_rescue", "消防危化品处置队", "Fire service hazmat team", 2700, 2300, 2, {}),
        ("site-team-south", "site_staff", "南湾化工厂应急队", "Nanwan works emergency team", 3370, 2760, 1, {}),
        ("site-team-cold", "site_staff", "西片冷库应急队", "Cold store emergency team", 900, 2480, 1, {}),
        ("site-team-water", "site_staff", "老城水厂应急队", "Waterworks emergency team", 2230, 1060, 1, {}),
        ("bus-depot", "bus_team", "公交应急车队", "Emergency bus team", 2700, 2000, 6, {"seats": 60}),
        ("square-stewards", "venue_staff", "广场安保队", "Square stewards", 2085, 740, 4, {}),
        ("street-office-north", "community", "城北街道办", "North street office", 2000, 3100, 10, {}),
        ("ambulance-centre", "ambulance_team", "急救中心转运队", "Ambulance centre", 2470, 1230, 8, {"places": 2}),
    ]  # fmt: skip
    return tuple(Resource(i, k, zh, en, WEST + x, SOUTH + y, n, v) for i, k, zh, en, x, y, n, v in rows)


def placed(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Move a table from local metres to the map, to the centimetre."""
    moved = shapely.transform(table.geometry.values, lambda c: np.round(c + np.array([WEST, SOUTH]), 2))
    return gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=np.asarray(moved), crs=CRS)


def main() -> None:
    """Make the city afresh in its folder (or in FOLDER)."""
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
    aside = folder.parent / "linjiang.part-make"
    shutil.rmtree(aside, ignore_errors=True)
    city = make(aside)
    folder.mkdir(exist_ok=True)
    for path in sorted(p for p in aside.rglob("*") if p.is_file()):
        target = folder / path.relative_to(aside)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
    shutil.rmtree(aside)
    seal(folder)
    drains = city.drains
    print(f"{len(city.buildings)} buildings, {city.population['night'].sum():.0f} people, {len(city.roads)} road edges, "
          f"{0 if drains is None else len(drains.nodes)} drain nodes, {len(city.blocks)} blocks")  # fmt: skip


if __name__ == "__main__":
    main()
