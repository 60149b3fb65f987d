"""A steady plume of dense gas as a slab: conservation of mass, substance, momentum and heat along the wind.

Ermak 1990 (UCRL-MA-105607), section 2.3.1, for half a slab of half width B and depth h that moves with U:
    d(rho U B h)/dx = sqrt3 rho_a (V h + W B) + source                               mass (V, W entrainment at sides and top)
    U dB/dx = sqrt3 V rho_a / rho + v_g, U db/dx = v_g b / B                         width and its flat part; denser: narrower
    d(rho U B h U)/dx = -g/4 d((rho - rho_a) B h^2)/dx + air drawn in - friction     speed, by its cubic
    d(rho U B h v_g)/dx = 3/4 g (rho - rho_a) h^2 - friction                         sides, while it is dense and on the ground
    d(rho U B h w_c)/dx = -g (rho - rho_a) B h - friction                            centre, while it is light or off the ground
and m = released / (rho U B h), with the temperature from `equilibrium.mixture`. A step takes increments of what is conserved and
finds the cloud anew from them.
"""

from __future__ import annotations

import math

import numpy as np

from evacuation.release.kernels.equilibrium import mixture
from evacuation.release.kernels.slab_air import mean_wind
from evacuation.release.kernels.slab_mixing import (
    CENTRE,
    CP,
    DENSITY,
    DEPTH,
    DRAG,
    DRAG_RISE,
    DRAG_SIDE,
    FIELDS,
    FLAT,
    FLUX,
    HEAT,
    MOIST,
    NARROW,
    RISE,
    ROOT_3,
    SHARE,
    SIDE,
    SIDES,
    SPEED,
    SPREAD,
    STIR,
    TEMPERATURE,
    TIME,
    TOP,
    TOPS,
    VAPOUR,
    WARMING,
    WIDE,
    WIND,
    G,
    X,
    brake,
    mix,
)
from twin.jit import kernel

#: A step changes no part of the cloud by more than this share.
STEP = 0.02

DONE, FULL, STUCK = 0, 1, 2


@kernel
def gained(source_kg_s, edge, x):
    """Return the mass of substance that has entered half the slab up to x (m), kg s-1; a pool reaches from -edge to edge."""
    if x >= edge:
        return 0.5 * source_kg_s
    return 0.25 * source_kg_s * (edge + x) / edge


@kernel
def speed_of(full, pull, before):
    """Return (U, factor): the greatest root of U^3 - full U^2 + pull = 0, and by how much the slab must widen to have one (or 1)."""
    if pull <= 0.0:
        return full, 1.0
    bound = 4.0 / 27.0 * full**3
    if pull > bound:
        return min(2.0 / 3.0 * full, before), pull / bound
    angle = math.acos(1.0 - 2.0 * pull / bound)
    return full / 3.0 * (1.0 + 2.0 * math.cos(angle / 3.0)), 1.0


@kernel
def settle(now_out, share, heat, matter, air):
    """Fill share, vapours, temperature, density and heat capacity of the cloud, `heat` J taken up per kg of it."""
    now = now_out
    now[SHARE] = share
    enthalpy = share * matter.enthalpy + (1.0 - share) * air.cp * air.temperature + heat
    found = mixture(share, enthalpy, air.moisture, air.pressure, matter)
    now[TEMPERATURE], now[DENSITY], now[CP], now[VAPOUR], now[MOIST] = found


@kernel
def top_of(centre, depth):
    """Return the height of the cloud's top, m."""
    return centre + 0.5 * depth if centre > 0.5 * depth else depth


@kernel
def rates(out, now, source_kg_s, edge, air):
    """Find what is gained per metre: mass, width, flat part, momentum of the sides and of the centre, centre, time, stirring."""
    inside = now[X] < edge
    out[FLUX] = ROOT_3 * air.density * (now[SIDES] * now[DEPTH] + now[TOPS] * now[WIDE])
    out[FLUX] += 0.25 * source_kg_s / edge if inside else 0.0
    out[WIDE] = (ROOT_3 * air.density / now[DENSITY] * now[SIDES] + now[SIDE]) / now[SPEED]
    out[FLAT] = now[SIDE] * now[FLAT] / (now[SPEED] * now[WIDE])
    denser = now[DENSITY] - air.density
    out[SIDE] = SPREAD * G * denser * now[DEPTH] ** 2
    out[RISE] = 0.0 if inside else -G * denser * now[WIDE] * now[DEPTH]
    out[CENTRE] = now[RISE] / now[SPEED]
    out[TIME] = 1.0 / now[SPEED]
    out[STIR] = 0.0 if inside else -now[STIR] * air.ustar / (mean_wind(2.0, air) * max(now[DEPTH], 1e-3))


@kernel
def build(now_out, base, rate, dx, source_kg_s, edge, stir, matter, air):
    """Find the cloud `now_out` that `base` becomes after dx (m) of gains `rate`; return by how much it had to be widened.

    `stir` (m2 s-2 per m s-1 of wind) is what the source stirs while the cloud is over it.
    """
    now = now_out
    x = base[X] + dx
    flux = base[FLUX] + rate[FLUX] * dx
    now[X], now[TIME], now[FLUX] = x, base[TIME] + rate[TIME] * dx, flux
    warmth = base[FLUX] * base[CP] * (base[TEMPERATURE] - air.temperature)
    now[HEAT] = base[HEAT] - brake(warmth, base[WARMING] * dx)
    settle(now, gained(source_kg_s, edge, x) / flux, now[HEAT] / flux, matter, air)

    density, before = now[DENSITY], base[DENSITY]
    dense = density > air.density
    on_ground = base[TOP] <= base[DEPTH] * (1.0 + 1e-9)
    narrow = NARROW if on_ground and before > air.density else 0.0
    faster = base[SPEED] - base[WIND]
    push = base[FLUX] * (base[SPEED] - (1.0 - base[SHARE]) * base[WIND])
    push += 0.5 * narrow * G * (before - air.density) * base[WIDE] * base[DEPTH] ** 2
    push -= brake(base[FLUX] * faster, base[DRAG] * dx)
    centre = min(max(base[CENTRE] + rate[CENTRE] * dx, 0.0), air.mixed)

    speed, widen = base[SPEED], 1.0
    wide, flat, depth, top, wind = base[WIDE], base[FLAT], base[DEPTH], base[TOP], base[WIND]
    for _ in range(60):
        wide = base[WIDE] + rate[WIDE] * dx
        depth = flux / (density * speed * wide)
        ratio = before / density
        if faster > 0.0:
            ratio *= base[SPEED] / speed
        stretch = ratio ** (depth / (depth + 2.0 * wide))
        wide *= stretch
        depth = flux / (density * speed * wide)
        if depth > 2.0 * wide:
            wide = math.sqrt(flux / (2.0 * density * speed))
            depth, stretch = 2.0 * wide, math.sqrt(ratio)
        flat = (base[FLAT] + rate[FLAT] * dx) * stretch
        top = min(top_of(centre, depth), air.mixed)
        wind = mean_wind(top, air)
        pull = narrow * G * (density - air.density) * flux / (2.0 * wide * density * density)
        found, widen = speed_of(max((1.0 - now[SHARE]) * wind + push / flux, 1e-3), pull, base[SPEED])
        found = (speed * found * found) ** (1.0 / 3.0)
        near = abs(found - speed) < 1e-7 * speed
        speed = found
        if near:
            break
    wide, flat = wide * widen, flat * widen
    depth = flux / (density * speed * wide)
    if on_ground and dense:
        centre = min(centre, 0.5 * depth)
    if depth > air.mixed:
        wide, depth = wide * depth / air.mixed, air.mixed
    centre = min(centre, air.mixed - 0.5 * depth)
    top = top_of(centre, depth)
    now[CENTRE], now[DEPTH], now[WIDE], now[FLAT], now[TOP] = centre, depth, wide, min(flat, wide), top
    now[SPEED], now[WIND] = speed, mean_wind(top, air)

    lofted = top > depth * (1.0 + 1e-9)
    sides, centre_push = base[FLUX] * base[SIDE], base[FLUX] * base[RISE]
    now[SIDE] = now[RISE] = 0.0
    if dense and not lofted:
        if base[SIDE] == 0.0 and base[DEPTH] > 0.0:  # what fell now runs aside
            sides = -2.0 * centre_push * base[WIDE] / base[DEPTH]
        now[SIDE] = max(sides + rate[SIDE] * dx - brake(sides, base[DRAG_SIDE] * dx), 0.0) / flux
        now[RISE] = -now[SIDE] * centre / wide
    elif x >= edge:
        now[RISE] = (centre_push + rate[RISE] * dx - brake(centre_push, base[DRAG_RISE] * dx)) / flux
    stirred = stir * now[WIND] if x < edge else max(base[STIR] + rate[STIR] * dx, 0.0)
    mix(now, False, stirred, air)
    return widen


@kernel
def stride(now, rate):
    """Return a step (m) that changes the cloud little."""
    dx = min(abs(now[FLUX] / rate[FLUX]), abs(now[WIDE] / rate[WIDE]))
    if now[RISE] != 0.0:
        dx = min(dx, now[TOP] * now[SPEED] / abs(now[RISE]))
    return STEP * dx


@kernel
def plume(table_out, start, source_kg_s, edge, stir, until_s, until_m, matter, air):
    """Write the plume into table_out (row, FIELDS), from the row `start` on, up to a time of travel (s) or a distance (m).

    Return (rows, status, widening over the source, m): FULL when the table is, STUCK when the plume does not move on.
    """
    now, half, rate = start.copy(), np.zeros(FIELDS), np.zeros(FIELDS)
    table_out[0] = now
    widened = 0.0
    for row in range(1, len(table_out)):
        rates(rate, now, source_kg_s, edge, air)
        dx = min(stride(now, rate), until_m - now[X], (until_s - now[TIME]) * now[SPEED])
        if now[X] < edge:
            dx = min(dx, 0.05 * edge, edge - now[X])
        dx = max(dx, 1e-9)
        factor = 1.0
        for stage in range(2):  # the midpoint, then the whole step by its gains
            after = half if stage == 0 else table_out[row]
            if stage == 1:
                rates(rate, half, source_kg_s, edge, air)
            factor = build(after, now, rate, (0.5 + 0.5 * stage) * dx, source_kg_s, edge, stir, matter, air)
        if table_out[row, X] <= edge:
            widened += table_out[row, WIDE] * (1.0 - 1.0 / factor)
        now[:] = table_out[row]
        if not (math.isfinite(now[SPEED]) and now[SPEED] > 0.0 and now[DEPTH] > 0.0):
            return row, STUCK, widened
        if now[TIME] >= until_s * (1.0 - 1e-6) or now[X] >= until_m - 1e-6:
            return row + 1, DONE, widened
    return len(table_out), FULL, widened


@kernel
def begin_jet(start_out, air):
    """Complete a start whose place, shape, speed and matter are given: mass flux, wind, entrainment."""
    start = start_out
    start[FLUX] = start[DENSITY] * start[SPEED] * start[WIDE] * start[DEPTH]
    start[TOP] = top_of(start[CENTRE], start[DEPTH])
    start[WIND] = mean_wind(start[TOP], air)
    mix(start, False, 0.0, air)


@kernel
def begin_pool(start_out, source_kg_s, edge, stir, dx, matter, air):
    """Fill the start of a plume dx (m) downwind of the upwind edge of a pool of half width `edge` (m): source and first air."""
    start = start_out
    start[X], start[WIDE], start[FLAT] = dx - edge, edge, 0.9 * edge
    start[DEPTH], start[DENSITY] = 1e-2 * edge, air.density
    released = gained(source_kg_s, edge, start[X])
    for _ in range(200):
        start[TOP] = start[DEPTH]
        start[WIND] = mean_wind(start[DEPTH], air)
        start[SPEED] = max((1.0 - start[SHARE]) * start[WIND], 1e-3)
        start[TEMPERATURE] = air.temperature if start[TEMPERATURE] == 0.0 else start[TEMPERATURE]
        mix(start, False, stir * start[WIND], air)
        start[FLUX] = released + ROOT_3 * air.density * start[TOPS] * edge * dx
        settle(start, released / start[FLUX], 0.0, matter, air)
        depth = start[FLUX] / (start[DENSITY] * start[SPEED] * edge)
        start[DEPTH] = math.sqrt(start[DEPTH] * depth)
    start[HEAT] = 0.0
    start[TIME] = dx / start[SPEED]
    mix(start, False, stir * start[WIND], air)
