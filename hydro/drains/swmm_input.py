"""The EPA SWMM input as a coupled run needs it: text in, text out; no engine is touched here.

Pumps, orifices, weirs, outlets, storage, curves, inflows, series and control rules stay as they are; runoff is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from twin.errors import SourceError
from twin.inp import LENGTH_M, OPTIONS, is_finite, option_of, options, read_sections, write_sections

Sections = dict[str, list[list[str]]]

#: Sections that the engine is given. Rain falls on the grid, so what makes or colours runoff stays out; so does what only
#: draws, and [FILES], through which the engine would read and write files of the user's.
PASSED = frozenset([
    "OPTIONS", "JUNCTIONS", "OUTFALLS", "STORAGE", "DIVIDERS", "CONDUITS", "PUMPS", "ORIFICES", "WEIRS", "OUTLETS",
    "XSECTIONS", "TRANSECTS", "STREETS", "INLETS", "INLET_USAGE", "LOSSES", "CONTROLS", "INFLOWS", "DWF", "PATTERNS",
    "CURVES", "TIMESERIES",
])  # fmt: skip

#: Sections whose loss changes no water level of a storm, or is said elsewhere (`runoff_off`).
UNSAID = frozenset([
    "TITLE", "RAINGAGES", "SUBCATCHMENTS", "SUBAREAS", "INFILTRATION", "LID_CONTROLS", "AQUIFERS", "HYDROGRAPHS", "SNOWPACKS",
    "TEMPERATURE", "ADJUSTMENTS", "POLLUTANTS", "LANDUSES", "COVERAGES", "LOADINGS", "BUILDUP", "WASHOFF", "TREATMENT",
    "REPORT", "EVENTS", "MAP", "COORDINATES", "VERTICES", "POLYGONS", "SYMBOLS", "LABELS", "BACKDROP", "PROFILES", "TAGS",
])  # fmt: skip

#: Sections whose rows may call for a time series by its name.
CALLING = ("INFLOWS", "OUTFALLS", "CONTROLS")

#: Sections of links whose setting can be held, and what control rules call one.
LINKS = {"PUMPS": "PUMP", "ORIFICES": "ORIFICE", "WEIRS": "WEIR", "OUTLETS": "OUTLET"}


class Setting(NamedTuple):
    """A link held at `value` (pump speed or share open, 0..1) from `start_s` to `end_s` after the engine's start."""

    link: str
    start_s: float
    end_s: float
    value: float


def prepare(
    inp: str,
    start: datetime,
    duration_s: float,
    exchange_s: float,
    pond_area_m2: Mapping[str, float],
    settings: Iterable[Setting] = (),
) -> str:
    """Return the input text for a coupled run: our clock, no runoff of its own, ponding at the coupled junctions.

    `start` is the city's local time; `pond_area_m2` gives the ponded area of each junction that exchanges water;
    `settings` become control rules of the highest priority, because the engine switches pumps at every routing step.
    The engine routes by the dynamic wave whatever the file says (`asked_routing`), for no other knows backwater or surcharge.
    Raises SourceError for a time series that stands in another file and for a held link the model does not have.
    """
    sections = {name: rows for name, rows in read_sections(inp).items() if name in PASSED}
    unit = LENGTH_M[options(sections).get("FLOW_UNITS", "CFS").upper()]
    _without_runoff(sections)
    sections["OPTIONS"] = _options(sections, start, duration_s, exchange_s)
    for row in sections.get("JUNCTIONS", []):
        if row[0] in pond_area_m2:
            row.extend("0" for _ in range(6 - len(row)))
            row[5] = f"{pond_area_m2[row[0]] / unit**2:.6g}"
    rules = [rule for k, held in enumerate(settings) for rule in _rules(sections, k, held)]
    if rules:
        sections["CONTROLS"] = sections.get("CONTROLS", []) + rules
    # units before what is in them; a header at the end, because the engine finishes a transect only at the next one
    return write_sections({"TITLE": [], "OPTIONS": sections.pop("OPTIONS"), **sections, "REPORT": []})


def left_out(inp: str) -> list[str]:
    """Return the sections of a model that bring or take water and are not computed, in the order of the file."""
    sections = {n: rows for n, rows in read_sections(inp).items() if rows and n not in PASSED | UNSAID}
    if not any(is_finite(word) and float(word) for row in sections.get("EVAPORATION", []) for word in row):
        sections.pop("EVAPORATION", None)
    return [f"[{name}]" for name in sections]


def asked_routing(inp: str) -> str | None:
    """Return what a file asks for in place of the dynamic wave; None where it asks for that."""
    return _other_routing(options(read_sections(inp)))


def _other_routing(given: Mapping[str, str]) -> str | None:
    if given.get("IGNORE_ROUTING", "NO").upper().startswith("YES"):
        return "IGNORE_ROUTING"
    routing = given.get("FLOW_ROUTING", "KINWAVE").upper()  # the engine's own where the file says none
    return None if routing.startswith(("DYNWAVE", "DW")) else routing


def series_elsewhen(inp: str, start: datetime, duration_s: float) -> list[str]:
    """Return the names of dated time series in use that do not reach into the run: the engine reads 0 from them."""
    dates: dict[str, list[pd.Timestamp]] = {}
    for row in _series_in_use(read_sections(inp)):
        if len(row) > 2 and "/" in row[1] and not pd.isna(date := pd.to_datetime(row[1], errors="coerce")):
            dates.setdefault(row[0], []).append(date)
    end = pd.Timestamp(start) + pd.Timedelta(seconds=duration_s)
    return [n for n, d in dates.items() if max(d) + pd.Timedelta(days=1) < pd.Timestamp(start) or min(d) > end]


def _options(sections: Sections, start: datetime, duration_s: float, exchange_s: float) -> list[list[str]]:
    given = options(sections)
    routing = min(exchange_s, _seconds(given.get("ROUTING_STEP", "5")))
    end = start + timedelta(seconds=duration_s + 3600.0)
    clock = {
        f"{edge}_{part}": when.strftime(form)
        for edge, when in (("START", start), ("REPORT_START", start), ("END", end))
        for part, form in (("DATE", "%m/%d/%Y"), ("TIME", "%H:%M:%S"))
    }
    ours = clock | {
        "FLOW_ROUTING": "DYNWAVE",
        "IGNORE_ROUTING": "NO",
        "ALLOW_PONDING": "YES",
        "SKIP_STEADY_STATE": "NO",
        "ROUTING_STEP": f"{routing:g}",
        "REPORT_STEP": "01:00:00",
        "WET_STEP": "00:05:00",
        "DRY_STEP": "01:00:00",
        "IGNORE_RAINFALL": "YES",
        "THREADS": "1",
    }
    if (
        _other_routing(given) and "VARIABLE_STEP" not in given
    ):  # the steps of another method may be too long for this one
        ours |= {"VARIABLE_STEP": "0.75"}
    kept = {option_of(row[0]): row[1:] for row in sections.get("OPTIONS", [])}
    own = [
        [key, *values]
        for key, values in kept.items()
        if key in OPTIONS and key not in {*ours, "INFILTRATION", "TEMPDIR"}
    ]
    return own + [[key, value] for key, value in ours.items()]


def _without_runoff(sections: Sections) -> None:
    """Take out what points at sections that are left out: inflow of pollutants, outfalls that feed a subcatchment."""
    for name in ("INFLOWS", "DWF"):
        if name in sections:
            sections[name] = [row for row in sections[name] if len(row) < 2 or row[1].upper() == "FLOW"]
    for k, row in enumerate(sections.get("OUTFALLS", [])):
        words = 5 if len(row) > 2 and row[2].upper() in ("FIXED", "TIDAL", "TIMESERIES") else 4
        sections["OUTFALLS"][k] = row[:words]
    sections["TIMESERIES"] = _series_in_use(sections)
    for row in sections["TIMESERIES"]:
        if len(row) > 2 and row[1].upper() == "FILE":
            raise SourceError("swmm_series_file", found=row[0], where=" ".join(row[2:]))


def _series_in_use(sections: Sections) -> list[list[str]]:
    """Return the rows of the time series that something besides a rain gage calls for."""
    called = {word.strip('"') for name in CALLING for row in sections.get(name, []) for word in row}
    return [row for row in sections.get("TIMESERIES", []) if row[0].strip('"') in called]


def _rules(sections: Sections, number: int, held: Setting) -> list[list[str]]:
    """Return two control rules: hold the link while the window lasts, then give it back as the file starts it."""
    rows = {row[0]: (word, row) for section, word in LINKS.items() for row in sections.get(section, [])}
    if held.link not in rows:
        raise SourceError("unknown_place", found=held.link, near=list(rows)[:5])
    word, row = rows[held.link]
    first = 0.0 if word == "PUMP" and len(row) > 4 and row[4].upper() == "OFF" else 1.0
    windows = ((held.start_s, held.end_s, held.value, 1000), (held.end_s, held.end_s + 60.0, first, -1000))
    return [
        line.split()
        for k, (start, end, value, priority) in enumerate(windows)
        for line in (
            f"RULE HELD_{number}_{k}",
            f"IF SIMULATION TIME >= {start / 3600.0:.6f}",
            f"AND SIMULATION TIME < {end / 3600.0:.6f}",
            f"THEN {word} {held.link} SETTING = {value:g}",
            f"PRIORITY {priority}",
        )
    ]


def _seconds(text: str) -> float:
    if not all(is_finite(part) for part in text.split(":")):
        raise SourceError("swmm_value", where="drains.inp", section="OPTIONS", found=f"ROUTING_STEP {text}")
    parts = [float(part) for part in text.split(":")]
    return parts[0] if len(parts) == 1 else sum(p * f for p, f in zip(parts, (3600.0, 60.0, 1.0), strict=False))
