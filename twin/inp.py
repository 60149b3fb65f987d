"""The text of an EPA SWMM input as sections; no file is touched here."""

from __future__ import annotations

import math
from collections.abc import Mapping

#: SI value of one unit of flow and of length for each FLOW_UNITS keyword of SWMM 5.
FLOW_M3_S = {
    "CFS": 0.3048**3,
    "GPM": 3.785411784e-3 / 60,
    "MGD": 3785.411784 / 86400,
    "CMS": 1.0,
    "LPS": 1e-3,
    "MLD": 1e3 / 86400,
}
LENGTH_M = {"CFS": 0.3048, "GPM": 0.3048, "MGD": 0.3048, "CMS": 1.0, "LPS": 1.0, "MLD": 1.0}

#: Section names that the engine also takes in the singular (it compares the first letters only).
SINGULAR = {
    name[:-1]: name
    for name in (
        "JUNCTIONS", "OUTFALLS", "DIVIDERS", "CONDUITS", "PUMPS", "ORIFICES", "WEIRS", "OUTLETS",
        "XSECTIONS", "CURVES", "CONTROLS", "INFLOWS", "PATTERNS", "OPTIONS", "LOSSES", "COORDINATES",
        "VERTICES", "POLYGONS", "SUBCATCHMENTS", "SUBAREAS", "RAINGAGES", "TRANSECTS",
    )
}  # fmt: skip


def decode(raw: bytes) -> str:
    """Return the text of an input file; a carriage return inside a line is a blank, as the engine reads it."""
    text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return text.replace("\r", " " if "\n" in text else "\n")


def read_sections(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of each section as lists of words; names upper-case, comments and blank lines dropped."""
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in text.splitlines():
        line = line.partition(";")[0].strip()
        if line.startswith("["):
            name = line.strip("[] \t").upper()
            rows = sections.setdefault(SINGULAR.get(name, name), [])
        elif line:
            rows.append(line.split())
    return sections


def write_sections(sections: Mapping[str, list[list[str]]]) -> str:
    """Return the text of sections that `read_sections` reads back."""
    parts = []
    for name, rows in sections.items():
        parts.append(f"[{name}]")
        parts.extend(" ".join(row) for row in rows)
        parts.append("")
    return "\n".join(parts)


def options(sections: Mapping[str, list[list[str]]]) -> dict[str, str]:
    """Return the OPTIONS as upper-case keyword -> value."""
    return {row[0].upper(): row[1] for row in sections.get("OPTIONS", []) if len(row) > 1}


def is_finite(text: str) -> bool:
    """Return whether a word is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
