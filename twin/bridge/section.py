"""What is said of every hazard in the same way, as blocks made of its sheet and its exposure. No hazard is known here.

Maps, a table and a chart for each scale, closures, levels, places of which nothing is known, the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from twin import phrases
from twin.blocks import Block, Cell, Curve, Picture, Section, Table, Text
from twin.bridge.ledger import ledger
from twin.exposure import Exposure
from twin.exposure.closures import closed_minutes
from twin.grade import likely
from twin.plan import shown
from twin.sheet import COLOURS, QUANTILES, Scale, Sheet
from twin.units import printed, quantity
from twin.words import LANGS, Phrase, Word, has

MOST_CLOSURES = 40  # rows of the table of closures that are printed; all of them are in the run's exposure
MOST_UNKNOWN = 20  # names of places of which nothing is known that are printed

#: A class with this share of all at every moment hides the others in a chart.
HIDES = 0.99

#: The receptors a chart shows in time: what they are called, divided by, and told in.
CHARTED = {"people": (Word("chart.people"), 1.0, ""), "roads": (Word("chart.roads"), 1000.0, "km")}

#: Colours of classes that no map layer has colours for.
RISING_COLOURS = ("#f6d88a", "#f2a541", "#d9603b", "#a62a3c", "#5d1238", "#2b0a20")

#: Colours of what people are counted in that does not rise from harmless to harmful: end states and the like.
CLASS_COLOURS = ("#4c78a8", "#f2a541", "#72a98f", "#b8527b", "#8d8d8d", "#7a5fa8", "#c2a878")

#: Writes a time as a clock in the city shows it.
Told = Callable[[Any], str]


def common(section: Section, told: Told) -> list[Block]:
    """Return all that is said of a hazard in the same way as of any other, in its order."""
    sheet, scales = section.sheet, section.sheet.scales
    worst = peak(section)
    blocks: list[Block] = [worst]
    at_once = [scale for scale in scales if scale.when == "at_once"]
    for scale in at_once:
        blocks += [Text(_label(sheet, scale), "title")] if len(at_once) > 1 else []
        blocks += scaled(section, scale)
    blocks += basis(section)
    further = [
        Picture(layer, layer.of(section.fields), wide=False)
        for layer in sheet.drawable(section.fields)[1:]
        if layer != worst.layer
    ]
    blocks += [Text(Word("report.more_maps"), "title"), *further] if further else []
    for scale in scales:
        if scale.when == "ever":
            blocks += [Text(_label(sheet, scale), "title"), *scaled(section, scale)]
    return blocks + closing(section, told) + unknown(section) + balance(section)


def peak(section: Section) -> Picture:
    """Return the map of the lead variable's worst values, of an ensemble their median, with the graded places."""
    sheet, fields = section.sheet, section.fields
    median = sheet.spread_layers[QUANTILES.index(50)]
    layer = median if median.variable in fields else sheet.peak_layer
    return Picture(layer, layer.of(fields), section.exposure.places, marks=section.marks)


def scaled(section: Section, scale: Scale) -> list[Block]:
    """Return who and what is in the classes of a scale: a table, in time a chart, and what its figures mean.

    Of a scale that the model counts, on which everybody stays in the first class in every member, one sentence says so.
    """
    sheet, tables = section.sheet, section.exposure.counts.get(scale.code, {})
    if scale.harms_from is None and not scale.variable and _all_first(section, scale):
        return [Text(Word("report.all_first", {"name": _class_word(sheet, scale, 0)}))]
    table = _by_class(section, scale) if scale.variable else _own_counts(section, scale)
    blocks: list[Block] = []
    if scale.harms_from is not None and "people" in tables:
        k = scale.classes.index(scale.harms_from)
        people = shown(section.exposure.most(scale, "people", k))
        harm = {"scale": _label(sheet, scale), "name": _from_class(sheet, scale, k), "people": people}
        blocks.append(Text(Word("report.harmed", harm), "strong"))
    blocks.append(table)
    note = f"scale.{sheet.kind}.{scale.code}.note"
    blocks += [Text(Word(note), "note")] if has(note) else []
    return blocks + (_curves(section, scale) if scale.when == "at_once" else [])


def _by_class(section: Section, scale: Scale) -> Table:
    """Return a row for each class with those in it or above, from the last harmless class on, and one for the unknown."""
    exposure, key = section.exposure, f"scale.{section.sheet.kind}.{scale.code}"
    tables, unknown = exposure.counts.get(scale.code, {}), exposure.unknown
    lost = unknown[unknown["scale"] == scale.code].set_index("of")["most"]
    meanings = [f"{key}.{k + 1}" for k in range(len(scale.classes))]
    meant = all(map(has, meanings))

    def row(said: Phrase, meaning: Phrase, count: Callable[[str], str]) -> tuple[Cell, ...]:
        figures = [count(of) if of in tables else "–" for of in scale.of]
        return (said, *((meaning,) if meant else ()), *figures)

    def most(of: str, k: int) -> str:
        spread = [_counted(of, part.most(scale, of, k)) for part in _quantiles(exposure)]
        return _spread(_counted(of, exposure.most(scale, of, k)), spread)

    first = 0 if scale.harms_from is None else max(0, scale.classes.index(scale.harms_from) - 1)
    rows = [row(f"≥ {scale.name(k)}", Word(meanings[k]), partial(most, k=k)) for k in range(first, len(scale.classes))]
    if len(lost):
        nothing = Word("report.unknown_means")
        rows.append(row(Word("report.unknown"), nothing, lambda of: _counted(of, float(lost.get(of, 0.0)))))
    heads = (_label(section.sheet, scale), *((Word("report.meaning"),) if meant else ()))
    columns = {"buildings": "report.buildings", "roads": "report.road_km"}
    columns["people"] = "report.people_ever" if scale.when == "ever" else "report.people"
    figures = tuple(range(len(heads), len(heads) + len(scale.of)))
    return Table((*heads, *(Word(columns[of]) for of in scale.of)), tuple(rows), figures)


def _own_counts(section: Section, scale: Scale) -> Table:
    """Return a row for each class of a scale that the model itself counts: the most at one time, and at the end."""
    exposure = section.exposure
    tables = [next(iter(part.counts.get(scale.code, {}).values()), None) for part in (exposure, *_quantiles(exposure))]

    def row(k: int) -> tuple[Cell, ...]:
        figures = [
            [("–" if t is None else shown(float(value(t.iloc[:, k])))) for t in tables]
            for value in (pd.Series.max, lambda column: column.iloc[-1])
        ]
        return (_class_word(section.sheet, scale, k), *(_spread(now, rest) for now, *rest in figures))

    heads = (_label(section.sheet, scale), Word("report.people"), Word("report.people_end"))
    return Table(heads, tuple(map(row, range(len(scale.classes)))), (1, 2))


def _all_first(section: Section, scale: Scale) -> bool:
    """Return whether a scale counts somebody, and nobody beyond its first class at any time, in no quantile of an ensemble either."""
    parts = [part.counts.get(scale.code, {}) for part in (section.exposure, *_quantiles(section.exposure))]
    tables = [table for part in parts for table in part.values()]
    return bool(tables) and all(table.iloc[:, 0].any() and not table.iloc[:, 1:].any(axis=None) for table in tables)


def _quantiles(exposure: Exposure) -> list[Exposure]:
    """Return the exposure with the counts that few and that most members of an ensemble do not exceed; none of a single run."""
    return [replace(exposure, counts=exposure.spread[percent]) for percent in sorted(exposure.spread)]


def _spread(figure: str, quantiles: list[str]) -> str:
    """Write a figure with the range of the members behind it, where there is one."""
    return f"{figure} ({'–'.join(quantiles)})" if quantiles and set(quantiles) != {figure} else figure


def _curves(section: Section, scale: Scale) -> list[Block]:
    """Return a chart of each receptor of a scale in time, its classes upon each other, without one that hides all others."""
    sheet, blocks = section.sheet, list[Block]()
    for of, (word, per, unit) in CHARTED.items():
        table = section.exposure.counts.get(scale.code, {}).get(of)
        if table is not None:
            hides = table.ge(HIDES * table.sum(axis=1), axis=0).all().values & table.any().values
            drawn = np.flatnonzero(~hides) if len(hides) > 1 else np.arange(len(hides))
            labels = tuple(_class_word(sheet, scale, int(k)) for k in drawn)
            colours = tuple(_class_colours(sheet, scale)[k] for k in drawn)
            blocks.append(Curve(word, table.iloc[:, drawn] / per, labels, colours, unit, stacked=True))
            left_out = [_class_word(sheet, scale, int(k)) for k in np.flatnonzero(hides) if len(drawn) < len(hides)]
            blocks += [Text(Word("report.not_drawn", {"name": name}), "note") for name in left_out]
    return blocks


def _class_word(sheet: Sheet, scale: Scale, k: int) -> Phrase:
    """Return the name of one class alone: its own, else its bounds."""
    if not scale.variable:
        return Word(f"scale.{sheet.kind}.{scale.code}.{k + 1}")
    if scale.names or k + 1 == len(scale.classes):
        return scale.name(k) if scale.names else f"≥ {scale.name(k)}"
    low, high = list(pairwise(scale.classes))[k]
    return f"{low:g}–{high:g}" + ("" if scale.unit == "1" else f" {printed(scale.unit)}")


def _class_colours(sheet: Sheet, scale: Scale) -> tuple[str, ...]:
    """Return a colour for each class: the darkest of the layer that shows its variable, else those of any classes."""
    shades = next((lay.colormap for lay in (sheet.lead_layer, *sheet.layers) if lay.variable == scale.variable), ())
    own, count = [colour for _, colour in shades], len(scale.classes)
    if len(own) >= count:
        return tuple(own[-count:])
    return tuple(np.resize(RISING_COLOURS if scale.variable else CLASS_COLOURS, count).tolist())


def basis(section: Section) -> list[Block]:
    """Return whom the counts of people rest on, where people are counted."""
    if not any("people" in tables for tables in section.exposure.counts.values()):
        return []
    found = section.exposure.basis
    blocks: list[Block] = [Text(Word(f"report.people_are.{found}"), "note")]
    blocks += [Text(Word("report.spread"), "note")] if section.exposure.spread else []
    return blocks if found == "model" else [*blocks, Text(Word("report.people_note"), "note")]


def closing(section: Section, told: Told) -> list[Block]:
    """Return when places close and reopen: those of the kinds a draft task closes, and how many of others there are."""
    table, asked = section.exposure.closures, closing_kinds(section)
    if not len(table):
        return []
    listed = table[table["kind"].isin(asked)]
    more, others = len(listed) - MOST_CLOSURES, table["kind"][~table["kind"].isin(asked)].value_counts()
    notes = [Word("report.more_closures", {"count": more})] if more > 0 else []
    notes += [
        Word("report.other_closures", {"count": int(count), "kind": Word(f"place.{kind}")})
        for kind, count in others.items()
    ]
    return [
        Text(Word("report.closures"), "title"),
        closures_table(section, listed.head(MOST_CLOSURES), told),
        *(Text(note, "note") for note in [*notes, Word("report.closures_note")]),
    ]


def closing_kinds(section: Section) -> set[str]:
    """Return the kinds of place that a draft task closes; where none does, all that close."""
    return {t.place for t in section.sheet.tasks if t.at == "closes"} or set(section.exposure.closures["kind"])


def closures_table(section: Section, rows: pd.DataFrame, told: Told) -> Table:
    """Return rows of `Exposure.closures` as a table."""
    danger, end = section.sheet.danger, pd.Timestamp(section.exposure.series["time"].values[-1])
    heads = [Word("report.closes"), Word("report.reopens"), Word("report.closed_min"), Word("report.place")]
    heads += [Word("report.kind"), Word("report.peak_at"), *([_label(section.sheet, danger)] if danger else [])]

    def row(place: dict[str, Any], minutes: int) -> tuple[Cell, ...]:
        still = pd.isna(place["reopens"])
        cells: tuple[Cell, ...] = (
            Text(told(place["closes"]), "strong"),
            Text(Word("report.still_closed"), "alarm") if still else told(place["reopens"]),
            {lang: phrases.closed(minutes, place["spells"], lang, still=still) for lang in LANGS},
            _name(place),
            Word(f"place.{place['kind']}"),
            _peak(place, told),
        )
        worst = danger.name(place["danger"] - 1) if danger and place["danger"] else "–"
        return (*cells, worst) if danger else cells

    minutes = closed_minutes(rows, end)
    return Table(tuple(heads), tuple(map(row, rows.to_dict("records"), minutes)), (2, 5))


def levels_table(levels: pd.DataFrame, sheets: Mapping[str, Sheet], told: Told) -> Table:
    """Return rows of the table of levels (`twin.grade.COLUMNS`); with the hazard where there are several.

    Where probabilities are known, the one of the colour and the share of members for every colour.
    """
    chances, several = bool(levels["probability"].notna().any()), len(sheets) > 1
    heads = [
        Word("report.level"),
        *([Word("desk.hazard")] if several else []),
        Word("report.place"),
        Word("report.kind"),
    ]
    heads += [Word("report.peak_at"), Word("report.from"), Word("report.until")]
    figures = [heads.index(Word("report.peak_at")), *range(len(heads), len(heads) + 5 * chances)]
    heads += [Word("report.probability"), *(Word(f"level.{c}") for c in COLOURS)] if chances else []

    def row(place: dict[str, Any]) -> tuple[Cell, ...]:
        colour, sheet = place["level"], sheets[place["hazard"]]
        cells: list[Cell] = [Text(Word(f"level.{colour}"), colour)]
        cells += [sheet.name] if several else []
        cells += [_name(place), Word(f"place.{place['kind']}"), _peak(place, told), told(place["from"])]
        cells.append(f"≥ {told(place['until'])}" if place["open_end"] else told(place["until"]))
        names = ("probability", *(f"share_{c}" for c in COLOURS)) if chances else ()
        cells += ["–" if pd.isna(place[name]) else phrases.share(place[name]) for name in names]
        rule = {lang: phrases.rule(sheet, place["kind"], place["threshold"], lang) for lang in LANGS}
        return (*cells, Text(rule, "note"))

    rows = tuple(map(row, levels.to_dict("records")))
    return Table((*heads, Word("report.rule")), rows, tuple(figures))


def unknown(section: Section) -> list[Block]:
    """Return the names of the places of which nothing, or not every part, is known: no colour does not mean no danger."""
    places = section.exposure.places
    known, whole = places["known"].astype(bool), places["whole"].astype(bool)
    told: list[Block] = []
    for word, lost in (("report.unknown_places", places[~known]), ("report.partly_places", places[known & ~whole])):
        if not len(lost):
            continue
        names: list[object] = [_name(place) for place in lost.head(MOST_UNKNOWN).to_dict("records")]
        if len(lost) > MOST_UNKNOWN:
            names.append(Word("report.unknown_more", {"count": len(lost) - MOST_UNKNOWN}))
        told.append(Text(Word(word, {"count": len(lost), "names": names}), "alarm"))
    return told


def touched(section: Section) -> list[tuple[str, Word, str]]:
    """Return how many people the hazard touches and harms, each with when they count (`Scale.when`) and the words of its class.

    Touched are those in the classes of the first scale with a variable that counts people, of a hazard that counts them itself
    all that it counts; harmed those in the classes that harm, of every scale that has such. Empty where no people are counted.
    """
    sheet, found = section.sheet, section.exposure.counts
    counted = [s for s in sheet.scales if "people" in found.get(s.code, {})]
    classes = [(s, 0) for s in counted if s.variable][:1]
    classes += [(s, s.classes.index(s.harms_from)) for s in counted if s.harms_from is not None]
    own = [] if any(s.variable for s in counted) else counted[:1]
    everyone = [(s.when, Word("report.in_model"), shown(section.exposure.most(s, "people"))) for s in own]
    return everyone + [
        (
            scale.when,
            Word("report.class", {"scale": _label(sheet, scale), "name": _from_class(sheet, scale, k)}),
            shown(section.exposure.most(scale, "people", k)),
        )
        for scale, k in classes
    ]


def people_cards(sections: Iterable[Section]) -> list[tuple[Phrase, str]]:
    """Return for each hazard whom it harms, else whom it touches, and how many, most at one time; a dash where nobody is counted."""
    found = [(section.sheet.name, touched(section)) for section in sections]
    return [
        (Word("report.people_card", {"hazard": name, "class": rows[-1][1]}), rows[-1][2])
        if rows
        else (Word("report.people_card", {"hazard": name, "class": Word("report.people_uncounted")}), "–")
        for name, rows in found
    ]


def noted(
    notes: Iterable[tuple[str, Mapping[str, Any]]], sections: Iterable[Section]
) -> list[tuple[Phrase, list[Phrase]]]:
    """Return the notes of a run under what they speak of: the whole case first, then each hazard in its turn."""
    titles: dict[str, Phrase] = {"": Word("report.whole_case"), **{s.sheet.id: s.sheet.name for s in sections}}
    found: dict[str, list[Phrase]] = {name: [] for name in titles}
    for code, values in notes:
        hazard = code.partition(".")[0]
        said = {lang: phrases.note(code, values, lang) for lang in LANGS}
        found[hazard if hazard in found and "." in code else ""].append(said)
    return [(titles[name], said) for name, said in found.items() if said]


def _from_class(sheet: Sheet, scale: Scale, k: int) -> Phrase:
    """Return the name of a class and those above it."""
    if not scale.variable and k == len(scale.classes) - 2:
        one, other = (_class_word(sheet, scale, i) for i in (k, k + 1))
        return Word("report.either", {"one": one, "other": other})
    return Word("report.or_worse", {"name": scale.name(k) if scale.variable else _class_word(sheet, scale, k)})


def limits(levels: pd.DataFrame, members: int) -> list[Word]:
    """Return what a reader must know of every level: what its probability is, if one is known, and whose thresholds it has."""
    unlikely = len(levels) - len(likely(levels))
    words = [Word("report.share_of_members" if members > 1 else "report.no_probability")]
    words += [Word("report.unlikely", {"count": unlikely})] if unlikely else []
    return [*words, Word("report.limits")]


def sources(section: Section) -> list[tuple[Word, str]]:
    """Return where the thresholds and the classes of each scale come from."""
    sheet = section.sheet
    scales = [(_label(sheet, scale), scale.source) for scale in sheet.scales if scale.source]
    return [(Word("report.thresholds"), sheet.rules_source), *scales]


def balance(section: Section) -> list[Block]:
    """Return the ledger and how far it closes."""
    told = section.balance
    closure = {"error": f"{told['relative_error']:.1e}", "tolerance": f"{told['tolerance']:.0e}"}
    return [
        Text(Word(f"ledger.{section.sheet.kind}.title"), "title"),
        ledger(section.sheet.kind, told),
        Text(Word("report.ledger.note", closure), "note"),
    ]


def _label(sheet: Sheet, scale: Scale) -> Word:
    return Word(f"scale.{sheet.kind}.{scale.code}")


def _name(place: Mapping[str, Any]) -> dict[str, str]:
    return {lang: str(place[f"name_{lang}"]) for lang in LANGS}


def _peak(place: Mapping[str, Any], told: Told) -> str:
    """Return the peak of a place with its unit and, where it has one, its time."""
    value = quantity(place["peak"], place["unit"])
    return value if pd.isna(place["peak_time"]) else f"{value} @ {told(place['peak_time'])}"


def _counted(of: str, value: float) -> str:
    """Write how many there are, or for roads how many kilometres."""
    return shown(value) if of == "people" else f"{value / 1000.0:.1f}" if of == "roads" else f"{value:,.0f}"
