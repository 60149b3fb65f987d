"""One place that leaks: what it lets into the air in a step, as lines or a puff of gas, and what runs into its pool."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evacuation.release.cloud import Emission
from evacuation.release.dilution import PASSIVE, Dilution, cold, even
from evacuation.release.slab.sources import Fluid
from evacuation.release.sources.pool import Pool
from evacuation.release.sources.source import Source
from evacuation.release.sources.stack import Stack
from evacuation.release.sources.tank import cloud_density
from evacuation.release.substances import ATMOSPHERE_PA
from evacuation.release.weather import Air

#: Least half width of a source, m.
LEAST_HALF_WIDTH_M = 0.5

#: What leaves higher than this is a plume around an axis aloft, m.
ALOFT_M = 5.0

#: Shares of droplets are told apart to this many digits, cold gases by this many K: those that differ less thin alike.
SHARE_DIGITS, COLD_STEP_K = 2, 5.0
#: The mass share of water in the air is told apart to this many digits.
MOISTURE_DIGITS = 3


@dataclass
class Leak:
    """A tank that may leak: where, what is in it and in its pool, and since when (s since the first run's start; NaN: not yet).

    axis_m: how high the axis of its plume was at most, m; 0: it began at the ground. from_ground: high up it was too heavy for an axis.
    mass_known: what it holds is told, not assumed.
    """

    id: str
    x: float
    y: float
    source: Source
    pool: Pool
    hole_m: float = 0.0
    sudden: bool = False
    began: float = np.nan
    cause: int = 0
    out_kg: float = 0.0
    washed_kg: float = 0.0
    most_kg_s: float = 0.0
    buoyant: bool = False
    stack: Stack | None = None
    axis_m: float = 0.0
    from_ground: bool = False
    mass_known: bool = True

    def open(self, now: float, hole_m: float, cause: int, sudden: bool = False) -> None:
        """Make a hole (diameter, m), or let all go at once."""
        self.hole_m, self.sudden = hole_m, sudden
        if np.isnan(self.began):
            self.began, self.cause = now, cause

    def emit(
        self, dt: float, air: Air, number: int, height_m: float, open_share: float, curtain: float, since: float = 0.0
    ) -> list[Emission]:
        """Return what goes into the air in `dt` s; the rest runs into the pool, and `curtain` (share) is washed out.

        since: s since it began. open_share: what a valve or a patch leaves open of a hole or pipe behind it; 0 is shut. Neither holds
        what goes all at once.
        """
        share, flash = self.source.airborne_share(), self.source.flash_share()
        at_once = self.source.kg if self.sudden else 0.0
        flows = self.hole_m > 0.0 and open_share > 0.0
        out = at_once or (self.source.outflow(self.hole_m, dt, since, open_share) if flows else 0.0)
        if at_once:
            self.source.kg, self.sudden = 0.0, False
        self.out_kg += out
        self.pool.add(out * (1.0 - share), self.source.temperature)
        jet, vapour = out * share, self.pool.evaporate(dt, air.wind, air.temperature)
        gone = self._gone(jet + vapour)
        self.washed_kg += curtain * (jet + vapour)
        jet, vapour = jet * (1.0 - curtain), vapour * (1.0 - curtain)
        self.most_kg_s = max(self.most_kg_s, (jet + vapour) / dt)
        dense = cloud_density(self.source.substance, self.source.temperature, flash, share)
        self.buoyant |= jet > 0.0 and dense < air.density
        drops = max(1.0 - flash / share, 0.0) if flash > 0.0 else 0.0
        if at_once:
            found = [self._puff(number, jet, dense, drops, air)] if jet > 0 else []
            over_pool = [self._line(number, vapour / dt, self._gas(air), 0.0, air, height_m)] if vapour > 0 else []
            return [replace(emission, gone=gone) for emission in found + over_pool]
        if jet + vapour <= 0.0:
            return []
        mixed = 1.0 / ((jet / dense + vapour / self._gas(air)) / (jet + vapour))
        drops *= jet / (jet + vapour)
        line = self._line(number, (jet + vapour) / dt, mixed, drops, air, height_m, pool=vapour > jet)
        return [replace(line, gone=gone)]

    def _gone(self, now_kg: float) -> tuple[float, float] | None:
        """Return which shares of all it held have gone, but for the pool, before this step and in it; None: not known what it held."""
        held = self.out_kg + self.source.kg
        if not self.mass_known or math.isnan(held) or held <= 0.0:
            return None
        return (self.out_kg - self.pool.kg - now_kg) / held, now_kg / held

    def _gas(self, air: Air) -> float:
        """Return the density of the vapour over the pool, kg m-3: as cold as the pool, not warmer than the air."""
        return self.source.substance.gas_density(min(air.temperature, self.pool.temperature))

    def _boils(self, air: Air) -> bool:
        return air.temperature > self.source.substance.number("boiling_point")

    def _thins(self, dense: float, drops: float, air: Air) -> Dilution:
        """Return how gas thins that leaves with a density (kg m-3) and a share of droplets.

        What flashes or boils is as cold as its boiling point, gas as its vessel, other vapour as its pool; what is not colder than the
        air is taken to be as warm.
        """
        fluid, share = Fluid.of(self.source.substance), round(drops, SHARE_DIGITS)
        at = fluid.boiling
        if self.source.phase == "gas" or (self.source.flash_share() <= 0.0 and not self._boils(air)):
            leaves = self.source.temperature if self.source.phase == "gas" else self.pool.temperature
            at = COLD_STEP_K * round(leaves / COLD_STEP_K)
            if at > air.temperature - COLD_STEP_K:
                return even(heavy(dense, air))
        kelvin, moisture = round(air.temperature, 1), round(air.moisture, MOISTURE_DIGITS)
        return cold(fluid.matter(at, share), fluid.density(at, share), kelvin, ATMOSPHERE_PA, moisture)

    def _line(
        self, number: int, kg_s: float, dense: float, drops: float, air: Air, height_m: float, pool: bool = False
    ) -> Emission:
        """Return a line of gas: around an axis aloft where it leaves high and is not heavier than air, else from the ground."""
        dilution, axis = self._thins(dense, drops, air), height_m
        if self.stack is not None:
            dense, dilution = self._in_flue(kg_s, self.stack, air)
            axis += self.stack.rise(height_m, *air.on_tile(self.x, self.y), air.inv_l, air.temperature)
        if axis > ALOFT_M and not pool and dilution == PASSIVE:
            self.axis_m = max(self.axis_m, axis)
            radius = max(math.sqrt(kg_s / (dense * math.pi * max(air.wind, 1.0))), LEAST_HALF_WIDTH_M)
            half_width, off = 0.5 * math.sqrt(3.0) * radius, 4.0 * radius / (3.0 * math.pi)  # of a disc
            return Emission(number, self.x, self.y, kg_s, 0.0, dilution, dense, half_width, off, axis=axis)
        self.from_ground |= height_m > ALOFT_M and not pool
        wide = kg_s / (dense * max(air.wind, 1.0) * 4.0 * height_m)
        wide = max(wide, LEAST_HALF_WIDTH_M, np.sqrt(self.pool.area / np.pi) if pool else 0.0)
        return Emission(number, self.x, self.y, kg_s, 0.0, dilution, dense, wide, height_m)

    def _in_flue(self, kg_s: float, stack: Stack, air: Air) -> tuple[float, Dilution]:
        """Return the concentration of the substance in the air of a stack (kg m-3) and how it thins outside.

        The rest of what leaves is air as warm as the stack.
        """
        pure, c = self.source.substance.gas_density(stack.temperature), kg_s / stack.flow_m3_s
        excess = c + (1.0 - c / pure) * air.density * air.temperature / stack.temperature - air.density
        return c, even(max(excess, 0.0) / c)

    def _puff(self, number: int, kg: float, dense: float, drops: float, air: Air) -> Emission:
        radius = (kg / dense / np.pi) ** (1.0 / 3.0)  # as high as its radius
        dilution = self._thins(dense, drops, air)
        return Emission(number, self.x, self.y, 0.0, kg, dilution, dense, radius * np.sqrt(3.0) / 2.0, radius / 2.0)


def heavy(dense: float, air: Air) -> float:
    """Return the excess density that a kilogram brings; 0 for a gas lighter than air (kept at the ground: on the safe side)."""
    return max(1.0 - air.density / dense, 0.0)
