"""Runs side by side: the figures a planner weighs, one column per run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scenarios.runner.run import Run
from twin.errors import ScenarioError
from twin.plan import shown
from twin.sheet import COLOURS, MapLayer
from twin.words import say


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
        if action.kind in costs:
            cost = costs[action.kind]
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
    """Write a figure as it may be shown, with its difference from the first run's; counts of people follow rule R2."""
    if figure in ("people", "harmed"):
        change = "" if value == first else f" ({'+' if value > first else '-'}{shown(abs(value - first))})"
        return shown(value) + change
    text = f"{value:,.1f}" if figure == "road_km" else f"{value:.0f}"
    return (
        text
        if value == first
        else f"{text} ({value - first:+,.1f})"
        if figure == "road_km"
        else f"{text} ({value - first:+.0f})"
    )
