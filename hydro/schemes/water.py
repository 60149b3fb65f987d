"""What every scheme that moves water can do: what drains, soil and works know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: float32 or float64, as the run asks.
Array = NDArray[np.floating]


class Water(Protocol):
    """Water on a bed (ny, nx), row 0 in the north; `n` is Manning's n (s m-1/3), `source` the water added (m/s, >= 0).

    Flow is per width and towards +column and +row, m2/s; volumes are m3.
    """

    name: ClassVar[str]

    @property
    def n(self) -> Array:
        """Roughness of the cells."""
        ...

    @property
    def source(self) -> Array:
        """What each cell is given now; set it with `feed`."""
        ...

    @property
    def booked(self) -> dict[str, float]:
        """What held cells took and gave, and what left over the rim: `into_held`, `out_of_held`, `over_rim`."""
        ...

    def depth(self) -> Array:
        """Return the depth now, m; what is changed in it counts once `wake` was called. Ask anew after each `advance`."""
        ...

    def highest_depth(self) -> Array:
        """Return the highest depth since the start, m."""
        ...

    def flow(self) -> tuple[Array, Array]:
        """Return the flow at the centres of cells."""
        ...

    def volume(self) -> float:
        """Return the water on the ground outside held cells."""
        ...

    def fill(self, depth: ArrayLike) -> None:
        """Put water on the ground, m; not booked."""
        ...

    def feed(self, source: ArrayLike) -> None:
        """Set the water added from now on."""
        ...

    def wake(self, row: ArrayLike | None = None, col: ArrayLike | None = None) -> None:
        """Tell the scheme that the depth was changed from outside: in these cells, or anywhere."""
        ...

    def hold(self, row: ArrayLike, col: ArrayLike, level: ArrayLike) -> None:
        """Let these cells keep `level` (m); a level of -inf swallows what reaches them, as an open rim does."""
        ...

    def open(self, side: str) -> None:
        """Let water leave freely over one side of the raster."""
        ...

    def set_bed(self, z: ArrayLike) -> None:
        """Change the bed (m); depths are kept, so no water is made."""
        ...

    def advance(self, seconds: float, t: float = 0.0) -> int:
        """Advance from `t` (s) by `seconds` and return the number of steps; raises NumericsError when a step collapses."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return what a later run needs to go on bit for bit."""
        ...

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` returned."""
        ...
