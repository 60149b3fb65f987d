"""A proven lower bound of the clearing time: nobody can clear the zones faster, whatever the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.bound import repeated_flow
from evacuation.movement.kernels.heap import HEAP

#: Travel times are rounded down to this, s: a bound must never be too late.
ROUND_S = 1e-3

#: Most paths that are looked for; those beyond could only be missed by a bound that is then too late, so it is not given.
MOST_PATHS = 20_000


@dataclass(frozen=True)
class RepeatedFlow:
    """The most that can reach the goals within a time: paths (path,) by length s, units/s, and links that may bind after each.

    `burst` is what one link can let pass at once above its rate: the weight of its heaviest traveller.
    """

    lengths: NDArray[np.float64]
    rates: NDArray[np.float64]
    cuts: NDArray[np.float64]
    burst: float

    def most(self, t: float) -> float:
        """Return how many units can have arrived by `t` s, in whole travellers: never less than what is possible."""
        used = int(np.searchsorted(self.lengths, t))
        if used == 0:
            return 0.0
        steady = float((self.rates[:used] * (t - self.lengths[:used])).sum())
        return steady + self.burst * float(self.cuts[used - 1])


def repeated_flow_of(
    *,
    nodes: int,
    up: NDArray[np.integer],
    down: NDArray[np.integer],
    time: NDArray[np.float64],
    capacity: NDArray[np.float64],
    source: NDArray[np.bool_],
    goal: NDArray[np.bool_],
    burst: float,
) -> RepeatedFlow:
    """Return the temporally repeated flow from all sources to all goals (node,); a node that is both counts for neither."""
    tables = []
    for ends in (up, down):
        order = np.argsort(ends, kind="stable").astype(np.int32)
        tables += [np.searchsorted(np.asarray(ends)[order], np.arange(nodes + 1)).astype(np.int32), order]
    lengths, rates, cuts = (np.zeros(MOST_PATHS) for _ in range(3))
    found = repeated_flow(
        lengths, rates, cuts, np.zeros(len(up)), np.zeros(nodes), np.zeros(nodes), np.zeros(nodes, HEAP), np.zeros(nodes, np.int64),
        np.floor(time / ROUND_S) * ROUND_S, capacity.astype(np.float64), up.astype(np.int32), down.astype(np.int32),
        *tables, source & ~goal, goal,
    )  # fmt: skip
    return RepeatedFlow(lengths[:found], rates[:found], np.maximum.accumulate(cuts[:found]), burst)


def least_time(flows: list[tuple[RepeatedFlow, float]], share: float, arrived: float) -> float:
    """Return a time before which it cannot be that `share` of all have arrived, s; 0 where nothing can be said.

    `flows` are the layers, each with the units that set out in it; `arrived` are those who are at their goal from the start.
    """
    total = arrived + sum(units for _, units in flows)
    wanted = share * total - 1e-6

    def possible(t: float) -> float:
        return arrived + sum(min(flow.most(t), units) for flow, units in flows)

    low, high = 0.0, 1.0
    if possible(low) >= wanted or any(len(flow.lengths) == MOST_PATHS for flow, _ in flows):
        return 0.0
    while possible(high) < wanted:
        low, high = high, 2.0 * high
        if high > 1e8:
            return 0.0
    while high - low > ROUND_S:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if possible(middle) >= wanted else (middle, high)
    return low
