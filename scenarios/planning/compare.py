"""Runs side by side: the figures a planner weighs, one column per run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scenarios.runner.run import Run
from twin.errors import ScenarioError
from twin.plan import rounded, shown
from twin.sheet import COLOURS, MapLayer
from twin.words import say

#: Keys of a scenario, or of one of its hazards, whose change makes figures hard to compare: where, how long, on which cells.
UNLIKE = ("city", "hours", "output_minutes", "cell_m", "scheme", "subgrid_factor")


def compare(runs: list[Run]) -> pd.DataFrame:
    """Return the figures of two or more different runs.

    Rows are (hazard, figure, bound): people and road_km at or above each class, most at one time, and the number of places
    of each colour, places of each kind that close, people at danger classes that harm (whole run), and what the measures
    take: minutes of each crew and yuan; columns are run ids. Raises ScenarioError for fewer than two different runs.
    """
    if len({run.id for run in runs}) < 2:
        raise ScenarioError("compare_two", found=[run.id for run in runs])
    columns = {}
    for run in runs:
        figures: dict[tuple[str, str, str], float] = {}
        for hazard in run.hazards:
            exposure = run.exposure[hazard]
            for low in exposure.classes:
                above = [c for c in exposure.classes if c >= low]
                bound = f">= {low:g} {run.sheet(hazard).unit}"
                figures[hazard, "people", bound] = float(exposure.people[above].sum(axis=1).max())
                figures[hazard, "road_km", bound] = float(exposure.road_m[above].sum(axis=1).max()) / 1000.0
            levels = run.levels[run.levels["hazard"] == hazard]
            for colour in reversed(COLOURS):
                figures[hazard, "places", colour] = float((levels["level"] == colour).sum())
            sheet = run.sheet(hazard)
            for kind in (k for k in sheet.rules if np.isfinite(sheet.closing(k))):
                figures[hazard, "closed", kind] = float((exposure.closures["kind"] == kind).sum())
            if sheet.danger and len(exposure.danger):
                name = f">= {sheet.danger.names[sheet.danger.harms_from - 1]}"
                figures[hazard, "harmed", name] = float(exposure.danger["people"].loc[sheet.danger.harms_from :].sum())
            for unit, minutes, cost in _efforts(run, hazard):
                for figure, bound, value in (("crew_min", unit, minutes), ("cost_cny", "", cost)):
                    key = (hazard, figure, bound)
                    figures[key] = figures.get(key, 0.0) + value
        columns[run.id] = figures
    return pd.DataFrame(columns).fillna(0.0).rename_axis(["hazard", "figure", "bound"])


def _efforts(run: Run, hazard: str) -> list[tuple[str, float, float]]:
    """Return crew, its minutes and yuan of each measure of a run that the hazard's sheet knows."""
    costs, end = run.sheet(hazard).measures, run.case.clock.duration_s
    found = []
    for action in run.case.actions():
        cost = costs.get(action.kind)
        if cost is not None and not cost.is_failure(action.values):
            hours = ((end if action.end_s is None else action.end_s) - action.start_s) / 3600.0
            found.append((cost.unit, cost.setup_min, cost.cost(hours)))
    return found


def compared(runs: list[Run], lang: str) -> pd.DataFrame:
    """Return the figures of `compare` as they may be shown: rows and values in words, differences from the first run."""
    rows, hazards = {}, {hazard for run in runs for hazard in run.hazards}
    for (hazard, figure, bound), row in compare(runs).iterrows():
        family = {"places": "level", "closed": "place", "crew_min": "unit"}.get(figure)
        label = say(f"{family}.{bound}", lang=lang) if family else bound.replace(">=", "≥")
        whose = f"{say(f'hazard.{hazard}', lang=lang)} · " if len(hazards) > 1 else ""
        rows[f"{whose}{say(f'compare.{figure}', lang=lang)} {label}"] = [
            compared_text(figure, value, row.iloc[0]) for value in row
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.id for run in runs])


def changed(run: Run, other: Run) -> list[tuple[str, Any, Any]]:
    """Return (key, value, other value) of what two runs' scenarios say differently; None where one says nothing."""
    first, second = (dict(_leaves(r.case.raw)) for r in (run, other))
    said = [key for key in first | second if key != "about_minutes" and not key.startswith("name.")]
    keys = [key for key in said if first.get(key) != second.get(key)]
    return [(key, first.get(key), second.get(key)) for key in keys]


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a scenario by dotted key, as `anlan run --set` writes them."""
    if not isinstance(node, (dict, list)):
        yield key, node
        return
    for part, value in node.items() if isinstance(node, dict) else enumerate(node):
        hazard = isinstance(node, list) and key == "hazards"
        yield from _leaves(value, key if hazard else f"{key}.{part}".lstrip("."))


def difference(run: Run, other: Run, hazard: str, layer: MapLayer) -> xr.DataArray:
    """Return what `other` changes in a field (y, x) of `run`; raise ScenarioError when they do not share a grid."""
    first, second = (layer.of(r.fields[hazard]) for r in (run, other))
    if not (np.array_equal(first["x"], second["x"]) and np.array_equal(first["y"], second["y"])):
        raise ScenarioError("grids_differ", found=second.shape, expected=first.shape)
    return second.astype(float) - first.astype(float)


def compared_text(figure: str, value: float, first: float) -> str:
    """Write a figure as it may be shown, with the difference of what is printed for it and for the first run.

    Counts of people follow rule R2: none is told from one that is hidden.
    """
    if figure in ("people", "harmed"):
        text, now, before = shown(value), rounded(value), rounded(first)
        return text if now is None or before is None or now == before else f"{text} ({now - before:+,})"
    places = 1 if figure == "road_km" else 0
    change = round(round(value, places) - round(first, places), places)
    text = f"{round(value, places):,.{places}f}"
    return f"{text} ({change:+,.{places}f})" if change else text


def unlike(runs: list[Run], lang: str) -> list[str]:
    """Return a sentence for each run that differs from the first in what makes their figures incomparable (UNLIKE)."""
    told = []
    for other in runs[1:]:
        pairs = [
            (key.rpartition(".")[2], _setting(runs[0], key), _setting(other, key))
            for key, _, _ in changed(runs[0], other)
            if re.fullmatch(rf"(hazards\.\w+\.)?({'|'.join(UNLIKE)})", key)
        ]
        what = [
            say(f"compare.unlike.{name}", lang=lang, first=first, second=second)
            for name, first, second in pairs
            if first != second
        ]
        if what:
            joint = (";" if lang == "zh" else "; ").join(what)
            told.append(say("compare.unlike", lang=lang, first=runs[0].id, other=other.id, what=joint))
    return told


def _setting(run: Run, key: str) -> Any:
    """Return what holds in a run for a dotted key of its scenario, the default where the scenario says nothing."""
    first, *rest = key.split(".")
    if first == "hazards":
        return getattr(run.case.models.get(rest[0]), rest[1], None)
    return getattr(run.case.scenario, first)
