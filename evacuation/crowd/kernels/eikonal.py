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
    moves by more than `tolerance`. A cell is looked at only when it is `awake_out`: a neighbour has got cheaper than it is since it
    was last looked at (Bak, McLaughlin and Renzi 2010, doi:10.1137/090749645), which gives what looking at each would give.
    """
    ny, nx = cost_out.shape
    low, high = np.empty(ny, np.int64), np.empty(ny, np.int64)  # of each row, the columns between which cells are awake
    for i in range(ny):
        low[i], high[i] = nx, -1
        for j in range(nx):
            if awake_out[i, j]:
                low[i], high[i] = min(low[i], j), j
    for turn in range(most):
        change = 0.0
        for corner in range(4):
            step = 1 if corner % 2 == 0 else -1
            for a in range(ny):
                i = a if corner < 2 else ny - 1 - a
                if low[i] > high[i]:
                    continue
                j, last = (low[i], high[i]) if step > 0 else (high[i], low[i])
                low[i], high[i] = nx, -1
                while (last - j) * step >= 0:
                    if awake_out[i, j]:
                        awake_out[i, j] = False
                        fall = relax(cost_out, i, j, slowness, blocked, way_x, way_w, cell)
                        if fall > 0.0:
                            change = max(change, fall)
                            here = cost_out[i, j]
                            if i > 0 and cost_out[i - 1, j] > here:
                                wake(awake_out, low, high, i - 1, j)
                            if i < ny - 1 and cost_out[i + 1, j] > here:
                                wake(awake_out, low, high, i + 1, j)
                            if 0 <= j - step < nx and cost_out[i, j - step] > here:
                                wake(awake_out, low, high, i, j - step)
                            if 0 <= j + step < nx and cost_out[i, j + step] > here:
                                awake_out[i, j + step] = True
                                last = last if j != last else j + step
                    j += step
        if change <= tolerance:
            return turn + 1
    return -1


@kernel(bare=True)
def wake(awake_out, low_out, high_out, i, j):
    """Have a cell looked at again; awake_out (ny, nx), low_out and high_out (ny,)."""
    awake_out[i, j] = True
    low_out[i], high_out[i] = min(low_out[i], j), max(high_out[i], j)


@kernel(bare=True)
def relax(cost_out, i, j, slowness, blocked, way_x, way_w, cell):
    """Lower the cost of a cell to what its neighbours make of it; return by how much, from 1e9 at most, and 0 where it stays."""
    ny, nx = cost_out.shape
    before = cost_out[i, j]
    if blocked[i, j] or before == 0.0:
        return 0.0
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
        return 0.0
    f, gap = slowness[i, j] * cell, abs(near_x - near_w)
    new = low + f if gap >= f else 0.5 * (near_x + near_w + math.sqrt(2.0 * f * f - gap * gap))
    if new >= before:
        return 0.0
    cost_out[i, j] = new
    return min(before, 1e9) - new


@kernel
def wake_around(awake_out, rows, columns):
    """Have the neighbours of cells (n,) looked at again; awake_out (ny, nx)."""
    ny, nx = awake_out.shape
    for k in range(len(rows)):
        i, j = rows[k], columns[k]
        if i > 0:
            awake_out[i - 1, j] = True
        if i < ny - 1:
            awake_out[i + 1, j] = True
        if j > 0:
            awake_out[i, j - 1] = True
        if j < nx - 1:
            awake_out[i, j + 1] = True


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
