"""A lower bound that knows where people are, when they leave home, which roads are shut when, and how many places there are.

The network is copied once for each bin of time (time-expanded, Ford and Fulkerson 1962); the most that can arrive by the end of a
bin is a maximum flow (scipy's Dinic). Three roundings all err towards earlier arrival, so that it stays a bound:

- At each node time is told ahead by the shortest free way from there to a goal. A link then takes its detour only, which is never
  below nothing, and is rounded down to whole bins. On a shortest way nothing is lost, however long the bins are.
- Of travellers a gap of 1 / capacity apart at most ceil(bin x capacity) begin a link within one bin; more where they come as parties.
- A link is shut in a bin only if it is shut in all of it; speeds are those of dry, empty roads; everybody may wait anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra, maximum_flow

#: Bins up to the time looked at: a bound lies at most about one of them too early by rounding. A network of many links has fewer,
#: so that no more than MOST_ARCS are made, but not below LEAST_BINS.
BINS, LEAST_BINS, MOST_ARCS = 60, 12, 1_500_000

#: The bins reach beyond the time looked at, so that a bound that were no bound would show.
BEYOND = 1.05

#: Bins are shorter than told by this share, so that whole gaps in a bin are not counted once too often by rounding.
SHORTER = 1e-6

#: What stands for no limit, persons.
MANY = 2**30


@dataclass(frozen=True)
class Roads:
    """A network for the bound.

    Links (link,): `up`, `down` node, `time` s on dry and empty roads, `capacity` units/s, `burst` units of the heaviest party,
    `heads` persons that a unit can hold at most. Groups of goals: those of group g are
    `goal_node[goal_start[g]:goal_start[g + 1]]`, with `places` (group,) persons. `shut` (spell, link) holds from `shut_from`
    (spell,) s on, the last for ever, on the clock of the departures.
    """

    nodes: int
    up: NDArray[np.integer]
    down: NDArray[np.integer]
    time: NDArray[np.float64]
    capacity: NDArray[np.float64]
    burst: NDArray[np.float64]
    heads: NDArray[np.float64]
    goal_start: NDArray[np.integer]
    goal_node: NDArray[np.integer]
    places: NDArray[np.float64]
    shut_from: NDArray[np.float64]
    shut: NDArray[np.bool_]


@dataclass(frozen=True)
class Expanded:
    """The time-expanded network: nodes in the order of their bins, arcs (arc,) with room for whole persons."""

    nodes: int
    bins: int
    bin_s: float
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    room: NDArray[np.int64]
    goal: NDArray[np.int64]
    group: NDArray[np.int64]
    places: NDArray[np.int64]
    start: NDArray[np.int64]
    persons: NDArray[np.int64]

    def most(self, bins: int) -> int:
        """Return how many persons can have arrived by the end of so many bins at the very most."""
        size = bins * self.nodes
        arcs, starts = self.head < size, self.start < size
        begin, groups = size, size + 1 + np.arange(len(self.places))
        goals = (np.arange(bins)[:, None] * self.nodes + self.goal).ravel()
        end = size + 1 + len(groups)
        tails = [self.tail[arcs], np.full(int(starts.sum()), begin), goals, groups]
        heads = [self.head[arcs], self.start[starts], groups[np.tile(self.group, bins)], np.full(len(groups), end)]
        rooms = [self.room[arcs], self.persons[starts], np.full(len(goals), MANY), self.places]
        table = coo_array(
            (np.concatenate(rooms).astype(np.int32), (np.concatenate(tails), np.concatenate(heads))),
            shape=(end + 1, end + 1),
        ).tocsr()
        table.indices, table.indptr = table.indices.astype(np.int32), table.indptr.astype(np.int32)
        return int(maximum_flow(table, begin, end).flow_value)

    def least_time(self, wanted: float) -> float:
        """Return a time before which `wanted` persons cannot have arrived, s, looked for up to the last bin."""
        low, high = 0, self.bins
        if self.most(high) < wanted:
            return high * self.bin_s
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.most(middle) >= wanted else (middle, high)
        return low * self.bin_s


def expanded_of(
    roads: Roads, home: NDArray[np.integer], leave: NDArray[np.float64], persons: NDArray[np.float64], until_s: float
) -> Expanded:
    """Return the network in bins up to a little after `until_s`; parties (party,) of `persons` leave node `home` at `leave` s."""
    count = int(np.clip(MOST_ARCS // (len(roads.up) + roads.nodes), LEAST_BINS, BINS))
    bin_s = BEYOND * until_s / count * (1.0 - SHORTER)
    ahead = np.asarray(dijkstra(_least(roads), indices=np.unique(roads.goal_node), min_only=True))
    bins = np.arange(count + 1)
    reached = np.isfinite(ahead[roads.down])
    k = np.flatnonzero(reached)
    detour = np.maximum(roads.time[k] - ahead[roads.up[k]] + ahead[roads.down[k]], 0.0)
    late = np.floor((detour - 1e-6).clip(0.0) / bin_s).astype(np.int64)
    inside = (bins[None, :] + late[:, None] < len(bins)) & _open(roads, k, ahead[roads.up[k]], bin_s, bins)
    link, at = np.nonzero(inside)
    room = (np.ceil(bin_s * roads.capacity + 1e-9) + roads.burst - 1.0) * roads.heads
    wait = np.arange(count * roads.nodes)
    known = np.isfinite(ahead[home])
    first = np.floor((leave[known] + ahead[home[known]] - 1e-6).clip(0.0) / bin_s).astype(np.int64)
    start, which = np.unique(first * roads.nodes + home[known], return_inverse=True)
    return Expanded(
        roads.nodes,
        count,
        bin_s,
        np.concatenate([at * roads.nodes + roads.up[k[link]], wait]),
        np.concatenate([(at + late[link]) * roads.nodes + roads.down[k[link]], wait + roads.nodes]),
        np.concatenate([np.minimum(room[k[link]], MANY).astype(np.int64), np.full(len(wait), MANY)]),
        roads.goal_node.astype(np.int64),
        np.repeat(np.arange(len(roads.places)), np.diff(roads.goal_start)),
        np.minimum(roads.places, MANY).astype(np.int64),
        start,
        np.bincount(which, persons[known], len(start)).astype(np.int64),
    )


def _least(roads: Roads) -> coo_array:
    """Return the reversed links as a matrix, of parallel ones the fastest."""
    order = np.lexsort((roads.time, roads.up, roads.down))
    up, down = roads.up[order], roads.down[order]
    new = np.r_[True, (up[1:] != up[:-1]) | (down[1:] != down[:-1])]
    time = np.maximum(roads.time[order][new], 1e-9)
    return coo_array((time, (down[new], up[new])), shape=(roads.nodes,) * 2).tocsr()


def _open(
    roads: Roads, k: NDArray[np.int64], ahead: NDArray[np.float64], bin_s: float, bins: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return whether each link `k` can be entered at some moment of each bin, (link, bin)."""
    found = np.ones((len(k), len(bins)), bool)
    some = np.flatnonzero(roads.shut[:, k].any(axis=0))
    begins = bins * bin_s - ahead[some, None]
    ends = np.r_[roads.shut_from[1:], np.inf]
    opened = begins < roads.shut_from[0]
    for spell, (begin, end) in enumerate(zip(roads.shut_from, ends, strict=True)):
        free = ~roads.shut[spell, k[some]]
        opened |= free[:, None] & (begins < end) & (begins + bin_s > begin)
    found[some] = opened
    return found
