"""Turbulence around buildings: variances and time scale from the local shear and the distance to the nearest wall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import erf

from evacuation.release.buildings.wind import Wind
from evacuation.release.kernels.strain import KAPPA, friction
from twin.jit import start_threads

Array = NDArray[np.float64]

#: Standard deviations of the wind along east, north and up over u* in neutral air near the ground (Panofsky and Dutton 1984). East and
#: north are taken alike, the mean of along and across: the wind around buildings has no one direction.
SIGMAS = (math.sqrt((2.39**2 + 1.92**2) / 2),) * 2 + (1.25,)
#: u* over the root of the energy of the gusts that mix, where they are made and lost alike: C_mu^(1/4), C_mu = 0.09 (Launder and Spalding
#: 1974, doi:10.1016/0045-7825(74)90029-2; 0.55 in Pope 2000, section 10.3).
SHARE = 0.09**0.25


@dataclass(frozen=True)
class Turbulence:
    """The turbulence of a wind at the centres of its cells (nz, ny, nx): `ustar` m s-1, `length` the mixing length, m.

    sigma_i = SIGMAS[i] u*; diffusivity K = length u*; Lagrangian times (K / sigma_w^2) (sigma_i / sigma_w)^2.
    """

    ustar: Array
    length: Array


def closeness(wind: Wind) -> tuple[Array, NDArray[np.bool_]]:
    """Return the distance (m) from the centre of each cell to the nearest wall or ground, and which cells of air touch one."""
    box = wind.box
    nz, ny, nx = wind.air.shape
    distance = np.broadcast_to(box.z[:, None, None], wind.air.shape).copy()
    # From each layer the nearest column that is solid there, at its own height or below: walls, roofs and the edges of roofs.
    for k in range(nz):
        if wind.air[k].all():
            break
        side = np.maximum(ndimage.distance_transform_edt(wind.air[k], sampling=box.cell_m) - 0.5 * box.cell_m, 0.0)
        over = np.maximum(box.z[k:] - box.edges[k + 1], 0.0)
        distance[k:] = np.minimum(distance[k:], np.hypot(side, over[:, None, None]))
    distance[~wind.air] = 0.0
    near = np.zeros_like(wind.air)
    near[0] = True
    near[1:] |= ~wind.air[:-1]
    solid = np.pad(~wind.air, ((0, 0), (1, 1), (1, 1)))
    for shift in (0, 2):
        near |= solid[:, shift : shift + ny, 1:-1] | solid[:, 1:-1, shift : shift + nx]
    return distance, near & wind.air


def turbulence(wind: Wind, z0_m: float) -> Turbulence:
    """Return the turbulence of a wind whose ground and walls have the roughness z0 (m)."""
    start_threads()
    distance, near = closeness(wind)
    if wind.ustar is not None:
        return Turbulence(wind.ustar, KAPPA * distance)
    ustar = np.empty_like(distance)
    friction(ustar, wind.centres, wind.air, distance, near, wind.box.z, wind.box.cell_m, z0_m)
    return Turbulence(ustar, KAPPA * distance)


def scalar_speed(wind: Wind, turbulence: Turbulence, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    """Return the mean of the scalar speed (m s-1), as an anemometer without direction shows it, and the speed of the mean wind, at
    points.

    Gusts are taken as normal and alike in all directions, with the energy (u* / SHARE)^2. NaN in buildings and outside the box.
    """
    mean = at_points(wind, wind.centres, x, y, z)
    speed = np.sqrt((mean**2).sum(axis=0))
    sigma = math.sqrt(2.0 / 3.0) / SHARE * at_points(wind, turbulence.ustar[None], x, y, z)[0]
    s, m = np.maximum(sigma, 1e-9), np.maximum(speed, 1e-9)
    felt = s * math.sqrt(2 / math.pi) * np.exp(-0.5 * (m / s) ** 2) + (m + s * s / m) * erf(m / (s * math.sqrt(2.0)))
    return felt, speed


def at_points(wind: Wind, fields: Array, x: Array, y: Array, z: Array) -> Array:
    """Return fields (n, nz, ny, nx) at points, linear between the centres that are air; below the lowest as there; NaN where there is
    none."""
    box = wind.box
    nz, ny, nx = wind.air.shape
    fi, fj = (np.asarray(x) - box.west) / box.cell_m - 0.5, (np.asarray(y) - box.south) / box.cell_m - 0.5
    fk = np.interp(z, box.z, np.arange(nz))
    here = (np.round(fk).astype(int), np.round(fj).astype(int), np.round(fi).astype(int))
    inside = (here[2] >= 0) & (here[2] < nx) & (here[1] >= 0) & (here[1] < ny)
    total, weight = np.zeros((len(fields), len(fi))), np.zeros(len(fi))
    for dk in (0, 1):
        for dj in (0, 1):
            for di in (0, 1):
                k, j, i = np.floor(fk).astype(int) + dk, np.floor(fj).astype(int) + dj, np.floor(fi).astype(int) + di
                share = (1 - abs(fk - k)) * (1 - abs(fj - j)) * (1 - abs(fi - i))
                k, j, i = np.clip(k, 0, nz - 1), np.clip(j, 0, ny - 1), np.clip(i, 0, nx - 1)
                share = share * wind.air[k, j, i]
                total += share * fields[:, k, j, i]
                weight += share
    good = inside & (weight > 1e-9)
    return np.where(good, total / np.maximum(weight, 1e-9), np.nan)
