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
import numpy as np

from evacuation.release.kernels.growth import AXIS, BOX, TURB, X, Y, Z
from evacuation.release.kernels.similarity import from_axis, thinned, vertical, vertical_aloft
from twin.jit import kernel

#: A piece reaches this many standard deviations: exp(-4.5^2 / 2) = 4e-5 of its middle.
REACH = 4.5
#: exp(-q) is none from this q on, a little beyond what a piece reaches.
FAINT = 11.0

#: Rows that one thread takes at a time: with fewer, a small grid pays mostly for passing over pieces that lie elsewhere.
BAND = 8

#: Cells of a row are taken in whole vectors of so many (those of AVX-512, or two of AVX2): four left over cost more than sixteen.
VECTOR = 8

#: Share per metre (m-1) that stands for none where a cloud aloft has not come down yet, to have a reciprocal.
LEAST_SHARE = 1e-30

ROOT_TWO = math.sqrt(2.0)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)

#: Columns of a drawn piece: an end's place, unit vector along it, length, both widths, both 1 / f, mass / length (or mass), kind.
X0, Y0, AX, AY, LENGTH, S0, S1, F0, F1, MASS = range(10)
COLUMNS = 10


@kernel(inline=True)
def bell(q):
    """Return exp(-q) for 0 <= q <= FAINT to 5e-5 of itself, 0 beyond: a polynomial of exp(-q / 16), squared four times."""
    r = (q if q < FAINT else FAINT) * 0.0625
    e = 1.0 - r * (
        1.0
        - r * (0.5 - r * (0.16666667 - r * (0.041666667 - r * (0.0083333333 - r * (0.0013888889 - r * 0.0001984127)))))
    )
    e *= e
    e *= e
    e *= e
    return e * e if q <= FAINT else 0.0


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
def draw(pieces_out, ends, mass, round_, factor, classes, z0, ustar, west, north, tile_m, inv_l, uptake, z):
    """Prepare the pieces (piece, COLUMNS) for the height z (m), or the cloud's mean height where that is lower, unless it is aloft.

    A puff that grows as it moves is drawn a little behind: its fore part is the wider one, which to first order in that growth is a
    shift by twice d s / d u times the spread of places that a cell's gas comes from, over s. Lines have neighbours instead.
    factor (piece,): how many times as fast the wind of its member is, classes (piece,): the number of its stability, of each of which
    ustar (stability, row, column; m s-1) and inv_l (stability,; m-1) are given; uptake: of the ground, m s-1.
    """
    n_rows, n_cols = z0.shape
    for k in nb.prange(len(mass)):
        for e in range(2):
            row = min(max(int((north - ends[Y, e, k]) / tile_m), 0), n_rows - 1)
            col = min(max(int((ends[X, e, k] - west) / tile_m), 0), n_cols - 1)
            mean, axis, bent = ends[Z, e, k], ends[AXIS, e, k], inv_l[classes[k]]
            if axis > 0.0:
                share = vertical_aloft(mean, axis, z0[row, col], bent, z)
                mean = from_axis(mean, axis)[0]
                share = max(share, LEAST_SHARE)
            else:
                share = vertical(mean, z0[row, col], bent, min(z, mean))
            if uptake > 0.0:
                share *= thinned(
                    uptake, z0[row, col], bent, ustar[classes[k], row, col] * factor[k], mean, min(z, mean)
                )
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
        along = normal(u * inv) - normal((u - length) * inv)
        row_out[i] += scale * along * bell(0.5 * (v * inv) * (v * inv)) * inv / (f0 + t * (f1 - f0))


@kernel
def add_puff(row_out, dx0, cell_m, dy, s, scale):
    """Add a puff to the cells of a stretch of a row; the first is dx0 m east of its middle."""
    half = 0.5 / (s * s)
    for i in range(len(row_out)):
        dx = dx0 + i * cell_m
        row_out[i] += scale * bell((dx * dx + dy * dy) * half)


@kernel(parallel=True)
def onto_cells(c_out, pieces, starts, west, north, cell_m):
    """Find the concentration of each member's pieces on cells c_out (member, row, column), kg m-3; a piece touches what it reaches.

    Member n owns the pieces starts[n] to starts[n + 1]. Each band of BAND rows is one thread's, and takes the pieces in their
    order: the number of threads changes nothing.
    """
    members, rows, cols = c_out.shape
    bands, per = (rows + BAND - 1) // BAND, 1.0 / cell_m
    for block in nb.prange(members * bands):
        n, upper = np.int64(block) // bands, np.int64(block) % bands * BAND
        lower = min(upper + BAND, rows)
        c_out[n, upper:lower] = 0.0
        for k in range(starts[n], starts[n + 1]):
            x0, y0, ax, ay, length = pieces[k, X0], pieces[k, Y0], pieces[k, AX], pieces[k, AY], pieces[k, LENGTH]
            s0, s1 = pieces[k, S0], pieces[k, S1]
            reach = REACH * max(s0, s1)
            rise, tall = ay * length, reach * (abs(ax) + abs(ay))
            top = (north - y0 - max(rise, 0.0) - tall) * per - 0.5
            foot = (north - y0 - min(rise, 0.0) + tall) * per - 0.5
            if top > lower - 1 or foot < upper:
                continue
            f0, f1, mass = pieces[k, F0], pieces[k, F1], pieces[k, MASS]
            base, slope = mean_place(length, s0, s1) if length > 0.0 else (0.0, 0.0)
            dx0 = west + 0.5 * cell_m - x0
            over_ax, over_ay = 1.0 / (ax if abs(ax) > 1e-9 else 1e-9), 1.0 / (ay if abs(ay) > 1e-9 else 1e-9)
            for j in range(max(math.ceil(top), upper), min(math.floor(foot) + 1, lower)):
                dy = north - (j + 0.5) * cell_m - y0
                low, high = dy * ay, dy * ax  # u = ax dx + low, v = high - ay dx
                a, b = (-reach - low) * over_ax, (length + reach - low) * over_ax
                first, last = min(a, b), max(a, b)
                a, b = (high - reach) * over_ay, (high + reach) * over_ay
                first, last = max(first, min(a, b)), min(last, max(a, b))
                if first > last:
                    continue
                i0 = max(math.ceil((first - dx0) * per), 0)
                i1 = min(math.floor((last - dx0) * per) + 1, cols)
                if i1 <= i0:
                    continue
                wide = (i1 - i0 + VECTOR - 1) // VECTOR * VECTOR
                i1 = min(i0 + wide, cols)
                i0 = max(i1 - wide, 0)
                row, dx = c_out[n, j, i0:i1], dx0 + i0 * cell_m
                if length > 0.0:
                    add_line(row, dx, cell_m, ax, ay, low, high, length, base, slope, s0, s1, f0, f1, mass)
                else:
                    add_puff(row, dx, cell_m, dy, s1, mass / (2.0 * math.pi * s1 * s1 * f1))


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
