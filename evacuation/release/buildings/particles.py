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


def particles(
    wind: Wind, turbulence: Turbulence, start: Swarm, seconds: float, every_s: float, seed: int, sides: int = LEAVE
) -> Iterator[Swarm]:
    """Yield the particles after each `every_s`, as far as `seconds`; the numbers drawn follow from `seed`, never from threads.

    Particles must start in air within the box; with `sides` LEAVE those that pass a side or the top are gone.
    """
    box, air = wind.box, wind.air
    nz, ny, nx = air.shape
    col = np.floor((start.position[:, 0] - box.west) / box.cell_m).astype(int)
    row = np.floor((start.position[:, 1] - box.south) / box.cell_m).astype(int)
    level = np.searchsorted(box.edges, start.position[:, 2], side="right") - 1
    inside = (col >= 0) & (col < nx) & (row >= 0) & (row < ny) & (level >= 0) & (level < nz)
    good = inside.copy()
    good[inside] = air[level[inside], row[inside], col[inside]]
    if not good[start.here].all():
        raise ScenarioError("building_wind_start", found=int((~good[start.here]).sum()))
    start_threads()
    nearest = ndimage.distance_transform_edt(~air, return_distances=False, return_indices=True)
    ustar = np.maximum(turbulence.ustar[tuple(nearest)], LEAST_USTAR)
    length = np.maximum(turbulence.length[tuple(nearest)], LEAST_LENGTH_M)
    position, fluctuation = start.position.copy(), start.fluctuation.copy()
    drawn, here = start.drawn.copy(), start.here.copy()
    for _ in range(round(seconds / every_s)):
        move(position, fluctuation, drawn, here, wind.u, wind.v, wind.w, ustar, length, air, box.edges, box.west, box.south,
             box.cell_m, np.array(SIGMAS), seed, every_s, sides)  # fmt: skip
        yield Swarm(position.copy(), fluctuation.copy(), drawn.copy(), here.copy())
