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

    1 / A^(10/3) = mean(1 / A_s^(10/3))        1 / K^2 = mean(1 / K_s^2)        A_s = sum(d w)        K_s = sum(d^(5/3) w / n)

d is the depth of the section less the rise of the *higher* bed of the two fine cells that meet in it above the lowest such
bed, w the fine cell. A section is as deep as the level over the sill makes it, but at least FILM times the depth over the
sill: a slope that rises above the level at the face carries a film of water, and with this part of the depth on its upper
half the two together carry what a film of even depth does (FILM^(-10/3) = 2).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import inverse_cube_root, inverse_fifth_root
from twin.jit import kernel

FIRST_M = 0.01
LANES = 64  # coarse cells or faces whose paths are searched side by side: the innermost loop, which LLVM vectorises
NODES = 13  # depths over the sill at which faces are tabulated, m: 0, FIRST_M * (1, 2, 4, ... 2048); straight on above
STARTS = np.append(
    0.0, FIRST_M * 2.0 ** np.arange(NODES - 1)
)  # where the pieces of a face's table begin, m over the sill
PER_M = 1.0 / np.diff(STARTS)
WORDS = 16  # NODES - 1, rounded up to whole vectors
CLIFF = 0.3  # ground hangs together where it rises less than this per metre from one fine cell to the next
FILM = 0.5**0.3  # of the depth over the sill stands at least on sections that rise above it
FAR_M = 10.0  # a side of the cell that is reached only this far above the lowest bed counts as not reached


@kernel(inline=True)
def piece_at(x):
    """Return on which piece of its table a face stands whose depth over the sill is `x`, m: from the exponent of the float."""
    exponent = np.float32(np.float32(x) * np.float32(1.0 / FIRST_M)).view(np.int32) >> 23
    return min(max(exponent - 126, 0), NODES - 2)


@kernel(parallel=True)
def storage(beds_out, full_out, count_out, z, blocked, factor):
    """Sort each coarse cell's open beds, m, and give the mean depth over open area, m, at which the level reaches each.

    `beds_out`, `full_out` (ny, nx, factor^2 + 1) are infinite beyond the `count_out` (ny, nx) open ones; `z`, `blocked` are fine.
    """
    ny, nx = count_out.shape
    lanes = min(nx, LANES)
    for i in prange(ny):
        bed = np.empty((factor * factor, lanes), z.dtype)
        for start in range(0, nx, lanes):
            first = min(start, nx - lanes)  # the last lanes may be done twice
            for r in range(factor):
                for k in range(lanes):
                    for c in range(factor):
                        row, col = i * factor + r, (first + k) * factor + c
                        bed[r * factor + c, k] = np.inf if blocked[row, col] else z[row, col]
            sort(bed)
            for k in range(lanes):
                beds, full = beds_out[i, first + k], full_out[i, first + k]
                count, below = 0, 0.0
                while count < bed.shape[0] and bed[count, k] < np.inf:
                    beds[count] = bed[count, k]
                    count += 1
                for m in range(count):
                    full[m] = (m * beds[m] - below) / count
                    below += beds[m]
                beds[count:] = np.inf
                full[count:] = np.inf
                count_out[i, first + k] = count


@kernel
def sort(values):
    """Sort each column in place, smallest first: odd-even transposition, whose comparisons are the same for all columns."""
    rows, lanes = values.shape
    for turn in range(rows):
        for m in range(turn % 2, rows - 1, 2):
            for k in range(lanes):
                a, b = values[m, k], values[m + 1, k]
                values[m, k] = min(a, b)
                values[m + 1, k] = max(a, b)


@kernel
def take(bed_out, z, row, col, step):
    """Write fine beds side by side: lane k of `bed_out` (rows + 2, columns + 2, lanes) starts at (row, col + k step).

    The margin is infinite.
    """
    rows, columns, lanes = bed_out.shape[0] - 2, bed_out.shape[1] - 2, bed_out.shape[2]
    bed_out[:] = np.inf
    for r in range(rows):
        for k in range(lanes):
            for c in range(columns):
                bed_out[r + 1, c + 1, k] = z[row + r, col + k * step + c]


@kernel
def spread(level_out, bed):
    """Lower each level to the lowest at which water comes from a neighbour, until nothing changes: max(bed, level there).

    Both (rows + 2, columns + 2, lanes) with a margin that stays infinite; levels start infinite except at the sources.
    """
    rows, columns, lanes = bed.shape
    changed = True
    while changed:
        changed = False
        for r in range(1, rows - 1):
            for c in range(1, columns - 1):
                changed |= lower(level_out, bed, r, c, lanes)
        if not changed:
            break
        changed = False
        for r in range(rows - 2, 0, -1):
            for c in range(columns - 2, 0, -1):
                changed |= lower(level_out, bed, r, c, lanes)


@kernel(inline=True)
def lower(level_out, bed, r, c, lanes):
    """Lower the level of one fine cell in all lanes as its neighbours allow; return whether any changed.

    No level is below its bed. A choice between the old value and a new one as the last step would become a masked store,
    which the next cell waits for.
    """
    changed = False
    for k in range(lanes):
        here = level_out[r, c, k]
        beside = min(level_out[r, c - 1, k], level_out[r, c + 1, k])
        around = min(beside, min(level_out[r - 1, c, k], level_out[r + 1, c, k]))
        best = max(bed[r, c, k], min(around, here))
        changed |= best < here
        level_out[r, c, k] = best
    return changed


@kernel
def hang(reached_out, bed, step):
    """Mark (1, else 0) the ground that hangs together with what is marked: no step from cell to cell is above `step`, m."""
    rows, columns, lanes = bed.shape
    changed = True
    while changed:
        changed = False
        for r in range(1, rows - 1):
            for c in range(1, columns - 1):
                changed |= reach(reached_out, bed, r, c, lanes, step)
        if not changed:
            break
        changed = False
        for r in range(rows - 2, 0, -1):
            for c in range(columns - 2, 0, -1):
                changed |= reach(reached_out, bed, r, c, lanes, step)


@kernel(inline=True)
def reach(reached_out, bed, r, c, lanes, step):
    """Mark one fine cell in all lanes where a marked neighbour reaches it; return whether any changed."""
    real = bed.dtype.type
    zero, most = real(0.0), real(step)
    changed = False
    for k in range(lanes):
        here, before = bed[r, c, k], reached_out[r, c, k]
        west = reached_out[r, c - 1, k] if abs(here - bed[r, c - 1, k]) <= most else zero
        east = reached_out[r, c + 1, k] if abs(here - bed[r, c + 1, k]) <= most else zero
        north = reached_out[r - 1, c, k] if abs(here - bed[r - 1, c, k]) <= most else zero
        south = reached_out[r + 1, c, k] if abs(here - bed[r + 1, c, k]) <= most else zero
        found = max(max(west, east), max(max(north, south), before))
        changed |= found > before
        reached_out[r, c, k] = found
    return changed


@kernel
def distance(total_out, level_scratch, bed):
    """Write, summed over the four sides, how far above the lowest bed of its coarse cell each fine cell is reached, m.

    A side counts for FAR_M at most.
    """
    factor, lanes = bed.shape[0] - 2, bed.shape[2]
    lowest = np.full(lanes, np.inf, bed.dtype)
    far = bed.dtype.type(FAR_M)
    for r in range(1, factor + 1):
        for c in range(1, factor + 1):
            for k in range(lanes):
                lowest[k] = min(lowest[k], bed[r, c, k])
    total_out[:] = 0.0
    for side in range(4):
        level_scratch[:] = np.inf
        for m in range(1, factor + 1):
            r, c = (m, 1 if side == 0 else factor) if side < 2 else (1 if side == 2 else factor, m)
            level_scratch[r, c] = bed[r, c]
        spread(level_scratch, bed)
        for r in range(1, factor + 1):
            for c in range(1, factor + 1):
                for k in range(lanes):
                    total_out[r, c, k] += min(level_scratch[r, c, k] - lowest[k], far)


@kernel(parallel=True)
def hubs(hub_out, joined_out, z, factor, fine_m):
    """Find each coarse cell's hub: `hub_out` (ny, nx, 6) gets its row and column in the cell, and the first and last row and
    column of the ground that hangs together with it. `joined_out` marks the fine cells of its reach: those that no higher
    ground than they and it parts from it. `z` is fine.
    """  # fmt: skip
    ny, nx = hub_out.shape[:2]
    lanes = min(nx, LANES)
    for i in prange(ny):
        bed = np.empty((factor + 2, factor + 2, lanes), z.dtype)
        level, total = np.empty_like(bed), np.empty_like(bed)
        place, best, best_bed = np.empty(lanes, np.int32), np.empty(lanes, z.dtype), np.empty(lanes, z.dtype)
        row = i * factor
        for start in range(0, nx, lanes):
            first = min(start, nx - lanes)  # the last lanes may be done twice
            take(bed, z, row, first * factor, factor)
            distance(total, level, bed)
            choose(place, best, best_bed, total, bed)
            level[:] = np.inf
            total[:] = 0.0
            for k in range(lanes):
                r, c = place[k] // factor, place[k] % factor
                hub_out[i, first + k, 0], hub_out[i, first + k, 1] = r, c
                level[r + 1, c + 1, k] = best_bed[k]
                total[r + 1, c + 1, k] = 1.0
            spread(level, bed)
            for r in range(factor):
                for k in range(lanes):
                    for c in range(factor):
                        joined = level[r + 1, c + 1, k] <= max(bed[r + 1, c + 1, k], best_bed[k])
                        joined_out[row + r, (first + k) * factor + c] = joined
            hang(total, bed, CLIFF * fine_m)
            extent(hub_out, i, first, total)


@kernel
def choose(place_out, best_out, bed_out, total, bed):
    """Find where `total` is least, of equals where the bed is lower: number of the fine cell in its coarse cell, `total`, bed."""
    factor, lanes = bed.shape[0] - 2, place_out.size
    best_out[:] = np.inf
    bed_out[:] = np.inf
    for r in range(factor):
        for c in range(factor):
            for k in range(lanes):
                found, here = total[r + 1, c + 1, k], bed[r + 1, c + 1, k]
                better = (found < best_out[k]) | ((found == best_out[k]) & (here < bed_out[k]))
                place_out[k] = np.int32(r * factor + c) if better else place_out[k]
                best_out[k] = found if better else best_out[k]
                bed_out[k] = here if better else bed_out[k]


@kernel
def extent(hub_out, i, first, reached):
    """Write the first and last row and column of what is reached, coarse cell by coarse cell from (i, first) on."""
    factor = reached.shape[0] - 2
    for k in range(reached.shape[2]):
        top, bottom, left, right = factor, -1, factor, -1
        for r in range(factor):
            for c in range(factor):
                if reached[r + 1, c + 1, k] > 0.0:
                    top, bottom = min(top, r), max(bottom, r)
                    left, right = min(left, c), max(right, c)
        hub = hub_out[i, first + k]
        hub[2], hub[3], hub[4], hub[5] = top, bottom, left, right


@kernel
def lowest_ways(sill_out, level_scratch, bed_scratch, z, joined, row, col):
    """Write the lowest level that joins the reaches of two coarse cells side by side, face by face.

    The first cell of face k begins at fine (row, col + k factor).
    """
    factor, lanes = bed_scratch.shape[0] - 2, sill_out.size
    take(bed_scratch, z, row, col, factor)
    level_scratch[:] = np.inf
    for r in range(factor):
        for k in range(lanes):
            for c in range(factor):
                if joined[row + r, col + k * factor + c]:
                    level_scratch[r + 1, c + 1, k] = bed_scratch[r + 1, c + 1, k]
    spread(level_scratch, bed_scratch)
    sill_out[:] = np.inf
    for r in range(factor):
        for k in range(lanes):
            for c in range(factor, 2 * factor):
                if joined[row + r, col + k * factor + c]:
                    sill_out[k] = min(sill_out[k], level_scratch[r + 1, c + 1, k])


@kernel
def section(area_out, carry_out, deep_scratch, x, sill, z, n, row, col, factor):
    """Write wet area and conveyance per fine cell of the section between fine columns `col` and `col` + 1, rows from `row` on.

    At a depth `x` over the sill it is as deep as the level makes it, at least FILM * x.
    """
    real = x.dtype.type
    zero, little, film, two = real(0.0), real(1e-9), real(FILM), real(2.0)
    lowest = real(np.inf)
    for r in range(row, row + factor):
        lowest = min(lowest, max(z[r, col], z[r, col + 1]))
    for k in range(x.size):
        area_out[k] = zero
        carry_out[k] = zero
        deep_scratch[k] = max(x[k] + (sill - lowest), film * x[k])
    for r in range(row, row + factor):
        over, smooth = max(z[r, col], z[r, col + 1]) - lowest, two / (n[r, col] + n[r, col + 1])
        for k in range(x.size):
            d = max(deep_scratch[k] - over, zero)
            area_out[k] += d
            carry_out[k] += smooth * d * d * inverse_cube_root(max(d, little))


@kernel
def add_up(thin_out, rough_out, area, carry):
    """Add one section to the sums of 1 / A^(10/3) and 1 / K^2."""
    one = area.dtype.type(1.0)
    for k in range(area.size):
        y = inverse_cube_root(area[k])
        y2 = y * y
        y4 = y2 * y2
        thin_out[k] += y4 * y4 * y2
        rough_out[k] += one / (carry[k] * carry[k])


@kernel
def through(area_out, carry_out, thin, rough, sections, fine_m):
    """Write wet area, m2, and K^(3/5) of a face from the sums of 1 / A^(10/3) and 1 / K^2 over its sections.

    (...)^(-3/10) is a fifth root times its own square root: a power function would be called number by number.
    """
    real = thin.dtype.type
    whole, wide, part = real(fine_m**0.6), real(fine_m), real(1.0 / sections)
    for k in range(thin.size):
        root = inverse_fifth_root(thin[k] * part)
        area_out[k] = root * math.sqrt(root) * wide
        root = inverse_fifth_root(rough[k] * part)
        carry_out[k] = root * math.sqrt(root) * whole


@kernel(parallel=True)
def conveyance(sill_out, table_out, z, n, hub, joined, factor, fine_m):
    """Tabulate the faces between coarse columns: sill (m), and over it wet area (m2) and conveyance^(3/5).

    K^(3/5) is a straight line in the depth over a flat section, so straight pieces in it lose nothing there. `sill_out`
    (ny, nx), `table_out` (ny, nx, NODES, 2): face j joins columns j - 1 and j, face 0 is left alone. `z`, `n` are fine,
    `hub` (ny, nx, 6) and `joined` as of `hubs`; for the faces between rows give all with rows and columns exchanged.
    """
    ny, nx = hub.shape[:2]
    half = (factor - 1) // 2
    lanes = min(nx - 1, LANES)
    for i in prange(ny):
        bed = np.empty((factor + 2, 2 * factor + 2, lanes), z.dtype)
        level, sills = np.empty_like(bed), np.empty(nx, z.dtype)
        x = (FIRST_M * 2.0 ** np.arange(WORDS)).astype(z.dtype)
        deep, sums = np.empty_like(x), np.empty((4, WORDS), z.dtype)
        area, carry, thin, rough = sums[0], sums[1], sums[2], sums[3]
        row = i * factor
        for start in range(1, nx, max(lanes, 1)):
            face = min(start, nx - lanes)  # the last lanes may be done twice
            lowest_ways(sills[face : face + lanes], level, bed, z, joined, row, (face - 1) * factor)
        for j in range(1, nx):
            col = (j - 1) * factor
            here, there = hub[i, j - 1], hub[i, j]
            sill = sills[j]
            first = col + min(max(factor - half - 1, here[4]), here[5])
            last = col + factor + min(max(half, there[4]), there[5])
            sums[2:] = 0.0
            for c in range(first, last):
                section(area, carry, deep, x, sill, z, n, row, c, factor)
                add_up(thin, rough, area, carry)
            sill_out[i, j] = sill
            table_out[i, j, 0, 0] = 0.0
            table_out[i, j, 0, 1] = 0.0
            through(area, carry, thin, rough, float(last - first), fine_m)
            for k in range(NODES - 1):
                table_out[i, j, k + 1, 0] = area[k]
                table_out[i, j, k + 1, 1] = carry[k]
