"""Infiltration by class: Green-Ampt, Horton, constant or none, each as the mean rate over the coming step on wet ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hydro.kernels.soil import capacities

Array = NDArray[np.float64]

#: The laws a flood may choose from.
Infiltration = Literal["green-ampt", "horton", "constant", "none"]


@dataclass(frozen=True)
class Soil:
    """One infiltration class.

    Saturated conductivity (mm/h), wetting-front suction (mm), effective porosity and pervious share (0-1), Horton's initial
    rate (mm/h); Horton's final rate is the conductivity.
    """

    name: str
    conductivity_mm_h: float
    suction_mm: float
    porosity: float
    pervious: float
    initial_mm_h: float


#: Index = value of the city's `soil` layer. Conductivity, suction and effective porosity are the means of Rawls, Brakensiek and
#: Miller (1983, J. Hydraul. Eng. 109(1)), the porosity of clay loam rounded up from 0.309.
#: Horton's initial rates are those of the SWMM manual for dry sandy, loam and clay soils (5, 3, 1 in/h) over 2, its figure
#: for partly dried soils (1.5 to 2.5). The pervious shares of yards and works are assumed.
SOILS = (
    Soil("sealed", 0.0, 0.0, 0.0, 0.0, 0.0),
    Soil("sandy loam", 10.9, 110.1, 0.412, 1.0, 63.5),
    Soil("loam", 3.4, 88.9, 0.434, 1.0, 38.1),
    Soil("clay loam", 1.0, 208.8, 0.310, 1.0, 12.7),
    Soil("yard", 3.4, 88.9, 0.434, 0.3, 38.1),
    Soil("works", 1.0, 208.8, 0.310, 0.1, 12.7),
)

#: Share of the effective porosity that is filled before the rain: soil half wet (assumed).
WETNESS = 0.5

#: Horton's decay, 1/h: typical values are 2 to 7 (SWMM manual), 4 taken.
DECAY_PER_H = 4.0


def capacity(
    soil: NDArray[np.integer],
    infiltrated_m: NDArray[np.floating],
    law: Infiltration = "green-ampt",
    step_s: float = 60.0,
    wetness: float = WETNESS,
) -> Array:
    """Return what each cell can take in the coming `step_s`, m/s, if water stands on it all the while.

    `soil` (ny, nx) or (n,) holds indices into SOILS, `infiltrated_m` the depth taken so far (m of the whole cell). The laws
    are integrated exactly over the step from what went in so far over the pervious share:
    Green and Ampt F - S ln(1 + F / S) = K t with S = psi d, where the deficit d is what of the effective porosity is not filled
    before the rain (`wetness`, 0 dry to 1 full, is the share that is; full soil takes K);
    Horton F = fc t + (f0 - fc) (1 - exp(-k t)) / k, where t is found from F and not from the clock, so that light rain uses up
    little of the first rate; constant f = K.
    """
    result = np.zeros(np.shape(infiltrated_m))
    if law != "none":
        arrays = (np.atleast_2d(a) for a in (result, soil, infiltrated_m))
        capacities(*arrays, _laws(law, wetness), DECAY_PER_H / 3600.0, step_s)
    return result


def _laws(law: Infiltration, wetness: float) -> Array:
    """Return conductivity (m/s), suction times deficit (m), Horton's initial rate (m/s) and pervious share of every class."""
    suction, initial = float(law == "green-ampt") / 1e3, float(law == "horton") / 3.6e6
    rows = [
        (
            s.conductivity_mm_h / 3.6e6,
            suction * s.suction_mm * ((1.0 - wetness) * s.porosity),
            initial * s.initial_mm_h,
            s.pervious,
        )
        for s in SOILS
    ]
    return np.array(rows)
