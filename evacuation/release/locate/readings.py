"""Readings of gas detectors with the wind of their moments, and what a source at any place would have them read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import footprints
from evacuation.release.kernels.similarity import KAPPA, profile
from twin.jit import start_threads

Array = NDArray[np.float64]

#: Distances downwind at which plumes are tabulated: from the first on, each FINER times the one before, m.
FIRST_M, FINER, COUNT = 1.0, 1.15, 60

#: A path is cut into pieces of at most this length, m.
PIECE_M = 4.0

#: Below this wind a steady plume says nothing, m/s: such readings are left out.
CALM_M_S = 0.5

#: Similarity does not say where gas goes below this u* (m/s) or this |L| (m): Flesch and others 2005, doi:10.1175/JAM2214.1.
LEAST_USTAR, LEAST_L_M = 0.15, 10.0

#: Light winds wander sideways by at least this, m/s, whatever a vane's minutes say (Hanna 1983, J. Climate Appl. Meteorol. 22, 1424).
WANDER_M_S = 0.5

#: The widest standard deviation of the wind's direction, rad: more is no direction.
WIDEST_SWING = 1.0

#: Where the direction is looked at on either side of its mean, in standard deviations, and how likely each is (normal).
NODES = np.linspace(-2.4, 2.4, 9)
LOG_WEIGHTS = -0.5 * NODES**2 - np.log(np.exp(-0.5 * NODES**2).sum())


@dataclass(frozen=True)
class Readings:
    """What detectors read, one row a reading.

    `sensor` number of the detector, `time_s`, `value` (kg m-3, background and all), `ends` (reading, 4) x, y of both ends of the path
    (equal for a point, m), `z` (m), `east`, `north` unit vector the air moves to, `speed` of the wind of which these are the
    direction (m s-1), `ustar` (m s-1), `inv_l` (m-1), `lateral` sigma_v / u*. `least`, `most` (kg m-3, None: no such limit): a value at
    or below `least` says only that there was no more, one at or above `most` only that there was no less.
    Over roughness `z0` (m), from a source at `height` (m), under a lid of `highest` (m).
    """

    sensor: NDArray[np.int64]
    time_s: Array
    value: Array
    ends: Array
    z: Array
    east: Array
    north: Array
    speed: Array
    ustar: Array
    inv_l: Array
    lateral: Array
    least: Array | None = None
    most: Array | None = None
    z0: float = 0.03
    height: float = 0.3
    highest: float = 500.0

    def __len__(self) -> int:
        return len(self.value)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Readings:
        """Return the readings of some rows (a mask or numbers)."""
        names = [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @cached_property
    def below(self) -> NDArray[np.bool_]:
        """Which readings say only that there was no more than `least`."""
        return np.zeros(len(self), bool) if self.least is None else self.value <= self.least

    @cached_property
    def above(self) -> NDArray[np.bool_]:
        """Which readings say only that there was no less than `most`."""
        return np.zeros(len(self), bool) if self.most is None else self.value >= self.most

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """In which readings' air similarity holds: enough u* and |L|."""
        return np.asarray((self.ustar >= LEAST_USTAR) & (np.abs(self.inv_l) <= 1.0 / LEAST_L_M))

    @cached_property
    def swing(self) -> Array:
        """Standard deviation of the wind's direction within a reading, rad: sideways turbulence, or wandering, over speed."""
        sideways = np.maximum(self.lateral * self.ustar, WANDER_M_S)
        return np.asarray(np.minimum(sideways / np.maximum(self.speed, CALM_M_S), WIDEST_SWING))

    @cached_property
    def points(self) -> NDArray[np.int64]:
        """Into how many pieces the path of each reading is cut."""
        long = np.hypot(self.ends[:, 2] - self.ends[:, 0], self.ends[:, 3] - self.ends[:, 1])
        return np.maximum(np.ceil(long / PIECE_M), 1).astype(np.int64)

    @cached_property
    def _plumes(self) -> tuple[Array, Array, Array]:
        distance = FIRST_M * FINER ** np.arange(COUNT)
        strength, sigma = (np.zeros((len(self), COUNT)) for _ in range(2))
        footprints.tables(
            strength, sigma, distance, self.height, self.z, self.z0, self.inv_l, self.ustar, self.lateral, self.highest
        )
        return strength, sigma, FINER * (sigma / distance).max(axis=1)

    def seen(self, x: float, y: float, turn: float = 0.0, wider: float = 1.0) -> Array:
        """Return what a source of 1 kg/s at (x, y) has each detector read, kg m-3; the wind is turned by `turn` (rad).

        Plumes are `wider` times as wide as turbulence makes them."""
        return np.asarray(self.swung(x, y, turn, wider, 0.0, np.zeros(1))[0])

    def swung(
        self, x: float, y: float, turn: float = 0.0, wider: float = 1.0, swing: float = 1.0, nodes: Array = NODES
    ) -> Array:
        """Return the same (node, reading) with the wind turned further by `nodes` times `swing` times its own `swing`."""
        start_threads()
        found = np.zeros((len(nodes), len(self)))
        footprints.seen(
            found, x, y, turn, wider, swing * self.swing, nodes, *self._plumes, FIRST_M, np.log(FINER), self.ends,
            self.points, self.east, self.north,
        )  # fmt: skip
        return found


def friction(speed: Array, at_m: float, z0: float, inv_l: Array) -> Array:
    """Return u* (m s-1) of a wind speed (m s-1) at a height (m) over roughness z0 (m)."""
    return np.array([KAPPA * u / profile(at_m, z0, k) for u, k in zip(speed, inv_l, strict=True)])
