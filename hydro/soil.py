"""Infiltration by class: Green-Ampt with the mean parameters of Rawls, Brakensiek and Miller (1983, J. Hydraul. Eng. 109(1))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Soil:
    """One infiltration class: saturated conductivity (mm/h), wetting-front suction (mm), moisture deficit and pervious share (0-1)."""

    name: str
    conductivity_mm_h: float
    suction_mm: float
    deficit: float
    pervious: float


#: Index = value of the city's `soil` layer. The deficit is half the effective porosity: soil half wet before the storm
#: (assumed); the pervious shares of yards and works are assumed.
SOILS = (
    Soil("sealed", 0.0, 0.0, 0.0, 0.0),
    Soil("sandy loam", 10.9, 110.1, 0.206, 1.0),
    Soil("loam", 3.4, 88.9, 0.217, 1.0),
    Soil("clay loam", 1.0, 208.8, 0.155, 1.0),
    Soil("yard", 3.4, 88.9, 0.217, 0.3),
    Soil("works", 1.0, 208.8, 0.155, 0.1),
)


def capacity(soil: NDArray[np.integer], infiltrated_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the infiltration capacity of each cell, m/s.

    f = p K (1 + psi d / F): Green and Ampt with F = what went in so far over the pervious share (at least 1 mm, so that
    the first wetting stays finite). `soil` holds indices into SOILS, `infiltrated_m` the depth taken so far.
    """
    k = np.array([s.conductivity_mm_h for s in SOILS])[soil] / 3.6e6
    psi = np.array([s.suction_mm * s.deficit for s in SOILS])[soil] / 1e3
    share = np.array([s.pervious for s in SOILS])[soil]
    taken = np.maximum(infiltrated_m / np.maximum(share, 1e-9), 1e-3)
    return share * k * (1.0 + psi / taken)
