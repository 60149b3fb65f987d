"""The air that a slab of gas meets: Ermak's wind profile and what follows from it (UCRL-MA-105607, section 2.5.1).

du/dz = u* / (kappa z) phi(z) (1 - z / H), integrated in closed form; below e z0 a parabola of the same value and slope. phi is
1 + 5 z / L' / (1 + z / zL) in stable air and bounded aloft in unstable air.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from twin.jit import kernel

KAPPA = 0.41


class Ambient(NamedTuple):
    """The air outside: K, Pa, kg m-3, heat capacity J kg-1 K-1, mass share of water; then wind and turbulence.

    inv_l: 1 / L at the ground; bent_l: the 1 / L' that the profile starts with; bend: the height zL over which it bends, m;
    mixed: height H of the mixed layer, m; low: e z0; slope, curve: of the parabola below; far, gain: phi aloft and how fast it
    is reached, of unstable air; sideways: sideways spread over distance, 0.08 (10 s / 900 s)^0.2 times its stability factor.
    """

    temperature: float
    pressure: float
    density: float
    cp: float
    moisture: float
    ustar: float
    z0: float
    inv_l: float
    bent_l: float
    bend: float
    mixed: float
    low: float
    slope: float
    curve: float
    far: float
    gain: float
    sideways: float


@kernel
def phi(z, air):
    """Return the dimensionless wind shear at height z (m)."""
    if air.bent_l < 0.0:
        return air.far + (1.0 - air.far) / math.sqrt(1.0 + air.gain * z)
    return 1.0 + 5.0 * air.bent_l * z / (1.0 + z / air.bend)


@kernel
def aloft(z, air):
    """Return kappa u / u* at height z (m), at least e z0."""
    z0, mixed = air.z0, air.mixed
    if air.bent_l < 0.0:
        s, s0 = math.sqrt(1.0 + air.gain * z), math.sqrt(1.0 + air.gain * z0)
        bent = math.log((1.0 + s) / (1.0 + s0)) + (s - s0) / (air.gain * mixed)
        return math.log(z / z0) - air.far * (z - z0) / mixed - 2.0 * (1.0 - air.far) * bent
    bent = (1.0 + air.bend / mixed) * math.log((z + air.bend) / (z0 + air.bend)) - (z - z0) / mixed
    return math.log(z / z0) - (z - z0) / mixed + 5.0 * air.bent_l * air.bend * bent


@kernel
def profile(z, air):
    """Return kappa u / u* at height z (m)."""
    return air.slope * z + air.curve * z * z if z < air.low else aloft(z, air)


@kernel
def below(z, air):
    """Return the integral of `aloft` over height at z (m), up to a constant."""
    z0, mixed = air.z0, air.mixed
    logs = z * (math.log(z / z0) - 1.0)
    ramp = 0.5 * z * z - z0 * z
    if air.bent_l < 0.0:
        gain = air.gain
        s, s0 = math.sqrt(1.0 + gain * z), math.sqrt(1.0 + gain * z0)
        bent = ((s * s - 1.0) * math.log(1.0 + s) - 0.5 * s * s + s) / gain - z * math.log(1.0 + s0)
        bent += (2.0 / 3.0 * s * s * s / gain - z * s0) / (gain * mixed)
        return logs - air.far * ramp / mixed - 2.0 * (1.0 - air.far) * bent
    far = z + air.bend
    bent = (1.0 + air.bend / mixed) * (far * (math.log(far / (z0 + air.bend)) - 1.0)) - ramp / mixed
    return logs - ramp / mixed + 5.0 * air.bent_l * air.bend * bent


@kernel
def wind(z, air):
    """Return the wind at height z (m), m s-1."""
    return air.ustar / KAPPA * profile(z, air)


@kernel
def mean_wind(z, air):
    """Return the mean wind from the ground to height z (m), m s-1."""
    if z <= 0.0:
        return 0.0
    under = min(z, air.low)
    total = 0.5 * air.slope * under * under + air.curve * under**3 / 3.0
    if z > air.low:
        total += below(z, air) - below(air.low, air)
    return air.ustar / KAPPA * total / z
