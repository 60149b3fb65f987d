"""Runs side by side: the figures a planner weighs, one column per run."""

from __future__ import annotations

import pandas as pd

from scenarios.runner.run import Run
from twin.errors import ScenarioError
from twin.plan import shown
from twin.sheet import COLOURS


def compare(runs: list[Run]) -> pd.DataFrame:
    """Return the figures of two or more different runs.

    Rows are (hazard, figure, bound): people and road_km at or above each class, most at one time, and the number of places
    of each colour; columns are run ids. Raises ScenarioError for fewer than two different runs.
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
        columns[run.id] = figures
    return pd.DataFrame(columns).rename_axis(["hazard", "figure", "bound"])


def compared_text(figure: str, value: float, first: float) -> str:
    """Write a figure as it may be shown, with its difference from the first run's; counts of people follow rule R2."""
    if figure == "people":
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
