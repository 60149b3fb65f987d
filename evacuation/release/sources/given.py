"""Gas whose rate is known in time: what a stack or a vent lets go, or a source of which only the rate is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from evacuation.release.sources.source import Content, Gas, Way
from evacuation.release.substances import Substance
from twin.clock import Clock
from twin.errors import ScenarioError


@dataclass
class Given(Gas):
    """`rates` (kg s-1) from `times` on (s since it began, from 0, rising), each until the next; the last is 0.

    It comes at `temperature` (K); `kg` is left of what the tank held, NaN where that is not known. What would come while it is
    shut does not come later.
    """

    substance: Substance
    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    temperature: float
    kg: float = math.nan
    full_kg: float = field(init=False)

    def __post_init__(self) -> None:
        self.full_kg = self.kg

    @classmethod
    def of(cls, content: Content, way: Way) -> Given:
        """Return the rates that a scenario lists as (min, kg s-1); raise ScenarioError for a list that is no release in time.

        Nor can more gas leave a stack than goes through its mouth, or a tank than it holds.
        """
        times, rates = np.array(way.rates_kg_s, dtype=float).reshape(-1, 2).T
        whole = len(times) > 1 and times[0] == 0.0 and (np.diff(times) > 0.0).all() and (rates >= 0.0).all()
        if not whole or rates[-1] != 0.0 or not rates.any() or not np.isfinite(times[-1]):
            raise ScenarioError("release_rates", found=[list(row) for row in way.rates_kg_s])
        if (stack := way.stack) is not None:
            most = float(rates.max()) / content.substance.gas_density(stack.temperature)
            if most > stack.flow_m3_s:
                raise ScenarioError("release_flue", site=content.site, found=stack.flow_m3_s, expected=most)
        source = cls(content.substance, 60.0 * times, rates, content.temperature, content.kg)
        if (total := source._until(source.times[-1])) > content.kg:
            raise ScenarioError("release_too_much", site=content.site, found=total, expected=content.kg)
        return source

    def outflow(self, hole_m: float, dt: float, since: float, open_share: float = 1.0) -> float:
        """Let go what comes in `dt` s, or a share of it; the hole does not matter."""
        out = open_share * (self._until(since + dt) - self._until(since))
        self.kg = max(self.kg - out, 0.0)
        return out

    def _until(self, t: float) -> float:
        """Return the mass that comes from the beginning until `t` (s), kg."""
        spans = np.clip(t - self.times[:-1], 0.0, np.diff(self.times))
        return float(spans @ self.rates[:-1])


def of_series(
    rate: xr.DataArray, clock: Clock, elapsed: float, began: float
) -> tuple[float, tuple[tuple[float, float], ...]]:
    """Return when a series of rates (kg s-1, time) begins, s since the first run's start, and its rates as a scenario lists them.

    elapsed: s from the first run's start to that of the clock. began: when it began in an earlier run, NaN: it did not; else with its
    first rate above 0. A last rate above 0 holds to the end of the run, or as long as the step before it where that is longer.
    """
    times = elapsed + np.array([clock.seconds(t) for t in rate["time"].values])
    rates = rate.values.astype(float)
    if rates[-1] > 0.0:
        ends = max(elapsed + clock.duration_s, times[-1] + (times[-1] - times[-2]))
        times, rates = np.append(times, ends), np.append(rates, 0.0)
    start = float(times[np.argmax(rates > 0.0)]) if np.isnan(began) else began
    # what held before it began is told by the row before
    first = max(int(np.searchsorted(times, start, side="right")) - 1, 0)
    since = np.maximum(times[first:] - start, 0.0)
    rows = [(float(t), float(r)) for t, r in zip(since / 60.0, rates[first:], strict=True)]
    return start, tuple(rows if rows[0][0] == 0.0 else [(0.0, 0.0), *rows])
