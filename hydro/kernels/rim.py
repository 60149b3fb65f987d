"""Free outflow over the open sides of a raster, for the local-inertial scheme."""

from __future__ import annotations

import math

import numpy as np

from hydro.kernels.floats import DROP, DRY_M, GRAVITY, inverse_seven_thirds
from twin.jit import kernel


@kernel
def open_rim(qx, qy, sides, z, h, n, dt, dx):
    """Set the flow out over the open rims: the face's own momentum under the slope of the last two cells, never inwards.

    `sides`: which of west, east, north, south are open. The slope is the water's or the bed's, whichever falls more: with
    the water's alone, a pool that once stood at the rim is level and hardly leaves. Friction is that of the new
    flow (the root of a quadratic); steady, it is Manning's uniform flow.
    """
    ny, nx = h.shape
    for side in range(4):
        if sides[side]:
            along = ny if side < 2 else nx
            for k in range(along):
                if side == 0:
                    i, j, inner_i, inner_j, q = k, 0, k, min(1, nx - 1), -qx[k, 0]
                elif side == 1:
                    i, j, inner_i, inner_j, q = k, nx - 1, k, max(nx - 2, 0), qx[k, nx]
                elif side == 2:
                    i, j, inner_i, inner_j, q = 0, k, min(1, ny - 1), k, -qy[0, k]
                else:
                    i, j, inner_i, inner_j, q = ny - 1, k, max(ny - 2, 0), k, qy[ny, k]
                d = np.float64(h[i, j])
                new = 0.0
                if d > DRY_M:
                    inner = np.float64(h[inner_i, inner_j])
                    bed = np.float64(z[inner_i, inner_j]) - np.float64(z[i, j])
                    fall = max(bed + inner - d, bed, 0.0) if inner > DRY_M else 0.0
                    friction = GRAVITY * dt * n[i, j] ** 2 * inverse_seven_thirds(d)
                    driven = max(q + GRAVITY * dt / dx * d * fall, 0.0)
                    new = 2.0 * driven / (1.0 + math.sqrt(1.0 + 4.0 * friction * driven))
                    new = min(new, d * math.sqrt(GRAVITY * max(d, DROP * fall)))
                if side == 0:
                    qx[k, 0] = -new
                elif side == 1:
                    qx[k, nx] = new
                elif side == 2:
                    qy[0, k] = -new
                else:
                    qy[ny, k] = new
