"""Surface-layer similarity: profiles of wind and mixing, and how a cloud near the ground grows in them.

Profiles: Hogstrom 1988 (Bound.-Layer Meteorol. 42, 55), kappa = 0.40. Growth of the mean height of a cloud that touches the
ground: van Ulden 1978 (Atmos. Environ. 12, 2125) with the vertical shape of Gryning, van Ulden and Larsen 1983 (Quart. J. R.
Met. Soc. 109, 355): where wind and mixing follow powers of height, m and n, the profile exp(-(z / b)^s) with s = 2 + m - n
is exact, and the height at which mixing and the height at which wind are to be read follow from s and m.
"""

from __future__ import annotations

import math

from twin.jit import kernel

KAPPA = 0.40


@kernel
def psi_m(zeta):
    """Return the stability correction of the wind profile at zeta = z / L."""
    if zeta >= 0.0:
        return -6.0 * zeta
    x = (1.0 - 19.3 * zeta) ** 0.25
    return 2.0 * math.log(0.5 * (1.0 + x)) + math.log(0.5 * (1.0 + x * x)) - 2.0 * math.atan(x) + 0.5 * math.pi


@kernel
def phi_m(zeta):
    """Return the dimensionless wind shear at zeta = z / L."""
    return 1.0 + 6.0 * zeta if zeta >= 0.0 else (1.0 - 19.3 * zeta) ** -0.25


@kernel
def phi_h(zeta):
    """Return the dimensionless gradient of a scalar at zeta = z / L."""
    return 0.95 + 7.8 * zeta if zeta >= 0.0 else 0.95 / math.sqrt(1.0 - 11.6 * zeta)


@kernel
def profile(z, z0, inv_l):
    """Return kappa u / u* at height z (m) over roughness z0 (m), inv_l = 1 / L (m-1); below 2 z0 that of 2 z0."""
    z = max(z, 2.0 * z0)
    return max(math.log(z / z0) - psi_m(z * inv_l) + psi_m(z0 * inv_l), 0.5)


@kernel
def shape(zbar, z0, inv_l):
    """Return (s, m): the exponents of the vertical profile of the cloud and of the wind, at 0.6 of the mean height (m).

    s is at least 1: below, the profile would have a cusp at the ground.
    """
    z = 0.6 * zbar
    zeta = z * inv_l
    m = min(phi_m(zeta) / profile(z, z0, inv_l), 0.6)
    bent = 7.8 * zeta / (0.95 + 7.8 * zeta) if zeta >= 0.0 else 5.8 * zeta / (1.0 - 11.6 * zeta)
    s = max(1.0 + m + bent, 1.0)
    return s, m


@kernel
def mixing_height_factor(s):
    """Return p: a power-law cloud of mean height Z grows by the mixing at p Z."""
    if abs(s - 1.0) < 1e-3:
        s = 1.001
    ratio = math.lgamma(2.0 / s) - math.lgamma(1.0 / s)
    return math.exp((math.log(s) + s * ratio) / (1.0 - s))


@kernel
def wind_height_factor(s, m):
    """Return c: a power-law cloud of mean height Z moves with the wind at c Z."""
    gain = math.lgamma((m + 1.0) / s) - math.lgamma(1.0 / s)
    return math.exp(gain / m + math.lgamma(1.0 / s) - math.lgamma(2.0 / s))


@kernel
def transport(zbar, z0, inv_l, ustar):
    """Return (speed of the cloud, growth of its mean height), both m s-1, at mean height zbar (m)."""
    s, m = shape(zbar, z0, inv_l)
    z_mix = mixing_height_factor(s) * zbar
    moved = profile(wind_height_factor(s, m) * zbar, z0, inv_l)
    grown = ustar * KAPPA * moved / (phi_h(z_mix * inv_l) * profile(z_mix, z0, inv_l))
    return ustar / KAPPA * moved, grown


@kernel
def vertical(zbar, z0, inv_l, z):
    """Return the share of a cloud per metre of height (m-1) at height z (m); its integral over z >= 0 is 1."""
    s, _ = shape(zbar, z0, inv_l)
    log_b = math.log(zbar) + math.lgamma(1.0 / s) - math.lgamma(2.0 / s)
    return s * math.exp(-log_b - math.lgamma(1.0 / s) - (z * math.exp(-log_b)) ** s)
