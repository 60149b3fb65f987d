"""EPA SWMM 5 input files: the network's geometry as tables, the text verbatim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from twin.city import Drains
from twin.errors import SourceError
from twin.grid import WEB_MERCATOR
from twin.inp import LENGTH_M, decode, is_finite, options, read_sections, section_of, words_of

#: Sections of nodes and the kind their rows make.
NODES = {"JUNCTIONS": "junction", "OUTFALLS": "outfall", "STORAGE": "storage", "DIVIDERS": "divider"}
LINKS = {"CONDUITS": "conduit", "PUMPS": "pump", "ORIFICES": "orifice", "WEIRS": "weir", "OUTLETS": "outlet"}

#: Cross-sections that name a transect or a street where others give their height.
NAMED_SECTIONS = ("IRREGULAR", "STREET")


def read_drains(path: Path, crs: str, *, river: Callable[[Any, Any], Any] | None = None) -> Drains:
    """Read a SWMM input whose coordinates are in `crs`; `river(x, y)` marks outfalls that stand in the river.

    Raises SourceError for an unreadable file, unknown flow units, duplicate ids, links to missing nodes and nodes
    without coordinates.
    """
    return drains_of(swmm_text(path), crs, str(path), river=river)


def swmm_text(path: Path) -> str:
    """Return the text of a SWMM input file; raise SourceError where it cannot be read."""
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error


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
    height = {  # a section that names a transect or a street has its height there
        row[0]: (row[1].upper(), 0.0 if row[1].upper() in NAMED_SECTIONS else float(row[2]) * unit)
        for row in sections.get("XSECTIONS", [])
        if len(row) > 2
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


def reproject(text: str, source_crs: str, crs: str, where: str = "drains.inp") -> tuple[str, float]:
    """Return the input text with coordinates moved to `crs`, and by what its pipe lengths were multiplied (median).

    Lengths are the file's own and stay (1), with one exception: where they were measured on a Web-Mercator map they are
    too long by 1/cos(latitude), and each becomes its length on the ground. Rows that are not touched stay verbatim.
    """
    move = Transformer.from_crs(source_crs, crs, always_xy=True)
    sections = read_sections(text)
    for name in ("COORDINATES", "VERTICES", "CONDUITS"):
        _numeric(sections, name, where)
    scale = _map_lengths(sections, move) if CRS.from_user_input(source_crs).to_epsg() in WEB_MERCATOR else {}
    lines, section = [], ""
    for line in text.splitlines():
        words = words_of(line)
        if words and words[0].startswith("["):
            section = section_of(line.partition(";")[0])
        elif section in ("COORDINATES", "VERTICES") and len(words) > 2:
            x, y = move.transform(float(words[1]), float(words[2]))
            line = f"{words[0]} {x:.3f} {y:.3f}"
        elif section == "CONDUITS" and words and words[0] in scale:
            words[3] = f"{float(words[3]) * scale[words[0]]:.3f}"
            line = " ".join(words)
        elif section in ("POLYGONS", "SYMBOLS", "MAP") and words:
            continue
        lines.append(line)
    return "\n".join(lines) + "\n", float(np.median(list(scale.values()))) if scale else 1.0


def _map_lengths(sections: dict[str, list[list[str]]], move: Transformer) -> dict[str, float]:
    """Return for each conduit its length on the ground over that on the map; nothing where lengths are those on the ground."""
    unit = LENGTH_M.get(options(sections).get("FLOW_UNITS", "CFS").upper(), 1.0)
    on_map = {row[0]: (float(row[1]), float(row[2])) for row in sections.get("COORDINATES", []) if len(row) > 2}
    bends: dict[str, list[tuple[float, float]]] = {}
    for row in sections.get("VERTICES", []):
        bends.setdefault(row[0], []).append((float(row[1]), float(row[2])))
    scale, given = {}, []
    for row in sections.get("CONDUITS", []):
        if len(row) > 3 and row[1] in on_map and row[2] in on_map:
            line = shapely.LineString([on_map[row[1]], *bends.get(row[0], []), on_map[row[2]]])
            if line.length > 1.0:
                scale[row[0]] = shapely.transform(line, move.transform, interleaved=False).length / line.length
                given.append(float(row[3]) * unit / line.length)
    if not scale or abs(np.median(given) - 1.0) > abs(np.median(given) - np.median(list(scale.values()))):
        return {}
    return scale
