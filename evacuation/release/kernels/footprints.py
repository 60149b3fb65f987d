"""What a detector would read of a source of 1 kg/s at any place: plumes looked at from the detector's side."""

from __future__ import annotations

import math

import numba as nb

from evacuation.release.kernels.similarity import swayed, transport, vertical
from twin.jit import kernel

ROOT_2PI = math.sqrt(2.0 * math.pi)


@kernel(parallel=True)
def tables(strength_out, sigma_out, distance, height, z, z0, inv_l, ustar, lateral, highest):
    """Fill, for each reading and distance downwind, strength / (sqrt(2 pi) sigma) on the axis (s m-3) and sigma (m).

    A plume from a source at `height` (m) over roughness z0 (m): mean height and width grow along `distance` (m, rising), as the cloud's
    pieces do. z (reading,) height of the detector; inv_l (m-1), ustar (m s-1), lateral sigma_v / u* (reading,). Both
    outputs have the shape (reading, distance).
    """
    for i in nb.prange(len(z)):
        zbar, sigma, sway, x = max(height, 2.0 * z0), 0.05, 0.0, 0.0
        for j in range(len(distance)):
            span = distance[j] - x
            steps = 1 + int(span / max(0.5 * x, 0.5))
            for _ in range(steps):
                speed, grown = transport(zbar, z0, inv_l[i], ustar[i])
                half = min(zbar + 0.5 * span / steps * grown / speed, highest)
                speed, grown = transport(half, z0, inv_l[i], ustar[i])
                zbar = min(zbar + span / steps * grown / speed, highest)
                sigma, sway = swayed(sigma, sway, span / steps / speed, half, inv_l[i], ustar[i], lateral[i], highest)
            x = distance[j]
            speed, _ = transport(zbar, z0, inv_l[i], ustar[i])
            sigma_out[i, j] = sigma
            strength_out[i, j] = vertical(zbar, z0, inv_l[i], z[i]) / (ROOT_2PI * sigma * speed)


@kernel(parallel=True)
def seen(c_out, x, y, turn, wider, strength, sigma, first_m, log_step, ends, points, east, north):
    """Fill c_out (reading,), kg m-3 of a source of 1 kg/s at (x, y), the wind turned by `turn` (rad, anticlockwise).

    Plumes are `wider` times as wide as in the tables.

    strength, sigma: see `tables`; their distances begin at first_m and rise by exp(log_step). ends (reading, 4): x, y of both ends of a
    path, whose mean is read at `points` (reading,) places; a point has one. east, north (reading,): unit vector the air moves to.
    """
    turned_c, turned_s = math.cos(turn), math.sin(turn)
    last = strength.shape[1] - 1
    for i in nb.prange(len(c_out)):
        ex, ey = east[i] * turned_c - north[i] * turned_s, north[i] * turned_c + east[i] * turned_s
        total = 0.0
        for k in range(points[i]):
            share = (k + 0.5) / points[i]
            dx = ends[i, 0] + share * (ends[i, 2] - ends[i, 0]) - x
            dy = ends[i, 1] + share * (ends[i, 3] - ends[i, 1]) - y
            along = dx * ex + dy * ey
            if along < first_m:
                continue
            place = math.log(along / first_m) / log_step
            j = int(place)
            if j >= last:
                continue
            part = place - j
            wide = wider * (sigma[i, j] + part * (sigma[i, j + 1] - sigma[i, j]))
            off = (dy * ex - dx * ey) / wide
            if off * off < 50.0:
                high = strength[i, j] + part * (strength[i, j + 1] - strength[i, j])
                total += high / wider * math.exp(-0.5 * off * off)
        c_out[i] = total / points[i]
