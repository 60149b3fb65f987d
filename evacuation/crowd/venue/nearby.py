"""Which lines of a plan are near each square of the venue, so that kernels need not look at all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.grid import Grid


def lines_by_cell(
    grid: Grid, line: NDArray[np.float64], size_m: float, reach_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    """Return which lines (line, 4), x0, w0, x1, w1, are within `reach_m` of each square of `size_m`, and how many squares a row has.

    The first two are `start` and `near`: those of square k are `near[start[k] : start[k + 1]]`,
    k = row x columns + column, from the corner of `grid` on.
    """
    columns = int(np.ceil(grid.nx * grid.cell_m / size_m)) + 1
    rows = int(np.ceil(grid.ny * grid.cell_m / size_m)) + 1
    cells, lines = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    reach = reach_m + size_m * np.sqrt(0.5)
    for s, (x0, w0, x1, w1) in enumerate(line):
        c = np.arange(
            max(int((min(x0, x1) - reach) / size_m), 0), min(int((max(x0, x1) + reach) / size_m) + 1, columns)
        )
        r = np.arange(max(int((min(w0, w1) - reach) / size_m), 0), min(int((max(w0, w1) + reach) / size_m) + 1, rows))[
            :, None
        ]
        xx, ww = (c + 0.5) * size_m, (r + 0.5) * size_m
        length = (x1 - x0) ** 2 + (w1 - w0) ** 2
        along = np.clip(((xx - x0) * (x1 - x0) + (ww - w0) * (w1 - w0)) / length, 0.0, 1.0)
        near = np.hypot(xx - x0 - along * (x1 - x0), ww - w0 - along * (w1 - w0)) <= reach
        hit = np.broadcast_to(r * columns + c, near.shape)[near]
        cells.append(hit)
        lines.append(np.full(len(hit), s, np.int32))
    cell, of = np.concatenate(cells), np.concatenate(lines)
    order = np.lexsort((of, cell))
    return np.searchsorted(cell[order], np.arange(columns * rows + 1)), of[order], columns
