"""The arrays of the subgrid scheme.

Everything is one flat row of cells, `width` = nx + 1 to a raster row (one blocked cell parts two rows), one blocked row before
the first and three after the last. Face c of direction d joins the cells c - stride[d] and c, stride = (1, width). So every
loop is long, has no index arithmetic, and is vectorised whatever the shape of the raster.
"""

from __future__ import annotations

from typing import Any, NamedTuple

BLOCK = 2048  # cells handled at a time: their scratch rows stay in the first-level cache


class Faces(NamedTuple):
    """The faces of both directions, (2, size) each; `table` (2, size, NODES, 2) is that of `conveyance`."""

    q: Any  # discharge towards +column / +row, m3/s
    raw: Any  # the same before cells share what they hold
    sill: Any  # lowest level that joins the two cells, m
    table: Any
    piece: Any  # index of the piece of the table on which the face stands: A = breadth (x + lift), K^(3/5) = r0 + r1 x
    lift: Any
    breadth: Any
    r0: Any
    r1: Any


class Cells(NamedTuple):
    """The cells, (size,) each; `beds` and `full` are those of `storage`."""

    h: Any  # water over open area, m
    highest: Any
    source: Any  # m/s over the open area
    area: Any  # open area, m2
    per_area: Any  # 1 / area, 0 in a blocked cell
    level: Any  # m
    wet: Any  # number of fine cells under water
    low: Any  # for low <= h < high the level is base + rise (h - low)
    high: Any
    base: Any
    rise: Any
    beds: Any  # (size, factor^2 + 1)
    full: Any


class Rim(NamedTuple):
    """The faces of open sides, (m,) each: direction, face, rim cell, the cell inside it, and +1 where q > 0 leaves."""

    direction: Any
    face: Any
    cell: Any
    inside: Any
    sign: Any
    sill: Any
    table: Any  # (m, NODES, 2)


class Held(NamedTuple):
    """Cells that keep their level, (m,) each."""

    cell: Any
    h: Any
    swallows: Any  # what reaches it has left over the rim


class Scratch(NamedTuple):
    """Scratch rows of each band of cells; `words` is the memory of `left`, eight at a time."""

    share: Any  # (bands, size): what a cell can give, m3, then the share of the wanted outflow that leaves
    x: Any  # (bands, BLOCK)
    left: Any  # (bands, BLOCK) uint8
    words: Any  # (bands, BLOCK / 8 + 1) int64
    moved: Any  # (bands, BLOCK + 8) int32
    deepest: Any  # (bands,) int32
