"""Water that comes in from outside a raster: inflows into cells, and what happens at the sides.

What flows holds from each time to the next, as rain does, so that its volume is exact; it is nothing before its first time.
What stands, a stage, runs straight from value to value, because a level that jumps sends in a front; before the first time
the first value stands. After the last time the last value goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The four sides of a raster; north is row 0.
SIDES = ("west", "east", "north", "south")

#: What may happen at a side.
KINDS = ("free", "stage", "flow")

#: Times or values of a series.
Numbers = Sequence[float] | NDArray[np.float64]


class Inflow(NamedTuple):
    """Water poured into one cell: flow (m3/s) holds from each time (s) to the next."""

    row: int
    col: int
    times_s: Numbers
    m3_s: Numbers


class Boundary(NamedTuple):
    """What happens at one side of the raster ("west", "east", "north" = row 0, "south"); a side without one is a wall.

    `kind` "free": water leaves under its own slope; "stage": the cells of the side keep the level `values` (m), interpolated
    between `times_s` (s); "flow": the discharge `values` (m3/s, >= 0, holds from each time to the next) enters along the side,
    shared among its cells by their conveyance h^(5/3) / n as the water stands; a dry side takes it where its bed is lowest.
    It enters as water does from a spring, without momentum, so the first cells stand somewhat deeper than the flow farther in.
    """

    side: str
    kind: str
    times_s: Numbers = (0.0,)
    values: Numbers = (0.0,)
