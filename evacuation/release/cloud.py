"""The cloud, in every member of the wind: pieces of gas that are let go, carried, joined, and at last lost from sight.

A continuous release is a chain of straight lines of gas, each between two moments of letting go; a sudden one is a round puff.
Old neighbours are joined as soon as they are much shorter than wide, so that an hour's plume is some sixty pieces. Where the wind
differs across a piece it is split (`splitting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.release.dilution import PASSIVE, Dilution
from evacuation.release.kernels import growth, pieces
from evacuation.release.members import spread
from evacuation.release.splitting import split, too_wide
from evacuation.release.weather import Air
from twin.errors import NumericsError
from twin.grid import Grid

Array = NDArray[np.float64]

#: Two lines are joined when together they are shorter than this share of their width (standard deviation).
JOINED = 1.0

#: The number of pieces that have no neighbours.
ALONE = -2

#: A piece this far outside the grid is lost from sight, m.
SIGHT_M = 10_000.0

#: Height at which people breathe, m.
BREATHING_M = 1.5


@dataclass(frozen=True)
class Emission:
    """What leaves one source in one step: `kg_s` for its length, or `kg` at once (then `kg_s` is 0).

    `dilution` says how dense it is as it thins; `dense` is the density at the source (kg m-3). `half_width` and `mean_height` (m) are
    those of the cloud at its source. `axis` (m): the height of its axis aloft, around which `mean_height` is then the mean distance.
    A cloud that is taken over from elsewhere is `turb` wide already (standard deviation, m) with the covariance `sway` of sideways
    place and speed (m2 s-1). `gone`: of all that its source holds, the shares that had gone before and that go now; None: not known.
    """

    source: int
    x: float
    y: float
    kg_s: float
    kg: float
    dilution: Dilution
    dense: float
    half_width: float
    mean_height: float
    _: KW_ONLY
    axis: float = 0.0
    turb: float = 0.0
    sway: float = 0.0
    gone: tuple[float, float] | None = None


class Cloud:
    """Pieces of every member as a structure of arrays (see `kernels.growth`), member by member.

    Member 0 has the wind as it is, the others that wind turned by `turns` (degrees, clockwise) with its speed times `factors`. Of
    each source, or of all of them, `shifts` (source, member, 2) says how far each member's lies from what is emitted (m), `strengths`
    (source, member) how many times as strong it is. `classes` (member,) says whose air each has: 0 that of the step, k the k-th of
    its `beside`. The ground takes the gas with `uptake` (m s-1), one over the resistance of its surface.
    """

    def __init__(
        self, turns: Array | None = None, factors: Array | None = None, arrays: Mapping[str, NDArray[Any]] | None = None,
        shifts: Array | None = None, strengths: Array | None = None, uptake: float = 0.0,
        classes: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        given = arrays or {}
        self.uptake = uptake
        self.turns = np.asarray(given.get("cloud_turns", np.zeros(1) if turns is None else np.append(0.0, turns)))
        self.factors = np.asarray(
            given.get("cloud_factors", np.ones(1) if factors is None else np.append(1.0, factors))
        )
        #: of each source, or of all of them: where and how strong each member has it
        self.shifts = np.asarray(
            given.get("cloud_shifts", np.zeros((1, self.members, 2)) if shifts is None else shifts)
        )
        self.strengths = np.asarray(
            given.get("cloud_strengths", np.ones((1, self.members)) if strengths is None else strengths)
        )
        none = np.zeros(self.members, np.int64)
        self.classes = np.asarray(given.get("cloud_classes", none if classes is None else np.append(0, classes)))
        self.ends = np.array(given.get("cloud_ends", np.zeros((growth.FIELDS, 2, 0))))
        self.mass, self.round = (
            np.array(given.get("cloud_mass", np.zeros(0))),
            np.array(given.get("cloud_round", np.zeros(0, bool))),
        )
        #: member, source, first and last letting-go of each piece: lines whose numbers follow each other are neighbours
        self.chain = np.array(given.get("cloud_chain", np.zeros((4, 0), np.int64)))
        #: every way of thinning that a piece of the cloud has or had; a piece knows its row
        self.dilutions = np.array(given.get("cloud_dilutions", [PASSIVE.row]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        names = ("turns", "factors", "shifts", "strengths", "classes", "ends", "mass", "round", "chain", "dilutions")
        return {f"cloud_{name}": getattr(self, name) for name in names}

    @property
    def members(self) -> int:
        """Number of members, the wind as it is among them."""
        return len(self.turns)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each member's pieces begin (member + 1,)."""
        return np.searchsorted(self.chain[0], np.arange(self.members + 1))

    def turns_in(self, air: Air) -> Array:
        """Return by how much each member's wind is turned in this air, degrees clockwise: the weaker it is, the more."""
        return np.append(self.turns[:1], spread(self.turns[1:], air.wider))

    @property
    def airborne_kg(self) -> float:
        """Mass of member 0 in the air and in sight, kg."""
        return float(self.mass[: self.starts[1]].sum())

    def step(self, emissions: list[Emission], dt: float, parts: int, first: int, air: Air, t: float) -> float:
        """Let go what is emitted in `dt` s, a line in `parts` equal ones numbered from `first`, and carry all on.

        Return what the ground has taken from member 0, kg.

        Raises NumericsError when the growth of a piece does not come to an end.
        """
        run_s = np.full((2, len(self.mass)), dt)
        for emission in emissions:
            ends, mass, round_, own_s = _lines(emission, dt, parts) if emission.kg_s > 0 else _puff(emission, dt)
            count = len(mass)
            ends[growth.DILUTION] = self._row_of(emission.dilution)
            strong = self.strength(emission)
            flows = np.flatnonzero(strong > 0.0)
            number = np.tile(first + np.arange(count), len(flows))
            member = np.repeat(flows, count)
            chain = np.stack([member, np.full(len(member), emission.source), number, number])
            mine = np.tile(ends, len(flows))
            own = emission.source if len(self.shifts) > 1 else 0
            mine[growth.X] += self.shifts[own, member, 0]
            mine[growth.Y] += self.shifts[own, member, 1]
            mine[growth.SOURCE] *= strong[member]
            self.ends = np.concatenate([self.ends, mine], axis=2)
            self.mass = np.concatenate([self.mass, np.tile(mass, len(flows)) * strong[member]])
            self.round = np.concatenate([self.round, np.full(len(member), round_)])
            self.chain = np.concatenate([self.chain, chain], axis=1)
            run_s = np.concatenate([run_s, np.tile(own_s, len(flows))], axis=1)
        if not len(self.mass):
            return 0.0
        if emissions:
            order = np.argsort(self.chain[0], kind="stable")
            run_s = np.ascontiguousarray(run_s[:, order])
            self._keep(order)
        a = np.deg2rad(self.turns_in(air))
        to = np.stack(
            [
                air.east * np.cos(a) + air.north_ward * np.sin(a),
                air.north_ward * np.cos(a) - air.east * np.sin(a),
            ],
            axis=1,
        )
        lost = np.zeros_like(run_s)
        status = growth.advance(
            self.ends, lost, run_s, self.round, self.chain[0], to, air.turns, self.factors, self.classes, self.dilutions, air.z0,
            *_stacked(air, "ustar"), air.west, air.north, air.tile_m, *_stacked(air, "inv_l", "lateral", "highest_m"), air.density,
            self.uptake,
        )  # fmt: skip
        if status != growth.OK:
            raise NumericsError("cloud_steps", time=t)
        taken = -self.mass * np.expm1(-np.where(self.round, lost[1], 0.5 * (lost[0] + lost[1])))
        self.mass = self.mass - taken
        taken_kg = float(taken[: self.starts[1]].sum())
        self._join()
        self._split(air)
        return taken_kg

    def strength(self, emission: Emission) -> Array:
        """Return how many times as much as is emitted each member lets go (member,), 0 where its source is empty already."""
        strong: Array = self.strengths[emission.source if len(self.shifts) > 1 else 0]
        if emission.gone is None:
            return strong
        before, now = emission.gone
        return np.asarray(np.where(strong <= 1.0, strong, np.clip((1.0 - strong * before) / now, 0.0, strong)))

    def _row_of(self, dilution: Dilution) -> int:
        """Return the row of a way of thinning, a new one where it is not known yet."""
        known = np.flatnonzero((self.dilutions == dilution.row).all(axis=1))
        if not len(known):
            self.dilutions = np.concatenate([self.dilutions, [dilution.row]])
            return len(self.dilutions) - 1
        return int(known[0])

    def _join(self) -> None:
        """Join neighbours of one chain, two by two, where both together are short against their width."""
        member, source, first, last = self.chain
        mates = (member[:-1] == member[1:]) & (source[:-1] == source[1:]) & (last[:-1] + 1 == first[1:])
        mates &= ~self.round[:-1] & ~self.round[1:]
        older, younger = self.ends[:, :, :-1], self.ends[:, :, 1:]
        far = np.hypot(older[growth.X, 1] - younger[growth.X, 0], older[growth.Y, 1] - younger[growth.Y, 0])
        wanted = mates & (far < JOINED * np.hypot(younger[growth.BOX, 0], younger[growth.TURB, 0]))
        gone = np.zeros(len(self.mass), dtype=bool)
        for k in np.flatnonzero(wanted):
            if not gone[k]:
                self.ends[:, 0, k] = self.ends[:, 0, k + 1]
                self.mass[k] += self.mass[k + 1]
                self.chain[3, k] = self.chain[3, k + 1]
                gone[k + 1] = True
        if gone.any():
            self._keep(np.flatnonzero(~gone))

    def _split(self, air: Air) -> None:
        """Split what has grown wider than the wind is even; the parts stand where the whole stood and join nobody."""
        which = too_wide(self.ends, self.mass, self.round, self.chain[0], air)
        if not which.any():
            return
        ends, mass, whole = split(self.ends[:, :, which], self.mass[which], self.round[which])
        own = np.flatnonzero(which)[whole]
        order = np.argsort(np.concatenate([np.flatnonzero(~which), own]), kind="stable")
        self.ends = np.concatenate([self.ends[:, :, ~which], ends], axis=2)
        self.mass = np.concatenate([self.mass[~which], mass])
        alone = self.chain[:, own]
        alone[2:] = ALONE
        self.chain = np.concatenate([self.chain[:, ~which], alone], axis=1)
        self.round = np.concatenate([self.round[~which], self.round[own]])
        self._keep(order)

    def lose(self, grid: Grid) -> float:
        """Take out the pieces that are far outside the grid; return the mass of member 0 among them, kg."""
        x, y = self.ends[growth.X].mean(axis=0), self.ends[growth.Y].mean(axis=0)
        west, south, east, north = grid.bounds
        out = np.maximum(np.maximum(west - x, x - east), np.maximum(south - y, y - north)) > SIGHT_M
        if not out.any():
            return 0.0
        lost = float(self.mass[out & (self.chain[0] == 0)].sum())
        self._keep(np.flatnonzero(~out))
        return lost

    def over_edge_kg(self, grid: Grid) -> float:
        """Return the mass of member 0 whose middle lies outside the grid and still in sight, kg."""
        mine = slice(0, self.starts[1])
        x, y = self.ends[growth.X, :, mine].mean(axis=0), self.ends[growth.Y, :, mine].mean(axis=0)
        return float(self.mass[mine][~grid.cells(x, y)[2]].sum())

    def onto(self, grid: Grid, air: Air, c_out: Array, z: float = BREATHING_M) -> None:
        """Fill c_out (member, y, x), kg m-3, at height `z` (m), or the cloud's mean height where that is lower."""
        pieces.onto_cells(c_out, self.drawn(air, z), self.starts, grid.west, grid.north, grid.cell_m)

    def at(self, x: Array, y: Array, air: Air, z: float = BREATHING_M) -> Array:
        """Return the concentration of member 0 at map points, kg m-3."""
        c = np.zeros(len(x))
        pieces.at_points(c, self.drawn(air, z)[: self.starts[1]], np.asarray(x, float), np.asarray(y, float))
        return c

    def drawn(self, air: Air, z: float) -> Array:
        """Return the pieces as the kernels draw them."""
        table = np.empty((len(self.mass), pieces.COLUMNS))
        pieces.draw(
            table, self.ends, self.mass, self.round, self.factors[self.chain[0]], self.classes[self.chain[0]], air.z0,
            *_stacked(air, "ustar"), air.west, air.north, air.tile_m, *_stacked(air, "inv_l"), self.uptake, z,
        )  # fmt: skip
        return table

    def _keep(self, which: NDArray[np.int64]) -> None:
        """Keep these pieces, in this order."""
        self.ends, self.mass = np.ascontiguousarray(self.ends[:, :, which]), self.mass[which]
        self.round, self.chain = self.round[which], np.ascontiguousarray(self.chain[:, which])


def _stacked(air: Air, *names: str) -> list[Array]:
    """Return values of the air and of those beside it, one after the other."""
    return [np.array([getattr(one, name) for one in (air, *air.beside)], dtype=np.float64) for name in names]


def _at_source(emission: Emission, count: int, amount: float) -> Array:
    """Return the ends (field, 2, count) of pieces that are still at their source."""
    ends = np.zeros((growth.FIELDS, 2, count))
    values = {
        growth.X: emission.x,
        growth.Y: emission.y,
        growth.BOX: emission.half_width / np.sqrt(3.0),
        growth.Z: emission.mean_height,
        growth.TURB: emission.turb,
        growth.SWAY: emission.sway,
        growth.SOURCE: amount,
        growth.DENSE: emission.dense,
        growth.COLD: 1.0,
        growth.AXIS: emission.axis,
    }
    for row, value in values.items():
        ends[row] = value
    return ends


New = tuple[Array, Array, bool, Array]


def _lines(emission: Emission, dt: float, parts: int) -> New:
    """Return (ends, mass, round, time to run) of the lines that are let go in `dt` s, the first to go first."""
    part_s = dt / parts
    head_s = dt - part_s * np.arange(parts)
    run_s = np.stack([head_s - part_s, head_s])
    run_s[0, -1] = 0.0
    return _at_source(emission, parts, emission.kg_s), np.full(parts, emission.kg_s * part_s), False, run_s


def _puff(emission: Emission, dt: float) -> New:
    """Return the same of a puff."""
    return _at_source(emission, 1, emission.kg), np.array([emission.kg]), True, np.full((2, 1), dt)
