"""The arrays that the queue kernel moves, made once from a network and the queues of those who set out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels import queues as kernels
from evacuation.movement.kernels.agenda import CALL, SPELLS, THING
from evacuation.movement.kernels.queues import AT_HOME, HOLE, LINK, LINK_STANDS, TRAVELLER
from evacuation.movement.roads.conditions import Conditions
from evacuation.movement.roads.network import Network
from twin.jit import start_threads

#: Travellers below which waking a second thread costs more than it saves: 0.2 to 1 ms of processor a call, as measured.
FEW = 50_000

#: Bytes of a line of the cache.
LINE = 64

#: What changes of a traveller.
MOVES = list(TRAVELLER.names or ())


@dataclass(frozen=True)
class Queues:
    """Links with the entry queues behind them, travellers, the room they leave behind, and turns.

    `entry_of` (node,) is the entry queue of each node, -1 for one where nobody sets out. The links of layer m are
    `own[starts[m]:starts[m + 1]]`; `agenda` is the working space of a call, of each layer its own.
    """

    links: NDArray[Any]
    travellers: NDArray[Any]
    holes: NDArray[Any]
    tags: NDArray[np.float64]
    agenda: tuple[NDArray[Any], NDArray[Any], NDArray[np.int32]]
    entry_of: NDArray[np.int32]
    own: NDArray[np.int32]
    starts: NDArray[np.int64]

    def set_out(
        self, who: NDArray[np.integer], node: NDArray[np.integer], when: NDArray[np.float64], t0: float = 0.0
    ) -> None:
        """Send travellers `who` (n,) into the entry queues of their nodes (n,) at `when` (n,), rising, s; it is `t0`."""
        kernels.set_out(self.links, self.travellers, who, self.entry_of[node], when, t0)

    def advance(self, next_link: NDArray[np.int32], t0: float, t1: float) -> int:
        """Move everybody from `t0` to `t1`, s, many of them on a thread for each layer; return the number of events."""
        arrays = (self.links, self.travellers, self.holes, self.tags)
        events = np.zeros(len(self.starts) - 1, np.int64)
        if len(events) > 1 and len(self.travellers) >= FEW:
            kernels.advance_beside(events, *arrays, *self.agenda, next_link, self.own, self.starts, t0, t1)
        else:
            for m, (a, b) in enumerate(pairwise(self.starts)):
                agenda = (part[m] for part in self.agenda)
                events[m] = kernels.advance(*arrays, *agenda, next_link, self.own[a:b], t0, t1)
        return int(events.sum())

    def waiting(self, persons: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the persons who wait at the end of each link, (link,)."""
        count = np.zeros(len(self.links))
        kernels.waiting(count, self.links, self.travellers, persons)
        return count

    def on(self, link: int) -> NDArray[np.int32]:
        """Return the travellers on a link, the one nearest to its end first."""
        found = [int(self.links["lead"][link])]
        for _ in range(self.links["count"][link]):
            found.append(int(self.travellers["behind"][found[-1]]))
        return np.array(found[:-1], np.int32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return copies of all that changes, by name, to go on from."""
        in_use = self._in_use()
        kept = {f"link_{name}": self.links[name].copy() for name in LINK_STANDS}
        kept |= {f"traveller_{name}": self.travellers[name].copy() for name in MOVES}
        return (
            kept | {f"hole_{name}": self.holes[name][in_use] for name in HOLE.names or ()} | {"tags": self.tags.copy()}
        )

    def _in_use(self) -> NDArray[np.int64]:
        """Return which holes have not reached the begin of their link; link by link, the first to come first."""
        first, ring, end, held = (self.links[n].astype(np.int64) for n in ("hole", "ring", "ring_end", "hole_count"))
        nth = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
        found: NDArray[np.int64] = np.repeat(first, held) + nth
        found -= np.where(found >= np.repeat(end, held), np.repeat(end - ring, held), 0)
        return found

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set all that changes to what a state kept."""
        for name in LINK_STANDS:
            self.links[name] = arrays[f"link_{name}"]
        for name in MOVES:
            self.travellers[name] = arrays[f"traveller_{name}"]
        self.links["hole"] = self.links["ring"]
        in_use = self._in_use()
        for name in HOLE.names or ():
            self.holes[name][in_use] = arrays[f"hole_{name}"]
        self.tags[:] = arrays["tags"]


def queues_of(
    *,
    nodes: int,
    up: NDArray[np.int32],
    down: NDArray[np.int32],
    length: NDArray[np.float64],
    speed: NDArray[np.float64],
    capacity: NDArray[np.float64],
    storage: NDArray[np.float64],
    wave: NDArray[np.float64],
    weight: NDArray[np.float64],
    home: NDArray[np.int32],
    lanes: NDArray[np.float64] | None = None,
    at: NDArray[np.int32] | None = None,
    layers: int = 1,
) -> Queues:
    """Return empty queues on the links given, with an entry queue at each node that is the `home` (traveller,) of somebody.

    `lanes` (link,) are the most that a link will ever have as a share of its own (1, unless a measure adds some), `at` (link,) the
    node of the ways (`next_link`) at which one chooses at its end (its own end, unless a turn is held there). People come out of
    an entry queue as fast as out of the strongest link that leaves its node. Nobody changes between the `layers` of the nodes.
    """
    start_threads()
    homes = np.unique(home)
    real, entries = len(up), len(homes)
    entry_of = np.full(nodes, -1, np.int32)
    entry_of[homes] = real + np.arange(entries, dtype=np.int32)
    strongest = np.full(nodes, 1e-6)
    np.maximum.at(strongest, up, capacity)
    out = np.bincount(up, minlength=nodes)
    order = np.argsort(up, kind="stable")
    slot = np.zeros(real, np.int64)
    slot[order] = np.arange(real) - np.repeat(np.cumsum(out) - out, out)
    to = np.concatenate([down, homes]).astype(np.int32)
    turns = out[to]
    layer = np.concatenate([up, homes]) * layers // nodes
    light = np.array([weight[home * layers // nodes == k].min(initial=1.0) for k in range(layers)])
    rate = capacity if lanes is None else capacity * lanes
    size = np.zeros(real + entries, np.int32)
    size[:real] = _holes_of(rate * length / wave, light[layer[:real]])

    links = _in_lines(real + entries, LINK)
    links["down"] = np.concatenate([down if at is None else at, homes])
    links["entry"][real:] = True
    links["opened"][:real], links["first"] = True, -1
    links["length"][:real], links["speed"][:real], links["wave_s"][:real] = length, speed, length / wave
    links["gap"] = 1.0 / np.concatenate([capacity, strongest[homes]])
    links["storage"] = np.concatenate([storage, np.full(entries, np.inf)])
    links["slot"][:real] = slot
    links["turn"], links["ring_end"] = np.cumsum(turns) - turns, np.cumsum(size)
    links["ring"] = links["hole"] = links["ring_end"] - size
    things = np.zeros((layers, 2 * (real + entries)), THING)
    things["place"] = -1
    travellers = _in_lines(len(home), TRAVELLER)
    travellers["weight"], travellers["group"], travellers["link"] = weight, -1, AT_HOME
    travellers["behind"], travellers["left"], travellers["safe"] = -1, np.nan, np.nan
    return Queues(
        links,
        travellers,
        np.zeros(int(size.sum()), HOLE),
        np.zeros(max(int(turns.sum()), 1)),
        (np.zeros((layers, 1), CALL), things, np.zeros((layers, SPELLS), np.int32)),
        entry_of,
        np.argsort(layer, kind="stable").astype(np.int32),
        np.searchsorted(np.sort(layer), np.arange(layers + 1)),
    )


def _holes_of(passing: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the most holes that a link can have, (link,): of those that leave it while a hole travels back to its begin.

    Of `passing` (link,) units only the last to leave can go beyond what its end lets pass in that time; the others weigh no less than the
    `light` (link,) one of their layer.
    """
    return np.ceil(passing / light) + 2.0


def _in_lines(count: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """Return room for so many records of a `kind`, each from the begin of a line of the cache on."""
    raw = np.zeros(count * kind.itemsize + LINE, np.uint8)
    skipped = -raw.ctypes.data % LINE
    return raw[skipped : skipped + count * kind.itemsize].view(kind)


def set_roads(queues: Queues, network: Network, spell: int, roads: Conditions) -> None:
    """Set the links to the conditions of a spell; who waits to get onto a road stands beside it."""
    real = len(network.up)
    links = queues.links[:real]
    links["speed"], links["opened"] = roads.speed[spell], ~roads.blocked[spell]
    links["dose_rate"] = roads.dose_rate[spell]
    links["fast"] = roads.fast[spell]
    links["was_fast"] = links["fast"] | (links["fast_s"] > 0.0)
    at_node = np.zeros(network.layers * network.nodes)
    np.maximum.at(at_node, network.up, roads.dose_rate[spell])
    queues.links["dose_rate"][real:] = at_node[queues.links["down"][real:]]
    links["gap"] = 1.0 / (network.capacity * roads.lanes[spell])
    links["storage"] = network.storage * roads.lanes[spell]


def cost_of(queues: Queues, network: Network, blocked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what it costs to run each link now, s: infinite where nobody gets through, `blocked` (link,).

    One who comes last onto a link leaves it when all before have left, if that is later than its free run.
    """
    links = queues.links[: len(network.up)]
    with np.errstate(divide="ignore"):
        run_s = network.length / links["speed"]
    return np.where(blocked, np.inf, np.maximum(run_s, links["inside"] * links["gap"]))
