"""What only the crowd can say in report and panel: what each zone reached and when, and who went through which gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evacuation.crowd.answers import about, answers
from evacuation.crowd.risk import outflow
from evacuation.crowd.risk.monitor import DENSE
from evacuation.crowd.risk.signs import PRESSURE_FROM, WINDOW_S
from twin.blocks import Block, Cell, Curve, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import Word

#: Colours of curves; and most points of a curve, more or less.
LINES = ("#4c78a8", "#f2a541", "#72a98f", "#b8527b", "#8d8d8d", "#7a5fa8", "#c2a878", "#2f8f5b")
MOST_POINTS = 300

#: Colours whose begin is told.
TOLD = COLOURS[2:]


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the crowd's own blocks: zones with the four answers and the lead time to orange and red, exits, gates, barriers, counters."""
    names = {} if section.places is None else section.places.set_index("id")
    return [
        *_zones(section, city, clock, names),
        *_signs(section.tables, names, clock),
        *_exits(section.tables, city, clock),
        *_goals(section.tables, city),
        *_gates(section.tables, names, city, clock),
        *_barriers(section.tables, city),
        *_live(section.tables, city, clock),
        *_counters(section.tables, city, clock),
    ]


def _name(names: Mapping[str, pd.Series] | pd.DataFrame, place: str) -> dict[str, str]:
    return {lang: str(names[f"name_{lang}"].get(place, place)) for lang in ("zh", "en")}


def _zones(section: Section, city: City, clock: Clock, names: pd.DataFrame) -> list[Block]:
    """Return the four answers for each zone, then its peaks, minutes above 4, 5 and 7 persons/m2, and when orange and red begin."""
    table = section.tables.get("zones")
    if table is None or not len(table):
        return []
    rows = tuple(
        (
            _name(names, row["id"]),
            f"{row['peak_density']:.1f}",
            figure(row["peak_force_n"]),
            *(str(about(row[f"above_{bound}_s"] / 60.0, 1)) for bound in (4, 5, 7)),
            *(_after(row[f"{colour}_after_s"], colour) for colour in TOLD),
        )
        for row in table.to_dict("records")
    )
    heads = ("zone", "density", "force", "above_4", "above_5", "above_7", *(f"{colour}_after" for colour in TOLD))
    return [
        Text(Word("report.crowd.answers"), "title"),
        answers(section, city, clock, names),
        Text(Word("report.crowd.zones"), "title"),
        Table(tuple(Word(f"report.crowd.{head}") for head in heads), rows, figures=tuple(range(1, 8))),
        Text(Word("report.crowd.assessment"), "note"),
    ]


def _signs(tables: Mapping[str, pd.DataFrame], names: pd.DataFrame, clock: Clock) -> list[Block]:
    """Return, for each zone, how dense its densest spot was by three kernels and whether the crowd swayed; crowd pressure in time."""
    table = tables.get("signs")
    if table is None or not len(table):
        return []
    rows = tuple(
        (
            _name(names, row["id"]),
            *("–" if pd.isna(row[kernel]) else f"{row[kernel]:.1f}" for kernel in ("gaussian", "voronoi", "grid")),
            "–" if pd.isna(row["densest_after_s"]) else f"{row['densest_after_s'] / 60:.1f}",
            _sways(row),
        )
        for row in table.to_dict("records")
    )
    heads = tuple(Word(f"report.crowd.{head}") for head in ("zone", "gaussian", "voronoi", "grid", "densest", "sway"))
    told: list[Block] = [
        Text(Word("report.crowd.signs"), "title"),
        Table(heads, rows, figures=(1, 2, 3, 4)),
        Text(Word("report.crowd.signs_note", {"dense": DENSE, "window": WINDOW_S / 60}), "note"),
    ]
    trend = tables["pressure"]
    trend = trend[trend.groupby("id")["s"].transform("size") > 1]  # a single point is no curve
    if len(trend):
        wide = trend.pivot(index="s", columns="id", values="pressure")
        wide = wide.reindex(np.arange(0.0, clock.duration_s + clock.step_s, clock.step_s))
        drawn = wide.set_index(clock.times[0] + pd.to_timedelta(wide.index, unit="s"))
        told += [
            Curve(
                Word("report.crowd.pressure"),
                drawn,
                tuple(_name(names, zone) for zone in drawn),
                tuple(LINES[k % len(LINES)] for k in range(len(drawn.columns))),
                "1/s²",
            ),
            Text(Word("report.crowd.pressure_note", {"density": PRESSURE_FROM}), "note"),
        ]
    return told


def _sways(row: Mapping[str, Any]) -> Cell:
    """Return with which period a crowd swayed and after how many minutes that was found; a dash for no sway."""
    if pd.isna(row["sway_period_s"]):
        return "–"
    values = {"period": round(row["sway_period_s"]), "after": round(row["sway_after_s"] / 60.0, 1)}
    return Text(Word("report.crowd.sway_is", values), "strong")


def figure(value: float) -> str:
    """Return a whole number, a dash for one that was not computed."""
    return "–" if pd.isna(value) else f"{value:,.0f}"


def _after(seconds: float, colour: str) -> str | Text:
    """Return after how many minutes a colour begins, on that colour; a dash where it never does."""
    return "–" if pd.isna(seconds) else Text(f"{seconds / 60:.1f}", colour)


def _gates(tables: Mapping[str, pd.DataFrame], names: pd.DataFrame, city: City, clock: Clock) -> list[Block]:
    """Return, for each gate, who went in and out, and when water shut it."""
    table = tables.get("gates")
    if table is None or not len(table):
        return []
    rows = tuple(
        (
            _name(names, row["id"]),
            figure(row["passed_in"]),
            figure(row["passed_out"]),
            "–" if pd.isna(row["largest_flow"]) else f"{row['largest_flow']:.2f}",
            _falters(row),
            _under_water(row, city, clock),
        )
        for row in table.to_dict("records")
    )
    keys = ("gate", "passed_in", "passed_out", "largest_flow", "falters", "water_shuts")
    return [
        Text(Word("report.crowd.gates"), "title"),
        Table(tuple(Word(f"report.crowd.{key}") for key in keys), rows, figures=(1, 2, 3, 4, 5)),
        Text(Word("report.crowd.gates_note", {"bound": outflow.FALTERS_PER_M_S, "window": outflow.WINDOW_S}), "note"),
    ]


def _falters(row: Mapping[str, Any]) -> Cell:
    """Return after how many minutes the flow of a gate first faltered, and for how long; a dash for never, "unknown" where not computed."""
    if pd.isna(row["falters_s"]):
        return Word("report.crowd.answer_unknown")
    if not row["falters_s"]:
        return "–"
    after, minutes = row["falters_after_s"] / 60.0, row["falters_s"] / 60.0
    return Text(Word("report.crowd.falters_is", {"after": round(after, 1), "minutes": round(minutes, 1)}), "strong")


def _under_water(row: Mapping[str, Any], city: City, clock: Clock) -> Cell:
    """Return from when on water shut a gate, and for how long in all; a dash for never."""
    if pd.isna(row["by_s"]):
        return "–"
    when = clock.told(clock.times[0] + pd.Timedelta(seconds=row["by_s"]), city.tz)
    return Text(
        Word("report.crowd.water_shuts_is", {"time": when, "minutes": round(row["shut_s"] / 60.0, 1)}), "strong"
    )


def _exits(tables: Mapping[str, pd.DataFrame], city: City, clock: Clock) -> list[Block]:
    """Return how many had left by each exit in time: the N-t curves."""
    table = tables.get("exits")
    if table is None or not len(table):
        return []
    wide = table.pivot(index="s", columns="id", values="left").dropna(axis="columns")
    used = [exit for exit in dict.fromkeys(table["id"]) if exit in wide and wide[exit].iloc[-1] > 0.0]
    if not used:
        return []
    thinned = wide[used].iloc[:: max(1, len(wide) // MOST_POINTS)]
    drawn = thinned.set_index(clock.times[0] + pd.to_timedelta(thinned.index, unit="s"))
    colours = tuple(LINES[k % len(LINES)] for k in range(len(used)))
    labels = tuple(city.place_name(exit) for exit in used)
    return [
        Text(Word("report.crowd.exits"), "title"),
        Curve(Word("report.crowd.left_by"), drawn, labels, colours),
    ]


def _goals(tables: Mapping[str, pd.DataFrame], city: City) -> list[Block]:
    """Return, for each goal that takes people by a curve, how many it could and did take and how many want to go there."""
    table = tables.get("goals")
    if table is None or not table["places"].notna().any():
        return []
    counts = ("taken", "most_going", "still_going")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (city.place_name(row["id"]), figure(row["places"]), *(shown(row[name]) for name in counts))
        for row in table[table["places"].notna()].to_dict("records")
    )
    return [
        Text(Word("report.crowd.goals"), "title"),
        Table(tuple(Word(f"report.crowd.{head}") for head in ("goal", "places", *counts)), rows, figures=(1, 2, 3, 4)),
        Text(Word("report.crowd.goals_note"), "note"),
    ]


def _barriers(tables: Mapping[str, pd.DataFrame], city: City) -> list[Block]:
    """Return, for each barrier, its highest load, what it bears, and whether it holds."""
    table = tables.get("barriers")
    if table is None or not len(table):
        return []

    def holds(row: Mapping[str, Any]) -> Cell:
        if pd.isna(row["fails"]):
            return Word("report.crowd.answer_unknown")
        return Text(Word(f"report.crowd.{'fails' if row['fails'] else 'holds'}"), "alarm" if row["fails"] else "plain")

    rows = tuple(
        (city.place_name(row["id"]), figure(row["peak_n_m"]), figure(row["strength_n_m"]), holds(row))
        for row in table.to_dict("records")
    )
    heads = tuple(Word(f"report.crowd.{head}") for head in ("barrier", "line_load", "strength", "barrier_holds"))
    return [Text(Word("report.crowd.barriers"), "title"), Table(heads, rows, figures=(1, 2))]


def _live(tables: Mapping[str, pd.DataFrame], city: City, clock: Clock) -> list[Block]:
    """Return the last reading of each counter of the venue with what it moved, and the forecast of its zones with the error."""
    table = tables.get("live")
    if table is None or not len(table):
        return []
    names = city.sensors.set_index("id")
    rows = tuple(
        (
            _name(names, row["sensor"]),
            city.place_name(row["place"]),
            clock.told(clock.times[0] + pd.Timedelta(seconds=row["s"]), city.tz),
            "–" if pd.isna(row["counted"]) else shown(row["counted"]),
            shown(row["expected"]),
            f"{row['moved']:+.0f}",
            Text(Word(f"report.crowd.live_{row['state']}"), "plain" if row["state"] == "ok" else "strong"),
        )
        for row in table.groupby("sensor", sort=False).tail(1).to_dict("records")
    )
    heads = ("live_sensor", "live_place", "live_at", "live_counted", "live_expected", "live_moved", "live_state")
    told: list[Block] = [
        Text(Word("report.crowd.live"), "title"),
        Table(tuple(Word(f"report.crowd.{head}") for head in heads), rows, figures=(3, 4, 5)),
    ]
    ahead = tables.get("forecast")
    if ahead is not None and len(ahead):
        later = tuple(
            (
                city.place_name(row["id"]),
                f"{row['minutes']:.0f}",
                clock.told(clock.times[0] + pd.Timedelta(seconds=row["s"]), city.tz),
                shown(row["people"]),
                Word("report.crowd.answer_unknown") if pd.isna(row["sd"]) else f"± {1.645 * row['sd']:,.0f}",
            )
            for row in ahead.to_dict("records")
        )
        keys = ("live_place", "ahead_minutes", "live_at", "ahead_people", "ahead_error")
        told.append(Table(tuple(Word(f"report.crowd.{key}") for key in keys), later, figures=(1, 3, 4)))
    return [*told, Text(Word("report.crowd.live_note"), "note")]


def _counters(tables: Mapping[str, pd.DataFrame], city: City, clock: Clock) -> list[Block]:
    """Return, for each counter beside the venue, its last reading, whether it is to be believed, and what is expected next."""
    table = tables.get("counters")
    if table is None or not len(table):
        return []
    names = city.sensors.set_index("id")

    def expected(row: Mapping[str, Any], name: str) -> str:
        """Return when, how many and the interval; a dash where too little is known."""
        if pd.isna(row[name]):
            return "–"
        when = clock.told(pd.Timestamp(row[f"{name}_at"]), city.tz)
        return f"{when}: {row[name]:,.0f} ({row[f'{name}_low']:,.0f}–{row[f'{name}_high']:,.0f})"

    rows = tuple(
        (
            _name(names, row["id"]),
            "–"
            if pd.isna(row["persons"])
            else f"{clock.told(pd.Timestamp(row['at']), city.tz)}: {row['persons']:,.0f}",
            Text(
                Word(f"report.crowd.counter_{row['state']}"),
                "plain" if row["state"] in ("ok", "learning") else "strong",
            ),
            expected(row, "next"),
            expected(row, "last"),
        )
        for row in table.to_dict("records")
    )
    heads = tuple(Word(f"report.crowd.counter{head}") for head in ("", "_read", "_state", "_next", "_last"))
    return [
        Text(Word("report.crowd.counters"), "title"),
        Table(heads, rows),
        Text(Word("report.crowd.counters_note"), "note"),
    ]
