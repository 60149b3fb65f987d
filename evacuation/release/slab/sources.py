"""What feeds a slab: a pool that evaporates, a horizontal jet with its droplets, a sudden release; and the substance they let go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import slab_mixing as f
from evacuation.release.kernels.equilibrium import ATMOSPHERE_PA, GAS, Matter
from evacuation.release.kernels.slab_air import Ambient
from evacuation.release.sources.tank import Tank
from evacuation.release.substances import Substance
from twin.errors import ScenarioError

Array = NDArray[np.float64]

#: A slab begins this far from the place of a jet (Ermak 1990), m.
JET_X = 1.0
#: A source begins with this share of its width flat.
FLAT = 0.9


@dataclass(frozen=True)
class Fluid:
    """A substance by what a slab needs of it: kg mol-1, J kg-1 K-1, kg m-3, J kg-1 and K; ln(p / atm) = a - b / (T + c)."""

    molar: float
    cp_vapour: float
    cp_liquid: float
    liquid_density: float
    latent: float
    boiling: float
    sat_b: float
    sat_c: float = 0.0

    @classmethod
    def of(cls, gas: Substance) -> Fluid:
        """Return a substance of the table."""
        number = gas.number
        return cls(
            gas.molar_kg, number("gas_heat_capacity_25C"), number("liquid_heat_capacity"), number("liquid_density"),
            number("latent_heat_at_Tb"), number("boiling_point"), number("antoine_B") * math.log(10.0), number("antoine_C"),
        )  # fmt: skip

    def matter(self, temperature: float, liquid: float) -> Matter:
        """Return it as the kernels take it, as it leaves a source (K; share of liquid)."""
        latent = self.latent + self.boiling * (self.cp_liquid - self.cp_vapour)
        enthalpy = (1.0 - liquid) * self.cp_vapour * temperature + liquid * (self.cp_liquid * temperature - latent)
        return Matter(
            self.molar, self.cp_vapour, self.cp_liquid, self.liquid_density, latent,
            self.sat_b / (self.boiling + self.sat_c), self.sat_b, self.sat_c, enthalpy,
        )  # fmt: skip

    def density(self, temperature: float, liquid: float, pressure: float = ATMOSPHERE_PA) -> float:
        """Return the density at a temperature (K), `liquid` of it droplets, kg m-3."""
        vapour = GAS * temperature / (pressure * self.molar)
        return 1.0 / ((1.0 - liquid) * vapour + liquid / self.liquid_density)

    def source_temperature(self, temperature: float, liquid: float) -> float:
        """Return the temperature it leaves with, K: boiling where it carries droplets, not below boiling."""
        return self.boiling if liquid > 0.0 else max(temperature, self.boiling)


def _row(fluid: Fluid, temperature: float, liquid: float, air: Ambient) -> Array:
    """Return a start of pure substance, without place and shape."""
    start = np.zeros(f.FIELDS)
    start[f.SHARE], start[f.VAPOUR], start[f.TEMPERATURE] = 1.0, 1.0 - liquid, temperature
    start[f.DENSITY] = fluid.density(temperature, liquid, air.pressure)
    start[f.CP] = (1.0 - liquid) * fluid.cp_vapour + liquid * fluid.cp_liquid
    return start


@dataclass(frozen=True)
class Jet:
    """A horizontal jet along the wind: rate (kg s-1), duration (s), area once it has come to the pressure of the air (m2), height (m).

    `liquid` is the share of droplets; the temperature (K) counts where there are none.
    """

    fluid: Fluid
    kg_s: float
    seconds: float
    area_m2: float
    height_m: float = 0.0
    liquid: float = 0.0
    temperature: float = 0.0

    @property
    def at(self) -> float:
        """Temperature it leaves with, K."""
        return self.fluid.source_temperature(self.temperature, self.liquid)

    @classmethod
    def of_tank(
        cls, tank: Tank, hole_m: float, seconds: float, height_m: float, pressure: float = ATMOSPHERE_PA
    ) -> Jet:
        """Return the jet of a liquefied gas from a hole (diameter, m), with the droplets that stay in the air.

        What boils at once expands at the pressure outside (Pa) without losing momentum: speed (2 (p - pa) / rho)^0.5 of the liquid,
        and the area that vapour and droplets need at that speed. Raises ScenarioError for a tank whose content does not flash.
        """
        flash, share = tank.flash_share(), tank.airborne_share()
        if flash <= 0.0 or tank.pressure <= pressure:
            raise ScenarioError("slab_input", what="flash", found=round(flash, 4))
        fluid, liquid = Fluid.of(tank.substance), 1.0 - flash / share
        kg_s = tank.rate(hole_m) * share
        speed = math.sqrt(2.0 * (tank.pressure - pressure) / tank.density)
        area = kg_s / (fluid.density(fluid.boiling, liquid, pressure) * speed)
        return cls(fluid, kg_s, seconds, area, height_m, liquid)

    def start(self, air: Ambient) -> Array:
        """Return the first row: round as a square off the ground, flattened on it."""
        row = _row(self.fluid, self.at, self.liquid, air)
        wide, centre = 0.5 * math.sqrt(self.area_m2), self.height_m
        deep = 2.0 * wide
        if centre <= 0.5 * deep:
            wide = 0.5 * (math.sqrt(centre**2 + 2.0 * self.area_m2) - centre)
            deep = wide + centre
        row[f.X], row[f.CENTRE], row[f.DEPTH] = JET_X, centre, deep
        row[f.WIDE], row[f.FLAT] = wide, FLAT * wide
        row[f.SPEED] = self.kg_s / (row[f.DENSITY] * self.area_m2)
        return row


@dataclass(frozen=True)
class EvaporatingPool:
    """A square pool that lets go vapour at its boiling point or warmer (K): rate (kg s-1), duration (s), area (m2)."""

    fluid: Fluid
    kg_s: float
    seconds: float
    area_m2: float
    temperature: float = 0.0
    liquid: ClassVar[float] = 0.0

    @property
    def at(self) -> float:
        """Temperature it leaves with, K."""
        return self.fluid.source_temperature(self.temperature, 0.0)

    @property
    def half_m(self) -> float:
        """Half of its side, m."""
        return 0.5 * math.sqrt(self.area_m2)

    def rising(self, air: Ambient) -> float:
        """Return the speed at which its vapour rises, m s-1."""
        return self.kg_s / (self.fluid.density(self.at, 0.0, air.pressure) * self.area_m2)


@dataclass(frozen=True)
class Burst:
    """A sudden release that stands still as a block: mass (kg), area (m2), share of droplets, temperature (K)."""

    fluid: Fluid
    kg: float
    area_m2: float
    liquid: float = 0.0
    temperature: float = 0.0

    @property
    def at(self) -> float:
        """Temperature it leaves with, K."""
        return self.fluid.source_temperature(self.temperature, self.liquid)

    def start(self, air: Ambient) -> Array:
        """Return the first row."""
        row = _row(self.fluid, self.at, self.liquid, air)
        half = 0.5 * math.sqrt(self.area_m2)
        row[f.WIDE] = row[f.LONG] = half
        row[f.FLAT], row[f.FLAT_X] = FLAT * half, FLAT * half
        row[f.DEPTH] = self.kg / (row[f.DENSITY] * self.area_m2)
        return row
