"""Liquefied gas that boils on its way through a pipe: a two-phase flow, choked at the open end.

In a pipe of 0.1 m or more liquid and vapour have time to come to equilibrium (Fauske and Epstein 1988, J. Loss Prev. Process Ind. 1, 75):
G = F (2 rho (p + rho g h - pv) + (L / (vv - vl))^2 / (T cp))^0.5, the first term for what pushes above the vapour's own pressure pv.
F is the friction by their table of length over bore; beyond 400 it goes on as 1 / F^2 - 1 ~ l / d. L at the boiling point (a few
per cent too high where the tank is warmer), the vapour an ideal gas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evacuation.release.sources.source import Content, Way
from evacuation.release.sources.tank import G, Tank
from evacuation.release.substances import ATMOSPHERE_PA, GAS
from twin.errors import ScenarioError

#: Length over bore and F of a smooth-walled pipe (Fauske and Epstein 1988).
FRICTION = ((0.0, 1.0), (50.0, 0.85), (100.0, 0.75), (200.0, 0.65), (400.0, 0.55))
#: A shorter pipe lets liquid through that has no time to boil, m.
SHORTEST_M = 0.1


@dataclass
class FlashingPipe(Tank):
    """A tank of liquefied gas that runs out through a pipe of `length_m` and `bore_m` with its end open; see `Tank`."""

    length_m: float = SHORTEST_M
    bore_m: float = 1.0

    @classmethod
    def of(cls, content: Content, way: Way) -> FlashingPipe:
        """Return the tank of a content with its pipe; raise ScenarioError for what does not boil in it, or has no time to."""
        length, bore = way.pipe
        boiling = content.substance.number("boiling_point")
        if content.phase != "pressurised_liquid" or content.temperature <= boiling:
            raise ScenarioError("release_pipe_calm", site=content.site, found=content.phase, expected=boiling)
        if length < SHORTEST_M:
            raise ScenarioError("release_pipe_brief", site=content.site, found=length, expected=SHORTEST_M)
        tank = Tank.of(content, way)
        return cls(tank.substance, tank.phase, tank.kg, tank.temperature, tank.pressure, 0.0, length, bore)

    def rate(self, hole_m: float) -> float:
        """Return the flow now, kg s-1; the hole is the bore."""
        if self.kg <= 1e-9 * self.full_kg:
            return 0.0
        vapour_pa = max(self.substance.vapour_pressure(self.temperature), ATMOSPHERE_PA)
        swells = GAS * self.temperature / (vapour_pa * self.substance.molar_kg) - 1.0 / self.density
        boils = self.substance.number("latent_heat_at_Tb") / swells
        boils /= math.sqrt(self.temperature * self.substance.number("liquid_heat_capacity"))
        over = self.pressure - vapour_pa + self.density * G * self.side_m * self.kg / self.full_kg
        flux = math.sqrt(2.0 * self.density * max(over, 0.0) + boils**2)
        return math.pi / 4.0 * self.bore_m**2 * friction(self.length_m / self.bore_m) * flux


def friction(slender: float) -> float:
    """Return F of a pipe `slender` times as long as its bore."""
    lengths, shares = (np.array(column) for column in zip(*FRICTION, strict=True))
    held = shares**-2 - 1.0
    beyond = max(slender / lengths[-1], 1.0)
    return float((1.0 + beyond * np.interp(slender, lengths, held)) ** -0.5)
