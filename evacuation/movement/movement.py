"""The movement hazard: who leaves when, by what road, to which shelter, and who is cut off, over roads that flood and under a cloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from evacuation.movement import exposure, tables
from evacuation.movement.kernels.people import see
from evacuation.movement.kernels.queues import AT_HOME
from evacuation.movement.notes import notes_of
from evacuation.movement.people.care import Care, care_homes, care_of, has_vehicles, with_care
from evacuation.movement.people.decisions import Decisions, Plan
from evacuation.movement.people.fleet import fleet_of
from evacuation.movement.people.households import Departures, Households, households_of, people_of
from evacuation.movement.people.masts import lost_from
from evacuation.movement.people.orders import kept_inside, orders_of, warning_s
from evacuation.movement.people.rooms import indoors_of, rooms_of
from evacuation.movement.people.shuttles import aboard, stops_of
from evacuation.movement.people.zones import Zones, block_ids, known_zones, zones_of
from evacuation.movement.record import STATES, Record
from evacuation.movement.roads.conditions import CarCurve, Conditions, conditions_of
from evacuation.movement.roads.goals import Goals, goals_of
from evacuation.movement.roads.network import CAR, Network, network_of
from evacuation.movement.roads.queues import Queues, cost_of, queues_of, set_roads
from evacuation.movement.roads.routes import Routes, outward_of, routes_of
from evacuation.movement.standing import begin
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
from twin.hazard import EVERYWHERE, Action, Balance, Drivers, Outcome, Progress, State, measure_table
from twin.variables import Unit, Variable, conform

#: What of the households a state keeps.
COLUMNS = (
    "cell",
    "block",
    "node",
    "layer",
    "persons",
    "delay_s",
    "obeys",
    "follows",
    "seats",
    "knows",
    "heeds",
    "care",
)


@dataclass(frozen=True)
class Movement:
    """Cars and walkers from their homes to shelters, or out of the city, through queues with spillback.

    `zones` are the blocks told to leave: "auto" (see `people.zones`), "all", or ids. `warning` is the moment of the order in city
    time ("19:20", next after the start; empty: at the start); whom an advice tells to leave is ordered when the advice can be
    known, if that is later. A new decision is made every `decision_s`: orders, departures, places in shelters and ways at the travel
    times of that moment. The share `informed` goes by the roads of the moment and shuns the cloud; at each junction it keeps to the
    road taken there before as long as the way by it takes at most 1 + `keeps_way` of the least. The share `told` goes by the roads
    of the last bulletin; all others take the way they know from dry and empty roads. Both of these learn the roads of the moment
    when the road they want is closed. Of those for whom a plan keeps places the share `guided` goes there. Windows are ajar until
    the first order, and shut from then on. Cars slow down in water by `car_curve` (`roads.conditions.car_speed`).
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    reads: ClassVar[tuple[str, ...]] = (
        "slows_travel",
        "water_speed",
        "dose_rate",
        "bars_travel",
        "advice",
        "leave_before",
        "advice_from",
        "indoor_dose",
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
    keeps_way: Annotated[
        float, Ge(0.0), Le(1.0), Unit("1", "Mahmassani and Jayakrishnan 1991, doi:10.1016/0191-2607(91)90145-G")
    ] = 0.0
    persons_per_car: Annotated[int, Ge(1), Le(9), Unit("1", "1.5 to 2.5: assumed")] = 2
    persons_on_foot: Annotated[int, Ge(1), Le(9), Unit("1", "who walk together: assumed")] = 3
    walk_m_s: Annotated[float, Gt(0.0), Le(3.0), Unit("m s-1", "groups with elderly, FHWA MUTCD")] = 1.0
    veh_h_lane: Annotated[float, Gt(0.0), Le(2400.0), Unit("1", "sustained in evacuations: TRB 2011, 11-4115")] = 600.0
    wade_m: Annotated[float, Gt(0.0), Le(1.2), Unit("m", "H3 begins: unsafe for children and the elderly")] = 0.5
    car_curve: CarCurve = "pregnolato"
    zone_depth_m: Annotated[float, Gt(0.0), Le(10.0), Unit("m", "waterlogging dashboards")] = 0.5
    told: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "go by the last bulletin: assumed")] = 0.0
    bulletin_min: Annotated[float, Gt(0.0), Le(240.0), Unit("min", "one bulletin each: assumed")] = 15.0
    guided: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "of those a plan keeps a place for: assumed")] = 1.0
    dose_detour_min: Annotated[
        float, Ge(0.0), Le(1440.0), Unit("min", "detour that AEGL-3's load is worth: assumed")
    ] = 60.0
    air_changes_open: Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows ajar: assumed")] = 1.5
    air_changes_shut: Annotated[float, Gt(0.0), Le(30.0), Unit("h-1", "leaky home, windows shut: assumed")] = 0.5
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
        self._check_plan(city, clock, actions)
        per_frame = round(clock.step_s / self.decision_s)
        rescue = any(a.kind == "transport" for a in actions) or has_vehicles(city)
        network = self._network(city, actions, rescue)
        goals, care = goals_of(city, network, drivers, actions), care_of(city, network)
        outward = outward_of(city, network, goals, actions)
        roads = conditions_of(
            city, network, drivers, clock, actions,
            decision_s=self.decision_s, wade_m=self.wade_m, car_curve=self.car_curve, reversed_lanes=outward,
        )  # fmt: skip
        routes = routes_of(city, network, goals, actions, outward)
        state = state and state.check("movement", city.grid.hash, self._settings(goals, routes))
        homes = self._homes(city, network, care, clock, rng, state)
        began_s = state.numbers["elapsed_s"] if state else 0.0
        zones = zones_of(city, drivers, clock, self.zones, depth_m=self.zone_depth_m, dose=self.zone_dose)
        zones, orders_s, first_s = orders_of(city, zones, warning_s(self.warning, city, clock), actions, state)
        homes = replace(homes, delay_s=kept_inside(homes, orders_s, city, actions, began_s))
        stops = stops_of(city, network, care, actions, orders_s, began_s)
        told = (zones["why"] != "").values
        fleet = fleet_of(city, network, actions, told, len(homes.persons), began_s)
        homes = homes if state else aboard(homes, [*stops, *fleet.stops])
        ordered = told[homes.block]
        leaves = np.where(ordered, homes.obeys < self.compliance, homes.follows < self.shadow)
        leaves &= np.isfinite(orders_s[homes.block]) & np.isfinite(homes.delay_s)
        leaves &= (homes.care < 0) | (homes.seats > 0.0)  # who is in care leaves with a vehicle, or not at all
        queues, rooms = _queues(network, routes, homes, roads), rooms_of(city, drivers, clock)
        lists, count = homes.lists(network, self.guided)
        standing = begin(goals, routes, count, len(homes.persons))
        habits = routes.ways(network.dry_s)[1]
        if state:
            queues.restore(state.arrays)
            standing.restore(state.arrays, stops, rooms)
            fleet.restore(state.arrays)
        else:
            queues.travellers["ways"] = len(habits) * self._knows(homes)
        made = state is not None and state.numbers["planned"] > 0.0
        plan = Plan(_plan_s(actions, began_s), made, _flow(network, routes, homes, leaves))
        decisions = Decisions(
            homes, orders_s, leaves, standing.left, standing.quota, lists, stops, fleet,
            standing.vehicle, standing.boards_s, standing.turned, routes, plan,
        )  # fmt: skip
        told_s = np.where(zones["why"] != "", orders_s - began_s, np.inf)
        record = Record(city, network, goals, routes, homes, roads, clock, leaves, told_s)
        lost_s = lost_from(city, drivers, clock, actions)
        unheard_s, first_lost_s = lost_s[homes.cell], lost_s.min(initial=np.inf)
        warned_s = min([first_s, *(began_s + a.start_s for a in actions if a.kind == "stay_inside")])
        unheard = np.flatnonzero(np.isfinite(unheard_s))
        by_habit = len(unheard) > 0 or bool(queues.travellers["ways"].any())
        steps, set_to = per_frame * clock.steps, -1
        moments = self.decision_s * np.arange(steps)
        if (whole := indoors_of(city, drivers)) is not None:
            rooms.fit(whole, [(t, self.decision_s, self._changes_s(began_s + t >= warned_s)) for t in moments])
        for k in range(steps + 1):
            t = k * self.decision_s
            now = began_s + t
            spell = roads.at(t)
            if spell != set_to:
                set_roads(queues, network, spell, roads)
                set_to = spell
            cost = cost_of(queues, network, roads.blocked[spell])
            ways_cost, ways = routes.ways(self._felt(cost, roads.dose_rate[spell]), t, standing.kept, self.keeps_way)
            if self.told > 0.0 and now % (60.0 * self.bulletin_min) < 1e-6:
                standing.bulletin[:] = ways
            ways = np.vstack([ways, habits, *([standing.bulletin] if self.told > 0.0 else [])])
            if by_habit:
                see(queues.travellers, queues.links, ways, np.isinf(cost))
            if first_lost_s <= t:
                cut = unheard[(queues.travellers["link"][unheard] == AT_HOME) & (unheard_s[unheard] <= t)]
                queues.travellers["ways"][cut] = len(habits)
            if k % per_frame == 0:
                record.keep(t, queues, ways_cost, *standing.met_at_home(homes.cell, rooms), rooms.load)
                if progress is not None:
                    progress(k / steps)
            if k < steps:
                standing.open_shelters(goals, routes, t)
                back = partial(routes.back, cost=cost, t=t)
                if fleet.from_s < now + self.decision_s and not fleet.planned:
                    decisions.plan_rounds(now, routes.ways(cost, t)[0], back)
                gone = decisions.decide(now, now + self.decision_s, queues, ways_cost, ways, back)
                indoors = replace(rooms, load=rooms.load.copy(), fast_s=rooms.fast_s.copy())
                rooms.advance(t, self.decision_s, self._changes_s(now >= warned_s))
                standing.set_out(gone.who, gone.when, homes.cell, indoors, rooms, now, self.decision_s)
                before = record.before(queues)
                queues.advance(ways, now, now + self.decision_s)
                record.follow(before, queues, ways, t, t + self.decision_s, began_s)
        found = self._tables(record, zones, care, queues, ways_cost, orders_s, began_s, first_s, actions)
        found["control_points"] = tables.control_points(record, standing.turned, plan.at_s - began_s)
        found["bus_rounds"] = fleet.rounds(city, queues, standing.boards_s, tables.goal_ids(record), began_s)
        found["bus_orders"] = tables.bus_orders(found["bus_rounds"], city, clock)
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
                queues.arrays() | standing.arrays(stops, rooms) | fleet.arrays(),
                zones,
                orders_s,
                {
                    "elapsed_s": began_s + clock.duration_s,
                    "first_order_s": first_s,
                    "night": float(homes.basis == "night"),
                    "planned": float(plan.made),
                },
                self._settings(goals, routes),
            ),
            notes_of(
                record, zones, care, found, leaves, fleet, compliance=self.compliance, warning=self.warning,
                warned_s=warning_s(self.warning, city, clock), veh_h_lane=self.veh_h_lane, informed=self.informed,
                by_bulletin=self.told, walk_m_s=self.walk_m_s, car_curve=self.car_curve,
            ),
            counts=counts,
        )  # fmt: skip

    def check(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = (), state: State | None = None
    ) -> None:
        """Raise ScenarioError for what can be seen to be wrong before anything is simulated; see `twin.hazard.Checked`.

        Looked at: the step of decisions, the warning, people, the zones named, measures on something that they cannot work on, roads,
        shelters and ways out, and homes of those who cannot leave alone.
        """
        self._check_plan(city, clock, actions)
        network = self._network(city, actions)
        goals = goals_of(city, network, {}, actions)
        care_of(city, network)
        routes_of(city, network, goals, actions, outward_of(city, network, goals, actions))

    def _check_plan(self, city: City, clock: Clock, actions: tuple[Action, ...]) -> None:
        """Raise ScenarioError for parameters and measures that cannot be."""
        per_frame = round(clock.step_s / self.decision_s)
        if abs(per_frame * self.decision_s - clock.step_s) > 1e-9 or per_frame < 1:
            raise ScenarioError("movement_step", step=clock.step_s, decision=self.decision_s)
        if self.informed + self.told > 1.0 + 1e-9:
            raise ScenarioError("movement_shares", informed=self.informed, told=self.told)
        people_of(city, clock)
        known_zones(city, self.zones)
        warning_s(self.warning, city, clock)
        blocks, roads = block_ids(city), [str(i) for i in city.roads["id"]]
        facilities = city.facilities[["id", "kind"]].astype(str)
        known = {
            "contraflow": roads, "hold_turn": roads, "delay_zone": blocks, "bus": blocks, "stay_inside": blocks,
            "transport": [str(i) for i in care_homes(city)["id"]],
            "open_shelter": list(facilities.loc[facilities["kind"] != "shelter", "id"]),
            "lose_mast": list(facilities.loc[facilities["kind"] == "mast", "id"]),
        }  # fmt: skip
        for action in actions:
            if action.kind in known and action.place not in known[action.kind]:
                raise ScenarioError(
                    f"movement_{action.kind}", found=action.place, expected=", ".join(known[action.kind][:5]) or "–"
                )
            if action.kind in ("bus_fleet", "assign_shelters", "assign_approaches") and action.place != EVERYWHERE:
                raise ScenarioError("movement_everywhere", measure=action.kind, found=action.place, expected=EVERYWHERE)
        if (fleets := sum(a.kind == "bus_fleet" for a in actions)) > 1:
            raise ScenarioError("movement_bus_fleet", found=fleets)

    def _network(self, city: City, actions: tuple[Action, ...], rescue: bool = False) -> Network:
        """Return the network of a run, with the links that a contraflow opens."""
        turned = frozenset(a.place for a in actions if a.kind == "contraflow")
        return network_of(city, veh_h_lane=self.veh_h_lane, walk_m_s=self.walk_m_s, rescue=rescue, contraflow=turned)

    def _homes(
        self, city: City, network: Network, care: Care, clock: Clock, rng: np.random.Generator | None, state: State | None
    ) -> Households:  # fmt: skip
        """Return the households and those in care: drawn, or those of the run that this one goes on from."""
        if state:
            kept = {name: state.arrays[f"home_{name}"] for name in COLUMNS}
            basis = "night" if state.numbers["night"] else "day"
            return Households(**kept, basis=basis, car_share_assumed="car_share" not in city.population)
        homes = households_of(
            city, network, clock, rng or np.random.default_rng(0),
            in_car=self.persons_per_car, on_foot=self.persons_on_foot, mean_delay_s=60.0 * self.mean_delay_min,
            departures=self.departures,
        )  # fmt: skip
        return with_care(homes, care)

    def _knows(self, homes: Households) -> NDArray[np.int64]:
        """Return by which ways each party goes, (party,): 0 those of the moment, 1 those it knows, 2 those of the last bulletin."""
        told = (homes.knows >= self.informed) & (homes.knows < self.informed + self.told)
        return np.where(told, 2, (homes.knows >= self.informed).astype(np.int64))

    def _felt(self, cost: NDArray[np.float64], dose_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a link costs one who knows the roads and shuns the cloud, (link,), s: its time, and the detour its load is worth."""
        return cost * (1.0 + 60.0 * self.dose_detour_min * dose_rate)

    def _changes_s(self, shut: bool) -> float:
        """Return the air changes of homes, 1/s."""
        return (self.air_changes_shut if shut else self.air_changes_open) / 3600.0

    def _settings(self, goals: Goals, routes: Routes) -> dict[str, str | float]:
        """Return what must be the same in a run that goes on from another."""
        return {
            "decision_s": self.decision_s,
            "persons_per_car": float(self.persons_per_car),
            "persons_on_foot": float(self.persons_on_foot),
            "veh_h_lane": self.veh_h_lane,
            "walk_m_s": self.walk_m_s,
            "shelters": ", ".join(goals.shelters.loc[goals.shelters["group"] >= 0, "id"].astype(str)),
            "groups": float(routes.groups),
            "nodes": float(routes.nodes),
            "links": float(len(routes.at)),
        }

    def _state(
        self, city: City, homes: Households, arrays: dict[str, NDArray[Any]], zones: pd.DataFrame,
        orders_s: NDArray[np.float64], numbers: dict[str, float], settings: dict[str, str | float],
    ) -> State:  # fmt: skip
        """Return all that is needed to go on."""
        names = {"": -1, "asked": 0, "water": 1, "cloud": 2, "advice": 3}
        why = np.array([names[w] for w in zones["why"]], dtype=np.int8)
        arrays |= {f"home_{name}": getattr(homes, name) for name in COLUMNS}
        arrays |= {"orders_s": orders_s, "zone_why": why}
        return State("movement", city.grid.hash, arrays, numbers, settings)

    def _tables(
        self, record: Record, zones: pd.DataFrame, care: Care, queues: Queues, cost: NDArray[np.float64],
        orders_s: NDArray[np.float64], began_s: float, first_s: float, actions: tuple[Action, ...],
    ) -> dict[str, pd.DataFrame]:  # fmt: skip
        """Return the tables of the run."""
        by_zone = tables.zones(record, zones, queues, cost, orders_s, began_s)
        known_s = np.where(zones["why"] == "advice", zones["known_s"].fillna(0.0), 0.0)
        by_shelter = tables.shelters(record, queues, known_s, began_s)
        in_car = max(self.persons_per_car, record.homes.most_in_car)
        return {
            "zones": by_zone,
            "conflicts": zones.loc[zones["conflict"], ["id"]].reset_index(drop=True),
            "orders": tables.orders(by_zone),
            "last_departures": tables.last_departures(by_zone),
            "shelters": by_shelter,
            "openings": tables.openings(by_shelter),
            "clearing": tables.clearing(record, queues, began_s),
            "queues": tables.queues(record),
            "doses": exposure.doses(record, queues),
            "fast_water": exposure.fast_water(record, queues),
            "buses": tables.buses(record, queues, orders_s, began_s + record.clock.duration_s),
            "in_care": tables.in_care(record, care, queues, began_s, zones),
            "stranded": tables.stranded(record, queues, cost),
            "barred": tables.barred(record),
            "measures": measure_table(tuple(a for a in actions if a.place != EVERYWHERE)),
            "trajectories": record.trajectories(),
            "bound": tables.bound(record, queues, orders_s, first_s, began_s, in_car, self.persons_on_foot),
        }


def _plan_s(actions: tuple[Action, ...], began_s: float) -> float:
    """Return when places are given out by plan, s since the first start; infinite for never."""
    starts = [began_s + a.start_s for a in actions if a.kind in ("assign_shelters", "assign_approaches")]
    return min(starts, default=np.inf)


def _flow(network: Network, routes: Routes, homes: Households, leaves: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the persons a second that the road of each group's approach lets through, (group,); 1 where a group has none."""
    cars = leaves & (homes.layer == CAR)
    each = homes.persons[cars].sum() / max(homes.weight[cars].sum(), 1e-9)
    return np.where(routes.approach >= 0, network.capacity[routes.approach] * max(each, 1e-9), 1.0)


def _queues(network: Network, routes: Routes, homes: Households, roads: Conditions) -> Queues:
    """Return empty queues that know the most lanes that a link ever has."""
    return queues_of(
        nodes=network.layers * network.nodes, up=network.up, down=network.down, length=network.length, speed=network.free,
        capacity=network.capacity, storage=network.storage, wave=network.wave, weight=homes.weight, home=homes.node,
        lanes=roads.lanes.max(axis=0), at=routes.at, layers=network.layers,
    )  # fmt: skip


def _balance(homes: Households, states: pd.DataFrame) -> Balance:
    """Return the ledger of persons: everybody is in one end state."""
    last = dict(zip(STATES, states.iloc[-1].astype(float), strict=True))
    gone = {name: last.pop(name) for name in ("safe", "sheltered")}
    came = {"population": float(homes.persons[homes.care < 0].sum())}
    if inside := float(homes.persons[homes.care >= 0].sum()):
        came["in_care"] = inside
    return Balance("persons", came, gone, last, tolerance=0.0)
