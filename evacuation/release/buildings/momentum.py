"""The mean wind with its momentum: steady Reynolds-averaged flow around buildings, started from the wind in balance of mass.

Zones set by formulas carry no momentum; this stage does. Closure by a mixing length, as in the quick urban solver of Gowardhan et al.
2011 (doi:10.1007/s10652-011-9211-6). Neutral air over flat ground, so the answer scales with the speed.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evacuation.release.buildings.mass import CLOSED, Poisson
from evacuation.release.buildings.turbulence import SIGMAS, closeness
from evacuation.release.buildings.wind import Box, Inflow, Wind, faces, wind_around
from evacuation.release.kernels.momentum import KAPPA, gain, gustiness, push, second_order, strain, sweep

Array = NDArray[np.float64]

#: Cells that the fastest air crosses in a step.
COURANT = 2.0
SWEEPS, ROUNDS = 1, 1
SHARE = math.sqrt(2.0 / sum(s * s for s in SIGMAS))
EVERY, STEADY, LIMIT, MIX = 20, 0.01, 1000, 5
TRACE = None


class _Ring:
    """The wind, its pressure and mixing on flat arrays with a ring of cells; see `kernels.momentum`."""

    def __init__(self, wind: Wind, inflow: Inflow, from_deg: float, z0_m: float, gusts: Inflow | None) -> None:
        box, h = wind.box, wind.box.cell_m
        nz, ny, nx = self.shape = wind.air.shape
        to = math.radians(from_deg + 180.0)
        dz = np.diff(box.edges)
        dz = np.concatenate([dz[:1], dz, dz[-1:]])
        self.heights = np.concatenate([[-box.z[0]], box.z, [2.0 * box.edges[-1] - box.z[-1]]])
        between = np.diff(self.heights)
        level, face = (dz, np.append(between, between[-1])), (np.concatenate([between[:1], between]), dz)
        self.thick, self.apart = (level[0], level[0], face[0]), (level[1], level[1], face[1])
        self.widths = np.array([h, h])
        room = (nz + 2, ny + 2, nx + 2)
        self.wind = np.zeros((3, np.prod(room)))
        self.block = self.wind.reshape(3, *room)
        self.air = np.ones(room, np.uint8)
        self.air[1:-1, 1:-1, 1:-1], self.air[0] = wind.air, 0
        self.flat = self.air.ravel()
        distance, near = closeness(wind)
        length, law = np.zeros(room), np.zeros(room)
        length[1:-1, 1:-1, 1:-1] = np.maximum(KAPPA * distance, 1e-6)
        law[1:-1, 1:-1, 1:-1] = np.where(near, KAPPA / np.log(np.maximum(distance / z0_m, 2.0)), 0.0)
        self.length, self.law = length.ravel(), law.ravel()
        self.nu, self.speed, self.pressure, self.add, self.strain, self.energy = (np.zeros(self.flat.size) for _ in range(6))
        side, roof = np.full(nz + 2, 0.5 * h), 0.5 * dz
        self.drag = (KAPPA / np.log(np.maximum(np.stack([side, roof], axis=1) / z0_m, 2.0))) ** 2
        speed = np.asarray(inflow(np.maximum(self.heights, 0.0)), dtype=np.float64)
        self.inflow = (speed * math.sin(to), speed * math.cos(to))
        if gusts is None:
            slope = np.gradient(speed[1:], np.log(self.heights[1:]))
            energy = (KAPPA * slope / SHARE) ** 2
            energy = np.append(energy[0], energy)
        else:
            energy = np.asarray(gusts(np.maximum(self.heights, 0.0)), dtype=np.float64)
        self.gusts = energy
        self.energy.reshape(room)[:] = energy[:, None, None]
        self.into = ((math.sin(to) > 1e-9, math.sin(to) < -1e-9), (math.cos(to) > 1e-9, math.cos(to) < -1e-9))
        _, open_to = faces(wind.air, box)
        (low, high), (south, north) = self.into
        if low:
            open_to[0][:, :, 0] = 0.0
        if high:
            open_to[0][:, :, -1] = 0.0
        if south:
            open_to[1][:, 0] = 0.0
        if north:
            open_to[1][:, -1] = 0.0
        self.poisson = Poisson(open_to)
        self.fastest = float(speed.max())
        self.dt = COURANT * h / self.fastest
        self.largest = self.fastest * h * max(h, float(dz.max()))
        self.highest = int(np.searchsorted(box.z, wind.roof.max())) + 1
        self.start(wind.u, wind.v, wind.w)

    def faces(self) -> tuple[Array, Array, Array]:
        return self.block[0, 1:-1, 1:-1, 1:], self.block[1, 1:-1, 1:, 1:-1], self.block[2, 1:, 1:-1, 1:-1]

    def start(self, *given: Array) -> None:
        air = self.air
        for n, (own, to) in enumerate(zip(given, self.faces(), strict=True)):
            both = air * np.roll(air, 1, axis=2 - n)
            to[...] = own * (both[1:-1, 1:-1, 1:], both[1:-1, 1:, 1:-1], both[1:, 1:-1, 1:-1])[n]
        self.rim()

    def ustar(self) -> Array:
        return SHARE * np.sqrt(self.energy.reshape(self.air.shape)[1:-1, 1:-1, 1:-1]) * self.air[1:-1, 1:-1, 1:-1]

    def low(self) -> Array:
        return self.block[:2, 1 : self.highest + 1, 1:-1, 1:-1].copy()

    def rim(self) -> None:
        """Set the sides and the top: the inflow where the air enters, elsewhere what comes from inside."""
        u, v, w = self.block
        k = self.energy.reshape(u.shape)
        nz, ny, nx = self.shape
        for own, other, axis, count, comp in ((u, v, 2, nx, 0), (v, u, 1, ny, 1)):
            for end in (0, 1):
                face, inner, ghost, cell = ((1, 2, 0, 1), (count + 1, count, count + 1, count))[end]
                at = tuple(slice(None) if a != axis else slice(0) for a in range(3))

                def line(n: int, axis: int = axis) -> tuple:
                    return tuple(slice(None) if a != axis else n for a in range(3))

                del at
                air = self.air[line(cell)]
                if self.into[comp][end]:
                    own[line(face)] = self.inflow[comp][:, None] * air
                    other[line(ghost)] = self.inflow[1 - comp][:, None]
                    w[line(ghost)] = 0.0
                    k[line(ghost)] = self.gusts[:, None]
                else:
                    own[line(face)] = own[line(inner)] * air
                    enters = own[line(face)] * (1 - 2 * end) > 0.0
                    other[line(ghost)] = np.where(enters, self.inflow[1 - comp][:, None], other[line(cell)])
                    w[line(ghost)] = np.where(enters, 0.0, w[line(cell)])
                    k[line(ghost)] = np.where(enters, self.gusts[:, None], k[line(cell)])
        w[nz + 1] = w[nz]
        for n, own in ((0, u), (1, v)):
            own[nz + 1] = np.where(w[nz + 1] < 0.0, self.inflow[n][nz + 1], own[nz])
        k[nz + 1] = np.where(w[nz + 1] < 0.0, self.gusts[nz + 1], k[nz])

    def step(self, number: int) -> None:
        """Go one pseudo-time step."""
        shape, widths = self.shape, self.widths
        if number % MIX == 0:
            strain(self.strain, self.speed, self.wind, self.flat, self.length, self.law, shape, widths, self.heights)
        np.multiply(self.length, SHARE * np.sqrt(self.energy), out=self.nu)
        before = self.energy.copy()
        for colour in (0, 1):
            gustiness(self.energy, before, self.wind, self.strain, self.nu, self.length, self.flat, shape, widths,
                      self.thick[0], self.apart[0], SHARE, self.dt, colour)  # fmt: skip
        for n in range(3):
            first = tuple(2 if m == n else 1 for m in range(3))
            second_order(self.add, self.wind, self.flat, n, shape, first, widths, self.thick[n])
            before = self.wind[n].copy()
            for s in range(SWEEPS):
                for colour in (0, 1) if s % 2 == 0 else (1, 0):
                    sweep(self.wind, before, self.pressure, self.add, self.nu, self.speed, self.flat, n, shape, first, widths,
                          self.thick[n], self.apart[n], self.drag, self.dt, colour)  # fmt: skip
        self.rim()
        self.close(CLOSED * self.largest, ROUNDS)

    def close(self, least: float, rounds: int) -> int:
        """Take away what air the cells make or lose."""
        poisson = self.poisson
        gain(poisson.rest, self.wind, self.shape, self.widths, self.thick[0])
        taken = poisson.solve(least, rounds)
        push(self.wind, self.pressure, poisson.p, *poisson.open_to, self.widths, self.thick[0], self.dt)
        return taken


def coarser(roof: Array, box: Box) -> tuple[Array, Box]:
    """Return roofs and box of twice the spacing; a coarse cell is built where half of it is, as high as that half."""
    ny, nx = (n + n % 2 for n in roof.shape)
    even = np.pad(roof, ((0, ny - roof.shape[0]), (0, nx - roof.shape[1])), mode="edge")
    four = np.sort(np.stack([even[a::2, b::2] for a in (0, 1) for b in (0, 1)]), axis=0)
    edges = box.edges if len(box.edges) % 2 else np.append(box.edges, 2.0 * box.edges[-1] - box.edges[-2])
    return four[2], Box(box.west, box.south, 2.0 * box.cell_m, edges[::2])


def finer(wind: Wind, shape: tuple[int, int, int]) -> tuple[Array, Array, Array]:
    """Return the faces of a wind of twice the spacing on those of a box of `shape`, linear across faces, even along them."""
    out = []
    for axis, part in ((2, wind.u), (1, wind.v), (0, wind.w)):
        a = np.moveaxis(part, axis, 0)
        a = np.repeat(np.repeat(a, 2, axis=1), 2, axis=2)
        both = np.empty((2 * len(a) - 1, *a.shape[1:]))
        both[::2], both[1::2] = a, 0.5 * (a[1:] + a[:-1])
        both = np.moveaxis(both, 0, axis)
        out.append(both[tuple(slice(n + (m == axis)) for m, n in enumerate(shape))])
    return out[0], out[1], out[2]


def with_momentum(wind: Wind, inflow: Inflow, from_deg: float, z0_m: float, halvings: int = 1, limit=LIMIT, gusts: Inflow | None = None) -> Wind:
    """Return the steady wind whose momentum is in balance too, from a wind in balance of mass."""
    ring = _Ring(wind, inflow, from_deg, z0_m, gusts)
    if halvings:
        roof, box = coarser(wind.roof, wind.box)
        rough = with_momentum(wind_around(roof, box, inflow, from_deg), inflow, from_deg, z0_m, halvings - 1, limit, gusts)
        ring.start(*finer(rough, ring.shape))
        k = np.repeat(np.repeat(np.repeat((rough.ustar / SHARE) ** 2, 2, 0), 2, 1), 2, 2)
        ring.energy.reshape(ring.air.shape)[1:-1, 1:-1, 1:-1] = k[tuple(slice(n) for n in ring.shape)]
    ring.close(CLOSED * ring.largest, 50)
    ring.pressure[:] = 0.0
    changes, steps, before = [], 0, ring.low()
    while steps < limit and not (len(changes) and changes[-1] < STEADY):
        for _ in range(EVERY):
            ring.step(steps)
            steps += 1
        now = ring.low()
        changes.append(float(np.abs(now - before).sum() / np.abs(now).sum()))
        before = now
        if TRACE is not None:
            TRACE(steps, ring, changes[-1])
    rounds = ring.close(CLOSED * ring.largest, 200)
    u, v, w = ring.faces()
    leak = float(np.abs(ring.poisson.rest).max()) / ring.largest
    return replace(wind, u=u.copy(), v=v.copy(), w=w.copy(), rounds=rounds, leak=leak, ustar=ring.ustar())
