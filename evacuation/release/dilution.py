"""How a dense gas thins: the excess density that a kilogram of it brings, from pure gas and droplets down to a trace in the air."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from evacuation.release.kernels.equilibrium import AIR_MOLAR, WATER_MOLAR, Matter, thin
from evacuation.release.kernels.growth import PER_DECADE, POINTS


@dataclass(frozen=True)
class Dilution:
    """A row of `kernels.growth`: what a kilogram brings while only air warms it, by concentration, and what once it is warm."""

    row: tuple[float, ...]


def even(heavy: float) -> Dilution:
    """Return that of a gas as warm as the air: a kilogram brings 1 - rho_air / rho_gas at any concentration; 0 is a passive gas."""
    return Dilution((heavy,) * (POINTS + 1))


PASSIVE = even(0.0)


@cache
def cold(matter: Matter, dense: float, temperature: float, pressure: float, moisture: float = 0.0) -> Dilution:
    """Return that of a cold gas with or without droplets, mixed with air (K, Pa) without other heat.

    dense: density at the source, kg m-3. moisture: mass share of water in the air; droplets, mist and vapours are in equilibrium.
    """
    concentrations = dense * 10.0 ** (-np.arange(POINTS) / PER_DECADE)
    row = np.zeros(POINTS)
    thin(row, concentrations, temperature, moisture, pressure, matter)
    air_molar = 1.0 / ((1.0 - moisture) / AIR_MOLAR + moisture / WATER_MOLAR)
    warm = 1.0 - air_molar / matter.molar
    return Dilution((*row.tolist(), warm))
