"""The arrays that the queue kernel moves, made once from a network and the queues of those who set out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME, Events, Links, Rings, Travellers

#: What changes while people move: a saved state holds it.
MOVING_LINKS = (
    "head", "count", "hole_head", "hole_count", "inside", "run", "dose", "next_out", "next_in", "virtual", "passed",
)  # fmt: skip


@dataclass(frozen=True)
class Queues:
    """Links with the entry queues behind them, their rings and travellers, and the working space of a call.

    `entry_of` (node,) is the entry queue of each node, -1 for one where nobody sets out.
    """

    links: Links
    rings: Rings
    travellers: Travellers
    events: Events
    entry_of: NDArray[np.int32]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that changes, by name, to go on from."""
        kept = {f"link_{name}": getattr(self.links, name) for name in MOVING_LINKS}
        kept |= {f"ring_{name}": array for name, array in self.rings._asdict().items()}
        return kept | {f"traveller_{name}": array for name, array in self.travellers._asdict().items()}

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Set all that changes to what a state kept."""
        for part, group in (("link", self.links), ("ring", self.rings), ("traveller", self.travellers)):
            for name, array in group._asdict().items():
                if f"{part}_{name}" in arrays:
                    array[:] = arrays[f"{part}_{name}"]


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
    most: NDArray[np.float64] | None = None,
) -> Queues:
    """Return empty queues on the links given, with an entry queue at each node that is the `home` (traveller,) of somebody.

    `most` (link,) is the largest storage that a link will ever have (its own, unless a measure adds lanes). People come out of
    an entry queue as fast as out of the strongest link that leaves its node.
    """
    homes, in_queue = np.unique(home, return_counts=True)
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
    size = np.concatenate([np.ceil(storage if most is None else most) + 1, in_queue + 1]).astype(np.int32)

    def both(values: NDArray[np.float64], rest: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([values, np.broadcast_to(np.asarray(rest, float), entries)]).astype(np.float64)

    def nothing(kind: type = float) -> NDArray[np.generic]:
        return np.zeros(real + entries, kind)

    links = Links(
        up=np.concatenate([up, homes]).astype(np.int32),
        down=to,
        length=both(length, 0.0),
        speed=both(speed, 0.0),
        gap=1.0 / both(capacity, strongest[homes]),
        storage=both(storage, np.inf),
        wave_s=both(length / wave, 0.0),
        opened=np.concatenate([np.ones(real, bool), np.zeros(entries, bool)]),
        entry=np.concatenate([np.zeros(real, bool), np.ones(entries, bool)]),
        dose_rate=nothing(),
        slot=np.concatenate([slot, np.zeros(entries)]).astype(np.int32),
        turn=(np.cumsum(turns) - turns).astype(np.int32),
        ring=(np.cumsum(size) - size).astype(np.int32),
        size=size,
        head=nothing(np.int32),
        count=nothing(np.int32),
        hole_head=nothing(np.int32),
        hole_count=nothing(np.int32),
        inside=nothing(),
        run=nothing(),
        dose=nothing(),
        next_out=nothing(),
        next_in=nothing(),
        virtual=nothing(),
        passed=nothing(),
    )
    places, people, both_ends = int(size.sum()), len(home), 2 * (real + entries)
    rings = Rings(np.zeros(places, np.int32), np.zeros(places), np.zeros(places), np.zeros(max(int(turns.sum()), 1)))
    travellers = Travellers(
        weight=weight.astype(np.float64),
        group=np.full(people, -1, np.int32),
        link=np.full(people, AT_HOME, np.int32),
        reach=np.zeros(people),
        mark=np.zeros(people),
        dose=np.zeros(people),
        left=np.full(people, np.nan),
        safe=np.full(people, np.nan),
    )
    events = Events(
        np.zeros(both_ends, np.int32),
        np.full(both_ends, -1, np.int32),
        np.zeros(both_ends),
        *(np.full(real + entries, -1, np.int32) for _ in range(2)),
        np.zeros(real + entries),
    )
    return Queues(links, rings, travellers, events, entry_of)
