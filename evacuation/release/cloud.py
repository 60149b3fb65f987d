"""The cloud of one member of the wind: pieces of gas that are let go, carried, joined, and at last lost from sight.

A continuous release is a chain of straight lines of gas, each between two moments of letting go; a sudden one is a round puff.
Old neighbours are joined as soon as they are much shorter than wide, so that an hour's plume is some sixty pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import growth, pieces
from evacuation.release.weather import Air
from twin.errors import NumericsError
from twin.grid import Grid

Array = NDArray[np.float64]

#: Two lines are joined when together they are shorter than this share of their width (standard deviation).
JOINED = 0.7

#: A piece this far outside the grid is lost from sight, m.
SIGHT_M = 10_000.0

#: Height at which people breathe, m.
BREATHING_M = 1.5


@dataclass(frozen=True)
class Emission:
    """What leaves one source in one step: `kg_s` for its length, or `kg` at once (then `kg_s` is 0).

    `heavy` is the excess density that a kilogram brings, 1 - rho_air / rho_source, 0 for a passive gas; `dense` the density at the
    source (kg m-3). `half_width` and `mean_height` (m) are those of the cloud at its source.
    """

    source: int
    x: float
    y: float
    kg_s: float
    kg: float
    heavy: float
    dense: float
    half_width: float
    mean_height: float


class Cloud:
    """Pieces as a structure of arrays (see `kernels.growth`); `lost_kg` is what has gone out of sight."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]] | None = None) -> None:
        empty = np.zeros
        given = arrays or {}
        self.ends = np.array(given.get("ends", empty((growth.FIELDS, 2, 0))), dtype=np.float64)
        self.mass = np.array(given.get("mass", empty(0)), dtype=np.float64)
        self.round = np.array(given.get("round", empty(0)), dtype=np.bool_)
        #: source, first and last letting-go of each piece: lines whose numbers follow each other are neighbours
        self.chain = np.array(given.get("chain", empty((3, 0))), dtype=np.int64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what a state keeps."""
        return {"ends": self.ends, "mass": self.mass, "round": self.round, "chain": self.chain}

    @property
    def airborne_kg(self) -> float:
        """Mass in the air and in sight, kg."""
        return float(self.mass.sum())

    def step(self, emissions: list[Emission], dt: float, parts: int, first: int, air: Air, t: float) -> None:
        """Let go what is emitted in `dt` s, a line in `parts` equal ones numbered from `first`, and carry all on.

        Raises NumericsError when the growth of a piece does not come to an end.
        """
        run_s = np.full((2, len(self.mass)), dt)
        for emission in emissions:
            new = _lines(emission, dt, parts, first) if emission.kg_s > 0 else _puff(emission, dt, first)
            ends, mass, round_, chain, own_s = new
            self.ends = np.concatenate([self.ends, ends], axis=2)
            self.mass = np.concatenate([self.mass, mass])
            self.round = np.concatenate([self.round, np.full(len(mass), round_)])
            self.chain = np.concatenate([self.chain, chain], axis=1)
            run_s = np.concatenate([run_s, own_s], axis=1)
        if not len(self.mass):
            return
        status = growth.advance(
            self.ends, run_s, self.round, air.z0, air.ustar, air.west, air.north, air.tile_m, air.inv_l, air.lateral,
            air.highest_m, air.density, air.east, air.north_ward,
        )  # fmt: skip
        if status != growth.OK:
            raise NumericsError("cloud_steps", time=t)
        self._join()

    def _join(self) -> None:
        """Join neighbours of one chain, two by two, where both together are short against their width."""
        source, first, last = self.chain
        mates = (source[:-1] == source[1:]) & (last[:-1] + 1 == first[1:]) & ~self.round[:-1] & ~self.round[1:]
        older, younger = self.ends[:, :, :-1], self.ends[:, :, 1:]
        far = np.hypot(
            older[growth.X, 1] - younger[growth.X, 0], older[growth.Y, 1] - younger[growth.Y, 0]
        )  # head of the older to the tail of the younger
        wide = np.hypot(younger[growth.BOX, 0], younger[growth.TURB, 0])
        wanted = np.flatnonzero(mates & (far < JOINED * wide))
        if not len(wanted):
            return
        gone = np.zeros(len(self.mass), dtype=bool)
        for k in wanted:
            if not gone[k]:
                self.ends[:, 0, k] = self.ends[:, 0, k + 1]
                self.mass[k] += self.mass[k + 1]
                self.chain[2, k] = self.chain[2, k + 1]
                gone[k + 1] = True
        self._keep(~gone)

    def lose(self, grid: Grid) -> float:
        """Take out the pieces that are far outside the grid; return their mass, kg."""
        x, y = self.ends[growth.X].mean(axis=0), self.ends[growth.Y].mean(axis=0)
        west, south, east, north = grid.bounds
        out = np.maximum(np.maximum(west - x, x - east), np.maximum(south - y, y - north)) > SIGHT_M
        if not out.any():
            return 0.0
        lost = float(self.mass[out].sum())
        self._keep(~out)
        return lost

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass whose middle lies outside the grid and still in sight, kg."""
        x, y = self.ends[growth.X].mean(axis=0), self.ends[growth.Y].mean(axis=0)
        return float(self.mass[~grid.cells(x, y)[2]].sum())

    def onto(self, grid: Grid, air: Air, c_out: Array, z: float = BREATHING_M) -> Array:
        """Return the concentration on the grid's cells at height `z`, or the cloud's mean height where lower, kg m-3."""
        c_out[:] = 0.0
        if len(self.mass):
            pieces.onto_cells(c_out, self.drawn(air, z), grid.west, grid.north, grid.cell_m)
        return c_out

    def at(self, x: Array, y: Array, air: Air, z: float = BREATHING_M) -> Array:
        """Return the concentration at map points, kg m-3."""
        c = np.zeros(len(x))
        if len(self.mass):
            pieces.at_points(c, self.drawn(air, z), np.asarray(x, float), np.asarray(y, float))
        return c

    def drawn(self, air: Air, z: float) -> Array:
        """Return the pieces as the kernels draw them."""
        table = np.empty((len(self.mass), pieces.COLUMNS))
        pieces.draw(table, self.ends, self.mass, air.z0, air.west, air.north, air.tile_m, air.inv_l, z)
        return table

    def _keep(self, mask: NDArray[np.bool_]) -> None:
        self.ends, self.mass = np.ascontiguousarray(self.ends[:, :, mask]), self.mass[mask]
        self.round, self.chain = self.round[mask], np.ascontiguousarray(self.chain[:, mask])


def _at_source(emission: Emission, count: int, amount: float) -> Array:
    """Return the ends (field, 2, count) of pieces that are still at their source."""
    ends = np.zeros((growth.FIELDS, 2, count))
    values = {
        growth.X: emission.x,
        growth.Y: emission.y,
        growth.BOX: emission.half_width / np.sqrt(3.0),
        growth.Z: emission.mean_height,
        growth.SOURCE: amount,
        growth.HEAVY: emission.heavy,
        growth.DENSE: emission.dense,
    }
    for row, value in values.items():
        ends[row] = value
    return ends


New = tuple[Array, Array, bool, NDArray[np.int64], Array]


def _lines(emission: Emission, dt: float, parts: int, first: int) -> New:
    ends, part_s = _at_source(emission, parts, emission.kg_s), dt / parts
    number = first + np.arange(parts)
    chain = np.stack([np.full(parts, emission.source), number, number])
    head_s = dt - part_s * np.arange(parts)
    run_s = np.stack([head_s - part_s, head_s])
    run_s[0, -1] = 0.0
    return ends, np.full(parts, emission.kg_s * part_s), False, chain, run_s


def _puff(emission: Emission, dt: float, first: int) -> New:
    chain = np.array([[emission.source], [first], [first]])
    return _at_source(emission, 1, emission.kg), np.array([emission.kg]), True, chain, np.full((2, 1), dt)
