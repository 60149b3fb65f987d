"""What only the release can say in report and panel: which tank leaks, where the substance is, and stay or leave block by block."""

from __future__ import annotations

import pandas as pd

from twin.blocks import Block, Cell, Curve, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.words import Word

#: What a block is told -> how it stands out.
STYLE = {"leave": "alarm", "stay": "strong"}

#: What a source is called that only the detectors tell of.
SOUGHT = Word("report.release.sought")


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the release's own blocks."""
    return [
        *_tanks(section, city, clock),
        *_suspects(section, city),
        *_masses(section),
        *_advice(section, city, clock),
        *_zones(section),
    ]


def _tanks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return a sentence per tank that leaks."""
    return [
        Text(
            Word(
                "report.release.tank",
                {
                    "tank": SOUGHT if row["cause"] == "detectors" else city.place_name(row["id"]),
                    "time": _told(row["began_s"], city, clock),
                    "cause": Word(f"report.release.cause.{row['cause']}"),
                    "out": f"{row['out_kg']:,.0f}",
                    "left": f"{row['left_kg']:,.0f}",
                    "rate": row["most_kg_s"],
                },
            )
        )
        for row in section.tables["tanks"].to_dict("records")
    ]


def _suspects(section: Section, city: City) -> list[Block]:
    """Return the tanks that may be a source that only the detectors tell of."""
    if "suspects" not in section.tables:
        return []
    table = section.tables["suspects"]
    if not len(table):
        return [Text(Word("report.release.no_suspect"))]
    heads = (Word("report.release.suspect"), Word("report.release.suspect_share"))
    rows: list[tuple[Cell, ...]] = [(city.place_name(i), f"{100 * s:.0f} %") for i, s in table.itertuples(index=False)]
    return [Text(Word("report.release.suspects"), "title"), Table(heads, tuple(rows), figures=(1,))]


def _masses(section: Section) -> list[Block]:
    """Return what left the tanks, is in the air and lies in pools, in time."""
    table = section.tables["mass"].set_index("time")[["out_kg", "air_kg", "pool_kg"]]
    if not table["out_kg"].any():
        return []
    labels = tuple(Word(f"report.release.mass.{name}") for name in ("out", "air", "pool"))
    return [Curve(Word("report.release.mass"), table, labels, ("#555555", "#d9642c", "#4a7fb5"), "kg")]


def _zones(section: Section) -> list[Block]:
    """Return how much ground the wind members bring to each level, and how far, by how likely that is."""
    table = section.tables.get("zones")
    if table is None or not (table["area_m2"] > 0.0).any():
        return []
    likely = sorted(table["likely"].unique())
    heads = (
        Word("report.release.zone"),
        *(Word("report.release.zone_likely", {"percent": round(100 * share)}) for share in likely),
    )
    rows: list[tuple[Cell, ...]] = []
    for level, own in table.groupby("level", sort=False):
        own = own.set_index("likely")
        rows.append((str(level), *(_zone(own.loc[share]) for share in likely)))
    return [
        Text(Word("report.release.zones"), "title"),
        Table(heads, tuple(rows), figures=tuple(range(1, len(heads)))),
        Text(Word("report.release.zones_how"), "note"),
    ]


def _zone(row: pd.Series) -> Cell:
    if row["area_m2"] <= 0.0:
        return Word("report.release.zone_none")
    reach = "–" if pd.isna(row["reach_m"]) else f"{round(row['reach_m'], -1):,.0f}"
    word = "report.release.zone_rim" if row["at_rim"] else "report.release.zone_area"
    return Word(word, {"area": f"{row['area_m2'] / 1e6:.2g}", "reach": reach})


def _advice(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the table of advice, the blocks that must leave first, then by dose; blocks without any are left out."""
    table = section.tables["advice"]
    table = table[(table["advice"] != "none") | (table["reason"] == "off_grid")]
    title = Text(Word("report.release.advice"), "title")
    if not len(table):
        return [title, Text(Word("report.release.no_advice"))]
    table = table.assign(order=table["advice"].map({"leave": 0, "stay": 1, "none": 2}))
    table = table.sort_values(["order", "dose_outdoors", "id"], ascending=[True, False, True])
    rows: list[tuple[Cell, ...]] = [
        (
            city.place_name(row["id"]),
            Text(Word(f"report.release.choice.{row['advice']}"), STYLE.get(row["advice"], "plain")),
            _told(row["by_s"], city, clock),
            _told(row["until_s"] if row["advice"] == "stay" else float("nan"), city, clock),
            *(_dose(row[name]) for name in ("dose_outdoors", "dose_stay", "dose_leave")),
            "–" if pd.isna(row["probability"]) else f"{100 * row['probability']:.0f} %",
            Word(f"report.release.reason.{row['reason']}"),
        )
        for row in table.to_dict("records")
    ]
    names = ("block", "choice", "by", "air", "out_dose", "stay_dose", "leave_dose", "likely", "reason")
    heads = tuple(Word(f"report.release.{name}") for name in names)
    how = Text(Word("report.release.advice_how"), "note")
    return [title, Table(heads, tuple(rows), figures=(4, 5, 6, 7)), how]


def _told(seconds: float, city: City, clock: Clock) -> str:
    """Return a moment on the clock in city time; a dash where there is none."""
    return "–" if pd.isna(seconds) else clock.told(clock.times[0] + pd.Timedelta(seconds=seconds), city.tz)


def _dose(value: float) -> str:
    """Return a dose, large ones as whole numbers, small ones with two digits; a dash where it was not worked out."""
    if pd.isna(value):
        return "–"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}" if value >= 0.001 else "<0.001"
