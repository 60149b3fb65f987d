"""Counters of persons: forecasts that learn, and readings that are missing, stuck, low or out of the ordinary."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.live.counters import LOW_STATE, MISSING, OK, STUCK_STATE, SURGE_STATE, watch
from evacuation.crowd.report import blocks
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, with_hall
from twin.blocks import Section, Table, Text
from twin.city import City
from twin.errors import ScenarioError
from twin.words import Word

WEEKS, SENSORS = 8, 5
MONDAY = pd.Timestamp("2026-01-05")


def streets(seed: int = 0, interval: str = "1h") -> xr.DataArray:
    """Return weeks of Poisson counts: a day with two peaks, quiet nights, each week and counter some percent busier or calmer."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(MONDAY, MONDAY + pd.Timedelta(weeks=WEEKS), freq=interval, inclusive="left")
    hour = times.hour.to_numpy() + times.minute.to_numpy() / 60.0
    day = 40.0 + 400.0 * np.exp(-0.5 * ((hour - 12.5) / 2.0) ** 2) + 300.0 * np.exp(-0.5 * ((hour - 18.0) / 1.5) ** 2)
    weather = np.repeat(rng.uniform(0.8, 1.2, 7 * WEEKS), len(times) // (7 * WEEKS))
    size = np.linspace(0.5, 2.0, SENSORS) * pd.Timedelta(interval) / pd.Timedelta("1h")
    counts = rng.poisson(np.outer(day * weather, size)).astype(float)
    return xr.DataArray(counts, {"time": times.values, "sensor": [f"c{k}" for k in range(SENSORS)]}, ("time", "sensor"))


def changed(
    counts: xr.DataArray, sensor: int, first: str, hours: int, value: float | None = None
) -> tuple[xr.DataArray, slice]:
    """Return the counts with a stretch of one counter at a value (None: at what it read first), and where the stretch is."""
    k = int(np.flatnonzero(counts["time"].values == np.datetime64(pd.Timestamp(first)))[0])
    values, span = counts.values.copy(), slice(k, k + hours)
    values[span, sensor] = values[k, sensor] if value is None else value
    return counts.copy(data=values), span


@pytest.fixture(scope="module")
def calm() -> xr.Dataset:
    return watch(streets(), "UTC", 3)


def test_the_next_hour_is_known_to_about_a_poisson_count_and_better_than_by_repeating(calm: xr.Dataset) -> None:
    y, last = streets().values, slice(-2 * 168, None)
    error = (calm["forecast"].values - y)[last]
    repeated = (np.roll(y, 1, axis=0) - y)[last]
    assert np.sqrt((error**2).mean()) < 0.5 * np.sqrt((repeated**2).mean())
    assert abs(error.mean()) < 0.05 * y[last].mean()
    inside = (y >= calm["low"].values) & (y <= calm["high"].values)
    assert 0.85 < inside[last].mean() < 0.98
    assert (
        set(np.unique(calm["state"].values[last])) <= {OK, SURGE_STATE}
        and (calm["state"].values[last] == OK).mean() > 0.999
    )


def test_what_is_to_come_has_an_interval_that_holds_and_widens(calm: xr.Dataset) -> None:
    assert (calm["expected_low"] <= calm["expected"]).all() and (calm["expected"] <= calm["expected_high"]).all()
    assert calm["ahead"].values[0] == streets()["time"].values[-1] + np.timedelta64(1, "h")
    truth = streets()
    at = [truth.isel(time=slice(0, -k)) for k in range(3, 75, 9)]
    held = []
    for part in at:
        found = watch(part, "UTC", 3)
        real = truth.sel(time=found["ahead"].values).values
        held.append((real >= found["expected_low"].values) & (real <= found["expected_high"].values))
    assert np.mean(held) > 0.8


def test_a_gap_is_missing_and_costs_the_others_nothing() -> None:
    gap, span = changed(streets(), 2, "2026-02-24 08:00", 6, np.nan)
    found = watch(gap, "UTC", 1)
    assert (found["state"].values[span, 2] == MISSING).all()
    assert not np.isnan(found["forecast"].values[span]).any()


def test_a_counter_that_repeats_itself_is_found_and_nothing_is_learned_from_it() -> None:
    held, span = changed(streets(), 1, "2026-02-24 10:00", 8)
    state = watch(held, "UTC", 1)["state"].values
    assert (state[span, 1] == STUCK_STATE).sum() >= 2 and state[span.stop - 1, 1] == STUCK_STATE
    assert (np.delete(state, 1, axis=1) != STUCK_STATE).all()


def test_quiet_nights_of_nothing_are_no_fault() -> None:
    quiet = streets()
    night = pd.DatetimeIndex(quiet["time"].values).hour < 6
    values = quiet.values.copy()
    values[night] = 0.0
    assert not (watch(quiet.copy(data=values), "UTC", 1)["state"].values == STUCK_STATE).any()


def test_a_counter_that_counts_next_to_nothing_beside_busy_ones_is_low_but_a_quiet_day_of_all_is_not() -> None:
    rng, counts = np.random.default_rng(3), streets()
    covered, span = changed(counts, 3, "2026-02-24 00:00", 48, 0.0)
    covered.values[span, 3] = rng.poisson(1.5, 48)
    state = watch(covered, "UTC", 1)["state"].values[span, 3]
    assert (state[24:] == LOW_STATE).mean() > 0.5
    lull = counts.copy(data=counts.values.copy())
    lull.values[span] = np.round(lull.values[span] * 0.05)
    assert not (watch(lull, "UTC", 1)["state"].values == LOW_STATE).any()


def test_a_sudden_crowd_is_out_of_the_ordinary_at_once() -> None:
    night, span = changed(streets(), 4, "2026-02-24 23:00", 1, 1500.0)
    state = watch(night, "UTC", 1)["state"].values
    assert state[span.start, 4] == SURGE_STATE


@given(st.sampled_from(["5min", "15min", "30min"]), st.integers(0, 5))
def test_any_even_interval_of_a_day_works(interval: str, seed: int) -> None:
    counts = streets(seed, interval).isel(time=slice(0, 200))
    found = watch(counts, "Asia/Shanghai", 4)
    assert found["expected"].shape == (4, SENSORS) and found["state"].shape == counts.shape


def test_times_that_are_not_even_are_refused() -> None:
    counts = streets().isel(time=[0, 1, 3, 4])
    with pytest.raises(ScenarioError) as error:
        watch(counts, "UTC", 1)
    assert error.value.code == "counts_uneven"
    odd = streets().isel(time=slice(0, 3))
    odd = odd.assign_coords(time=odd["time"].values[0] + np.array([0, 7001, 14002]).astype("timedelta64[s]"))
    with pytest.raises(ScenarioError) as error:
        watch(odd, "UTC", 1)
    assert error.value.code == "counts_interval"


def test_a_run_tells_of_the_counters_beside_its_venue(small_city: City) -> None:
    city = with_hall(small_city)
    sensors = gpd.GeoDataFrame(
        {
            "id": ["c0", "c1", "far"],
            "kind": "people_counter",
            "name_zh": ["甲", "乙", "丙"],
            "name_en": ["A", "B", "C"],
        },
        geometry=[shapely.Point(X + 5, Y - 20), shapely.Point(X + 20, Y), shapely.Point(X - 900, Y)],
        crs=city.grid.crs,
    )
    city = replace(city, sensors=sensors)
    counts, _ = changed(streets().isel(sensor=[0, 1, 2]), 1, "2026-03-01 10:00", 14)
    counts = counts.assign_coords(sensor=["c0", "c1", "far"]).rename("people_count")
    run = Crowd("hall", persons=20).simulate(city, {"people_count": counts}, clock(10))
    table = run.tables["counters"].set_index("id")
    assert (
        list(table.index) == ["c0", "c1"] and table.loc["c0", "state"] == "ok" and table.loc["c1", "state"] == "stuck"
    )
    assert table.loc["c0", "next_low"] <= table.loc["c0", "next"] <= table.loc["c0", "next_high"]
    assert dict(run.notes)["counters_stuck"] == {"sensors": ["c1"]}
    section = SimpleNamespace(tables={"counters": run.tables["counters"]}, places=None)
    title, rows, _ = blocks(cast(Section, section), city, clock(10))
    assert isinstance(title, Text) and title.said == Word("report.crowd.counters")
    assert (
        isinstance(rows, Table) and len(rows.rows) == 2 and rows.rows[1][2].said == Word("report.crowd.counter_stuck")
    )
    odd = counts.isel(time=[0, 1, 3])
    told = Crowd("hall", persons=20).simulate(city, {"people_count": odd}, clock(10))
    assert "counters" not in told.tables and "counters_unread" in dict(told.notes)
