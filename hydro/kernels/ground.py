"""What happens between the surface steps: water soaks in, and what was reached is kept."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import DROP, DRY_M, GRAVITY
from twin.jit import kernel

#: Upper limits of H1..H5: depth x speed (m2/s), depth (m), speed (m/s); above any limit of H5 is H6.
DANGER = np.array([[0.3, 0.3, 2.0], [0.6, 0.5, 2.0], [0.6, 1.2, 2.0], [1.0, 2.0, 2.0], [4.0, 4.0, 4.0]])


@kernel(parallel=True)
def soak(h_out, soaked_out, row_out, capacity, dt):
    """Let water soak in for `dt` seconds: at most `capacity` (m/s) and at most what stands there.

    `row_out` (ny,) gains what really left each row, m of a cell, float64, so that the ledger is exact in float32 too.
    """
    ny, nx = h_out.shape
    for i in prange(ny):
        taken = 0.0
        for j in range(nx):
            before = h_out[i, j]
            after = before - min(h_out.dtype.type(capacity[i, j] * dt), before)
            h_out[i, j] = after
            soaked_out[i, j] += before - after
            taken += np.float64(before) - np.float64(after)
        row_out[i] += taken


@kernel(parallel=True)
def track(peak_out, peak_s_out, above_out, danger_out, h, qx, qy, bounds, shallow, t, dt):
    """Keep, per cell, the peak depth seen here and its time, the seconds at or above each bound, and the worst danger class.

    `above_out` (bounds, ny, nx) gains `dt` seconds; `qx`, `qy` are flows per width at cell centres, m2/s. Danger classes
    0..6: none below `shallow` metres, else H1..H6 of Smith, Davey and Cox (2014; AIDR Guideline 7-3, 2017) from depth,
    speed and their product, with the limits of `DANGER`.
    """
    ny, nx = h.shape
    for i in prange(ny):
        for j in range(nx):
            d = np.float64(h[i, j])
            if d > peak_out[i, j]:
                peak_out[i, j] = d
                peak_s_out[i, j] = t
            if d < shallow:
                continue
            for k in range(bounds.size):
                if d >= bounds[k]:
                    above_out[k, i, j] += dt
            dv = math.sqrt(np.float64(qx[i, j]) ** 2 + np.float64(qy[i, j]) ** 2)
            v = dv / d
            worst = 6
            for k in range(5):
                if worst == 6 and dv <= DANGER[k, 0] and d <= DANGER[k, 1] and v <= DANGER[k, 2]:
                    worst = k + 1
            danger_out[i, j] = max(danger_out[i, j], worst)


@kernel
def add_limited(moving_out, met_out, q, z0, z1, h0, h1, still, held):
    """Add the depths (m) at a row of faces whose flow moves, and whose flow meets its limit, to two rows; see `limited`."""
    real = q.dtype.type
    zero, dry, drop = real(0.0), real(DRY_M), real(DROP)
    low, high = real(GRAVITY * still * still), real(GRAVITY * held * held)
    for j in range(q.size):
        dz = z1[j] - z0[j]
        level = h1[j] + dz
        d = max(h0[j], level) - max(zero, dz)
        d2, q2 = d * d, q[j] * q[j]
        moves = (d > dry) & (q2 >= low * d2 * d)
        moving_out[j] += d if moves else zero
        met_out[j] += d if moves & (q2 >= high * d2 * max(d, drop * abs(h0[j] - level))) else zero


@kernel(parallel=True)
def limited(row_out, h, z, qx, qy, still, held):
    """Write the water at the faces of each row (m of a cell, float64) that moves, and the part whose flow meets its limit.

    Moving is Froude >= `still`, met is |q| >= `held` times what the scheme lets through (`hydro.kernels.inertial`). `row_out`
    (ny, 2); `h`, `z` (ny, nx); `qx` (ny, nx + 1), `qy` (ny + 1, nx) flows per width, m2/s. Faces of the rim do not count.
    """
    ny, nx = h.shape
    for i in prange(ny):
        both = np.zeros((2, nx), h.dtype)
        add_limited(
            both[0, 1:], both[1, 1:], qx[i, 1:nx], z[i, : nx - 1], z[i, 1:], h[i, : nx - 1], h[i, 1:], still, held
        )  # fmt: skip
        if i > 0:
            add_limited(both[0], both[1], qy[i], z[i - 1], z[i], h[i - 1], h[i], still, held)
        moving = met = 0.0
        for j in range(nx):
            moving += np.float64(both[0, j])
            met += np.float64(both[1, j])
        row_out[i, 0], row_out[i, 1] = moving, met
