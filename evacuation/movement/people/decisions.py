"""Who decides when, as Mesa agents with one clock: the command orders zones, zones release their households, shelters give places,
vehicles fetch those who cannot leave by themselves.

Households are columns; what happens between two decisions is one call of the queue kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mesa
import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.people import give_places, who_is_cut_off
from evacuation.movement.kernels.queues import AT_HOME
from evacuation.movement.people.fleet import Fleet
from evacuation.movement.people.households import Households
from evacuation.movement.people.shuttles import Stop, board, call_back, goal_of
from evacuation.movement.roads.assignment import assign, assign_in_time
from evacuation.movement.roads.queues import Queues
from evacuation.movement.roads.routes import Routes, parted

#: What the way from the goal of each group to a node takes now, (group,), s.
BackCost = Callable[[int], NDArray[np.float64]]


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
    """Who hands out the places: those that a plan keeps for one's list, then the nearest shelter, last the ways out of the city.

    A list is a neighbourhood by car or on foot (`Households.lists`); on the last list nothing is ever kept (`quota` has a row for each).
    """

    def __init__(
        self, model: Decisions, left: NDArray[np.float64], quota: NDArray[np.float64], lists: NDArray[np.int64]
    ) -> None:
        super().__init__(model)
        self.left, self.quota, self.lists = left, quota, lists

    def plan(self, leaving: NDArray[np.int64], homes: Households, routes: Routes, flow: NDArray[np.float64],
             cost: NDArray[np.float64], lead: NDArray[np.int32]) -> NDArray[np.float64]:  # fmt: skip
        """Keep places for the lists of those `leaving` (n,), so that all their ways cost least together, at `cost` (group, node), s.

        Where the routes have approaches of their own, cars are shared out among these by what each lets through, `flow` (group,)
        persons a second, so that the last car arrives early; their places come out of those of the shelter. Returns the persons who by
        plan take each link (link,) although the fastest way to any goal, `lead` (group, node), does not: none without approaches.
        """
        people, node, mine = homes.persons[leaving], homes.node[leaving], self.lists[leaving]
        total = np.bincount(mine, people, len(self.quota)).astype(np.float64)
        total[-1] = 0.0
        each = np.zeros_like(self.quota)
        reach = np.zeros_like(self.quota)
        for group, row in enumerate(cost[:, node]):
            there = np.isfinite(row)
            each[:, group] = np.bincount(mine[there], (people * row)[there], len(self.quota))
            reach[:, group] = np.bincount(mine[there], people[there], len(self.quota))
        near = (reach > 0.5 * total[:, None]) & (
            total[:, None] > 0.0
        )  # a few cut-off homes do not shut a goal for their list
        mean = np.divide(each, reach, out=np.full_like(each, np.inf), where=near)
        own, places = routes.approach >= 0, self.left.copy()
        if own.any():
            car = np.arange(len(self.quota)) % 2 == 0
            share = flow / np.bincount(routes.serves[own], flow[own], len(places))[routes.serves].clip(1e-12)
            places[own] = np.floor(self.left[_bases(routes)[own]] * share[own])
            by_car = np.where(car[:, None] & own, mean, np.inf)
            self.quota[:] = assign_in_time(np.where(car, total, 0.0), by_car, flow, places)
            kept = self.quota.sum(axis=0)
            self.left[own] = kept[own]
            np.subtract.at(self.left, _bases(routes)[own], kept[own])
            total, places = np.where(car, 0.0, total), self.left.copy()
        mean[:, ~np.isfinite(self.left) | own] = np.inf  # the ways out are for whom no place is left
        planned = np.zeros_like(cost)
        for k in np.flatnonzero(own & self.quota.any(axis=0)):
            share_of_list = np.divide(self.quota[:, k], reach[:, k], out=np.zeros(len(reach)), where=reach[:, k] > 0.0)
            planned[k] = np.bincount(node, people * share_of_list[mine] * np.isfinite(cost[k, node]), cost.shape[1])
        self.quota += assign(total, mean, places)[0]
        return parted(routes, cost, lead, planned)

    def give(
        self, queues: Queues, who: NDArray[np.int64], persons: NDArray[np.float64], node: NDArray[np.integer],
        cost: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Give `who` (n,), in this order, each a goal reached from its `node` (n,) at `cost` (group, node), s."""
        give_places(queues.travellers, self.left, self.quota, who, persons, self.lists[who], node, cost)

    def give_together(
        self, queues: Queues, who: NDArray[np.int64], persons: float, node: int, cost: NDArray[np.float64]
    ) -> None:
        """Give all riders `who` (n,) of a vehicle the one goal, nearest to `node`, that has places for all `persons` of them."""
        group = goal_of(self.left, persons, cost[:, node])
        queues.travellers["group"][who] = group
        if group >= 0:
            self.left[group] -= persons

    def give_anew(self, queues: Queues, persons: NDArray[np.float64], cost: NDArray[np.float64]) -> int:
        """Give those on the way whose goal is cut off another one, and take their places back; return how many of them have none."""
        who = np.empty(len(persons), np.int64)
        who = who[: who_is_cut_off(who, queues.travellers, queues.links, cost, np.isfinite(cost).any(axis=0))]
        if not len(who):
            return 0
        had = queues.travellers["group"][who]
        np.add.at(self.left, had[had >= 0], persons[who[had >= 0]])
        self.give(queues, who, persons, queues.links["down"][queues.travellers["link"][who]], cost)
        return int((queues.travellers["group"][who] < 0).sum())


def _bases(routes: Routes) -> NDArray[np.int64]:
    """Return the group of each group's shelter itself, or of all ways out, (group,)."""
    return np.where(routes.serves == routes.serves[-1], routes.groups - 1, routes.serves)


@dataclass
class Plan:
    """A plan for the shelters: when it is made, s, whether it has been, and what each group's road lets through, persons a second."""

    at_s: float
    made: bool
    flow: NDArray[np.float64]


class Decisions(mesa.Model):
    """The decision clock over all agents.

    `orders_s` (block,) are the moments of the orders, infinite for a block that is not told to leave; `leaves` (party,) says who
    obeys or follows; `left` (group,) are the places left, `quota` (list, group) those that a plan keeps for who leaves a
    neighbourhood by car and on foot, `lists` (party,) the row of each, `stops` the vehicles, `fleet` the buses that
    blocks share, `vehicle` (party,) which one each has boarded and `boards_s` (party,) when that leaves, s, `turned` (link,) the persons
    whom a plan sends along each link by another way than the fastest.
    """

    def __init__(
        self, homes: Households, orders_s: NDArray[np.float64], leaves: NDArray[np.bool_], left: NDArray[np.float64],
        quota: NDArray[np.float64], lists: NDArray[np.int64], stops: list[Stop], fleet: Fleet, vehicle: NDArray[np.int32],
        boards_s: NDArray[np.float64], turned: NDArray[np.float64], routes: Routes, plan: Plan,
    ) -> None:  # fmt: skip
        super().__init__(seed=0)  # nothing is drawn here: all draws are columns of the households
        self.homes, self.leaving, self.plan, self.routes = homes, np.flatnonzero(leaves), plan, routes
        self.vehicle, self.boards_s, self.turned = vehicle, boards_s, turned
        self.stops = [(stop, *self._riders(stop, orders_s)) for stop in stops]
        self.fleet, self.waiting = fleet, [self._riders(stop, orders_s) for stop in fleet.stops]
        self.command = Command(self, orders_s)
        self.shelters = Shelters(self, left, quota, lists)
        alone = leaves & (homes.seats == 0.0) & (homes.care < 0)
        for block in np.unique(homes.block[alone]):
            mine = np.flatnonzero(alone & (homes.block == block))
            Zone(self, int(block), mine, homes.delay_s[mine])

    def _riders(self, stop: Stop, orders_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return who waits at a stop and from when on, s, the first to come first."""
        mine = self.leaving[stop.riders(self.homes)[self.leaving]]
        ready = orders_s[stop.block] + self.homes.delay_s[mine]
        order = np.lexsort((mine, ready))
        return mine[order], ready[order]

    def _board(self, t0: float, t1: float, queues: Queues, cost: NDArray[np.float64], back: BackCost) -> list[Released]:
        """Call vehicles back whose riders have arrived, and let those at their stops before `t1` take on who waits."""
        found, link = [], queues.travellers["link"]
        for stop, riders, ready in self.stops:
            if np.isinf(stop.back_s).any() and len(riders):
                out = (self.vehicle >= stop.first) & (self.vehicle < stop.first + len(stop.seats))
                way_s = np.full(len(link), np.inf)
                way_s[out] = back(stop.node)[queues.travellers["group"][out]]
                call_back(stop, self.vehicle, link, queues.travellers["safe"], way_s, t0)
            here = (link[riders] == AT_HOME) & (self.vehicle[riders] < 0)
            if here.any() and np.isfinite(cost[:, stop.node]).any():
                some = board(stop, riders[here], ready[here], self.homes.persons[riders[here]], t0, t1)
                self.vehicle[some.who], self.boards_s[some.who] = some.vehicle, some.when
            found.append(self._leave(stop, riders, t1, queues, cost))
        if not self.fleet.stops:
            return found
        self.fleet.call_on(queues, back, t0)
        waits = (link == AT_HOME) & (self.vehicle < 0)
        for some in self.fleet.board(self.waiting, self.homes.persons, waits, t0, t1):
            self.vehicle[some.who], self.boards_s[some.who] = some.vehicle, some.when
        for stop, (riders, _) in zip(self.fleet.stops, self.waiting, strict=True):
            if np.isfinite(cost[:, stop.node]).any():
                found.append(self._leave(stop, riders, t1, queues, cost))
        return found

    def _leave(
        self, stop: Stop, riders: NDArray[np.int64], t1: float, queues: Queues, cost: NDArray[np.float64]
    ) -> Released:
        """Return which of the `riders` (n,) of a stop drive off before `t1`; each vehicle has one goal."""
        off = riders[(queues.travellers["link"][riders] == AT_HOME) & (self.vehicle[riders] >= 0)]
        off = off[self.boards_s[off] < t1]
        for v in np.unique(self.vehicle[off]):
            own = off[self.vehicle[off] == v]
            self.shelters.give_together(queues, own, float(self.homes.persons[own].sum()), stop.node, cost)
        return Released(off, self.boards_s[off])

    def plan_rounds(self, now: float, way_s: NDArray[np.float64], back: BackCost) -> None:
        """Plan the rounds of the fleet at the times of the moment, `way_s` (group, node) there and `back` from there, s."""
        self.fleet.plan(self.waiting, self.homes.persons, now, self.shelters.left, way_s, back)

    @property
    def zones(self) -> mesa.agent.AgentSet:
        """The zones in the order of their blocks."""
        return self.agents_by_type.get(Zone, mesa.agent.AgentSet([], random=self.random))

    def decide(
        self, t0: float, t1: float, queues: Queues, cost: NDArray[np.float64], lead: NDArray[np.int32], back: BackCost
    ) -> Released:
        """Order zones, send off who leaves in [t0, t1) s, and give all of them, and those cut off on the way, a goal.

        `cost` and `lead` (group, node) are those of the ways of the moment; `back` gives what the way from each group's goal to a node
        takes now. Returns who set out.
        """
        homes = self.homes
        if self.plan.at_s < t1 and not self.plan.made:
            self.turned[:] = self.shelters.plan(self.leaving, homes, self.routes, self.plan.flow, cost, lead)
            self.plan.made = True
        self.command.order(self.zones, t1)
        self.shelters.give_anew(queues, homes.persons, cost)
        released = [zone.release(t0, t1) for zone in self.zones if zone.ordered_s < t1]
        released += self._board(t0, t1, queues, cost, back)
        who = np.concatenate([np.zeros(0, np.int64), *(r.who for r in released)])
        when = np.concatenate([np.zeros(0), *(r.when for r in released)])
        order = np.lexsort((who, when))
        who, when = who[order], when[order]
        if len(who):
            alone = who[homes.seats[who] == 0.0]
            self.shelters.give(queues, alone, homes.persons, homes.node[alone], cost)
            queues.set_out(who, homes.node[who], when, t0)
        return Released(who, when)
