"""The EPA SWMM input as a coupled run needs it: text in, text out; no engine is touched here.

Pumps, orifices, weirs, outlets, storage, curves, inflows, series and control rules stay as they are; runoff is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from twin.errors import SourceError
from twin.inp import LENGTH_M, options, read_sections, write_sections

Sections = dict[str, list[list[str]]]

#: Sections that make or colour runoff, or only draw: left out when rain falls on the grid.
DROPPED = frozenset([
    "RAINGAGES", "SUBCATCHMENTS", "SUBAREAS", "INFILTRATION", "LID_CONTROLS", "LID_USAGE", "AQUIFERS",
    "GROUNDWATER", "GWF", "SNOWPACKS", "TEMPERATURE", "EVAPORATION", "ADJUSTMENTS", "POLLUTANTS",
    "LANDUSES", "COVERAGES", "LOADINGS", "BUILDUP", "WASHOFF", "TREATMENT", "HYDROGRAPHS", "RDII", "FILES",
    "REPORT", "EVENTS", "MAP", "COORDINATES", "VERTICES", "POLYGONS", "SYMBOLS", "LABELS", "BACKDROP",
    "PROFILES", "TAGS",
])  # fmt: skip

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
    Raises SourceError for a time series that stands in another file and for a held link the model does not have.
    """
    sections = {name: rows for name, rows in read_sections(inp).items() if name not in DROPPED}
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
    return write_sections({"TITLE": [], **{n: r for n, r in sections.items() if n != "TITLE"}})


def series_elsewhen(inp: str, start: datetime, duration_s: float) -> list[str]:
    """Return the names of dated time series that do not reach into the run: the engine reads 0 from them."""
    dates: dict[str, list[pd.Timestamp]] = {}
    for row in read_sections(inp).get("TIMESERIES", []):
        if len(row) > 2 and "/" in row[1]:
            dates.setdefault(row[0], []).append(pd.Timestamp(row[1]))
    end = pd.Timestamp(start) + pd.Timedelta(seconds=duration_s)
    return [n for n, d in dates.items() if max(d) + pd.Timedelta(days=1) < pd.Timestamp(start) or min(d) > end]


def _options(sections: Sections, start: datetime, duration_s: float, exchange_s: float) -> list[list[str]]:
    routing = min(exchange_s, _seconds(options(sections).get("ROUTING_STEP", "5")))
    end = start + timedelta(seconds=duration_s + 3600.0)
    clock = {
        f"{edge}_{part}": when.strftime(form)
        for edge, when in (("START", start), ("REPORT_START", start), ("END", end))
        for part, form in (("DATE", "%m/%d/%Y"), ("TIME", "%H:%M:%S"))
    }
    ours = clock | {
        "ALLOW_PONDING": "YES",
        "SKIP_STEADY_STATE": "NO",
        "ROUTING_STEP": f"{routing:g}",
        "REPORT_STEP": "01:00:00",
        "WET_STEP": "00:05:00",
        "DRY_STEP": "01:00:00",
        "IGNORE_RAINFALL": "YES",
        "THREADS": "1",
    }
    dropped = {*ours, "INFILTRATION", "TEMPDIR"}
    kept = [row for row in sections.get("OPTIONS", []) if row[0].upper() not in dropped]
    return kept + [[key, value] for key, value in ours.items()]


def _without_runoff(sections: Sections) -> None:
    """Take out what points at sections that are left out: inflow of pollutants, outfalls that feed a subcatchment."""
    for name in ("INFLOWS", "DWF"):
        if name in sections:
            sections[name] = [row for row in sections[name] if len(row) < 2 or row[1].upper() == "FLOW"]
    for k, row in enumerate(sections.get("OUTFALLS", [])):
        words = 5 if len(row) > 2 and row[2].upper() in ("FIXED", "TIDAL", "TIMESERIES") else 4
        sections["OUTFALLS"][k] = row[:words]
    for row in sections.get("TIMESERIES", []):
        if len(row) > 2 and row[1].upper() == "FILE":
            raise SourceError("swmm_series_file", found=row[0], where=" ".join(row[2:]))


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
    parts = [float(p) for p in text.split(":")]
    return parts[0] if len(parts) == 1 else sum(p * f for p, f in zip(parts, (3600.0, 60.0, 1.0), strict=False))
