"""Turbulence by a local mixing length: how fast the mean wind is sheared, and how far away the next wall is."""

from __future__ import annotations

import math

import numba as nb

from twin.jit import kernel

KAPPA = 0.40


@kernel
def _slope(a, left, here, right, lower, upper):
    """Return the derivative over what lies on both sides, or the one side that is air; lower, upper: distances to them."""
    if left >= 0 and right >= 0:
        return (a[right] - a[left]) / (lower + upper)
    if right >= 0:
        return (a[right] - a[here]) / upper
    return (a[here] - a[left]) / lower if left >= 0 else 0.0


@kernel(parallel=True)
def friction(ustar_out, c, air, distance, near, z, cell, z0):
    """Fill the local friction velocity ustar_out (nz, ny, nx), m s-1: l (2 S_ij S_ij)^0.5, l = kappa times the distance to the wall.

    c (3, nz, ny, nx): wind at the centres; air: False in solids; distance (nz, ny, nx) from a centre to the nearest wall or ground, m;
    near: True in cells that touch one, where the logarithmic law over the roughness z0 (m) gives kappa |U| / ln(distance / z0).
    Derivatives upwards are taken along ln z, so that a logarithmic profile has its own u*. 0 in solids.
    """
    nz, ny, nx = air.shape
    for k in nb.prange(nz):
        for j in range(ny):
            for i in range(nx):
                ustar_out[k, j, i] = 0.0
                if not air[k, j, i]:
                    continue
                if near[k, j, i]:
                    speed = math.sqrt(c[0, k, j, i] ** 2 + c[1, k, j, i] ** 2 + c[2, k, j, i] ** 2)
                    ustar_out[k, j, i] = KAPPA * speed / math.log(max(distance[k, j, i] / z0, 2.0))
                    continue
                left = i - 1 if i > 0 and air[k, j, i - 1] else -1
                right = i + 1 if i + 1 < nx and air[k, j, i + 1] else -1
                south = j - 1 if j > 0 and air[k, j - 1, i] else -1
                north = j + 1 if j + 1 < ny and air[k, j + 1, i] else -1
                down = k - 1 if k > 0 and air[k - 1, j, i] else -1
                up = k + 1 if k + 1 < nz else -1
                lower = math.log(z[k] / z[k - 1]) if k > 0 else 1.0
                upper = math.log(z[k + 1] / z[k]) if k + 1 < nz else 1.0
                ux = _slope(c[0, k, j], left, i, right, cell, cell)
                vx = _slope(c[1, k, j], left, i, right, cell, cell)
                wx = _slope(c[2, k, j], left, i, right, cell, cell)
                uy = _slope(c[0, k, :, i], south, j, north, cell, cell)
                vy = _slope(c[1, k, :, i], south, j, north, cell, cell)
                wy = _slope(c[2, k, :, i], south, j, north, cell, cell)
                uz = _slope(c[0, :, j, i], down, k, up, lower, upper) / z[k]
                vz = _slope(c[1, :, j, i], down, k, up, lower, upper) / z[k]
                wz = _slope(c[2, :, j, i], down, k, up, lower, upper) / z[k]
                total = 2.0 * (ux * ux + vy * vy + wz * wz) + (uy + vx) ** 2 + (uz + wx) ** 2 + (vz + wy) ** 2
                ustar_out[k, j, i] = KAPPA * distance[k, j, i] * math.sqrt(total)
