"""The particles' plume over open ground beside the plume of the city run's similarity: mean height, crosswind integral and width."""

from __future__ import annotations

from functools import cache

import numpy as np

from evacuation.release.buildings.particles import Swarm, particles
from evacuation.release.buildings.turbulence import turbulence
from evacuation.release.buildings.wind import Box, layers, log_law, wind_around
from evacuation.release.kernels.similarity import transport, vertical
from evacuation.release.kernels.strain import KAPPA
from twin.proof import Reference

Z0_M, USTAR, HEIGHT_M = 0.1, 0.3, 1.0
COUNT, EVERY_S, SECONDS, SEED = 6000, 0.5, 120.0, 11
ARCS_M, BAND_M, LOW_M = (60.0, 120.0, 200.0), 10.0, 2.0


@cache
def open_terrain(_: Reference) -> dict[str, float]:
    """Return the largest relative differences of mean height and of the crosswind integral below 2 m, at 60 to 200 m."""
    cell = 5.0
    box = Box(0.0, -100.0, cell, layers(0.5, 60.0, 4.0, 1.15))
    wind = wind_around(np.zeros((40, 56)), box, log_law(USTAR / KAPPA * np.log(10.0 / Z0_M), 10.0, Z0_M), 270.0)
    start = Swarm.at(np.tile([20.0, 0.0, HEIGHT_M], (COUNT, 1)), np.random.default_rng(SEED))
    held = np.zeros((len(ARCS_M), 3))
    for swarm in particles(wind, turbulence(wind, Z0_M), start, SECONDS, EVERY_S, SEED):
        x, z = swarm.position[swarm.here, 0] - 20.0, swarm.position[swarm.here, 2]
        for row, arc in zip(held, ARCS_M, strict=True):
            near = z[np.abs(x - arc) < 0.5 * BAND_M]
            row += len(near), near.sum(), (near < LOW_M).sum()
    heights, low = held[:, 1] / held[:, 0], held[:, 2] * EVERY_S / (COUNT * BAND_M * LOW_M)
    own_heights, own_low = [], []
    zbar, x, step = HEIGHT_M, 0.0, 0.1
    levels = (np.arange(20) + 0.5) * LOW_M / 20
    for arc in ARCS_M:
        while x < arc:
            speed, grown = transport(zbar, Z0_M, 0.0, USTAR)
            zbar, x = zbar + step * grown / speed, x + step
        speed, _ = transport(zbar, Z0_M, 0.0, USTAR)
        own_heights.append(zbar)
        own_low.append(float(np.mean([vertical(zbar, Z0_M, 0.0, z) for z in levels])) / speed)
    return {
        "height": float(np.abs(heights / np.array(own_heights) - 1.0).max()),
        "integral": float(np.abs(low / np.array(own_low) - 1.0).max()),
        "heights": float((heights / np.array(own_heights)).mean()),
    }
