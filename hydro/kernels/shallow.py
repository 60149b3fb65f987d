"""Full shallow-water flow (2-D Saint-Venant) on square cells: finite volumes, second order, well balanced.

    d(h)/dt  + d(hu)/dx + d(hv)/dy = source
    d(hu)/dt + d(hu^2 + g h^2/2)/dx + d(huv)/dy = -g h dz/dx - g n^2 u |u| / h^(1/3), and the same along y

Flows through faces: `hydro.kernels.shallow_faces`. Time: Heun's method (SSP-RK2). Friction: implicit in each
stage, in closed form. The flows that leave a cell in one stage share what it holds, so no depth goes negative and no
water is made.

Layout: `z`, `h`, `u`, `v`, `n`, `source` have shape (ny, nx). `fx` (4, ny, nx + 1) holds per west face: mass (m2/s,
towards +column), momentum along x as the cell before the face feels it, the same for the cell after it, momentum across
(m3/s2); `fy` (4, ny + 1, nx) per north face, towards +row. `rim_z` (2, ny) and `rim_n` (2, nx) are the beds just outside
the west and east, north and south rims. Only active cells are computed, in each row the columns from `lo` to `hi`: what is
wet or fed and one cell around. All levels enter as differences, so float32 arrays on high ground do as well.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import GRAVITY, inverse_seven_thirds
from hydro.kernels.shallow_faces import ACROSS, AFTER, BAND, BEFORE, MASS, flows
from hydro.kernels.spans import spread
from twin.jit import kernel

DRY_M = 1e-6  # velocity fades out below this depth, m; the water itself still flows
SLOWEST_M_S = 0.1  # waves on 1 mm of water; keeps the step finite where all is dry
FASTEST_M_S = 1e3  # no water is faster: a step that would need it has collapsed


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
def hold_back(fx, fy, h, u, v, held, lo, hi, dt, dx, margin):
    """Scale down the flows that leave a cell when together they would take more than it holds.

    A face's flow leaves exactly one cell, so no two cells scale the same face and rows may run in parallel. Held cells
    may give what they like.
    """
    ny = h.shape[0]
    room = dx / dt * (1.0 - margin)
    for i in prange(ny):
        a, b = lo[i], hi[i]
        c, e = slice(a, b), slice(a + 1, b + 1)
        if a >= b or overdrawn(h[i, c], fx[MASS, i, c], fx[MASS, i, e], fy[MASS, i, c], fy[MASS, i + 1, c], room) == 0:
            continue
        for j in range(a, b):
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
    h^(7/3))). Below DRY_M the velocity is 2 h q / (h^2 + DRY_M^2), which goes to zero with h (after Kurganov and Petrova
    2007, doi:10.4310/CMS.2007.v5.n1.a6).
    """
    k = dt / dx
    for j in range(h_out.size):
        depth = h[j] + k * gain_h[j] + dt * source[j]
        qx = h[j] * u[j] + k * gain_u[j]
        qy = h[j] * v[j] + k * gain_v[j]
        drag = GRAVITY * dt * n[j] * n[j] * inverse_seven_thirds(max(depth, DRY_M))
        slowed = 2.0 / (1.0 + math.sqrt(1.0 + 4.0 * drag * math.sqrt(qx * qx + qy * qy)))
        mixed = old * h_out[j] + (1.0 - old) * depth
        qx = old * h_out[j] * u_out[j] + (1.0 - old) * slowed * qx
        qy = old * h_out[j] * v_out[j] + (1.0 - old) * slowed * qy
        least = max(mixed, DRY_M)
        per_depth = 2.0 * mixed / (mixed * mixed + least * least)
        h_out[j] = mixed
        u_out[j] = qx * per_depth
        v_out[j] = qy * per_depth


@kernel
def fastest_wave(h, u, v):
    """Return the largest max(|u|, |v|) + sqrt(g h) of a row, m/s.

    Found among bit patterns: non-negative floats order as their bits do and LLVM vectorises only the integer maximum. The
    sign is cleared, so that what is no number counts as the fastest of all.
    """
    fastest = np.int64(0)
    for j in range(h.size):
        wave = math.sqrt(GRAVITY * h[j]) + max(abs(u[j]), abs(v[j]))
        fastest = max(fastest, np.float64(abs(wave)).view(np.int64))
    return np.int64(fastest).view(np.float64)


@kernel
def keep_held(h_out, u_out, v_out, booked_out, h, u, v, gain_h, source, held, dt, dx, i, first, end):
    """Give the held cells of row `i`, columns `first` to `end`, their depth back and book what reached or left them (2: swallowed).

    Their velocity is the mean of the free wet cells beside them, at most that of critical flow: a held level is one
    condition, and faster inflow would need two.
    """
    ny, nx = h.shape
    for j in range(first, end):
        if held[i, j] == 0:
            continue
        water = 0.5 * dt * (gain_h[j - first] / dx + source[i, j])
        booked_out[i, 0 if held[i, j] == 1 else 2] += max(water, 0.0)
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


@kernel
def total(row):
    """Return the sum of a row in float64."""
    together = 0.0
    for j in range(row.size):
        together += row[j]
    return together


@kernel
def peak(highest_out, h):
    """Raise the highest depths of a row to the present ones where these are higher."""
    for j in range(h.size):
        highest_out[j] = max(highest_out[j], h[j])


@kernel(inline=True)
def widen(wet_out, i, h, first, end):
    """Widen the wet columns of row `i` to all of `first` to `end` in which water stands; they are never narrowed."""
    a, b = first, end
    while a < b and h[i, a] == 0.0:
        a += 1
    while a < b and h[i, b - 1] == 0.0:
        b -= 1
    if a < b:
        wet_out[i, 0], wet_out[i, 1] = min(wet_out[i, 0], a), max(wet_out[i, 1], b)


@kernel(parallel=True)
def stage(
    h_out, u_out, v_out, highest_out, fastest_out, booked_out, wet_out, rows_scratch, h, u, v, fx, fy, n, source, held,
    held_rows, lo, hi, old, dt, dx,
):  # fmt: skip
    """Advance every active cell by one Euler stage from the flows `fx`, `fy`; see `settle`.

    `booked_out` (ny, 3) gains per row, in metres of a cell and half weight per stage: into held cells, out of held cells,
    over the rim; float64 and summed row by row, so any number of threads gives the same figures.
    """
    ny, nx = h.shape
    for band in prange(rows_scratch.shape[0]):
        for i in range(band * BAND, min((band + 1) * BAND, ny)):
            a, b = lo[i], hi[i]
            if a >= b:
                continue
            c, e = slice(a, b), slice(a + 1, b + 1)
            gain_h, gain_u, gain_v = (
                rows_scratch[band, 0, : b - a], rows_scratch[band, 1, : b - a], rows_scratch[band, 2, : b - a]
            )  # fmt: skip
            net(gain_h, fx[MASS, i, c], fx[MASS, i, e], fy[MASS, i, c], fy[MASS, i + 1, c])
            net(gain_u, fx[AFTER, i, c], fx[BEFORE, i, e], fy[ACROSS, i, c], fy[ACROSS, i + 1, c])
            net(gain_v, fx[ACROSS, i, c], fx[ACROSS, i, e], fy[AFTER, i, c], fy[BEFORE, i + 1, c])
            settle(
                h_out[i, c], u_out[i, c], v_out[i, c], h[i, c], u[i, c], v[i, c], n[i, c], source[i, c], gain_h, gain_u,
                gain_v, old, dt, dx,
            )  # fmt: skip
            if held_rows[i] != 0:
                keep_held(h_out, u_out, v_out, booked_out, h, u, v, gain_h, source, held, dt, dx, i, a, b)
            fastest_out[i] = fastest_wave(h_out[i, c], u_out[i, c], v_out[i, c])
            if old > 0.0:
                peak(highest_out[i, c], h_out[i, c])
            widen(wet_out, i, h_out, a, b)
            if a == 0:
                booked_out[i, 2] -= 0.5 * dt / dx * fx[MASS, i, 0]
            if b == nx:
                booked_out[i, 2] += 0.5 * dt / dx * fx[MASS, i, nx]
            if i == 0:
                booked_out[i, 2] -= 0.5 * dt / dx * total(fy[MASS, 0, c])
            if i == ny - 1:
                booked_out[i, 2] += 0.5 * dt / dx * total(fy[MASS, ny, c])


@kernel(parallel=True)
def look(fastest_out, wet_out, h, u, v, source):
    """Write each row's fastest wave, m/s, and the columns from the first to the last that is wet or fed."""
    ny, nx = h.shape
    for i in prange(ny):
        wet_out[i, 0], wet_out[i, 1] = nx, 0
        widen(wet_out, i, h, 0, nx)
        widen(wet_out, i, source, 0, nx)
        a, b = wet_out[i, 0], wet_out[i, 1]
        fastest_out[i] = fastest_wave(h[i, a:b], u[i, a:b], v[i, a:b]) if a < b else 0.0


@kernel
def largest(fastest):
    """Return the largest of the rows' values, infinity where one is no number."""
    most = 0.0
    for i in range(fastest.size):
        most = max(most, fastest[i]) if math.isfinite(fastest[i]) else math.inf
    return most


@kernel
def advance(
    h, u, v, highest, booked, fastest, booked_scratch, h_scratch, u_scratch, v_scratch, fx_scratch, fy_scratch,
    rows_scratch, spans_scratch, z, n, source, rim_z, rim_n, sides, held, held_rows, duration, dx, courant, margin,
):  # fmt: skip
    """Advance the water by `duration` seconds in adaptive steps; return the number of steps and the seconds done.

    The number is negative if a step collapsed. `fastest` tells whether the last step left water that is no number.

    The step is courant * dx / max(|u| + c, |v| + c), cut to land on `duration`. When the first stage wakes waves twice as
    fast (rain on dry ground, a column of water let go on all sides), it is taken again with half the step.

    `spans_scratch`: wet columns (ny, 2), active columns from (ny,) and to (ny,), and a border (ny + 1, 2) as `spread` wants it.
    """
    wet, lo, hi, fed = spans_scratch
    look(fastest, wet, h, u, v, source)
    h_scratch[:], u_scratch[:], v_scratch[:] = 0.0, 0.0, 0.0  # what is not active now is dry when it becomes so
    t = 0.0
    steps = 0
    while duration - t > 1e-9:
        left = duration - t
        dt = courant * dx / max(largest(fastest), SLOWEST_M_S)
        dt = left / math.ceil(left / dt)
        while True:
            if not dt * FASTEST_M_S > courant * dx and dt < left:
                return -steps - 1, t
            booked_scratch[:] = 0.0
            spread(lo, hi, wet, fed)
            flows(fx_scratch, fy_scratch, rows_scratch, z, h, u, v, rim_z, rim_n, sides, lo, hi)
            hold_back(fx_scratch, fy_scratch, h, u, v, held, lo, hi, dt, dx, margin)
            stage(
                h_scratch, u_scratch, v_scratch, highest, fastest, booked_scratch, wet, rows_scratch, h, u, v,
                fx_scratch, fy_scratch, n, source, held, held_rows, lo, hi, 0.0, dt, dx,
            )  # fmt: skip
            if dt * largest(fastest) <= 2.0 * courant * dx:
                break
            dt *= 0.5
        spread(lo, hi, wet, fed)
        flows(fx_scratch, fy_scratch, rows_scratch, z, h_scratch, u_scratch, v_scratch, rim_z, rim_n, sides, lo, hi)
        hold_back(fx_scratch, fy_scratch, h_scratch, u_scratch, v_scratch, held, lo, hi, dt, dx, margin)
        stage(
            h, u, v, highest, fastest, booked_scratch, wet, rows_scratch, h_scratch, u_scratch, v_scratch, fx_scratch,
            fy_scratch, n, source, held, held_rows, lo, hi, 0.5, dt, dx,
        )  # fmt: skip
        booked += booked_scratch
        t += dt
        steps += 1
    return steps, t
