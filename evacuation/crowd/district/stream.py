"""The crowd of a district as a density: groups that walk to their goals by the quickest way through each other.

Hughes 2002 (Transp. Res. B 36, 507, doi:10.1016/S0191-2615(01)00015-7): d rho / dt + div(rho v(R) n) = 0, n down the travel time whose
slope is 1 / v(R), R the density of all groups, v(R) of Weidmann 1993. Between two cells goes what the one behind sends and the one
before takes (Daganzo 1994), so queues grow back from where the way is narrow; no cell holds more than the density at which nobody moves.
Stairs and slopes are walked as slowly as by people (`kernels.decide.pace_on`). Who passes the middle of a stair that joins two levels is
set on the other one; the cells there are filled from both sides, so that one step may put a little more into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.crowd.kernels import stream
from evacuation.crowd.kernels.arrays import Ways
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from twin.jit import start_threads

Array = NDArray[np.float64]

#: Free walking speed, m/s (Weidmann 1993).
FREE_M_S = 1.34
#: The way through the crowd is found again after so long, s.
RENEWED_S = 5.0

#: How much people turn from their way to where it is less dense (Colombo et al. 2012, who take 0.1 to 0.8: assumed).
YIELDS = 0.8


def _most() -> tuple[float, float]:
    """Return the density of the largest flow (persons/m2) and that flow (persons/m/s)."""
    density = np.linspace(0.1, stream.JAM, 5301)
    flow = np.array([r * stream.speed(r, FREE_M_S) for r in density])
    return float(density[flow.argmax()]), float(flow.max())


FULL, MOST = _most()


class Stream:
    """Persons/m2 of each group, `walking` and `staying` (group, ny, nx), on the raster of a plan's ways.

    `out` counts who has left, by gate (goals of the venue count as no gate: the last), `sink` (ny, nx) is the place in it of the way out
    on a cell, -1 for none. A gate lets through what its width takes, or its barriers; one narrower than a cell is as wide as it is.
    `present` (ny, nx) are persons/m2 who stand in the way and are no part of the density: single people.
    """

    def __init__(
        self, plan: Plan, finder: Finder, gates: Gates, kept: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        start_threads()
        self.plan, self.finder, self.cell = plan, finder, plan.grid.cell_m
        shape = (len(finder.wanted), *plan.grid.shape)
        kept = kept or {}
        self.walking, self.staying = (kept.get(f"stream_{n}", np.zeros(shape)).copy() for n in ("walking", "staying"))
        self.out = kept.get("stream_out", np.zeros(len(plan.gates) + 1)).copy()
        self._right, self._down, self._give, self._x, self._w = (np.zeros(shape) for _ in range(5))
        self._take, self._total, self.present = (np.zeros(plan.grid.shape) for _ in range(3))
        #: a step, s: whole steps a second, and nobody crosses a cell in one
        self.dt = 1.0 / np.ceil(FREE_M_S * np.sqrt(2.0) / self.cell)
        self._open(gates)
        if "stream_ways" in kept and np.array_equal(kept["stream_gates"], _state(gates)):
            x, w = kept["stream_ways"]
            self._ways, self._since = Ways(x, w, kept["stream_cost"]), float(kept["stream_since"])

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        return {
            "stream_walking": self.walking,
            "stream_staying": self.staying,
            "stream_out": self.out,
            "stream_since": np.array(self._since),
            "stream_ways": np.stack([self._ways.x, self._ways.w]),
            "stream_cost": self._ways.cost,
            "stream_gates": _state(self._gates),
        }

    @property
    def cost(self) -> Array:
        """What the way of each group costs from each cell, m of free ground; (group, ny, nx), FAR where there is none."""
        return self._ways.cost

    @property
    def total(self) -> Array:
        """Persons/m2 of all groups and of those `present`, (ny, nx)."""
        return np.asarray((self.walking + self.staying).sum(axis=0) + self.present)

    @property
    def free(self) -> Array:
        """Persons/m2 of all groups where somebody stands who walks on: without those `present`, across the middle of stairs."""
        found = (self.walking + self.staying).sum(axis=0)
        self.finder.from_the_walked_halves(found)
        return np.asarray(found)

    @property
    def inside(self) -> float:
        """Persons inside."""
        return float((self.walking.sum() + self.staying.sum()) * self.cell**2)

    def set_gates(self, gates: Gates) -> None:
        """Open and shut gates from now on; the ways are found again where something changed."""
        if gates is not self._gates:
            self._open(gates)

    def _open(self, gates: Gates) -> None:
        self._gates, self._since = gates, np.inf
        self._ways = self.finder.of(gates)  # until the first second finds the quickest
        self._blocked = self.finder.wall.copy()
        self._share, self.sink = np.ones(self._blocked.shape), np.full(self._blocked.shape, -1)
        for k, gate in enumerate(self.plan.gates):
            cells = self.finder.gate_cells(k)
            if gates.shut[k]:
                self._blocked |= cells
                continue
            across = max(span(cells) * self.cell, self.cell)
            open_m = gate.shape.length if np.isinf(gates.per_s[k]) else min(gate.shape.length, gates.per_s[k] / MOST)
            self._share[cells] = np.minimum(self._share[cells], open_m / across)
            if gate.rim and not self.plan.goals and gates.lets_out(k):
                self.sink[self.finder.beyond_cells(k) & ~self._blocked] = k
        for shape in self.plan.goals.values():
            self.sink[self.finder.cells_of(shape) & ~self._blocked] = len(self.plan.gates)
        self._at = np.nonzero(self.sink >= 0)

    def floor(self) -> NDArray[np.bool_]:
        """Return the cells inside the walls that are no gate's."""
        return np.asarray(
            self.finder.walkable
            & ~np.logical_or.reduce([self.finder.gate_cells(k) for k in range(len(self.plan.gates))])
        )

    def walk(self, seconds: int) -> None:
        """Move the crowd on by whole seconds."""
        ratio = self.dt / self.cell
        for _ in range(seconds):
            self._change_levels()
            if self._since >= RENEWED_S:
                self._ways = self.finder.quickest(self._gates, self.total)
                self._since = 0.0
            for _ in range(round(1.0 / self.dt)):
                stream.add_up(self._total, self.walking, self.staying)
                self._total += self.present
                self.finder.from_the_walked_halves(self._total)
                stream.steer(
                    self._x, self._w, self._total, self.walking, self._ways.x, self._ways.w, self._blocked, YIELDS, self.cell
                )  # fmt: skip
                stream.cross(
                    self._right, self._down, self._total, self.walking, self._x, self._w, self._blocked, self._share,
                    self.finder.uneven, *self.finder.rise, self.finder.stair, FREE_M_S, FULL, MOST,
                )  # fmt: skip
                stream.shares(self._give, self._take, self._right, self._down, self._total, self.walking, ratio)
                stream.move(self.walking, self._right, self._down, self._give, self._take, ratio)
                self._change_levels()
                self._leave()
            self._since += 1.0

    def _change_levels(self) -> None:
        """Set who has passed the middle of a stair on its other level."""
        rows, columns, walked = self.finder.unwalked
        for density in (self.walking, self.staying) if len(rows) else ():
            density[:, rows, walked] += density[:, rows, columns]
            density[:, rows, columns] = 0.0

    def _leave(self) -> None:
        """Let go who has reached a way out."""
        rows, cols = self._at
        gone = self.walking[:, rows, cols].sum(axis=0) * self.cell**2
        if gone.any():
            np.add.at(self.out, self.sink[self._at], gone)
            self.walking[:, rows, cols] = 0.0


def _state(gates: Gates) -> Array:
    return np.stack([gates.shut, gates.way, gates.per_s]).astype(np.float64)


def span(cells: NDArray[np.bool_]) -> int:
    """Return how many cells wide a line of cells is."""
    rows, cols = np.nonzero(cells)
    return int(max(np.ptp(rows), np.ptp(cols)) + 1) if len(rows) else 1
