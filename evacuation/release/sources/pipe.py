"""What runs out of a pipe that is torn off over its whole bore.

Gas, a long pipe closed at its far end (Wilson 1979 after Bell 1978; CPR 14E, Yellow Book, section 2.5.2.5):
q = q0 / (1 + a) (a exp(-t / tb) + exp(-t / (a^2 tb))) with q0 the choked flow of the bore, tb = 2/3 l / us (gamma f l / d)^0.5,
us = (gamma R T / M)^0.5 and a = M0 / (tb q0), M0 the gas that leaves: all above the air's pressure. The pipe's friction must rule,
a < 1. Both exponentials, a and tb agree with the public code of pyELDQM (SIHPCC/pyeldqm, core/source_models/gas_pipeline, commit
ed0ad64), whose tb is Wilson's for holes of any size: for the whole bore it is this one times (1 + x)^1.5 - x^1.5, with
x = d / (gamma f l) ((gamma + 1) / 2)^((gamma + 1) / (gamma - 1)), 2 % more at 10,000 bores. CPR 14E itself was not read again.
The gas keeps its temperature. What a compressor still feeds is not counted.

Liquid, full of it and driven by a tank's pressure and head (Bernoulli with friction): u = (2 ((p - pa) / rho + g h) / (1.5 + f l / d))^0.5,
the 1.5 for the entrance and the speed itself. Friction of rough walls, f = (2 log10(3.715 d / e))^-2, e = 0.045 mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq

from evacuation.release.sources.source import Content, Gas, Way
from evacuation.release.sources.tank import DISCHARGE, Tank
from evacuation.release.sources.vessel import nozzle, over_air
from evacuation.release.substances import ATMOSPHERE_PA, GAS, Substance
from twin.errors import ScenarioError

ROUGH_M = 4.5e-5  # commercial steel: Moody 1944
#: Head that entrance and speed take, in units of u^2 / 2.
ENTRANCE = 1.5
#: A share this small of a pipe's gas is none.
EMPTY = 1e-9


def friction(bore_m: float) -> float:
    """Return Darcy's friction factor of a rough pipe at high speed."""
    return (2.0 * math.log10(3.715 * bore_m / ROUGH_M)) ** -2


@dataclass
class GasPipe(Gas):
    """A torn pipe: `kg` is left to come of `full_kg`; `first` (kg s-1) is the flow at once, `slow_s` the time tb."""

    substance: Substance
    kg: float
    temperature: float
    first: float
    slow_s: float
    full_kg: float = 0.0

    def __post_init__(self) -> None:
        self.full_kg = self.full_kg or self.kg

    @classmethod
    def of(cls, content: Content, way: Way) -> GasPipe:
        """Return the pipe of a gas; raise ScenarioError for one without pressure or size, or too short for its friction to rule."""
        pressure, (length, bore) = over_air(content), way.pipe
        gas, gamma = content.substance, content.substance.number("gamma_25C")
        area = math.pi / 4.0 * bore**2
        sound = math.sqrt(gamma * GAS * content.temperature / gas.molar_kg)
        first = area * nozzle(pressure, gas.gas_density(content.temperature, pressure), gamma)
        slow = 2.0 / 3.0 * length / sound * math.sqrt(gamma * friction(bore) * length / bore)
        kg = area * length * gas.gas_density(content.temperature, pressure - ATMOSPHERE_PA)
        pipe = cls(gas, kg, content.temperature, first, slow)
        if pipe.shape >= 1.0:
            least = length * pipe.shape**2  # a ~ l^-0.5
            raise ScenarioError("release_pipe_short", site=content.site, found=length, expected=math.ceil(least))
        return pipe

    @property
    def shape(self) -> float:
        """The a of the two exponentials."""
        return self.full_kg / (self.slow_s * self.first)

    def outflow(self, hole_m: float, dt: float, since: float = 0.0, open_share: float = 1.0) -> float:
        """Let go what leaves in `dt` s, kg; the hole is the bore, and where a share of it is open all goes that much slower."""
        before, share = self.kg, self.kg / self.full_kg
        if share < EMPTY:
            return 0.0
        age = (
            brentq(lambda t: self.left(t) - share, 0.0, self.slow_s * math.log(1.0 / share) + 1e-9, xtol=1e-9)
            if share < 1.0
            else 0.0
        )
        self.kg = self.full_kg * self.left(age + open_share * dt)
        return before - self.kg

    def left(self, age: float) -> float:
        """Return the share that is still to come after flowing for `age` s."""
        a = self.shape
        return (math.exp(-age / self.slow_s) + a * math.exp(-age / (a**2 * self.slow_s))) / (1.0 + a)


@dataclass
class LiquidPipe(Tank):
    """A tank that runs out through a pipe of `length_m` and `bore_m` with its end open; see `Tank`."""

    length_m: float = 0.0
    bore_m: float = 1.0

    @classmethod
    def of(cls, content: Content, way: Way) -> LiquidPipe:
        """Return the tank of a content with its pipe; raise ScenarioError for a liquid that boils at the air's pressure."""
        (length, bore), boiling = way.pipe, content.substance.number("boiling_point")
        if content.phase == "gas" or content.temperature > boiling:
            raise ScenarioError("release_pipe_flashes", site=content.site, found=content.temperature, expected=boiling)
        pressure = ATMOSPHERE_PA if math.isnan(content.pressure) else content.pressure
        return cls(content.substance, "liquid", content.mass, content.temperature, pressure, 0.0, length, bore)

    def rate(self, hole_m: float) -> float:
        """Return the flow now, kg s-1: as through a hole that resists as much; the hole is the bore."""
        resists = ENTRANCE + friction(self.bore_m) * self.length_m / self.bore_m
        return super().rate(self.bore_m * (DISCHARGE**2 * resists) ** -0.25)
