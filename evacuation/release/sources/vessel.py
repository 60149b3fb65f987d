"""Gas that blows out of a vessel through a hole, choked or not, until its pressure is that of the air.

Flow of an ideal gas through a rounded hole (CPR 14E, Yellow Book, section 2.5.2; Perry 8th ed., 10-2): choked
q = Cd A sqrt(gamma p rho (2 / (gamma + 1))^((gamma + 1) / (gamma - 1))) while p / pa >= ((gamma + 1) / 2)^(gamma / (gamma - 1)), else
q = Cd A sqrt(2 p rho gamma / (gamma - 1) (r^(2 / gamma) - r^((gamma + 1) / gamma))) with r = pa / p.
What is left follows p ~ kg^n: n = 1 where the walls keep it warm, n = gamma where it cools as it expands and takes no heat
from them (isentropic). Real walls lie between: the warm vessel leaks longer, the cold one lets out a colder, heavier gas.
Gas does not get colder than its boiling point; droplets that would form then are not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evacuation.release.sources.source import Content, Gas, Way
from evacuation.release.substances import ATMOSPHERE_PA, Substance
from twin.errors import ScenarioError

DISCHARGE = 0.85  # a rounded hole: assumed
#: The largest share of the gas that leaves in one part of a step.
PART = 0.02


@dataclass
class Vessel(Gas):
    """`kg` left of `full_kg` of gas that was at `full_k` (K) and `full_pa` (Pa) when it was full; `exponent` n of p ~ kg^n."""

    substance: Substance
    kg: float
    full_k: float
    full_pa: float
    exponent: float = 1.0
    full_kg: float = 0.0

    def __post_init__(self) -> None:
        self.full_kg = self.full_kg or self.kg

    @classmethod
    def of(cls, content: Content, way: Way) -> Vessel:
        """Return the vessel of a gas, warm or cooling as the way says; what goes at once has no time to cool inside.

        Raises ScenarioError for a pressure that is not known or not above the air's.
        """
        over = over_air(content)
        cools = way.blowdown == "isentropic" and way.outflow != "sudden"
        exponent = content.substance.number("gamma_25C") if cools else 1.0
        return cls(content.substance, content.mass, content.temperature, over, exponent)

    @property
    def blowdown(self) -> str:
        """How it empties: "isothermal" or "isentropic"."""
        return "isothermal" if self.exponent == 1.0 else "isentropic"

    @property
    def temperature(self) -> float:
        """Temperature of what is left, K: T ~ kg^(n - 1), not below boiling where it was above."""
        cooled = self.full_k * (self.kg / self.full_kg) ** (self.exponent - 1.0)
        return float(max(cooled, min(self.substance.number("boiling_point"), self.full_k)))

    @property
    def pressure(self) -> float:
        """Pressure of what is left, Pa."""
        return self.full_pa * self.kg / self.full_kg * self.temperature / self.full_k

    def outflow(self, hole_m: float, dt: float, since: float = 0.0, open_share: float = 1.0) -> float:
        """Let blow out through a hole (diameter, m), a share of it open, for `dt` s; return the mass, kg.

        In parts in which little changes; in each the mass falls exponentially at the rate of its middle, which is exact while the
        flow is choked and the vessel warm. What is left when the pressure is down to the air's stays inside.
        """
        before, left = self.kg, dt * open_share
        while left > 0.0 and (flow := self.rate(hole_m)) > 0.0:
            part, start = min(left, PART * self.kg / flow), self.kg
            self.kg = start * math.exp(-0.5 * part * flow / start)
            middle = self.rate(hole_m)  # 0: half a part brings it down to the pressure of the air
            self.kg = start * math.exp(-part * middle / self.kg) if middle > 0.0 else self._settled(start)
            left -= part
        return before - self.kg

    def _settled(self, above: float) -> float:
        """Return the mass at which the pressure is the air's, between `above` (kg) and a part of a step less."""
        low, high = above * math.exp(-PART), above
        for _ in range(50):
            self.kg = 0.5 * (low + high)
            low, high = (low, self.kg) if self.pressure > ATMOSPHERE_PA else (self.kg, high)
        return low

    def rate(self, hole_m: float) -> float:
        """Return the flow through a hole now, kg s-1."""
        density = self.substance.gas_density(self.temperature, self.pressure)
        gamma = self.substance.number("gamma_25C")
        return DISCHARGE * math.pi / 4.0 * hole_m**2 * nozzle(self.pressure, density, gamma)


def over_air(content: Content) -> float:
    """Return the pressure of a gas, Pa; raise ScenarioError where it is not known or not above the air's."""
    if math.isnan(content.pressure):
        raise ScenarioError("release_pressure", site=content.site)
    if content.pressure <= ATMOSPHERE_PA:
        raise ScenarioError("release_no_pressure", site=content.site, found=content.pressure, expected=ATMOSPHERE_PA)
    return content.pressure


def nozzle(pressure: float, density: float, gamma: float, outside: float = ATMOSPHERE_PA) -> float:
    """Return the flow of a gas (Pa, kg m-3, ratio of heat capacities) through an ideal nozzle, kg s-1 m-2; 0 below `outside`."""
    if pressure <= outside:
        return 0.0
    if pressure / outside >= ((gamma + 1.0) / 2.0) ** (gamma / (gamma - 1.0)):
        throat = gamma * (2.0 / (gamma + 1.0)) ** ((gamma + 1.0) / (gamma - 1.0))
        return math.sqrt(pressure * density * throat)
    r = outside / pressure
    expanded = 2.0 * gamma / (gamma - 1.0) * (r ** (2.0 / gamma) - r ** ((gamma + 1.0) / gamma))
    return math.sqrt(pressure * density * expanded)
