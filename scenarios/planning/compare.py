"""Runs side by side: the figures a planner weighs, one column per run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scenarios.case import settings
from scenarios.case.hazards import measures, same
from scenarios.runner.run import Run
from twin.errors import ScenarioError
from twin.exposure import Exposure
from twin.grade import likely
from twin.grid import Grid, on_cells
from twin.hazard import site_of
from twin.plan import rounded, shown
from twin.sheet import CITY, COLOURS, Figure, MapLayer, Scale, kind_of, names_of
from twin.words import Word, say, written

#: So many places are named for one change of colour.
MOST_PLACES = 8

#: Keys of a scenario whose change makes figures hard to compare: where, how long, and of how many members.
UNLIKE = ("city", "hours", "output_minutes", "ensemble.members")


def compare(runs: list[Run]) -> pd.DataFrame:
    """Return the figures of two or more different runs; of an ensemble, of what at least half of its members reach.

    A hazard of one kind at one place stands in the same rows whatever its name in each run. Rows are (hazard, figure, bound):
    people and road_km at or above each class of a scale, most at one time, and the number of
    places of each colour, places of each kind that close, people at classes that harm (whole run), people that the model itself
    counts (by class at the end, and in the classes that harm the most at one time), people of whom nothing is known, what the
    sheet names besides (`Sheet.figures`), and what the measures take: minutes of each crew and yuan; columns are run ids. What a run
    did not compute is NaN: its hazards, or people, roads and kinds of place of a city without them.
    Raises ScenarioError for fewer than two different runs.
    """
    if len({run.id for run in runs}) < 2:
        raise ScenarioError("compare_two", found=[run.id for run in runs])
    columns = {
        run.id: _named(figures_of(run, run.exposure, run.levels), rows)
        for run, rows in zip(runs, rows_of(runs), strict=True)
    }
    table = pd.DataFrame(columns).rename_axis(["hazard", "figure", "bound"])
    efforts = table.index.get_level_values("figure").isin(["crew_min", "cost_cny"])
    return table.where(table.notna() | ~efforts[:, np.newaxis], 0.0)


def figures_of(
    run: Run, exposures: Mapping[str, Exposure], graded: pd.DataFrame, member: int | None = None
) -> dict[tuple[str, str, str], float]:
    """Return the figures of a run, or of one `member`, by (hazard, figure, bound); see `compare`."""
    figures: dict[tuple[str, str, str], float] = {}
    for hazard in run.hazards:
        sheet, exposure = run.sheet(hazard), exposures[hazard]
        for scale in sheet.scales:
            figures |= {(hazard, *key): value for key, value in _scale_figures(exposure, scale).items()}
        if any("people" in tables for tables in exposure.counts.values()):
            lost = exposure.unknown.loc[exposure.unknown["of"] == "people", "most"]
            figures[hazard, "unknown", ""] = float(lost.max()) if len(lost) else 0.0
        levels = likely(graded[graded["hazard"] == hazard])
        known = set(exposure.places["kind"])
        for colour in reversed(COLOURS) if known else ():
            figures[hazard, "places", colour] = float((levels["level"] == colour).sum())
        for kind in (k for k, rule in sheet.rules.items() if rule.closes_at and k in known):
            figures[hazard, "closed", kind] = float((exposure.closures["kind"] == kind).sum())
        for said in sheet.figures:
            figures[hazard, "said", said.code] = _said(run, hazard, said, member)
    for owner, unit, minutes, cost in _efforts(run):
        for figure, bound, value in (("crew_min", unit, minutes), ("cost_cny", "", cost)):
            key = (owner, figure, bound)
            figures[key] = figures.get(key, 0.0) + value
    return figures


def _said(run: Run, hazard: str, figure: Figure, member: int | None) -> float:
    """Return a figure of a run or of a member; of a whole ensemble the median, of two middle ones the larger; NaN where there is none."""
    table = run.members_table(hazard, figure.table) if run.members else run.tables_of(hazard).get(figure.table)
    if table is None or not len(table):
        return np.nan
    mine = table[table["member"] == member] if member is not None else table
    value = float(mine[figure.column].fillna(np.inf).quantile(0.5, interpolation="higher")) / figure.per
    return value if np.isfinite(value) else np.nan


def _named(figures: Mapping[tuple[str, str, str], float], rows: Mapping[str, str]) -> dict[tuple[str, str, str], float]:
    """Return figures under the names that their hazards have in a comparison."""
    return {(rows.get(whose, whose), *key): value for (whose, *key), value in figures.items()}  # type: ignore[misc]


def rows_of(runs: list[Run]) -> list[dict[str, str]]:
    """Return for each run the name under which each of its hazards is compared: the same for one kind at one place."""
    about = [{name: (kind_of(name), site_of(model)) for name, model in run.case.models.items()} for run in runs]
    known = list(dict.fromkeys(found for mine in about for found in mine.values()))
    names = dict(zip(known, names_of(kind for kind, _ in known), strict=True))
    return [{name: names[found] for name, found in mine.items()} for mine in about]


def _scale_figures(exposure: Exposure, scale: Scale) -> dict[tuple[str, str], float]:
    """Return the figures of one scale by (figure, bound)."""
    tables = exposure.counts.get(scale.code, {})
    if not scale.variable:
        codes = [f"{scale.code}.{k + 1}" for k in range(len(scale.classes))]
        harmless = len(codes) if scale.harms_from is None else scale.classes.index(scale.harms_from)
        figures: dict[tuple[str, str], float] = {}
        for table in tables.values():
            figures |= {("most", code): float(table.iloc[:, k].max()) for k, code in enumerate(codes) if k >= harmless}
            figures |= {("counted", code): float(table.iloc[-1, k]) for k, code in enumerate(codes)}
        return figures
    if scale.when == "ever":
        harmful = [k for k, low in enumerate(scale.classes) if low == scale.harms_from]
        return {
            ("harmed", f">= {scale.name(k)}"): exposure.most(scale, "people", k) for k in harmful if "people" in tables
        }
    per = {"people": ("people", 1.0), "roads": ("road_km", 1e-3)}
    return {
        (figure, f">= {scale.name(k)}"): exposure.most(scale, of, k) * factor
        for k in range(len(scale.classes))
        for of, (figure, factor) in per.items()
        if of in tables
    }


def _efforts(run: Run) -> list[tuple[str, str, float, float]]:
    """Return whose, crew, its minutes and yuan of each measure of a run that costs something: a hazard's, or the city's."""
    known, end, case = measures(run.hazards), run.case.clock.duration_s, run.case
    whose = {CITY: case.actions()} | {hazard: case.actions_of(hazard) for hazard in run.hazards}
    found = []
    for who, actions in whose.items():
        for action in actions:
            measure = known[action.kind]
            if measure.owner == kind_of(who) and not measure.is_free(action.values):
                hours = ((end if action.end_s is None else action.end_s) - action.start_s) / 3600.0
                found.append((who, measure.unit, measure.setup_min, measure.cost(hours)))
    return found


def compared(runs: list[Run], lang: str) -> pd.DataFrame:
    """Return the figures of `compare` as they may be shown: rows and values in words, differences from the first run."""
    rows: dict[str, list[str]] = {}
    titles = {
        row: run.sheet(own).name for run, names in zip(runs, rows_of(runs), strict=True) for own, row in names.items()
    }
    for (hazard, figure, bound), row in compare(runs).iterrows():
        rows[label_of((hazard, figure, bound), titles, lang)] = [
            compared_text(figure, value, row.iloc[0]) for value in row
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.id for run in runs])


def label_of(row: tuple[str, str, str], titles: Mapping[str, Mapping[str, str]], lang: str) -> str:
    """Return a row of `compare` in words; `titles` are the names of the hazards compared."""
    hazard, figure, bound = row
    kind = kind_of(hazard)
    family = {
        "places": "level", "closed": "place", "crew_min": "unit", "said": f"figure.{kind}",
        "counted": f"scale.{kind}", "most": f"scale.{kind}",
    }.get(figure)  # fmt: skip
    label = say(f"{family}.{bound}", lang=lang) if family else bound.replace(">=", "≥")
    if figure in ("counted", "most"):
        label = say("compare.class", lang=lang, scale=say(f"{family}.{bound.partition('.')[0]}", lang=lang), name=label)
    whose = f"{titles[hazard][lang]} · " if len(titles) > 1 and hazard != CITY else ""
    return f"{whose}{label}" if figure == "said" else f"{whose}{say(f'compare.{figure}', lang=lang)} {label}"


def changed(run: Run, other: Run) -> list[tuple[str, Any, Any]]:
    """Return (key, value, other value) of what two runs' scenarios say differently; None where one says nothing."""
    return settings.changed(run.case.raw, other.case.raw)


def differing(run: Run, other: Run, lang: str) -> list[str]:
    """Return in words what holds in `other` otherwise than in `run`, a phrase each."""
    return [written(phrase, lang) for phrase in settings.differing(run.case, other.case)]


def recoloured(run: Run, other: Run, lang: str) -> list[str]:
    """Return which places that both runs know have another colour in `other`, a line per change, those whose colour is worst first.

    Of an ensemble, a colour is what at least half of the members reach.
    """
    before, after = (_colours(each, rows) for each, rows in zip((run, other), rows_of([run, other]), strict=True))
    found: dict[tuple[int, int], list[dict[str, str]]] = {}
    for place in (place for place in before if place in after):
        (first, name), (second, _) = before[place], after[place]
        if first != second:
            found.setdefault((first, second), []).append(name)
    words = [Word("compare.colourless"), *(Word(f"level.{colour}") for colour in COLOURS)]
    told = []
    for first, second in sorted(found, key=lambda change: (max(change), change), reverse=True):
        named: list[Any] = list(found[first, second][:MOST_PLACES])
        if (more := len(found[first, second]) - MOST_PLACES) > 0:
            named.append(Word("report.unknown_more", {"count": more}))
        told.append(say("compare.recoloured", lang=lang, first=words[first], second=words[second], places=named))
    return told


def _colours(run: Run, rows: Mapping[str, str]) -> dict[tuple[str, str], tuple[int, dict[str, str]]]:
    """Return for each place that a run knows, by (hazard, place), its colour (0: none, 1 to 4: blue to red) and its name."""
    reached = likely(run.levels)
    level = {(row.hazard, row.place): COLOURS.index(row.level) + 1 for row in reached.itertuples()}
    return {
        (rows[hazard], str(place.id)): (level.get((hazard, place.id), 0), {"zh": place.name_zh, "en": place.name_en})
        for hazard in run.hazards
        for place in run.exposure[hazard].places.itertuples()
        if place.known
    }


def difference(run: Run, other: Run, hazard: str, layer: MapLayer) -> xr.DataArray:
    """Return what `other` changes in a field of a hazard of `run`, whatever its name in `other`.

    Raises ScenarioError when they do not lie on the same cells or ids.
    """
    theirs = same(hazard, run.case.models, other.case.models) or hazard
    first, second = layer.of(run.fields[hazard]), layer.of(other.fields[theirs])
    if first.dims == second.dims and all(np.array_equal(first[d], second[d]) for d in first.dims):
        return second.astype(float) - first.astype(float)
    if not (on_cells(first) and on_cells(second)):
        raise ScenarioError("ids_differ", found=other.id, expected=run.id)
    here, there = (
        Grid.of_axes(run.case.city.grid.crs, f["y"].values, f["x"].values, layer.variable) for f in (first, second)
    )
    if here.cell_m != there.cell_m:
        raise ScenarioError("grids_differ", found=there.cell_m, expected=here.cell_m)
    raise ScenarioError("areas_differ", found=other.id, expected=run.id, apart=_apart(here, there))


def _apart(here: Grid, there: Grid) -> float:
    """Return how far the middles of two grids are apart, m."""
    west, south, east, north = np.array(here.bounds) - np.array(there.bounds)
    return float(np.hypot((west + east) / 2.0, (south + north) / 2.0))


def compared_text(figure: str, value: float, first: float) -> str:
    """Write a figure as it may be shown, with the difference of what is printed for it and for the first run.

    Counts of people follow rule R2: none is told from one that is hidden. A dash stands for what was not computed.
    """
    if np.isnan(value):
        return "–"
    first = value if np.isnan(first) else first
    if figure in ("people", "harmed", "counted", "most", "unknown"):
        text, now, before = shown(value), rounded(value), rounded(first)
        return text if now is None or before is None or now == before else f"{text} ({now - before:+,})"
    places = 1 if figure == "road_km" else 0
    change = round(round(value, places) - round(first, places), places)
    text = f"{round(value, places):,.{places}f}"
    return f"{text} ({change:+,.{places}f})" if change else text


def unlike(runs: list[Run], lang: str) -> list[str]:
    """Return a sentence for each run that differs from the first in what makes their figures incomparable.

    That is UNLIKE, and what the sheets of the hazards name.
    """
    words = {key: f"compare.unlike.{key.rpartition('.')[2]}" for key in UNLIKE}
    for hazard in runs[0].hazards:
        words |= {f"hazards.{hazard}.{key}": f"unlike.{kind_of(hazard)}.{key}" for key in runs[0].sheet(hazard).unlike}
    told = []
    for other in runs[1:]:
        pairs = [
            (words[key], _setting(runs[0], key), _setting(other, key))
            for key, _, _ in changed(runs[0], other)
            if key in words
        ]
        what = [say(word, lang=lang, first=first, second=second) for word, first, second in pairs if first != second]
        if what:
            joint = (";" if lang == "zh" else "; ").join(what)
            told.append(say("compare.unlike", lang=lang, first=runs[0].id, other=other.id, what=joint))
    return told


def _setting(run: Run, key: str) -> Any:
    """Return what holds in a run for a dotted key of its scenario, the default where the scenario says nothing."""
    first, *rest = key.split(".")
    if first == "hazards":
        return getattr(run.case.models.get(rest[0]), rest[1], None)
    return reduce(getattr, key.split("."), run.case.scenario)
