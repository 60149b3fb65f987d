"""Full shallow-water flow (2-D Saint-Venant) on square cells: finite volumes, second order, well balanced.

    d(h)/dt  + d(hu)/dx + d(hv)/dy = source
    d(hu)/dt + d(hu^2 + g h^2/2)/dx + d(huv)/dy = -g h dz/dx - g n^2 u |u| / h^(1/3), and the same along y

Reconstruction: level z + h, depth h and velocities u, v are limited each on their own (minmod); the bed at a face is level
minus depth, so still water has no slope of level and stays still. The higher of the two beds at a face hides the water
below it (hydrostatic reconstruction, Audusse et al. 2004, doi:10.1137/S1064827503431090). Face flows: HLLC (Toro 2001,
Shock-Capturing Methods for Free-Surface Shallow Flows, ch. 10). Time: Heun's method (SSP-RK2). Friction: implicit in each
stage, in closed form. The flows that leave a cell in one stage share what it holds, so no depth goes negative and no
water is made.

Layout: `z`, `h`, `u`, `v`, `n`, `source` have shape (ny, nx). `fx` (4, ny, nx + 1) holds per west face: mass (m2/s,
towards +column), momentum along x as the cell before the face feels it, the same for the cell after it, momentum across
(m3/s2); `fy` (4, ny + 1, nx) per north face, towards +row. `rim_z` (2, ny) and `rim_n` (2, nx) are the beds just outside
the west and east, north and south rims. All levels enter as differences, so float32 arrays on high ground do as well.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.inertial import GRAVITY, inverse_cube_root
from twin.jit import kernel

DRY_M = 1e-5  # velocity fades out below this depth, m; the water itself still flows
SLOWEST_M_S = 0.1  # waves on 1 mm of water; keeps the step finite where all is dry
FASTEST_M_S = 1e3  # no water is faster: a step that would need it has collapsed
BAND = 16  # rows that share one set of row buffers

MASS, BEFORE, AFTER, ACROSS = 0, 1, 2, 3  # planes of `fx` and `fy`
CLOSED, OPEN = 0, 1


@kernel(inline=True)
def minmod(a, b):
    """Return the smaller of two differences when they have one sign, else zero."""
    return max(0.0, min(a, b)) + min(0.0, max(a, b))


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
    g/2 (h_face^2 - h_above^2) +- g/2 h dz (Audusse et al. 2004, eq. 4.7 and 4.8).
    """
    for j in range(left_out.size):
        dh0, dh1, dh2 = hb[j] - ha[j], hc[j] - hb[j], hd[j] - hc[j]
        dz0, dz1, dz2 = zb[j] - za[j], zc[j] - zb[j], zd[j] - zc[j]
        slope_b, slope_c = minmod(dh0, dh1), minmod(dh1, dh2)
        bed_b = minmod(minmod(dh0 + dz0, dh1 + dz1) - slope_b, minmod(dz0, dz1))
        bed_c = minmod(minmod(dh1 + dz1, dh2 + dz2) - slope_c, minmod(dz1, dz2))
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
def face_row(f_out, rows_scratch, za, zb, zc, zd, ha, hb, hc, hd, ua, ub, uc, ud, va, vb, vc, vd):
    """Write the flows (4, m) through m faces between cells `b` and `c`; u is along, v across the direction of flow."""
    m = f_out.shape[1]
    hl, hr, ul, ur, vl, vr, pl, pr = (
        rows_scratch[0, :m], rows_scratch[1, :m], rows_scratch[2, :m], rows_scratch[3, :m],
        rows_scratch[4, :m], rows_scratch[5, :m], rows_scratch[6, :m], rows_scratch[7, :m],
    )  # fmt: skip
    water_edges(hl, hr, pl, pr, za, zb, zc, zd, ha, hb, hc, hd)
    edges(ul, ur, ua, ub, uc, ud)
    edges(vl, vr, va, vb, vc, vd)
    hllc(f_out[MASS], f_out[BEFORE], f_out[AFTER], f_out[ACROSS], hl, hr, ul, ur, vl, vr, pl, pr)


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
def flows_x(fx_out, rows_scratch, z, h, u, v, rim_z, sides, i):
    """Write the flows through the west-east faces of row `i`."""
    nx = h.shape[1]
    if nx > 3:
        a, b, c, d = slice(0, nx - 3), slice(1, nx - 2), slice(2, nx - 1), slice(3, nx)
        face_row(
            fx_out[:, i, 2 : nx - 1], rows_scratch, z[i, a], z[i, b], z[i, c], z[i, d], h[i, a], h[i, b], h[i, c],
            h[i, d], u[i, a], u[i, b], u[i, c], u[i, d], v[i, a], v[i, b], v[i, c], v[i, d],
        )  # fmt: skip
    for k in range(2):
        face = 1 if k == 0 else nx - 1
        if face < 1 or (k == 1 and face == 1):
            continue
        first, last = max(face - 2, 0), min(face + 1, nx - 1)
        a, b, c, d = slice(first, first + 1), slice(face - 1, face), slice(face, face + 1), slice(last, last + 1)
        za = rim_z[0, i : i + 1] if face == 1 else z[i, a]
        zd = rim_z[1, i : i + 1] if face == nx - 1 else z[i, d]
        face_row(
            fx_out[:, i, face : face + 1], rows_scratch, za, z[i, b], z[i, c], zd, h[i, a], h[i, b], h[i, c],
            h[i, d], u[i, a], u[i, b], u[i, c], u[i, d], v[i, a], v[i, b], v[i, c], v[i, d],
        )  # fmt: skip
    for k in range(2):
        j, inner, face = (0, min(1, nx - 1), 0) if k == 0 else (nx - 1, max(nx - 2, 0), nx)
        sign = -1.0 if k == 0 else 1.0
        drop = (h[i, j] - h[i, inner]) + (z[i, j] - z[i, inner])
        mass, along, across = rim_flow(h[i, j], sign * u[i, j], v[i, j], drop, rim_z[k, i] - z[i, j], sides[k])
        fx_out[MASS, i, face] = sign * mass
        fx_out[BEFORE, i, face] = along
        fx_out[AFTER, i, face] = along
        fx_out[ACROSS, i, face] = sign * across


@kernel
def flows_y(fy_out, rows_scratch, z, h, u, v, rim_n, sides, i):
    """Write the flows through row `i` of the north-south faces, rims included (`i` from 0 to ny)."""
    ny = h.shape[0]
    if 0 < i < ny:
        a, d = max(i - 2, 0), min(i + 1, ny - 1)
        za = rim_n[0] if i == 1 else z[a]
        zd = rim_n[1] if i == ny - 1 else z[d]
        face_row(
            fy_out[:, i], rows_scratch, za, z[i - 1], z[i], zd, h[a], h[i - 1], h[i], h[d],
            v[a], v[i - 1], v[i], v[d], u[a], u[i - 1], u[i], u[d],
        )  # fmt: skip
        return
    k, row, inner, sign = (0, 0, min(1, ny - 1), -1.0) if i == 0 else (1, ny - 1, max(ny - 2, 0), 1.0)
    for j in range(h.shape[1]):
        drop = (h[row, j] - h[inner, j]) + (z[row, j] - z[inner, j])
        rise = rim_n[k, j] - z[row, j]
        mass, along, across = rim_flow(h[row, j], sign * v[row, j], u[row, j], drop, rise, sides[2 + k])
        fy_out[MASS, i, j] = sign * mass
        fy_out[BEFORE, i, j] = along
        fy_out[AFTER, i, j] = along
        fy_out[ACROSS, i, j] = sign * across


@kernel(parallel=True)
def flows(fx_out, fy_out, rows_scratch, z, h, u, v, rim_z, rim_n, sides):
    """Compute the flows through every face."""
    ny = h.shape[0]
    for band in prange(rows_scratch.shape[0]):
        for i in range(band * BAND, min((band + 1) * BAND, ny)):
            flows_x(fx_out, rows_scratch[band], z, h, u, v, rim_z, sides, i)
            flows_y(fy_out, rows_scratch[band], z, h, u, v, rim_n, sides, i)
        if (band + 1) * BAND >= ny:
            flows_y(fy_out, rows_scratch[band], z, h, u, v, rim_n, sides, ny)


@kernel
def overdrawn(h, west, east, north, south, room):
    """Return how many cells of a row would give more than they hold; `room` is dx / dt."""
    count = 0
    for j in range(h.size):
        out = (max(-west[j], 0.0) + max(east[j], 0.0)) + (max(-north[j], 0.0) + max(south[j], 0.0))
        count += 1 if out > h[j] * room else 0
    return count


@kernel
def scale(f_out, i, j, share, along):
    """Let only `share` of a face's mass pass, with the momentum it carries at velocity `along`; the pressure stays."""
    less = (1.0 - share) * f_out[MASS, i, j] * along
    f_out[MASS, i, j] *= share
    f_out[ACROSS, i, j] *= share
    f_out[BEFORE, i, j] -= less
    f_out[AFTER, i, j] -= less


@kernel(parallel=True)
def hold_back(fx, fy, h, u, v, held, dt, dx, margin):
    """Scale down the flows that leave a cell when together they would take more than it holds.

    A face's flow leaves exactly one cell, so no two cells scale the same face and rows may run in parallel. Held cells
    may give what they like.
    """
    ny, nx = h.shape
    room = dx / dt * (1.0 - margin)
    for i in prange(ny):
        if overdrawn(h[i], fx[MASS, i, :nx], fx[MASS, i, 1:], fy[MASS, i], fy[MASS, i + 1], room) == 0:
            continue
        for j in range(nx):
            west, east, north, south = fx[MASS, i, j], fx[MASS, i, j + 1], fy[MASS, i, j], fy[MASS, i + 1, j]
            out = (max(-west, 0.0) + max(east, 0.0)) + (max(-north, 0.0) + max(south, 0.0))
            if out > h[i, j] * room and held[i, j] == 0:
                share = h[i, j] * room / out
                if west < 0.0:
                    scale(fx, i, j, share, u[i, j])
                if east > 0.0:
                    scale(fx, i, j + 1, share, u[i, j])
                if north < 0.0:
                    scale(fy, i, j, share, v[i, j])
                if south > 0.0:
                    scale(fy, i + 1, j, share, v[i, j])


@kernel
def net(gain_out, west, east, north, south):
    """Write what the four faces bring to each cell of a row."""
    for j in range(gain_out.size):
        gain_out[j] = (west[j] - east[j]) + (north[j] - south[j])


@kernel
def settle(h_out, u_out, v_out, h, u, v, n, source, gain_h, gain_u, gain_v, old, dt, dx):
    """Advance a row by one Euler stage and mix it with what the outputs hold: old * before + (1 - old) * stage.

    Implicit Manning friction q = q* / (1 + dt g n^2 |q| / h^(7/3)) has the root 2 q* / (1 + sqrt(1 + 4 dt g n^2 |q*| /
    h^(7/3))). Below DRY_M the velocity is 2 h q / (h^2 + DRY_M^2), which goes to zero with h (Kurganov and Petrova 2007).
    Returns the bits of the fastest wave (m/s): as integers, because non-negative floats and their bit patterns order
    alike and LLVM vectorises only the integer maximum.
    """
    fastest = np.int64(0)
    k = dt / dx
    for j in range(h_out.size):
        depth = h[j] + k * gain_h[j] + dt * source[j]
        qx = h[j] * u[j] + k * gain_u[j]
        qy = h[j] * v[j] + k * gain_v[j]
        root = inverse_cube_root(max(depth, DRY_M))
        root2 = root * root
        drag = GRAVITY * dt * n[j] * n[j] * (root2 * root2 * root2 * root)
        slowed = 2.0 / (1.0 + math.sqrt(1.0 + 4.0 * drag * math.sqrt(qx * qx + qy * qy)))
        mixed = old * h_out[j] + (1.0 - old) * depth
        qx = old * h_out[j] * u_out[j] + (1.0 - old) * slowed * qx
        qy = old * h_out[j] * v_out[j] + (1.0 - old) * slowed * qy
        least = max(mixed, DRY_M)
        per_depth = 2.0 * mixed / (mixed * mixed + least * least)
        h_out[j] = mixed
        u_out[j] = qx * per_depth
        v_out[j] = qy * per_depth
        wave = math.sqrt(GRAVITY * mixed) + max(abs(u_out[j]), abs(v_out[j]))
        fastest = max(fastest, np.float64(wave).view(np.int64))
    return fastest


@kernel
def keep_held(h_out, u_out, v_out, booked_out, h, u, v, gain_h, source, held, old, dt, dx, i):
    """Give the held cells of row `i` their depth back and book what reached or left them.

    Their velocity is the mean of the free wet cells beside them, at most that of critical flow: a held level is one
    condition, and faster inflow would need two.
    """
    ny, nx = h.shape
    for j in range(nx):
        if held[i, j] == 0:
            continue
        water = (1.0 - old if old > 0.0 else 0.5) * dt * (gain_h[j] / dx + source[i, j])
        booked_out[i, 0] += max(water, 0.0)
        booked_out[i, 1] += max(-water, 0.0)
        beside, along_x, along_y = 0, 0.0, 0.0
        for k in range(4):
            row = i + (1 if k == 0 else -1 if k == 1 else 0)
            col = j + (1 if k == 2 else -1 if k == 3 else 0)
            if 0 <= row < ny and 0 <= col < nx and held[row, col] == 0 and h[row, col] > DRY_M:
                beside += 1
                along_x += u[row, col]
                along_y += v[row, col]
        h_out[i, j] = h[i, j]
        speed = math.sqrt(along_x * along_x + along_y * along_y) / max(beside, 1)
        critical = math.sqrt(GRAVITY * h[i, j])
        share = (critical / speed if speed > critical else 1.0) / max(beside, 1)
        u_out[i, j] = share * along_x if h[i, j] > DRY_M else 0.0
        v_out[i, j] = share * along_y if h[i, j] > DRY_M else 0.0


@kernel(parallel=True)
def stage(
    h_out, u_out, v_out, fastest_out, booked_out, rows_scratch, h, u, v, fx, fy, n, source, held, held_rows, old, dt, dx
):  # fmt: skip
    """Advance every cell by one Euler stage from the flows `fx`, `fy`; see `settle`.

    `booked_out` (ny, 3) gains per row, in metres of a cell and half weight per stage: into held cells, out of held cells,
    over the rim; float64 and summed row by row, so any number of threads gives the same figures.
    """
    ny, nx = h.shape
    for band in prange(rows_scratch.shape[0]):
        gain_h, gain_u, gain_v = rows_scratch[band, 0, :nx], rows_scratch[band, 1, :nx], rows_scratch[band, 2, :nx]
        for i in range(band * BAND, min((band + 1) * BAND, ny)):
            net(gain_h, fx[MASS, i, :nx], fx[MASS, i, 1:], fy[MASS, i], fy[MASS, i + 1])
            net(gain_u, fx[AFTER, i, :nx], fx[BEFORE, i, 1:], fy[ACROSS, i], fy[ACROSS, i + 1])
            net(gain_v, fx[ACROSS, i, :nx], fx[ACROSS, i, 1:], fy[AFTER, i], fy[BEFORE, i + 1])
            bits = settle(
                h_out[i], u_out[i], v_out[i], h[i], u[i], v[i], n[i], source[i], gain_h, gain_u, gain_v, old, dt, dx
            )
            fastest_out[i] = np.int64(bits).view(np.float64)
            if held_rows[i] != 0:
                keep_held(h_out, u_out, v_out, booked_out, h, u, v, gain_h, source, held, old, dt, dx, i)
            booked_out[i, 2] += 0.5 * dt / dx * (fx[MASS, i, nx] - fx[MASS, i, 0])
            if i == 0:
                booked_out[i, 2] -= 0.5 * dt / dx * fy[MASS, 0].sum()
            if i == ny - 1:
                booked_out[i, 2] += 0.5 * dt / dx * fy[MASS, ny].sum()


@kernel(parallel=True)
def peak(highest_out, h):
    """Raise the highest depths to the present ones where these are higher."""
    for i in prange(h.shape[0]):
        highest, now = highest_out[i], h[i]
        for j in range(now.size):
            highest[j] = max(highest[j], now[j])


@kernel(parallel=True)
def waves(fastest_out, h, u, v):
    """Write each row's fastest wave, max(|u|, |v|) + sqrt(g h), m/s."""
    for i in prange(h.shape[0]):
        fastest = 0.0
        for j in range(h.shape[1]):
            fastest = max(fastest, math.sqrt(GRAVITY * h[i, j]) + max(abs(u[i, j]), abs(v[i, j])))
        fastest_out[i] = fastest


@kernel
def largest(fastest):
    """Return the largest of the rows' values, infinity where one is no number."""
    most = 0.0
    for i in range(fastest.size):
        most = max(most, fastest[i]) if math.isfinite(fastest[i]) else math.inf
    return most


@kernel
def advance(
    h, u, v, highest, booked, fastest, booked_scratch, h_scratch, u_scratch, v_scratch, fx_scratch, fy_scratch, rows_scratch,
    z, n, source, rim_z, rim_n, sides, held, held_rows, duration, dx, courant, margin,
):  # fmt: skip
    """Advance the water by `duration` seconds in adaptive steps; return the number of steps, negative if one collapsed.

    The step is courant * dx / max(|u| + c, |v| + c), cut to land on `duration`. When the first stage wakes waves twice as
    fast (rain on dry ground, a wall that bursts), it is taken again with a step that suits them.
    """
    waves(fastest, h, u, v)
    t = 0.0
    steps = 0
    while duration - t > 1e-9:
        left = duration - t
        dt = courant * dx / max(largest(fastest), SLOWEST_M_S)
        dt = left if dt >= left else min(dt, 0.5 * left) if dt > 0.5 * left else dt
        while True:
            if not dt * FASTEST_M_S > courant * dx and dt < left:
                return -steps - 1
            booked_scratch[:] = 0.0
            flows(fx_scratch, fy_scratch, rows_scratch, z, h, u, v, rim_z, rim_n, sides)
            hold_back(fx_scratch, fy_scratch, h, u, v, held, dt, dx, margin)
            stage(
                h_scratch, u_scratch, v_scratch, fastest, booked_scratch, rows_scratch, h, u, v, fx_scratch, fy_scratch,
                n, source, held, held_rows, 0.0, dt, dx,
            )  # fmt: skip
            wave = largest(fastest)
            if dt * wave <= 2.0 * courant * dx:
                break
            dt = courant * dx / wave
        flows(fx_scratch, fy_scratch, rows_scratch, z, h_scratch, u_scratch, v_scratch, rim_z, rim_n, sides)
        hold_back(fx_scratch, fy_scratch, h_scratch, u_scratch, v_scratch, held, dt, dx, margin)
        stage(
            h, u, v, fastest, booked_scratch, rows_scratch, h_scratch, u_scratch, v_scratch, fx_scratch, fy_scratch,
            n, source, held, held_rows, 0.5, dt, dx,
        )  # fmt: skip
        booked += booked_scratch
        peak(highest, h)
        t += dt
        steps += 1
    return steps
