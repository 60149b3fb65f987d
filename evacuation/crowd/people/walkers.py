"""People in motion: arrays by person, moved from decision to decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from evacuation.crowd.kernels.motion import MOST_PAIRS, Law, decide, press, sort_by_cell
from evacuation.crowd.people.law import DECISION_S, Pressing
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder, Ways
from twin.errors import NumericsError
from twin.jit import start_threads

#: Cells in which people are sorted and walls are looked up, m; walls within WALL_REACH_M of a cell are known in it.
CELL_M, WALL_CELL_M, WALL_REACH_M = 0.5, 1.0, 0.7

#: A crowd smaller than this is moved by one thread.
FEW = 3000

#: What is kept of walkers beside the people.
KEPT = ("tokens", "flows", "left_by_gate", "left_by_goal")

#: Nobody is let through a metered gate from further away than this, m.
AT_GATE_M = 0.6


@dataclass(frozen=True)
class People:
    """Everybody inside, an array each: place (m, local), velocity, radius, free speed, group of goals, when he leaves (s on the clock,
    inf: not told yet), number, the metered gate he may pass (-1: none), contacts, load (N), toxic dose."""

    x: NDArray[np.float64]
    w: NDArray[np.float64]
    vx: NDArray[np.float64]
    vw: NDArray[np.float64]
    radius: NDArray[np.float64]
    free: NDArray[np.float64]
    group: NDArray[np.int32]
    leaves: NDArray[np.float64]
    number: NDArray[np.int64]
    passed: NDArray[np.int32]
    touching: NDArray[np.int32]
    load: NDArray[np.float64]
    dose: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.x)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def chosen(self, which: NDArray[Any]) -> People:
        """Return those of a mask, or in an order of indices."""
        return People(**{name: values[which] for name, values in self.arrays().items()})

    def joined(self, others: People) -> People:
        """Return these people and others after them."""
        return People(**{n: np.concatenate([v, getattr(others, n)]) for n, v in self.arrays().items()})

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[Any]]) -> People:
        """Return the people of a state (`Walkers.record`)."""
        return cls(**{f.name: kept[f"people_{f.name}"].copy() for f in fields(cls)})

    @classmethod
    def standing(cls, at: NDArray[np.float64], **who: NDArray[Any]) -> People:
        """Return people who stand at (n, 2) local places; `who` holds radius, free, group, leaves and number."""
        n = len(at)
        return cls(
            x=np.ascontiguousarray(at[:, 0], dtype=np.float64),
            w=np.ascontiguousarray(at[:, 1], dtype=np.float64),
            vx=np.zeros(n), vw=np.zeros(n),
            passed=np.full(n, -1, np.int32), touching=np.zeros(n, np.int32), load=np.zeros(n), dose=np.zeros(n),
            radius=who["radius"].astype(np.float64), free=who["free"].astype(np.float64),
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
        self.law: Law = pressing.law
        self._steps = pressing.steps
        grid = plan.grid
        self._line, self._gate_of = plan.lines
        self._columns = int(np.ceil(grid.nx * grid.cell_m / CELL_M))
        self._rows = int(np.ceil(grid.ny * grid.cell_m / CELL_M))
        self._wall_start, self._wall_list, self._wall_columns = _walls_by_cell(plan, self._line)
        self._start = np.zeros(self._columns * self._rows + 1, np.int64)
        self._way: Ways | None = None
        self.gates: Gates | None = None
        self.tokens = np.ones(len(plan.gates))
        self.flows = np.zeros((len(plan.gates), 2), np.int64)
        self.left_by_gate = np.zeros(len(plan.gates), np.int64)
        self.left_by_goal = np.zeros(len(plan.goals), np.int64)
        for name in KEPT if kept is not None else ():
            setattr(self, name, kept[f"walkers_{name}"].copy())  # type: ignore[index]
        self.steps = 0
        start_threads()

    @property
    def left(self) -> int:
        """How many have left so far."""
        return int(self.left_by_gate.sum() + self.left_by_goal.sum())

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        people = {f"people_{name}": values for name, values in self.people.arrays().items()}
        return people | {f"walkers_{name}": getattr(self, name) for name in KEPT}

    def set_gates(self, gates: Gates) -> None:
        """Open and shut gates; ways are found again where that changes them."""
        self.gates, self._way = gates, self.finder.of(gates)

    def walk(self, t: float, decisions: int) -> None:
        """Move everybody from `t` by a number of decisions; a small crowd on one thread, which spares it the waiting."""
        threads = numba.get_num_threads()
        if self.people.count < FEW:
            numba.set_num_threads(1)
        try:
            for k in range(decisions):
                self._decide_and_move(t + k * DECISION_S)
        finally:
            numba.set_num_threads(threads)

    def _decide_and_move(self, t: float) -> None:
        gates, way, law = self.gates, self._way, self.law
        if gates is None or way is None or self.people.count == 0:
            return
        self._meter(gates, t)
        people = self._sorted()
        n = people.count
        want_x, want_w = np.empty(n), np.empty(n)
        pair, pairs = np.empty((n, MOST_PAIRS), np.int32), np.empty(n, np.int32)
        walls = self._line, self._gate_of, gates.shut, gates.metered, gates.way
        found = self._wall_start, self._wall_list, WALL_CELL_M, self._wall_columns
        most = decide(
            want_x, want_w, pair, pairs, np.empty(n), people.x, people.w, people.vx, people.vw, people.radius, people.free,
            people.group, people.leaves, people.passed, t, self._start, CELL_M, self._columns, self._rows,
            way.x, way.w, way.cost, self.plan.grid.cell_m, *walls, *found, law,
        )  # fmt: skip
        if most > MOST_PAIRS:
            raise NumericsError("crowd_packed", time=t, found=int(most), expected=MOST_PAIRS)
        crossed = np.zeros(n, np.int32)
        scratch = np.empty(n), np.empty(n), np.empty(n, np.int32)
        press(
            people.x, people.w, people.vx, people.vw, people.touching, people.load, crossed, *scratch,
            want_x, want_w, pair, pairs, people.radius, people.passed, *walls, *found, law, self._steps,
        )  # fmt: skip
        self.steps += self._steps
        self.people = self._after(people, crossed, t)

    def _sorted(self) -> People:
        """Return people in the order of their cells."""
        n = self.people.count
        order, cell = np.empty(n, np.int64), np.empty(n, np.int64)
        who = sort_by_cell(order, self._start, cell, self.people.x, self.people.w, CELL_M, self._columns, self._rows)
        if who >= 0:
            raise NumericsError("crowd_outside", found=int(self.people.number[who]))
        return self.people.chosen(order)

    def _after(self, people: People, crossed: NDArray[np.int32], t: float) -> People:
        """Count who crossed a gate, and let go who left by one or reached a goal."""
        gone = np.zeros(people.count, bool)
        for i in np.flatnonzero(crossed):
            k, sign = abs(int(crossed[i])) - 1, 1 if crossed[i] > 0 else -1
            gate = self.plan.gates[k]
            inward = sign == gate.inner
            self.flows[k, 0 if inward else 1] += 1
            people.passed[i] = -1
            if gate.rim and not inward:
                self.left_by_gate[k] += 1
                gone[i] = True
        if self.plan.goals:
            cell = self.plan.grid.cell_m
            goal = self.finder.goal_of[(people.w / cell).astype(np.int64), (people.x / cell).astype(np.int64)]
            for i in np.flatnonzero((goal > 0) & (people.leaves <= t) & ~gone):
                if list(self.plan.goals)[goal[i] - 1] in self.finder.wanted[people.group[i]]:
                    self.left_by_goal[goal[i] - 1] += 1
                    gone[i] = True
        return people.chosen(~gone) if gone.any() else people

    def _meter(self, gates: Gates, t: float) -> None:
        """Give passes at metered gates, to the nearest who wants to go through, so many a second and never two at once.

        A gate that lets nobody through gives none, not even the one that it has saved.
        """
        people = self.people
        for k in np.flatnonzero(gates.metered & (gates.per_s > 0.0)):
            self.tokens[k] = min(self.tokens[k] + gates.per_s[k] * DECISION_S, max(1.0, gates.per_s[k] * DECISION_S))
            while self.tokens[k] >= 1.0:
                who = self._next_at(int(k), t)
                if who is None:
                    break
                people.passed[who] = k
                self.tokens[k] -= 1.0

    def _next_at(self, k: int, t: float) -> int | None:
        """Return who is nearest to a gate, has left and holds no pass yet, and whose way leads through it; None for nobody."""
        people, way = self.people, self._way
        ends = self.plan.local(np.array(self.plan.gates[k].shape.coords)[[0, -1]])
        middle, half = ends.mean(axis=0), np.hypot(*(ends[1] - ends[0])) / 2 + AT_GATE_M
        near = np.flatnonzero(
            (np.abs(people.x - middle[0]) < half) & (np.abs(people.w - middle[1]) < half)
            & (people.passed != k) & (people.leaves <= t)
        )  # fmt: skip
        if not len(near) or way is None:
            return None
        x, w = people.x[near], people.w[near]
        step = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
        along = (x - ends[0, 0]) * step[0] + (w - ends[0, 1]) * step[1]
        off = step[0] * (w - ends[0, 1]) - step[1] * (x - ends[0, 0])
        cell = self.plan.grid.cell_m
        row, col = (w / cell).astype(np.int64), (x / cell).astype(np.int64)
        heading = way.w[people.group[near], row, col] * step[0] - way.x[people.group[near], row, col] * step[1]
        wants = (np.abs(off) < AT_GATE_M) & (along > 0) & (along < 2 * (half - AT_GATE_M)) & (heading * off < 0)
        if not wants.any():
            return None
        own = np.flatnonzero(wants)
        return int(near[own[np.lexsort((people.number[near][own], np.abs(off[own])))[0]]])

    def leave(self, who: NDArray[Any], t: NDArray[np.float64]) -> None:
        """Tell people (by index) to leave, each at his time."""
        leaves = self.people.leaves.copy()
        leaves[who] = t
        self.people = replace(self.people, leaves=leaves)


def _walls_by_cell(plan: Plan, line: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    """Return, as a ragged array by cell of WALL_CELL_M, the lines within WALL_REACH_M of each cell."""
    grid = plan.grid
    columns = int(np.ceil(grid.nx * grid.cell_m / WALL_CELL_M)) + 1
    rows = int(np.ceil(grid.ny * grid.cell_m / WALL_CELL_M)) + 1
    cells, lines = [], []
    reach = WALL_REACH_M + WALL_CELL_M * np.sqrt(0.5)
    for s, (x0, w0, x1, w1) in enumerate(line):
        c = np.arange(max(int(min(x0, x1) - reach), 0), min(int(max(x0, x1) + reach) + 1, columns))
        r = np.arange(max(int(min(w0, w1) - reach), 0), min(int(max(w0, w1) + reach) + 1, rows))[:, None]
        xx, ww = (c + 0.5) * WALL_CELL_M, (r + 0.5) * WALL_CELL_M
        length = (x1 - x0) ** 2 + (w1 - w0) ** 2
        along = np.clip(((xx - x0) * (x1 - x0) + (ww - w0) * (w1 - w0)) / length, 0.0, 1.0)
        near = np.hypot(xx - x0 - along * (x1 - x0), ww - w0 - along * (w1 - w0)) <= reach
        hit = np.broadcast_to(r * columns + c, near.shape)[near]
        cells.append(hit)
        lines.append(np.full(len(hit), s, np.int32))
    cell, of = np.concatenate(cells), np.concatenate(lines)
    order = np.lexsort((of, cell))
    return np.searchsorted(cell[order], np.arange(columns * rows + 1)), of[order], columns
