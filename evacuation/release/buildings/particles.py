"""Particles of a passive gas in the wind around buildings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.release.buildings.turbulence import SIGMAS, Turbulence
from evacuation.release.buildings.wind import Wind
from evacuation.release.kernels.particles import LEAVE, move
from twin.errors import ScenarioError
from twin.jit import start_threads

Array = NDArray[np.float64]

#: The least u* and mixing length that a particle meets, so that its memory and its steps stay finite: m s-1, m. Assumed.
LEAST_USTAR, LEAST_LENGTH_M = 1e-3, 1e-3


@dataclass(frozen=True)
class Swarm:
    """Particles at one moment: positions (n, 3) m east, north, above ground; fluctuations (n, 3); numbers drawn; whether still in the
    box."""

    position: Array
    fluctuation: Array
    drawn: NDArray[np.int64]
    here: NDArray[np.bool_]

    @classmethod
    def at(cls, position: Array, rng: np.random.Generator) -> Swarm:
        """Return particles at positions (n, 3), their fluctuations those of the turbulence around them."""
        n = len(position)
        return cls(position.astype(np.float64), rng.standard_normal((n, 3)), np.zeros(n, np.int64), np.ones(n, bool))


class Carrier:
    """What carries particles: a wind and its turbulence, made ready once for many steps."""

    def __init__(self, wind: Wind, turbulence: Turbulence) -> None:
        start_threads()
        self.wind = wind
        nearest = ndimage.distance_transform_edt(~wind.air, return_distances=False, return_indices=True)
        self._ustar = np.maximum(turbulence.ustar[tuple(nearest)], LEAST_USTAR)
        self._length = np.maximum(turbulence.length[tuple(nearest)], LEAST_LENGTH_M)

    def moved(self, swarm: Swarm, seconds: float, seed: int, sides: int = LEAVE) -> Swarm:
        """Return the particles `seconds` later."""
        wind, box = self.wind, self.wind.box
        position, fluctuation = swarm.position.copy(), swarm.fluctuation.copy()
        drawn, here = swarm.drawn.copy(), swarm.here.copy()
        move(position, fluctuation, drawn, here, wind.u, wind.v, wind.w, self._ustar, self._length, wind.air, box.edges, box.west,
             box.south, box.cell_m, np.array(SIGMAS), seed, seconds, sides)  # fmt: skip
        return Swarm(position, fluctuation, drawn, here)


def particles(
    wind: Wind, turbulence: Turbulence, start: Swarm, seconds: float, every_s: float, seed: int, sides: int = LEAVE
) -> Iterator[Swarm]:
    """Yield the particles after each `every_s`, as far as `seconds`; the numbers drawn follow from `seed`, never from threads.

    Particles must start in air within the box; with `sides` LEAVE those that pass a side or the top are gone.
    """
    inside, cell = cell_of(wind, start.position)
    good = inside & wind.air[cell]
    if not good[start.here].all():
        raise ScenarioError("building_wind_start", found=int((~good[start.here]).sum()))
    carrier, swarm = Carrier(wind, turbulence), start
    for _ in range(round(seconds / every_s)):
        swarm = carrier.moved(swarm, every_s, seed, sides)
        yield swarm


def cell_of(wind: Wind, position: Array) -> tuple[NDArray[np.bool_], tuple[NDArray[np.int64], ...]]:
    """Return whether positions (n, 3) lie in the box, and the layer, row and column of their cells, of the nearest outside."""
    box, count = wind.box, np.array(wind.air.shape)
    level = np.searchsorted(box.edges, position[:, 2], side="right") - 1
    row, col = (np.floor((position[:, n] - at) / box.cell_m).astype(int) for n, at in ((1, box.south), (0, box.west)))
    cell = np.stack([level, row, col])
    inside = np.asarray(((cell >= 0) & (cell < count[:, None])).all(axis=0))
    return inside, tuple(np.clip(cell, 0, count[:, None] - 1))
