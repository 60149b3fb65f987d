"""What the fine terrain says about a coarse cell and a coarse face: storage, sill, wet area and conveyance.

Cell: `storage` sorts the open fine beds. With k of m beds under water the mean depth over the open area is
h = (k level - sum of those beds) / m, so level and water are tied by straight pieces without any loss
(Casulli 2009, doi:10.1002/fld.1896).

Sill: every coarse cell has a *hub*, the lowest of the fine cells that reach its four sides best, and a *reach*, the fine cells
between which and the hub no ground stands higher than the higher of the two. A face opens at the lowest level that joins the
reaches of its two cells: over all paths through fine cells of the two, the smallest of the highest beds on the path. As paths
of neighbouring faces meet in a hub, water never passes where the fine terrain would not let it: walls hold whatever their
width and direction. On a slope the reach goes down to the lowest row, so no wedge of water is held that would run off.
The price: what a wall cuts off from the hub shares its level with the whole cell.

Face: the momentum equation is integrated from one centre to the next over the fine cross-sections between them (as far as the
ground around the hubs reaches). Discharge is the same through all of them, so areas add as resistances in series do and
friction slopes add:

    A = m / sum(1 / A_s)        1 / K^2 = mean(1 / K_s^2)        A_s = sum(d w)        K_s = sum(d^(5/3) w / n)

d is the depth of the section less the rise of the *higher* bed of the two fine cells that meet in it above the lowest such
bed, w the fine cell. A section is as deep as the level over the sill makes it, but at least FILM times the depth over the
sill: a slope that rises above the level at the face carries a film of water, and with this part of the depth on its upper
half the two together carry what a film of even depth does (FILM^(-10/3) = 2).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import inverse_cube_root
from twin.jit import kernel

FIRST_M = 0.01
NODES = 13  # depths over the sill at which faces are tabulated, m: 0, FIRST_M * (1, 2, 4, ... 2048); straight on above
CLIFF = 0.3  # ground hangs together where it rises less than this per metre from one fine cell to the next
FILM = 0.5**0.3  # of the depth over the sill stands at least on sections that rise above it
FAR_M = 10.0  # a side of the cell that is reached only this far above the lowest bed counts as not reached


@kernel(parallel=True)
def storage(beds_out, full_out, count_out, z, blocked, factor):
    """Sort each coarse cell's open beds, m, and give the mean depth over open area, m, at which the level reaches each.

    `beds_out`, `full_out` (ny, nx, factor^2 + 1) are infinite beyond the `count_out` (ny, nx) open ones; `z`, `blocked` are fine.
    """
    ny, nx = count_out.shape
    for i in prange(ny):
        for j in range(nx):
            beds_out[i, j] = np.inf
            full_out[i, j] = np.inf
            count = 0
            for r in range(i * factor, (i + 1) * factor):
                for c in range(j * factor, (j + 1) * factor):
                    if not blocked[r, c]:
                        k = count
                        while k > 0 and beds_out[i, j, k - 1] > z[r, c]:
                            beds_out[i, j, k] = beds_out[i, j, k - 1]
                            k -= 1
                        beds_out[i, j, k] = z[r, c]
                        count += 1
            count_out[i, j] = count
            below = 0.0
            for k in range(count):
                full_out[i, j, k] = (k * beds_out[i, j, k] - below) / count
                below += beds_out[i, j, k]


@kernel
def spread(level_out, z, row, col):
    """Lower each level to the lowest at which water comes from a neighbour, until nothing changes: max(bed, level there).

    `level_out` (rows + 2, columns + 2) covers the fine cells from (row, col) and a margin that stays infinite; it starts
    infinite except at the sources.
    """
    rows, columns = level_out.shape[0] - 2, level_out.shape[1] - 2
    changed = True
    while changed:
        changed = False
        for r in range(1, rows + 1):
            for c in range(1, columns + 1):
                changed |= lower(level_out, z, row, col, r, c)
        if not changed:
            break
        changed = False
        for r in range(rows, 0, -1):
            for c in range(columns, 0, -1):
                changed |= lower(level_out, z, row, col, r, c)


@kernel(inline=True)
def lower(level_out, z, row, col, r, c):
    """Lower the level of one cell as its neighbours allow; return whether it changed."""
    here = level_out[r, c]
    around = min(min(level_out[r, c - 1], level_out[r, c + 1]), min(level_out[r - 1, c], level_out[r + 1, c]))
    best = max(around, z[row + r - 1, col + c - 1])
    if best < here:
        level_out[r, c] = best
        return True
    return False


@kernel
def join(joined_out, level_scratch, z, row, col, hub_row, hub_col):
    """Mark the reach of a hub: the fine cells of its coarse cell that no higher ground than they and it parts from it."""
    factor = level_scratch.shape[0] - 2
    level_scratch[:] = np.inf
    hub_bed = z[row + hub_row, col + hub_col]
    level_scratch[hub_row + 1, hub_col + 1] = hub_bed
    spread(level_scratch, z, row, col)
    for r in range(factor):
        for c in range(factor):
            bed = z[row + r, col + c]
            joined_out[row + r, col + c] = level_scratch[r + 1, c + 1] <= max(bed, hub_bed)


@kernel(parallel=True)
def hubs(hub_out, joined_out, z, factor, fine_m):
    """Find each coarse cell's hub: `hub_out` (ny, nx, 6) gets its row and column in the cell, and the first and last row and
    column of the ground that hangs together with it. `joined_out` marks the fine cells of its reach. `z` is fine.
    """  # fmt: skip
    ny, nx = hub_out.shape[:2]
    for i in prange(ny):
        level = np.empty((factor + 2, factor + 2))
        total = np.empty((factor, factor))
        for j in range(nx):
            row, col = i * factor, j * factor
            lowest = z[row : row + factor, col : col + factor].min()
            total[:] = 0.0
            for side in range(4):
                level[:] = np.inf
                for k in range(factor):
                    r, c = (k, 0 if side == 0 else factor - 1) if side < 2 else (0 if side == 2 else factor - 1, k)
                    level[r + 1, c + 1] = z[row + r, col + c]
                spread(level, z, row, col)
                for r in range(factor):
                    for c in range(factor):
                        total[r, c] += min(level[r + 1, c + 1] - lowest, FAR_M)
            hub_row, hub_col = 0, 0
            for r in range(factor):
                for c in range(factor):
                    best, found = total[hub_row, hub_col], total[r, c]
                    if found < best or (found == best and z[row + r, col + c] < z[row + hub_row, col + hub_col]):
                        hub_row, hub_col = r, c
            hub_out[i, j, 0] = hub_row
            hub_out[i, j, 1] = hub_col
            join(joined_out, level, z, row, col, hub_row, hub_col)
            ground(hub_out[i, j], total, z, row, col, CLIFF * fine_m)


@kernel
def ground(hub_out, reached_scratch, z, row, col, step):
    """Write the extent of the ground that hangs together with a hub: no step from cell to cell is higher than `step`, m."""
    factor = reached_scratch.shape[0]
    reached_scratch[:] = 0.0
    reached_scratch[hub_out[0], hub_out[1]] = 1.0
    hub_out[2] = hub_out[3] = hub_out[0]
    hub_out[4] = hub_out[5] = hub_out[1]
    changed = True
    while changed:
        changed = False
        for r in range(factor):
            for c in range(factor):
                if reached_scratch[r, c] == 0.0:
                    here = z[row + r, col + c]
                    if (
                        (c > 0 and reached_scratch[r, c - 1] > 0.0 and abs(here - z[row + r, col + c - 1]) <= step)
                        or (
                            c + 1 < factor
                            and reached_scratch[r, c + 1] > 0.0
                            and abs(here - z[row + r, col + c + 1]) <= step
                        )
                        or (r > 0 and reached_scratch[r - 1, c] > 0.0 and abs(here - z[row + r - 1, col + c]) <= step)
                        or (
                            r + 1 < factor
                            and reached_scratch[r + 1, c] > 0.0
                            and abs(here - z[row + r + 1, col + c]) <= step
                        )
                    ):
                        reached_scratch[r, c] = 1.0
                        changed = True
                        hub_out[2], hub_out[3] = min(hub_out[2], r), max(hub_out[3], r)
                        hub_out[4], hub_out[5] = min(hub_out[4], c), max(hub_out[5], c)


@kernel
def lowest_way(path_scratch, z, joined, row, col):
    """Return the lowest level that joins the reaches of two coarse cells side by side, the first from (row, col) on.

    Where the lowest of all crossings lies between fine cells of both reaches, it is that; else every path is looked at.
    """
    factor = path_scratch.shape[0] - 2
    edge = col + factor
    crossing, reached = np.inf, np.inf
    for r in range(row, row + factor):
        higher = max(z[r, edge - 1], z[r, edge])
        crossing = min(crossing, higher)
        if joined[r, edge - 1] and joined[r, edge]:
            reached = min(reached, higher)
    if reached == crossing:
        return crossing
    path_scratch[:] = np.inf
    for r in range(factor):
        for c in range(factor):
            if joined[row + r, col + c]:
                path_scratch[r + 1, c + 1] = z[row + r, col + c]
    spread(path_scratch, z, row, col)
    sill = np.inf
    for r in range(factor):
        for c in range(factor, 2 * factor):
            if joined[row + r, col + c]:
                sill = min(sill, path_scratch[r + 1, c + 1])
    return sill


@kernel
def section(area_out, carry_out, deep, over, smooth):
    """Add to wet area and conveyance per fine cell what one pair of fine cells passes, its section being `deep` metres deep.

    The pair's higher bed stands `over` metres above the lowest of the section; `smooth` = 1 / n.
    """
    for k in range(deep.size):
        d = max(deep[k] - over, 0.0)
        area_out[k] += d
        carry_out[k] += smooth * d * d * inverse_cube_root(max(d, 1e-9))


@kernel
def add_up(thin_out, rough_out, area, carry):
    """Add one section to the sums of 1 / A and 1 / K^2."""
    for k in range(area.size):
        thin_out[k] += 1.0 / area[k]
        rough_out[k] += 1.0 / (carry[k] * carry[k])


@kernel(parallel=True)
def conveyance(sill_out, table_out, z, n, hub, joined, factor, fine_m):
    """Tabulate the faces between coarse columns: sill (m), and over it wet area (m2) and conveyance^(3/5).

    K^(3/5) is a straight line in the depth over a flat section, so straight pieces in it lose nothing there. `sill_out`
    (ny, nx), `table_out` (ny, nx, NODES, 2): face j joins columns j - 1 and j, face 0 is left alone. `z`, `n` are fine,
    `hub` (ny, nx, 6) and `joined` as of `hubs`; for the faces between rows give all with rows and columns exchanged.
    """
    ny, nx = hub.shape[:2]
    half = (factor - 1) // 2
    for i in prange(ny):
        path = np.empty((factor + 2, 2 * factor + 2))
        x = FIRST_M * 2.0 ** np.arange(NODES - 1)
        deep, sums = np.empty(x.size), np.empty((4, x.size))
        area, carry, thin, rough = sums[0], sums[1], sums[2], sums[3]
        row = i * factor
        for j in range(1, nx):
            col = (j - 1) * factor
            here, there = hub[i, j - 1], hub[i, j]
            sill = lowest_way(path, z, joined, row, col)
            first = col + min(max(factor - half - 1, here[4]), here[5])
            last = col + factor + min(max(half, there[4]), there[5])
            sums[2:] = 0.0
            for c in range(first, last):
                sums[:2] = 0.0
                lowest = np.inf
                for r in range(row, row + factor):
                    lowest = min(lowest, max(z[r, c], z[r, c + 1]))
                for k in range(x.size):
                    deep[k] = max(x[k] + sill - lowest, FILM * x[k])
                for r in range(row, row + factor):
                    section(area, carry, deep, max(z[r, c], z[r, c + 1]) - lowest, 2.0 / (n[r, c] + n[r, c + 1]))
                add_up(thin, rough, area, carry)
            sill_out[i, j] = sill
            table_out[i, j, 0, 0] = 0.0
            table_out[i, j, 0, 1] = 0.0
            for k in range(x.size):
                table_out[i, j, k + 1, 0] = (last - first) / thin[k] * fine_m
                table_out[i, j, k + 1, 1] = np.float32(math.sqrt((last - first) / rough[k]) * fine_m) ** np.float32(0.6)
