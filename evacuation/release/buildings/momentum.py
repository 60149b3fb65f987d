"""The mean wind with its momentum: steady Reynolds-averaged flow around buildings, begun from the wind in balance of mass.

Zones that formulas set carry no momentum; this stage does, in the manner of the quick urban solvers (Gowardhan et al. 2011,
doi:10.1007/s10652-011-9211-6), but the energy of the gusts is carried along too. Neutral air over flat ground: the answer scales with
the speed. A grid twice as coarse goes first, so the fine one has little left to do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evacuation.release.buildings.mass import CLOSED, MOST_ROUNDS, Poisson
from evacuation.release.buildings.turbulence import SHARE, closeness
from evacuation.release.buildings.wind import Box, Inflow, Wind, faces, wind_around
from evacuation.release.kernels.momentum import KAPPA, gain, gustiness, push, second_order, strain, sweep

Array = NDArray[np.float64]

#: The viscosity times the rate of strain S is at most this share of the energy of the gusts: then no variance of a component is negative
#: (Durbin 1996, doi:10.1016/0142-727X(95)00073-Y, with the largest rate of strain of air that keeps its volume, S / 3^0.5).
REALIZABLE = 1.0 / math.sqrt(3.0)
LEAST_STRAIN = 1e-9
#: Cells that the fastest air crosses in a pseudo-time step; steps between two looks at the rate of strain.
COURANT, STRAIN_EVERY = 2.0, 5
#: The wind is steady when what blows below the highest roof, each time the mean of one crossing of the box by its fastest air, differs by
#: less than this share between two crossings; it is given up after so many pairs of them. Each pair begins from the mean of the last.
STEADY, MOST_PAIRS = 0.01, 4
LEAST_LENGTH_M = 1e-6
#: Sides that the wind meets more flatly than this sine are open.
GRAZING = 1e-9


def steady_wind(
    roof: Array, box: Box, inflow: Inflow, from_deg: float, z0_m: float, gusts: Inflow | None = None, halvings: int = 1
) -> Wind:
    """Return the steady neutral wind around buildings with its momentum and its `ustar`; arguments as of `wind_around`.

    z0_m: roughness of ground and walls, m. `gusts`: energy of the gusts of the inflow (m2 s-2) at heights, else that which its own shear
    keeps up. `halvings`: how many coarser grids go first. Over open ground this is the inflow, at once. It is the mean of two crossings of
    the box by its fastest air; where these still differ the notes say "unsteady" with the share of change.
    """
    wind = wind_around(roof, box, inflow, from_deg)
    if not roof.any():
        return wind
    stage = _Stage(wind, inflow, from_deg, z0_m, gusts)
    if halvings:
        stage.start(steady_wind(*coarser(roof, box), inflow, from_deg, z0_m, gusts, halvings - 1))
    stage.close(MOST_ROUNDS)
    stage.pressure[:] = 0.0
    change, pairs = 1.0, 0
    while change > STEADY and pairs < MOST_PAIRS:
        one, two = stage.crossing(), stage.crossing()
        change, pairs = stage.change(one[0], two[0]), pairs + 1
        stage.wind[:], stage.energy[:] = (0.5 * (a + b) for a, b in zip(one, two, strict=True))
    rounds = stage.close(MOST_ROUNDS)
    u, v, w = (part.copy() for part in stage.faces())
    leak = float(np.abs(stage.poisson.rest).max()) / stage.largest
    notes = tuple(n for n in wind.notes if n[0] != "mean_only") + ((("unsteady", change),) if change > STEADY else ())
    return Wind(box, u, v, w, wind.air, roof, rounds, leak, notes, stage.ustar())


class _Stage:
    """The wind, its pressure and its gusts on flat arrays with a ring of cells; see `kernels.momentum`."""

    def __init__(self, wind: Wind, inflow: Inflow, from_deg: float, z0_m: float, gusts: Inflow | None) -> None:
        box, h = wind.box, wind.box.cell_m
        nz, ny, nx = self.shape = wind.air.shape
        self.room, self.widths = (nz + 2, ny + 2, nx + 2), np.array([h, h])
        self.wind = np.zeros((3, math.prod(self.room)))
        self.air = np.ones(self.room, np.uint8)
        self.air[0], self.air[1:-1, 1:-1, 1:-1] = 0, wind.air
        self.pressure, self.add, self.nu, self.speed, self.strain = np.zeros((5, math.prod(self.room)))
        self._layers(box)
        distance, near = closeness(wind)
        length, law = np.full(self.room, LEAST_LENGTH_M), np.zeros(self.room)
        length[1:-1, 1:-1, 1:-1] = np.maximum(KAPPA * distance, LEAST_LENGTH_M)
        law[1:-1, 1:-1, 1:-1] = np.where(near, _log_law(distance, z0_m), 0.0)
        self.length, self.law = length.ravel(), law.ravel()
        to_wall = np.stack([np.full(nz + 2, 0.5 * h), 0.5 * self.thick[0]], axis=1)
        self.drag = _log_law(to_wall, z0_m) ** 2
        self._inflow(inflow, math.radians(from_deg + 180.0), gusts)
        _, open_to = faces(wind.air, box)
        for axis in (0, 1):
            for end in (0, 1):
                if self.into[axis][end]:
                    np.moveaxis(open_to[axis], 2 - axis, 0)[-end] = 0.0
        self.poisson = Poisson(open_to)
        self.roofs = int(np.searchsorted(box.z, wind.roof.max())) + 1
        self._put(wind.u, wind.v, wind.w)

    def _layers(self, box: Box) -> None:
        """Set the heights of layers, and for each component how thick the volumes around its faces are and how far apart."""
        thick = np.diff(box.edges)
        thick = np.concatenate([thick[:1], thick, thick[-1:]])
        self.heights = np.concatenate([[-box.z[0]], box.z, [2.0 * box.edges[-1] - box.z[-1]]])
        between = np.diff(self.heights)
        z = self.heights[1:]
        log = 0.5 * (z[1:] + z[:-1]) * np.log(z[1:] / z[:-1])
        above, below = np.concatenate([between[:1], log, log[-1:]]), np.append(between[0], between)
        self.spans = np.ones_like(self.heights)
        self.spans[2:-1] = z[1:-1] * np.log(z[2:] / z[:-2])
        self.thick, self.apart = (thick, thick, below), (above, above, thick)

    def _inflow(self, inflow: Inflow, to: float, gusts: Inflow | None) -> None:
        """Set what blows into the box, and through which sides: `into`[axis] tells of the lower and the upper one."""
        at = np.maximum(self.heights, self.heights[1])
        speed = np.asarray(inflow(at), dtype=np.float64)
        self.inflow = (speed * math.sin(to), speed * math.cos(to))
        self.into = tuple((part > GRAZING, part < -GRAZING) for part in (math.sin(to), math.cos(to)))
        if gusts is None:
            shear = np.gradient(speed[1:], np.log(at[1:]))
            self.gusts = (KAPPA / SHARE * np.append(shear[0], shear)) ** 2
        else:
            self.gusts = np.asarray(gusts(at), dtype=np.float64)
        self.energy = (self.air * self.gusts[:, None, None]).ravel()
        fastest, (h, _) = float(speed.max()), self.widths
        self.dt = COURANT * h / fastest
        self.largest = fastest * h * max(h, float(self.thick[0].max()))

    def faces(self) -> tuple[Array, Array, Array]:
        """Return views of the wind on the faces of the box's cells."""
        u, v, w = self.wind.reshape(3, *self.room)
        return u[1:-1, 1:-1, 1:], v[1:-1, 1:, 1:-1], w[1:, 1:-1, 1:-1]

    def _put(self, *given: Array) -> None:
        """Begin with a wind on the faces of cells, 0 at walls."""
        for axis, (own, part) in enumerate(zip(self.faces(), given, strict=True)):
            both = np.moveaxis(self.air, 2 - axis, 0)
            free = np.moveaxis(both[1:] & both[:-1], 0, 2 - axis)
            own[...] = part * free[tuple(slice(None) if n == 2 - axis else slice(1, -1) for n in range(3))]
        self._rim()

    def start(self, rough: Wind) -> None:
        """Begin with a wind of twice the spacing and its gusts."""
        nz, ny, nx = self.shape
        if rough.ustar is not None:
            even = rough.ustar.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
            inner = (slice(1, -1),) * 3
            self.energy.reshape(self.room)[inner] = (even[:nz, :ny, :nx] / SHARE) ** 2 * self.air[inner]
        finer = []
        for axis, part in ((2, rough.u), (1, rough.v), (0, rough.w)):
            across = np.moveaxis(part, axis, 0).repeat(2, axis=1).repeat(2, axis=2)
            both = np.empty((2 * len(across) - 1, *across.shape[1:]))
            both[::2], both[1::2] = across, 0.5 * (across[1:] + across[:-1])
            finer.append(np.moveaxis(both, 0, axis)[tuple(slice(n + (m == axis)) for m, n in enumerate(self.shape))])
        self._put(*finer)

    def crossing(self) -> tuple[Array, Array]:
        """Step on for as long as the fastest air takes to cross the box; return the means of wind and gusts."""
        wind, energy = np.zeros_like(self.wind), np.zeros_like(self.energy)
        steps = math.ceil(max(self.shape[1:]) / COURANT)
        for number in range(steps):
            self.step(number)
            wind += self.wind
            energy += self.energy
        return wind / steps, energy / steps

    def ustar(self) -> Array:
        """Return the friction velocity that the gusts stand for, m s-1, 0 in solids."""
        root = np.sqrt(self.energy.reshape(self.room)) * self.air
        return np.asarray(SHARE * root[1:-1, 1:-1, 1:-1])

    def change(self, before: Array, after: Array) -> float:
        """Return the share by which the level wind below the highest roof differs between two winds."""
        one, two = (wind.reshape(3, *self.room)[:2, 1 : self.roofs + 1, 1:-1, 1:-1] for wind in (before, after))
        return float(np.abs(two - one).sum() / np.abs(two).sum())

    def _rim(self) -> None:
        """Set sides and top: what blows in where the air enters, elsewhere what comes from inside."""
        u, v, w = self.wind.reshape(3, *self.room)
        k, count = self.energy.reshape(self.room), self.shape[::-1]
        for axis, (own, other) in enumerate(((u, v), (v, u))):
            own, other, up, gusts, air = (np.moveaxis(a, 2 - axis, 0) for a in (own, other, w, k, self.air))
            along, aside, into = self.inflow[axis][:, None], self.inflow[1 - axis][:, None], self.gusts[:, None]
            last = count[axis]
            for end, (face, inner, ghost, cell) in enumerate(((1, 2, 0, 1), (last + 1, last, last + 1, last))):
                own[face] = (along if self.into[axis][end] else own[inner]) * air[cell]
                enters = own[face] * (1 - 2 * end) > 0.0
                other[ghost] = np.where(enters, aside, other[cell])
                up[ghost] = np.where(enters, 0.0, up[cell])
                gusts[ghost] = np.where(enters, into, gusts[cell])
        w[-1] = w[-2]
        falls = w[-1] < 0.0
        u[-1], v[-1] = (np.where(falls, part[-1], own[-2]) for part, own in zip(self.inflow, (u, v), strict=True))
        k[-1] = np.where(falls, self.gusts[-1], k[-2])

    def step(self, number: int) -> None:
        """Go one pseudo-time step: gusts, the three components, then mass."""
        shape, widths, air = self.shape, self.widths, self.air.ravel()
        if number % STRAIN_EVERY == 0:
            strain(
                self.strain, self.speed, self.wind, air, self.length, self.law, shape, widths, self.thick[0], self.spans
            )
        np.multiply(self.length, SHARE * np.sqrt(self.energy), out=self.nu)
        np.minimum(self.nu, REALIZABLE * self.energy / np.maximum(self.strain, LEAST_STRAIN), out=self.nu)
        before = self.energy.copy()
        second_order(self.add, self.energy, 0, self.wind, shape, (1, 1, 1), widths, self.thick[0])
        for colour in (0, 1):
            gustiness(self.energy, before, self.wind, self.add, self.strain, self.nu, self.length, air, shape, widths,
                      self.thick[0], self.apart[0], SHARE, self.dt, colour)  # fmt: skip
        for n in range(3):
            first = (1 + (n == 0), 1 + (n == 1), 1 + (n == 2))
            own = (1, self.room[2], self.room[1] * self.room[2])[n]
            second_order(self.add, self.wind[n], own, self.wind, shape, first, widths, self.thick[n])
            before = self.wind[n].copy()
            for colour in (0, 1):
                sweep(self.wind, before, self.pressure, self.add, self.nu, self.speed, air, n, shape, first, widths,
                      self.thick[n], self.apart[n], self.drag, self.dt, colour)  # fmt: skip
        self._rim()
        self.close(1)

    def close(self, rounds: int) -> int:
        """Take away what air the cells make or lose, in at most so many rounds; return them."""
        poisson = self.poisson
        gain(poisson.rest, self.wind, self.shape, self.widths, self.thick[0])
        taken = poisson.solve(CLOSED * self.largest, rounds)
        push(self.wind, self.pressure, poisson.p, *poisson.open_to, self.widths, self.thick[0], self.dt)
        return taken


def _log_law(distance: Array, z0_m: float) -> Array:
    """Return u* over the speed at a distance from a wall, as the logarithmic law has it over the roughness z0 (m)."""
    return np.asarray(KAPPA / np.log(np.maximum(distance / z0_m, 2.0)))


def coarser(roof: Array, box: Box) -> tuple[Array, Box]:
    """Return roofs and box of twice the spacing; a coarse cell is built where half of it is, as high as that half."""
    ny, nx = (n + n % 2 for n in roof.shape)
    even = np.pad(roof, ((0, ny - roof.shape[0]), (0, nx - roof.shape[1])), mode="edge")
    four = np.sort(np.stack([even[a::2, b::2] for a in (0, 1) for b in (0, 1)]), axis=0)
    edges = box.edges if len(box.edges) % 2 else np.append(box.edges, 2.0 * box.edges[-1] - box.edges[-2])
    return four[2], Box(box.west, box.south, 2.0 * box.cell_m, edges[::2])
