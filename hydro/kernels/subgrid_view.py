"""Between the coarse cells of the subgrid scheme and the fine grid they stand for: depths, changes and flows."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import GRAVITY, inverse_cube_root
from twin.jit import kernel


@kernel
def stand(h_out, base, over, each, z, rain):
    """Write the depths (m) of a row of fine cells: `over` the bed `base` that is just wet, and the `each` seconds of rain there."""
    zero = h_out.dtype.type(0.0)
    for c in range(h_out.size):
        h_out[c] = max((base[c] - z[c]) + over[c], zero) + rain[c] * each[c]


@kernel(parallel=True)
def spread(h_out, row_scratch, h, beds, full, open_cells, z, rain, coarse_rain, seconds, factor):
    """Write the fine depths (m) of coarse water: what fell in the last `seconds` where it fell, the rest at one level.

    Where less is left than fell, as much lies everywhere less. The rest stands level - z deep where that is above zero.
    `h_out`, `z` (infinite where a cell is blocked), `rain` (m/s) are fine, `h` (ny, nx) is water per open area, m, and
    `coarse_rain` the rain on it, m/s; `beds`, `full` (ny, nx, factor^2 + 1), `open_cells` (ny, nx) are those of
    `hydro.kernels.subgrid_tables.storage`, with z from the same datum. `row_scratch` (ny, 3, fine columns).
    """
    ny, nx = h.shape
    rows, columns = h_out.shape
    real = h_out.dtype.type
    for i in prange(ny):
        base, over, each = row_scratch[i, 0], row_scratch[i, 1], row_scratch[i, 2]
        for j in range(nx):
            fallen = coarse_rain[i, j] * real(seconds)
            lies = min(h[i, j], fallen)
            stands = h[i, j] - lies
            bed, above, rained = real(-np.inf), real(0.0), real(0.0)
            if open_cells[i, j] > 0:
                wet = 1
                while full[i, j, wet] <= stands:
                    wet += 1
                bed = beds[i, j, wet - 1]
                above = (stands - full[i, j, wet - 1]) * real(open_cells[i, j]) / real(wet)
                rained = real(seconds) * (lies / fallen) if lies > real(0.0) else real(0.0)
            for c in range(j * factor, min((j + 1) * factor, columns)):
                base[c], over[c], each[c] = bed, above, rained
        for r in range(i * factor, min((i + 1) * factor, rows)):
            stand(h_out[r], base, over, each, z[r], rain[r])


@kernel
def add_change(sum_out, h, given):
    """Add h - given of a row of fine cells, in float64."""
    for c in range(sum_out.size):
        sum_out[c] += np.float64(h[c]) - np.float64(given[c])


@kernel(parallel=True)
def changes(change_out, sum_scratch, h, given, factor):
    """Write how much the fine depths `h` hold more than those `given`, per coarse cell, in metres of one fine cell.

    `sum_scratch` (ny, fine columns) is float64.
    """
    ny, nx = change_out.shape
    rows, columns = h.shape
    for i in prange(ny):
        sums = sum_scratch[i]
        sums[:] = 0.0
        for r in range(i * factor, min((i + 1) * factor, rows)):
            add_change(sums, h[r], given[r])
        for j in range(nx):
            more = 0.0
            for c in range(j * factor, min((j + 1) * factor, columns)):
                more += sums[c]
            change_out[i, j] = more


@kernel(parallel=True)
def totals(total_out, fine, blocked, factor):
    """Write the sum over the fine cells of each coarse cell that are not blocked, float64."""
    ny, nx = total_out.shape
    rows, columns = fine.shape
    for i in prange(ny):
        total_out[i] = 0.0
        for r in range(i * factor, min((i + 1) * factor, rows)):
            for j in range(nx):
                for c in range(j * factor, min((j + 1) * factor, columns)):
                    total_out[i, j] += 0.0 if blocked[r, c] else np.float64(fine[r, c])


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
