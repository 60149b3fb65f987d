"""The air of a slab run, from a wind at a height or a friction velocity (Ermak 1990, UCRL-MA-105607, section 2.5.1)."""

from __future__ import annotations

import math

from evacuation.release.kernels.equilibrium import AIR_CP, AIR_MOLAR, GAS, WATER_A, WATER_B, WATER_CP, WATER_MOLAR
from evacuation.release.kernels.slab_air import Ambient, aloft, phi, wind
from twin.errors import ScenarioError

#: Pasquill classes A to F as numbers 1 to 6; 4 is neutral.
NEUTRAL, MOST = 4.0, 3.5
#: Sideways turbulence is that of 10 s; meandering comes with the averaging.
SHORTEST_S, WHOLE_S = 10.0, 900.0


def ambient(
    *, z0: float, temperature: float, humidity: float, inv_l: float, ustar: float, pressure: float = 101325.0,
    at_m: float = 3.0,
) -> Ambient:  # fmt: skip
    """Return the air over ground of roughness z0 (m): K, relative humidity 0 to 1, 1 / L (m-1) at a height, u* (m s-1), Pa.

    Raises ScenarioError for air that stands still or has no temperature, pressure or ground.
    """
    for name, value in (("z0", z0), ("temperature", temperature), ("ustar", ustar), ("pressure", pressure)):
        if not value > 0.0:
            raise ScenarioError("slab_input", what=name, found=value)
    s = stability_of(inv_l, z0)
    bend = math.exp(-0.8 * s) if s < 0.0 else 1.0 + 0.8 * s
    bent_l = inv_l * (1.0 + max(at_m, 3.0) / bend)
    far = (1.0 - 16.0 * bend * bent_l) ** -0.25 if bent_l < 0.0 else 1.0
    gain = -8.0 * bent_l / (1.0 - far) if bent_l < 0.0 else 0.0

    moisture = moisture_of(humidity, temperature)
    molar = AIR_MOLAR * WATER_MOLAR / (WATER_MOLAR + (AIR_MOLAR - WATER_MOLAR) * moisture)
    air = Ambient(
        temperature=temperature, pressure=pressure, density=molar * pressure / (GAS * temperature),
        cp=(1.0 - moisture) * AIR_CP + moisture * WATER_CP, moisture=moisture, ustar=ustar, z0=z0, inv_l=inv_l, bent_l=bent_l,
        bend=bend, mixed=130.0 * 2.0 ** (3.0 - s), low=math.e * z0, slope=0.0, curve=0.0, far=far, gain=gain, sideways=0.0,
    )  # fmt: skip
    value, change = aloft(air.low, air), phi(air.low, air) * (1.0 - air.low / air.mixed) / air.low
    slope = (2.0 * value - air.low * change) / air.low
    curve = (air.low * change - value) / air.low**2
    air = air._replace(slope=slope, curve=curve)
    return air._replace(sideways=spread_rate(air, 0.0))


def moisture_of(humidity: float, temperature: float) -> float:
    """Return the mass share of water in air at 1 atm of a relative humidity (0 to 1) and temperature (K)."""
    vapour = humidity * math.exp(WATER_A - WATER_B / temperature)
    return WATER_MOLAR * vapour / (AIR_MOLAR + (WATER_MOLAR - AIR_MOLAR) * vapour)


def blown(
    *, z0: float, temperature: float, humidity: float, inv_l: float, wind_m_s: float, at_m: float, pressure: float = 101325.0
) -> Ambient:  # fmt: skip
    """Return the air of a wind (m s-1) at a height (m); see `ambient`."""
    air = ambient(
        z0=z0, temperature=temperature, humidity=humidity, inv_l=inv_l, ustar=1.0, pressure=pressure, at_m=at_m
    )
    if not wind_m_s > 0.0:
        raise ScenarioError("slab_input", what="wind_m_s", found=wind_m_s)
    air = air._replace(ustar=wind_m_s / wind(at_m, air))
    return air._replace(sideways=spread_rate(air, 0.0))


def spread_rate(air: Ambient, seconds: float) -> float:
    """Return the sideways spread over distance, near the source, of a mean over `seconds`: 0.08 S F(t).

    F = ((t + 10 s exp(-t / 10 s)) / 900 s)^0.2; S follows 1 / L and the drag at 2 m.
    """
    rough = math.sqrt(air.ustar / wind(2.0, air) / 0.086)
    bent = 10.0 * rough * air.inv_l
    factor = 1.0 - bent if air.inv_l < 0.0 else 1.0 / (1.0 + bent)
    span = (seconds + SHORTEST_S * math.exp(-seconds / SHORTEST_S)) / WHOLE_S
    return float(0.08 * factor * span**0.2)


def _marks(z0: float) -> tuple[float, float, float, float]:
    """Return |1 / L| one class off neutral, the exponents near it and far from it, and their difference (fit to Golder 1972)."""
    one = 0.0081 / z0**0.3044
    if z0 > 0.0111:
        two, three = 0.0385 / z0**0.1715, 0.0875 / z0**0.1028
    else:
        two = one + 0.0137 / z0**0.1715 + 0.0218
        three = two + 0.0557
    near, third = math.log(two / one) / math.log(2.0), math.log(three / one) / math.log(3.0)
    far = 2.0 * third - near
    return one, near, far, near - far


def inv_l_of(stability: float, z0: float) -> float:
    """Return 1 / L (m-1) over roughness z0 (m) of a Pasquill class as a number, 1 (A) to 6 (F)."""
    one, near, far, fall = _marks(z0)
    off = min(abs(stability - NEUTRAL), MOST)
    exponent = near if off < 2.0 else far + fall / (1.0 + (off - 2.0) ** 2)
    return math.copysign(one * off**exponent, stability - NEUTRAL) if off > 0.0 else 0.0


def stability_of(inv_l: float, z0: float) -> float:
    """Return how many Pasquill classes 1 / L (m-1) is off neutral, below 0 unstable."""
    if inv_l == 0.0:
        return 0.0
    low, high = 0.0, MOST
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if inv_l_of(NEUTRAL + middle, z0) < abs(inv_l) else (low, middle)
    return math.copysign(high, inv_l)
