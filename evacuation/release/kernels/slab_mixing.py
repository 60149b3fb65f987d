"""What a slab of gas draws in and what holds it back: entrainment, friction and heat (UCRL-MA-105607, sections 2.5.2 and 2.5.3).

A cloud of one moment is a row of `FIELDS` numbers, the same for a stretch of a steady plume (half widths, per second) and for a
transient puff (quarter of its plan).
"""

from __future__ import annotations

import math

from evacuation.release.kernels.slab_air import KAPPA, phi, profile
from twin.jit import kernel

# Place (m), time since it left the source (s), FLUX rho U B h (kg s-1; of a puff the mass rho Bx B h, kg), height of the centre,
# depth, half width and its flat part, half length and its flat part (m).
X, TIME, FLUX, CENTRE, DEPTH, WIDE, FLAT, LONG, FLAT_X = range(9)
# Mass share of the substance, of its vapour and of water vapour, K, kg m-3, J kg-1 K-1, heat taken up (W; of a puff J).
SHARE, VAPOUR, MOIST, TEMPERATURE, DENSITY, CP, HEAT = range(9, 16)
# Speed of the cloud, mean wind over it, speed of the spreading sides and ends, rise of the centre, m s-1; top, m.
SPEED, WIND, SIDE, END, RISE, TOP = range(16, 22)
# Entrainment at the top, the sides and the ends, m s-1; friction on SPEED, SIDE, END, RISE and heat from the ground, per metre (of a
# puff per second); stirring by the source, m2 s-2.
TOPS, SIDES, ENDS, DRAG, DRAG_SIDE, DRAG_END, DRAG_RISE, WARMING, STIR = range(22, 31)
FIELDS = 31

G = 9.80665
ROOT_3 = math.sqrt(3.0)
MIXING = 1.5  # a
SHEAR = 0.02  # Cf, friction at the top
BUOYANT = 0.025  # weight of the cloud's own density step in its 1 / L
CONVECTED = 0.14  # stirring by heat from the ground
RELATIVE_M = 4.0  # height whose wind the entrainment at the top is held against
BEND = 0.0004  # m-1, sideways spread bends with width
NARROW = 0.25  # gravity in the equation of speed
SPREAD = 0.75  # gravity in the equation of the sides


@kernel
def spin(z, inv_l):
    """Return phi_h, the damping of mixing at height z (m)."""
    return 1.0 + 5.0 * z * inv_l if inv_l >= 0.0 else 1.0 / math.sqrt(1.0 - 16.0 * z * inv_l)


@kernel
def sideways(wind, wide, air):
    """Return the entrainment of ambient turbulence at a side half a width `wide` (m) away, m s-1."""
    return air.sideways * wind / (1.0 + 0.5 * BEND / air.sideways * wide / ROOT_3)


@kernel
def mix(now_out, puff, stir, air):
    """Find entrainment, friction and heat of the cloud `now_out`; `stir` (m2 s-2) is what the source stirs."""
    now = now_out
    depth, wide, top, density = now[DEPTH], now[WIDE], now[TOP], now[DENSITY]
    thin = air.density / density
    lofted = top > depth * (1.0 + 1e-9)
    slip = (now[WIND] - now[SPEED]) * thin
    rough = air.ustar / now[WIND]
    side, end = 0.5 * now[SIDE], 0.5 * now[END]
    shear = SHEAR * (slip * slip + side * thin * side * thin)
    near = (rough * now[SPEED]) ** 2 + (rough * side) ** 2 + stir
    bottom = air.ustar**2 + shear if lofted else near
    carried = rough * math.sqrt(bottom)
    warmer = 0.0 if lofted else max(air.temperature - now[TEMPERATURE], 0.0)
    lively = (CONVECTED * G * warmer * carried * depth / (0.5 * (air.temperature + now[TEMPERATURE]))) ** (2.0 / 3.0)
    turbulence = bottom + shear + lively
    own = max(BUOYANT * G * (density - air.density) / density, 0.0)
    inv_l = (air.bent_l / (1.0 + top / air.bend) * air.ustar**2 + own) / turbulence
    open_ = max(1.0 - top / air.mixed, 0.0) / spin(top, inv_l)
    if top > 1.01 * depth:
        open_ += max(1.0 - (top - depth) / air.mixed, 0.0) / spin(top - depth, inv_l)
    now[TOPS] = profile(RELATIVE_M, air) / profile(top, air) * MIXING * KAPPA * math.sqrt(turbulence) * open_
    jet = math.sqrt(SHEAR) * MIXING * KAPPA * slip
    now[SIDES] = math.sqrt(sideways(now[WIND], wide, air) ** 2 + jet * jet)

    sigma = 0.5 * depth / ROOT_3 if now[CENTRE] > 0.5 * depth else (depth - now[CENTRE]) / ROOT_3
    z = now[CENTRE] + 0.5 * sigma
    sheared = 0.6 * air.ustar * z / (z + air.z0) * phi(z, air) * (1.0 - z / air.mixed) / KAPPA
    now[ENDS] = math.sqrt(sideways(now[WIND], now[LONG], air) ** 2 + sheared * sheared)

    mass = density * now[LONG] if puff else density
    now[DRAG] = now[DRAG_SIDE] = now[DRAG_END] = now[DRAG_RISE] = now[WARMING] = 0.0
    if lofted:
        now[DRAG] = mass * (2.0 * wide + depth) * SHEAR * slip * slip
        now[DRAG_RISE] = mass * depth * SHEAR * now[RISE] ** 2
    else:
        held = (rough * now[SPEED]) ** 2 - air.ustar**2
        now[DRAG] = abs(mass * (wide * held - (wide + depth) * SHEAR * slip * abs(slip)))
        now[DRAG_SIDE] = mass * wide * ((rough * side) ** 2 + SHEAR * (side * thin) ** 2)
        now[DRAG_END] = mass * wide * ((rough * end) ** 2 + SHEAR * (end * thin) ** 2)
        now[WARMING] = mass * wide * carried * now[CP] * abs(air.temperature - now[TEMPERATURE])
    now[STIR] = stir


@kernel
def brake(amount, loss):
    """Return what is taken from `amount` by a loss that cannot turn it round."""
    weight = abs(amount)
    return 0.0 if weight + loss <= 0.0 else amount * loss / (weight + loss)
