"""How near a plan comes to the bound: a crowded grid, with everybody to the nearest shelter, and with approaches by plan."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels import paths
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.people.staging import Trial, staged
from evacuation.movement.proofs.worlds import Web, grid, run
from evacuation.movement.roads.assignment import assign
from evacuation.movement.roads.expanded import Roads, expanded_of
from twin.proof import Reference

#: Cars, mean of Rayleigh's departures, s, zones a side, and how many cars above its share an approach may be given.
CARS, MEAN_S, ZONES, SLACK = 200_000, 900.0, 10, 1.01

SIDE, SHELTERS = 50, 16


class Approaches:
    """The approaches (links that end at a shelter) as groups of goals; nobody drives through a shelter."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.links = np.flatnonzero(np.isin(web.down, web.goals))
        self._order = np.argsort(web.down, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(web.down[self._order], np.arange(web.nodes + 1)).astype(np.int32)
        self._through = np.isin(web.up, web.goals) | np.isin(web.down, web.goals)

    def ways(self, cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return the cost (approach, node), s, of the way from each node by each approach and the link it begins with."""
        web, count = self.web, len(self.links)
        found, lead = np.zeros((count, web.nodes)), np.zeros((count, web.nodes), np.int32)
        before = web.up[self.links].astype(np.int32)
        paths.ways(
            found, lead, np.zeros(web.nodes, HEAP), np.where(self._through, np.inf, cost), web.up, self._starts, self._order,
            np.arange(count + 1, dtype=np.int32), before,
        )  # fmt: skip
        found += cost[self.links][:, None]
        lead[np.arange(count), before] = self.links
        found[:, web.goals], lead[:, web.goals] = 0.0, -2
        return found, lead


def _by_plan(web: Web, approaches: Approaches, home: NDArray[np.int32], cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the approach of each car, so that all are used by their capacity and the ways together are shortest."""
    away = np.bincount(home, minlength=web.nodes).astype(float)
    away[web.goals] = 0.0
    share = web.capacity[approaches.links] / web.capacity[approaches.links].sum()
    quota, _ = assign(away, cost.T.copy(), np.ceil(SLACK * away.sum() * share))
    group, rng = np.zeros(len(home), np.int64), np.random.default_rng(2)
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(web.nodes + 1))
    for node in np.flatnonzero(away > 0.0):
        chosen = np.repeat(np.arange(len(approaches.links)), quota[node].astype(int))
        group[order[starts[node] : starts[node + 1]]] = rng.permutation(chosen)
    return group


def roads_of(web: Web) -> Roads:
    """Return a web of cars as the roads of a bound: never shut, with places for all."""
    one = np.ones(len(web.up))
    return Roads(
        web.nodes, web.up, web.down, web.length / web.speed, web.capacity, one, one, np.array([0, len(web.goals)]), web.goals,
        np.array([np.inf]), np.zeros(1), np.zeros((1, len(web.up)), bool),
    )  # fmt: skip


@cache
def gap(_: Reference) -> dict[str, float]:
    """Return T95 over its bound on the grid: `unsearched`, everybody to the nearest shelter; `planned`, approaches and release by plan.

    The bound is that of every plan: the time-expanded one with all people ready to leave at once.
    """
    rng = np.random.default_rng(1)
    web = grid(SIDE, SHELTERS, rng)
    home = rng.integers(0, web.nodes, CARS).astype(np.int32)
    when = MEAN_S / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-rng.random(CARS)))
    nearest = float(np.quantile(run(web, home, when).travellers["safe"], 0.95, method="inverted_cdf"))
    approaches = Approaches(web)
    free, _lead = approaches.ways(web.length / web.speed)
    group = _by_plan(web, approaches, home, free)
    row, column = home // SIDE, home % SIDE
    zone = (row * ZONES // SIDE) * ZONES + column * ZONES // SIDE
    people = np.bincount(zone, minlength=ZONES * ZONES)

    def trial(delays: NDArray[np.float64]) -> Trial:
        queues, leave, t = web.queues(home), when + delays[zone], 0.0
        queues.travellers["group"] = group
        order = np.argsort(leave, kind="stable")
        queues.set_out(order, home[order], leave[order])
        while np.isnan(queues.travellers["safe"]).any() and t < 36_000.0:
            queues.advance(approaches.ways(web.cost(queues))[1], t, t + 60.0)
            t += 60.0
        safe = queues.travellers["safe"]
        wait = np.bincount(zone, safe - leave - free[group, home], len(people)) / people
        return Trial(float(np.quantile(safe, 0.95, method="inverted_cdf")), wait)

    delays, best, at_once = staged(trial, ZONES * ZONES, rounds=3)
    least = expanded_of(roads_of(web), home, np.zeros(CARS), np.ones(CARS), best.t95_s).least_time(0.95 * CARS - 1e-6)
    return {
        "unsearched": nearest / least,
        "assigned": at_once.t95_s / least,
        "planned": best.t95_s / least,
        "held_zones": float((delays > 0.0).sum()),
    }
