"""What drives a run: rain and river stage as they hold within it, and each measure or event of its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from twin.bridge.dossier import Dossier
from twin.clock import Clock
from twin.hazard import EVERYWHERE, Action, Drivers
from twin.words import LANGS, say

MOST_ACTIONS = 30  # rows of measures and events that are printed; all of them are in the run's scenario.yaml

Told = Mapping[str, str]  # the same in each language


def held(drivers: Drivers, clock: Clock) -> dict[str, pd.Series]:
    """Return rain (mm/h; the mean of a grid) and stage (m) of the run, each value from its time on, up to the run's end.

    The last row repeats the value that holds at the end, so that a curve drawn in steps reaches it.
    """
    parts = {name: drivers[name] for name in ("rain_rate", "rain_rate_grid", "river_stage") if name in drivers}
    found = {}
    rain = sum(
        3.6e6 * part.mean([d for d in part.dims if d != "time"]) for n, part in parts.items() if n != "river_stage"
    )
    for name, values in (("rain", rain), ("stage", parts.get("river_stage"))):
        if isinstance(values, xr.DataArray):
            series, (begin, end) = values.to_series().astype(float), clock.times[[0, -1]]
            found[name] = series.reindex(series.index.union([begin, end])).ffill().bfill().loc[begin:end]
            found[name].iloc[-1] = found[name].iloc[-2]  # a value that begins at the end drives nothing
    return found


def drives(dossier: Dossier) -> list[dict[str, Any]]:
    """Return a row for rain, for the river and for each action: what, where, from when to when, and its values in words."""
    clock, rows = dossier.clock, []
    begin, end = clock.times[0], clock.times[-1]
    series = held(dossier.drivers, clock)
    if "rain" in series:
        rows.append(
            {"what": _told("report.drive.rain"), "where": _told("report.whole_city"), **_rain(series["rain"], dossier)}
        )
    if "stage" in series:
        row = {"from": begin, "to": end, "values": _stage(series["stage"], dossier)}
        rows.append({"what": _told("report.drive.stage"), "where": _told("report.drive.river"), **row})
    for action in dossier.actions[:MOST_ACTIONS]:
        until = clock.duration_s if action.end_s is None else min(action.end_s, clock.duration_s)
        rows.append(
            {
                "what": _told(f"measure.{action.kind}"),
                "where": _place(dossier, action),
                "from": begin + pd.Timedelta(seconds=action.start_s),
                "to": begin + pd.Timedelta(seconds=until),
                "values": {lang: _values(action, lang) for lang in LANGS},
            }
        )
    return rows


def _rain(rain: pd.Series, dossier: Dossier) -> dict[str, Any]:
    """Return when it rains within the run, the depth that falls (mm) and the highest rate with its time."""
    hours = np.diff(rain.index) / np.timedelta64(1, "h")
    falls = rain.iloc[:-1][(rain.iloc[:-1] > 0.0).values & (hours > 0)]
    ends = rain.index[1:]
    total = float((rain.values[:-1] * hours).sum())
    key = "report.drive.rain_mean" if "rain_rate_grid" in dossier.drivers else "report.drive.rain_is"
    if not len(falls):
        return {"from": rain.index[0], "to": rain.index[-1], "values": _told("report.drive.dry")}
    last = ends[rain.index.get_loc(falls.index[-1])]
    wet_h = float(hours[(rain.iloc[:-1] > 0.0).values].sum())
    peak = {"peak": f"{falls.max():.1f}", "hours": f"{wet_h:.2g}", "time": dossier.hour(falls.idxmax())}
    return {"from": falls.index[0], "to": last, "values": _told(key, total=f"{total:.1f}", **peak)}


def _stage(stage: pd.Series, dossier: Dossier) -> Told:
    """Return the stage as one level, or as its range with the time of the highest."""
    low, high = float(stage.min()), float(stage.max())
    if low == high:
        return _told("report.drive.stage_constant", level=f"{low:.2f}")
    levels = {"begin": f"{stage.iloc[0]:.2f}", "low": f"{low:.2f}", "high": f"{high:.2f}"}
    return _told("report.drive.stage_range", time=dossier.hour(stage.idxmax()), **levels)


def _place(dossier: Dossier, action: Action) -> Told:
    if action.place == EVERYWHERE:
        return _told("report.whole_city")
    return dossier.city.place_name(action.place)


def _values(action: Action, lang: str) -> str:
    joint = "," if lang == "zh" else ", "
    return joint.join(
        say(f"value.{action.kind}.{name}", lang=lang, value=float(value)) for name, value in action.values.items()
    )


def _told(key: str, **values: object) -> Told:
    return {lang: say(key, lang=lang, **values) for lang in LANGS}
