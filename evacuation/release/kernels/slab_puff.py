"""A puff of dense gas as a slab, in time: what a plume turns into once its source has stopped, or a sudden release from the start.

Ermak 1990 (UCRL-MA-105607), section 2.3.2, for a quarter of a slab of half width B, half length Bx and depth h; R = rho B Bx h:
    dR/dt = sqrt3 rho_a ((V Bx + Vx B) h + W B Bx)                                  mass
    dx/dt = U, dB/dt = sqrt3 V rho_a / rho + v_g, dBx/dt = sqrt3 Vx rho_a / rho + u_g place and size; denser: smaller
    d(R (U - (1 - m) u_a))/dt = - friction                                          speed over that of the air drawn in
    d(R v_g)/dt = 3/4 g (rho - rho_a) h^2 Bx - friction, of u_g the same with B     sides and ends
    d(R w_c)/dt = -g (rho - rho_a) B Bx h - friction                                centre
"""

from __future__ import annotations

import math

import numpy as np

from evacuation.release.kernels.slab_air import mean_wind
from evacuation.release.kernels.slab_mixing import (
    CENTRE,
    CP,
    DENSITY,
    DEPTH,
    DRAG,
    DRAG_END,
    DRAG_RISE,
    DRAG_SIDE,
    END,
    ENDS,
    FIELDS,
    FLAT,
    FLAT_X,
    FLUX,
    HEAT,
    LONG,
    RISE,
    ROOT_3,
    SHARE,
    SIDE,
    SIDES,
    SPEED,
    SPREAD,
    TEMPERATURE,
    TIME,
    TOP,
    TOPS,
    WARMING,
    WIDE,
    WIND,
    G,
    X,
    brake,
    mix,
)
from evacuation.release.kernels.slab_plume import DONE, FULL, STEP, STUCK, settle, top_of
from twin.jit import kernel

#: The ends of a puff that a plume turns into are this share flat.
SHARP = 0.9999


@kernel
def rates(out, now, air):
    """Find what is gained per second: mass, place, sizes, momentum of sides, ends and centre, centre."""
    wide, long, depth = now[WIDE], now[LONG], now[DEPTH]
    thin = ROOT_3 * air.density / now[DENSITY]
    denser = now[DENSITY] - air.density
    out[FLUX] = (now[ENDS] * wide + now[SIDES] * long) * depth + now[TOPS] * wide * long
    out[FLUX] *= ROOT_3 * air.density
    out[X] = now[SPEED]
    out[WIDE] = thin * now[SIDES] + now[SIDE]
    out[FLAT] = now[SIDE] * now[FLAT] / wide
    out[LONG] = thin * now[ENDS] + now[END]
    out[FLAT_X] = now[END] * now[FLAT_X] / long
    out[SIDE] = SPREAD * G * denser * depth * depth * long
    out[END] = SPREAD * G * denser * depth * depth * wide
    out[RISE] = -G * denser * wide * long * depth
    out[CENTRE] = now[RISE]


@kernel
def spread_of(base, rate, what, drag, dt, fallen):
    """Return the momentum of the sides or ends after dt (s); `fallen` is that of a fall that now runs aside."""
    before = base[FLUX] * base[what] if base[what] != 0.0 else fallen
    return max(before + rate[what] * dt - brake(before, base[drag] * dt), 0.0)


@kernel
def build(now_out, base, rate, dt, mass, matter, air):
    """Find the puff `now_out` that `base` becomes after dt (s) of gains `rate`; mass: of the substance in a quarter of it, kg."""
    now = now_out
    flux = base[FLUX] + rate[FLUX] * dt
    now[TIME], now[X], now[FLUX] = base[TIME] + dt, base[X] + rate[X] * dt, flux
    warmth = base[FLUX] * base[CP] * (base[TEMPERATURE] - air.temperature)
    now[HEAT] = base[HEAT] - brake(warmth, base[WARMING] * dt)
    settle(now, mass / flux, now[HEAT] / flux, matter, air)

    density = now[DENSITY]
    aside = base[LONG] * base[DEPTH] / (base[DEPTH] * (base[LONG] + base[WIDE]) + 2.0 * base[WIDE] * base[LONG])
    along = base[WIDE] / base[LONG] * aside
    ratio = base[DENSITY] / density
    wide, long = (base[WIDE] + rate[WIDE] * dt) * ratio**aside, (base[LONG] + rate[LONG] * dt) * ratio**along
    now[FLAT] = min((base[FLAT] + rate[FLAT] * dt) * ratio**aside, wide)
    now[FLAT_X] = min((base[FLAT_X] + rate[FLAT_X] * dt) * ratio**along, long)
    depth = flux / (density * wide * long)
    if depth > air.mixed:
        wide, depth = wide * depth / air.mixed, air.mixed
    centre = min(max(base[CENTRE] + rate[CENTRE] * dt, 0.0), air.mixed - 0.5 * depth)
    top = top_of(centre, depth)
    now[CENTRE], now[DEPTH], now[WIDE], now[LONG], now[TOP] = centre, depth, wide, long, top
    now[WIND] = mean_wind(top, air)
    push = base[FLUX] * (base[SPEED] - (1.0 - base[SHARE]) * base[WIND])
    push -= brake(base[FLUX] * (base[SPEED] - base[WIND]), base[DRAG] * dt)
    now[SPEED] = (1.0 - now[SHARE]) * now[WIND] + push / flux

    now[SIDE] = now[END] = 0.0
    fall = base[FLUX] * base[RISE]
    if density > air.density and top <= depth * (1.0 + 1e-9):
        half = base[WIDE] * base[LONG] / (base[WIDE] ** 2 + base[LONG] ** 2)
        fallen = -2.0 * half * fall / base[DEPTH]
        now[SIDE] = spread_of(base, rate, SIDE, DRAG_SIDE, dt, fallen * base[LONG]) / flux
        now[END] = spread_of(base, rate, END, DRAG_END, dt, fallen * base[WIDE]) / flux
        now[RISE] = -(now[SIDE] / wide + now[END] / long) * centre
    else:
        now[RISE] = (fall + rate[RISE] * dt - brake(fall, base[DRAG_RISE] * dt)) / flux
    mix(now, True, 0.0, air)


@kernel
def stride(now, rate):
    """Return a step (s) that changes the puff little."""
    dt = min(now[FLUX] / rate[FLUX], now[WIDE] / rate[WIDE], now[LONG] / rate[LONG])
    if now[RISE] != 0.0:
        dt = min(dt, now[TOP] / abs(now[RISE]))
    return STEP * dt


@kernel
def puff(table_out, start, mass, until_m, until_s, matter, air):
    """Write the puff into table_out (row, FIELDS), from the row `start` on, up to a distance (m) or a time (s).

    mass: of the substance in a quarter of it, kg. Return (rows, status).
    """
    now, half, rate = start.copy(), np.zeros(FIELDS), np.zeros(FIELDS)
    table_out[0] = now
    for row in range(1, len(table_out)):
        rates(rate, now, air)
        dt = min(stride(now, rate), max(until_s - now[TIME], 1e-9))
        for stage in range(2):  # the midpoint, then the whole step by its gains
            after = half if stage == 0 else table_out[row]
            if stage == 1:
                rates(rate, half, air)
            build(after, now, rate, (0.5 + 0.5 * stage) * dt, mass, matter, air)
        now[:] = table_out[row]
        if not (math.isfinite(now[X]) and now[DEPTH] > 0.0 and now[SPEED] >= 0.0):
            return row, STUCK
        if now[X] >= until_m or now[TIME] >= until_s * (1.0 - 1e-9):
            return row + 1, DONE
    return len(table_out), FULL


@kernel
def of_plume(start_out, end, duration_s, mass, air):
    """Fill the puff that a plume turns into where half of what left its source has passed; `end` is its last row there.

    duration_s: how long the source lasted; mass: of the substance in a quarter of the puff, kg. Mass, size and momentum go on.
    """
    start = start_out
    start[:] = end
    start[TIME] = duration_s
    start[FLUX] = mass / end[SHARE]
    start[LONG] = start[FLUX] / (end[DENSITY] * end[WIDE] * end[DEPTH])
    start[HEAT] = end[HEAT] / end[FLUX] * start[FLUX]
    start[FLAT_X] = SHARP * start[LONG]
    start[END] = end[WIDE] / start[LONG] * end[SIDE]
    mix(start, True, 0.0, air)


@kernel
def begin_burst(start_out, air):
    """Complete a start whose place, shape and matter are given and that stands still: mass, wind, entrainment."""
    start = start_out
    start[FLUX] = start[DENSITY] * start[WIDE] * start[LONG] * start[DEPTH]
    start[TOP] = top_of(start[CENTRE], start[DEPTH])
    start[WIND] = mean_wind(start[TOP], air)
    mix(start, True, 0.0, air)
