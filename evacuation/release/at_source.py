"""What is to be done where it leaks: stop it, or find it, coming from upwind, and keep everybody out of where life is in danger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from evacuation.release.leaks import MENDS
from twin.clock import Clock
from twin.hazard import Action

COLUMNS = [
    "id", "known", "at_tank", "share", "radius_m", "away_m", "out_kg", "most_kg_s", "upwind_deg", "within_m", "cordon", "by_s",
    "until_s",
]  # fmt: skip


def at_source(
    tanks: pd.DataFrame, events: pd.DataFrame, sought: Mapping[str, pd.DataFrame], wind: pd.DataFrame, start: pd.Timestamp,
    life: pd.Series,
) -> pd.DataFrame:  # fmt: skip
    """Return a row per place that leaks, or, of a source that is sought, per tank that may (`known` False, with its `share`).

    And per road or block to look at where it is more likely no tank (not `at_tank`, with `radius_m` and `away_m`: `Found.elsewhere`).
    `tanks`, `events`, `wind`: tables of the run, `sought` those of a source that is sought (empty: the source is known), `life` the row
    of `zones` of where life is in danger. A leak that a measure holds back altogether is left out. `by_s`: when people know, the end is
    not known; `upwind_deg`: from where the wind blows then (NaN: a calm); `within_m`: how far life is in danger, as it is told ("≥":
    to the rim of the city and beyond), from a road or block as far as it lies off more; and `cordon`: whether it is at all, of suspects
    for the likeliest.
    """
    known = not sought
    rows = tanks[tanks["held"] == ""].assign(at_tank=True, away_m=0.0)
    if sought:
        suspects = sought["suspects"].assign(at_tank=True, away_m=0.0)
        found = pd.concat(
            [part for part in (suspects, sought["elsewhere"].assign(at_tank=False)) if len(part)] or [suspects]
        )
        rows = found.assign(out_kg=rows["out_kg"].sum(), most_kg_s=rows["most_kg_s"].max()).reset_index(drop=True)
        by_s = pd.Series(float(events["known_s"].max()), index=rows.index)
    else:
        by_s = rows["id"].map(events.set_index("id")["known_s"])
    reach = float(life["reach_m"])
    least = "≥ " if life["at_rim"] else ""
    within = ["" if np.isnan(reach) else f"{least}{10 * math.ceil((reach + away) / 10.0):,}" for away in rows["away_m"]]
    likeliest = known | ~rows["at_tank"].to_numpy(bool) | (np.arange(len(rows)) == 0)
    blown = (wind["time"] - start).dt.total_seconds().to_numpy(float)
    now = np.maximum(np.searchsorted(blown, by_s.to_numpy(float), side="right") - 1, 0)
    return pd.DataFrame(
        {
            "id": rows["id"].astype(str),
            "known": known,
            "at_tank": rows["at_tank"].astype(bool),
            "share": np.nan if known else 100.0 * rows["share"],
            "radius_m": rows["radius_m"].round() if "radius_m" in rows else np.nan,
            "away_m": rows["away_m"].round(),
            "out_kg": rows["out_kg"].round(),
            "most_kg_s": rows["most_kg_s"],
            "upwind_deg": wind["from_deg"].to_numpy(float)[now],
            "within_m": within,
            "cordon": likeliest & (not np.isnan(reach)),
            "by_s": by_s,
            "until_s": np.nan,
        },
        columns=COLUMNS,
    ).reset_index(drop=True)


def early(actions: tuple[Action, ...], known_s: float, clock: Clock, tz: ZoneInfo) -> list[tuple[str, dict[str, Any]]]:
    """Return a note for each measure at a source that works before people know of the leak, `known_s` s on the clock."""

    def told(seconds: float) -> str:
        return clock.told(clock.times[0] + pd.Timedelta(seconds=seconds), tz)

    return [
        ("early", {"measure": a.kind, "place": a.place, "time": told(a.start_s), "known": told(known_s)})
        for a in actions
        if a.kind in MENDS and a.start_s < known_s < np.inf
    ]


def figures(told: pd.DataFrame, ways: pd.DataFrame, tanks: pd.DataFrame, life: pd.Series) -> pd.DataFrame:
    """Return what runs are compared by, one row: kilograms let out, how far life is in danger (m; 0: nowhere), blocks by their advice.

    And the number of ways on which the gas may burn in the mean wind.
    """
    reach = float(life["reach_m"])
    return pd.DataFrame(
        {
            "out_kg": [float(tanks["out_kg"].sum())],
            "life_m": [0.0 if np.isnan(reach) else reach],
            "stay": [float((told["advice"] == "stay").sum())],
            "leave": [float((told["advice"] == "leave").sum())],
            "fetched": [float(told["rescue"].astype(bool).sum())],
            "ways": [float(ways["may_burn"].astype(bool).sum())],
        }
    )
