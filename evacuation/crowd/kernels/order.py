"""People in the order of their cells, and one copied from arrays to arrays."""

from __future__ import annotations

from twin.jit import kernel


@kernel(bare=True)
def copy(bodies_out, i, bodies, j):
    """Write person `j` of `bodies` as person `i`."""
    bodies_out.x[i], bodies_out.w[i] = bodies.x[j], bodies.w[j]
    bodies_out.vx[i], bodies_out.vw[i] = bodies.vx[j], bodies.vw[j]
    bodies_out.broad[i], bodies_out.deep[i] = bodies.broad[j], bodies.deep[j]
    bodies_out.face_x[i], bodies_out.face_w[i] = bodies.face_x[j], bodies.face_w[j]
    bodies_out.free[i], bodies_out.out[i] = bodies.free[j], bodies.out[j]
    bodies_out.group[i], bodies_out.leaves[i] = bodies.group[j], bodies.leaves[j]
    bodies_out.party[i], bodies_out.crush[i] = bodies.party[j], bodies.crush[j]
    bodies_out.number[i], bodies_out.passed[i] = bodies.number[j], bodies.passed[j]
    bodies_out.waits[i], bodies_out.touching[i] = bodies.waits[j], bodies.touching[j]
    bodies_out.load[i], bodies_out.dose[i] = bodies.load[j], bodies.dose[j]


@kernel(bare=True)
def sort_by_cell(bodies_out, start_out, order_scratch, bodies, n, floor):
    """Write the first `n` people by cell (row by row) and where each cell starts; return -1, or who stands outside the raster.

    People of one cell keep their order. `start_out` (cells + 1,): cell k holds people start[k] to start[k + 1].
    `order_scratch`: see `Order`.
    """
    column, row = order_scratch.column, order_scratch.row
    for i in range(n):
        column[i], row[i] = int(bodies.x[i] / floor.size), int(bodies.w[i] / floor.size)
        if not (bodies.x[i] >= 0.0 and bodies.w[i] >= 0.0 and column[i] < floor.columns and row[i] < floor.rows):
            return i
        order_scratch.by_row[i] = i
    by_key(order_scratch.by_column, order_scratch.first, column, order_scratch.by_row, n)
    by_key(order_scratch.by_row, order_scratch.first, row, order_scratch.by_column, n)
    begun = 0
    for i in range(n):
        j = order_scratch.by_row[i]
        copy(bodies_out, i, bodies, j)
        cell = row[j] * floor.columns + column[j]
        if cell >= begun:
            start_out[begun : cell + 1] = i
            begun = cell + 1
    start_out[begun:] = n
    return -1


@kernel(bare=True)
def by_key(order_out, first_scratch, key, order, n):
    """Write the first `n` of `order` by their keys; those of one key keep their order. `first_scratch`: one more than keys."""
    first_scratch[:] = 0
    for i in range(n):
        first_scratch[key[i] + 1] += 1
    for k in range(first_scratch.size - 1):
        first_scratch[k + 1] += first_scratch[k]
    for i in range(n):
        j = order[i]
        order_out[first_scratch[key[j]]] = j
        first_scratch[key[j]] += 1
