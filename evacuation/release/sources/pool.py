"""A pool of spilt liquid that evaporates: it spreads to a least depth or to its bund, boils on the ground's heat or dries in the wind.

Boiling (the ground is warmer than the boiling point): heat conducted from the ground, q = k (Tg - Tb) / (L sqrt(pi a t)), k = 1.1 W m-1
K-1, a = 6e-7 m2 s-1 (concrete and soil; CPR 14E, Yellow Book). Otherwise q = k_m p_v M / (R T) with the mass transfer of Mackay and
Matsugu 1973 at Sc = 0.8, k_m = 0.0048 u^(7/9) d^(-1/9) Sc^(-2/3). First form: the ground's heat alone, from the pool's first second on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evacuation.release.substances import GAS, Substance

LEAST_DEPTH_M = 0.01  # on rough ground: CPR 18E
CONDUCTS, DIFFUSES = 1.1, 6e-7
SCHMIDT = 0.8


@dataclass
class Pool:
    """`kg` of liquid on the ground, `age` s since the first of it; `bund_m2` bounds its area, 0 for none."""

    substance: Substance
    bund_m2: float = 0.0
    kg: float = 0.0
    age: float = 0.0

    @property
    def area(self) -> float:
        """Area, m2."""
        free = self.kg / self.substance.number("liquid_density") / LEAST_DEPTH_M
        return min(free, self.bund_m2) if self.bund_m2 > 0 else free

    def evaporate(self, dt: float, wind: float, temperature: float) -> float:
        """Evaporate for `dt` s in a wind (m s-1) over ground as warm as the air (K); return the mass, kg."""
        if self.kg <= 0.0:
            return 0.0
        gone = min(self.rate(wind, temperature, self.age + 0.5 * dt) * dt, self.kg)
        self.kg -= gone
        self.age += dt
        return gone

    def rate(self, wind: float, temperature: float, age: float) -> float:
        """Return the evaporation at an age (s), kg s-1."""
        boiling, area = self.substance.number("boiling_point"), self.area
        if temperature > boiling:
            heat = CONDUCTS * (temperature - boiling) / math.sqrt(math.pi * DIFFUSES * age)
            return area * heat / self.substance.number("latent_heat_at_Tb")
        side = max(2.0 * math.sqrt(area / math.pi), 0.1)
        transfer = 0.0048 * wind ** (7.0 / 9.0) * side ** (-1.0 / 9.0) * SCHMIDT ** (-2.0 / 3.0)
        vapour = self.substance.vapour_pressure(temperature) * self.substance.molar_kg / (GAS * temperature)
        return float(area * transfer * vapour)
