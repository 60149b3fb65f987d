"""The mean wind around buildings: a first guess of known zones, brought into balance of mass.

Neutral air over flat ground: the wind of a direction scales with the speed, so one solution serves all speeds of a sector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evacuation.release.buildings.mass import CLOSED, balanced
from evacuation.release.buildings.obstacles import Obstacles
from evacuation.release.kernels.zones import CAVITY, WAKE, WIDTH, guess
from twin.errors import ScenarioError

Array = NDArray[np.float64]
Inflow = Callable[[Array], Array]

#: Sides and top should keep this many heights away, and a building be this many cells wide: assumed; below, the wind says so.
CLEAR_HEIGHTS, THIN_CELLS = 2.0, 4.0


def log_law(speed_m_s: float, at_m: float, z0_m: float, displaced_m: float = 0.0) -> Inflow:
    """Return the neutral profile of a wind of `speed_m_s` at `at_m` over roughness z0, 0 below z0 + displacement (m)."""
    if not (speed_m_s > 0 and z0_m > 0 and at_m > displaced_m + z0_m):
        raise ScenarioError("building_wind_inflow", speed=speed_m_s, at=at_m, z0=z0_m, displaced=displaced_m)
    ustar = speed_m_s / math.log((at_m - displaced_m) / z0_m)
    return lambda z: ustar * np.log(np.maximum((np.asarray(z) - displaced_m) / z0_m, 1.0))


def power_law(speed_m_s: float, at_m: float, exponent: float) -> Inflow:
    """Return the profile speed (z / at)^exponent."""
    if not (speed_m_s > 0 and at_m > 0 and 0 < exponent < 1):
        raise ScenarioError("building_wind_inflow", speed=speed_m_s, at=at_m, z0=exponent, displaced=0.0)
    return lambda z: speed_m_s * (np.asarray(z) / at_m) ** exponent


@dataclass(frozen=True)
class Box:
    """The grid of the wind: square columns of `cell_m` from (west, south), row 0 in the south; `edges` (nz + 1,) of the layers from the
    ground, m."""

    west: float
    south: float
    cell_m: float
    edges: Array

    @property
    def z(self) -> Array:
        """Heights of the centres of the layers, m."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


def layers(first_m: float, top_m: float, even_to_m: float, growth: float = 1.1) -> Array:
    """Return edges of layers: `first_m` thick up to `even_to_m`, each `growth` times the one below from there, to `top_m` at least."""
    edges, thick = [0.0], first_m
    while edges[-1] < top_m:
        thick *= growth if edges[-1] >= even_to_m else 1.0
        edges.append(edges[-1] + thick)
    return np.array(edges)


@dataclass(frozen=True)
class Wind:
    """A wind in balance: u (nz, ny, nx + 1), v (nz, ny + 1, nx), w (nz + 1, ny, nx) on the faces of the cells, m s-1, towards east,
    north, up.

    `air` (nz, ny, nx) is False in buildings, `roof` (ny, nx) their height (m), `rounds` how many the balance took, `leak` the largest net
    flow of a cell over that of the reference speed through its largest face. `notes` tells where the model leaves its validity:
    "mean_only" where momentum was not balanced (not scored well between buildings), "near_side" and "low_box" by how many heights, "thin"
    how many obstacles are narrow. `ustar` (nz, ny, nx), m s-1, stands for the gusts where they were worked out with the wind.
    """

    box: Box
    u: Array
    v: Array
    w: Array
    air: NDArray[np.bool_]
    roof: Array
    rounds: int
    leak: float
    notes: tuple[tuple[str, float], ...] = ()
    ustar: Array | None = None

    @cached_property
    def centres(self) -> Array:
        """The wind at the centres of cells, (3, nz, ny, nx)."""
        u, v, w = self.u, self.v, self.w
        return 0.5 * np.stack([u[:, :, 1:] + u[:, :, :-1], v[:, 1:] + v[:, :-1], w[1:] + w[:-1]])

    def scaled(self, factor: float) -> Wind:
        """Return the same wind `factor` times as strong."""
        ustar = None if self.ustar is None else factor * self.ustar
        return replace(self, u=factor * self.u, v=factor * self.v, w=factor * self.w, ustar=ustar)


def faces(air: NDArray[np.bool_], box: Box) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Return the areas (m2) and conductances (area / distance, m) of the faces across x, y and z; 0 at walls.

    The sides and the top are open, the ground is not.
    """
    nz, ny, nx = air.shape
    h, dz = box.cell_m, np.diff(box.edges)[:, None, None]
    x, y, z = np.zeros((nz, ny, nx + 1)), np.zeros((nz, ny + 1, nx)), np.zeros((nz + 1, ny, nx))
    x[:, :, 1:-1], y[:, 1:-1], z[1:-1] = air[:, :, 1:] & air[:, :, :-1], air[:, 1:] & air[:, :-1], air[1:] & air[:-1]
    x[:, :, 0], x[:, :, -1], y[:, 0], y[:, -1], z[-1] = air[:, :, 0], air[:, :, -1], air[:, 0], air[:, -1], air[-1]
    ax, ay, az = x * h * dz, y * h * dz, z * h * h
    tx, ty = x * dz, y * dz
    apart = np.empty((nz + 1, 1, 1))
    apart[1:-1, 0, 0], apart[0], apart[-1] = np.diff(box.z), 1.0, 0.5 * dz[-1, 0, 0]
    for t in (tx[:, :, 0], tx[:, :, -1], ty[:, 0], ty[:, -1]):
        t *= 2.0
    return (ax, ay, az), (tx, ty, az / apart)


def doubts(roof: Array, box: Box, table: Array) -> tuple[tuple[str, float], ...]:
    """Return the notes of a wind around obstacles; see `Wind`."""
    if not len(table):
        return ()
    notes = [("mean_only", float(len(table)))]
    row, col = np.nonzero(roof)
    ny, nx = roof.shape
    away = (np.minimum.reduce([row, col, ny - 1 - row, nx - 1 - col]) * box.cell_m / roof[row, col]).min()
    above = box.edges[-1] / roof.max()
    thin = int((table[:, WIDTH] < THIN_CELLS * box.cell_m).sum())
    notes += [("near_side", float(away))] if away < CLEAR_HEIGHTS else []
    notes += [("low_box", float(above))] if above < CLEAR_HEIGHTS else []
    notes += [("thin", float(thin))] if thin else []
    return tuple(notes)


def wind_around(roof: Array, box: Box, inflow: Inflow, from_deg: float) -> Wind:
    """Return the neutral wind around buildings for an inflow from a direction (degrees clockwise from north).

    `roof` (ny, nx): height of what stands on each cell, m, row 0 in the south. `inflow`: speed at heights above ground. The sides of the
    box should stay clear of buildings by a few heights; its top should be at least twice the highest.
    """
    if not (roof.ndim == 2 and np.isfinite(roof).all() and roof.min() >= 0 and roof.max() < box.edges[-2]):
        raise ScenarioError("building_wind_roofs", found=float(np.nanmax(roof)), top=float(box.edges[-2]))
    to = math.radians(from_deg + 180.0)
    east, north = math.sin(to), math.cos(to)
    z, air = box.z, box.z[:, None, None] > roof
    obstacles = Obstacles.of(roof, box.cell_m)
    table = obstacles.seen(east, north, np.asarray(inflow(obstacles.height), dtype=np.float64))
    reach = WAKE * float(table[:, CAVITY].max(initial=0.0)) + box.cell_m
    first = np.zeros((3, *air.shape))
    speed = np.asarray(inflow(z), dtype=np.float64)
    guess(*first, obstacles.label, roof, *obstacles.normal, table, z, speed, east, north, box.cell_m, reach)
    area, open_to = faces(air, box)
    flow = []
    for axis, component, a in zip((2, 1, 0), first, area, strict=True):
        edge = np.pad(component, [(1, 1) if n == axis else (0, 0) for n in range(3)], mode="edge")
        middle = 0.5 * (
            np.take(edge, range(edge.shape[axis] - 1), axis) + np.take(edge, range(1, edge.shape[axis]), axis)
        )
        flow.append(middle * a)
    fx, fy, fz = flow
    largest = float(speed.max()) * box.cell_m * max(box.cell_m, float(np.diff(box.edges).max()))
    rounds = balanced((fx, fy, fz), open_to, CLOSED * largest)
    leak = float(np.abs(np.diff(fx, axis=2) + np.diff(fy, axis=1) + np.diff(fz, axis=0)).max()) / largest
    u, v, w = (np.divide(f, a, out=np.zeros_like(f), where=a > 0) for f, a in zip((fx, fy, fz), area, strict=True))
    return Wind(box, u, v, w, air, roof, rounds, leak, doubts(roof, box, table))


@dataclass(frozen=True)
class Sectors:
    """Winds around the same buildings by sector of their direction, worked out when first asked for, and scaled with the speed.

    `inflow` is the profile whose speed at `at_m` is what is asked for. A wind between two sectors is that of the nearer one. `around`
    works a wind out.
    """

    roof: Array
    box: Box
    inflow: Inflow
    at_m: float
    count: int = 16
    around: Callable[[Array, Box, Inflow, float], Wind] = wind_around
    _kept: dict[int, Wind] = field(default_factory=dict, repr=False)

    @property
    def known(self) -> list[Wind]:
        """The winds that have been worked out."""
        return list(self._kept.values())

    def sector(self, from_deg: float) -> int:
        """Return the number of the sector that holds a direction."""
        return round(from_deg * self.count / 360.0) % self.count

    def wind(self, speed_m_s: float, from_deg: float) -> Wind:
        """Return the wind of the sector that holds `from_deg`, with `speed_m_s` at `at_m` in the inflow."""
        sector = self.sector(from_deg)
        if sector not in self._kept:
            self._kept[sector] = self.around(self.roof, self.box, self.inflow, sector * 360.0 / self.count)
        return self._kept[sector].scaled(speed_m_s / float(self.inflow(np.array(self.at_m))))
