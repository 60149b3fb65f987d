"""The Poisson equation of the mass-consistent wind: conjugate gradients with one multigrid cycle before each step.

Unknown: the Lagrange multiplier at the centres of cells. A face carries the conductance t = area / distance between centres, 0 where
it is a wall; beyond an open side the multiplier is 0, half a cell away. A cell's equation is sum over its faces of
t (p - p_beyond) = r. Arrays of cells have one ring of zeros around them, (nz + 2, ny + 2, nx + 2), so that the open sides need no rule
of their own. Coarse cells are 2 x 2 fine ones of the same layer; their sides are those of the fine cells between them, twice as far
apart. Method: Tatebe 1993 (Sixth Copper Mountain Conf. Multigrid, 621).
"""

from __future__ import annotations

import numba as nb

from twin.jit import kernel


@kernel(parallel=True)
def relax(p_out, r, tx, ty, tz, over, above, colour):
    """Solve the equations of all columns of one colour, (i + j) % 2, each exactly for its own p: layers may be thin or thick.

    over, above (nz, ny, nx): factors of the elimination from the ground up, see `eliminate`.
    """
    nz, ny, nx = over.shape
    for j in nb.prange(ny):
        begin = (colour + j) % 2
        for k in range(nz):
            mid, down, north, south = p_out[k + 1, j + 1], p_out[k, j + 1], p_out[k + 1, j + 2], p_out[k + 1, j]
            x, y0, y1, z0, right, inverse = tx[k, j], ty[k, j], ty[k, j + 1], tz[k, j], r[k + 1, j + 1], over[k, j]
            for i in range(begin, nx, 2):
                flow = (
                    right[i + 1] + x[i] * mid[i] + x[i + 1] * mid[i + 2] + y0[i] * south[i + 1] + y1[i] * north[i + 1]
                )
                mid[i + 1] = inverse[i] * (flow + z0[i] * down[i + 1])
        for k in range(nz - 2, -1, -1):
            mid, up, share = p_out[k + 1, j + 1], p_out[k + 2, j + 1], above[k, j]
            for i in range(begin, nx, 2):
                mid[i + 1] += share[i] * up[i + 1]


@kernel(parallel=True)
def eliminate(over_out, above_out, tx, ty, tz):
    """Fill the factors of the elimination along columns: over_out 1 / the pivot, above_out its share of the cell above; 0 in solids."""
    nz, ny, nx = over_out.shape
    for j in nb.prange(ny):
        for k in range(nz):
            for i in range(nx):
                pivot = tx[k, j, i] + tx[k, j, i + 1] + ty[k, j, i] + ty[k, j + 1, i] + tz[k, j, i] + tz[k + 1, j, i]
                if k > 0:
                    pivot -= tz[k, j, i] * above_out[k - 1, j, i]
                over_out[k, j, i] = 1.0 / pivot if pivot > 0.0 else 0.0
                above_out[k, j, i] = tz[k + 1, j, i] * over_out[k, j, i]


@kernel(parallel=True)
def product(q_out, p, tx, ty, tz):
    """Fill q_out with the left sides of the equations for p."""
    nz, ny, nx = tx.shape[0], tx.shape[1], tx.shape[2] - 1
    for k in nb.prange(nz):
        for j in range(ny):
            up, mid, down = p[k + 2, j + 1], p[k + 1, j + 1], p[k, j + 1]
            north, south, q = p[k + 1, j + 2], p[k + 1, j], q_out[k + 1, j + 1]
            x, y0, y1, z0, z1 = tx[k, j], ty[k, j], ty[k, j + 1], tz[k, j], tz[k + 1, j]
            for i in range(nx):
                c = mid[i + 1]
                flow = x[i] * (c - mid[i]) + x[i + 1] * (c - mid[i + 2])
                flow += y0[i] * (c - south[i + 1]) + y1[i] * (c - north[i + 1])
                q[i + 1] = flow + z0[i] * (c - down[i + 1]) + z1[i] * (c - up[i + 1])


@kernel(parallel=True)
def restrict(r_out, p_out, r, p, tx, ty, tz):
    """Fill r_out with what is left of r on a finer level, summed over the children of each coarse cell, and p_out with 0."""
    nz, ny, nx = tx.shape[0], tx.shape[1], tx.shape[2] - 1
    for k in nb.prange(nz):
        for jc in range(r_out.shape[1] - 2):
            total, start = r_out[k + 1, jc + 1], p_out[k + 1, jc + 1]
            for ic in range(r_out.shape[2] - 2):
                start[ic + 1] = 0.0
                total[ic + 1] = 0.0
            for j in range(2 * jc, min(2 * jc + 2, ny)):
                up, mid, down = p[k + 2, j + 1], p[k + 1, j + 1], p[k, j + 1]
                north, south, right = p[k + 1, j + 2], p[k + 1, j], r[k + 1, j + 1]
                x, y0, y1, z0, z1 = tx[k, j], ty[k, j], ty[k, j + 1], tz[k, j], tz[k + 1, j]
                for i in range(nx):
                    c = mid[i + 1]
                    flow = x[i] * (c - mid[i]) + x[i + 1] * (c - mid[i + 2])
                    flow += y0[i] * (c - south[i + 1]) + y1[i] * (c - north[i + 1])
                    flow += z0[i] * (c - down[i + 1]) + z1[i] * (c - up[i + 1])
                    total[i // 2 + 1] += right[i + 1] - flow


@kernel(parallel=True)
def prolong(p_out, coarse):
    """Add to each fine cell of p_out what its coarse cell got; a solid cell is put right by the next relaxation."""
    for k in nb.prange(p_out.shape[0] - 2):
        for j in range(p_out.shape[1] - 2):
            row, add = p_out[k + 1, j + 1], coarse[k + 1, j // 2 + 1]
            for i in range(p_out.shape[2] - 2):
                row[i + 1] += add[i // 2 + 1]


@kernel(parallel=True)
def along(y_out, a, x, b):
    """Set y_out = a x + b y_out, all of one shape."""
    for k in nb.prange(y_out.shape[0]):
        for j in range(y_out.shape[1]):
            y, other = y_out[k, j], x[k, j]
            for i in range(len(y)):
                y[i] = a * other[i] + b * y[i]


@kernel(parallel=True)
def rows_dot(rows_out, a, b):
    """Fill rows_out (nz + 2, ny + 2) with the products of a and b summed along each row: added up outside in a fixed order."""
    for k in nb.prange(a.shape[0]):
        for j in range(a.shape[1]):
            one, two, total = a[k, j], b[k, j], 0.0
            for i in range(len(one)):
                total += one[i] * two[i]
            rows_out[k, j] = total
