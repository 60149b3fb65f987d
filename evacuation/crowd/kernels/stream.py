"""A crowd as a density that streams over a raster: what crosses each face, and what each cell then holds."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from evacuation.crowd.kernels.decide import pace_on
from twin.jit import kernel

#: Weidmann 1993: v = v0 (1 - exp(-1.913 (1 / R - 1 / 5.4))), R persons/m2; nobody moves at 5.4.
GAMMA, JAM = 1.913, 5.4


@kernel
def speed(total, free):
    """Return the walking speed (m s-1) in a crowd of `total` persons/m2, `free` (m s-1) for one who is alone."""
    if total <= 0.05:
        return free
    return max(free * (1.0 - math.exp(-GAMMA * (1.0 / total - 1.0 / JAM))), 0.0)


@kernel
def offered(total, free, full, most):
    """Return (what a cell can send, what it can take), persons m-1 s-1, most at `full` persons/m2 (Daganzo 1994)."""
    carried = total * speed(total, free)
    return (carried, most) if total <= full else (most, carried)


@kernel(parallel=True)
def add_up(total_out, walking, staying):
    """Fill total_out (ny, nx) with the persons/m2 of all groups."""
    groups, ny, nx = walking.shape
    for i in nb.prange(ny):
        for j in range(nx):
            total = 0.0
            for g in range(groups):
                total += walking[g, i, j] + staying[g, i, j]
            total_out[i, j] = total


@kernel
def apart(total, blocked, i, j, cell):
    """Return the pull (to the right, down) away from where it is denser: -grad R / (1 + |grad R|^2)^0.5, R in persons/m2 per m."""
    ny, nx = total.shape
    here = total[i, j]
    left = total[i, j - 1] if j > 0 and not blocked[i, j - 1] else here
    right = total[i, j + 1] if j < nx - 1 and not blocked[i, j + 1] else here
    up = total[i - 1, j] if i > 0 and not blocked[i - 1, j] else here
    down = total[i + 1, j] if i < ny - 1 and not blocked[i + 1, j] else here
    gx, gw = 0.5 * (right - left) / cell, 0.5 * (down - up) / cell
    size = math.sqrt(1.0 + gx * gx + gw * gw)
    return -gx / size, -gw / size


@kernel(parallel=True)
def steer(x_out, w_out, total, walking, to_x, to_w, blocked, yields, cell):
    """Fill where each group heads (group, ny, nx), a unit vector: its way, and away from where it is denser, `yields` times.

    Colombo, Garavello and Lecureux-Mercier 2012 (doi:10.1142/S0218202511500230).
    """
    groups, ny, nx = walking.shape
    for line in nb.prange(ny):
        i = np.int64(line)
        for j in range(nx):
            if total[i, j] <= 0.0:
                continue
            pull_x, pull_w = apart(total, blocked, i, j, cell)
            for g in range(groups):
                if walking[g, i, j] > 0.0:
                    x, w = np.float64(to_x[g, i, j]), np.float64(to_w[g, i, j])
                    on = 1.0 if x != 0.0 or w != 0.0 else 0.0
                    x, w = x + on * yields * pull_x, w + on * yields * pull_w
                    size = math.sqrt(x * x + w * w)
                    x_out[g, i, j] = x / size if size > 1e-9 else 0.0
                    w_out[g, i, j] = w / size if size > 1e-9 else 0.0


@kernel
def passes(sent, taken, x, w, i, j, ii, jj, rise_x, rise_w, stair):
    """Return what passes from cell (i, j) to (ii, jj), persons m-1 s-1, of what is sent and taken on the level.

    Each goes by the speed on its slope of who heads along (x, w): `decide.pace_on`.
    """
    sends = sent * pace_on(x * rise_x[i, j] + w * rise_w[i, j], stair[i, j])
    return min(sends, taken * pace_on(x * rise_x[ii, jj] + w * rise_w[ii, jj], stair[ii, jj]))


@kernel(parallel=True)
def cross(
    right_out, down_out, total, walking, to_x, to_w, blocked, share, uneven, rise_x, rise_w, stair, free, full, most
):
    """Fill the flows through the faces between cells, persons m-1 s-1, by group: right_out (group, ny, nx), down_out likewise.

    Face (i, j) of right_out lies between columns j and j + 1, of down_out between rows i and i + 1; flows are positive to the right
    and down. total (ny, nx), walking (group, ny, nx) persons/m2; to_x, to_w (group, ny, nx) where a group heads; share (ny, nx): of a
    cell's width that is open to those who come in; rise_x, rise_w (ny, nx) m up a metre to the right and down, stair (ny, nx): steps,
    uneven (ny, nx): any of these.
    A face lets through the smaller of what the cell behind sends and the cell before takes, each by the speed on its slope.
    """
    groups, ny, nx = walking.shape
    for line in nb.prange(ny):
        i = np.int64(line)
        for j in range(nx):
            here = total[i, j]
            for g in range(groups):
                right_out[g, i, j] = down_out[g, i, j] = 0.0
            if blocked[i, j]:
                continue
            sent, taken = offered(here, free, full, most)
            for side in range(2):
                ii, jj = i + side, j + 1 - side
                if ii >= ny or jj >= nx or blocked[ii, jj] or (here <= 0.0 and total[ii, jj] <= 0.0):
                    continue
                there = total[ii, jj]
                sends, takes = offered(there, free, full, most)
                on, back = min(sent, takes * share[ii, jj]), min(sends, taken * share[i, j])
                slow = uneven[i, j] or uneven[ii, jj]
                for g in range(groups):
                    flow = 0.0
                    if walking[g, i, j] > 0.0:
                        x, w = to_x[g, i, j], to_w[g, i, j]
                        if slow:
                            on = passes(sent, takes * share[ii, jj], x, w, i, j, ii, jj, rise_x, rise_w, stair)
                        flow += max(x if side == 0 else w, 0.0) * on * walking[g, i, j] / here
                    if walking[g, ii, jj] > 0.0:
                        x, w = to_x[g, ii, jj], to_w[g, ii, jj]
                        if slow:
                            back = passes(sends, taken * share[i, j], x, w, ii, jj, i, j, rise_x, rise_w, stair)
                        flow += min(x if side == 0 else w, 0.0) * back * walking[g, ii, jj] / there
                    if side == 0:
                        right_out[g, i, j] = flow
                    else:
                        down_out[g, i, j] = flow


@kernel(parallel=True)
def shares(give_out, take_out, right, down, total, walking, ratio):
    """Fill which share of its outflow a cell can give, and of all inflow it can take up to JAM; both (ny, nx), 0..1.

    give_out (group, ny, nx) is by group; ratio: seconds over cell side, s m-1.
    """
    groups, ny, nx = walking.shape
    for i in nb.prange(ny):
        for j in range(nx):
            came = 0.0
            for g in range(groups):
                out = max(right[g, i, j], 0.0) + max(down[g, i, j], 0.0)
                if j > 0:
                    out += max(-right[g, i, j - 1], 0.0)
                    came += max(right[g, i, j - 1], 0.0)
                if i > 0:
                    out += max(-down[g, i - 1, j], 0.0)
                    came += max(down[g, i - 1, j], 0.0)
                came += max(-right[g, i, j], 0.0) + max(-down[g, i, j], 0.0)
                out *= ratio
                give_out[g, i, j] = min(walking[g, i, j] / out, 1.0) if out > 0.0 else 1.0
            came *= ratio
            take_out[i, j] = min(max(JAM - total[i, j], 0.0) / came, 1.0) if came > 0.0 else 1.0


@kernel(parallel=True)
def move(walking_out, right, down, give, take, ratio):
    """Add to walking_out (group, ny, nx) what crosses the faces in one step; nobody is made or lost between two cells."""
    groups, ny, nx = walking_out.shape
    for i in nb.prange(ny):
        for j in range(nx):
            for g in range(groups):
                net = 0.0
                q = right[g, i, j]
                if q != 0.0:
                    net -= q * (give[g, i, j] * take[i, j + 1] if q > 0.0 else give[g, i, j + 1] * take[i, j])
                q = down[g, i, j]
                if q != 0.0:
                    net -= q * (give[g, i, j] * take[i + 1, j] if q > 0.0 else give[g, i + 1, j] * take[i, j])
                if j > 0 and right[g, i, j - 1] != 0.0:
                    q = right[g, i, j - 1]
                    net += q * (give[g, i, j - 1] * take[i, j] if q > 0.0 else give[g, i, j] * take[i, j - 1])
                if i > 0 and down[g, i - 1, j] != 0.0:
                    q = down[g, i - 1, j]
                    net += q * (give[g, i - 1, j] * take[i, j] if q > 0.0 else give[g, i, j] * take[i - 1, j])
                if net != 0.0:
                    walking_out[g, i, j] = max(walking_out[g, i, j] + ratio * net, 0.0)
