"""Gas whose rate is known in time: what a stack or a vent lets go, or a source of which only the rate is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evacuation.release.sources.source import Content, Gas, Way
from evacuation.release.substances import Substance
from twin.errors import ScenarioError


@dataclass
class Given(Gas):
    """`rates` (kg s-1) from `times` on (s since it began, from 0, rising), each until the next; the last is 0.

    It comes at `temperature` (K); `kg` is what has not come yet. What would come while it is shut does not come later.
    """

    substance: Substance
    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    temperature: float
    kg: float = field(init=False)
    full_kg: float = field(init=False)

    def __post_init__(self) -> None:
        self.full_kg = self.kg = float(self._until(self.times[-1]))

    @classmethod
    def of(cls, content: Content, way: Way) -> Given:
        """Return the rates that a scenario lists as (min, kg s-1); raise ScenarioError for a list that is no release in time.

        Nor can more gas leave a stack than goes through its mouth.
        """
        times, rates = np.array(way.rates_kg_s, dtype=float).reshape(-1, 2).T
        whole = len(times) > 1 and times[0] == 0.0 and (np.diff(times) > 0.0).all() and (rates >= 0.0).all()
        if not whole or rates[-1] != 0.0 or not rates.any() or not np.isfinite(times[-1]):
            raise ScenarioError("release_rates", found=[list(row) for row in way.rates_kg_s])
        if (stack := way.stack) is not None:
            most = float(rates.max()) / content.substance.gas_density(stack.temperature)
            if most > stack.flow_m3_s:
                raise ScenarioError("release_flue", site=content.site, found=stack.flow_m3_s, expected=most)
        return cls(content.substance, 60.0 * times, rates, content.temperature)

    def outflow(self, hole_m: float, dt: float, since: float, open_share: float = 1.0) -> float:
        """Let go what comes in `dt` s, or a share of it; the hole does not matter."""
        out = open_share * (self._until(since + dt) - self._until(since))
        self.kg = max(self.kg - out, 0.0)
        return out

    def _until(self, t: float) -> float:
        """Return the mass that comes from the beginning until `t` (s), kg."""
        spans = np.clip(t - self.times[:-1], 0.0, np.diff(self.times))
        return float(spans @ self.rates[:-1])
