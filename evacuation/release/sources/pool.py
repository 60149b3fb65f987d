"""A pool of spilt liquid that evaporates: it spreads to a least depth or to its bund, and warms or cools as heat comes and vapour goes.

m cp dT/dt = G + A h (Ta - T) - L E (CPR 14E, Yellow Book, section 3.5; SLAB and ALOHA take the same terms). From the ground, warm as the
air, G = sum of dA k (Ta - T) / sqrt(pi a t), each ring of ground dA with its own time t since it was wetted; k = 1.1 W m-1 K-1,
a = 6e-7 m2 s-1 (concrete and soil). Into the wind, E = A k_m M pa / (R T) ln(1 / (1 - p_v / pa)), k_m = 0.0048 u^(7/9) d^(-1/9)
Sc^(-2/3) (Mackay and Matsugu 1973, doi:10.1002/cjce.5450510407; the logarithm carries it to boiling: Brighton 1985,
J. Fluid Mech. 159, 323), and the wind's heat alike with Pr for Sc. Where heat is more than the wind takes away, it boils.
Sun and radiation are left out, so is a ground that freezes or gets wet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from evacuation.release.substances import ATMOSPHERE_PA, LIMITS_K, Substance

LEAST_DEPTH_M = 0.01  # on rough ground: CPR 18E
CONDUCTS, DIFFUSES = 1.1, 6e-7
SCHMIDT, PRANDTL = 0.8, 0.71
AIR_J_M3_K = 1005.0 * 1.184 * LIMITS_K  # heat capacity of a cubic metre of air, times its temperature
#: Shares of the air's pressure are told from boiling down to this.
NEAR_BOILING = 1e-6
#: No pool is colder than this share of its boiling point.
COLDEST = 0.4


@dataclass
class Pool:
    """`kg` of liquid on the ground at `temperature` (K); `bund_m2` bounds its area, 0 for none.

    `rings` (2, ring) are the areas (m2) that were wetted together, and for how long (s).
    """

    substance: Substance
    bund_m2: float = 0.0
    kg: float = 0.0
    temperature: float = LIMITS_K
    rings: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 0)))

    @property
    def area(self) -> float:
        """Area, m2."""
        free = self.kg / self.substance.number("liquid_density") / LEAST_DEPTH_M
        return min(free, self.bund_m2) if self.bund_m2 > 0 else free

    def add(self, kg: float, temperature: float) -> None:
        """Pour in liquid at a temperature (K); what is warmer than its boiling point comes at it."""
        if kg <= 0.0:
            return
        comes = min(temperature, self.substance.number("boiling_point"))
        mine = self.kg / (self.kg + kg)
        self.temperature = mine * self.temperature + (1.0 - mine) * comes
        self.kg += kg

    def evaporate(self, dt: float, wind: float, temperature: float) -> float:
        """Evaporate for `dt` s in a wind (m s-1) over ground as warm as the air (K); return the mass, kg.

        The temperature is that at the end of the step (backward Euler); a pool that only the ground makes boil is exact.
        """
        if self.kg <= 0.0:
            return 0.0
        self._wet()
        number = self.substance.number
        boiling, latent, stored = (
            number("boiling_point"),
            number("latent_heat_at_Tb"),
            self.kg * number("liquid_heat_capacity"),
        )
        each_k = self._ground_heat(dt) + dt * self.area * self._wind_heat(wind, temperature)

        def heat(at: float) -> float:
            """Return the heat that is there to evaporate in the step, J, where the pool ends at a temperature (K)."""
            return each_k * (temperature - at) - stored * (at - self.temperature)

        def over(at: float) -> float:
            return heat(at) - latent * dt * self.drying(wind, at)

        ends = boiling if over(boiling) >= 0.0 else brentq(over, COLDEST * boiling, boiling, xtol=1e-9)
        gone = min(max(heat(ends), 0.0) / latent, self.kg)
        self.temperature = ends
        self.kg -= gone
        self.rings[1] += dt
        return gone

    def drying(self, wind: float, temperature: float) -> float:
        """Return what a wind (m s-1) takes from the pool at a temperature (K), kg s-1."""
        share = min(self.substance.vapour_pressure(temperature) / ATMOSPHERE_PA, 1.0 - NEAR_BOILING)
        vapour = -math.log(1.0 - share) * self.substance.gas_density(temperature)
        return self.area * self._transfer(wind, SCHMIDT) * vapour

    def _wind_heat(self, wind: float, temperature: float) -> float:
        """Return the heat that air (K) brings, W m-2 K-1."""
        return self._transfer(wind, PRANDTL) * AIR_J_M3_K / temperature

    def _transfer(self, wind: float, number: float) -> float:
        """Return the speed of transfer into the wind, m s-1, for a Schmidt or Prandtl number."""
        side = max(2.0 * math.sqrt(self.area / math.pi), 0.1)
        return float(0.0048 * wind ** (7.0 / 9.0) * side ** (-1.0 / 9.0) * number ** (-2.0 / 3.0))

    def _wet(self) -> None:
        """Wet new ground where the pool has grown; where it has shrunk, every ring has."""
        wetted = float(self.rings[0].sum())
        if self.area > wetted:
            self.rings = np.append(self.rings, [[self.area - wetted], [0.0]], axis=1)
        elif self.area < wetted:
            self.rings[0] *= self.area / wetted

    def _ground_heat(self, dt: float) -> float:
        """Return the heat that the ground gives in `dt` s, J K-1."""
        roots = 2.0 * (np.sqrt(self.rings[1] + dt) - np.sqrt(self.rings[1]))
        return float(CONDUCTS / math.sqrt(math.pi * DIFFUSES) * (self.rings[0] @ roots))
