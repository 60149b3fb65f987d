"""What report and panel say of the ways on which gas may burn: which, from when until when, how likely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evacuation.release.members import ALL_ROUND
from twin.blocks import Block, Cell, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.exposure.streets import stretches
from twin.words import LANGS, Phrase, Word

#: Ways that the headline names.
MOST_WAYS = 3


def burning_ways(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the ways on which the gas may burn, with when; that there are none for a gas that could, nothing for one that cannot."""
    if "flammable_share" not in section.fields:
        return []
    table, about = section.tables["burning_ways"], section.tables["assumed"].iloc[0]
    title = Text(Word("report.release.ways"), "title")
    cell = abs(float(np.diff(section.fields["x"][:2])[0]))
    how = Text(Word("report.release.ways_how", {"cell": cell}), "note")
    if not len(table):
        one = about["members"] < (ALL_ROUND if about["calm"] else 1)
        return [title, Text(Word(f"report.release.no_ways{'_one' if one else ''}"), "alarm" if one else "plain"), how]
    heads = tuple(Word(f"report.release.{name}") for name in ("way", "way_from", "way_until", "lfl", "likely"))
    rows: list[tuple[Cell, ...]] = [
        (
            _way(row["id"], city),
            _from(row, city, clock),
            _until(row, city, clock),
            f"{row['lfl_share']:.2g}",
            "–" if pd.isna(row["probability"]) else f"{100 * row['probability']:.0f} %",
        )
        for row in table.to_dict("records")
    ]
    return [title, Table(heads, tuple(rows), figures=(3, 4)), how]


def first_burning_ways(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the ways on which the gas may burn in the mean wind, the first of them with when; nothing where there are none."""
    table = section.tables["burning_ways"]
    table = table[table["may_burn"].astype(bool)]
    named: list[object] = [
        Word("report.release.way_when", {"way": _way(row["id"], city), "from": _told(row["by_s"], city, clock),
                                         "until": _until(row, city, clock)})
        for row in table.head(MOST_WAYS).to_dict("records")
    ]  # fmt: skip
    if len(table) > MOST_WAYS:
        named.append(Word("report.unknown_more", {"count": len(table) - MOST_WAYS}))
    return [Text(Word("report.release.ways_first", {"ways": named}), "alarm")] if named else []


def _from(row: Mapping[str, Any], city: City, clock: Clock) -> Phrase:
    """Return from when on nobody is to go to a way, of one that only some wind members reach that it is no more than possible."""
    if row["may_burn"]:
        return _told(row["by_s"], city, clock)
    when = "–" if pd.isna(row["by_s"]) else _told(row["by_s"], city, clock)
    return Word("report.release.way_possible", {"from": when})


def _until(row: Mapping[str, Any], city: City, clock: Clock) -> Phrase:
    """Return until when the gas may burn on a way; at least to the end of the run where that is not known."""
    if pd.notna(row["until_s"]):
        return _told(row["until_s"], city, clock)
    return f"≥ {_told(clock.duration_s, city, clock)}"


def _way(name: str, city: City) -> Phrase:
    """Return what a stretch of street is called, or a road that is none."""
    streets = stretches(city)[0].set_index("id")
    return (
        {lang: str(streets.loc[name, f"name_{lang}"]) for lang in LANGS}
        if name in streets.index
        else city.place_name(name)
    )


def _told(seconds: float, city: City, clock: Clock) -> str:
    """Return a moment on the clock in city time."""
    return clock.told(clock.times[0] + pd.Timedelta(seconds=seconds), city.tz)
