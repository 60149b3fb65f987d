"""Liquid that runs out of a hole in a tank, in time.

Bernoulli with the liquid's head, q = Cd A sqrt(rho (2 (p - pa) + 2 rho g h)). A liquefied gas under pressure leaves as liquid (a short
hole: the largest flow), and flashes outside: the share x = 1 - exp(-cp (T - Tb) / L) boils at once and carries droplets with it, so
that 2 x, 0.2 to 1 or all of it stays in the air for x below 0.1, to 0.36, above (CPR 18E, Purple Book, section 4.5); the rest rains
out into a pool. First form: the tank does not cool as it empties, and the vapour left above the last liquid is not counted as a gas
of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evacuation.release.sources.source import Content, Way
from evacuation.release.substances import ATMOSPHERE_PA, GAS, Substance
from twin.errors import ScenarioError

G = 9.81
DISCHARGE = 0.62  # a sharp-edged hole


@dataclass
class Tank:
    """A tank and what is left in it: `kg` of `phase` at K and Pa, a standing cylinder as high as wide, full at the start."""

    substance: Substance
    phase: str
    kg: float
    temperature: float
    pressure: float
    full_kg: float = 0.0

    def __post_init__(self) -> None:
        self.full_kg = self.full_kg or self.kg

    @classmethod
    def of(cls, content: Content, way: Way) -> Tank:
        """Return the tank of a content: under the air's pressure where none is given, liquefied gas at least under its vapour's.

        Raises ScenarioError for a `liquid` above its boiling point, which only pressure keeps one.
        """
        boiling = content.substance.number("boiling_point")
        if content.phase == "liquid" and content.temperature > boiling:
            raise ScenarioError(
                "release_boils",
                site=content.site,
                name=content.substance.id,
                found=content.temperature,
                expected=boiling,
            )
        pressure = ATMOSPHERE_PA if math.isnan(content.pressure) else content.pressure
        if content.phase == "pressurised_liquid":
            pressure = max(pressure, content.substance.vapour_pressure(content.temperature))
        return cls(content.substance, content.phase, content.mass, content.temperature, pressure)

    @property
    def side_m(self) -> float:
        """Height and diameter, m."""
        return math.cbrt(4.0 * self.full_kg / self.density / math.pi)

    @property
    def density(self) -> float:
        """Density of the full tank's content, kg m-3."""
        return self.substance.number("liquid_density")

    def outflow(self, hole_m: float, dt: float, since: float = 0.0, open_share: float = 1.0) -> float:
        """Let run out through a hole (diameter, m), a share of it open, for `dt` s; return the mass, kg."""
        out, part = 0.0, 0.05 * dt * open_share
        for _ in range(20):  # the flow changes little in a twentieth of a step
            gone = min(self.rate(hole_m) * part, self.kg)
            self.kg -= gone
            out += gone
        return out

    def rate(self, hole_m: float) -> float:
        """Return the flow through a hole now, kg s-1."""
        if self.kg <= 1e-9 * self.full_kg:
            return 0.0
        over = max(self.pressure - ATMOSPHERE_PA, 0.0)
        head = self.density * G * self.side_m * self.kg / self.full_kg
        return DISCHARGE * math.pi / 4.0 * hole_m**2 * math.sqrt(2.0 * self.density * (over + head))

    def airborne_share(self) -> float:
        """Return the share of what leaves that stays in the air at once."""
        return airborne(self.flash_share())

    def flash_share(self) -> float:
        """Return the share of the liquid that boils at once when it comes out, 0 where it is below its boiling point."""
        warmer = self.temperature - self.substance.number("boiling_point")
        if self.phase != "pressurised_liquid" or warmer <= 0:
            return 0.0
        return 1.0 - math.exp(
            -self.substance.number("liquid_heat_capacity") * warmer / self.substance.number("latent_heat_at_Tb")
        )


def airborne(flash: float) -> float:
    """Return the share in the air, vapour and droplets, for a flashing share (CPR 18E)."""
    if flash < 0.1:
        return 2.0 * flash
    return min((0.8 * flash - 0.028) / 0.26, 1.0)


def cloud_density(substance: Substance, temperature: float, flash: float, share: float) -> float:
    """Return the density of the cloud at its source, kg m-3: vapour, with the droplets that it carries.

    A cloud that flashed is at its boiling point; `flash` / `share` of it is vapour.
    """
    boiling = substance.number("boiling_point")
    at = boiling if flash > 0 else temperature
    vapour = min(flash / share, 1.0) if flash > 0 and share > 0 else 1.0
    volume = vapour * GAS * at / (ATMOSPHERE_PA * substance.molar_kg)
    volume += (1.0 - vapour) / substance.number("liquid_density")
    return 1.0 / volume
