"""Who should go to which shelter so that all together travel least: the transport problem (Hitchcock 1941), a minimum-cost flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

#: What a person without a place costs above the dearest way, as a multiple of it: nobody is left out to spare others a way.
NO_PLACE = 1e3


def assign(
    people: NDArray[np.float64], cost: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return how many of each zone go to each goal, (zone, goal), whole persons, and what all their ways cost together.

    `people` (zone,) and `places` (goal,) are whole, places may be infinite; `cost` (zone, goal) is that of one person's way,
    infinite where none leads. Who finds no place goes nowhere and costs nothing here.
    """
    zone, goal = np.nonzero(np.isfinite(cost) & (people[:, None] > 0) & (places > 0))
    found = np.zeros(cost.shape)
    if not len(zone):
        return found, 0.0
    ways, zones, goals = len(zone), *cost.shape
    dear = NO_PLACE * (1.0 + cost[zone, goal].max())
    columns = np.arange(ways)
    leave = coo_array(
        (np.ones(ways + zones), (np.r_[zone, np.arange(zones)], np.r_[columns, ways + np.arange(zones)])),
        shape=(zones, ways + zones),
    )
    enter = coo_array((np.ones(ways), (goal, columns)), shape=(goals, ways + zones)).tocsr()
    few = np.isfinite(places)
    solved = linprog(
        np.r_[cost[zone, goal], np.full(zones, dear)],
        A_ub=enter[few] if few.any() else None, b_ub=places[few] if few.any() else None, A_eq=leave, b_eq=people,
        method="highs-ds",
    )  # fmt: skip
    found[zone, goal] = np.rint(solved.x[:ways])
    return found, float((found[zone, goal] * cost[zone, goal]).sum())


def assign_in_time(
    people: NDArray[np.float64], cost: NDArray[np.float64], flow: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how many of each zone go to each goal, (zone, goal), so that the last way ends about as early as it can.

    A goal that takes `flow` (goal,) persons a second serves in a time T as many as arrive between its nearest zone's `cost`
    (zone, goal), s, and T. The least T by which as many as ever find a place are served is found by halving, to a hundredth; with it,
    all ways together are shortest (`assign`). `places` (goal,) may be infinite.
    """
    with np.errstate(invalid="ignore"):
        nearest = np.where(people[:, None] > 0.0, cost, np.inf).min(axis=0, initial=np.inf)
    if not np.isfinite(nearest).any():
        return np.zeros(cost.shape)

    def within(t: float) -> NDArray[np.float64]:
        room = np.ceil(flow * np.maximum(t - np.where(np.isfinite(nearest), nearest, t), 0.0))
        return assign(people, np.where(cost <= t, cost, np.inf), np.minimum(room, places))[0]

    least = float(nearest.min())
    most = float(np.where(np.isfinite(cost), cost, 0.0).max()) + people.sum() / flow[np.isfinite(nearest)].min() + 1.0
    best = within(most)
    while most - least > 0.01 * most:
        middle = 0.5 * (least + most)
        found = within(middle)
        if found.sum() >= best.sum():
            most, best = middle, found
        else:
            least = middle
    return best
