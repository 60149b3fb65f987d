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
def at_limit(h0, h1, dz, q, still, held):
    """Return the depth (m) at a face if its flow moves, and if it meets its limit, else 0; see `limited`."""
    d = max(h0, h1 + dz) - max(0.0, dz)
    if d <= DRY_M or q * q < still * still * GRAVITY * d * d * d:
        return 0.0, 0.0
    most = GRAVITY * d * d * max(d, DROP * abs(h0 - h1 - dz))
    return d, d if q * q >= held * held * most else 0.0


@kernel(parallel=True)
def limited(row_out, h, z, qx, qy, still, held):
    """Write the water at the faces of each row (m of a cell, float64) that moves, and the part whose flow meets its limit.

    Moving is Froude >= `still`, met is |q| >= `held` times what the scheme lets through (`hydro.kernels.inertial`). `row_out`
    (ny, 2); `h`, `z` (ny, nx); `qx` (ny, nx + 1), `qy` (ny + 1, nx) flows per width, m2/s. Faces of the rim do not count.
    """
    ny, nx = h.shape
    for i in prange(ny):
        moving = fast = 0.0
        for j in range(nx):
            here, bed = np.float64(h[i, j]), np.float64(z[i, j])
            if j > 0:
                dz, q = bed - np.float64(z[i, j - 1]), np.float64(qx[i, j])
                deep, met = at_limit(np.float64(h[i, j - 1]), here, dz, q, still, held)
                moving += deep
                fast += met
            if i > 0:
                dz, q = bed - np.float64(z[i - 1, j]), np.float64(qy[i, j])
                deep, met = at_limit(np.float64(h[i - 1, j]), here, dz, q, still, held)
                moving += deep
                fast += met
        row_out[i, 0], row_out[i, 1] = moving, fast
