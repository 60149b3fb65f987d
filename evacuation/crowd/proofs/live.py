"""Live counts held against two years of hourly counts in the streets of a city."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from evacuation.crowd.live.counters import OK, STUCK_STATE, SURGE_STATE, watch
from twin.proof import Reference

#: The first year is for learning; what follows is scored.
LEARNED_H = 8760
#: A counter is made to repeat itself from this hour of a day on, so many hours long, every two weeks.
HELD_FROM, HELD_H, EVERY_DAYS = 10, 8, 14
#: Share of counters that see the night in which a year begins.
NEW_YEAR = "01-01 00:00"


@cache
def street_counts(reference: Reference) -> dict[str, float]:
    """Return the skill of the next hour's forecast, how often its interval holds, and how many faults and events are found.

    `over_persistence`, `over_last_week`: 1 - RMSE / RMSE of the hour before, of the same hour a week before; mean of the counters
    and the worst one. `stuck`: share of counters made to repeat themselves that are found. `false`: share of all other readings that
    are called stuck. `missing`: gaps found, less those there are. `new_year`: rank of the first hour of a year among all hours, by
    how many counters are out of the ordinary.
    """
    counts = _counts(reference)
    found, y = watch(counts, "UTC", 1), counts.values
    scored = slice(LEARNED_H, None)
    before, week = y[LEARNED_H - 1 : -1], y[LEARNED_H - 168 : -168]
    own, persisted, repeated = (_rmse(guess, y[scored]) for guess in (found["forecast"].values[scored], before, week))
    state = found["state"].values
    fine = ((state == OK) | (state == SURGE_STATE))[scored] & ~np.isnan(y[scored])
    inside = (y >= found["low"].values) & (y <= found["high"].values)
    surges = pd.Series((state[scored] == SURGE_STATE).sum(axis=1), pd.DatetimeIndex(counts["time"].values[scored]))
    first = surges[surges.index.strftime("%m-%d %H:%M") == NEW_YEAR]
    stuck, false = _held(counts, state)
    return {
        "over_persistence": float((1.0 - own / persisted).mean()),
        "over_persistence_worst": float((1.0 - own / persisted).min()),
        "over_last_week": float((1.0 - own / repeated).mean()),
        "over_last_week_worst": float((1.0 - own / repeated).min()),
        "inside": float(inside[scored][fine].mean()),
        "stuck": stuck,
        "false": false,
        "missing": float(np.isnan(y).sum() - (state == 1).sum()),
        "new_year": float((surges > first.max()).sum() + 1) if len(first) else np.nan,
        "new_year_counters": float(first.max() / y.shape[1]) if len(first) else np.nan,
    }


def _counts(reference: Reference) -> xr.DataArray:
    """Return counts (time, sensor), the times as local ones; the date of a row is that of the day that began at 6 in the morning."""
    table = pd.read_csv(reference.folder("crowd") / "auckland_counts" / "hourly_2023_2024.csv.gz")
    hour = table["hour"].str.extract(r"^(\d+)")[0].astype(int).to_numpy()
    steps = np.mod(np.diff(hour), 24)
    passed = np.concatenate([[0], np.cumsum(np.where(steps == 0, 24, steps))]) + hour[0]
    times = pd.Timestamp(table["date"][0]) + pd.to_timedelta(passed, unit="h")
    wide = table.drop(columns=["date", "hour", "year"]).set_axis(times).asfreq("h")
    coords = {"time": wide.index.values, "sensor": list(wide.columns)}
    return xr.DataArray(wide.to_numpy(float), coords, ("time", "sensor"))


def _rmse(guess: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.nanmean((guess - truth) ** 2, axis=0)))


def _held(counts: xr.DataArray, before: NDArray[np.int64]) -> tuple[float, float]:
    """Return (share of counters made to repeat themselves that are found, share of the other readings that are newly called stuck)."""
    values, hours = counts.values.copy(), pd.DatetimeIndex(counts["time"].values).hour
    starts = np.flatnonzero((hours == HELD_FROM) & (np.arange(len(hours)) >= LEARNED_H))
    held: list[tuple[int, int]] = []
    for sensor in range(values.shape[1]):
        for k in starts[sensor % EVERY_DAYS :: EVERY_DAYS]:
            span = slice(k, k + HELD_H)
            if k + HELD_H <= len(hours) and (before[span, sensor] == OK).all():
                values[span, sensor] = values[k, sensor]
                held.append((int(k), sensor))
    state = watch(counts.copy(data=values), "UTC", 1)["state"].values
    elsewhere = np.ones(values.shape, dtype=bool)
    for k, sensor in held:
        elsewhere[k : k + HELD_H, sensor] = False
    share = np.mean([(state[k : k + HELD_H, sensor] == STUCK_STATE).any() for k, sensor in held])
    false = ((state == STUCK_STATE) & (before != STUCK_STATE) & elsewhere).sum() / elsewhere.sum()
    return float(share), float(false)
