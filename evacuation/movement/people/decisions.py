"""Who decides when, as Mesa agents with one clock: the command orders zones, zones release their households, shelters give places.

Households are columns; what happens between two decisions is one call of the queue kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import mesa
import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.people import give_places, who_is_cut_off
from evacuation.movement.kernels.queues import AT_HOME
from evacuation.movement.people.buses import Fleet
from evacuation.movement.people.households import Households
from evacuation.movement.roads.assignment import assign
from evacuation.movement.roads.queues import Queues


@dataclass(frozen=True)
class Released:
    """Who sets out in a decision step, in the order of their moments, s."""

    who: NDArray[np.int64]
    when: NDArray[np.float64]


class Zone(mesa.Agent):
    """A block. Once ordered, those of its households who obey leave, each after its own delay."""

    def __init__(self, model: Decisions, block: int, leaving: NDArray[np.int64], delay_s: NDArray[np.float64]) -> None:
        super().__init__(model)
        order = np.lexsort((leaving, delay_s))
        self.block, self.leaving, self.delay_s = block, leaving[order], delay_s[order]
        self.ordered_s = np.inf

    def release(self, t0: float, t1: float) -> Released:
        """Return the households that leave in [t0, t1) s."""
        first, last = np.searchsorted(self.delay_s, [t0 - self.ordered_s, t1 - self.ordered_s])
        return Released(self.leaving[first:last], self.ordered_s + self.delay_s[first:last])


class Command(mesa.Agent):
    """The command post: it orders each zone to leave at the moment the plan says."""

    def __init__(self, model: Decisions, orders_s: NDArray[np.float64]) -> None:
        super().__init__(model)
        self.orders_s = orders_s

    def order(self, zones: mesa.agent.AgentSet, t1: float) -> None:
        """Order the zones whose moment comes before `t1` s."""
        for zone in zones:
            if self.orders_s[zone.block] < t1:
                zone.ordered_s = float(self.orders_s[zone.block])


class Shelters(mesa.Agent):
    """Who hands out the places: those that a plan keeps for one's zone, then the nearest shelter, last the ways out of the city."""

    def __init__(
        self, model: Decisions, left: NDArray[np.float64], quota: NDArray[np.float64], zone: NDArray[np.int32]
    ) -> None:
        super().__init__(model)
        self.left, self.quota, self.zone = left, quota, zone

    def plan(
        self,
        leaving: NDArray[np.int64],
        persons: NDArray[np.float64],
        node: NDArray[np.integer],
        cost: NDArray[np.float64],
    ) -> None:
        """Keep places for the zones of those `leaving` (n,), so that all their ways from their `node` (n,) cost least together."""
        zones, people = len(self.quota), persons[leaving]
        total = np.bincount(self.zone[leaving], people, zones).astype(np.float64)
        each = np.zeros_like(self.quota)
        for group, row in enumerate(cost[:, node]):
            each[:, group] = np.bincount(self.zone[leaving], people * row, zones)
        with np.errstate(invalid="ignore"):
            mean = np.where(total[:, None] > 0.0, each / total[:, None], np.inf)
        shelters = np.isfinite(self.left)
        mean[:, ~shelters] = np.inf  # the ways out are for whom no place is left
        self.quota[:] = assign(total, np.nan_to_num(mean, nan=np.inf, posinf=np.inf), self.left)[0]

    def give(
        self, queues: Queues, who: NDArray[np.int64], persons: NDArray[np.float64], node: NDArray[np.integer],
        cost: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Give `who` (n,), in this order, each a goal reached from its `node` (n,) at `cost` (group, node), s."""
        give_places(queues.travellers, self.left, self.quota, who, persons, self.zone[who], node, cost)

    def give_anew(self, queues: Queues, persons: NDArray[np.float64], cost: NDArray[np.float64]) -> int:
        """Give those on the way whose goal is cut off another one, and take their places back; return how many still have none."""
        cut = np.zeros(len(persons), bool)
        if not who_is_cut_off(cut, queues.travellers, queues.links, cost):
            return 0
        who = np.flatnonzero(cut)
        had = queues.travellers["group"][who]
        np.add.at(self.left, had[had >= 0], persons[who[had >= 0]])
        self.give(queues, who, persons, queues.links["down"][queues.travellers["link"][who]], cost)
        return int((queues.travellers["group"][who] < 0).sum())


class Decisions(mesa.Model):
    """The decision clock over all agents.

    `orders_s` (block,) are the moments of the orders, infinite for a block that is not told to leave; `leaves` (party,) says who
    obeys or follows; `left` (group,) are the places left, `quota` (2 x block, group) those that a plan keeps for who leaves a block
    by car and on foot, `fleets` the buses; `plan_s` is the moment at which the plan is made, infinite for none.
    """

    def __init__(
        self, homes: Households, orders_s: NDArray[np.float64], leaves: NDArray[np.bool_], left: NDArray[np.float64],
        quota: NDArray[np.float64], fleets: list[Fleet], plan_s: float = np.inf,
    ) -> None:  # fmt: skip
        super().__init__(seed=0)  # nothing is drawn here: all draws are columns of the households
        self.homes, self.leaving, self.plan_s = homes, np.flatnonzero(leaves), plan_s
        self.fleets = [(fleet, self._riders(fleet, orders_s)) for fleet in fleets]
        self.command = Command(self, orders_s)
        self.shelters = Shelters(self, left, quota, 2 * homes.block + homes.layer)
        alone = leaves & (homes.seats == 0.0)
        for block in np.unique(homes.block[alone]):
            mine = np.flatnonzero(alone & (homes.block == block))
            Zone(self, int(block), mine, homes.delay_s[mine])

    def _riders(self, fleet: Fleet, orders_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return who waits for the buses of a fleet and from when on, s, the first to come first."""
        homes, leaving = self.homes, self.leaving
        mine = leaving[(homes.block[leaving] == fleet.block) & (homes.seats[leaving] > 0.0)]
        ready = orders_s[fleet.block] + homes.delay_s[mine]
        order = np.lexsort((mine, ready))
        return mine[order], ready[order]

    def _board(self, t0: float, t1: float, queues: Queues, cost: NDArray[np.float64]) -> list[Released]:
        """Let buses take on who waits at their stops before `t1`."""
        found = []
        for fleet, (riders, ready) in self.fleets:
            here = (queues.travellers["link"][riders] == AT_HOME) & (ready < t1)
            there_s = float(cost[:, fleet.node].min())
            persons = self.homes.persons[riders[here]]
            found.append(Released(*fleet.load(riders[here], ready[here], persons, there_s, t0, t1)))
        return found

    @property
    def zones(self) -> mesa.agent.AgentSet:
        """The zones in the order of their blocks."""
        return self.agents_by_type.get(Zone, mesa.agent.AgentSet([], random=self.random))

    def decide(self, t0: float, t1: float, queues: Queues, cost: NDArray[np.float64]) -> None:
        """Order zones, send off who leaves in [t0, t1) s, and give all of them, and those cut off on the way, a goal."""
        homes = self.homes
        if t0 <= self.plan_s < t1:
            self.shelters.plan(self.leaving, homes.persons, homes.node[self.leaving], cost)
        self.command.order(self.zones, t1)
        self.shelters.give_anew(queues, homes.persons, cost)
        released = [zone.release(t0, t1) for zone in self.zones if zone.ordered_s < t1]
        released += self._board(t0, t1, queues, cost)
        if not released:
            return
        who = np.concatenate([r.who for r in released])
        when = np.concatenate([r.when for r in released])
        order = np.lexsort((who, when))
        who, when = who[order], when[order]
        self.shelters.give(queues, who, homes.persons, homes.node[who], cost)
        queues.set_out(who, homes.node[who], when, t0)
