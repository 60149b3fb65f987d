"""The concentration that a cloud's pieces make on cells and at points.

A line of gas of mass M between its ends (length l) gives, at distance u along it and v across,
    c = M / l * [Phi(u / s) - Phi((u - l) / s)] * exp(-v^2 / 2 s^2) / (sqrt(2 pi) s) * f,
the exact integral of puffs strung along the line for even s (sideways standard deviation, m) and f (share per metre of height at
the level asked, m-1). s and 1 / f change along the line: they are taken at the mean place of the gas that reaches the cell, near
u / l for a line longer than wide and near its middle for a shorter one. l -> 0 is the Gaussian puff. Phi is the normal distribution
function (on cells Abramowitz and Stegun 7.1.27, to 2.5e-4: neighbours share it, so their sum has no seam; a lone puff is right to
0.3 %).
"""

from __future__ import annotations

import math

import numba as nb

from evacuation.release.kernels.growth import AXIS, BOX, TURB, X, Y, Z
from evacuation.release.kernels.similarity import from_axis, thinned, vertical, vertical_aloft
from twin.jit import kernel

#: A piece reaches this many standard deviations: exp(-4.5^2 / 2) = 4e-5 of its middle.
REACH = 4.5

#: Share per metre (m-1) that stands for none where a cloud aloft has not come down yet, to have a reciprocal.
LEAST_SHARE = 1e-30

ROOT_TWO = math.sqrt(2.0)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)

#: Columns of a drawn piece: an end's place, unit vector along it, length, both widths, both 1 / f, mass / length (or mass), kind.
X0, Y0, AX, AY, LENGTH, S0, S1, F0, F1, MASS = range(10)
COLUMNS = 10


@kernel(inline=True)
def bell(q):
    """Return exp(-q) for 0 <= q <= 11 to 5e-5 of itself: a polynomial of exp(-q / 16), squared four times."""
    r = q * 0.0625
    e = 1.0 - r * (
        1.0
        - r * (0.5 - r * (0.16666667 - r * (0.041666667 - r * (0.0083333333 - r * (0.0013888889 - r * 0.0001984127)))))
    )
    e *= e
    e *= e
    e *= e
    return e * e


@kernel(inline=True)
def normal(x):
    """Return the normal distribution function at x."""
    a = abs(x) * 0.70710678
    d = 1.0 + a * (0.278393 + a * (0.230389 + a * (0.000972 + a * 0.078108)))
    d *= d
    half = 0.5 / (d * d)
    return half if x < 0.0 else 1.0 - half


@kernel(inline=True)
def mean_place(length, s0, s1):
    """Return (a, b): gas that reaches a cell at distance u along a line comes, in the mean, from the share a + b u of its length.

    To first order in u of the mean of a normal distribution that is cut off at the ends.
    """
    wide = s0 + s1
    w = length * length / (length * length + 3.0 * wide * wide)
    return 0.5 * (1.0 - w), w / length


@kernel(parallel=True)
def draw(pieces_out, ends, mass, round_, factor, z0, ustar, west, north, tile_m, inv_l, uptake, z):
    """Prepare the pieces (piece, COLUMNS) for the height z (m), or the cloud's mean height where that is lower, unless it is aloft.

    A puff that grows as it moves is drawn a little behind: its fore part is the wider one, which to first order in that growth is a
    shift by twice d s / d u times the spread of places that a cell's gas comes from, over s. Lines have neighbours instead.
    factor (piece,): how many times as fast the wind of its member is; uptake: of the ground, m s-1.
    """
    n_rows, n_cols = z0.shape
    for k in nb.prange(len(mass)):
        for e in range(2):
            row = min(max(int((north - ends[Y, e, k]) / tile_m), 0), n_rows - 1)
            col = min(max(int((ends[X, e, k] - west) / tile_m), 0), n_cols - 1)
            mean, axis = ends[Z, e, k], ends[AXIS, e, k]
            if axis > 0.0:
                share = vertical_aloft(mean, axis, z0[row, col], inv_l, z)
                mean = from_axis(mean, axis)[0]
                share = max(share, LEAST_SHARE)
            else:
                share = vertical(mean, z0[row, col], inv_l, min(z, mean))
            if uptake > 0.0:
                share *= thinned(uptake, z0[row, col], inv_l, ustar[row, col] * factor[k], mean, min(z, mean))
            pieces_out[k, F0 + e] = 1.0 / share
            pieces_out[k, S0 + e] = math.sqrt(ends[BOX, e, k] ** 2 + ends[TURB, e, k] ** 2)
        dx, dy = ends[X, 1, k] - ends[X, 0, k], ends[Y, 1, k] - ends[Y, 0, k]
        length = math.sqrt(dx * dx + dy * dy)
        pieces_out[k, X0], pieces_out[k, Y0] = ends[X, 0, k], ends[Y, 0, k]
        if length > 1e-2 * pieces_out[k, S1]:
            pieces_out[k, AX], pieces_out[k, AY] = dx / length, dy / length
            pieces_out[k, LENGTH], pieces_out[k, MASS] = length, mass[k] / length
            if round_[k]:
                s = 0.5 * (pieces_out[k, S0] + pieces_out[k, S1])
                behind = 2.0 * (pieces_out[k, S1] - pieces_out[k, S0]) * length * s / (length * length + 12.0 * s * s)
                pieces_out[k, X0] -= behind * pieces_out[k, AX]
                pieces_out[k, Y0] -= behind * pieces_out[k, AY]
        else:
            pieces_out[k, X0], pieces_out[k, Y0] = ends[X, 1, k], ends[Y, 1, k]
            pieces_out[k, AX], pieces_out[k, AY] = 1.0, 0.0
            pieces_out[k, LENGTH], pieces_out[k, MASS] = 0.0, mass[k]


@kernel
def add_line(row_out, dx0, cell_m, ax, ay, low, high, length, base, slope, s0, s1, f0, f1, mass):
    """Add a line of gas to the cells of a stretch of a row; the first is dx0 m east of the line's younger end."""
    scale = mass / ROOT_TWO_PI
    for i in range(len(row_out)):
        dx = dx0 + i * cell_m
        u, v = ax * dx + low, high - ay * dx
        t = base + slope * u
        t = t if t > 0.0 else 0.0
        t = t if t < 1.0 else 1.0
        inv = 1.0 / (s0 + t * (s1 - s0))
        q = 0.5 * (v * inv) * (v * inv)
        q = q if q < 11.0 else 11.0
        along = normal(u * inv) - normal((u - length) * inv)
        row_out[i] += scale * along * bell(q) * inv / (f0 + t * (f1 - f0))


@kernel
def add_puff(row_out, dx0, cell_m, dy, s, scale):
    """Add a puff to the cells of a stretch of a row; the first is dx0 m east of its middle."""
    half = 0.5 / (s * s)
    for i in range(len(row_out)):
        dx = dx0 + i * cell_m
        q = (dx * dx + dy * dy) * half
        q = q if q < 11.0 else 11.0
        row_out[i] += scale * bell(q)


@kernel(parallel=True)
def onto_cells(c_out, pieces, starts, west, north, cell_m):
    """Find the concentration of each member's pieces on cells c_out (member, row, column), kg m-3; a piece touches what it reaches.

    Member n owns the pieces starts[n] to starts[n + 1]. Each row is one thread's, and takes the pieces in their order: the number
    of threads changes nothing.
    """
    members, rows, cols = c_out.shape
    for line in nb.prange(members * rows):
        n, j = line // rows, line % rows
        y = north - (j + 0.5) * cell_m
        row = c_out[n, j]
        row[:] = 0.0
        for k in range(starts[n], starts[n + 1]):
            ax, ay, length = pieces[k, AX], pieces[k, AY], pieces[k, LENGTH]
            s0, s1, f0, f1 = pieces[k, S0], pieces[k, S1], pieces[k, F0], pieces[k, F1]
            reach = REACH * max(s0, s1)
            dy = y - pieces[k, Y0]
            low, high = dy * ay, dy * ax  # u = ax dx + low, v = high - ay dx
            first, last = -1e30, 1e30
            if abs(ax) > 1e-9:
                a, b = (-reach - low) / ax, (length + reach - low) / ax
                first, last = max(first, min(a, b)), min(last, max(a, b))
            elif low < -reach or low > length + reach:
                continue
            if abs(ay) > 1e-9:
                a, b = (high - reach) / ay, (high + reach) / ay
                first, last = max(first, min(a, b)), min(last, max(a, b))
            elif abs(high) > reach:
                continue
            if first > last:
                continue
            x0 = pieces[k, X0]
            i0 = max(math.ceil((x0 + first - west) / cell_m - 0.5), 0)
            i1 = min(math.floor((x0 + last - west) / cell_m - 0.5) + 1, cols)
            if i1 <= i0:
                continue
            dx0, mass = west + 0.5 * cell_m - x0, pieces[k, MASS]
            if length > 0.0:
                base, slope = mean_place(length, s0, s1)
                add_line(
                    row[i0:i1], dx0 + i0 * cell_m, cell_m, ax, ay, low, high, length, base, slope, s0, s1, f0, f1, mass
                )
            else:
                add_puff(row[i0:i1], dx0 + i0 * cell_m, cell_m, dy, s1, mass / (2.0 * math.pi * s1 * s1 * f1))


@kernel
def at_points(c_out, pieces, x, y):
    """Add the concentration of every piece at map points x, y (point,) to c_out (point,), kg m-3; exact functions."""
    for i in range(len(x)):
        for k in range(len(pieces)):
            dx, dy = x[i] - pieces[k, X0], y[i] - pieces[k, Y0]
            length = pieces[k, LENGTH]
            if length > 0.0:
                u = pieces[k, AX] * dx + pieces[k, AY] * dy
                v = pieces[k, AX] * dy - pieces[k, AY] * dx
                base, slope = mean_place(length, pieces[k, S0], pieces[k, S1])
                t = min(max(base + slope * u, 0.0), 1.0)
                s = pieces[k, S0] + t * (pieces[k, S1] - pieces[k, S0])
                f = pieces[k, F0] + t * (pieces[k, F1] - pieces[k, F0])
                along = 0.5 * (math.erf(u / (ROOT_TWO * s)) - math.erf((u - length) / (ROOT_TWO * s)))
                c_out[i] += pieces[k, MASS] * along * math.exp(-0.5 * (v / s) ** 2) / (ROOT_TWO_PI * s * f)
            else:
                s, f = pieces[k, S1], pieces[k, F1]
                q = 0.5 * (dx * dx + dy * dy) / (s * s)
                c_out[i] += pieces[k, MASS] * math.exp(-q) / (2.0 * math.pi * s * s * f)
