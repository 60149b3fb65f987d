"""Local-inertial surface flow on a regular grid, one fused pass a step.

The q-centred scheme of de Almeida et al. (2012, doi:10.1029/2011WR011570) with Manning friction that is implicit to first
order (one Newton step from the old flow):

    q' = [theta q + (1 - theta)/2 (q- + q+) - g h dt d(eta)/dx + f q] / [1 + 2 f],   f = g dt n^2 |q, p| / h^(7/3)

The usual q' = [...] / [1 + f] (Bates et al. 2010, doi:10.1016/j.jhydrol.2010.03.027) swings about Manning's normal flow, too
much and too little in turn, once f is above one: rain on grass came twice too strong. p is the flow across the face's own
direction, the mean of the four faces around it: with |q| alone, friction is too small by up to 2^(1/2) where water runs
obliquely to the grid, and a flood spreads too thin, as on UK EA test 4. h is the flow depth at a face: the higher water
level minus the higher bed. Two limits act on the *flux*, never on the depth: Froude <= 1 (a thin sheet may be faster, see
`floats.DROP`), and the flows that leave a cell in one step share what it holds. So no cell goes negative and no water is made. (A
fixed share of a quarter per face is simpler and wrong: at C = 0.6 it holds fast flow at Froude 0.42.)

Layout: `z`, `h`, `n` have shape (ny, nx); `qx` (ny, nx + 1) is the flow towards +column through the west face of a cell,
`qy` (ny + 1, nx) towards +row through its north face, in m2/s. Rim faces stay as the caller set them (0 = closed). A
blocked cell is a cell whose bed stands so high that no water reaches it. All arrays have one type, float32 or float64.

How it is fast, each trick once:
- `sweep` walks down a band of rows and finishes row i while it computes the raw flows of row i + 1, so every array is
  read and written once a step (35 bytes a cell in float32) and the old flows need no second copy;
- rows are handed to small kernels as 1-D slices, whose loops LLVM vectorises (`face_flows` says what that takes);
- `span` keeps, row by row, the columns that can hold or receive water; the rest of the row is skipped;
- slopes are formed from differences, so that float32 keeps probes within 0.1 mm of float64.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import GRAVITY, bits, float_of
from hydro.kernels.inertial_rows import face_flows, fill, film_waves, gives_too_much, limit, pour, shares
from hydro.kernels.rim import open_rim
from hydro.kernels.spans import cut, faces, spread
from twin.jit import kernel

#: Rain is gathered over up to this many steps or this depth (m) before it is added, and the highest depth is looked at
#: then: a step's own share would be lost in the last digit of a deep float32 cell, and two arrays are read less often.
GATHER_STEPS, GATHER_M = 8, 1e-3
FILM_STEPS, FILM_S = 32, 60.0  # films are looked at every so many steps or seconds: rain changes them within minutes
SHORTEST_S = 1e-4  # a shorter step means that the run has left the scheme's domain
ONE_THREAD = 20_000  # below this many active cells a second thread costs more than it gives


@kernel(inline=True)
def raw_x(raw_out, i, lo, hi, qx, north, south, z, h, n, dt, dx):
    """Write the raw flow through the west faces of the active cells of row i; rim faces keep what the caller set.

    `north` and `south` are the old flows through the cells' other faces.
    """
    nx = h.shape[1]
    raw_out[0], raw_out[nx] = qx[i, 0], qx[i, nx]
    a, b = max(lo[i], 1), min(hi[i], nx - 1) + 1
    return face_flows(
        raw_out[a:b], qx[i, a:b], qx[i, a - 1 : b - 1], qx[i, a + 1 : b + 1], north[a - 1 : b], south[a - 1 : b],
        z[i, a - 1 : b - 1], z[i, a:b], h[i, a - 1 : b - 1], h[i, a:b], n[i, a - 1 : b - 1], n[i, a:b], dt, dx,
    )  # fmt: skip


@kernel(inline=True)
def raw_y(raw_out, i, lo, hi, q_after, qx, qy, z, h, n, dt, dx):
    """Write the raw flow through the north faces of row i; `q_after` is the old flow one row on. Rim faces as in `raw_x`."""
    a, b = faces(i, lo, hi)
    if i == 0 or i == lo.size:
        raw_out[a:b] = qy[i, a:b]
        return bits(raw_out.dtype.type(0.0))
    return face_flows(
        raw_out[a:b], qy[i, a:b], qy[i - 1, a:b], q_after[a:b], qx[i - 1, a : b + 1], qx[i, a : b + 1],
        z[i - 1, a:b], z[i, a:b], h[i - 1, a:b], h[i, a:b], n[i - 1, a:b], n[i, a:b], dt, dx,
    )  # fmt: skip


@kernel(inline=True)
def row_shares(share_out, i, lo, hi, rx, north, south, h, room):
    """Return whether a share of the active cells of row i is below 1, and write them if so.

    `share_out` is one longer at each end, where the outside gives all.
    """
    a, b = lo[i], hi[i]
    cells = h[i, a:b], rx[a:b], rx[a + 1 : b + 1], north[a:b], south[a:b], room
    if not gives_too_much(*cells):
        return False
    shares(share_out[a + 1 : b + 1], *cells)
    return True


@kernel
def border(border_out, scratch, i, lo, hi, qx, qy, z, h, n, dt, dx, room):
    """Prepare the north faces of row i, on which two bands meet, before either changes the rows beside them.

    `border_out` (3, nx + 2) gets their old, raw and final flow; the result is that of `raw_y`.
    """
    ny = h.shape[0]
    old, raw, final = border_out[0], border_out[1], border_out[2]
    rx, other, up, down = scratch[0], scratch[1], scratch[2], scratch[3]
    a, b = faces(i, lo, hi)
    old[: qy.shape[1]] = qy[i]
    met = raw_y(raw, i, lo, hi, qy[min(i + 1, ny)], qx, qy, z, h, n, dt, dx)
    up[:] = 1.0
    down[:] = 1.0
    if i > 0:
        raw_x(rx, i - 1, lo, hi, qx, qy[i - 1], qy[i], z, h, n, dt, dx)
        raw_y(other, i - 1, lo, hi, qy[i], qx, qy, z, h, n, dt, dx)
        row_shares(up, i - 1, lo, hi, rx, other, raw, h, room)
    if i < ny:
        raw_x(rx, i, lo, hi, qx, qy[i], qy[i + 1], z, h, n, dt, dx)
        raw_y(other, i + 1, lo, hi, qy[min(i + 2, ny)], qx, qy, z, h, n, dt, dx)
        row_shares(down, i, lo, hi, rx, raw, other, h, room)
    final[a:b] = raw[a:b]
    limit(final[a:b], up[a + 1 : b + 1], down[a + 1 : b + 1])
    return met


@kernel(inline=True)
def finish_row(h, qx, qy, highest, rim, wet_out, i, lo, hi, rx, north, south, source, held, dt, dx, fed_s):
    """Settle row i from its final flows: fill the cells, hold the held ones, note what is still wet.

    Return the bits of what is no finite depth, 0 where there is none or nothing was poured.
    """
    a, b = lo[i], hi[i]
    nx = h.shape[1]
    broken = bits(h.dtype.type(0.0))
    ratio = h.dtype.type(dt / dx)
    if a < b:
        fill(
            h[i, a:b], qx[i, a:b], qy[i, a:b], rx[a:b], rx[a + 1 : b + 1], north[a:b], south[a:b], ratio
        )  # fmt: skip
        if fed_s > 0.0:
            largest = pour(h[i, a:b], highest[i, a:b], source[i, a:b], h.dtype.type(fed_s))
            broken = largest if largest >= bits(h.dtype.type(np.inf)) else broken
        qx[i, b] = rx[b]
    start, col, depth, booked = held
    for m in range(start[i], start[i + 1]):
        j = col[m]  # booked from the flows: the change of a deep cell's float32 depth would be too coarse
        if j < a or j >= b:
            continue
        net = (np.float64(rx[j]) - np.float64(rx[j + 1])) + (np.float64(north[j]) - np.float64(south[j]))
        change = net * dt / dx + np.float64(source[i, j]) * fed_s
        booked[m, 0] += max(change, 0.0)
        booked[m, 1] += max(-change, 0.0)
        h[i, j] = depth[m]
    rim[i] += (max(-qx[i, 0], 0.0) + max(qx[i, nx], 0.0)) * dt / dx
    while a < b and h[i, a] == 0 and rx[a] == 0 and rx[a + 1] == 0 and north[a] == 0 and south[a] == 0:
        a += 1
    while a < b and h[i, b - 1] == 0 and rx[b - 1] == 0 and rx[b] == 0 and north[b - 1] == 0 and south[b - 1] == 0:
        b -= 1
    wet_out[i, 0], wet_out[i, 1] = a, b
    return broken


@kernel
def band(
    h, qx, qy, highest, rim, wet_out, scratch, first, end, above, below, lo, hi, z, n, source, held, dt, dx, fed_s, room
):
    """Advance rows first..end-1 by one step; return the bits of the largest face depth met, or of what is no finite depth.

    `above` and `below` are the prepared borders of the band. Row i - 1 is finished once the raw flows of row i are there,
    because a cell's share needs all four of its flows and a face's the shares on both sides.
    """
    ny = h.shape[0]
    ys, xs, share = scratch[0:3], scratch[3:5], scratch[5:7]
    deepest = bits(h.dtype.type(0.0))
    short_before = short = False
    a, b = faces(first, lo, hi)
    ys[first % 3, a:b] = above[1, a:b]
    for i in range(first, end + 1):
        north, south, x = ys[i % 3], ys[(i + 1) % 3], xs[i % 2]
        a, b = faces(i, lo, hi)
        if i < end:
            below_row = below[0] if i + 1 == end else qy[i + 1]
            deepest = max(deepest, raw_x(x, i, lo, hi, qx, qy[i], below_row, z, h, n, dt, dx))
            if i + 1 == end:
                c, d = faces(end, lo, hi)
                south[c:d] = below[1, c:d]
            else:
                after = below[0] if i + 2 == end else qy[i + 2]
                deepest = max(deepest, raw_y(south, i + 1, lo, hi, after, qx, qy, z, h, n, dt, dx))
            short = row_shares(share[i % 2], i, lo, hi, x, north, south, h, room)
        if i == first:
            north[a:b] = above[2, a:b]
        elif i == end:
            north[a:b] = below[2, a:b]
        elif short or short_before:
            if not short:
                share[i % 2] = 1.0
            if not short_before:
                share[(i - 1) % 2] = 1.0
            limit(north[a:b], share[(i - 1) % 2, a + 1 : b + 1], share[i % 2, a + 1 : b + 1])
        if i > first:
            broken = finish_row(
                h, qx, qy, highest, rim, wet_out, i - 1, lo, hi, xs[(i - 1) % 2], ys[(i - 1) % 3], north, source, held,
                dt, dx, fed_s,
            )  # fmt: skip
            deepest = max(deepest, broken)
        if i < end and short:
            a, b = lo[i], hi[i]
            limit(x[a : b + 1], share[i % 2, a : b + 1], share[i % 2, a + 1 : b + 2])
        short_before = short
    if end == ny:
        a, b = faces(ny, lo, hi)
        qy[ny, a:b] = ys[ny % 3, a:b]
    return deepest


@kernel(parallel=True)
def sweep(
    h,
    qx,
    qy,
    highest,
    rim,
    wet_out,
    deepest_out,
    scratch,
    cuts,
    borders,
    lo,
    hi,
    z,
    n,
    source,
    held,
    dt,
    dx,
    fed_s,
    room,
):
    """Advance every band by one step, side by side."""
    for k in prange(cuts.size - 1):
        deepest_out[k] = band(
            h, qx, qy, highest, rim, wet_out, scratch[k], cuts[k], cuts[k + 1], borders[k], borders[k + 1], lo, hi,
            z, n, source, held, dt, dx, fed_s, room,
        )  # fmt: skip


@kernel
def films(first, end, lo, hi, qx, qy, z, h, n, dt, dx):
    """Return the largest `film_waves` of the west and north faces of rows first..end-1."""
    nx = h.shape[1]
    fastest = bits(h.dtype.type(0.0))
    for i in range(first, end):
        a, b = max(lo[i], 1), min(hi[i], nx - 1) + 1
        west = film_waves(
            qx[i, a:b], z[i, a - 1 : b - 1], z[i, a:b], h[i, a - 1 : b - 1], h[i, a:b], n[i, a - 1 : b - 1], n[i, a:b], dt, dx
        )  # fmt: skip
        fastest = max(fastest, west)
        if i > 0:
            a, b = faces(i, lo, hi)
            north = film_waves(
                qy[i, a:b], z[i - 1, a:b], z[i, a:b], h[i - 1, a:b], h[i, a:b], n[i - 1, a:b], n[i, a:b], dt, dx
            )  # fmt: skip
            fastest = max(fastest, north)
    return fastest


@kernel(parallel=True)
def films_of_bands(fastest_out, cuts, lo, hi, qx, qy, z, h, n, dt, dx):
    """Write the result of `films` for every band, side by side."""
    for k in prange(cuts.size - 1):
        fastest_out[k] = films(cuts[k], cuts[k + 1], lo, hi, qx, qy, z, h, n, dt, dx)


@kernel
def advance(
    h, qx, qy, highest, rim, wet, lo, hi, scratch, borders, z, n, source, fed, held, sides, deepest, peak_source,
    duration, dx, courant, margin, most_threads,
):  # fmt: skip
    """Advance the surface by `duration` seconds in adaptive steps; return the number of steps and the seconds done.

    The number is negative if a step collapsed: it became too short, or water too deep or no number. All of the source is
    added by the end of the call.

    The step is courant * dx / sqrt(g * deepest face), cut to land on `duration`; `deepest` (3,) carries from call to call the
    deepest face, what stands for the fastest film (`film_waves`; the larger one rules) and the seconds since films were
    looked at. A checkerboard on still water
    grows by the roots of l^2 - (2 theta - 8 C^2) l + (2 theta - 1) = 0, so the scheme is stable in two dimensions for C <=
    sqrt(theta / 2) = 0.671; the 0.7 often quoted lets ripples of centimetres stand in shallow basins. That holds for equal
    steps: a call is parted into equal ones, because a long step and one of half its length in turn feed the checkerboard (by
    1.4 a step at C = 0.64), and a deep pool under short calls swings by decimetres. `peak_source` (m/s) keeps the first steps
    of a strong inflow short.

    Booked in float64, in metres of a cell and in an order that no number of threads changes: `rim` (ny,) what left over
    the open rim, and for each cell of `held` (start of each row, column, depth, booked (cells, 2)) what it took and gave.
    """
    ny = h.shape[0]
    cuts = np.empty(scratch.shape[0] + 1, np.int64)
    met = np.empty(scratch.shape[0] + 1, np.int64)  # of each band, and of the borders between them
    t = 0.0
    steps = 0
    gathered = 0.0
    while duration - t > 1e-9:
        deep = max(deepest[0], deepest[1], 1e-3)
        longest = courant * dx / math.sqrt(GRAVITY * deep)
        dt = courant * dx / math.sqrt(GRAVITY * (deep + peak_source * longest))
        left = duration - t
        dt = left / math.ceil(left / dt)
        if not (dt > SHORTEST_S or dt >= left):
            return -steps - 1, t
        active = spread(lo, hi, wet, fed)
        bands = 1 if active < ONE_THREAD else most_threads
        cut(cuts[: bands + 1], lo, hi, active)
        if sides.any():
            open_rim(qx, qy, sides, z, h, n, dt, dx)
        room = dx / dt * (1.0 - margin)
        gathered += dt
        pour_now = (steps + 1) % GATHER_STEPS == 0 or peak_source * (gathered + dt) > GATHER_M or dt >= left
        fed_s = gathered if pour_now else 0.0
        gathered -= fed_s
        met[bands] = 0
        for k in range(bands + 1):
            between = border(borders[k], scratch[0], cuts[k], lo, hi, qx, qy, z, h, n, dt, dx, room)
            met[bands] = max(met[bands], between)
        if bands == 1:
            met[0] = band(
                h, qx, qy, highest, rim, wet, scratch[0], cuts[0], cuts[1], borders[0], borders[1], lo, hi, z, n,
                source, held, dt, dx, fed_s, room,
            )  # fmt: skip
        else:
            sweep(
                h, qx, qy, highest, rim, wet, met, scratch, cuts[: bands + 1], borders, lo, hi, z, n,
                source, held, dt, dx, fed_s, room,
            )  # fmt: skip
        deepest[0] = float_of(met[: bands + 1].max(), h)
        deepest[2] += dt
        if deepest[2] >= min(FILM_STEPS * dt, FILM_S):
            if bands == 1:
                met[0] = films(cuts[0], cuts[1], lo, hi, qx, qy, z, h, n, dt, dx)
            else:
                films_of_bands(met, cuts[: bands + 1], lo, hi, qx, qy, z, h, n, dt, dx)
            deepest[1], deepest[2] = float_of(met[:bands].max(), h), 0.0
        if sides[2]:
            for j in range(h.shape[1]):
                rim[0] += max(-qy[0, j], 0.0) * dt / dx
        if sides[3]:
            for j in range(h.shape[1]):
                rim[ny - 1] += max(qy[ny, j], 0.0) * dt / dx
        t += dt
        steps += 1
        if not deepest[0] < 1e4:
            return -steps, t
    return steps, t


@kernel(parallel=True)
def centre_flow(qx_out, qy_out, qx, qy):
    """Write the flow per width at cell centres, m2/s: the mean of opposite faces."""
    ny, nx = qx_out.shape
    for i in prange(ny):
        for j in range(nx):
            qx_out[i, j] = 0.5 * (qx[i, j] + qx[i, j + 1])
            qy_out[i, j] = 0.5 * (qy[i, j] + qy[i + 1, j])
