"""Streets as an officer closes them: joined roads of one name between two main roads."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.city import MAIN_CLASSES

#: Kinds of road that make stretches of street; a road of another kind is a place of its own.
STRETCHES = ("road", "street")


def stretches(roads: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """Return stretches of street and the stretch of each road.

    A stretch is what an officer can close: joined roads of one name between two main roads, called "A (B - C)". An
    unnamed road stands alone.
    """
    named = roads["name_zh"].fillna("").astype(str).values
    main = roads["road_class"].isin(MAIN_CLASSES).values
    ends = list(zip(roads["u"].values, roads["v"].values, strict=True))
    crossing: dict[str, set[int]] = {}
    for k in map(int, np.flatnonzero(main)):
        for node in ends[k]:
            crossing.setdefault(node, set()).add(k)
    graph: nx.Graph[tuple[str, str | int]] = nx.Graph()
    for k, (u, v) in enumerate(ends):
        graph.add_node(("road", k))
        for node in (u, v):
            breaks = any(named[other] != named[k] for other in crossing.get(node, ()))
            if named[k] and not breaks:
                graph.add_edge(("road", k), (f"{named[k]}@", node))
    member = np.zeros(len(roads), dtype=np.int64)
    rows = []
    for n, part in enumerate(nx.connected_components(graph)):
        index = sorted(int(k) for kind, k in part if kind == "road")
        member[index] = n
        piece = roads.iloc[index]
        first = piece.iloc[0]
        bounds = sorted(
            {
                other
                for k in index
                for node in ends[k]
                for other in crossing.get(node, ())
                if named[other] != named[index[0]]
            }
        )
        zh, en = _stretch_name(first, [roads.iloc[b] for b in bounds])
        kind = "road" if main[index].any() else "street"
        lines = shapely.union_all(piece.geometry.values)
        rows.append((f"street-{min(piece['id'])}", zh, en, kind, ",".join(piece["id"].astype(str)), lines))
    columns = ["id", "name_zh", "name_en", "kind", "roads"]
    return gpd.GeoDataFrame(
        [r[:5] for r in rows], columns=columns, geometry=[r[5] for r in rows], crs=roads.crs
    ), member


def _stretch_name(road: pd.Series, bounds: list[pd.Series]) -> tuple[str, str]:
    """Return the names of a stretch: the road's own, with the first and last main road that bound it."""
    zh, en = str(road["name_zh"] or road["id"]), str(road["name_en"] or road["name_zh"] or road["id"])
    between = list(dict.fromkeys((str(b["name_zh"]), str(b["name_en"])) for b in bounds if b["name_zh"]))[:2]
    if not between:
        return zh, en
    return f"{zh}({'—'.join(b[0] for b in between)})", f"{en} ({' - '.join(b[1] for b in between)})"
