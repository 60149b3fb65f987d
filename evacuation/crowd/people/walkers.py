"""People in motion: arrays by person, moved from decision to decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.kernels.arrays import ANY, Bodies, Counts, Floor, GateState, Law, Stairs, Ways
from evacuation.crowd.kernels.decide import MOST_PAIRS, beside
from evacuation.crowd.kernels.eikonal import FAR
from evacuation.crowd.kernels.storeys import walk_storeys
from evacuation.crowd.kernels.walk import OUTSIDE, PACKED, walk
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.nearby import lines_by_cell
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.errors import NumericsError
from twin.jit import start_threads

#: Cells in which people are sorted and walls are looked up, m; walls within WALL_REACH_M of a cell are known in it.
CELL_M, WALL_CELL_M, WALL_REACH_M = 0.5, 1.0, 0.7

#: People look for the quickest way so often, s, and see the crowd smoothed over this length, m (both assumed).
LOOK_S, SEEN_M = 1.0, 1.0

#: Who is within this of the middle of a stair between levels, m along it, walks in the way of those on its other half: as far as anybody
#: looks.
ON_STAIR_M = 3.0

#: Most steps of single persons in a run: about an hour and a half of computing on one thread (docs/crowd.md). More is refused.
MOST_STEPS = 2e10


class People(Bodies):
    """Everybody inside."""

    __slots__ = ()

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many there are."""
        return len(self.x)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return self._asdict()

    def chosen(self, which: NDArray[Any]) -> People:
        """Return those of a mask, or in an order of indices."""
        return People._make([values[which] for values in self])

    def first(self, count: int) -> People:
        """Return the first so many."""
        return People._make([values[:count] for values in self])

    def joined(self, others: People) -> People:
        """Return these people and others after them."""
        return People._make([np.concatenate(both) for both in zip(self, others, strict=True)])

    def room(self) -> People:
        """Return room for as many."""
        n = self.count
        return People._make([np.empty(n, values.dtype) for values in self])

    def reach(self, dx: NDArray[np.float64], dw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far everybody's outline (`kernels/outline.py`) reaches towards (dx, dw), m; along its depth for a vector of 0."""
        length = np.maximum(np.hypot(dx, dw), 1e-12)
        across = np.abs(dx * self.face_w - dw * self.face_x) / length
        return np.asarray(self.deep + (self.broad - self.deep) * across)

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[Any]]) -> People:
        """Return the people of a state (`Walkers.record`)."""
        return cls(**{name: kept[f"people_{name}"].copy() for name in cls._fields})

    @classmethod
    def standing(cls, at: NDArray[np.float64], **who: NDArray[Any]) -> People:
        """Return people who stand at (n, 2) local places, faces to the east; `who` holds broad, deep, free, group, leaves and number."""
        n = len(at)
        return cls(
            x=np.ascontiguousarray(at[:, 0], dtype=np.float64),
            w=np.ascontiguousarray(at[:, 1], dtype=np.float64),
            vx=np.zeros(n), vw=np.zeros(n),
            face_x=np.ones(n), face_w=np.zeros(n),
            passed=np.full(n, -1, np.int32), party=np.full(n, -1, np.int32), out=np.full(n, -1, np.int32),
            waits=np.zeros(n, np.int32), touching=np.zeros(n, np.int32), load=np.zeros(n), crush=np.zeros(n), dose=np.zeros(n),
            broad=who["broad"].astype(np.float64), deep=who["deep"].astype(np.float64), free=who["free"].astype(np.float64),
            group=who["group"].astype(np.int32), leaves=who["leaves"].astype(np.float64),
            number=who["number"].astype(np.int64),
        )  # fmt: skip


class Walkers:
    """Moves the people of one venue. `flows` counts crossings (gate: inward, outward), `left` those who left by each gate or goal."""

    def __init__(
        self,
        plan: Plan,
        finder: Finder,
        pressing: Pressing,
        people: People,
        kept: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.plan, self.finder, self.people = plan, finder, people
        self._law: Law = pressing.law
        self._steps, self._floor = pressing.steps, _floor(plan, finder)
        self._seen = None if kept is None or not kept["walkers_seen"].size else kept["walkers_seen"].copy()
        self._gates: Gates | None = None
        self._way: Ways | None = None
        self._counts = _counts(plan, kept)
        #: how many each goal takes in all until now; who comes when it takes nobody waits in it
        self.takes = np.full(len(plan.goals), ANY)
        self._open = np.maximum(_smooth(finder.walkable.astype(np.float64), plan.grid.cell_m), 0.2)
        start_threads()

    @property
    def counts(self) -> Counts:
        """All that is counted so far."""
        return self._counts

    @property
    def tokens(self) -> NDArray[np.float64]:
        """The passes that each gate has saved."""
        return self._counts.tokens

    @property
    def flows(self) -> NDArray[np.int64]:
        """Crossings so far (gate: inward, outward)."""
        return self._counts.flows

    @property
    def left_by_gate(self) -> NDArray[np.int64]:
        """How many have left by each gate so far."""
        return self._counts.left_by_gate

    @property
    def left_by_goal(self) -> NDArray[np.int64]:
        """How many have left at each goal so far."""
        return self._counts.left_by_goal

    @property
    def left(self) -> int:
        """How many have left so far."""
        return int(self.left_by_gate.sum() + self.left_by_goal.sum())

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        people = {f"people_{name}": values for name, values in self.people.arrays().items()}
        seen = np.zeros(0) if self._seen is None else self._seen
        return (
            people
            | {f"walkers_{name}": values for name, values in self._counts._asdict().items()}
            | {"walkers_seen": seen}
        )

    def set_gates(self, gates: Gates) -> None:
        """Open and shut gates; ways are found again where that changes them."""
        if gates is not self._gates:
            self._gates = gates
            self._way = self.finder.of(gates) if self._seen is None else self.finder.quickest(gates, self._seen)
            self._state = GateState(gates.shut, gates.metered, gates.way, gates.per_s * DECISION_S, self.takes)

    def walk(self, t: float, decisions: int, stairs: Stairs | None = None) -> None:
        """Move everybody from `t` by a number of decisions; over `stairs` (`Plan.stairs`) from level to level."""
        if self._way is None or self.people.count == 0:
            return
        if stairs is not None and not stairs.moved.size:
            stairs = None  # a venue of one level
        if round(t / DECISION_S) % round(LOOK_S / DECISION_S) == 0 and self._gates is not None:
            self._seen = self._crowd(stairs is not None)
            self._way = self.finder.quickest(self._gates, self._seen)
        times = t + DECISION_S * np.arange(decisions)
        rules = self._floor, self._state, self._way, self._law, self._steps
        if stairs is not None:
            twice = self.people.joined(self.people)
            both = Bodies(*twice.room()), Bodies(*twice)
            found = walk_storeys(both[1], both[0], self._counts, self.people.count, times, stairs, ON_STAIR_M, *rules)
        else:
            both = Bodies(*self.people.room()), Bodies(*self.people.room())
            found = walk(*both, self._counts, Bodies(*self.people), times, *rules)
        count, problem, k, figure = found
        if problem == OUTSIDE:
            raise NumericsError("crowd_outside", found=int(figure))
        if problem == PACKED:
            raise NumericsError("crowd_packed", time=float(times[k]), found=int(figure), expected=MOST_PAIRS)
        self.people = People(*both[(decisions - 1) % 2]).first(count)

    def without_a_way(self, now: float) -> int:
        """Return how many of those inside who are told to leave by `now` have no way to go as the gates stand.

        Beside a wall the raster has no way: who is pressed there has the one beside him.
        """
        if self._way is None:
            return 0
        who, cell, ways = self.people, self.plan.grid.cell_m, self._way
        rows, columns = ((along / cell).astype(np.int64) for along in (who.w, who.x))
        off = np.flatnonzero((who.leaves <= now) & (who.out < 0) & (ways.cost[who.group, rows, columns] >= FAR))
        bodies = Bodies(*who)
        return sum(beside(rows[i], columns[i], i, bodies, self._floor, self._state, ways)[0] < 0 for i in off)

    def _crowd(self, over_stairs: bool) -> NDArray[np.float64]:
        """Return the density that people see when they choose their way, persons/m2 on the raster of ways."""
        grid, x, w = self.plan.grid, self.people.x, self.people.w
        if over_stairs:
            x, w = self.plan.on_both_levels(x, w, ON_STAIR_M)
        count = np.zeros(grid.shape)
        np.add.at(count, ((w / grid.cell_m).astype(np.int64), (x / grid.cell_m).astype(np.int64)), 1.0 / grid.cell_m**2)
        return np.asarray(_smooth(count, grid.cell_m) / self._open)

    def leave(self, who: NDArray[Any], t: NDArray[np.float64]) -> None:
        """Tell people (by index) to leave, each at his time."""
        leaves = self.people.leaves.copy()
        leaves[who] = t
        self.people = self.people._replace(leaves=leaves)


def _smooth(values: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(values, SEEN_M / cell, mode="constant", truncate=3.0))


def _counts(plan: Plan, kept: Mapping[str, NDArray[Any]] | None) -> Counts:
    """Return the counts of a state, or of a run that begins."""
    if kept is not None:
        return Counts(**{name: kept[f"walkers_{name}"].copy() for name in Counts._fields})
    gates, goals = len(plan.gates), len(plan.goals)
    return Counts(np.ones(gates), np.zeros((gates, 2), np.int64), np.zeros(gates, np.int64), np.zeros(goals, np.int64))


def _floor(plan: Plan, finder: Finder) -> Floor:
    """Return a plan as the kernels see it."""
    grid = plan.grid
    line, gate_of = plan.lines
    wall_start, wall_list, wall_columns = lines_by_cell(grid, line, WALL_CELL_M, WALL_REACH_M)
    ends = np.array([plan.local(np.array(gate.shape.coords)[[0, -1]]) for gate in plan.gates])
    length = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    return Floor(
        line=line, gate_of=gate_of,
        wall_start=wall_start, wall_list=wall_list, wall_columns=wall_columns, wall_size=WALL_CELL_M,
        size=CELL_M, columns=int(np.ceil(grid.nx * grid.cell_m / CELL_M)), rows=int(np.ceil(grid.ny * grid.cell_m / CELL_M)),
        way_size=grid.cell_m, goal_of=finder.goal_of,
        wants=finder.wants,
        gate_end=ends[:, 0].copy(), gate_step=(ends[:, 1] - ends[:, 0]) / length[:, None], gate_long=length,
        rim=np.array([gate.rim for gate in plan.gates]), inner=np.array([gate.inner for gate in plan.gates]),
        rise_x=finder.rise[0], rise_w=finder.rise[1], stair=finder.stair,
    )  # fmt: skip
