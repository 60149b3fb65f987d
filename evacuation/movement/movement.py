"""The movement hazard: who leaves when, by what road, to which shelter, and who is cut off, over roads that flood and under a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from evacuation.movement import tables
from evacuation.movement.kernels.people import see
from evacuation.movement.notes import notes_of
from evacuation.movement.people.buses import Fleet, aboard, fleets_of
from evacuation.movement.people.decisions import Decisions
from evacuation.movement.people.households import Departures, Households, households_of, people_of
from evacuation.movement.people.zones import Zones, block_ids, known_zones, zones_of
from evacuation.movement.record import STATES, Record
from evacuation.movement.roads.conditions import Conditions, conditions_of
from evacuation.movement.roads.goals import Goals, goals_of
from evacuation.movement.roads.network import CAR, Network, network_of
from evacuation.movement.roads.queues import Queues, queues_of
from evacuation.movement.variables import (
    MINUTES_LEFT,
    PEOPLE_AT_HOME,
    PEOPLE_ON_EDGE,
    PEOPLE_QUEUED,
    ROAD_CLOSED,
    SHELTER_FILL,
)
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Balance, Drivers, Outcome, Progress, State
from twin.variables import Unit, Variable, conform

#: What of the households a state keeps.
COLUMNS = ("cell", "block", "node", "layer", "persons", "delay_s", "obeys", "follows", "seats", "knows")


@dataclass(frozen=True)
class Movement:
    """Cars and walkers from their homes to shelters, or out of the city, through queues with spillback.

    `zones` are the blocks told to leave: "auto" (see `people.zones`), "all", or ids. `warning` is the moment of the order in city
    time ("19:20", next after the start; empty: at the start); whom an advice tells to leave is ordered when the advice can be
    known, if that is later. A new decision is made every `decision_s`: orders, departures,
    places in shelters and ways at the travel times of that moment. Those who are not `informed` take the way they know from dry and
    empty roads, until they come to a road that is closed.
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    reads: ClassVar[tuple[str, ...]] = (
        "slows_travel",
        "water_speed",
        "dose_rate",
        "advice",
        "leave_before",
        "advice_from",
        "place_colour",
    )
    gives: ClassVar[tuple[Variable, ...]] = (PEOPLE_AT_HOME, PEOPLE_ON_EDGE)

    zones: Zones = "auto"
    warning: str = ""
    compliance: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "stated intention, Appl. Sci. 2023, 13(8):5194")] = 0.66
    shadow: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "US NRC NUREG/CR-7002 uses 0.2; scan 0, 0.1, 0.2")] = 0.0
    mean_delay_min: Annotated[float, Gt(0.0), Le(600.0), Unit("min", "no-notice mobilisation 20 to 40: assumed")] = 30.0
    departures: Departures = "rayleigh"
    informed: Annotated[
        float, Ge(0.0), Le(1.0), Unit("1", "the others learn of a closed road when they come to it: assumed")
    ] = 1.0
    persons_per_car: Annotated[int, Ge(1), Le(9), Unit("1", "1.5 to 2.5: assumed")] = 2
    persons_on_foot: Annotated[int, Ge(1), Le(9), Unit("1", "who walk together: assumed")] = 3
    walk_m_s: Annotated[float, Gt(0.0), Le(3.0), Unit("m s-1", "groups with elderly, FHWA MUTCD")] = 1.0
    veh_h_lane: Annotated[float, Gt(0.0), Le(2400.0), Unit("1", "sustained in evacuations: TRB 2011, 11-4115")] = 600.0
    wade_m: Annotated[float, Gt(0.0), Le(1.2), Unit("m", "H3 begins: unsafe for children and the elderly")] = 0.5
    zone_depth_m: Annotated[float, Gt(0.0), Le(10.0), Unit("m", "waterlogging dashboards")] = 0.5
    zone_dose: Annotated[float, Gt(0.0), Le(10.0), Unit("1", "share of AEGL-3's load: assumed")] = 0.5
    decision_s: Annotated[float, Ge(10.0), Le(600.0), Unit("s", "assumed")] = 60.0

    def simulate(
        self,
        city: City,
        drivers: Drivers,
        clock: Clock,
        actions: tuple[Action, ...] = (),
        rng: np.random.Generator | None = None,
        state: State | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Simulate one member; see `twin.hazard.Hazard`. Raises ScenarioError for what a plan cannot be made of."""
        self.check(city, drivers, clock, actions)
        per_frame = round(clock.step_s / self.decision_s)
        network = network_of(city, veh_h_lane=self.veh_h_lane, walk_m_s=self.walk_m_s)
        goals = goals_of(city, network, drivers)
        roads = self._conditions(city, network, goals, drivers, clock, actions)
        state = state and state.check("movement", city.grid.hash, self._settings())
        homes = self._homes(city, network, clock, rng, state)
        began_s = state.numbers["elapsed_s"] if state else 0.0
        fleets = fleets_of(city, network, actions, began_s, state.arrays["bus_back_s"] if state else None)
        homes = homes if state else aboard(homes, fleets)
        zones, orders_s, first_s = self._orders(city, drivers, clock, actions, state)
        ordered = (zones["why"] != "").values[homes.block]
        leaves = np.where(ordered, homes.obeys < self.compliance, homes.follows < self.shadow)
        leaves &= np.isfinite(orders_s[homes.block])
        queues = _queues(network, homes, roads)
        left, quota = goals.places.copy(), np.zeros((2 * len(zones), len(goals.places)))
        if state:
            queues.restore(state.arrays)
            left[:], quota[:] = state.arrays["places_left"], state.arrays["places_kept"]
        planned = state is not None and state.numbers["planned"] > 0.0
        starts = [began_s + a.start_s for a in actions if a.kind == "assign_shelters" and not planned]
        plan_s = min(starts, default=np.inf)
        habits = goals.ways(network, network.length / network.free)[1]
        if not state:
            queues.travellers["ways"] = np.where(homes.knows < self.informed, 0, len(habits))
        decisions = Decisions(homes, orders_s, leaves, left, quota, fleets, plan_s)
        record = Record(city, network, goals, homes, roads, clock)
        steps = per_frame * clock.steps
        for k in range(steps + 1):
            t = k * self.decision_s
            cost = _set_roads(queues, network, roads.at(t), roads)
            ways_cost, ways = goals.ways(network, cost)
            ways = np.vstack([ways, habits])
            see(queues.travellers, queues.links, ways, np.isinf(cost))
            if k % per_frame == 0:
                record.keep(t, queues, ways_cost)
                if progress is not None:
                    progress(k / steps)
            if k < steps:
                now, then = began_s + t, began_s + t + self.decision_s
                decisions.decide(now, then, queues, ways_cost)
                queues.advance(ways, now, then)
        found = self._tables(record, zones, queues, ways_cost, leaves, orders_s, began_s, first_s)
        fields = record.fields()
        shown = (PEOPLE_QUEUED, ROAD_CLOSED, MINUTES_LEFT, SHELTER_FILL)
        counts = record.counts()
        return Outcome(
            conform(fields, *self.gives, *shown),
            found,
            _balance(homes, counts["end_state"]).check("movement"),
            self._state(
                city,
                homes,
                queues,
                left,
                quota,
                fleets,
                zones,
                orders_s,
                {
                    "elapsed_s": began_s + clock.duration_s,
                    "first_order_s": first_s,
                    "night": float(homes.basis == "night"),
                    "planned": float(planned or plan_s < began_s + clock.duration_s),
                },
            ),
            notes_of(
                record,
                zones,
                found,
                leaves,
                compliance=self.compliance,
                warning=self.warning,
                warned_s=self._warning_s(city, clock),
                veh_h_lane=self.veh_h_lane,
                informed=self.informed,
                walk_m_s=self.walk_m_s,
            ),
            counts=counts,
        )

    def check(self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = ()) -> None:
        """Raise ScenarioError for what can be seen to be wrong before anything is simulated; see `twin.hazard.Checked`.

        Looked at: the step of decisions, people, the zones named, and measures on something that they cannot work on.
        """
        per_frame = round(clock.step_s / self.decision_s)
        if abs(per_frame * self.decision_s - clock.step_s) > 1e-9 or per_frame < 1:
            raise ScenarioError("movement_step", step=clock.step_s, decision=self.decision_s)
        people_of(city, clock)
        known_zones(city, self.zones)
        self._time_of_day()
        blocks = block_ids(city)
        known = {"contraflow": [str(i) for i in city.roads["id"]], "delay_zone": blocks, "bus": blocks}
        for action in actions:
            if action.kind in known and action.place not in known[action.kind]:
                raise ScenarioError(
                    f"movement_{action.kind}", found=action.place, expected=", ".join(known[action.kind][:5])
                )

    def _conditions(
        self, city: City, network: Network, goals: Goals, drivers: Drivers, clock: Clock, actions: tuple[Action, ...]
    ) -> Conditions:
        """Return the conditions of the run; a road under contraflow leads to the end that is nearer to a way out of the city.

        Where no road leads out, to the end that is nearer to a shelter.
        """
        cost, _ = goals.ways(network, network.length / network.free)
        nearest = cost[goals.exits] if np.isfinite(cost[goals.exits]).any() else cost.min(axis=0)
        reversed_lanes = {}
        for action in actions:
            if action.kind == "contraflow":
                row = int(np.flatnonzero((city.roads["id"] == action.place).values)[0])
                link = np.flatnonzero((network.road == row) & (network.layer == CAR) & ~network.reverse)
                if len(link):
                    reversed_lanes[row] = bool(nearest[network.up[link[0]]] < nearest[network.down[link[0]]])
        return conditions_of(
            city, network, drivers, clock, actions,
            decision_s=self.decision_s, wade_m=self.wade_m, reversed_lanes=reversed_lanes,
        )  # fmt: skip

    def _homes(
        self, city: City, network: Network, clock: Clock, rng: np.random.Generator | None, state: State | None
    ) -> Households:
        """Return the households: drawn, or those of the run that this one goes on from."""
        if state:
            kept = {name: state.arrays[f"home_{name}"] for name in COLUMNS}
            basis = "night" if state.numbers["night"] else "day"
            return Households(**kept, basis=basis, car_share_assumed="car_share" not in city.population)
        return households_of(
            city, network, clock, rng or np.random.default_rng(0),
            in_car=self.persons_per_car, on_foot=self.persons_on_foot, mean_delay_s=60.0 * self.mean_delay_min,
            departures=self.departures,
        )  # fmt: skip

    def _orders(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...], state: State | None
    ) -> tuple[pd.DataFrame, NDArray[np.float64], float]:
        """Return the zones, the moment of each block's order and of the first, s since the first start; infinite for none.

        Blocks that are not told to leave have the moment of the first order, from which some of their people may follow.
        """
        zones = zones_of(city, drivers, clock, self.zones, depth_m=self.zone_depth_m, dose=self.zone_dose)
        if state:
            names = ("asked", "water", "cloud", "advice")
            why = ["" if code < 0 else names[code] for code in state.arrays["zone_why"].astype(int)]
            return zones.assign(why=why), state.arrays["orders_s"], state.numbers["first_order_s"]
        told = (zones["why"] != "").values
        orders = np.where(told, self._warning_s(city, clock), np.inf)
        known = (zones["why"] == "advice").values & (zones["known_s"] > orders).values
        orders[known] = zones["known_s"].values[known]
        for action in actions:
            if action.kind == "delay_zone":
                orders[block_ids(city).index(action.place)] += 60.0 * action.values["delay_min"]
        first = float(orders.min())
        return zones, np.where(told, orders, first), first

    def _time_of_day(self) -> time | None:
        """Return the time of day of the warning; None where it is not set."""
        try:
            return time.fromisoformat(self.warning) if self.warning else None
        except ValueError:
            raise ScenarioError("time_text", found=self.warning) from None

    def _warning_s(self, city: City, clock: Clock) -> float:
        """Return the moment of the warning, s on the clock."""
        told = self._time_of_day()
        if told is None:
            return 0.0
        start = clock.start.astimezone(city.tz)
        at = datetime.combine(start.date(), told, tzinfo=start.tzinfo)
        seconds = ((at if at >= start else at + timedelta(days=1)) - start).total_seconds()
        if seconds >= clock.duration_s:
            raise ScenarioError("movement_warning", found=self.warning, hours=clock.duration_s / 3600.0)
        return seconds

    def _settings(self) -> dict[str, str | float]:
        """Return what must be the same in a run that goes on from another."""
        return {
            "decision_s": self.decision_s,
            "persons_per_car": float(self.persons_per_car),
            "persons_on_foot": float(self.persons_on_foot),
            "veh_h_lane": self.veh_h_lane,
            "walk_m_s": self.walk_m_s,
        }

    def _state(
        self, city: City, homes: Households, queues: Queues, left: NDArray[np.float64], quota: NDArray[np.float64],
        fleets: list[Fleet], zones: pd.DataFrame, orders_s: NDArray[np.float64], numbers: dict[str, float],
    ) -> State:  # fmt: skip
        """Return all that is needed to go on."""
        names = {"": -1, "asked": 0, "water": 1, "cloud": 2, "advice": 3}
        why = np.array([names[w] for w in zones["why"]], dtype=np.int8)
        arrays = queues.arrays() | {f"home_{name}": getattr(homes, name) for name in COLUMNS}
        arrays["bus_back_s"] = np.concatenate([np.zeros(0), *(fleet.back_s for fleet in fleets)])
        arrays |= {"places_left": left, "places_kept": quota, "orders_s": orders_s, "zone_why": why}
        return State("movement", city.grid.hash, arrays, numbers, self._settings())

    def _tables(
        self, record: Record, zones: pd.DataFrame, queues: Queues, cost: NDArray[np.float64],
        leaves: NDArray[np.bool_], orders_s: NDArray[np.float64], began_s: float, first_s: float,
    ) -> dict[str, pd.DataFrame]:  # fmt: skip
        """Return the tables of the run."""
        by_zone = tables.zones(record, zones, queues, cost, leaves, orders_s, began_s)
        known_s = np.where(zones["why"] == "advice", zones["known_s"].fillna(0.0), 0.0)
        by_shelter = tables.shelters(record, queues, known_s, began_s)
        return {
            "zones": by_zone,
            "orders": tables.orders(by_zone),
            "last_departures": tables.last_departures(by_zone),
            "shelters": by_shelter,
            "openings": tables.openings(by_shelter),
            "clearing": tables.clearing(record, queues, leaves, began_s),
            "doses": tables.doses(record, queues),
            "buses": tables.buses(record, queues, leaves, orders_s, began_s + record.clock.duration_s),
            "stranded": tables.stranded(record, queues, cost),
            "bound": tables.bound(
                record,
                queues,
                leaves,
                orders_s,
                first_s,
                began_s,
                max(self.persons_per_car, record.homes.most_in_car),
                self.persons_on_foot,
            ),
        }


def _queues(network: Network, homes: Households, roads: Conditions) -> Queues:
    """Return empty queues with room for the most lanes that a link ever has."""
    return queues_of(
        nodes=2 * network.nodes, up=network.up, down=network.down, length=network.length, speed=network.free,
        capacity=network.capacity, storage=network.storage, wave=network.wave, weight=homes.weight, home=homes.node,
        most=network.storage * roads.lanes.max(axis=0),
    )  # fmt: skip


def _set_roads(queues: Queues, network: Network, spell: int, roads: Conditions) -> NDArray[np.float64]:
    """Set the links to the conditions of a spell; return what it costs to run each now, s: infinite where nobody gets through.

    One who comes last onto a link leaves it when all before have left, if that is later than its free run.
    """
    real = len(network.up)
    links = queues.links[:real]
    links["speed"], links["opened"] = roads.speed[spell], ~roads.blocked[spell]
    links["dose_rate"] = roads.dose_rate[spell]
    at_node = np.zeros(2 * network.nodes)
    np.maximum.at(at_node, network.up, roads.dose_rate[spell])
    queues.links["dose_rate"][real:] = at_node[
        queues.links["down"][real:]
    ]  # who waits to get onto the road stands beside it
    links["gap"] = 1.0 / (network.capacity * roads.lanes[spell])
    links["storage"] = network.storage * roads.lanes[spell]
    with np.errstate(divide="ignore"):
        run_s = network.length / links["speed"]
    return np.where(roads.blocked[spell], np.inf, np.maximum(run_s, links["inside"] * links["gap"]))


def _balance(homes: Households, states: pd.DataFrame) -> Balance:
    """Return the ledger of persons: everybody is in one end state."""
    last = dict(zip(STATES, states.iloc[-1].astype(float), strict=True))
    gone = {name: last.pop(name) for name in ("safe", "sheltered")}
    return Balance("persons", {"population": float(homes.persons.sum())}, gone, last, tolerance=0.0)
