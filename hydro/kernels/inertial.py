"""Local-inertial surface flow on a regular grid.

The q-centred scheme of de Almeida et al. (2012, doi:10.1029/2011WR011570) with the semi-implicit Manning friction of
Bates et al. (2010, doi:10.1016/j.jhydrol.2010.03.027):

    q' = [theta q + (1 - theta)/2 (q- + q+) - g h dt d(eta)/dx] / [1 + g dt n^2 |q| / h^(7/3)]

h is the flow depth at a face: the higher water level minus the higher bed. Two limits act on the *flux*, never on the
depth: Froude <= 1, and the flows that leave a cell in one step share what it holds. So no cell goes negative and no water
is made. (A fixed share of a quarter per face is simpler and wrong: at C = 0.6 it holds fast flow at Froude 0.42.)

Layout: `z`, `h`, `n` have shape (ny, nx); `qx` (ny, nx + 1) is the flow towards +column through the west face of a cell,
`qy` (ny + 1, nx) towards +row through its north face, in m2/s. Faces on the rim stay zero (closed). A blocked cell is a
cell whose bed stands so high that no water reaches it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from twin.jit import kernel

GRAVITY = 9.80665  # m s-2, CODATA standard acceleration
DRY_M = 1e-5  # a face carries no flow below this depth, m
THETA = 0.8  # weight of the face's own flow; 1 is Bates et al. 2010 (de Almeida et al. 2012 advise 0.7-0.9)

LAND, RIVER, EDGE = 0, 1, 2  # RIVER cells hold a prescribed level; EDGE cells swallow what reaches them


@kernel(inline=True)
def inverse_cube_root(x):
    """Return x^(-1/3) for x > 0 to about 2e-13: a guess from the bit pattern, then four Newton steps.

    `x ** (7 / 3)` would call a scalar `pow` per face and stop vectorisation.
    """
    bits = np.float32(x).view(np.int32)
    guess = np.int32(np.float32(1.4204709e9) - np.float32(bits) * np.float32(0.33333333))
    y = np.float64(np.int32(guess).view(np.float32))
    y = y * (4.0 - x * y * y * y) * (1.0 / 3.0)
    y = y * (4.0 - x * y * y * y) * (1.0 / 3.0)
    y = y * (4.0 - x * y * y * y) * (1.0 / 3.0)
    return y * (4.0 - x * y * y * y) * (1.0 / 3.0)


@kernel
def face_flows(q_out, q, q_before, q_after, z0, z1, h0, h1, n0, n1, dt, dx):
    """Write the new flow (m2/s, towards side 1) through a row of faces; return the bits of the largest face depth.

    All arrays are one row of neighbours, so the loop has no index arithmetic and is vectorised (a test looks for packed
    square roots in the compiled code). For that, too: dry faces are computed at DRY_M and then set to zero instead of
    being skipped, and the largest depth is found as an integer, because non-negative floats and their bit patterns order
    alike and LLVM vectorises only the integer maximum.
    """
    deepest = np.int64(0)
    for j in range(q_out.size):
        dz = z1[j] - z0[j]
        slope = h0[j] - h1[j] - dz  # difference of levels, formed without adding large and small numbers
        deep = max(h0[j], h1[j] + dz) - max(0.0, dz)
        d = max(deep, DRY_M)
        root = inverse_cube_root(d)
        root2 = root * root
        friction = root2 * root2 * root2 * root  # d^(-7/3)
        n = 0.5 * (n0[j] + n1[j])
        centred = THETA * q[j] + 0.5 * (1.0 - THETA) * (q_before[j] + q_after[j])
        new = (centred + GRAVITY * dt / dx * d * slope) / (1.0 + GRAVITY * dt * n * n * abs(q[j]) * friction)
        critical = d * math.sqrt(GRAVITY * d)
        new = min(max(new, -critical), critical)
        q_out[j] = new if deep > DRY_M else 0.0
        deepest = max(deepest, np.float64(d).view(np.int64))
    return deepest


@kernel(parallel=True)
def flows(qx_out, qy_out, deepest_out, qx, qy, z, h, n, dt, dx):
    """Compute the flow through every inner face; `deepest_out` (ny,) gets each row's largest face depth."""
    ny, nx = h.shape
    for i in prange(ny):
        deepest = face_flows(
            qx_out[i, 1:nx], qx[i, 1:nx], qx[i, : nx - 1], qx[i, 2:], z[i, : nx - 1], z[i, 1:], h[i, : nx - 1], h[i, 1:],
            n[i, : nx - 1], n[i, 1:], dt, dx,
        )  # fmt: skip
        if i > 0:
            south = face_flows(
                qy_out[i], qy[i], qy[i - 1], qy[i + 1], z[i - 1], z[i], h[i - 1], h[i], n[i - 1], n[i], dt, dx
            )
            deepest = max(deepest, south)
        deepest_out[i] = np.int64(deepest).view(np.float64)


@kernel(parallel=True)
def hold_back(qx, qy, h, dt, dx):
    """Scale down the flows that leave a cell when together they would take more than it holds.

    A face's flow leaves exactly one cell, so no two cells scale the same face and rows may run in parallel.
    """
    ny, nx = h.shape
    room = dx / dt * (1.0 - 1e-12)
    for i in prange(ny):
        for j in range(nx):
            out = max(-qx[i, j], 0.0) + max(qx[i, j + 1], 0.0) + max(-qy[i, j], 0.0) + max(qy[i + 1, j], 0.0)
            if out > h[i, j] * room:
                share = h[i, j] * room / out
                if qx[i, j] < 0.0:
                    qx[i, j] *= share
                if qx[i, j + 1] > 0.0:
                    qx[i, j + 1] *= share
                if qy[i, j] < 0.0:
                    qy[i, j] *= share
                if qy[i + 1, j] > 0.0:
                    qy[i + 1, j] *= share


@kernel(parallel=True)
def storage(h_out, highest_out, soaked_out, ledger_out, qx, qy, kind, rain, soak, dt, dx):
    """Add one step's net flow, rain (m/s) and infiltration (at most `soak` m/s) to the depths.

    RIVER and EDGE cells keep their depth; what reaches them leaves the surface. `ledger_out` (ny, 4) gains, per row and in
    metres of a cell: infiltration, flow into the river, flow out of the river, flow over the edge; float64 and summed row
    by row, so any number of threads gives the same figures.
    """
    ny, nx = h_out.shape
    for i in prange(ny):
        soaked_row = 0.0
        to_river = 0.0
        from_river = 0.0
        over_edge = 0.0
        for j in range(nx):
            net = (qx[i, j] - qx[i, j + 1] + qy[i, j] - qy[i + 1, j]) * dt / dx
            if kind[i, j] == RIVER:
                to_river += max(net, 0.0)
                from_river += max(-net, 0.0)
            elif kind[i, j] == EDGE:
                over_edge += net
            else:
                depth = h_out[i, j] + net + rain[i, j] * dt
                take = min(soak[i, j] * dt, depth)
                soaked_out[i, j] += take
                soaked_row += take
                h_out[i, j] = depth - take
                highest_out[i, j] = max(highest_out[i, j], depth - take)
        ledger_out[i, 0] += soaked_row
        ledger_out[i, 1] += to_river
        ledger_out[i, 2] += from_river
        ledger_out[i, 3] += over_edge


@kernel
def advance(
    h,
    qx,
    qy,
    qx_scratch,
    qy_scratch,
    highest,
    soaked,
    ledger,
    deepest,
    z,
    n,
    kind,
    rain,
    soak,
    duration,
    dx,
    courant,
    dt_max,
):
    """Advance the surface by `duration` seconds in adaptive steps; return the number of steps, negative if one collapsed.

    The step is courant * dx / sqrt(g * deepest face), cut to land on `duration`. A checkerboard on still water grows by the
    roots of l^2 - (2 theta - 8 C^2) l + (2 theta - 1) = 0, so the scheme is stable in two dimensions for
    C <= sqrt(theta / 2) = 0.632; the 0.7 often quoted lets ripples of centimetres stand in shallow basins.
    """
    t = 0.0
    steps = 0
    while duration - t > 1e-9:
        deep = 0.0
        for i in range(deepest.size):
            deep = max(deep, deepest[i])
        dt = min(dt_max, courant * dx / math.sqrt(GRAVITY * max(deep, 1e-3)))
        left = duration - t
        dt = left if dt >= left else min(dt, 0.5 * left) if dt > 0.5 * left else dt
        if not dt > 1e-4:
            return -steps - 1
        flows(qx_scratch, qy_scratch, deepest, qx, qy, z, h, n, dt, dx)
        hold_back(qx_scratch, qy_scratch, h, dt, dx)
        storage(h, highest, soaked, ledger, qx_scratch, qy_scratch, kind, rain, soak, dt, dx)
        qx, qx_scratch = qx_scratch, qx
        qy, qy_scratch = qy_scratch, qy
        t += dt
        steps += 1
    if steps % 2 == 1:  # the newest flows sit in the caller's scratch arrays: bring them home
        qx_scratch[:] = qx
        qy_scratch[:] = qy
    return steps


@kernel(parallel=True)
def speed(speed_out, qx, qy, h, shallow):
    """Write the water speed at cell centres, m/s; zero where the water is shallower than `shallow` metres."""
    ny, nx = h.shape
    for i in prange(ny):
        for j in range(nx):
            if h[i, j] > shallow:
                u = 0.5 * (qx[i, j] + qx[i, j + 1]) / h[i, j]
                v = 0.5 * (qy[i, j] + qy[i + 1, j]) / h[i, j]
                speed_out[i, j] = math.sqrt(u * u + v * v)
            else:
                speed_out[i, j] = 0.0
