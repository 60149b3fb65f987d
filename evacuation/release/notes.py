"""What the reader of a result must know: the form of the model, assumptions made in a run and limits met."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from evacuation.release import members
from evacuation.release.at_source import early
from evacuation.release.gusts import PEAK_S, peak_factor
from evacuation.release.substances import Family
from evacuation.release.weather import CALM_M_S, STEADY_M_S


def notes_of(run: Any, told: pd.DataFrame, family: Family | None) -> list[tuple[str, dict[str, Any]]]:
    """Return the codes of the sentences of a `Run` with their values; `told`: its table of advice, `family`: that of its response."""
    gas = run.tanks.substance
    notes: list[tuple[str, Any]] = [("form", {"cell": run.grid.cell_m, "substance": gas.name})]
    peak = {"seconds": PEAK_S, "times": round(peak_factor(PEAK_S), 2)}
    notes.append(("gusts", peak) if run.model.outflow != "sudden" else ("gusts_sudden", {}))
    if run.flammable:
        notes.append(("gusts_burn", {}))
    if gas.own:
        notes.append(("own_substance", {"file": f"substances/{gas.id}.csv"}))
    notes += list(run.limits.notes) + run.tanks.notes
    notes += early(run.tanks.actions, run.warned() - run.elapsed, run.clock, run.weather.tz)
    notes += run.tanks.told() + run.near.notes() + run.streets.notes() + run.rooms.notes()
    for leak in run.tanks.leaks:
        if leak.cause == 3:
            moment = run.clock.times[0] + pd.Timedelta(seconds=leak.began - run.elapsed)
            notes.append(("floated", {"tank": leak.id, "time": run.clock.told(moment, run.weather.tz)}))
    if run.found is not None:
        notes += run.found.notes()
    if run.cloud.uptake:
        notes.append(("deposits", {"resistance": round(1.0 / run.cloud.uptake)}))
    if run.model.pasquill:
        notes.append(("pasquill", {"name": run.model.pasquill}))
    if run.weather.gridded:
        notes.append(("wind_mean", {}))
    if run.weather.calm or math.isinf(run.widest):
        notes.append(("calm_few", {"least": members.ALL_ROUND}) if run.any_way() else ("calm", {}))
    for name, value in run.weather.assumed.items():
        notes.append((f"assumed_{name}", {"value": value}))
    if (over := run.near.over_edge_kg(run.grid) + run.lost) > 0:
        notes.append(("over_edge", {"kg": over, "far": run.lost}))
    if run.model.wind_members:
        values = {"count": run.model.wind_members, "degrees": run.model.direction_sd_deg}
        code = "members" if run.found is None else "members_sources"
        notes.append((code, values | {"percent": 100 * run.model.speed_sd}))
        if run.widest > 1.0:
            notes.append(("wider", {"steady": STEADY_M_S, "calm": CALM_M_S}))
        share = {"percent": 100 * run.model.stability_share}
        notes.append(("stability_varied", share) if run.model.varies_stability else ("stability_one", {}))
        if run.found is None:
            varied, percent = (run.cloud.strengths != 1.0).any(), 100 * run.model.source_sd
            notes.append(("source_varied", {"percent": percent}) if varied else ("source_one", {}))
    else:
        notes.append(("one_wind", {}))
    if family:
        unit = "ppm" if family.ppm else "mg/m³"
        notes.append(("family", {"name": family.name, "unit": unit, "exponent": family.n}))
    else:
        notes.append(("no_family", {}))
    if len(told) and (told["off_grid"]).any():
        notes.append(("walks_off", {"count": int(told["off_grid"].sum())}))
    return notes
