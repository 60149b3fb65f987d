"""EPA SWMM 5 input files: the network's geometry as tables, the text verbatim."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from twin.city import Drains
from twin.errors import SourceError
from twin.grid import check_crs
from twin.inp import LENGTH_M, decode, is_finite, options, read_sections

#: Sections of nodes and the kind their rows make.
NODES = {"JUNCTIONS": "junction", "OUTFALLS": "outfall", "STORAGE": "storage", "DIVIDERS": "divider"}
LINKS = {"CONDUITS": "conduit", "PUMPS": "pump", "ORIFICES": "orifice", "WEIRS": "weir", "OUTLETS": "outlet"}


def read_drains(path: Path, crs: str, *, river: Callable[[Any, Any], Any] | None = None) -> Drains:
    """Read a SWMM input whose coordinates are in `crs`; `river(x, y)` marks outfalls that stand in the river.

    Raises SourceError for an unreadable file, unknown flow units, duplicate ids, links to missing nodes and nodes
    without coordinates.
    """
    try:
        text = decode(path.read_bytes())
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    return drains_of(text, crs, str(path), river=river)


def drains_of(text: str, crs: str, where: str, *, river: Callable[[Any, Any], Any] | None = None) -> Drains:
    """Return the drain network of a SWMM input text; see `read_drains`."""
    try:
        return _drains(text, crs, where, river)
    except (ValueError, IndexError) as error:  # a damaged row outside the columns that are checked one by one
        raise SourceError("swmm_value", where=where, section="-", found=str(error)) from error


def _drains(text: str, crs: str, where: str, river: Callable[[Any, Any], Any] | None) -> Drains:
    sections = read_sections(text)
    for name in (*NODES, *LINKS, "COORDINATES", "VERTICES", "XSECTIONS"):
        _numeric(sections, name, where)
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


#: Columns of each section that must be numbers.
_NUMBERS = {
    "JUNCTIONS": (1, 2),
    "OUTFALLS": (1,),
    "STORAGE": (1, 2),
    "DIVIDERS": (1,),
    "CONDUITS": (3, 4),
    "COORDINATES": (1, 2),
    "VERTICES": (1, 2),
    "XSECTIONS": (),
}


def _numeric(sections: dict[str, list[list[str]]], name: str, where: str) -> None:
    """Raise SourceError for a row of a section that is too short or holds words where numbers belong."""
    columns = _NUMBERS.get(name, ())
    for row in sections.get(name, []):
        if len(row) <= max(columns, default=0) or not all(is_finite(row[c]) for c in columns):
            raise SourceError("swmm_value", where=where, section=name, found=" ".join(row[:6]))


def _unique(ids: pd.Series[str], where: str) -> None:
    twice = ids[ids.duplicated()]
    if len(twice):
        raise SourceError("duplicate_ids", table=where, found=list(twice[:5]), count=len(twice))


def reproject(text: str, source_crs: str, crs: str) -> tuple[str, float]:
    """Return the input text with coordinates moved to `crs`, and the median length of a map unit (1 where both are true).

    Conduit lengths are scaled by each one's own ratio of drawn lengths: an input drawn on Web Mercator carries lengths that
    are too long by 1/cos(latitude). Rows that are not touched stay verbatim.
    """
    move = Transformer.from_crs(source_crs, crs, always_xy=True)
    sections = read_sections(text)
    old, new = {}, {}
    for row in sections.get("COORDINATES", []):
        old[row[0]] = (float(row[1]), float(row[2]))
        new[row[0]] = move.transform(*old[row[0]])
    ratio = {}
    for row in sections.get("CONDUITS", []):
        if row[1] in old and row[2] in old:
            before, after = math.dist(old[row[1]], old[row[2]]), math.dist(new[row[1]], new[row[2]])
            ratio[row[0]] = after / before if before > 1.0 else 1.0
    true_metres = check_true(source_crs)
    lines, section = [], ""
    for line in text.splitlines():
        words = line.partition(";")[0].split()
        if line.strip().startswith("["):
            section = line.strip().strip("[]").upper()
        elif words and section in ("COORDINATES", "VERTICES") and len(words) > 2:
            x, y = move.transform(float(words[1]), float(words[2]))
            line = f"{words[0]} {x:.3f} {y:.3f}"
        elif words and section == "CONDUITS" and not true_metres and len(words) > 3:
            words[3] = f"{float(words[3]) * ratio.get(words[0], 1.0):.3f}"
            line = " ".join(words)
        elif section in ("POLYGONS", "SYMBOLS", "MAP") and words:
            continue
        lines.append(line)
    return "\n".join(lines) + "\n", float(np.median(list(ratio.values()))) if ratio else 1.0


def check_true(crs: str) -> bool:
    """Return whether the metres of a CRS are true lengths (projected, and not Web Mercator)."""
    try:
        check_crs(crs)
    except SourceError:
        return False
    return True
