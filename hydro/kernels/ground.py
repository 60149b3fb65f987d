"""What happens between the surface steps: water soaks in, and what was reached is kept."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import GRAVITY
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


@kernel(parallel=True)
def froude(row_out, h, qx, qy, shallow, bounds):
    """Write the water of each row (m of a cell, float64) that is deeper than `shallow` and runs at or above two Froude numbers.

    `qx` (ny, nx + 1) and `qy` (ny + 1, nx) are flows per width through faces, m2/s; Froude = |q| / (h sqrt(g h)) from the
    means of opposite faces. `row_out` (ny, 2), `bounds` (2,) rising.
    """
    ny, nx = h.shape
    low, high = GRAVITY * bounds[0] ** 2, GRAVITY * bounds[1] ** 2
    for i in prange(ny):
        moving = fast = 0.0
        for j in range(nx):
            d = np.float64(h[i, j])
            if d > shallow:
                x, y = 0.5 * (qx[i, j] + qx[i, j + 1]), 0.5 * (qy[i, j] + qy[i + 1, j])
                square, cube = np.float64(x * x + y * y), d * d * d
                moving += d if square >= low * cube else 0.0
                fast += d if square >= high * cube else 0.0
        row_out[i, 0], row_out[i, 1] = moving, fast
