"""In what order the buses of one fleet fetch the trips of several blocks, so that the last trip ends as early as possible.

A trip is one busload from one stop to one goal. The search is PyVRP's iterated local search (Wouda, Lan and Kool 2024,
doi:10.1287/ijoc.2023.0055), which asks whether all trips can end by a given moment; that moment is halved down between a bound and the
end of the plain rule that gives each trip to the bus that ends it first. It is a heuristic: a shorter plan may exist.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvrp
from numpy.typing import NDArray
from pyvrp.stop import FirstFeasible, MaxIterations, MultipleCriteria

#: Iterations after which a moment counts as out of reach, and the seed: fixed, so that a plan does not depend on the machine's speed.
ITERATIONS, SEED = 300, 1

#: The search ends when the bound, or a moment out of reach, lies no more than this before the plan's end, s.
CLOSE_S = 10


def least_end(ready_s: NDArray[np.int64], lasts_s: NDArray[np.int64], between_s: NDArray[np.int64], buses: int) -> int:
    """Return a moment, s, before which no plan can end: that of the latest single trip, or of an even share of all driving.

    A bus that does not begin with a trip comes to it from somewhere: at least by the shortest way there.
    """
    away = between_s + np.where(np.eye(len(ready_s), dtype=bool), np.iinfo(np.int64).max // 2, 0)
    ways = np.sort(away.min(axis=0))[: max(len(ready_s) - buses, 0)]
    return int(max((ready_s + lasts_s).max(), -(-int(lasts_s.sum() + ways.sum()) // buses)))


def rounds_of(
    ready_s: NDArray[np.int64], lasts_s: NDArray[np.int64], between_s: NDArray[np.int64], buses: int
) -> list[list[int]]:
    """Return the trips of each bus that is used, in their order; a bus begins at the stop of its first trip at 0 s.

    Trip i begins at `ready_s` (trip,) at the earliest and takes its bus `lasts_s` (trip,) s; `between_s` (trip, trip) is the way from
    the goal of the row to the stop of the column. The end of a bus is t(k) = max(t(k-1) + between, ready) + lasts, whole seconds.
    """
    best = _in_turn(ready_s, lasts_s, between_s, buses)
    low, high = least_end(ready_s, lasts_s, between_s, buses), end_of(best, ready_s, lasts_s, between_s)
    while high - low > CLOSE_S:
        limit = (low + high) // 2
        found = _within(limit, ready_s, lasts_s, between_s, buses)
        if found is None:
            low = limit + 1
        else:
            best, high = found, end_of(found, ready_s, lasts_s, between_s)
    return sorted(best)


def end_of(
    rounds: list[list[int]], ready_s: NDArray[np.int64], lasts_s: NDArray[np.int64], between_s: NDArray[np.int64]
) -> int:
    """Return when the last bus has ended its trips, s."""
    last = 0
    for trips in rounds:
        now, before = 0, -1
        for i in trips:
            now = max(now + (int(between_s[before, i]) if before >= 0 else 0), int(ready_s[i])) + int(lasts_s[i])
            before = i
        last = max(last, now)
    return last


def _in_turn(
    ready_s: NDArray[np.int64], lasts_s: NDArray[np.int64], between_s: NDArray[np.int64], buses: int
) -> list[list[int]]:
    """Return the rounds of the plain rule: who is ready first is given to the bus that ends the trip first."""
    rounds: list[list[int]] = [[] for _ in range(buses)]
    free = np.zeros(buses, np.int64)
    for i in np.argsort(ready_s, kind="stable"):
        way = np.array([between_s[trips[-1], i] if trips else 0 for trips in rounds])
        ends = np.maximum(free + way, ready_s[i]) + lasts_s[i]
        bus = int(np.argmin(ends))
        rounds[bus].append(int(i))
        free[bus] = ends[bus]
    return [trips for trips in rounds if trips]


def _within(
    limit: int, ready_s: NDArray[np.int64], lasts_s: NDArray[np.int64], between_s: NDArray[np.int64], buses: int
) -> list[list[int]] | None:
    """Return rounds that end by `limit` s, None where the search finds none. Of them it looks for those with the least driving."""
    count = len(ready_s)
    ways = np.zeros((count + 1, count + 1), np.int64)  # place 0: where no bus has to come from
    ways[1:, 1:] = between_s
    np.fill_diagonal(ways, 0)
    matrices: list[Any] = [ways]  # distances, then durations: driving is what costs
    data = pyvrp.ProblemData(
        [pyvrp.Location(0.0, 0.0)] * (count + 1),
        [
            pyvrp.Client(location=i + 1, service_duration=int(lasts_s[i]), tw_early=int(ready_s[i]), tw_late=limit)
            for i in range(count)
        ],
        [pyvrp.Depot(location=0)],
        [pyvrp.VehicleType(num_available=buses, tw_late=limit)],
        matrices,
        matrices,
    )
    stop = MultipleCriteria([FirstFeasible(), MaxIterations(ITERATIONS)])
    best = pyvrp.solve(data, stop, seed=SEED, collect_stats=False).best
    if not best.is_feasible():
        return None
    return [[a.idx for a in route.schedule() if a.is_client()] for route in best.routes()]
