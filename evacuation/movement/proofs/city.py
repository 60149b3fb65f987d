"""A whole town that leaves: what must hold whatever the plan."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.roads.network import network_of
from evacuation.movement.roads.queues import FEW
from twin.city import City
from twin.hazard import Action, Outcome, State
from twin.jit import on_threads
from twin.proof import Reference, one_and_many
from twin.streams import stream

MODEL = Movement(zones="all", compliance=0.9, mean_delay_min=10.0)

#: Water that rises over the western half of the town, stands, and falls again, m at each output time of two hours.
TIDE_M = np.interp(np.arange(25), [0, 2, 5, 12, 16, 24], [0.0, 0.05, 0.7, 0.7, 0.0, 0.0])


#: A home for the aged of forty, and a plan that fetches them, holds a turn, keeps a block inside and shares out the approaches.
CARE = (
    Action("transport", "aged", 300.0, None, {"vehicles": 4.0, "places": 4.0}),
    Action("hold_turn", "r0-4-1", 0.0, None, {"turn_deg": 0.0}),
    Action("stay_inside", "b2", 0.0, 1800.0),
    Action("assign_approaches", "*"),
)


def with_care_home(city: City) -> City:
    """Return a city with a home for the aged in its first block."""
    row = {"id": "aged", "kind": "care_home", "name_zh": "养老院", "name_en": "Home", "capacity": 40.0, "staff": 8.0}
    point = shapely.Point(worlds.WEST + 150.0, worlds.NORTH - 150.0)
    home = gpd.GeoDataFrame([row], geometry=[point], crs=worlds.CRS)
    return replace(city, facilities=pd.concat([city.facilities, home], ignore_index=True))


@cache
def outcome(name: str) -> Outcome:
    """Return one run of the town: dry, flooded, under a cloud, with lanes reversed and a block held back, with people in care."""
    city, clock = worlds.town(), worlds.clock()
    if name == "care":
        city = with_care_home(city)
    actions = {
        "care": CARE,
        "measures": (
            Action("contraflow", "out-w", 600.0, 5400.0),
            Action("contraflow", "out-e", 0.0, None),
            Action("delay_zone", "b2", 0.0, None, {"delay_min": 20.0}),
            Action("close_road", "r3-3-1", 900.0, 3600.0),
            Action("bus", "b3", 300.0, None, {"buses": 6.0, "seats": 40.0}),
            Action("assign_shelters", "*"),
        ),
    }
    drivers = {
        "flood": {"water_depth": worlds.water(city, clock, TIDE_M)},
        "cloud": {"toxic_dose_rate": worlds.cloud(city, clock, 1.0 / 1200.0)},
    }
    return MODEL.simulate(city, drivers.get(name, {}), clock, actions.get(name, ()), stream(7, "movement"))


CASES = ("dry", "flood", "cloud", "measures", "care")


def people(_: Reference) -> float:
    """Return the largest number of persons by which the end states ever differ from the population, over all cases and times."""
    gaps = []
    for name in CASES:
        found = outcome(name)
        total = sum(found.balance.came_in.values())
        gaps += [np.abs(worlds.people_sum(table) - total).max() for table in found.counts.values()]
    return float(max(gaps))


@cache
def bound(_: Reference) -> dict[str, float]:
    """Return the least ratio of T95 to its bounds over the cases whose people arrive.

    `any` is the bound of every plan; `departures` that of every plan in which people leave home when they do.
    """
    tables = [outcome(name).tables["bound"].iloc[0] for name in CASES]
    return {
        "any": float(np.nanmin([t["gap"] for t in tables])),
        "departures": float(np.nanmin([t["t95_s"] / t["bound_departures_s"] for t in tables])),
    }


@cache
def no_effect(_: Reference) -> dict[str, float]:
    """Return what closing roads that nobody uses changes: the largest difference of any figure of people, and how many such roads.

    One block leaves; the roads of the others stay empty.
    """
    city, clock = worlds.town(), worlds.clock()
    model = replace(MODEL, zones=("b0",))
    plain = model.simulate(city, {}, clock, (), stream(7, "movement"))
    network = network_of(city, veh_h_lane=MODEL.veh_h_lane, walk_m_s=MODEL.walk_m_s)
    passed = np.bincount(network.road, plain.state.arrays["link_passed"][: len(network.up)], len(city.roads)) > 0
    idle = np.flatnonzero(~passed)
    actions = tuple(Action("close_road", str(city.roads["id"].iloc[k])) for k in idle)
    shut = model.simulate(city, {}, clock, actions, stream(7, "movement"))
    gaps = [
        float(np.abs(plain.fields[name].values - shut.fields[name].values).max())
        for name in ("people_at_home", "people_on_edge", "people_queued", "shelter_fill")
    ]
    return {"difference": max(*gaps, _difference(plain, shut)), "roads": float(len(idle))}


def dose(_: Reference) -> float:
    """Return the largest error of the toxic load that anybody collected under a steady cloud: its rate times the time outdoors.

    All are ordered at once, so the time outdoors is that of arrival less the delay.
    """
    arrays = outcome("cloud").state.arrays
    gone = ~np.isnan(arrays["traveller_safe"])
    expected = (arrays["traveller_safe"][gone] - arrays["home_delay_s"][gone]) / 1200.0
    return float(np.abs(arrays["traveller_dose"][gone] - expected).max())


def threads(_: Reference) -> float:
    """Return the largest difference between runs on one thread and on all; infinite for a town that is too small to need two."""
    found, city, clock = [], worlds.town(people=600.0), worlds.clock(0.5)
    water = worlds.water(city, clock, np.full(7, 0.2))
    drivers = {"water_depth": water, "water_speed": worlds.flow(water, 2.0)}
    for count in one_and_many():
        with on_threads(count):
            found.append(MODEL.simulate(city, drivers, clock, (), stream(7, "movement")))
    return _difference(*found) if len(found[0].state.arrays["traveller_link"]) >= FEW else np.inf


def restart(_: Reference) -> float:
    """Return the largest difference between the end of a whole run and that of one split at half its time, in all that is kept."""
    city, clock = with_care_home(worlds.town()), worlds.clock(1.0)
    water = worlds.water(city, clock, TIDE_M[:13])
    drivers = {
        "water_depth": water,
        "water_speed": worlds.flow(water, 2.0),
        "toxic_dose_rate": worlds.cloud(city, clock, 1.0 / 12_000.0),
    }
    model = replace(MODEL, informed=0.4, told=0.4, bulletin_min=20.0, keeps_way=0.2)
    fetch = Action("transport", "aged", 0.0, None, {"vehicles": 4.0, "places": 4.0})
    plan = (Action("bus", "b3", 0.0, None, {"buses": 6.0, "seats": 40.0}), Action("assign_approaches", "*"), fetch)
    whole = model.simulate(city, drivers, clock, plan, stream(7, "movement"))
    first = model.simulate(city, drivers, clock.first(1800.0), plan, stream(7, "movement"))
    kept = State("movement", first.state.grid_hash, first.state.arrays, first.state.numbers, first.state.settings)
    second = model.simulate(city, drivers, clock.after(1800.0), plan, None, kept)
    return _difference(whole, second)


def _difference(one: Outcome, other: Outcome) -> float:
    """Return the largest difference of any array of two states; infinite where one is known and the other not."""
    gaps = [0.0]
    for name, array in one.state.arrays.items():
        a, b = np.asarray(array, float), np.asarray(other.state.arrays[name], float)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        apart = np.abs(a[~same] - b[~same])
        gaps.append(float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0)))
    return max(gaps)
