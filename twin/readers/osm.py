"""OpenStreetMap extracts (`.osm`, `.osm.gz`, `.osm.bz2`, `.pbf`) to roads, buildings and facilities; no network is touched.

Traps met on real files: simplifying merges ways whatever they carry (so ways that differ in a tag read here stay apart: a
short bridge lifts itself alone), clipped extracts name nodes that they do not hold (so the way is cut there), and Chinese
extracts carry almost no `maxspeed` or `lanes` (so a class table fills them, and the count is reported).
"""

from __future__ import annotations

import bz2
import gzip
import math
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx as ox
import pandas as pd
import shapely
from lxml import etree
from numpy.typing import NDArray

from twin.city import empty_table
from twin.errors import SourceError
from twin.finding import Finding
from twin.lease import scratch
from twin.readers.damage import damage_told
from twin.readers.osm_turns import TurnRule, no_turns, rule_of

#: highway class -> (lanes both ways, speed km/h) where the map gives none: assumed, after CJJ 37-2012 design speeds.
CLASSES = {
    "motorway": (6, 100),
    "trunk": (6, 80),
    "primary": (6, 60),
    "secondary": (4, 50),
    "tertiary": (2, 40),
    "unclassified": (2, 30),
    "residential": (2, 30),
    "living_street": (2, 20),
    "service": (1, 20),
    "motorway_link": (2, 50),
    "trunk_link": (2, 40),
    "primary_link": (1, 40),
    "secondary_link": (1, 40),
    "tertiary_link": (1, 30),
    "road": (2, 30),
}

#: OSM amenity -> kind of facility.
AMENITIES = {
    "hospital": "hospital",
    "clinic": "hospital",
    "school": "school",
    "kindergarten": "school",
    "university": "school",
    "college": "school",
    "social_facility": "care_home",
    "nursing_home": "care_home",
    "shelter": "shelter",
}

#: Tags of a way that a road keeps: two ways that differ in one of them are two roads.
ROAD_TAGS = ("highway", "lanes", "maxspeed", "name", "name:en", "bridge", "tunnel", "oneway", "junction")

#: Values of `oneway`: vehicles run along the way as it is drawn, or against it; F and T stand in extracts as shapefiles.
ALONG, AGAINST = frozenset({"yes", "true", "1", "f"}), frozenset({"-1", "reverse", "t"})

#: Values of `oneway` for a direction that changes in the day, and of `junction` for one that needs no `oneway`.
CHANGING, ROUND = frozenset({"reversible", "alternating"}), frozenset({"roundabout", "circular"})

#: Values of `bridge` and `tunnel` that leave a way on the ground: fords in a flood, arches through a house, roofs over a road.
ON_GROUND = frozenset({"", "no", "low_water_crossing", "building_passage", "avalanche_protector", "culvert"})

#: Ways for people on foot whose tunnels are places of their own.
FOOTWAYS = ("footway", "path", "pedestrian", "steps", "cycleway")

#: Units of a speed limit, km/h; a number alone is in km/h.
KMH = {"mph": 1.609344, "knots": 1.852, "km/h": 1.0, "kmh": 1.0, "kph": 1.0}

WALK_KMH = 5.0  # `maxspeed=walk`: assumed
MOST_LANES, MOST_KMH = 20, 160  # what stands above is a slip of the mapper, and the class table is used

UNDERPASS_M = 250.0  # a tunnel shorter than this is taken for an underpass


@damage_told
def read_roads(path: Path, crs: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the roads table and what had to be assumed or left out; raise SourceError when the file holds no road.

    A road is a piece of the network between two junctions along which none of ROAD_TAGS changes. `level` is 1 on a bridge,
    -1 in a tunnel, else 0; an `underpass` is a tunnel of less than UNDERPASS_M from mouth to mouth. A road of which vehicles run
    one direction only is `oneway`, and drawn in that direction (see `direction_of`); `no_turn` names the turns that are barred (see
    `osm_turns.no_turns`).
    """
    graph, cut, rules = _pbf_graph(path) if path.name.endswith(".pbf") else _xml_graph(path)
    if not graph.number_of_edges():
        raise SourceError("osm_empty", where=str(path))
    simple = ox.convert.to_undirected(ox.simplify_graph(graph, edge_attrs_differ=ROAD_TAGS, remove_rings=False))
    edges = ox.graph_to_gdfs(simple, nodes=False).reset_index()
    edges = edges.assign(u=edges["from"], v=edges["to"]).to_crs(crs)  # as the line is drawn
    tags = edges.reindex(columns=list(ROAD_TAGS))
    kind = tags["highway"]
    oneway = np.array([direction_of(*t) != 0 for t in zip(tags["oneway"], kind, tags["junction"], strict=True)])
    lanes = tags["lanes"].map(lanes_of).astype(float)
    speed = tags["maxspeed"].map(speed_of).astype(float)
    name = tags["name"].fillna("").astype(str)
    raised, sunk = tags["bridge"].map(_off_ground), tags["tunnel"].map(_off_ground)
    roads = gpd.GeoDataFrame(
        {
            "id": [f"road-{k + 1:05d}" for k in range(len(edges))],
            "u": edges["u"].astype(str).values,
            "v": edges["v"].astype(str).values,
            "name_zh": name.values,
            "name_en": tags["name:en"].fillna(name).astype(str).values,
            "road_class": kind.values,
            "lanes": lanes.fillna(class_lanes(kind, oneway)).astype(int).values,
            "speed_kmh": speed.fillna(kind.map(lambda k: CLASSES[k][1])).astype(float).values,
            "level": (raised.astype(int) - sunk.astype(int)).values,
            "underpass": short_tunnels(edges, sunk & ~raised),
            "oneway": oneway,
        },
        geometry=edges.geometry.values,
        crs=crs,
    )
    roads["no_turn"], untaken = no_turns(rules, roads.assign(osmid=edges["osmid"].values), path.name)
    found = [Finding("ways_clipped", cut, place=str(path.name), assumed="cut_there")] if cut else []
    found += untaken + from_class_table({"maxspeed": speed.isna(), "lanes": lanes.isna()})
    return roads, found + two_way(tags["oneway"], oneway)


def direction_of(oneway: Any, highway: Any, junction: Any = None) -> int:
    """Return whether vehicles run a way as it is drawn (1), against it (-1) or both ways (0).

    The tag `oneway` says so; without it motorways and roundabouts are run as drawn and all else both ways. A direction that
    changes in the day (`reversible`) counts as both.
    """
    said = _plain(oneway)
    if said in ALONG or said in AGAINST:
        return 1 if said in ALONG else -1
    return int(said == "" and (highway == "motorway" or _plain(junction) in ROUND))


def class_lanes(kind: pd.Series, oneway: NDArray[np.bool_]) -> pd.Series:
    """Return the lanes of roads by class: those of both directions, on a road of one direction half of them."""
    both = kind.map(lambda k: CLASSES[k][0])
    return both.where(~oneway, np.maximum(both // 2, 1))


def two_way(said: pd.Series, oneway: NDArray[np.bool_]) -> list[Finding]:
    """Return what to tell of roads that are taken as two-way though nothing says so: none has a `oneway`, or it changes."""
    told = said.map(_plain)
    changing = int(told.isin(CHANGING).sum())
    found = [Finding("oneway_changing", changing, assumed="two_way")] if changing else []
    silent = len(said) > 0 and not oneway.any() and bool((told == "").all())
    return [Finding("oneway_missing", len(said), assumed="two_way"), *found] if silent else found


def _plain(value: Any) -> str:
    """Return a tag's value in small letters, "" for none."""
    return "" if value is None or value is pd.NA or value != value else str(value).strip().lower().removesuffix(".0")


def from_class_table(missing: Mapping[str, pd.Series]) -> list[Finding]:
    """Return what to tell of roads whose tags (name -> which roads) the class table had to give."""
    return [
        Finding("tag_missing", int(m.sum()), f"{100 * m.mean():.0f} %", assumed="class_table", values={"tag": tag})
        for tag, m in missing.items()
        if m.any()
    ]


@damage_told
def read_buildings(path: Path, crs: str) -> gpd.GeoDataFrame:
    """Return building footprints; floors from `building:levels`, else 3 (assumed); use from the tag."""
    shapes = _features(path, {"building": True}, crs)
    shapes = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])] if len(shapes) else shapes
    if not len(shapes):
        return empty_table("buildings", crs)
    levels = (
        shapes["building:levels"].map(lambda v: max(_numbers(str(v)), default=math.nan))
        if "building:levels" in shapes
        else pd.Series(math.nan, index=shapes.index)
    )
    homes = shapes["building"].isin(["residential", "apartments", "house", "dormitory", "yes"])
    return gpd.GeoDataFrame(
        {
            "id": [f"house-{k + 1:05d}" for k in range(len(shapes))],
            "use": homes.map({True: "residential", False: "other"}).values,
            "floors": levels.fillna(3).clip(1, 150).astype(int).values,
        },
        geometry=shapes.geometry.values,
        crs=crs,
    )


@damage_told
def read_facilities(path: Path, crs: str) -> gpd.GeoDataFrame:
    """Return hospitals, schools, care homes, shelters and metro entrances."""
    shapes = _features(path, {"amenity": list(AMENITIES), "railway": ["subway_entrance"]}, crs)
    if not len(shapes):
        return empty_table("facilities", crs)
    amenity = shapes["amenity"] if "amenity" in shapes else pd.Series(None, index=shapes.index, dtype=object)
    kind = amenity.map(AMENITIES).fillna("metro_entrance")
    zh = (shapes["name"] if "name" in shapes else pd.Series(None, index=shapes.index, dtype=object)).fillna(kind)
    en = (shapes["name:en"] if "name:en" in shapes else pd.Series(None, index=shapes.index, dtype=object)).fillna(zh)
    return gpd.GeoDataFrame(
        {
            "id": [f"{k}-{n + 1:03d}" for n, k in enumerate(kind)],
            "kind": kind.values,
            "name_zh": zh.values,
            "name_en": en.values,
            "capacity": 0,
        },
        geometry=shapes.geometry.centroid.values,
        crs=crs,
    )


def read_foot_underpasses(path: Path, crs: str) -> gpd.GeoDataFrame:
    """Return a facility of kind "underpass" for each tunnel for people on foot: its whole way, joined where tunnels meet."""
    ways = _features(path, {"tunnel": True}, crs)
    if not len(ways) or "highway" not in ways:
        return empty_table("facilities", crs)
    indoor = ways["indoor"].notna() if "indoor" in ways else False
    line = ways.geom_type.isin(["LineString", "MultiLineString"])
    ways = ways[ways["highway"].isin(FOOTWAYS) & ways["tunnel"].map(_off_ground) & line & ~indoor]
    meet = nx.Graph(zip(*shapely.STRtree(ways.geometry.values).query(ways.geometry.values, "intersects"), strict=True))
    rows = []
    for n, part in enumerate(map(sorted, nx.connected_components(meet))):
        piece = ways.iloc[part]
        names = piece["name"].dropna().tolist() if "name" in piece else []
        english = piece["name:en"].dropna().tolist() if "name:en" in piece else []
        zh = names[0] if names else f"人行地道{n + 1}"
        en = english[0] if english else names[0] if names else f"Foot underpass {n + 1}"
        way = shapely.line_merge(shapely.union_all(piece.geometry.values))
        rows.append((f"foot-underpass-{n + 1:03d}", "underpass", zh, en, 0, way))
    columns = ["id", "kind", "name_zh", "name_en", "capacity", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=crs)


def _xml_graph(path: Path) -> tuple[nx.MultiDiGraph, int, list[TurnRule] | None]:
    """Return the roads' graph, node to node as vehicles run, how many ways name nodes that the file does not hold, and rules of turns."""
    at: dict[str, tuple[float, float]] = {}
    ways: list[tuple[str, list[str], dict[str, str]]] = []  # some extracts hold them before their nodes
    rules: list[TurnRule] = []
    with _opened(path) as file:
        for _, element in etree.iterparse(file, tag=("node", "way", "relation"), resolve_entities=False):
            if element.tag == "node" and element.get("lat") is not None:  # what was deleted has no place
                at[element.get("id")] = _lonlat(element.get("lon"), element.get("lat"))
            elif element.tag == "relation":
                rules += [rule] if (rule := rule_of(element)) else []
            elif element.tag == "way":
                tags = {tag.get("k"): tag.get("v") for tag in element.iterfind("tag")}
                if tags.get("highway") in CLASSES:
                    ways.append((element.get("id"), [nd.get("ref") for nd in element.iterfind("nd")], tags))
            element.clear()
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    for way, refs, tags in ways:
        _add_way(graph, at, refs, tags, way)
    return graph, sum(not at.keys() >= set(refs) for _, refs, _ in ways), rules


def _pbf_graph(path: Path) -> tuple[nx.MultiDiGraph, int, list[TurnRule] | None]:
    """Return the same of a `.pbf`; its reader cuts ways at missing nodes without a word, so none are counted, and reads no rules."""
    try:
        from pyrosm import OSM
    except ImportError as error:
        raise SourceError("no_pyrosm", where=str(path)) from error
    try:
        nodes, edges = OSM(str(path)).get_network(network_type="driving", nodes=True)
    except Exception as error:
        raise SourceError("file_unreadable", where=str(path), found=_said(error)) from error
    at = dict(zip(nodes["id"], zip(nodes["lon"], nodes["lat"], strict=True), strict=True))
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    tags = edges.reindex(columns=list(ROAD_TAGS)).astype(object)
    for u, v, way, *row in zip(edges["u"], edges["v"], edges["id"], *(tags[c] for c in ROAD_TAGS), strict=True):
        if row[0] in CLASSES:
            _add_way(graph, at, [u, v], dict(zip(ROAD_TAGS, row, strict=True)), way)
    return graph, 0, None


def _add_way(
    graph: nx.MultiDiGraph, at: dict[Any, tuple[float, float]], refs: list[Any], tags: dict[str, Any], way: Any
) -> None:
    """Add the edges of a way between those of its nodes that are known, in the directions in which vehicles run it."""
    kept = {tag: tags[tag] for tag in ROAD_TAGS if isinstance(tags.get(tag), str)}
    direction = direction_of(*(tags.get(tag) for tag in ("oneway", "highway", "junction")))
    for u, v in pairwise(refs if direction >= 0 else refs[::-1]):
        if u != v and u in at and v in at:
            for node in (u, v):
                graph.add_node(node, x=at[node][0], y=at[node][1])
            graph.add_edge(u, v, osmid=way, **kept)
            if direction == 0:
                graph.add_edge(v, u, osmid=way, **kept)


def _lonlat(lon: str | None, lat: str | None) -> tuple[float, float]:
    x, y = float(lon or math.nan), float(lat or math.nan)
    if not (-180.0 <= x <= 180.0 and -90.0 <= y <= 90.0):
        raise ValueError(f"node at lon {lon}, lat {lat}")
    return x, y


def _features(path: Path, tags: dict[str, Any], crs: str) -> gpd.GeoDataFrame:
    if path.name.endswith(".pbf"):
        from pyrosm import OSM

        found = OSM(str(path)).get_data_by_custom_criteria(
            custom_filter=tags, keep_nodes=True, keep_ways=True, keep_relations=False
        )
        return gpd.GeoDataFrame(geometry=[], crs=crs) if found is None else found.to_crs(crs).reset_index(drop=True)
    with _unpacked(path) as plain:
        try:
            found = ox.features_from_xml(plain, tags=tags)
        except Exception as error:
            if "No matching features" in str(error) or "no data" in str(error).lower():
                return gpd.GeoDataFrame(geometry=[], crs=crs)
            raise SourceError("file_unreadable", where=str(path), found=_said(error)) from error
    return found.to_crs(crs).reset_index(drop=True)


#: How a packed extract is opened.
PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Yield the extract's bytes, unpacked; raise SourceError for what cannot be read as XML of OpenStreetMap."""
    try:
        with PACKED.get(path.suffix, open)(path, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error, etree.XMLSyntaxError, ValueError) as error:
        raise SourceError("file_unreadable", where=str(path), found=_said(error)) from error


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Yield the path of an unpacked copy of a packed file, or the path itself."""
    with _opened(path) as packed:
        if path.suffix not in PACKED:
            yield path
            return
        with scratch("anlan-osm-") as folder:
            plain = folder / "extract.osm"
            with plain.open("wb") as out:
                shutil.copyfileobj(packed, out)
            yield plain


def _said(error: Exception) -> str:
    """Return the first line of what a library said."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next(iter(str(error).splitlines()), type(error).__name__)


def _numbers(text: str) -> list[float]:
    """Return the numbers of a tag that may list several ("2;3"), none where any of them is no plain number."""
    words = re.split(r"[;|,]", text)
    plain = [re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", word) for word in words]
    return [float(m[1]) for m in plain if m] if all(plain) else []


def lanes_of(value: Any) -> float:
    """Return the lanes of a road, the fewest where several are listed; NaN where the tag says none that can be."""
    fewest = min(_numbers(str(value)), default=0.0)
    return float(max(1, math.floor(fewest))) if 0.0 < fewest <= MOST_LANES else math.nan


def speed_of(value: Any) -> float:
    """Return a speed limit in km/h, the lowest where several are listed; NaN where the tag gives none ("CN:urban")."""
    text = str(value).strip().lower()
    if text == "walk":
        return WALK_KMH
    unit = next((word for word in KMH if text.endswith(word)), "")
    lowest = min(_numbers(text.removesuffix(unit)), default=0.0) * KMH.get(unit, 1.0)
    return lowest if 0.0 < lowest <= MOST_KMH else math.nan


def _off_ground(value: Any) -> bool:
    """Return whether a tag `bridge` or `tunnel` takes a way off the ground."""
    return isinstance(value, str) and value.strip().lower() not in ON_GROUND


def short_tunnels(edges: gpd.GeoDataFrame, tunnel: pd.Series) -> Any:
    """Return which edges belong to a tunnel shorter than UNDERPASS_M; a tunnel goes on through the edges that it meets."""
    under: nx.MultiGraph[Any] = nx.MultiGraph()
    for k in tunnel.index[tunnel]:
        under.add_edge(edges.at[k, "u"], edges.at[k, "v"], key=k, length=edges.geometry.at[k].length)
    short = pd.Series(False, index=edges.index)
    for part in nx.connected_components(under):
        own = under.subgraph(part)
        if own.size("length") < UNDERPASS_M:
            short[[k for *_, k in own.edges(keys=True)]] = True
    return short.values


def underpasses(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a facility for each road that dives under another."""
    low = roads[roads["underpass"]]
    return gpd.GeoDataFrame(
        {
            "id": [f"underpass-{r}" for r in low["id"]],
            "kind": "underpass",
            "name_zh": [f"{name}下穿" if name else f"下穿{k + 1}" for k, name in enumerate(low["name_zh"])],
            "name_en": [f"{name} underpass" if name else f"Underpass {k + 1}" for k, name in enumerate(low["name_en"])],
            "capacity": 0,
        },
        geometry=shapely.line_interpolate_point(low.geometry.values, 0.5, normalized=True),
        crs=roads.crs,
    )
