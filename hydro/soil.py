"""Infiltration by class: Green-Ampt, Horton, constant or none, each as the mean rate over the coming step on wet ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: The laws a flood may choose from.
Infiltration = Literal["green-ampt", "horton", "constant", "none"]


@dataclass(frozen=True)
class Soil:
    """One infiltration class.

    Saturated conductivity (mm/h), wetting-front suction (mm), moisture deficit and pervious share (0-1), Horton's initial
    rate (mm/h); Horton's final rate is the conductivity.
    """

    name: str
    conductivity_mm_h: float
    suction_mm: float
    deficit: float
    pervious: float
    initial_mm_h: float


#: Index = value of the city's `soil` layer. Conductivity, suction and porosity are the means of Rawls, Brakensiek and Miller
#: (1983, J. Hydraul. Eng. 109(1)); the deficit is half the effective porosity: soil half wet before the storm (assumed).
#: Horton's initial rates are those of the SWMM manual for dry sandy, loam and clay soils (5, 3, 1 in/h) over 2, its figure
#: for partly dried soils (1.5 to 2.5). The pervious shares of yards and works are assumed.
SOILS = (
    Soil("sealed", 0.0, 0.0, 0.0, 0.0, 0.0),
    Soil("sandy loam", 10.9, 110.1, 0.206, 1.0, 63.5),
    Soil("loam", 3.4, 88.9, 0.217, 1.0, 38.1),
    Soil("clay loam", 1.0, 208.8, 0.155, 1.0, 12.7),
    Soil("yard", 3.4, 88.9, 0.217, 0.3, 38.1),
    Soil("works", 1.0, 208.8, 0.155, 0.1, 12.7),
)

#: Horton's decay, 1/h: typical values are 2 to 7 (SWMM manual), 4 taken.
DECAY_PER_H = 4.0


def capacity(
    soil: NDArray[np.integer[Any]],
    infiltrated_m: NDArray[np.floating[Any]],
    law: Infiltration = "green-ampt",
    step_s: float = 60.0,
) -> Array:
    """Return what each cell can take in the coming `step_s`, m/s, if water stands on it all the while.

    `soil` holds indices into SOILS, `infiltrated_m` the depth taken so far (m of the whole cell). The laws are integrated
    exactly over the step from what went in so far over the pervious share:
    Green and Ampt F - S ln(1 + F / S) = K t with S = psi d; Horton F = fc t + (f0 - fc) (1 - exp(-k t)) / k, its time the
    one at which F is reached (so light rain does not age the soil); constant f = K.
    """
    if law == "none":
        return np.zeros(np.shape(infiltrated_m))
    k = _of("conductivity_mm_h")[soil] / 3.6e6
    share = _of("pervious")[soil]
    if law == "constant":
        return share * k
    result, open_ = np.zeros(np.shape(infiltrated_m)), share > 0.0
    taken = infiltrated_m[open_].astype(float) / share[open_]
    if law == "green-ampt":
        suction = (_of("suction_mm") * _of("deficit"))[soil][open_] / 1e3
        gained = green_ampt(taken, k[open_], suction, step_s)
    else:
        gained = horton(taken, _of("initial_mm_h")[soil][open_] / 3.6e6, k[open_], DECAY_PER_H / 3600.0, step_s)
    result[open_] = share[open_] * gained / step_s
    return result


def green_ampt(taken: Array, k: Array, suction: Array, step_s: float) -> Array:
    """Return the depth (m) that goes in during `step_s` after `taken` (m), water standing: Newton on the implicit law.

    `k` conductivity (m/s) and `suction` psi times deficit (m), both > 0. From above the root, so every step comes nearer.
    """
    wetted = k * step_s
    total = taken + wetted + np.sqrt(wetted * wetted + 2.0 * suction * wetted)
    for _ in range(30):
        gap = total - taken - suction * np.log1p((total - taken) / (taken + suction)) - wetted
        change = gap * (total + suction) / total
        total = total - change
        if np.abs(change).max(initial=0.0) < 1e-15:
            break
    return np.asarray(total - taken)


def horton(taken: Array, initial: Array, final: Array, decay: float, step_s: float) -> Array:
    """Return the depth (m) that goes in during `step_s` after `taken` (m), water standing.

    `initial` and `final` rates (m/s), initial >= final > 0; `decay` 1/s. Newton for the time at which `taken` is reached,
    from below, where the concave law's tangent never overshoots.
    """
    extra = (initial - final) / decay
    t = taken / initial
    for _ in range(60):
        short = taken - final * t - extra * -np.expm1(-decay * t)
        change = short / (final + (initial - final) * np.exp(-decay * t))
        t = t + change
        if np.abs(change).max(initial=0.0) < 1e-9:
            break
    return np.asarray(final * step_s - extra * np.exp(-decay * t) * np.expm1(-decay * step_s))


def _of(name: str) -> Array:
    return np.array([getattr(s, name) for s in SOILS])
