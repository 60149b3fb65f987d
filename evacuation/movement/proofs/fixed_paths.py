"""Cars on fixed paths, the same for this model and for UXsim: what both make of one network is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.kernels import paths
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.proofs.worlds import Web, grid
from evacuation.movement.roads.queues import Queues
from twin.proof import Reference, Skip

#: The diagram of a lane that both are given: jam 0.14 cars a metre, gaps back at 5 m/s, 50 km/h; it carries 1853 cars an hour.
JAM_M, WAVE_M_S, FREE_M_S = 0.14, 5.0, 50.0 / 3.6
LANE_S = JAM_M * FREE_M_S * WAVE_M_S / (FREE_M_S + WAVE_M_S)


@dataclass(frozen=True)
class FixedPaths:
    """Cars (car,) that set out from node `home` at `when`, s, for node `goal`, each by the free way that is shortest.

    `lanes` (link,) are whole; `lead` (goal, node) is the link that leads on to each of the `goals`.
    """

    web: Web
    lanes: NDArray[np.int64]
    home: NDArray[np.int32]
    goal: NDArray[np.int32]
    when: NDArray[np.float64]
    goals: NDArray[np.int32]
    lead: NDArray[np.int32]

    def run(self, most_s: float = 36_000.0) -> Queues:
        """Move all cars until they have arrived."""
        queues = self.web.queues(self.home)
        queues.travellers["group"] = np.searchsorted(self.goals, self.goal)
        order = np.argsort(self.when, kind="stable")
        queues.set_out(order, self.home[order], self.when[order])
        t = 0.0
        while t < most_s and np.isnan(queues.travellers["safe"]).any():
            queues.advance(self.lead, t, t + 600.0)
            t += 600.0
        return queues


def _fixed(
    web: Web, lanes: NDArray[np.int64], home: NDArray[np.int32], goal: NDArray[np.int32], when: NDArray[np.float64]
) -> FixedPaths:
    """Return the case with the shortest free ways to all goals; cars that are at their goal are left out."""
    away = home != goal
    goals = np.unique(goal[away])
    order = np.argsort(web.down, kind="stable").astype(np.int32)
    starts = np.searchsorted(web.down[order], np.arange(web.nodes + 1)).astype(np.int32)
    shape = (len(goals), web.nodes)
    cost, lead = np.zeros(shape), np.zeros(shape, np.int32)
    paths.ways(
        cost, lead, np.zeros(web.nodes, HEAP), web.length / web.speed, web.up, starts, order,
        np.arange(len(goals) + 1, dtype=np.int32), goals,
    )  # fmt: skip
    return FixedPaths(web, lanes, home[away], goal[away], when[away], goals, lead)


def sioux_falls(cars: int = 60_000, seed: int = 4) -> FixedPaths:
    """Return Sioux Falls with cars between random nodes that set out within an hour."""
    table = pd.read_csv(files("evacuation.movement.proofs").joinpath("sioux_falls.csv").open(), comment="#")
    ends = table[["from", "to"]].values - 1
    up, down = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    capacity, minutes = np.tile(table["veh_h"].values / 3600.0, 2), np.tile(table["minutes"].values, 2)
    lanes, length = np.ceil(capacity / LANE_S), 60.0 * minutes * FREE_M_S
    count = len(up)
    web = Web(
        24, up.astype(np.int32), down.astype(np.int32), length, np.full(count, FREE_M_S), capacity,
        JAM_M * lanes * length, np.full(count, WAVE_M_S), np.zeros(0, np.int32),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    home, goal = (rng.integers(0, 24, cars).astype(np.int32) for _ in range(2))
    return _fixed(web, lanes.astype(np.int64), home, goal, rng.uniform(0.0, 3600.0, cars))


def grid_of(cars: int, seed: int = 1) -> FixedPaths:
    """Return a grid of 2,500 nodes and 9,800 links of two lanes, and cars that go to the nearest of 16 shelters."""
    rng = np.random.default_rng(seed)
    web = grid(50, 16, rng)
    home = rng.integers(0, web.nodes, cars).astype(np.int32)
    when = 900.0 / np.sqrt(np.pi / 2.0) * np.sqrt(-2.0 * np.log1p(-rng.random(cars)))
    return to_nearest(web, np.full(len(web.up), 2), home, when)


def to_nearest(web: Web, lanes: NDArray[np.int64], home: NDArray[np.int32], when: NDArray[np.float64]) -> FixedPaths:
    """Return cars that each go to the nearest of the web's goals on free roads."""
    lead = web.ways(web.length / web.speed)[0]
    end = np.arange(web.nodes, dtype=np.int32)
    for _ in range(web.nodes):
        on = lead[end] >= 0
        if not on.any():
            break
        end[on] = web.down[lead[end[on]]]
    return _fixed(web, lanes, home, end[home], when)


CASES: dict[str, Callable[[], FixedPaths]] = {
    "sioux-falls": sioux_falls,
    **{f"grid-{cars // 1000}k": partial(grid_of, cars) for cars in (10_000, 50_000, 200_000)},
}


@cache
def travel_s(name: str) -> float:
    """Return the mean time from setting out to arrival of a case's cars, s; NaN where some do not arrive."""
    case = CASES[name]()
    return float((case.run().travellers["safe"] - case.when).mean())


def against_uxsim(name: str, _: Reference) -> float:
    """Return by how much the mean travel time of a case differs from that of UXsim, as a share of it.

    UXsim's figures are kept in `uxsim.csv`; `anlan bench movement --only movement/<case>` makes them anew where it is installed.
    """
    table = pd.read_csv(files("evacuation.movement.proofs").joinpath("uxsim.csv").open(), comment="#").set_index("case")
    if name not in table.index:
        raise Skip(f"uxsim.csv holds no figure of {name}")
    return abs(travel_s(name) / float(table.loc[name, "travel_s"]) - 1.0)
