"""Counters of persons in time: a forecast that learns as readings come, and readings that are missing, stuck or out of the ordinary.

Counts are looked at as x = (count + 3/8)^0.5, whose scatter hangs little on their size (Anscombe 1948, doi:10.1093/biomet/35.3-4.246).
Each counter has a profile of the week, an hour a slot, which moves a tenth of the way to each new reading (exponential smoothing).
What a reading lies off its profile is forecast from what this counter lay off it one and two steps, a day and a week ago (and a step
before each), and from the mean of all counters now: linear regression by recursive least squares with forgetting (Ljung and
Soderstrom 1983). Further steps ahead take forecasts for readings. Errors are those made so far, by slot and by steps ahead.

Surprises are cut at three standard deviations before anything is learned from them, so one wild night does not spoil the profile.
No figure was fitted to data; halving or doubling the rates moves the errors on a year of street counts by 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from twin.errors import ScenarioError

Array = NDArray[np.float64]

DAY_S, WEEK_H = 86_400.0, 168
#: Share of the way to a new reading that profile and scatter of a slot move, once they have seen ten of them.
RATE = 0.1
#: What a step ago counts less than now in the regression.
FORGET = 0.9995
#: A surprise counts as this many standard deviations at most when something is learned from it.
MOST_SURPRISE = 3.0
#: Standard deviation of x before anything is known, and the least that is believed: that of a Poisson count.
FIRST_SD, LEAST_SD = 2.0, 0.5
#: The same number again and again is a stuck counter where the forecast gives that a chance below this.
STUCK = 1e-9
#: A reading this many standard deviations over its forecast is out of the ordinary.
SURGE = 4.0
#: A counter is low that has counted less than this share of its usual in half a day, while half of all counted more than LIVELY of
#: theirs: it is covered, broken, or its street is shut. Only where so many persons are usual in that time.
LOW_SHARE, LIVELY, LOW_PERSONS, LOW_S = 0.1, 0.5, 100.0, 43_200.0
#: A slot must have been seen this often before a reading can be out of the ordinary, or a counter stuck, for it.
KNOWN = 4

#: What a reading is: the states of `Watch.see`.
STATES = ("ok", "missing", "stuck", "low", "surge", "learning")
OK, MISSING, STUCK_STATE, LOW_STATE, SURGE_STATE, LEARNING = range(6)


@dataclass(frozen=True)
class Outlook:
    """What is expected of each counter, (step ahead, sensor): the middle and both ends of the interval that holds 90 %."""

    expected: Array
    low: Array
    high: Array


class Watch:
    """All counters of a place, read every `interval_s` seconds.

    Raises ScenarioError for an interval that does not divide a day.
    """

    def __init__(self, sensors: Sequence[str], interval_s: float, ahead: int = 3) -> None:
        steps = DAY_S / interval_s
        if abs(steps - round(steps)) > 1e-9:
            raise ScenarioError("counts_interval", found=interval_s)
        day, count = round(steps), len(sensors)
        self.sensors, self.interval_s, self.ahead = tuple(sensors), interval_s, ahead
        self._lags = np.array([1, 2, day, day + 1, 7 * day, 7 * day + 1])
        self._off = np.zeros((self._lags.max() + 1, count))  # a ring: what each reading lay off its profile
        self._next = 0
        self._profile, self._seen = np.full((WEEK_H, count), np.nan), np.zeros((WEEK_H, count))
        self._scatter = np.full((WEEK_H, count), FIRST_SD**2)
        terms = len(self._lags) + 2
        self._weights = np.zeros((count, terms))
        self._weights[:, 0] = 0.7
        self._trust = np.tile(np.eye(terms), (count, 1, 1))
        self._growth = np.ones((ahead, count))
        self._made = np.full((ahead, ahead, count), np.nan)  # forecasts made k steps ago, for each step ahead
        self._last, self._luck = np.full(count, np.nan), np.zeros(count)
        self._lately = np.zeros((2, max(round(LOW_S / interval_s), 1), count))  # what was counted, and what is usual

    def see(self, slot: int, counts: Array) -> NDArray[np.int64]:
        """Take in the counts (sensor,) of one interval, NaN where there is none; return their STATES.

        `slot`: hour of the week of the interval, 0 to 167, local time. What is stuck or low is not learned from.
        """
        x = np.sqrt(np.maximum(counts, 0.0) + 0.375)
        expected, sd = self._forecast([slot])[0], self._sd(slot, 1)
        profile, known = self._profile[slot], self._seen[slot] >= KNOWN
        with np.errstate(invalid="ignore"):
            chance = _chance(counts, expected, sd)
            again = (counts == self._last) & known
            self._luck = np.where(again, self._luck + np.log(np.maximum(chance, 1e-300)), 0.0)
            self._last = np.where(np.isnan(counts), self._last, counts)
            stuck = again & (self._luck < np.log(STUCK))
            surge = known & (x > expected + SURGE * sd)
        missing, low = np.isnan(counts), self._low(counts, np.where(known, _count(profile), np.nan))
        state = np.where(surge, SURGE_STATE, np.where(known, OK, LEARNING))
        state = np.where(missing, MISSING, np.where(stuck, STUCK_STATE, np.where(low, LOW_STATE, state)))
        self._learn(slot, np.where(missing | stuck | low, np.nan, x), expected, sd, profile)
        return state

    def _low(self, counts: Array, usual: Array) -> NDArray[np.bool_]:
        """Return which counters have counted next to nothing in the last half day, while most others counted as usual."""
        there = ~np.isnan(counts) & ~np.isnan(usual)
        self._lately = np.roll(self._lately, 1, axis=1)
        self._lately[:, 0] = np.where(there, [counts, usual], 0.0)
        counted, expected = self._lately.sum(axis=1)
        busy = expected >= LOW_PERSONS
        share = counted / np.maximum(expected, 1.0)
        lively = bool(busy.any()) and float(np.median(share[busy])) > LIVELY
        return np.asarray(busy & (share < LOW_SHARE) & lively)

    def outlook(self, slots: Sequence[int]) -> Outlook:
        """Return what is expected of the next intervals, `slots` their hours of the week: at most `ahead`."""
        paths = self._forecast(slots)
        spread = np.stack([self._sd(slot, k + 1) for k, slot in enumerate(slots)]) * ndtri(0.95)
        return Outlook(_count(paths), _count(paths - spread), _count(paths + spread))

    def _sd(self, slot: int, step: int) -> Array:
        return np.asarray(np.maximum(np.sqrt(self._scatter[slot] * self._growth[step - 1]), LEAST_SD))

    def _forecast(self, slots: Sequence[int]) -> Array:
        """Return the expected x (step, sensor) of the next intervals, NaN where a slot was never seen."""
        found, ahead = (np.zeros((len(slots), len(self.sensors))) for _ in range(2))
        for k, slot in enumerate(slots):
            ahead[k] = (self._terms(ahead[:k]) * self._weights).sum(axis=1)
            found[k] = self._profile[slot] + ahead[k]
        return found

    def _terms(self, ahead: Array) -> Array:
        """Return the terms of the regression (sensor, term) `len(ahead)` steps from now, forecasts standing for readings."""
        back = [
            ahead[len(ahead) - lag]
            if lag <= len(ahead)
            else self._off[(self._next + len(ahead) - lag) % len(self._off)]
            for lag in self._lags
        ]
        return np.stack([*back, np.full(len(self.sensors), back[0].mean()), np.ones(len(self.sensors))], axis=1)

    def _learn(self, slot: int, x: Array, expected: Array, sd: Array, profile: Array) -> None:
        """Move regression, scatter and profile by a reading; NaN: by none."""
        self._score(slot, x)
        there, terms = ~np.isnan(x) & ~np.isnan(profile), self._terms(np.zeros((0, len(self.sensors))))
        guess = (terms * self._weights).sum(axis=1)
        off = np.where(there, x - profile, guess)
        error = np.where(there, np.clip(x - expected, -MOST_SURPRISE * sd, MOST_SURPRISE * sd), 0.0)
        lead = np.einsum("sij,sj->si", self._trust, terms)
        gain = lead / (self._scatter[slot] + (terms * lead).sum(axis=1))[:, None]
        self._weights += np.where(there[:, None], gain * error[:, None], 0.0)
        trust = (self._trust - gain[:, :, None] * lead[:, None, :]) / FORGET
        trust *= np.minimum(1.0, trust.shape[1] / np.trace(trust, axis1=1, axis2=2))[:, None, None]
        self._trust = np.where(there[:, None, None], trust, self._trust)
        self._scatter[slot] += np.where(there, RATE * (error**2 - self._scatter[slot]), 0.0)
        held = np.clip(x - profile, -MOST_SURPRISE * (sd + 1.0), MOST_SURPRISE * (sd + 1.0))
        rate = np.maximum(1.0 / (self._seen[slot] + 1.0), RATE)
        self._profile[slot] = np.where(np.isnan(profile), x, np.where(there, profile + rate * held, profile))
        self._seen[slot] += ~np.isnan(x)
        self._off[self._next] = np.nan_to_num(off)
        self._next = (self._next + 1) % len(self._off)

    def _score(self, slot: int, x: Array) -> None:
        """Hold what was forecast for this interval 1, 2, ... steps before it against the reading."""
        for k in range(self.ahead):
            error = x - self._made[k, k]
            growth = np.minimum(error**2 / self._scatter[slot], MOST_SURPRISE**2)
            self._growth[k] += np.where(np.isnan(error), 0.0, 0.2 * RATE * (growth - self._growth[k]))

    def plan(self, slots: Sequence[int]) -> None:
        """Remember the forecast for the next `ahead` intervals, so that their errors become known."""
        self._made = np.roll(self._made, 1, axis=0)
        self._made[0] = self._forecast(slots)


def _count(x: Array) -> Array:
    """Return the count of a root, at least 0."""
    return np.asarray(np.maximum(np.maximum(x, 0.0) ** 2 - 0.375, 0.0))


def _chance(counts: Array, expected: Array, sd: Array) -> Array:
    """Return the chance of exactly these counts, by the forecast of their roots."""
    high = np.sqrt(counts + 0.5 + 0.375)
    low = np.where(counts > 0.0, np.sqrt(np.maximum(counts - 0.5 + 0.375, 0.0)), -np.inf)
    return np.asarray(ndtr((high - expected) / sd) - ndtr((low - expected) / sd))


def watch(counts: xr.DataArray, tz: str | tzinfo, ahead: int = 3) -> xr.Dataset:
    """Go through counts (time, sensor), UTC, evenly spaced, NaN where there is none, as they came.

    Return `state` (time, sensor; an index into STATES) of each reading, `forecast` (time, sensor), what was expected of it one
    interval before, with `low` and `high`, ends of the interval that should hold 90 %, and `expected`, `expected_low` and
    `expected_high` (ahead, sensor) of the intervals to come. Raises ScenarioError for times that are not evenly spaced.
    """
    times = pd.DatetimeIndex(counts["time"].values)
    gaps = np.unique(np.diff(times.values).astype("timedelta64[s]").astype(float))
    if len(gaps) != 1:
        raise ScenarioError("counts_uneven", found=sorted(gaps)[:3] if len(gaps) else len(times))
    interval = float(gaps[0])
    after = pd.date_range(times[-1], periods=ahead + 1, freq=pd.Timedelta(seconds=interval))[1:]
    local = times.append(after).tz_localize("UTC").tz_convert(tz)
    slots = [int(slot) for slot in 24 * local.day_of_week + local.hour]
    values = counts.transpose("time", "sensor").values.astype(np.float64)
    made = Watch([str(s) for s in counts["sensor"].values], interval, ahead)
    state = np.zeros(values.shape, np.int64)
    forecast, low, high = (np.full(values.shape, np.nan) for _ in range(3))
    for k in range(len(times)):
        one = made.outlook(slots[k : k + 1])
        forecast[k], low[k], high[k] = one.expected[0], one.low[0], one.high[0]
        state[k] = made.see(slots[k], values[k])
        made.plan(slots[k + 1 : k + 1 + ahead])
    then = made.outlook(slots[len(times) :])
    timed, later = ("time", "sensor"), ("ahead", "sensor")
    return xr.Dataset(
        {
            "state": (timed, state),
            "forecast": (timed, forecast),
            "low": (timed, low),
            "high": (timed, high),
            "expected": (later, then.expected),
            "expected_low": (later, then.low),
            "expected_high": (later, then.high),
        },
        coords={"time": counts["time"], "sensor": counts["sensor"], "ahead": after.values},
    )
