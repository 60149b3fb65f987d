"""Runs side by side: the figures a planner weighs, one column per run."""

from __future__ import annotations

import pandas as pd

from scenarios.runner.run import Run
from twin.sheet import COLOURS


def compare(runs: list[Run]) -> pd.DataFrame:
    """Return a table with one row per figure and one column per run id; differences are against the first run."""
    columns = {}
    for run in runs:
        figures: dict[str, float] = {}
        for hazard in run.hazards:
            exposure = run.exposure[hazard]
            for low in exposure.classes:
                above = [c for c in exposure.classes if c >= low]
                figures[f"{hazard}.people>={low:g}"] = float(exposure.people[above].sum(axis=1).max())
                figures[f"{hazard}.road_km>={low:g}"] = float(exposure.road_m[above].sum(axis=1).max()) / 1000.0
        for colour in reversed(COLOURS):
            figures[f"places.{colour}"] = float((run.levels["level"] == colour).sum())
        columns[run.id] = figures
    return pd.DataFrame(columns)
