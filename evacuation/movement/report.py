"""What only movement can say in report and panel: the clearing curve and its bound, zones, shelters, and who is stranded where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from twin.blocks import Block, Cell, Curve, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.words import Word

#: Places named where people are stranded: those with the most people.
MOST_PLACES = 15

NOTHING = "–"


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return movement's own blocks."""
    tables = section.tables
    return [
        *_clearing(tables, clock),
        *_zones(tables.get("zones"), city, clock),
        *_shelters(tables.get("shelters"), city, clock),
        *_stranded(tables.get("stranded"), city),
    ]


def _clearing(tables: Mapping[str, pd.DataFrame], clock: Clock) -> list[Block]:
    """Return how fast those who leave arrive, beside the proven bound."""
    bound, curve = tables["bound"].iloc[0], tables["clearing"]
    if bound["leaving"] <= 0:
        return []
    told = {
        "people": shown(float(bound["leaving"])),
        "t50": _minutes(bound["t50_s"]),
        "t95": _minutes(bound["t95_s"]),
        "bound": _minutes(bound["bound_s"], down=True),
        "bound_departures": _minutes(bound["bound_departures_s"], down=True),
    }
    code = "bound" if np.isfinite(bound["t95_s"]) else "not_cleared"
    drawn = curve[["left", "arrived"]].set_axis(clock.times, axis=0)
    labels = (_word("left"), _word("arrived"))
    return [
        Text(_word("title"), "title"),
        Text(_word(code, told), "strong"),
        Text(_word("bound_note"), "note"),
        Curve(_word("curve"), drawn, labels, ("#8a6fc4", "#2f8f5b")),
    ]


def _zones(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the zones that are told to leave, those that are cut off first, then in the order of their ids."""
    if table is None or not len(table):
        return []
    table = table.sort_values(["last_departure_s", "id"])
    rows = tuple(
        (
            city.place_name(row["id"]),
            _word(f"why.{row['why']}"),
            _at(row["ordered_s"], city, clock),
            shown(row["leaving"]),
            _at(row["t95_s"], city, clock),
            Text(_at(row["last_departure_s"], city, clock), "strong"),
            shown(row["late"]) if np.isfinite(row["leave_before_s"]) else NOTHING,
            shown(row["stranded"]),
            f"{row['dose_p95']:.2g}",
        )
        for row in table.to_dict("records")
    )
    heads = tuple(_word(w) for w in ("zone", "why", "ordered", "leaving", "t95", "last", "late", "stuck", "dose"))
    return [Text(_word("zones"), "title"), Table(heads, rows, figures=(3, 6, 7, 8))]


def _shelters(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the shelters with their places, who came, and when they were full."""
    if table is None or not len(table):
        return []
    rows = tuple(
        (
            city.place_name(row["id"]),
            f"{row['capacity']:,.0f}",
            shown(row["taken"]),
            _at(row["first_s"], city, clock),
            _at(row["full_s"], city, clock),
        )
        for row in table.to_dict("records")
    )
    heads = tuple(_word(w) for w in ("shelter", "places", "taken", "first", "full"))
    return [Text(_word("shelters"), "title"), Table(heads, rows, figures=(1, 2))]


def _stranded(table: pd.DataFrame | None, city: City) -> list[Block]:
    """Return where people are stranded at the end and why."""
    if table is None or not len(table):
        return []
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (city.place_name(row["id"]), _word(f"stuck.{row['why']}"), shown(row["persons"]))
        for row in table.head(MOST_PLACES).to_dict("records")
    )
    heads = tuple(_word(w) for w in ("where", "why_stuck", "stuck"))
    return [Text(_word("stranded"), "title"), Table(heads, rows, figures=(2,))]


def _word(code: str, values: Mapping[str, Any] | None = None) -> Word:
    return Word(f"report.movement.{code}", dict(values or {}))


def _at(seconds: float, city: City, clock: Clock) -> str:
    """Return a moment as a clock in the city shows it; a dash for none."""
    if not np.isfinite(seconds):
        return NOTHING
    return clock.told(clock.times[0] + pd.Timedelta(seconds=float(seconds)), city.tz)


def _minutes(seconds: float, down: bool = False) -> str:
    """Return whole minutes, rounded up, or down for a bound; a dash for none."""
    if not np.isfinite(seconds):
        return NOTHING
    return f"{np.floor(seconds / 60.0) if down else np.ceil(seconds / 60.0):.0f}"
