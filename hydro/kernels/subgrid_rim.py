"""Water that leaves the coarse cells of the subgrid scheme over an open rim."""

from __future__ import annotations

import math

from hydro.kernels.floats import DROP, DRY_M, GRAVITY
from hydro.kernels.subgrid_tables import NODES, PER_M, STARTS, piece_at
from twin.jit import kernel


@kernel
def film_depth(table, carry):
    """Return the depth over the sill, m, at which the table (NODES, 2) of a face has this conveyance^(3/5)."""
    k = 0
    while k + 2 < NODES and table[k + 1, 1] < carry:
        k += 1
    return STARTS[k] + (carry - table[k, 1]) / ((table[k + 1, 1] - table[k, 1]) * PER_M[k])


@kernel
def over_rim(f, cells, rim, dt, dx, reach):
    """Let water leave over open sides at normal flow: the level falls on beyond the rim as it does before it.

    At least as one in a thousand, so that a level pool drains too; nothing comes in. Depth, fall and limit are those of a face.
    """
    for m in range(rim.face.size):
        d, face, c = rim.direction[m], rim.face[m], rim.cell[m]
        high, table = cells.level[c] - rim.sill[m], rim.table[m]
        fall = min(max(cells.level[rim.inside[m]] - cells.level[c], 0.0), 2.0 * cells.h[c] + cells.bed_fall[c])
        even = (table[NODES - 1, 1] - table[NODES - 2, 1]) * PER_M[NODES - 2]
        pool = 2.0 / 3.0 * high
        read = max(high - reach * fall, pool)
        base = min(read, film_depth(table, even * cells.h[c]))
        x = base + (read - base) * min(max(high - fall, 0.0) / max(pool, DRY_M), 1.0)
        if x > DRY_M:
            k = piece_at(x)
            a0, r0 = table[k, 0], table[k, 1]
            a1, r1 = (table[k + 1, 0] - a0) * PER_M[k], (table[k + 1, 1] - r0) * PER_M[k]
            area, carry = a0 + a1 * (x - STARTS[k]), (r0 + r1 * (x - STARTS[k])) ** (5.0 / 3.0)
            slope = max(fall / dx, 1e-3)
            thin = DROP * min(fall, cells.bed_fall[c]) * max(pool - x, 0.0) / pool
            old = max(rim.sign[m] * f.q[d, face], 0.0)
            push = GRAVITY * dt * area
            driven = old + push * slope
            new = 2.0 * driven / (1.0 + math.sqrt(1.0 + 4.0 * push * driven / (carry * carry)))
            new = min(new, area * math.sqrt(GRAVITY * max(area / a1, thin)))
            f.raw[d, face] = rim.sign[m] * new
        else:
            f.raw[d, face] = 0.0
