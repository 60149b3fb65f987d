"""When a place is closed and when it opens again: the times at which what it meets stands at its closing threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.city import City
from twin.hazard import Action

#: Columns that `closures` gives, in their order.
COLUMNS = ("closes", "reopens", "closed_s", "spells")


def standing(
    values: NDArray[np.floating],
    thresholds: NDArray[np.float64],
    times: pd.DatetimeIndex,
    since: pd.Timestamp | None = None,
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return from when and until when each item stands at or above its threshold, both to the whole minute; NaT for never.

    `values` (time, item) stand at `times` (UTC) and change linearly between them; `thresholds` (item,) may be infinite. The
    first moment is rounded down, so that nobody is late. The second is the first whole minute after the last moment at or
    above, or the last time for an item that still stands there. Neither lies outside `times`, nor the first before `since`, when what
    the values tell of begins within an output step.
    """
    above = values >= thresholds
    if not above.size:
        return pd.DatetimeIndex([]), pd.DatetimeIndex([])
    ever, last = above.any(axis=0), len(times) - 1
    begins = _meeting(values, thresholds, times, above.argmax(axis=0)).floor("min")
    after = np.minimum(
        len(times) - above[::-1].argmax(axis=0), last
    )  # index of the first time after the last one above
    ends = (_meeting(values, thresholds, times, after).floor("min") + pd.Timedelta(minutes=1)).where(
        ~above[last], times[last]
    )
    earliest = times[0] if since is None else max(times[0], since)
    return begins.where(begins > earliest, earliest).where(ever), ends.where(ends < times[last], times[last]).where(
        ever
    )


def closures(
    values: NDArray[np.floating],
    thresholds: NDArray[np.float64],
    times: pd.DatetimeIndex,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return one row per item: first closure, reopening, seconds closed, number of separate spells.

    `values` (time, item) stand at `times` (UTC) and change linearly between them; an item is closed while its value is at
    or above its threshold (item,), infinite for an item that is never closed. `closes` and `reopens` are whole minutes as
    in `standing`: it reopens when it stays below to the end. NaT for an item never closed, and for one still closed when
    the run ends, whose `closed_s` counts to that end. What rises late within an output step closes an item a little
    early; a peak between two times is not seen.
    """
    shut = values >= thresholds
    closes, until = standing(values, thresholds, times, since)
    if not shut.size:
        return pd.DataFrame({"closes": closes, "reopens": until, "closed_s": np.zeros(0), "spells": np.zeros(0, int)})
    step_s = np.diff(times.values) / np.timedelta64(1, "s")
    before, after = values[:-1], values[1:]
    with np.errstate(invalid="ignore"):  # a value that is never bad is infinite
        rise = np.abs(after - before)
    crossed = shut[1:] != shut[:-1]
    over = np.maximum(before, after) - np.where(crossed, thresholds, 0.0)
    share = np.where(crossed, np.divide(over, rise, out=np.zeros_like(rise), where=crossed), shut[1:])
    share = np.where(np.isfinite(share), share, 1.0)  # closed at one end, not known at the other
    begins = shut & ~np.vstack([np.zeros((1, shut.shape[1]), bool), shut[:-1]])
    return pd.DataFrame(
        {
            "closes": closes,
            "reopens": until.where(~shut[-1]),
            "closed_s": step_s @ share,
            "spells": begins.sum(axis=0),
        }
    )


def closed_minutes(table: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Return how long each row of a table of closures is closed, whole minutes; to `end` for one that does not reopen.

    For one spell the minutes from `closes` to `reopens`, so that they follow from the times told beside them; for several
    the sum of the spells, rounded up.
    """
    once = (table["reopens"].fillna(end) - table["closes"]) / pd.Timedelta(minutes=1)
    return pd.Series(np.ceil(once.where(table["spells"] == 1, table["closed_s"] / 60.0)), dtype=int)


def _meeting(
    values: NDArray[np.floating], thresholds: NDArray[np.float64], times: pd.DatetimeIndex, index: NDArray[np.intp]
) -> pd.DatetimeIndex:
    """Return when the line from the time before `index` (item,) to it meets the threshold.

    To the millisecond: far below what an output step can tell, and a moment on the full minute stays there under rounding.
    """
    item, previous = np.arange(len(index)), np.maximum(index - 1, 0)
    before, after = values[previous, item].astype(np.float64), values[index, item].astype(np.float64)
    crosses = (before >= thresholds) != (after >= thresholds)
    with np.errstate(invalid="ignore"):
        share = np.divide(thresholds - before, after - before, out=np.ones(len(index)), where=crosses)
    share = np.where(np.isfinite(share), share, 1.0)  # not known before: told at the time at which it is
    seconds = (times - times[0]).total_seconds().values
    at = seconds[previous] + share * (seconds[index] - seconds[previous])
    return times[0] + pd.to_timedelta(np.rint(1000.0 * at), unit="ms")


def closed_roads(city: City, actions: tuple[Action, ...], times: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Return which roads an action `close_road` keeps closed at each time, (time, road).

    The place is a road, or anything else whose ground the road crosses or touches within 5 m.
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
