"""What only movement can say in report and panel: the clearing curve and its bound, zones, shelters, and who is stranded where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evacuation.movement.record import FAST_S
from twin.blocks import Block, Cell, Curve, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.words import Word

#: Places named where people are stranded: those with the most people.
MOST_PLACES = 15

#: Blocks named on the first page that are advised to stay although water would have them leave.
MOST_CONFLICTS = 8

NOTHING = "–"


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return movement's own blocks."""
    tables = section.tables
    return [
        *_clearing(tables, clock),
        *_queues(tables.get("queues"), clock),
        *_zones(tables.get("zones"), city, clock),
        *_in_care(tables.get("in_care"), city, clock),
        *_rounds(tables.get("bus_rounds"), city, clock),
        *_shelters(tables.get("shelters"), city, clock),
        *_doses(tables.get("doses")),
        *_fast_water(tables.get("fast_water")),
        *_stranded(tables.get("stranded"), city),
    ]


def headline(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the blocks that are advised to stay although water would have them leave: a person must decide. Nothing without."""
    ids = section.tables["conflicts"]["id"]
    if not len(ids):
        return []
    names: list[object] = [city.place_name(i) for i in ids.head(MOST_CONFLICTS)]
    if (more := len(ids) - MOST_CONFLICTS) > 0:
        names.append(Word("report.unknown_more", {"count": more}))
    return [Text(Word("note.movement.conflict", {"count": len(ids), "names": names}), "alarm")]


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
    code = "bound" if np.isfinite(bound["t95_s"]) else "not_cleared" if np.isfinite(bound["t50_s"]) else "not_half"
    drawn = curve[["left", "arrived"]].set_axis(clock.times, axis=0)
    labels = (_word("left"), _word("arrived"))
    return [
        Text(_word("title"), "title"),
        Text(_word(code, told), "strong"),
        Text(_word("bound_note"), "note"),
        Curve(_word("curve"), drawn, labels, ("#8a6fc4", "#2f8f5b")),
    ]


def _queues(table: pd.DataFrame | None, clock: Clock) -> list[Block]:
    """Return how many wait in queues, where anybody does."""
    if table is None or not table[["on_road", "at_home"]].to_numpy().any():
        return []
    drawn = table[["on_road", "at_home"]].set_axis(clock.times, axis=0)
    return [Curve(_word("queues"), drawn, (_word("queue.road"), _word("queue.home")), ("#b94a1f", "#8a8f98"))]


def _in_care(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the homes and hospitals that are ordered to leave: who has been fetched, and who still needs transport."""
    if table is None or not len(table):
        return []
    rows = tuple(
        (
            city.place_name(row["id"]),
            _at(row["by_s"], city, clock),
            shown(row["people"]),
            shown(row["fetched"]),
            Text(shown(row["waiting"]), "strong"),
            _at(row["first_s"], city, clock),
            _at(row["last_s"], city, clock),
        )
        for row in table.to_dict("records")
    )
    heads = ("care_home", "ordered", "care_people", "fetched", "awaits", "first_fetched", "last_fetched")
    return [Text(_word("in_care"), "title"), Table(tuple(map(_word, heads)), rows, figures=(2, 3, 4))]


def _rounds(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the rounds of the bus fleet, planned and as run, where there is one."""
    if table is None or not len(table):
        return []
    moments = ("plan_leave", "plan_arrive", "leave", "arrive")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            str(row["bus"]),
            str(row["order"]),
            city.place_name(row["id"]),
            shown(row["persons"]),
            city.place_name(row["goal"]) if row["goal"] else _word("out"),
            *(_at(row[f"{name}_s"], city, clock) for name in moments),
        )
        for row in table.to_dict("records")
    )
    heads = ("bus", "round", "zone", "riders", "goal", "plan_leave", "plan_arrive", "run_leave", "run_arrive")
    title, note = Text(_word("rounds"), "title"), Text(_word("rounds_note"), "note")
    return [title, Table(tuple(map(_word, heads)), rows, figures=(0, 1, 3)), note]


def _doses(table: pd.DataFrame | None) -> list[Block]:
    """Return how the toxic load at home and on the way is spread over people, where there is any."""
    if table is None or not table["most"].to_numpy().any():
        return []
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _word(f"group.{row['group']}"),
            shown(row["persons"]),
            _load(row["p50"]),
            _load(row["p95"]),
            _load(row["most"]),
            Text(shown(row["over"]), "strong"),
        )
        for row in table[table["part"] == "all"].to_dict("records")
    )
    heads = ("group", "dose_people", "dose_p50", "dose_p95", "dose_most", "dose_over")
    title, note = Text(_word("doses"), "title"), Text(_word("doses_note"), "note")
    return [title, Table(tuple(map(_word, heads)), rows, figures=(1, 2, 3, 4, 5)), note]


def _fast_water(table: pd.DataFrame | None) -> list[Block]:
    """Return how the time in fast water at home and on the way is spread over people, that nobody was in it, or that it is not known."""
    if table is None or not len(table):
        return []
    title, known = Text(_word("fast"), "title"), table[table["most"].notna()]
    if not len(known):
        return [title, Text(_word("fast_unknown"), "strong")]
    everybody = table[(table["group"] == "everybody") & (table["part"] == "home")].iloc[0]
    told = Text(_word("fast_home_unknown", {"people": shown(everybody["unknown"])}), "strong")
    unknown = [told] if everybody["unknown"] > 0.0 else []
    if known["most"].max() <= 0.0:
        return [title, Text(_word("fast_none")), *unknown]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _word(f"group.{row['group']}"),
            _word(f"part.{row['part']}"),
            shown(row["persons"] - row["unknown"]),
            *(_short(row[name]) for name in ("p50", "p95", "most")),
            *(shown(row[f"over_{seconds}"]) for seconds in FAST_S[:-1]),
            Text(shown(row[f"over_{FAST_S[-1]}"]), "strong"),
        )
        for row in known[(known["group"] != "at_home") | (known["part"] == "home")].to_dict("records")
    )
    names = ("group", "part", "dose_people", "fast_p50", "fast_p95", "fast_most", *(f"fast_over_{s}" for s in FAST_S))
    shape = Table(tuple(map(_word, names)), rows, figures=tuple(range(2, len(names))))
    return [title, shape, *unknown, Text(_word("fast_note"), "note")]


def _zones(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the zones that are told to leave, those that are cut off first, then in the order of their ids."""
    if table is None or not len(table):
        return []
    table = table.sort_values(["last_departure_s", "id"])
    lapses = table["leave_before_s"].notna().any()
    loads = ("load_left", "load_stayed") if table["load_stayed"].any() or table["load_left"].any() else ()
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            city.place_name(row["id"]),
            _word(f"why.{row['why']}"),
            _at(row["ordered_s"], city, clock),
            shown(row["leaving"]),
            _at(row["t95_s"], city, clock),
            Text(_at(row["last_departure_s"], city, clock), "strong"),
            *([shown(row["late"]) if np.isfinite(row["leave_before_s"]) else NOTHING] if lapses else []),
            shown(row["no_way"]),
            *(f"{_load(row[f'{name}_half'])} · {_load(row[name])}" for name in loads),
        )
        for row in table.to_dict("records")
    )
    names = ("zone", "why", "ordered", "leaving", "t95", "last", *(["late"] if lapses else []), "no_way", *loads)
    heads = tuple(map(_word, names))
    return [
        Text(_word("zones"), "title"),
        Table(heads, rows, figures=(3, *range(6, len(heads)))),
        Text(_word("last_note"), "note"),
    ]


def _shelters(table: pd.DataFrame | None, city: City, clock: Clock) -> list[Block]:
    """Return the shelters with their places, who came, and when they were full, or why one is not used."""
    if table is None or not len(table):
        return []
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            city.place_name(row["id"]),
            f"{row['capacity']:,.0f}",
            NOTHING if row["why_not"] else shown(row["taken"]),
            _word(f"unused.{row['why_not']}") if row["why_not"] else _at(row["first_s"], city, clock),
            _at(row["full_s"], city, clock),
        )
        for row in table.to_dict("records")
    )
    heads = tuple(_word(w) for w in ("shelter", "places", "taken", "first", "full"))
    return [Text(_word("shelters"), "title"), Table(heads, rows, figures=(1, 2))]


def _stranded(table: pd.DataFrame | None, city: City) -> list[Block]:
    """Return where people are stranded at the end and why, roads of one name in one row."""
    if table is None or not len(table):
        return []
    found: dict[tuple[str, str, str], float] = {}
    for row in table.to_dict("records"):
        name = city.place_name(row["id"])
        key = name["zh"], name["en"], str(row["why"])
        found[key] = found.get(key, 0.0) + float(row["persons"])
    most = sorted(found.items(), key=lambda item: -item[1])[:MOST_PLACES]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        ({"zh": zh, "en": en}, _word(f"stuck.{why}"), shown(persons)) for (zh, en, why), persons in most
    )
    heads = tuple(_word(w) for w in ("where", "why_stuck", "stuck"))
    return [Text(_word("stranded"), "title"), Table(heads, rows, figures=(2,))]


def _word(code: str, values: Mapping[str, Any] | None = None) -> Word:
    return Word(f"report.movement.{code}", dict(values or {}))


def _load(value: float) -> str:
    """Return a toxic load, large ones as whole numbers, others to two figures; a dash for one of nobody."""
    if not np.isfinite(value):
        return NOTHING
    if 0.0 < value < 0.001:
        return "<0.001"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"


def _at(seconds: float, city: City, clock: Clock) -> str:
    """Return a moment as a clock in the city shows it; a dash for none."""
    if not np.isfinite(seconds):
        return NOTHING
    return clock.told(clock.times[0] + pd.Timedelta(seconds=float(seconds)), city.tz)


def _short(seconds: float) -> str:
    """Return a time in minutes to a tenth; one below it is not shown as none."""
    return "<0.1" if 0.0 < seconds < 6.0 else f"{seconds / 60.0:.1f}"


def _minutes(seconds: float, down: bool = False) -> str:
    """Return whole minutes, a bound rounded down; a dash for none."""
    if not np.isfinite(seconds):
        return NOTHING
    return f"{np.floor(seconds / 60.0) if down else seconds / 60.0:.0f}"
