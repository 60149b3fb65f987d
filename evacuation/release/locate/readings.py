"""Readings of gas detectors with the wind of their moments, and what a source at any place would have them read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import footprints
from evacuation.release.kernels.similarity import KAPPA, profile
from twin.jit import start_threads

Array = NDArray[np.float64]

#: Distances downwind at which plumes are tabulated: from the first on, each FINER times the one before, m.
FIRST_M, FINER, COUNT = 1.0, 1.15, 60

#: A path is read at a place every so many metres.
APART_M = 2.0

#: Below this wind a steady plume says nothing, m/s: such readings are left out.
CALM_M_S = 0.5


@dataclass(frozen=True)
class Readings:
    """What detectors read, one row a reading.

    `sensor` number of the detector, `time_s`, `value` (kg m-3, background and all), `ends` (reading, 4) x, y of both ends of the path
    (equal for a point, m), `z` (m), `east`, `north` unit vector the air moves to, `ustar` (m s-1), `inv_l` (m-1), `lateral`
    sigma_v / u*; over roughness `z0` (m), from a source at `height` (m), under a lid of `highest` (m).
    """

    sensor: NDArray[np.int64]
    time_s: Array
    value: Array
    ends: Array
    z: Array
    east: Array
    north: Array
    ustar: Array
    inv_l: Array
    lateral: Array
    z0: float = 0.03
    height: float = 0.3
    highest: float = 500.0

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def points(self) -> NDArray[np.int64]:
        """At how many places of its path each reading is worked out."""
        long = np.hypot(self.ends[:, 2] - self.ends[:, 0], self.ends[:, 3] - self.ends[:, 1])
        return np.maximum(np.ceil(long / APART_M), 1).astype(np.int64)

    @cached_property
    def _plumes(self) -> tuple[Array, Array]:
        distance = FIRST_M * FINER ** np.arange(COUNT)
        strength, sigma = (np.zeros((len(self), COUNT)) for _ in range(2))
        footprints.tables(
            strength, sigma, distance, self.height, self.z, self.z0, self.inv_l, self.ustar, self.lateral, self.highest
        )
        return strength, sigma

    def seen(self, x: float, y: float, turn: float = 0.0, wider: float = 1.0) -> Array:
        """Return what a source of 1 kg/s at (x, y) has each detector read, kg m-3; the wind is turned by `turn` (rad).

        Plumes are `wider` times as wide as turbulence makes them."""
        start_threads()
        found = np.zeros(len(self))
        footprints.seen(
            found,
            x,
            y,
            turn,
            wider,
            *self._plumes,
            FIRST_M,
            np.log(FINER),
            self.ends,
            self.points,
            self.east,
            self.north,
        )
        return found


def friction(speed: Array, at_m: float, z0: float, inv_l: Array) -> Array:
    """Return u* (m s-1) of a wind speed (m s-1) at a height (m) over roughness z0 (m)."""
    return np.array([KAPPA * u / profile(at_m, z0, k) for u, k in zip(speed, inv_l, strict=True)])
