"""OpenStreetMap extracts (`.osm`, `.osm.gz`, `.osm.bz2`, `.pbf`) to roads, buildings and facilities; no network is touched.

Traps met on real files: `graph_from_xml` keeps ways that are no roads (so they are filtered before simplifying), and
Chinese extracts carry almost no `maxspeed` or `lanes` (so a class table fills them, and the count is reported).
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmnx as ox
import pandas as pd
import shapely

from twin.city import empty_table
from twin.errors import SourceError
from twin.lease import scratch
from twin.readers.findings import Finding

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

UNDERPASS_M = 250.0  # a tunnel shorter than this is taken for an underpass


def read_roads(path: Path, crs: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the roads table and what had to be assumed; raise SourceError when the file holds no road."""
    edges = _pbf_edges(path) if path.name.endswith(".pbf") else _xml_edges(path)
    if edges.empty:
        raise SourceError("osm_empty", where=str(path))
    edges = edges.to_crs(crs)
    kind = edges["highway"].map(_first)
    lanes = edges["lanes"].map(_number) if "lanes" in edges else pd.Series(None, index=edges.index, dtype=float)
    speed = edges["maxspeed"].map(_number) if "maxspeed" in edges else pd.Series(None, index=edges.index, dtype=float)
    name = edges["name"].map(_first).fillna("") if "name" in edges else pd.Series("", index=edges.index)
    english = edges["name:en"].map(_first) if "name:en" in edges else pd.Series(None, index=edges.index, dtype=object)
    bridge = _flag(edges, "bridge")
    tunnel = _flag(edges, "tunnel")
    roads = gpd.GeoDataFrame(
        {
            "id": [f"road-{k + 1:05d}" for k in range(len(edges))],
            "u": edges["u"].astype(str).values,
            "v": edges["v"].astype(str).values,
            "name_zh": name.values,
            "name_en": english.where(english.notna() & (english != ""), name).fillna("").values,
            "road_class": kind.values,
            "lanes": lanes.fillna(kind.map(lambda k: CLASSES[k][0])).astype(int).values,
            "speed_kmh": speed.fillna(kind.map(lambda k: CLASSES[k][1])).astype(float).values,
            "level": (bridge.astype(int) - tunnel.astype(int)).values,
            "underpass": (tunnel & (edges.length < UNDERPASS_M)).values,
        },
        geometry=edges.geometry.values,
        crs=crs,
    )
    found = []
    for column, missing in (("maxspeed", speed.isna()), ("lanes", lanes.isna())):
        if missing.any():
            found.append(
                Finding(
                    "tag_missing",
                    int(missing.sum()),
                    f"{100 * missing.mean():.0f} %",
                    assumed="class_table",
                    values={"tag": column},
                )
            )
    return roads, found


def read_buildings(path: Path, crs: str) -> gpd.GeoDataFrame:
    """Return building footprints; floors from `building:levels`, else 3 (assumed); use from the tag."""
    shapes = _features(path, {"building": True}, crs)
    shapes = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])] if len(shapes) else shapes
    if not len(shapes):
        return empty_table("buildings", crs)
    levels = (
        shapes["building:levels"].map(_number)
        if "building:levels" in shapes
        else pd.Series(None, index=shapes.index, dtype=float)
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


def _xml_edges(path: Path) -> gpd.GeoDataFrame:
    with _plain(path) as plain:
        try:
            graph = ox.graph_from_xml(plain, simplify=False, retain_all=True, bidirectional=True)
        except Exception as error:
            raise SourceError(
                "file_unreadable",
                where=str(path),
                found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            ) from error
    graph.remove_edges_from(
        [(u, v, k) for u, v, k, way in graph.edges(keys=True, data="highway") if _first(way) not in CLASSES]
    )
    graph.remove_nodes_from([n for n, degree in dict(graph.degree()).items() if degree == 0])
    if not len(graph):
        return gpd.GeoDataFrame(geometry=[])
    simple = ox.convert.to_undirected(ox.simplify_graph(graph))
    return ox.graph_to_gdfs(simple, nodes=False).reset_index()


def _pbf_edges(path: Path) -> gpd.GeoDataFrame:
    try:
        from pyrosm import OSM
    except ImportError as error:
        raise SourceError("no_pyrosm", where=str(path)) from error
    try:
        _nodes, edges = OSM(str(path)).get_network(network_type="driving", nodes=True)
    except Exception as error:
        raise SourceError(
            "file_unreadable", where=str(path), found=str(error).splitlines()[0] if str(error) else type(error).__name__
        ) from error
    edges = edges[edges["highway"].isin(CLASSES)]
    return edges.reset_index(drop=True)


def _features(path: Path, tags: dict[str, Any], crs: str) -> gpd.GeoDataFrame:
    if path.name.endswith(".pbf"):
        from pyrosm import OSM

        found = OSM(str(path)).get_data_by_custom_criteria(
            custom_filter=tags, keep_nodes=True, keep_ways=True, keep_relations=False
        )
        return gpd.GeoDataFrame(geometry=[], crs=crs) if found is None else found.to_crs(crs).reset_index(drop=True)
    with _plain(path) as plain:
        try:
            found = ox.features_from_xml(plain, tags=tags)
        except Exception as error:
            if "No matching features" in str(error) or "no data" in str(error).lower():
                return gpd.GeoDataFrame(geometry=[], crs=crs)
            raise SourceError("file_unreadable", where=str(path), found=str(error).splitlines()[0]) from error
    return found.to_crs(crs).reset_index(drop=True)


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """Yield the path of an unpacked copy of a `.gz` file, or the path itself."""
    if path.suffix != ".gz":
        if not path.exists():
            raise SourceError("file_unreadable", where=str(path), found="no such file")
        yield path
        return
    with scratch("anlan-osm-") as folder:
        plain = folder / "extract.osm"
        try:
            with gzip.open(path, "rb") as packed, plain.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except OSError as error:
            raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
        yield plain


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _number(value: Any) -> float | None:
    match = re.match(r"\s*(\d+(?:\.\d+)?)\s*(mph)?", str(_first(value)))
    return float(match[1]) * (1.609344 if match[2] else 1.0) if match else None


def _flag(edges: gpd.GeoDataFrame, column: str) -> pd.Series:
    if column not in edges:
        return pd.Series(False, index=edges.index)
    return edges[column].map(lambda v: _first(v) not in (None, "no", "") and not pd.isna(_first(v)))


def underpasses(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a facility for each road that dives under another."""
    low = roads[roads["underpass"]]
    names = [name or f"下穿{k + 1}" for k, name in enumerate(low["name_zh"])]
    return gpd.GeoDataFrame(
        {
            "id": [f"underpass-{r}" for r in low["id"]],
            "kind": "underpass",
            "name_zh": [f"{n}下穿" for n in names],
            "name_en": [f"{n} underpass" for n in low["name_en"].where(low["name_en"] != "", low["id"])],
            "capacity": 0,
        },
        geometry=shapely.line_interpolate_point(low.geometry.values, 0.5, normalized=True),
        crs=roads.crs,
    )
