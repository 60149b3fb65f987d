"""Vehicles that shuttle between a stop and where its people go, as SimPy processes: buses for a block, rescue vehicles for those in care.

The vehicle at the head of the line takes those who wait, until it is full or the first has waited long enough; then the next one
does, while its own board. Its riders have one goal. They move in the queues: those of a bus among the cars, with the room of two,
those of rescue vehicles among themselves. When the last of them has arrived it turns and comes back by the roads of that moment;
empty it hinders nobody. Where no way is open it waits. All that a stop remembers are arrays, so a run that goes on from another needs
no more than these.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import simpy
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import SAFE
from evacuation.movement.people.care import Care
from evacuation.movement.people.households import Households
from evacuation.movement.people.zones import block_ids
from evacuation.movement.roads.network import CAR, FOOT, RESCUE, Network
from twin.city import City
from twin.hazard import Action

#: Seconds that a rider takes to board a bus, and one in care a rescue vehicle; what setting all down and turning takes; how long
#: the first on board waits for others: assumed.
BOARD_S, LOAD_S, TURN_S, WAIT_S = 3.0, 120.0, 120.0, 600.0


@dataclass
class Stop:
    """A stop: its block or home in care (-1 for none), its junction, and its vehicles.

    `seats`, `until_s` and `back_s` (vehicle,): the last is when each is back at the stop, infinite while it is out; `first` is the
    number of its first vehicle among those of all stops. `gathered_s` is when the last vehicle had gathered its riders; none waits
    longer than `wait_s` for more of them.
    """

    block: int
    home: int
    node: int
    first: int
    seats: NDArray[np.float64]
    until_s: NDArray[np.float64]
    back_s: NDArray[np.float64]
    gathered_s: float = -np.inf
    wait_s: float = WAIT_S

    @property
    def board_s(self) -> float:
        """Seconds that a rider takes to board."""
        return LOAD_S if self.home >= 0 else BOARD_S

    def riders(self, homes: Households) -> NDArray[np.bool_]:
        """Return who leaves by this stop, (party,)."""
        by_bus = (homes.block == self.block) & (homes.seats > 0.0) & (homes.care < 0)
        return np.asarray(homes.care == self.home if self.home >= 0 else by_bus)


@dataclass(frozen=True)
class Boarded:
    """Who leaves a stop with which vehicle, (n,) each, and when, s, rising."""

    who: NDArray[np.int64]
    vehicle: NDArray[np.int32]
    when: NDArray[np.float64]


def board(
    stop: Stop,
    waiting: NDArray[np.int64],
    ready_s: NDArray[np.float64],
    persons: NDArray[np.float64],
    t0: float,
    t1: float,
) -> Boarded:
    """Let the vehicles that are at the stop before `t1` gather who is `waiting` (n,), ready at `ready_s` (n,), rising.

    Whoever is taken leaves when the last of that vehicle has boarded. The stop's vehicles are out from then on.
    """
    who: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    vehicles: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    when: list[NDArray[np.float64]] = [np.zeros(0)]
    taken = 0

    def serve(env: simpy.Environment, head: simpy.Resource, v: int) -> Generator[simpy.Event, None, None]:
        nonlocal taken
        yield env.timeout(max(float(stop.back_s[v]) - t0, 0.0))
        with head.request() as turn:
            yield turn
            if taken == len(waiting):
                return
            begin = max(float(stop.back_s[v]), stop.gathered_s, float(ready_s[taken]))
            full = taken + max(int(np.searchsorted(np.cumsum(persons[taken:]), stop.seats[v], side="right")), 1)
            leave = min(max(float(ready_s[full - 1]), begin), begin + stop.wait_s)
            if leave >= min(t1, float(stop.until_s[v])):
                return
            yield env.timeout(max(leave - env.now, 0.0))
            full = min(full, int(np.searchsorted(ready_s, leave, side="right")))
            stop.gathered_s, stop.back_s[v] = leave, np.inf
            who.append(waiting[taken:full])
            vehicles.append(np.full(full - taken, stop.first + v, np.int32))
            when.append(np.full(full - taken, leave + stop.board_s * float(persons[taken:full].sum())))
            taken = full

    env = simpy.Environment(t0)
    head_of_line = simpy.Resource(env)
    for v in np.argsort(stop.back_s, kind="stable"):
        if stop.back_s[v] < t1:
            env.process(serve(env, head_of_line, int(v)))
    env.run(until=t1)
    return Boarded(np.concatenate(who), np.concatenate(vehicles), np.concatenate(when))


def call_back(
    stop: Stop, vehicle: NDArray[np.int32], link: NDArray[np.int32], safe_s: NDArray[np.float64], way_s: NDArray[np.float64],
    t0: float,
) -> None:  # fmt: skip
    """Send back the vehicles of a stop whose riders have all arrived by `t0`.

    `vehicle` (party,) is the one each party has boarded, -1 for none, `link` where it is, `safe_s` when it arrived; `way_s` (party,)
    is what the way back from its goal takes now, infinite where none is open: then the vehicle tries again.
    """
    for v in np.flatnonzero(np.isinf(stop.back_s)):
        mine = vehicle == stop.first + v
        if mine.any() and (link[mine] == SAFE).all():
            last = np.flatnonzero(mine)[np.argmax(safe_s[mine])]
            stop.back_s[v] = max(float(safe_s[last]) + TURN_S, t0) + float(way_s[last])


def stops_of(
    city: City, network: Network, care: Care, actions: tuple[Action, ...], orders_s: NDArray[np.float64], began_s: float
) -> list[Stop]:
    """Return the stops: of blocks to which `bus` sends buses, and of homes with `transport` or vehicles of their own.

    The own ones of a home are there from the order on. Vehicles that several measures send to one stop serve it together.
    """
    ids, homes = block_ids(city), list(care.id)
    sent: dict[tuple[int, int], list[tuple[int, float, float, float]]] = {}
    for k in np.flatnonzero(care.vehicles):
        block = int(care.block[k])
        sent[block, int(k)] = [(int(care.vehicles[k]), float(care.places[k]), float(orders_s[block]), np.inf)]
    for action in actions:
        if action.kind not in ("bus", "transport"):
            continue
        home = homes.index(action.place) if action.kind == "transport" else -1
        key = (int(care.block[home]) if home >= 0 else ids.index(action.place), home)
        count, seats = (action.values[n] for n in (("vehicles", "places") if home >= 0 else ("buses", "seats")))
        end_s = np.inf if action.end_s is None else began_s + action.end_s
        sent.setdefault(key, []).append((int(count), float(seats), began_s + action.start_s, end_s))
    found, first = [], 0
    for (block, home), some in sent.items():
        each, back_s, until_s = (np.concatenate([np.full(s[0], s[k], float) for s in some]) for k in (1, 2, 3))
        node = int(care.node[home]) if home >= 0 else middle(city, network, block)
        found.append(Stop(block, home, node, first, each, until_s, back_s))
        first += len(each)
    return found


def middle(city: City, network: Network, block: int) -> int:
    """Return the junction of the cars nearest to the middle of a block; of the city where it has no blocks."""
    centre = city.blocks.geometry.iloc[block].centroid if len(city.blocks) else city.population.union_all().centroid
    return network.nearest(centre.x, centre.y, CAR)


def aboard(homes: Households, stops: list[Stop]) -> Households:
    """Return the households with those who have no car in the blocks of buses, and those in care, as riders of their stop."""
    node, layer, seats = homes.node.copy(), homes.layer.copy(), homes.seats.copy()
    for stop in stops:
        mine = homes.care == stop.home if stop.home >= 0 else (homes.block == stop.block) & (homes.layer == FOOT)
        node[mine], layer[mine], seats[mine] = stop.node, RESCUE if stop.home >= 0 else CAR, stop.seats.min()
    return replace(homes, node=node, layer=layer, seats=seats)


def goal_of(left: NDArray[np.float64], persons: float, cost: NDArray[np.float64]) -> int:
    """Return the group of the one goal for all riders of a vehicle, nearest by `cost` (group,), that has places for them; -1 for none."""
    fits = np.where(left >= persons, cost, np.inf)
    shelters = np.where(np.isinf(left), np.inf, fits)  # ways out are for whom no shelter is left within reach
    fits = shelters if np.isfinite(shelters).any() else fits
    return int(np.argmin(fits)) if np.isfinite(fits).any() else -1
