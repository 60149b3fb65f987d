"""Between the coarse cells of the subgrid scheme and the fine grid they stand for: depths, changes and flows."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import GRAVITY, inverse_cube_root
from twin.jit import kernel


@kernel(parallel=True)
def spread(h_out, h, beds, full, z, rain, coarse_rain, seconds, factor):
    """Write the fine depths (m) of coarse water: what fell in the last `seconds` where it fell, the rest at one level.

    Where less is left than fell, as much lies everywhere less. The rest stands level - z deep where that is above zero.
    `h_out`, `z` (infinite where a cell is blocked), `rain` (m/s) are fine, `h` (ny, nx) is water per open area, m, and
    `coarse_rain` the rain on it, m/s; `beds`, `full` (ny, nx, factor^2 + 1) are those of
    `hydro.kernels.subgrid_tables.storage`, with z from the same datum.
    """
    ny, nx = h.shape
    rows, columns = h_out.shape
    real = h_out.dtype.type
    zero = real(0.0)
    for i in prange(ny):
        for j in range(nx):
            fallen = coarse_rain[i, j] * real(seconds)
            lies = min(h[i, j], fallen)
            for_each = real(seconds) * (lies / fallen) if fallen > zero else zero
            stands = h[i, j] - lies
            open_cells, wet = 0, 0
            for k in range(factor * factor):
                open_cells += full[i, j, k] < np.inf
                wet += full[i, j, k] <= stands
            base, over = zero, zero
            if wet > 0:
                base = beds[i, j, wet - 1]
                over = (stands - full[i, j, wet - 1]) * real(open_cells) / real(wet)
            for r in range(i * factor, min((i + 1) * factor, rows)):
                for c in range(j * factor, min((j + 1) * factor, columns)):
                    h_out[r, c] = max((base - z[r, c]) + over, zero) + rain[r, c] * for_each if wet > 0 else zero


@kernel(parallel=True)
def changes(change_out, h, given, factor):
    """Write how much the fine depths `h` hold more than those `given`, per coarse cell, in metres of one fine cell."""
    ny, nx = change_out.shape
    rows, columns = h.shape
    for i in prange(ny):
        for j in range(nx):
            more = 0.0
            for r in range(i * factor, min((i + 1) * factor, rows)):
                for c in range(j * factor, min((j + 1) * factor, columns)):
                    more += np.float64(h[r, c]) - np.float64(given[r, c])
            change_out[i, j] = more


@kernel
def carry(carried_out, d):
    """Write d^(5/3), what a depth `d` (m) conveys, of a row of cells."""
    for c in range(d.size):
        carried_out[c] = d[c] * d[c] * inverse_cube_root(max(d[c], d.dtype.type(1e-6)))


@kernel(inline=True)
def held_back(flow, depth):
    """Return a flow per width (m2/s) held at Froude 1."""
    critical = depth * math.sqrt(GRAVITY * depth)
    return min(max(flow, -critical), critical)


@kernel(parallel=True)
def share_flow(qx_out, qy_out, carried_scratch, qx, qy, h, factor):
    """Share the flow per width of coarse cells (m2/s) among the fine cells of each section, as these convey.

    Every column of a coarse cell passes its whole flow towards +column and every row that towards +row, in parts of h^(5/3)
    (Manning; one slope and roughness in a section), at most at Froude 1. `qx_out`, `qy_out`, `carried_scratch`, `h` are fine.
    """
    ny, nx = qx.shape
    rows, columns = h.shape
    for i in prange(ny):
        top, end = i * factor, min((i + 1) * factor, rows)
        for r in range(top, end):
            carry(carried_scratch[r], h[r])
        for j in range(nx):
            left, right = j * factor, min((j + 1) * factor, columns)
            for c in range(left, right):
                total = 0.0
                for r in range(top, end):
                    total += carried_scratch[r, c]
                each = factor * qx[i, j] / total if total > 0.0 else 0.0
                for r in range(top, end):
                    qx_out[r, c] = held_back(each * carried_scratch[r, c], h[r, c])
            for r in range(top, end):
                total = 0.0
                for c in range(left, right):
                    total += carried_scratch[r, c]
                each = factor * qy[i, j] / total if total > 0.0 else 0.0
                for c in range(left, right):
                    qy_out[r, c] = held_back(each * carried_scratch[r, c], h[r, c])
