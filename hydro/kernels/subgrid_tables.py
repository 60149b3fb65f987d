"""What the fine terrain says about a coarse cell and a coarse face: storage, sill, wet area and conveyance.

Cell: `storage` sorts the open fine beds. With k of m beds under water the mean depth over the open area is
h = (k level - sum of those beds) / m, so level and water are tied by straight pieces without any loss
(Casulli 2009, doi:10.1002/fld.1896).

Face: the momentum equation is integrated from one coarse centre to the next over the fine cross-sections that lie between.
Discharge is the same through all of them, so wet areas add as resistances in series do and friction slopes add:

    A = m / sum(1 / A_s)        1 / K^2 = mean(1 / K_s^2)        A_s = sum(d w)        K_s = sum(d^(5/3) w / n)

d is the level minus the *higher* bed of the two fine cells that meet in the section, w the fine cell. A wall anywhere between
the centres closes one section and thereby the face, whatever its width. The `sill` is the lowest level at which the fine
cells join the two sides: the smallest over all paths of the highest bed on the path, so water may go round a corner and a
slanting wall does not leak. (Sections are taken up to but not at the centres, so an even factor books each wall once.)
"""

from __future__ import annotations

import numpy as np
from numba import prange

from twin.jit import kernel

FIRST_M = 0.01  # depths over the sill at which faces are tabulated: this times 1, 2, 4, ...
NODES = 12  # so up to 20 m; above that the last piece goes on straight


@kernel(parallel=True)
def storage(beds_out, fill_out, count_out, z, blocked, factor):
    """Sort each coarse cell's open beds, m, and give the mean depth (m) at which the level reaches each of them.

    `beds_out`, `fill_out` (ny, nx, factor^2) are infinite beyond the `count_out` (ny, nx) open ones; `z`, `blocked` are fine.
    """
    ny, nx = count_out.shape
    for i in prange(ny):
        for j in range(nx):
            count = 0
            for r in range(i * factor, (i + 1) * factor):
                for c in range(j * factor, (j + 1) * factor):
                    if not blocked[r, c]:
                        k = count
                        while k > 0 and beds_out[i, j, k - 1] > z[r, c]:
                            beds_out[i, j, k] = beds_out[i, j, k - 1]
                            k -= 1
                        beds_out[i, j, k] = z[r, c]
                        count += 1
            count_out[i, j] = count
            below = 0.0
            for k in range(count):
                fill_out[i, j, k] = (k * beds_out[i, j, k] - below) / count
                below += beds_out[i, j, k]
            for k in range(count, factor * factor):
                beds_out[i, j, k] = np.inf
                fill_out[i, j, k] = np.inf


@kernel
def lowest_pass(path_scratch, z, row, left, columns, factor):
    """Return the lowest level that joins the first and last column of a window of `factor` rows of fine cells."""
    for r in range(factor):
        for c in range(columns):
            path_scratch[r, c] = z[row + r, left] if c == 0 else np.inf
    changed = True
    while changed:
        changed = False
        for c in range(columns):
            for r in range(factor):
                best = path_scratch[r, c]
                if c > 0:
                    best = min(best, path_scratch[r, c - 1])
                if c + 1 < columns:
                    best = min(best, path_scratch[r, c + 1])
                if r > 0:
                    best = min(best, path_scratch[r - 1, c])
                if r + 1 < factor:
                    best = min(best, path_scratch[r + 1, c])
                best = max(best, z[row + r, left + c])
                if best < path_scratch[r, c]:
                    path_scratch[r, c] = best
                    changed = True
    lowest = np.inf
    for r in range(factor):
        lowest = min(lowest, path_scratch[r, columns - 1])
    return lowest


@kernel(parallel=True)
def conveyance(sill_out, table_out, z, n, factor, fine_m):
    """Tabulate the faces between coarse columns: sill (m), and over it wet area (m2) and conveyance^(3/5).

    K^(3/5) is a straight line in the depth over a flat section, so straight pieces in it lose nothing there. `sill_out`
    (ny, nx + 1), `table_out` (ny, nx + 1, NODES, 2); the first and last column, the rim, are left alone. `z`, `n` are fine;
    for the faces between rows give their transposes.
    """
    ny, nx = sill_out.shape[0], sill_out.shape[1] - 1
    half = (factor - 1) // 2
    sections = 2 * half + 1
    for i in prange(ny):
        path = np.empty((factor, sections + 1))
        for j in range(1, nx):
            left = j * factor - half - 1
            sill = lowest_pass(path, z, i * factor, left, sections + 1, factor)
            sill_out[i, j] = sill
            for k in range(NODES):
                level = sill + FIRST_M * 2.0**k
                thin = 0.0
                rough = 0.0
                for s in range(sections):
                    area = 0.0
                    carry = 0.0
                    for r in range(i * factor, (i + 1) * factor):
                        d = level - max(z[r, left + s], z[r, left + s + 1])
                        if d > 0.0:
                            area += d
                            carry += 2.0 * d * np.cbrt(d * d) / (n[r, left + s] + n[r, left + s + 1])
                    thin += 1.0 / area
                    rough += 1.0 / (carry * carry)
                table_out[i, j, k, 0] = sections / thin * fine_m
                table_out[i, j, k, 1] = (np.sqrt(sections / rough) * fine_m) ** 0.6
