"""Surface-layer similarity: profiles of wind and mixing, and how a cloud near the ground grows in them.

Profiles: Hogstrom 1988 (Bound.-Layer Meteorol. 42, 55), kappa = 0.40. Growth of the mean height of a cloud that touches the
ground: van Ulden 1978 (Atmos. Environ. 12, 2125) with the vertical shape of Gryning, van Ulden and Larsen 1983 (Quart. J. R.
Met. Soc. 109, 355): where wind and mixing follow powers of height, m and n, the profile exp(-(z / b)^s) with s = 2 + m - n
is exact, and the height at which mixing and the height at which wind are to be read follow from s and m.

Sideways a particle forgets its speed in the Lagrangian time T = 2 sigma_v^2 / (C0 eps) (Thomson 1987, J. Fluid Mech. 180, 529;
Rodean 1996, Meteorol. Monogr. 26), with the dissipation eps of the surface layer at the cloud's mean height (Kaimal and Finnigan
1994) and C0 of grid turbulence (Du and others 1995, doi:10.1063/1.868618). To the ground a gas goes through resistances in series.

A cloud from a stack lies around an axis aloft, half of it mirrored at the ground; as it becomes wider than its axis is high, shape,
speed and growth turn into those of a cloud from the ground.
"""

from __future__ import annotations

import math

from twin.jit import kernel

KAPPA = 0.40

C0 = 3.0  # Lagrangian structure function: 3.0 +- 0.5, Du, Sawford, Wilson and Wilson 1995, Phys. Fluids 7, 3083
MEAN_OF_SIGMA = math.sqrt(
    2.0 / math.pi
)  # mean distance from the middle of a normal distribution, in standard deviations
NEUTRAL_SIDEWAYS = 1.92  # sigma_v / u*: Panofsky and Dutton 1984
#: (Sc / Pr)^(2/3) of a gas like sulphur dioxide in air: Wesely and Hicks 1977, J. Air Poll. Control 27, 1110
FILM = 1.4
#: Share of a cloud's mean height at which the resistance of the air below is its mean over the cloud.
MIDDLE = 0.6


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
def profiles(out, z, z0, inv_l):
    """Fill out (row, column) with `profile` at height z (m) over z0 (row, column), m."""
    for j in range(z0.shape[0]):
        for i in range(z0.shape[1]):
            out[j, i] = profile(z, z0[j, i], inv_l)


@kernel
def winds(out, z, z0, ustar, inv_l):
    """Fill out (place,) with the wind (m s-1) at height z (place,), m, over z0 (place,), m, for u* (place,), m s-1."""
    for k in range(len(out)):
        out[k] = ustar[k] / KAPPA * profile(z[k], z0[k], inv_l)


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


@kernel
def from_axis(spread, axis):
    """Return (mean height, m; its share that is the axis', 0..1) of a cloud of mean distance `spread` from an axis `axis` m high."""
    mean = math.sqrt(axis * axis + spread * spread)
    return mean, (axis / mean) ** 2


@kernel
def transport_aloft(spread, axis, z0, inv_l, ustar):
    """Return (speed, growth of the spread), m s-1, of a cloud around an axis aloft; `transport` where the axis is on the ground.

    Near its source it is a normal distribution that widens with sigma_w and forgets its speed in K / sigma_w^2 (Taylor 1921, to 6 %),
    sigma_w = 1.3 u* (1 - 3 z / L)^(1/3) (Panofsky and others 1977; 1.3 u* in stable air) and K = kappa u* z / phi_h at its mean height;
    once wider than high it grows as one from the ground.
    """
    mean, high = from_axis(spread, axis)
    zeta = mean * inv_l
    sigma_w = 1.3 * ustar * (1.0 - 3.0 * min(zeta, 0.0)) ** (1.0 / 3.0)
    k = KAPPA * ustar * mean / phi_h(zeta)
    sigma = max(spread, 1e-3) / MEAN_OF_SIGMA
    free = MEAN_OF_SIGMA / math.sqrt(1.0 / (sigma_w * sigma_w) + (sigma / k) ** 2)
    s, m = shape(mean, z0, inv_l)
    moved = high + (1.0 - high) * wind_height_factor(s, m)
    _, grown = transport(max(spread, 2.0 * z0), z0, inv_l, ustar)
    return ustar / KAPPA * profile(moved * mean, z0, inv_l), high * free + (1.0 - high) * grown


@kernel
def vertical_aloft(spread, axis, z0, inv_l, z):
    """Return the share of a cloud around an axis aloft per metre of height (m-1) at z (m): half of it mirrored at the ground.

    Its integral over z >= 0 is 1, and with the axis on the ground it is `vertical`.
    """
    mean, high = from_axis(spread, axis)
    s, _ = shape(mean, z0, inv_l)
    s += high * (2.0 - s)
    log_b = math.log(spread) + math.lgamma(1.0 / s) - math.lgamma(2.0 / s)
    most = 0.5 * s * math.exp(-log_b - math.lgamma(1.0 / s))
    return most * (
        math.exp(-((abs(z - axis) * math.exp(-log_b)) ** s)) + math.exp(-(((z + axis) * math.exp(-log_b)) ** s))
    )


@kernel
def sideways(inv_l, highest):
    """Return sigma_v / u* under a lid whose half is `highest` (m): Panofsky and others 1977 in unstable air, else 1.92."""
    return (12.0 - highest * inv_l) ** (1.0 / 3.0) if inv_l < 0.0 else NEUTRAL_SIDEWAYS


@kernel
def dissipation(z, inv_l, ustar):
    """Return the dissipation of turbulence, m2 s-3, at height z (m): u*^3 phi / (kappa z) (Kaimal and Finnigan 1994)."""
    zeta = z * inv_l
    phi = 1.0 + 5.0 * zeta if zeta >= 0.0 else (1.0 + 0.5 * (-zeta) ** (2.0 / 3.0)) ** 1.5
    return ustar**3 * phi / (KAPPA * z)


@kernel
def swayed(turb, sway, h, zbar, inv_l, ustar, lateral, highest):
    """Return (turb, sway) after h seconds: sideways standard deviation (m) and covariance of place and speed (m2 s-1).

    d turb^2 / dt = 2 sway, d sway / dt = sigma_v^2 - sway / T (Taylor 1921 in the Langevin form), exact while T stays. sigma_v is
    `lateral` u*; the eddies are at least those of similarity, so a plume that is measured narrower does not forget sooner.
    """
    sigma_v = lateral * ustar
    eddies = max(lateral, sideways(inv_l, highest)) * ustar
    t = 2.0 * eddies * eddies / (C0 * dissipation(zbar, inv_l, ustar))
    aim = sigma_v * sigma_v * t
    kept = math.exp(-h / t)
    wider = 2.0 * (aim * h + (sway - aim) * t * (1.0 - kept))
    return math.sqrt(turb * turb + max(wider, 0.0)), aim + (sway - aim) * kept


@kernel
def psi_h(zeta):
    """Return the stability correction of a scalar's profile at zeta = z / L, the integral of `phi_h`."""
    return -7.8 * zeta if zeta >= 0.0 else 1.9 * math.log(0.5 * (1.0 + math.sqrt(1.0 - 11.6 * zeta)))


@kernel
def resistance(z, z0, inv_l, ustar):
    """Return the resistance of the air between the roughness z0 and height z (m), s m-1; nought below z0."""
    if z <= z0:
        return 0.0
    return (0.95 * math.log(z / z0) - psi_h(z * inv_l) + psi_h(z0 * inv_l)) / (KAPPA * ustar)


@kernel
def taken(uptake, z0, inv_l, ustar, zbar):
    """Return (speed at which the ground takes gas from the air at z0, m s-1; resistance up to the cloud's middle, s m-1).

    uptake (m s-1): one over the resistance of the surface itself; the film of still air on it is in series with it. The mean of
    the resistance over the cloud is that at MIDDLE of its mean height, to a tenth for all its shapes.
    """
    film = 2.0 * FILM / (KAPPA * ustar)
    return uptake / (1.0 + uptake * film), resistance(MIDDLE * zbar, z0, inv_l, ustar)


@kernel
def depletion(uptake, z0, inv_l, ustar, zbar, share):
    """Return the share of a cloud that the ground takes in a second, s-1: dry deposition of a cloud thinned near the ground.

    share: of the cloud per metre of height at the ground, were it not thinned (m-1).
    """
    speed, up = taken(uptake, z0, inv_l, ustar, zbar)
    return speed * share / (1.0 + speed * up)


@kernel
def thinned(uptake, z0, inv_l, ustar, zbar, z):
    """Return by how much uptake by the ground changes the share of a cloud at height z (m); 1 without uptake (Horst 1983)."""
    speed, up = taken(uptake, z0, inv_l, ustar, zbar)
    return (1.0 + speed * resistance(z, z0, inv_l, ustar)) / (1.0 + speed * up)
