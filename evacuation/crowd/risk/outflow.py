"""What goes out and how well: who has left by each exit, the flow of a gate for its width, and when it falters before a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.crowd.people.walkers import People
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan

#: Below this flow of a gate with a queue before it, persons/m/s, walking had turned to stop and go before the crush at Mina 2006
#: (Helbing, Johansson and Al-Abideen 2007, doi:10.1103/PhysRevE.75.046109).
FALTERS_PER_M_S = 0.8

#: The flow is a mean over this time, s (assumed: so many people that chance matters little).
WINDOW_S = 30

#: A queue: so dense, persons/m2, within this distance before the gate, m. At 1.75 persons/m2 people on the level pass quickest
#: (Weidmann 1993), so that a smaller flow there is no lack of people.
QUEUE_PER_M2, QUEUE_M = 2.0, 2.0


class Outflow:
    """Watches the gates second by second. A gate that is shut or metered lets few through because it shall: it never falters."""

    def __init__(self, plan: Plan, kept: Mapping[str, NDArray[Any]] | None = None) -> None:
        gates, kept = len(plan.gates), kept or {}
        ends = [plan.local(np.array(gate.shape.coords)[[0, -1]]) for gate in plan.gates]
        self._start = np.array([pair[0] for pair in ends])
        self.width = np.array([np.hypot(*(pair[1] - pair[0])) for pair in ends])
        self._along = np.array([pair[1] - pair[0] for pair in ends]) / self.width[:, None]
        self._sides = [(gate.inner,) if gate.rim else (1, -1) for gate in plan.gates]
        self._last = kept.get("outflow_last", np.zeros((WINDOW_S + 1, gates))).copy()
        self._queued = kept.get("outflow_queued", np.zeros(gates)).copy()
        self.largest = kept.get("outflow_largest", np.full(gates, np.nan)).copy()
        self.falters_after = kept.get("outflow_falters_after", np.full(gates, np.nan)).copy()
        self.falters_s = kept.get("outflow_falters_s", np.zeros(gates)).copy()

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        own = {"last": self._last, "queued": self._queued, "largest": self.largest}
        own |= {"falters_after": self.falters_after, "falters_s": self.falters_s}
        return {f"outflow_{name}": values for name, values in own.items()}

    def watch(self, people: People, crossings: NDArray[np.int64], gates: Gates, t: float) -> None:
        """Look at `crossings` (gate, 2) so far, at `t` seconds since the first run began, when a second more has passed."""
        self._last[:-1] = self._last[1:]
        self._last[-1] = crossings.sum(axis=1)
        queue = np.array([self._queue(k, people) for k in range(len(self.width))]) >= QUEUE_PER_M2
        self._queued = np.where(queue & ~gates.shut & ~gates.metered, self._queued + 1.0, 0.0)
        if t < WINDOW_S:
            return
        flow = (self._last[-1] - self._last[0]) / WINDOW_S / self.width
        self.largest = np.fmax(self.largest, flow)
        falters = (self._queued >= WINDOW_S) & (flow < FALTERS_PER_M_S)
        self.falters_after = np.where(falters & np.isnan(self.falters_after), t, self.falters_after)
        self.falters_s += falters

    def _queue(self, k: int, people: People) -> float:
        """Return persons/m2 before gate `k`, on its inner side, of one inside the venue on its fuller side."""
        dx, dw = people.x - self._start[k, 0], people.w - self._start[k, 1]
        along, off = dx * self._along[k, 0] + dw * self._along[k, 1], self._along[k, 0] * dw - self._along[k, 1] * dx
        near = (along >= 0.0) & (along <= self.width[k])
        counts = [int((near & (off * side > 0.0) & (off * side <= QUEUE_M)).sum()) for side in self._sides[k]]
        return float(max(counts) / (self.width[k] * QUEUE_M))


def exit_table(plan: Plan, left: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """Return, for each way out (gate of the rim, goal), how many have left by it (`left`) `s` seconds after the run began.

    `left` (second, gate and then goal) begins at the start of the run and counts from the first run on.
    """
    ids = [gate.id for gate in plan.gates] + list(plan.goals)
    out = [k for k, gate in enumerate(plan.gates) if gate.rim] + list(range(len(plan.gates), len(ids)))
    counts = np.array(left)[:, out]
    seconds = np.arange(len(counts), dtype=np.float64)
    return pd.DataFrame(
        {
            "id": np.repeat([ids[k] for k in out], len(counts)),
            "s": np.tile(seconds, len(out)),
            "left": counts.T.ravel().astype(np.float64),
        }
    )
