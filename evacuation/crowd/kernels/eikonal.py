"""The way to a goal: travel cost by fast sweeping, and the direction in which it falls."""

from __future__ import annotations

import math

import numpy as np

from twin.jit import kernel

FAR = 1e30  # cost of a cell from which no goal can be reached


@kernel
def sweep(cost_out, awake_out, slowness, blocked, way_x, way_w, cell, tolerance, most):
    """Solve |grad cost| = slowness from the cells whose cost is known, by fast sweeping; return the rounds taken, -1 for too many.

    Zhao 2005, doi:10.1090/S0025-5718-04-01678-3. Godunov's upwind difference on square cells of `cell` m. `cost_out` is 0 on
    goals and FAR elsewhere; `blocked` cells keep FAR. Where (`way_x`, `way_w`) is not 0 a cell may be left only in that
    direction, so its cost comes from neighbours on that side alone. All arrays (ny, nx); four sweeps a round until no cost
    moves by more than `tolerance`. A cell is looked at only when it is `awake_out`: a neighbour has changed since it was last looked at
    (Bak, McLaughlin and Renzi 2010, doi:10.1137/090749645), which gives what looking at each would give.
    """
    ny, nx = cost_out.shape
    for turn in range(most):
        change = 0.0
        for corner in range(4):
            for a in range(ny):
                i = a if corner < 2 else ny - 1 - a
                for b in range(nx):
                    j = b if corner % 2 == 0 else nx - 1 - b
                    if not awake_out[i, j]:
                        continue
                    awake_out[i, j] = False
                    if blocked[i, j] or cost_out[i, j] == 0.0:
                        continue
                    gx, gw = way_x[i, j], way_w[i, j]
                    near_x, near_w = FAR, FAR
                    if j > 0 and gx <= 1e-3:
                        near_x = cost_out[i, j - 1]
                    if j < nx - 1 and gx >= -1e-3:
                        near_x = min(near_x, cost_out[i, j + 1])
                    if i > 0 and gw <= 1e-3:
                        near_w = cost_out[i - 1, j]
                    if i < ny - 1 and gw >= -1e-3:
                        near_w = min(near_w, cost_out[i + 1, j])
                    low = min(near_x, near_w)
                    if low >= FAR:
                        continue
                    f, gap = slowness[i, j] * cell, abs(near_x - near_w)
                    new = low + f if gap >= f else 0.5 * (near_x + near_w + math.sqrt(2.0 * f * f - gap * gap))
                    if new < cost_out[i, j]:
                        change = max(change, min(cost_out[i, j], 1e9) - new)
                        cost_out[i, j] = new
                        wake(awake_out, i, j)
        if change <= tolerance:
            return turn + 1
    return -1


@kernel
def wake(awake_out, i, j):
    """Have the neighbours of a cell looked at again; awake_out (ny, nx)."""
    ny, nx = awake_out.shape
    if i > 0:
        awake_out[i - 1, j] = True
    if i < ny - 1:
        awake_out[i + 1, j] = True
    if j > 0:
        awake_out[i, j - 1] = True
    if j < nx - 1:
        awake_out[i, j + 1] = True


@kernel
def wake_around(awake_out, rows, columns):
    """Have the neighbours of cells (n,) looked at again; awake_out (ny, nx)."""
    for k in range(len(rows)):
        wake(awake_out, rows[k], columns[k])


@kernel
def downhill(x_out, w_out, cost, blocked):
    """Write the unit direction in which the cost falls; (0, 0) where no goal can be reached. All arrays (ny, nx)."""
    ny, nx = cost.shape
    for i in range(ny):
        for j in range(nx):
            here = cost[i, j]
            gx = gw = 0.0
            if here >= FAR:
                x_out[i, j] = w_out[i, j] = 0.0
                continue
            left = cost[i, j - 1] if j > 0 else FAR
            right = cost[i, j + 1] if j < nx - 1 else FAR
            up = cost[i - 1, j] if i > 0 else FAR
            down = cost[i + 1, j] if i < ny - 1 else FAR
            if min(left, right) < here:
                gx = here - right if right < left else left - here
            if min(up, down) < here:
                gw = here - down if down < up else up - here
            length = math.sqrt(gx * gx + gw * gw)
            if length > 0.0:
                x_out[i, j], w_out[i, j] = np.float32(gx / length), np.float32(gw / length)
            else:
                x_out[i, j] = w_out[i, j] = 0.0
