"""Moves and grows the ends of the cloud's pieces: with the wind, by turbulence and, where the gas is dense, by its own weight.

A piece is a straight line of gas between two ends (a stretch of a plume), or one round puff. `ends` is (field, 2, piece), with the
rows X, Y (m, map), BOX, TURB (parts of the sideways standard deviation, m), Z (mean height, m), SWAY (covariance of sideways
place and speed, m2 s-1), SOURCE (what is left of the kg s-1 that it left with; of a puff kg), DENSE (density at the source,
kg m-3), DILUTION (which row of `dilutions` says how it thins), COLD (share of its cold that the ground has not taken yet, 1 at
the source) and AXIS (height of its axis, m; 0: on the ground. Then Z is the mean height; else the mean distance from the axis).
End 0 is the younger end of a line; of a puff, where it was a step ago.

`dilutions` is (row, POINTS + 1): the excess density that a kilogram of substance brings while nothing but air warms it, at the
concentrations DENSE 10^(-k / PER_DECADE), and at last what it brings once as warm as the air. Row 0 is nought: a passive gas.
"""

from __future__ import annotations

import math

import numba as nb

from evacuation.release.kernels.similarity import (
    depletion,
    from_axis,
    swayed,
    transport,
    transport_aloft,
    vertical,
    vertical_aloft,
)
from twin.jit import kernel

X, Y, BOX, TURB, Z, SWAY, SOURCE, DENSE, DILUTION, COLD, AXIS = range(11)
FIELDS = 11

PER_DECADE, POINTS = 5, 26

G = 9.81
FRONT = 1.1  # front speed over sqrt(g' H): van Ulden 1974, Britter 1979
EDGE = 0.6  # entrainment at the edge over front speed: Eidsvik 1980, Atmos. Environ. 14, 769
RI_TOP = 0.8  # entrainment at the top falls as 1 / sqrt(1 + 0.8 Ri): Witlox 1994, Atmos. Environ. 28, 2917
CONVECTED = 0.14  # stirring by heat from the ground: Ermak 1990
THINNEST_M = 0.05
MOST_SUBSTEPS = 20_000

OK, TOO_MANY_STEPS = 0, 1


@kernel
def brought(dilution, c, dense, cold):
    """Return what a kilogram brings to a concentration c (kg m-3): (excess density, at least 0 as it does not rise; part by cold)."""
    place = PER_DECADE * math.log10(max(dense / c, 1.0))
    k = min(int(place), POINTS - 2)
    along = min(place - k, 1.0)
    by_cold = cold * (dilution[k] + along * (dilution[k + 1] - dilution[k]) - dilution[POINTS])
    return max(by_cold + dilution[POINTS], 0.0), max(by_cold, 0.0)


@kernel
def rates(box, turb, z, source, dense, cold, dilution, round_, z0, inv_l, ustar, rho_air):
    """Return (speed, growth of BOX, growth of Z, m s-1, loss of COLD, s-1) of an end.

    Gravity spreads a cloud of mean concentration c (as a box of the same second moments) and excess density brought(c) c with the
    front speed 1.1 sqrt(g' H), thins it as it spreads and slows the mixing at its top. The ground warms it with the speed
    u*^2 / U over its height H (Ermak 1990). As c falls the terms fade, so the cloud turns passive without a step in mass, size
    or concentration.
    """
    speed, grown = transport(z, z0, inv_l, ustar)
    if dilution[0] == 0.0 and dilution[POINTS - 1] == 0.0:
        return speed, 0.0, grown, 0.0
    sigma, height = math.sqrt(box * box + turb * turb), 2.0 * z
    if round_:  # a disc of radius 2 sigma
        c = source / (math.pi * 4.0 * sigma * sigma * height)
        widen, sides = 0.5, 2.0
    else:  # a band of half width sqrt(3) sigma
        c = source / (speed * 2.0 * math.sqrt(3.0) * sigma * height)
        widen, sides = 1.0 / math.sqrt(3.0), 1.0
    c = min(c, dense)
    heavy, by_cold = brought(dilution, c, dense, cold)
    g_red = G * heavy * c / rho_air
    carried = ustar * ustar / speed
    stirred = (CONVECTED * G * by_cold * c / rho_air * carried * height) ** (2.0 / 3.0)
    friction = ustar * ustar + stirred
    front = FRONT * math.sqrt(g_red * height)
    grown *= math.sqrt(friction) / ustar / math.sqrt(1.0 + RI_TOP * g_red * height / friction)
    spread = widen * front
    warmed = cold * carried / height
    return speed, spread, grown - (1.0 - EDGE) * sides * z * spread / sigma, warmed


@kernel
def motion(box, turb, z, source, dense, cold, axis, dilution, round_, z0, inv_l, ustar, rho_air):
    """Return the `rates` of an end; around an axis aloft, where only a passive gas can be, those without its weight."""
    if axis > 0.0:
        speed, grown = transport_aloft(z, axis, z0, inv_l, ustar)
        return speed, 0.0, grown, 0.0
    return rates(box, turb, z, source, dense, cold, dilution, round_, z0, inv_l, ustar, rho_air)


@kernel(parallel=True)
def advance(
    ends_out,
    lost_out,
    run_s,
    round_,
    member,
    to,
    turned,
    factor,
    classes,
    dilutions,
    z0,
    ustar,
    west,
    north,
    tile_m,
    inv_l,
    lateral,
    highest,
    rho_air,
    uptake,
):
    """Carry every end on by its own time run_s (2, piece) and return a status.

    lost_out (2, piece): the logarithm of what the ground has taken from it on the way.

    member (piece,): whose wind moves it; to (member, 2): unit vectors that the air moves to, factor (member,) of its speed, turned
    (row, column, 2): cosine and sine of how far the air of a tile moves another way. classes (member,): the stability of each one's
    air, by its number. z0 (row, column), ustar (stability, row, column): roughness (m) and friction velocity (m s-1) of tiles of
    tile_m from (west, north), the nearest tile outside. Of each stability inv_l: 1 / L (m-1), lateral: sigma_v / u*, highest:
    largest mean height (m). uptake: of the ground (m s-1, 0: none). A puff's end 0 takes the place of its
    end 1 before that one moves.
    """
    n_rows, n_cols = z0.shape
    bad = 0
    for k in nb.prange(ends_out.shape[2]):
        ex, ey, faster = to[member[k], 0], to[member[k], 1], factor[member[k]]
        own = classes[member[k]]
        bent, sideways, most = inv_l[own], lateral[own], highest[own]
        if round_[k]:
            for f in range(FIELDS):
                ends_out[f, 0, k] = ends_out[f, 1, k]
        for e in range(2):
            left = 0.0 if round_[k] and e == 0 else run_s[e, k]
            x, y, box, turb = ends_out[X, e, k], ends_out[Y, e, k], ends_out[BOX, e, k], ends_out[TURB, e, k]
            z, sway = ends_out[Z, e, k], ends_out[SWAY, e, k]
            source, dense, cold = ends_out[SOURCE, e, k], ends_out[DENSE, e, k], ends_out[COLD, e, k]
            axis = ends_out[AXIS, e, k]
            dilution = dilutions[int(ends_out[DILUTION, e, k])]
            substeps, lost = 0, 0.0
            while left > 1e-9:
                row = min(max(int((north - y) / tile_m), 0), n_rows - 1)
                col = min(max(int((x - west) / tile_m), 0), n_cols - 1)
                rough, friction = z0[row, col], ustar[own, row, col] * faster
                _, wider, higher, warmed = motion(
                    box, turb, z, source, dense, cold, axis, dilution, round_[k], rough, bent, friction, rho_air
                )
                sigma = math.sqrt(box * box + turb * turb)
                h = min(left, 0.05 * z / max(abs(higher), 1e-9), 0.05 * sigma / max(wider, 1e-9))
                h = min(h, 0.1 * cold / warmed) if warmed > 0.0 else h
                half_z = max(z + 0.5 * h * higher, THINNEST_M)
                half_box = box + 0.5 * h * wider
                half_turb = math.sqrt(turb * turb + h * sway)
                half_cold = cold - 0.5 * h * warmed
                speed, wider, higher, warmed = motion(
                    half_box,
                    half_turb,
                    half_z,
                    source,
                    dense,
                    half_cold,
                    axis,
                    dilution,
                    round_[k],
                    rough,
                    bent,
                    friction,
                    rho_air,
                )
                c, s = turned[row, col, 0], turned[row, col, 1]
                x += h * speed * (ex * c - ey * s)
                y += h * speed * (ey * c + ex * s)
                z = min(max(z + h * higher, THINNEST_M), most)
                box += h * wider
                cold -= h * warmed
                mean = from_axis(half_z, axis)[0] if axis > 0.0 else half_z
                turb, sway = swayed(turb, sway, h, mean, bent, friction, sideways, most)
                if uptake > 0.0:
                    low = (
                        vertical_aloft(half_z, axis, rough, bent, 0.0)
                        if axis > 0.0
                        else vertical(half_z, rough, bent, 0.0)
                    )
                    part = h * depletion(uptake, rough, bent, friction, mean, low)
                    lost += part
                    source *= math.exp(-part)
                left -= h
                substeps += 1
                if substeps > MOST_SUBSTEPS:
                    bad += 1
                    break
            ends_out[X, e, k], ends_out[Y, e, k], ends_out[BOX, e, k], ends_out[TURB, e, k] = x, y, box, turb
            ends_out[Z, e, k], ends_out[SWAY, e, k], ends_out[COLD, e, k] = z, sway, cold
            ends_out[SOURCE, e, k], lost_out[e, k] = source, lost
    return TOO_MANY_STEPS if bad else OK
