"""What a detector would read of a source of 1 kg/s at any place: plumes looked at from the detector's side."""

from __future__ import annotations

import math

import numba as nb

from evacuation.release.kernels.similarity import swayed, transport, vertical
from twin.jit import kernel

ROOT_2PI = math.sqrt(2.0 * math.pi)

#: So many standard deviations off its axis a plume is not looked at: there is less than 1e-7 of what is on the axis.
FAR = 6.0


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


@kernel
def across(off, half, wide):
    """Return the mean of exp(-(y / wide)^2 / 2) over y from off - half to off + half (m): exact, by the error function."""
    if abs(half) > 0.05 * wide:
        per = 1.0 / (math.sqrt(2.0) * wide)
        return 0.25 * math.sqrt(math.pi) * (math.erf((off + half) * per) - math.erf((off - half) * per)) / (half * per)
    return math.exp(-0.5 * (off / wide) ** 2)


@kernel(parallel=True)
def seen(c_out, x, y, turn, wider, swing, nodes, strength, sigma, widest, first_m, log_step, ends, points, east, north):
    """Fill c_out (node, reading), kg m-3 of a source of 1 kg/s at (x, y), the wind turned by turn + swing node (rad, anticlockwise).

    Plumes are `wider` times as wide as in the tables.

    strength, sigma: see `tables`; their distances begin at first_m and rise by exp(log_step); widest (reading,): the largest sigma over
    distance, by which what lies far off the axis is passed over. swing (reading,), rad; nodes (node,).
    ends (reading, 4): x, y of both ends of a path, cut into `points` (reading,) pieces: across the plume a piece is integrated
    exactly, along it the plume is that of the piece's middle; a point has one piece. east, north (reading,): unit vector the air
    moves to.
    """
    last = strength.shape[1] - 1
    for i in nb.prange(c_out.shape[1]):
        long_x, long_y = ends[i, 2] - ends[i, 0], ends[i, 3] - ends[i, 1]
        for m in range(len(nodes)):
            angle = turn + swing[i] * nodes[m]
            turned_c, turned_s = math.cos(angle), math.sin(angle)
            ex, ey = east[i] * turned_c - north[i] * turned_s, north[i] * turned_c + east[i] * turned_s
            half = 0.5 * (long_y * ex - long_x * ey) / points[i]
            total = 0.0
            for k in range(points[i]):
                share = (k + 0.5) / points[i]
                dx, dy = ends[i, 0] + share * long_x - x, ends[i, 1] + share * long_y - y
                along = dx * ex + dy * ey
                off = dy * ex - dx * ey
                near = FAR * wider
                if along < first_m or abs(off) - abs(half) > near * widest[i] * along:
                    continue
                place = math.log(along / first_m) / log_step
                j = int(place)
                if j >= last:
                    continue
                part = place - j
                wide = wider * (sigma[i, j] + part * (sigma[i, j + 1] - sigma[i, j]))
                if abs(off) - abs(half) < FAR * wide:
                    high = strength[i, j] + part * (strength[i, j + 1] - strength[i, j])
                    total += high / wider * across(off, half, wide)
            c_out[m, i] = total / points[i]
