"""What a run tells of the counters beside its venue: the last reading, whether it is to be believed, and what is expected next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely

from evacuation.crowd.live.correction import KINDS
from evacuation.crowd.live.counters import LOW_STATE, MISSING, STATES, STUCK_STATE, SURGE_STATE, watch
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Drivers

#: Counters this near to a venue are told of, m (assumed).
NEAR_M = 300.0

#: How far ahead is told, s, and in how many intervals at most.
AHEAD_S, MOST_AHEAD = 1800.0, 12

Note = tuple[str, Mapping[str, Any]]


def counters(drivers: Drivers, city: City, ground: shapely.Geometry) -> tuple[pd.DataFrame | None, list[Note]]:
    """Return a row per counter near a venue, and notes on those not to be believed; None where nothing is counted there.

    Columns: id, `at` and `persons` of its last reading, `state`, then `next_at`, `next`, `next_low`, `next_high` of the interval to
    come and `last_at`, `last`, `last_low`, `last_high` of the last one told; persons per interval, NaN where too little is known.
    """
    counts = drivers.get("people_count")
    if counts is None or not len(city.sensors):
        return None, []
    streets = city.sensors[~city.sensors["kind"].isin(KINDS)]  # those of the venue itself correct the run
    near = streets[streets.geometry.distance(ground).values <= NEAR_M]["id"].astype(str)
    mine = [str(s) for s in counts["sensor"].values if str(s) in set(near)]
    if not mine:
        return None, []
    own = counts.sel(sensor=mine)
    times = pd.DatetimeIndex(own["time"].values)
    ahead = (
        int(np.clip(AHEAD_S // max((times[1] - times[0]).total_seconds(), 1.0), 1, MOST_AHEAD)) if len(times) > 1 else 1
    )
    try:
        found = watch(own, city.tz, ahead)
    except ScenarioError as error:
        return None, [("counters_unread", {"why": error})]
    rows, values, state = [], own.transpose("time", "sensor").values, found["state"].values
    for k, sensor in enumerate(mine):
        there = np.flatnonzero(~np.isnan(values[:, k]))
        at, persons = (times[there[-1]], values[there[-1], k]) if len(there) else (pd.NaT, np.nan)
        row = {"id": sensor, "at": at, "persons": persons, "state": STATES[state[-1, k]]}
        for name, step in (("next", 0), ("last", ahead - 1)):
            part = found.isel(ahead=step, sensor=k)
            row |= {f"{name}_at": pd.Timestamp(part["ahead"].values), name: float(part["expected"])}
            row |= {f"{name}_low": float(part["expected_low"]), f"{name}_high": float(part["expected_high"])}
        rows.append(row)
    notes: list[Note] = []
    for code in (MISSING, STUCK_STATE, LOW_STATE, SURGE_STATE):
        if which := [sensor for k, sensor in enumerate(mine) if state[-1, k] == code]:
            notes.append((f"counters_{STATES[code]}", {"sensors": which}))
    return pd.DataFrame(rows), notes
