"""By which links people reach their goals: turns that are held or barred, and goals that are reached by one approach alone.

Who stands at the end of a link chooses the next one there. Most links share the choice of the junction they end at. One at whose end
a turn is held or barred, or that is an approach of its own, has its own choice: a node beyond those of the network, from which the
links of the junction lead on. So such a turn needs no other shortest paths than all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels import paths
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.roads.goals import Goals
from evacuation.movement.roads.network import CAR, Network
from evacuation.movement.roads.turns import barred_turns, turn_of
from twin.city import City
from twin.hazard import Action

#: Nodes of all groups below which waking a second thread costs more than it saves: some 5 ms of work.
FEW = 50_000


@dataclass(frozen=True)
class Routes:
    """Ways to groups of goals: the shelters, their approaches by car (where a plan uses them), last the ways out of the city.

    `at` (link,) is the node at which one chooses at the end of each link, `junction` (node,) the node of the network that a choice is
    made at. A choice (choice,) is taken at the node `up` and is the link `link`; `through` leads on from an approach, `held` are choices
    that a measure shuts while it stands. `serves` (group,) is the row of `Goals.places` that a group belongs to, `approach` (group,) the
    link it comes by, -1 for any. Goals of group g are `node[start[g]:start[g + 1]]`.
    """

    nodes: int
    at: NDArray[np.int32]
    junction: NDArray[np.int32]
    up: NDArray[np.int32]
    link: NDArray[np.int32]
    into: tuple[NDArray[np.int32], NDArray[np.int32]]
    through: NDArray[np.bool_]
    held: tuple[tuple[int, Action], ...]
    serves: NDArray[np.int64]
    approach: NDArray[np.int64]
    start: NDArray[np.int32]
    node: NDArray[np.int32]

    @property
    def groups(self) -> int:
        """Number of groups of goals."""
        return len(self.serves)

    def ways(
        self, cost: NDArray[np.float64], t: float | None = None,
        kept_out: NDArray[np.int32] | None = None, keeps: float = 0.0,
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:  # fmt: skip
        """Return the least cost (group, node), s, of a way from each node and the link that one takes, at link costs (link,), s.

        Turns that are held at `t`, s on the clock, are not taken; without `t` none is held. That link begins the least way, or it is
        that of the choice `kept_out` (group, node; -1 for none) as long as the way by it costs at most 1 + `keeps` of the least;
        `kept_out` is then what is chosen now. With `keeps` of 0 it is neither read nor written.
        """
        each = cost[self.link]
        for choice, action in self.held:
            if t is not None and action.active(t):
                each[choice] = np.inf
        shape = (self.groups, self.nodes)
        found, lead = np.zeros(shape), np.zeros(shape, np.int32)
        own = np.flatnonzero(self.approach >= 0)
        first, last = (int(own[0]), int(own[-1]) + 1) if len(own) else (self.groups, self.groups)
        # who comes by an approach does not drive through a goal on the way
        for a, b, costs in (
            (0, first, each),
            (first, last, np.where(self.through, np.inf, each)),
            (last, self.groups, each),
        ):
            beside = (b - a) * self.nodes >= FEW
            heap = np.zeros((b - a, self.nodes) if beside else self.nodes, HEAP)
            find = paths.ways_beside if beside else paths.ways
            if a < b:
                find(found[a:b], lead[a:b], heap, costs, self.up, *self.into, self.start[a : b + 1], self.node)
                if kept_out is not None and keeps > 0.0:
                    paths.keep_ways(lead[a:b], kept_out[a:b], found[a:b], costs, self.at[self.link], keeps)
        if kept_out is not None and keeps > 0.0:
            kept_out[:] = lead
        return found, lead if len(self.link) == len(self.at) else np.where(lead >= 0, self.link[lead], lead)

    def back(self, node: int, cost: NDArray[np.float64], t: float) -> NDArray[np.float64]:
        """Return what the way from each group's goal to a node takes at `t`, (group,), s, at link costs (link,)."""
        one, ends = np.zeros((1, self.nodes)), np.flatnonzero(self.junction == node).astype(np.int32)
        each = cost[self.link]
        for choice, action in self.held:
            if action.active(t):
                each[choice] = np.inf
        paths.ways(
            one, np.zeros(one.shape, np.int32), np.zeros(self.nodes, HEAP), each, self.up, *self.into,
            np.array([0, len(ends)], np.int32), ends,
        )  # fmt: skip
        return np.array([one[0, self.node[a:b]].min(initial=np.inf) for a, b in pairwise(self.start)])


def routes_of(
    city: City, network: Network, goals: Goals, actions: tuple[Action, ...], outward: dict[int, bool]
) -> Routes:
    """Return the routes of a run.

    `hold_turn` shuts, at the end of its road that is nearer to a way out (`outward`: by row of the road, whether against the drawn
    direction), the road that leads on nearest to `turn_deg` clockwise of straight ahead. Turns that the city's roads bar are no choice at
    all (`turns.barred_turns`). `assign_approaches` makes every road by which cars come to a shelter or a way out a goal of its own.
    Raises ScenarioError where no other road leads on.
    """
    turns = [(*turn_of(city, network, action, outward), action) for action in actions if action.kind == "hold_turn"]
    barred = barred_turns(city, network)
    wanted = any(action.kind == "assign_approaches" for action in actions)
    approach, serves = _approaches(network, goals) if wanted else (np.zeros(0, np.int64),) * 2
    own = np.unique(np.concatenate([[link for link, _, _ in turns], barred[:, 0], approach]).astype(np.int64))
    plain = network.layers * network.nodes
    at = network.down.astype(np.int32).copy()
    at[own] = plain + np.arange(len(own))
    by_up = np.argsort(network.up, kind="stable")
    first, last = (np.searchsorted(network.up[by_up], network.down[own], side) for side in ("left", "right"))
    copies = [
        np.setdiff1d(by_up[a:b], barred[barred[:, 0] == before, 1])
        for before, a, b in zip(own, first, last, strict=True)
    ]
    link = np.concatenate([np.arange(len(network.up)), *copies]).astype(np.int32)
    up = np.concatenate([network.up, np.repeat(at[own], [len(c) for c in copies])]).astype(np.int32)
    nodes = plain + len(own)
    order = np.argsort(at[link], kind="stable").astype(np.int32)
    into = np.searchsorted(at[link][order], np.arange(nodes + 1)).astype(np.int32), order
    held = tuple(
        (int(choice), action)
        for before, after, action in turns
        for choice in np.flatnonzero((up == at[before]) & (link == after))  # none where the turn is barred in any case
    )
    some = [list(goals.node[goals.start[g] : goals.start[g + 1]]) for g in range(goals.exits + 1)]
    ends = [[int(at[a]), int(network.down[a])] for a in approach]
    rows = [*some[:-1], *ends, some[-1]]
    junction = np.concatenate([np.arange(plain), network.down[own]]).astype(np.int32)
    for k in [*range(len(some) - 1), len(rows) - 1]:  # one has arrived whichever link one came by
        rows[k] = [*rows[k], *(int(n) for n in at[own[np.isin(network.down[own], rows[k])]])]
    return Routes(
        nodes, at, junction, up, link, into, np.isin(up, at[approach]), held,
        np.concatenate([np.arange(goals.exits), serves, [goals.exits]]).astype(np.int64),
        np.concatenate([np.full(goals.exits, -1), approach, [-1]]).astype(np.int64),
        np.cumsum([0, *map(len, rows)]).astype(np.int32), np.array([n for row in rows for n in row], np.int32),
    )  # fmt: skip


def outward_of(city: City, network: Network, goals: Goals, actions: tuple[Action, ...]) -> dict[int, bool]:
    """Return for each road under contraflow or with a held turn, by its row, whether people leave against its drawn direction.

    They leave towards the end that is nearer to a way out of the city; where no road leads out, nearer to a shelter.
    """
    rows = {
        int(np.flatnonzero((city.roads["id"] == a.place).values)[0])
        for a in actions
        if a.kind in ("contraflow", "hold_turn")
    }
    if not rows:
        return {}
    cost, _ = routes_of(city, network, goals, (), {}).ways(network.length / network.free)
    nearest = cost[-1] if np.isfinite(cost[-1]).any() else cost.min(axis=0)
    found = {}
    for row in rows:
        link = np.flatnonzero((network.road == row) & (network.layer == CAR) & ~network.reverse)
        if len(link):
            found[row] = bool(nearest[network.up[link[0]]] < nearest[network.down[link[0]]])
    return found


def parted(
    routes: Routes, cost: NDArray[np.float64], lead: NDArray[np.int32], persons: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the persons who enter each link, (link,), where the fastest way to any goal would lead them elsewhere.

    `persons` (group, node) go from each node to their group's goal by the ways `lead` at `cost` (group, node), s. So many have to be
    directed at the begin of the link: there stand the traffic control points of a plan.
    """
    found = np.zeros(len(routes.at))
    fastest = lead[np.argmin(cost, axis=0), np.arange(cost.shape[1])]
    for group in np.flatnonzero(persons.any(axis=1)):
        here, way = persons[group].copy(), lead[group]
        for node in np.argsort(-np.where(np.isfinite(cost[group]), cost[group], -np.inf), kind="stable"):
            if here[node] > 0.0 and way[node] >= 0:
                found[way[node]] += here[node] * (way[node] != fastest[node])
                here[routes.at[way[node]]] += here[node]
    return found


def _approaches(network: Network, goals: Goals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the links by which cars come to a goal, and the row of `Goals.places` each serves."""
    serves = np.full(network.layers * network.nodes, -1)
    for group in range(goals.exits, -1, -1):
        serves[goals.node[goals.start[group] : goals.start[group + 1]]] = group
    links = np.flatnonzero((serves[network.down] >= 0) & (network.layer == CAR))
    return links, serves[network.down[links]]
