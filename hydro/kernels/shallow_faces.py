"""Flows through the faces of the full shallow-water scheme; the equations and the layout are in `hydro.kernels.shallow`.

Reconstruction: level z + h, depth h and velocities u, v are limited each on their own, the bed's slope is that of the level
minus that of the depth, so still water has no slope of level and stays still; but never steeper than the bed itself
shows, or a film's own thickness would dam it up on a steep slope. The higher of the two beds at a face hides the water
below it (hydrostatic reconstruction, Audusse et al. 2004, doi:10.1137/S1064827503431090). Face flows: HLLC (Toro 2001,
Shock-Capturing Methods for Free-Surface Shallow Flows, ch. 10).
"""

from __future__ import annotations

import math

from numba import prange

from hydro.kernels.floats import GRAVITY
from hydro.kernels.spans import faces
from twin.jit import kernel

BAND = 16  # rows that share one set of row buffers

MASS, BEFORE, AFTER, ACROSS = 0, 1, 2, 3  # planes of `fx` and `fy`
CLOSED, OPEN = 0, 1


@kernel(inline=True)
def minmod(a, b):
    """Return the smaller of two differences when they have one sign, else zero."""
    return max(0.0, min(a, b)) + min(0.0, max(a, b))


@kernel(inline=True)
def limited(a, b, steepest):
    """Return the mean of two differences of one sign, at most `steepest` times the smaller: 1 is minmod, 2 van Leer's MC."""
    mean = 0.5 * (a + b)
    return max(0.0, min(steepest * min(a, b), mean)) + min(0.0, max(steepest * max(a, b), mean))


@kernel
def edges(left_out, right_out, a, b, c, d):
    """Write a velocity on both sides of the faces between `b` and `c`; `a` and `d` are the next cells outwards."""
    for j in range(left_out.size):
        across = c[j] - b[j]
        left_out[j] = b[j] + 0.5 * minmod(b[j] - a[j], across)
        right_out[j] = c[j] - 0.5 * minmod(across, d[j] - c[j])


@kernel
def water_edges(left_out, right_out, push_left_out, push_right_out, za, zb, zc, zd, ha, hb, hc, hd):
    """Write the depth above the higher bed on both sides of the faces, and the push of the bed on both cells.

    Push (m3/s2) is what the hidden depth and half of the cell's own bed slope add to the momentum through the face:
    g/2 (h_face^2 - h_above^2) +- g/2 h dz (Audusse et al. 2004, section 4). Depth and bed share one limiter, or still
    water would move: minmod in films, MC where the water is deeper than the bed varies (minmod there ripples near Froude
    1 in Thacker's bowl).
    """
    for j in range(left_out.size):
        dh0, dh1, dh2 = hb[j] - ha[j], hc[j] - hb[j], hd[j] - hc[j]
        dz0, dz1, dz2 = zb[j] - za[j], zc[j] - zb[j], zd[j] - zc[j]
        k_b = 2.0 if hb[j] > abs(dz0) + abs(dz1) else 1.0
        k_c = 2.0 if hc[j] > abs(dz1) + abs(dz2) else 1.0
        slope_b, slope_c = limited(dh0, dh1, k_b), limited(dh1, dh2, k_c)
        bed_b = minmod(minmod(dh0 + dz0, dh1 + dz1) - slope_b, limited(dz0, dz1, k_b))
        bed_c = minmod(minmod(dh1 + dz1, dh2 + dz2) - slope_c, limited(dz1, dz2, k_c))
        left, right = hb[j] + 0.5 * slope_b, hc[j] - 0.5 * slope_c
        step = dz1 - 0.5 * (bed_b + bed_c)  # bed on the right minus bed on the left
        above_left = max(0.0, left - max(0.0, step))
        above_right = max(0.0, right - max(0.0, -step))
        left_out[j] = above_left
        right_out[j] = above_right
        push_left_out[j] = (0.5 * GRAVITY) * ((left - above_left) * (left + above_left) + hb[j] * bed_b)
        push_right_out[j] = (0.5 * GRAVITY) * ((right - above_right) * (right + above_right) - hc[j] * bed_c)


@kernel
def hllc(mass_out, before_out, after_out, across_out, hl, hr, ul, ur, vl, vr, push_l, push_r):
    """Write the flows through a row of faces (Toro 2001, ch. 10) from the states on both sides.

    Wave speeds by the two-rarefaction estimate, with the exact fronts u +- 2c beside a dry bed; the middle wave carries
    the velocity along the face. Free of branches, so that the loop is vectorised.
    """
    for j in range(mass_out.size):
        h0, h1, u0, u1 = hl[j], hr[j], ul[j], ur[j]
        c0, c1 = math.sqrt(GRAVITY * h0), math.sqrt(GRAVITY * h1)
        middle_u = 0.5 * (u0 + u1) + (c0 - c1)
        middle_c = 0.5 * (c0 + c1) + 0.25 * (u0 - u1)
        slow = min(u0 - c0, middle_u - middle_c) if h0 > 0.0 else u1 - 2.0 * c1
        fast = max(u1 + c1, middle_u + middle_c) if h1 > 0.0 else u0 + 2.0 * c0
        slow, fast = min(slow, 0.0), max(fast, 0.0)
        q0, q1 = h0 * u0, h1 * u1
        p0, p1 = q0 * u0 + 0.5 * GRAVITY * h0 * h0, q1 * u1 + 0.5 * GRAVITY * h1 * h1
        width = 1.0 / max(fast - slow, 1e-12)
        mass = ((fast * q0 - slow * q1) + fast * slow * (h1 - h0)) * width
        along = ((fast * p0 - slow * p1) + fast * slow * (q1 - q0)) * width
        mass_out[j] = mass
        before_out[j] = along + push_l[j]
        after_out[j] = along + push_r[j]
        across_out[j] = mass * (vl[j] if mass > 0.0 else vr[j])


@kernel
def face_row(
    mass_out, before_out, after_out, across_out, rows_scratch,
    za, zb, zc, zd, ha, hb, hc, hd, ua, ub, uc, ud, va, vb, vc, vd,
):  # fmt: skip
    """Write the flows through m faces between cells `b` and `c`; u is along, v across the direction of flow."""
    m = mass_out.size
    hl, hr, ul, ur, vl, vr, pl, pr = (
        rows_scratch[0, :m], rows_scratch[1, :m], rows_scratch[2, :m], rows_scratch[3, :m],
        rows_scratch[4, :m], rows_scratch[5, :m], rows_scratch[6, :m], rows_scratch[7, :m],
    )  # fmt: skip
    water_edges(hl, hr, pl, pr, za, zb, zc, zd, ha, hb, hc, hd)
    edges(ul, ur, ua, ub, uc, ud)
    edges(vl, vr, va, vb, vc, vd)
    hllc(mass_out, before_out, after_out, across_out, hl, hr, ul, ur, vl, vr, pl, pr)


@kernel
def rim_flow(h, out, across, inner_drop, outer_rise, side):
    """Return mass, momentum along and momentum across through a rim face, all counted outwards.

    `out` and `across` are the cell's velocities; `inner_drop` its level minus that of the next cell inwards and
    `outer_rise` the bed outside minus its own bed. An open side has the cell's own state outside (zero gradient), a
    closed one its mirror image; water that an open side would bring in is turned back as by a wall.
    """
    bed = 0.5 * GRAVITY * h * minmod(inner_drop, outer_rise)
    still = 0.5 * GRAVITY * h * h + h * out * out
    if side == OPEN and out > 0.0:
        return h * out, still + bed, h * out * across
    c = math.sqrt(GRAVITY * h)
    return 0.0, still + max(c - out, c + 0.5 * out, 0.0) * h * out + bed, 0.0


@kernel
def flows_x(fx_out, rows_scratch, z, h, u, v, rim_z, sides, i, lo, hi):
    """Write the flows through the west-east faces of the active cells of row `i`."""
    nx = h.shape[1]
    first, end = max(2, lo[i]), min(nx - 1, hi[i] + 1)
    if first < end:
        f = slice(first, end)
        a, b, c, d = slice(first - 2, end - 2), slice(first - 1, end - 1), slice(first, end), slice(first + 1, end + 1)
        face_row(
            fx_out[MASS, i, f], fx_out[BEFORE, i, f], fx_out[AFTER, i, f], fx_out[ACROSS, i, f], rows_scratch,
            z[i, a], z[i, b], z[i, c], z[i, d], h[i, a], h[i, b], h[i, c],
            h[i, d], u[i, a], u[i, b], u[i, c], u[i, d], v[i, a], v[i, b], v[i, c], v[i, d],
        )  # fmt: skip
    for k in range(2):
        face = 1 if k == 0 else nx - 1
        if face < 1 or (k == 1 and face == 1) or face < lo[i] or face > hi[i]:
            continue
        first, last = max(face - 2, 0), min(face + 1, nx - 1)
        f = slice(face, face + 1)
        a, b, c, d = slice(first, first + 1), slice(face - 1, face), slice(face, face + 1), slice(last, last + 1)
        za = rim_z[0, i : i + 1] if face == 1 else z[i, a]
        zd = rim_z[1, i : i + 1] if face == nx - 1 else z[i, d]
        face_row(
            fx_out[MASS, i, f], fx_out[BEFORE, i, f], fx_out[AFTER, i, f], fx_out[ACROSS, i, f], rows_scratch,
            za, z[i, b], z[i, c], zd, h[i, a], h[i, b], h[i, c],
            h[i, d], u[i, a], u[i, b], u[i, c], u[i, d], v[i, a], v[i, b], v[i, c], v[i, d],
        )  # fmt: skip
    for k in range(2):
        j, inner, face = (0, min(1, nx - 1), 0) if k == 0 else (nx - 1, max(nx - 2, 0), nx)
        if j < lo[i] or j >= hi[i]:
            continue
        sign = -1.0 if k == 0 else 1.0
        drop = (h[i, j] - h[i, inner]) + (z[i, j] - z[i, inner])
        mass, along, across = rim_flow(h[i, j], sign * u[i, j], v[i, j], drop, rim_z[k, i] - z[i, j], sides[k])
        fx_out[MASS, i, face] = sign * mass
        fx_out[BEFORE, i, face] = along
        fx_out[AFTER, i, face] = along
        fx_out[ACROSS, i, face] = sign * across


@kernel
def flows_y(fy_out, rows_scratch, z, h, u, v, rim_n, sides, i, lo, hi):
    """Write the flows through row `i` of the north-south faces of active cells, rims included (`i` from 0 to ny)."""
    ny = h.shape[0]
    first, end = faces(i, lo, hi)
    if first >= end:
        return
    f = slice(first, end)
    if 0 < i < ny:
        a, d = max(i - 2, 0), min(i + 1, ny - 1)
        za = rim_n[0] if i == 1 else z[a]
        zd = rim_n[1] if i == ny - 1 else z[d]
        face_row(
            fy_out[MASS, i, f], fy_out[BEFORE, i, f], fy_out[AFTER, i, f], fy_out[ACROSS, i, f], rows_scratch,
            za[f], z[i - 1, f], z[i, f], zd[f], h[a, f], h[i - 1, f], h[i, f], h[d, f],
            v[a, f], v[i - 1, f], v[i, f], v[d, f], u[a, f], u[i - 1, f], u[i, f], u[d, f],
        )  # fmt: skip
        return
    k, row, inner, sign = (0, 0, min(1, ny - 1), -1.0) if i == 0 else (1, ny - 1, max(ny - 2, 0), 1.0)
    for j in range(first, end):
        drop = (h[row, j] - h[inner, j]) + (z[row, j] - z[inner, j])
        rise = rim_n[k, j] - z[row, j]
        mass, along, across = rim_flow(h[row, j], sign * v[row, j], u[row, j], drop, rise, sides[2 + k])
        fy_out[MASS, i, j] = sign * mass
        fy_out[BEFORE, i, j] = along
        fy_out[AFTER, i, j] = along
        fy_out[ACROSS, i, j] = sign * across


@kernel(parallel=True)
def flows(fx_out, fy_out, rows_scratch, z, h, u, v, rim_z, rim_n, sides, lo, hi):
    """Compute the flows through every face of active cells, in each row the columns from `lo` to `hi`."""
    ny = h.shape[0]
    for band in prange(rows_scratch.shape[0]):
        for i in range(band * BAND, min((band + 1) * BAND, ny)):
            if lo[i] < hi[i]:
                flows_x(fx_out, rows_scratch[band], z, h, u, v, rim_z, sides, i, lo, hi)
            flows_y(fy_out, rows_scratch[band], z, h, u, v, rim_n, sides, i, lo, hi)
        if (band + 1) * BAND >= ny:
            flows_y(fy_out, rows_scratch[band], z, h, u, v, rim_n, sides, ny, lo, hi)
