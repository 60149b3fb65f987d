"""EPA SWMM 5 input files: the network's geometry as tables, the text verbatim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from twin.city import Drains
from twin.errors import SourceError
from twin.inp import LENGTH_M, options, read_sections

#: Sections of nodes and the kind their rows make.
NODES = {"JUNCTIONS": "junction", "OUTFALLS": "outfall", "STORAGE": "storage", "DIVIDERS": "divider"}
LINKS = {"CONDUITS": "conduit", "PUMPS": "pump", "ORIFICES": "orifice", "WEIRS": "weir", "OUTLETS": "outlet"}


def read_drains(path: Path, crs: str, *, river: Callable[[Any, Any], Any] | None = None) -> Drains:
    """Read a SWMM input whose coordinates are in `crs`; `river(x, y)` marks outfalls that stand in the river.

    Raises SourceError for an unreadable file, unknown flow units, duplicate ids, links to missing nodes and nodes
    without coordinates.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    return drains_of(text, crs, str(path), river=river)


def drains_of(text: str, crs: str, where: str, *, river: Callable[[Any, Any], Any] | None = None) -> Drains:
    """Return the drain network of a SWMM input text; see `read_drains`."""
    sections = read_sections(text)
    flow_units = options(sections).get("FLOW_UNITS", "CFS").upper()
    if flow_units not in LENGTH_M:
        raise SourceError("swmm_units", where=where, found=flow_units, expected=sorted(LENGTH_M))
    unit = LENGTH_M[flow_units]
    nodes = _nodes(sections, unit, where)
    at = {row[0]: (float(row[1]), float(row[2])) for row in sections.get("COORDINATES", []) if len(row) > 2}
    lost = [n for n in nodes["id"] if n not in at]
    if lost:
        raise SourceError("swmm_coordinates", where=where, found=lost[:5], count=len(lost))
    xy = np.array([at[n] for n in nodes["id"]]).reshape(-1, 2)
    nodes["river"] = (nodes["kind"] == "outfall") & (river(xy[:, 0], xy[:, 1]) if river else False)
    links = _links(sections, unit, where, set(nodes["id"]))
    bends: dict[str, list[tuple[float, float]]] = {}
    for row in sections.get("VERTICES", []):
        bends.setdefault(row[0], []).append((float(row[1]), float(row[2])))
    lines = [
        shapely.LineString([at[a], *bends.get(name, []), at[b]])
        for name, a, b in zip(links["id"], links["from_node"], links["to_node"], strict=True)
    ]
    return Drains(
        nodes=gpd.GeoDataFrame(nodes, geometry=shapely.points(xy), crs=crs),
        links=gpd.GeoDataFrame(links, geometry=lines, crs=crs),
        inp=text,
    )


def _nodes(sections: dict[str, list[list[str]]], unit: float, where: str) -> pd.DataFrame:
    rows = []
    for section, kind in NODES.items():
        for row in sections.get(section, []):
            depth = float(row[2]) * unit if kind != "outfall" and len(row) > 2 else 0.0
            invert = float(row[1]) * unit
            rows.append((row[0], kind, invert, invert + depth))
    table = pd.DataFrame(rows, columns=["id", "kind", "invert_m", "rim_m"])
    _unique(table["id"], where)
    if table.empty:
        raise SourceError("swmm_empty", where=where)
    return table


def _links(sections: dict[str, list[list[str]]], unit: float, where: str, known: set[str]) -> pd.DataFrame:
    height = {
        row[0]: (row[1].upper(), float(row[2]) * unit)
        for row in sections.get("XSECTIONS", [])
        if len(row) > 2 and row[1].upper() != "IRREGULAR"
    }
    rows = []
    for section, kind in LINKS.items():
        for row in sections.get(section, []):
            conduit = kind == "conduit"
            length = float(row[3]) * unit if conduit else 0.0
            offsets = (float(row[5]), float(row[6])) if conduit and len(row) > 6 and "*" not in row[5:7] else (0.0, 0.0)
            shape, tall = height.get(row[0], ("", 0.0))
            rows.append((row[0], kind, row[1], row[2], length, tall, shape, offsets[0] * unit, offsets[1] * unit))
    columns = [
        "id",
        "kind",
        "from_node",
        "to_node",
        "length_m",
        "height_m",
        "shape",
        "offset_in_m",
        "offset_out_m",
    ]
    table = pd.DataFrame(rows, columns=columns)
    _unique(table["id"], where)
    loose = table.loc[~(table["from_node"].isin(known) & table["to_node"].isin(known)), "id"]
    if len(loose):
        raise SourceError("swmm_loose", where=where, found=list(loose[:5]), count=len(loose))
    return table


def _unique(ids: pd.Series[str], where: str) -> None:
    twice = ids[ids.duplicated()]
    if len(twice):
        raise SourceError("duplicate_ids", table=where, found=list(twice[:5]), count=len(twice))
