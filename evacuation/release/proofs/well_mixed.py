"""Particles that are uniform at first stay uniform, whatever the shear and the turbulence (Thomson's well-mixed condition)."""

from __future__ import annotations

from functools import cache

import numpy as np

from evacuation.release.buildings.particles import Swarm, particles
from evacuation.release.buildings.turbulence import Turbulence
from evacuation.release.buildings.wind import Box, Wind, layers, log_law
from evacuation.release.kernels.particles import JOINED
from evacuation.release.kernels.strain import KAPPA
from twin.proof import Reference

COUNT, SECONDS, EVERY_S, SEED = 100_000, 120.0, 20.0, 7
CELL_M, COLUMNS = 4.0, (8, 12)


def world() -> tuple[Wind, Turbulence]:
    """Return a sheared wind over a block, its turbulence three times as strong in some columns as in others and waxing with height."""
    box = Box(0.0, 0.0, CELL_M, layers(2.0, 40.0, 20.0, 1.15))
    ny, nx = COLUMNS
    roof = np.zeros(COLUMNS)
    roof[2:5, 3:6] = 8.0
    z = box.z
    air = z[:, None, None] > roof
    speed = np.where(
        z > roof.max(), log_law(4.0, 10.0, 0.1)(z), 0.0
    )  # blows above the block only: makes and loses no air
    u = np.broadcast_to(speed[:, None, None], (len(z), ny, nx + 1)).copy()
    v = 0.5 * np.broadcast_to(speed[:, None, None], (len(z), ny + 1, nx))
    east = 0.5 * (1.0 + np.sin(2.0 * np.pi * (np.arange(nx) + 0.5) / nx))
    ustar = (0.1 + 0.4 * z[:, None, None] / z[-1]) * (0.5 + east) * np.ones((1, ny, 1))
    length = np.broadcast_to(KAPPA * z[:, None, None], air.shape).copy()
    w = np.zeros((len(z) + 1, ny, nx))
    return Wind(box, u, v, w, air, roof, 0, 0.0), Turbulence(ustar, length)


@cache
def well_mixed(_: Reference) -> dict[str, float]:
    """Return the largest deviation of any layer, over all moments, in standard deviations of chance, and as a share."""
    wind, turbulence = world()
    box, (ny, nx) = wind.box, COLUMNS
    rng = np.random.default_rng(SEED)
    tries = rng.random((2 * COUNT, 3)) * (nx * CELL_M, ny * CELL_M, box.edges[-1])
    level = np.searchsorted(box.edges, tries[:, 2], side="right") - 1
    free = wind.air[level, (tries[:, 1] / CELL_M).astype(int), (tries[:, 0] / CELL_M).astype(int)]
    start = Swarm.at(tries[free][:COUNT], rng)
    room = wind.air.sum(axis=(1, 2)) * np.diff(box.edges)
    share = room / room.sum()
    columns = (wind.air * np.diff(box.edges)[:, None, None]).sum(axis=(0, 1))
    along = columns / columns.sum()
    chance, worst = 0.0, 0.0
    for swarm in particles(wind, turbulence, start, SECONDS, EVERY_S, SEED, JOINED):
        layer = np.searchsorted(box.edges, swarm.position[:, 2], side="right") - 1
        col = (swarm.position[:, 0] / CELL_M).astype(int)
        for bins, expected in ((layer, share), (col, along)):
            count = np.bincount(bins, minlength=len(expected))
            off = np.abs(count - COUNT * expected)
            chance = max(chance, float((off / np.sqrt(COUNT * expected * (1.0 - expected))).max()))
            worst = max(worst, float((off / (COUNT * expected)).max()))
    return {"chance": chance, "share": worst}
