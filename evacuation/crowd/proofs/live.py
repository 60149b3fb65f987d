"""Live counts against two years of Auckland's street counters: skill of the next hour, bad counters found, New Year's Eve seen."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.crowd.live.counters import GOOD, STUCK, WEEK_H, Counters
from twin.proof import Reference


@cache
def _counts(reference: Reference) -> tuple[pd.DatetimeIndex, NDArray[np.float64]]:
    """Return the hours and the counts (hour, counter) of 2023 and 2024; hours that the file lacks are missing."""
    table = pd.read_csv(reference.folder("crowd") / "auckland_counts" / "hourly_2023_2024.csv.gz")
    first = table.iloc[:, :3].astype(str)
    date, hour = (
        table.columns[0],
        next(c for c in table.columns if first[c].str.contains("-").any() and first[c].str.contains(":").any()),
    )
    begin = pd.to_datetime(table[date].astype(str)) + pd.to_timedelta(
        first[hour].str.split(":").str[0].astype(int), unit="h"
    )
    values = table.drop(columns=[c for c in (date, hour, "year", "Year") if c in table]).apply(
        pd.to_numeric, errors="coerce"
    )
    values.index = pd.DatetimeIndex(begin)
    values = values[~values.index.duplicated()].sort_index()
    values = values.reindex(pd.date_range(values.index[0], values.index[-1], freq="h"))
    return pd.DatetimeIndex(values.index), values.values.astype(np.float64)


@cache
def auckland(reference: Reference) -> dict[str, float]:
    """Return the skill of the next hour (1 less the ratio of mean absolute errors), coverage of its error, and what was found.

    Stuck and missing hours are put in by the case itself at drawn places, 60 of each kind of six hours, and sought.
    """
    hours, counts = _counts(reference)
    model = Counters()
    states = model.states(counts)
    value, error = model.foretold(counts, states)
    late = np.zeros_like(counts, dtype=bool)
    late[5 * WEEK_H :] = True
    before, week = np.full_like(counts, np.nan), np.full_like(counts, np.nan)
    before[1:], week[WEEK_H:] = counts[:-1], counts[:-WEEK_H]
    use = late & (states == GOOD) & np.isfinite(value) & np.isfinite(before) & np.isfinite(week)
    off = {
        name: float(np.abs(v - counts)[use].mean()) for name, v in (("own", value), ("hour", before), ("week", week))
    }
    eve = (hours.month == 12) & (hours.day == 31) & (hours.hour >= 18)
    surges = model.surges(counts, states)
    years = [float(surges[eve & (hours.year == year)].any()) for year in (2023, 2024)]
    return {
        "over_hour": 1.0 - off["own"] / off["hour"],
        "over_week": 1.0 - off["own"] / off["week"],
        "covered": float((np.abs(value - counts) <= 2.0 * error)[use].mean()),
        "eve": min(years),
        "eve_share": float(surges[eve].any(axis=0).mean()),
        "surge_rate": float(surges[late].mean()),
    } | _sought(counts, model)


def _sought(counts: NDArray[np.float64], model: Counters) -> dict[str, float]:
    """Return the share of stuck hours, put in at drawn places by day, that are found, and of whole hours called stuck."""
    rng = np.random.default_rng(7)
    spoilt, put = counts.copy(), np.zeros(counts.shape, dtype=bool)
    gaps = np.zeros(counts.shape, dtype=bool)
    for kind in range(3):
        for _ in range(60):
            hour, counter = 24 * int(rng.integers(40, len(counts) // 24 - 1)) + 10, int(rng.integers(counts.shape[1]))
            if kind == 2:
                spoilt[hour : hour + 6, counter] = np.nan
                gaps[hour : hour + 6, counter] = True
            else:
                spoilt[hour : hour + 6, counter] = spoilt[hour, counter] if kind else 0.0
                put[hour + kind : hour + 6, counter] = ~np.isnan(spoilt[hour + kind : hour + 6, counter])
    put &= ~gaps
    usual = model.usual(counts)
    many = usual >= model.many
    found = model.states(spoilt)
    whole = model.states(counts)
    return {
        "stuck": float((found[put & many] == STUCK).mean()),
        "missing": float((found[gaps] == 1).mean()),
        "wrong": float((whole == STUCK)[many].mean()),
    }
