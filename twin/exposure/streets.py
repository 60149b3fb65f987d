"""Streets as an officer closes them: joined roads of one name between two main roads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from numpy.typing import NDArray

from twin.city import MAIN_CLASSES, City

#: Kinds of road that make stretches of street; a road of another kind is a place of its own.
STRETCHES = ("road", "street")

#: Id, Chinese and English name of a road.
Named = tuple[object, object, object]


@lru_cache(maxsize=1)
def stretches(city: City) -> tuple[gpd.GeoDataFrame, NDArray[np.int64], NDArray[np.int64]]:
    """Return the stretches of street of a city, the roads that make them, and the stretch of each such road; made once a city.

    A stretch is what an officer can close: joined roads of one name between two main roads, called "A (B - C)". An
    unnamed road stands alone.
    """
    plain = np.flatnonzero(np.isin(city.road_kinds, STRETCHES))
    roads = city.roads.iloc[plain]
    named = roads["name_zh"].fillna("").astype(str).to_numpy(object)
    main = roads["road_class"].isin(MAIN_CLASSES).values
    ids, lines = roads["id"].to_numpy(object), roads.geometry.to_numpy()
    names = list(zip(ids, named, roads["name_en"].fillna("").to_numpy(object), strict=True))
    member, rows = np.zeros(len(roads), dtype=np.int64), []
    for n, (index, bounds) in enumerate(_joined(roads, named, main)):
        member[index] = n
        zh, en = _stretch_name(names[index[0]], [names[k] for k in bounds])
        kind = "road" if main[index].any() else "street"
        own = ",".join(map(str, ids[index]))
        rows.append((f"street-{min(ids[index])}", zh, en, kind, own, shapely.union_all(lines[index])))
    columns = ["id", "name_zh", "name_en", "kind", "roads", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=roads.crs), plain, member


def _joined(
    roads: gpd.GeoDataFrame, named: NDArray[np.object_], main: NDArray[np.bool_]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the roads of each stretch, and the main roads of another name that it meets; both rising."""
    ends = list(zip(roads["u"].to_numpy(object), roads["v"].to_numpy(object), strict=True))
    crossing: dict[str, set[int]] = {}
    for k in map(int, np.flatnonzero(main)):
        for node in ends[k]:
            crossing.setdefault(node, set()).add(k)
    met = [
        {k for node in both for k in crossing.get(node, ()) if named[k] != name}
        for both, name in zip(ends, named, strict=True)
    ]
    graph: nx.Graph[tuple[str, str | int]] = nx.Graph()
    for k, both in enumerate(ends):
        graph.add_node(("road", k))
        for node in both:
            breaks = any(named[other] != named[k] for other in crossing.get(node, ()))
            if named[k] and not breaks:
                graph.add_edge(("road", k), (f"{named[k]}@", node))
    for part in nx.connected_components(graph):
        index = sorted(int(k) for kind, k in part if kind == "road")
        yield index, sorted(set().union(*(met[k] for k in index)))


def _stretch_name(road: Named, bounds: list[Named]) -> tuple[str, str]:
    """Return the names of a stretch: the road's own, with the first and last main road that bound it."""
    id_, own, english = road
    zh, en = str(own or id_), str(english or own or id_)
    between = list(dict.fromkeys((str(b_zh), str(b_en or b_zh)) for _, b_zh, b_en in bounds if b_zh))[:2]
    if not between:
        return zh, en
    return f"{zh}({'—'.join(b[0] for b in between)})", f"{en} ({' - '.join(b[1] for b in between)})"
