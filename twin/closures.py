"""When a place is closed and when it opens again: the times at which what it meets stands at its closing threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.city import City
from twin.hazard import Action

#: Columns that `closures` gives, in their order.
COLUMNS = ("closes", "reopens", "closed_s", "spells")


def closures(values: NDArray[np.floating], thresholds: NDArray[np.float64], times: pd.DatetimeIndex) -> pd.DataFrame:
    """Return one row per item: first closure, reopening, seconds closed, number of separate spells.

    `values` (time, item) stand at `times` (UTC) and hold to the next time; an item is closed while its value is at or
    above its threshold (item,), infinite for an item that is never closed. It `reopens` at the first time from which it
    stays below to the end: NaT for an item never closed, and for one still closed when the run ends, whose `closed_s`
    counts to that end. Times are those of the output, so a closure shows up to one output step after the water.
    """
    shut = values >= thresholds
    if not shut.size:
        empty = pd.DatetimeIndex([])
        return pd.DataFrame({"closes": empty, "reopens": empty, "closed_s": np.zeros(0), "spells": np.zeros(0, int)})
    ever, first = shut.any(axis=0), shut.argmax(axis=0)
    after = len(times) - shut[::-1].argmax(axis=0)  # index of the first time after the last closed one
    over = ever & (after < len(times))
    step_s = np.diff(times.values) / np.timedelta64(1, "s")
    begins = shut & ~np.vstack([np.zeros((1, shut.shape[1]), bool), shut[:-1]])
    return pd.DataFrame(
        {
            "closes": pd.Series(times[first]).where(ever),
            "reopens": pd.Series(times[np.minimum(after, len(times) - 1)]).where(over),
            "closed_s": step_s @ shut[:-1],
            "spells": begins.sum(axis=0),
        }
    )


def closed_roads(city: City, actions: tuple[Action, ...], times: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Return which roads an action `close_road` keeps closed at each time, (time, road).

    The place is a road, or anything else whose ground the road crosses or touches within 5 m (an underpass).
    """
    shut = np.zeros((len(times), len(city.roads)), dtype=bool)
    seconds = (times - times[0]).total_seconds().values
    for action in actions:
        if action.kind == "close_road":
            hit = (city.roads["id"] == action.place).values
            if not hit.any():
                near = (city.roads.geometry.distance(city.place(action.place)) <= 5.0).values
                hit = near & (city.roads["level"].astype(float) <= 0.0).values  # not the bridge above
            during = np.array([action.active(t) for t in seconds])
            shut |= during[:, None] & hit[None, :]
    return shut
