"""When each block is ordered to leave: not before it can be known, later where a plan holds it back or keeps its people inside."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.people.households import Households
from evacuation.movement.people.zones import block_ids
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, State

#: Why a block leaves, as a state numbers it.
WHY = ("asked", "water", "cloud", "advice")


def orders_of(
    city: City, zones: pd.DataFrame, warned_s: float, actions: tuple[Action, ...], state: State | None
) -> tuple[pd.DataFrame, NDArray[np.float64], float]:
    """Return the zones, the moment of each block's order and of the first, s since the first start; infinite for none.

    `zones` as `people.zones` says; those who leave by advice are ordered from the moment it can be known, if that is after the
    warning. `delay_zone` adds minutes; an order that falls into a `stay_inside` is given when that ends. Blocks that are
    not told to leave have the moment of the first order, from which some of their people may follow.
    """
    if state:
        why = ["" if code < 0 else WHY[code] for code in state.arrays["zone_why"].astype(int)]
        return zones.assign(why=why), state.arrays["orders_s"], state.numbers["first_order_s"]
    told = (zones["why"] != "").values
    orders = np.where(told, warned_s, np.inf)
    known = (zones["why"] == "advice").values & (zones["known_s"] > orders).values
    orders[known] = zones["known_s"].values[known]
    for action in actions:
        if action.kind == "delay_zone":
            orders[block_ids(city).index(action.place)] += 60.0 * action.values["delay_min"]
    orders = held(orders, np.arange(len(zones)), city, actions, 0.0)
    first = float(orders.min())
    return zones, np.where(told, orders, first), first


def held(
    moments: NDArray[np.float64], block: NDArray[np.integer], city: City, actions: tuple[Action, ...], began_s: float
) -> NDArray[np.float64]:
    """Return moments (n,), s, in the `block` (n,), those within a `stay_inside` put off to its end: infinite for one without end."""
    ids = block_ids(city)
    found = moments.astype(np.float64).copy()
    for action in sorted((a for a in actions if a.kind == "stay_inside"), key=lambda a: a.start_s):
        until = np.inf if action.end_s is None else began_s + action.end_s
        mine = (block == ids.index(action.place)) & (found >= began_s + action.start_s)
        found[mine] = np.maximum(found[mine], until)
    return found


def kept_inside(
    homes: Households, orders_s: NDArray[np.float64], city: City, actions: tuple[Action, ...], began_s: float
) -> NDArray[np.float64]:
    """Return the delay of each party after its order, (party,), s: longer for those whom a `stay_inside` keeps at home."""
    leave = orders_s[homes.block] + homes.delay_s
    later = held(leave, homes.block, city, actions, began_s)
    kept = later > leave
    return np.where(kept, later - np.where(kept, orders_s[homes.block], 0.0), homes.delay_s)


def time_of_day(warning: str) -> time | None:
    """Return the time of day of the warning; None where it is not set. Raises ScenarioError for what is no time."""
    try:
        return time.fromisoformat(warning) if warning else None
    except ValueError:
        raise ScenarioError("time_text", found=warning) from None


def warning_s(warning: str, city: City, clock: Clock) -> float:
    """Return the moment of the warning, s on the clock. Raises ScenarioError for one after the run's end."""
    told = time_of_day(warning)
    if told is None:
        return 0.0
    start = clock.start.astimezone(city.tz)
    at = datetime.combine(start.date(), told, tzinfo=start.tzinfo)
    seconds = ((at if at >= start else at + timedelta(days=1)) - start).total_seconds()
    if seconds >= clock.duration_s:
        raise ScenarioError("movement_warning", found=warning, hours=clock.duration_s / 3600.0)
    return seconds
