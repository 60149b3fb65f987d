"""Buses for those without a car: they shuttle between a block and where its people go, on the roads of the moment.

A bus takes up to its seats of those who wait at the block's stop, drives, sets them down and comes back. Riders move in the
queues of the cars, together the room of BUS_UNITS cars; the empty bus on its way back hinders nobody. All that a fleet remembers is
when each bus is back, so a run that goes on from another needs no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.people.households import Households
from evacuation.movement.people.zones import block_ids
from evacuation.movement.roads.network import CAR, FOOT, Network
from twin.city import City
from twin.hazard import Action

#: Seconds that a rider takes to board, and that it takes to set all down and turn: assumed.
BOARD_S, TURN_S = 3.0, 120.0


@dataclass
class Fleet:
    """The buses of one block: where they stop, how many seats each has, and when each is back there, (bus,), s."""

    block: int
    node: int
    seats: float
    back_s: NDArray[np.float64]
    until_s: float

    def load(
        self,
        waiting: NDArray[np.int64],
        ready_s: NDArray[np.float64],
        persons: NDArray[np.float64],
        there_s: float,
        t0: float,
        t1: float,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return who of those `waiting` (n,), ready at `ready_s` (n,) in rising order, boards before `t1`, and when.

        `there_s` is what it takes to drive to where they go, infinite where no way is open: then the buses wait.
        """
        who: list[NDArray[np.int64]] = []
        when: list[NDArray[np.float64]] = []
        taken = 0
        while np.isfinite(there_s) and taken < len(waiting):
            bus = int(np.argmin(self.back_s))
            begin = max(float(self.back_s[bus]), float(ready_s[taken]), t0)
            if begin >= min(t1, self.until_s):
                break
            here = int(np.searchsorted(ready_s, begin, side="right"))
            full = taken + int(np.searchsorted(np.cumsum(persons[taken:here]), self.seats, side="right"))
            riders = waiting[taken:full]
            who.append(riders)
            when.append(np.full(len(riders), begin))
            self.back_s[bus] = begin + BOARD_S * persons[taken:full].sum() + 2.0 * there_s + TURN_S
            taken = full
        if not who:
            return np.zeros(0, np.int64), np.zeros(0)
        return np.concatenate(who), np.concatenate(when)


def fleets_of(
    city: City, network: Network, actions: tuple[Action, ...], began_s: float, back_s: NDArray[np.float64] | None
) -> list[Fleet]:
    """Return the fleets that the measures `bus` send; `back_s` (bus of all fleets,) where a run goes on from another."""
    ids, found, first = block_ids(city), [], 0
    for action in actions:
        if action.kind != "bus":
            continue
        block, count = ids.index(action.place), int(action.values["buses"])
        centre = city.blocks.geometry.iloc[block].centroid if len(city.blocks) else city.population.union_all().centroid
        back = np.full(count, began_s + action.start_s)
        if back_s is not None:
            back = back_s[first : first + count].copy()
        until = np.inf if action.end_s is None else began_s + action.end_s
        stop = network.nearest(centre.x, centre.y, CAR)
        found.append(Fleet(block, stop, float(action.values["seats"]), back, until))
        first += count
    return found


def aboard(homes: Households, fleets: list[Fleet]) -> Households:
    """Return the households with those on foot in the fleets' blocks as riders, who leave by the bus stop."""
    node, layer, seats = homes.node.copy(), homes.layer.copy(), homes.seats.copy()
    for fleet in fleets:
        mine = (homes.block == fleet.block) & (homes.layer == FOOT)
        node[mine], layer[mine], seats[mine] = fleet.node, CAR, fleet.seats
    return replace(homes, node=node, layer=layer, seats=seats)
