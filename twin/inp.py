"""The text of an EPA SWMM input as sections; no file is touched here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import twin.text
from twin.errors import SourceError

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

#: How the engine finds a section: by the beginning of its header, the first that fits -> the name it has here.
SECTIONS = {
    "TITLE": "TITLE", "OPTION": "OPTIONS", "FILE": "FILES", "RAINGAGE": "RAINGAGES", "TEMPERATURE": "TEMPERATURE",
    "EVAP": "EVAPORATION", "SUBCATCHMENT": "SUBCATCHMENTS", "SUBAREA": "SUBAREAS", "INFIL": "INFILTRATION",
    "AQUIFER": "AQUIFERS", "GROUNDWATER": "GROUNDWATER", "SNOWPACK": "SNOWPACKS", "JUNC": "JUNCTIONS",
    "OUTFALL": "OUTFALLS", "STORAGE": "STORAGE", "DIVIDER": "DIVIDERS", "CONDUIT": "CONDUITS", "PUMP": "PUMPS",
    "ORIFICE": "ORIFICES", "WEIR": "WEIRS", "OUTLET": "OUTLETS", "XSECT": "XSECTIONS", "TRANSECT": "TRANSECTS",
    "LOSS": "LOSSES", "CONTROL": "CONTROLS", "POLLUT": "POLLUTANTS", "LANDUSE": "LANDUSES", "BUILDUP": "BUILDUP",
    "WASHOFF": "WASHOFF", "COVERAGE": "COVERAGES", "INFLOW": "INFLOWS", "DWF": "DWF", "PATTERN": "PATTERNS",
    "RDII": "RDII", "HYDROGRAPH": "HYDROGRAPHS", "LOADING": "LOADINGS", "TREATMENT": "TREATMENT", "CURVE": "CURVES",
    "TIMESERIES": "TIMESERIES", "REPORT": "REPORT", "COORDINATE": "COORDINATES", "VERTICES": "VERTICES",
    "POLYGON": "POLYGONS", "LABEL": "LABELS", "SYMBOL": "SYMBOLS", "BACKDROP": "BACKDROP", "TAG": "TAGS",
    "PROFILE": "PROFILES", "MAP": "MAP", "LID_CONTROL": "LID_CONTROLS", "LID_USAGE": "LID_USAGE", "GWF": "GWF",
    "ADJUSTMENT": "ADJUSTMENTS", "EVENT": "EVENTS", "STREET": "STREETS", "INLET_USAGE": "INLET_USAGE",
    "INLET": "INLETS",
}  # fmt: skip

#: Keywords of OPTIONS, found by their beginning too.
OPTIONS = (
    "FLOW_UNITS", "INFILTRATION", "FLOW_ROUTING", "START_DATE", "START_TIME", "END_DATE", "END_TIME",
    "REPORT_START_DATE", "REPORT_START_TIME", "SWEEP_START", "SWEEP_END", "DRY_DAYS", "WET_STEP", "DRY_STEP",
    "ROUTING_STEP", "RULE_STEP", "REPORT_STEP", "ALLOW_PONDING", "INERTIAL_DAMPING", "SLOPE_WEIGHTING", "VARIABLE_STEP",
    "NORMAL_FLOW_LIMITED", "LENGTHENING_STEP", "MIN_SURFAREA", "COMPATIBILITY", "SKIP_STEADY_STATE", "TEMPDIR",
    "IGNORE_RAINFALL", "FORCE_MAIN_EQUATION", "LINK_OFFSETS", "MIN_SLOPE", "IGNORE_SNOWMELT", "IGNORE_GROUNDWATER",
    "IGNORE_ROUTING", "IGNORE_QUALITY", "MAX_TRIALS", "HEAD_TOLERANCE", "SYS_FLOW_TOL", "LAT_FLOW_TOL", "IGNORE_RDII",
    "MINIMUM_STEP", "THREADS", "SURCHARGE_METHOD",
)  # fmt: skip


def decode(raw: bytes, where: str = "drains.inp") -> str:
    """Return the text of an input file; a carriage return inside a line is a blank, as the engine reads it.

    Raises SourceError for text in no known encoding; comments do not count.
    """
    try:
        text = twin.text.decode(raw, where)
    except SourceError:
        text = twin.text.decode(re.sub(rb";[^\r\n]*", b"", raw), where)
    text = text.replace("\r\n", "\n")
    return text.replace("\r", " " if "\n" in text else "\n")


def section_of(header: str) -> str:
    """Return the name of the section that the engine reads under a header, or the header where it knows none."""
    word = header.strip("[] \t\r").upper()
    return next((name for begin, name in SECTIONS.items() if word.startswith(begin)), word)


def option_of(keyword: str) -> str:
    """Return the option that the engine understands, or the keyword where it knows none."""
    word = keyword.upper()
    return next((name for name in OPTIONS if word.startswith(name)), word)


def words_of(line: str) -> list[str]:
    """Return the words of a line as the engine cuts it: at blanks and tabs, but for what stands in quotes."""
    return re.findall(r'"[^"]*"|[^ \t\r]+', line.partition(";")[0])


def read_sections(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of each section as lists of words; comments and blank lines dropped."""
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in text.split("\n"):
        words = words_of(line)
        if words and words[0].startswith("["):
            rows = sections.setdefault(section_of(line.partition(";")[0]), [])
        elif words:
            rows.append(words)
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
    """Return the OPTIONS as keyword -> value."""
    return {option_of(row[0]): row[1] for row in sections.get("OPTIONS", []) if len(row) > 1}


def is_finite(text: str) -> bool:
    """Return whether a word is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
