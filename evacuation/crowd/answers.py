"""What is asked of a large crowd, answered for each zone in words: how likely, when, how severe, how far it reaches.

The four questions are those of China's guide of 2023 for city-safety platforms.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from twin.blocks import Cell, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.sheet import COLOURS
from twin.words import Word

QUESTIONS = ("zone", "worst", "likely", "when", "severe", "reach")


def answers(section: Section, city: City, clock: Clock, names: pd.DataFrame) -> Table:
    """Return a row per zone with the four answers.

    Of an ensemble, "likely" is the share of its members and "when" the median of those that reach the colour, while "severe" and "reach"
    are those of the scenario as it is written. One run says nothing of how likely something is, and the row says that.
    """
    graded = section.exposure.places.set_index("id")
    rows: list[tuple[Cell, ...]] = []
    for row in section.tables["zones"].to_dict("records"):
        place = graded.loc[row["id"]]
        name = {lang: str(names[f"name_{lang}"].get(row["id"], row["id"])) for lang in ("zh", "en")}
        rows.append((name, _worst(place), _likely(place), _when(place, city, clock), _severe(row), _reach(row)))
    return Table(tuple(_word(question) for question in QUESTIONS), tuple(rows))


def _word(key: str, **values: Any) -> Word:
    return Word(f"report.crowd.answer_{key}", values)


def _worst(place: pd.Series) -> Cell:
    """Return the worst colour that a zone reaches, on that colour; a dash for none."""
    reached = [colour for colour in COLOURS if pd.notna(place[f"first_{colour}"])]
    return Text(Word(f"level.{reached[-1]}"), reached[-1]) if reached else "–"


def _likely(place: pd.Series) -> Cell:
    """Return which share of the runs reaches which colours; that nothing is known of it where there was one run."""
    shares = {colour: place.get(f"share_{colour}") for colour in COLOURS}
    if any(share is None or pd.isna(share) for share in shares.values()):
        return _word("likely_unknown")
    told = [(colour, float(share)) for colour, share in shares.items() if share]
    if not told:
        return _word("likely_never")
    colours = [
        Word("report.crowd.answer_share", {"colour": Word(f"level.{c}"), "percent": round(100.0 * s)}) for c, s in told
    ]
    return _word("likely_shares", shares=colours)


def _when(place: pd.Series, city: City, clock: Clock) -> Cell:
    """Return when each colour begins."""
    begins = {c: place[f"first_{c}"] for c in COLOURS if pd.notna(place[f"first_{c}"])}
    if not begins:
        return _word("when_never")
    told = []
    for colour, moment in begins.items():
        minutes = (pd.Timestamp(moment) - clock.times[0]).total_seconds() / 60.0
        values = {"colour": Word(f"level.{colour}"), "time": clock.told(moment, city.tz), "minutes": round(minutes)}
        told.append(_word("when_from", **values))
    return _word("when_all", times=told)


def _severe(row: dict[str, Any]) -> Cell:
    """Return the highest density, the load on one person, and for how long it was dense."""
    force = _word("unknown") if pd.isna(row["peak_force_n"]) else _word("force", force=round(row["peak_force_n"]))
    severe = {"density": round(row["peak_density"], 1), "load": force}
    if not row["above_4_s"]:
        return _word("severe_mild", **severe)
    minutes = {f"above_{bound}": about(row[f"above_{bound}_s"] / 60.0, 1) for bound in (4, 5, 7)}
    return _word("severe_is", **severe, **minutes)


def _reach(row: dict[str, Any]) -> Cell:
    """Return how many people and how much ground the dense crowd took at most."""
    most, dense, ground = shown(row["most_people"]), row["dense_people"], round(row["ground_m2"])
    if not row["dense_m2"]:
        return _word("reach_none", people=most)
    return _word("reach_is", people=most, dense=shown(dense), part=about(row["dense_m2"]), ground=ground)


def about(value: float, digits: int = 0) -> float | str:
    """Return a figure to so many digits; one above 0 that they do not show is not nothing, but less than the last of them."""
    told = round(value, digits or None)
    return told if told or not value else f"<{10.0**-digits:g}"
