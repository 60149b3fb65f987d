"""The arrays of the subgrid scheme.

Everything is one flat row of cells, `width` = nx + 1 to a raster row (one blocked cell parts two rows), one blocked row before
the first and three after the last. Face c of direction d joins the cells c - stride[d] and c, stride = (1, width). So every
loop is long, has no index arithmetic, and is vectorised whatever the shape of the raster.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048  # cells handled at a time: their scratch rows stay in the first-level cache

#: float32 or float64, as the run asks.
Floats = NDArray[np.floating]


class Faces(NamedTuple):
    """The faces of both directions, (2, size) each; `table` (2, size, NODES, 2) is that of `conveyance`."""

    q: Floats  # discharge towards +column / +row, m3/s
    raw: Floats  # the same before cells share what they hold
    sill: Floats  # lowest level that joins the two cells, m
    table: Floats
    even: Floats  # conveyance^(3/5) of an even film over all open width, per metre of its depth
    piece: NDArray[
        np.int32
    ]  # index of the piece of the table on which the face stands: A = breadth (x + lift), K^(3/5) = r0 + r1 x
    lift: Floats
    breadth: Floats
    r0: Floats
    r1: Floats


class Cells(NamedTuple):
    """The cells, (size,) each; `beds` and `full` are those of `storage`."""

    h: Floats  # water over open area, m
    highest: Floats
    source: Floats  # m/s over the open area
    area: Floats  # open area, m2
    per_area: Floats  # 1 / area, 0 in a blocked cell
    level: Floats  # m
    bed_fall: Floats  # from the highest open bed to the lowest, as far as it would be from end to end of a plane, m
    wet: Floats  # number of fine cells under water
    low: Floats  # for low <= h < high the level is base + rise (h - low)
    high: Floats
    base: Floats
    rise: Floats
    beds: Floats  # (size, factor^2 + 1)
    full: Floats


class Rim(NamedTuple):
    """The faces of open sides, (m,) each: direction, face, rim cell, the cell inside it, and +1 where q > 0 leaves."""

    direction: NDArray[np.int64]
    face: NDArray[np.int64]
    cell: NDArray[np.int64]
    inside: NDArray[np.int64]
    sign: NDArray[np.int64]
    sill: Floats
    table: Floats  # (m, NODES, 2)


class Held(NamedTuple):
    """Cells that keep their level, (m,) each."""

    cell: NDArray[np.int64]
    h: Floats
    swallows: NDArray[np.bool_]  # what reaches it has left over the rim


class Scratch(NamedTuple):
    """Scratch rows of each band of cells; `words` is the memory of `left`, eight at a time."""

    share: Floats  # (bands, size): what a cell can give, m3, then the share of the wanted outflow that leaves
    x: Floats  # (bands, BLOCK), as `fall` and `thin` what `excess` writes
    fall: Floats
    thin: Floats
    left: NDArray[np.uint8]  # (bands, BLOCK) uint8
    words: NDArray[np.int64]  # (bands, BLOCK / 8 + 1) int64
    moved: NDArray[np.int32]  # (bands, BLOCK + 8) int32
    deepest: NDArray[np.int32]  # (bands,) int32
