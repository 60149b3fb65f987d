"""Counts that come while a crowd runs correct its people: each zone is nudged towards its counter, each gate towards its flow.

A reading z against m people of the run moves them by K (z - m), K = P / (P + R): P the variance of the run, R that of the reading (a
Kalman gain with the run's variance assumed). After the last reading the run goes on by itself: that is the forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.crowd.venue.plan import Plan
from twin.city import City
from twin.clock import Clock
from twin.hazard import Drivers

#: Kinds of sensors that correct a run: one tells the people in the zone that it stands in, the other those who went out through the
#: gate that it stands at since its last reading.
ZONE_COUNTER, GATE_COUNTER = "zone_counter", "gate_counter"
KINDS = (ZONE_COUNTER, GATE_COUNTER)

#: A gate counter stands this near to its gate, m.
AT_GATE_M = 3.0

#: Errors as shares, each with one person more: of the run between readings, of a count, of a flow (all assumed).
RUN_SHARE, COUNT_SHARE, FLOW_SHARE = 0.3, 0.05, 0.10

#: A reading further than so many errors off the run and off the counter's last good reading is not believed, nor one of more people
#: than MOST_PER_M2 on the ground of its zone (both assumed). A counter's first one that is so far off the run waits for the next to say
#: the same.
JUMP, MOST_PER_M2 = 6.0, 10.0

#: A number of at least LEAST persons that comes so many times in a row, and has moved the run by more than 3 of its errors since it first
#: came, is stuck: the run has changed meanwhile and the counter has not (assumed).
REPEATS, LEAST = 3, 10.0

#: Minutes after the last reading for which the forecast is told, and the fewest readings from which its error is known.
AHEAD_MIN, FEWEST = (10, 20, 30), 3

STATES = ("ok", "missing", "stuck", "jump")


class Reading(NamedTuple):
    """What became of one reading: seconds on the clock, counter, the zone or gate it tells of, what it said, what the run had, how many
    people were added (below 0: taken away), and one of STATES."""

    s: float
    sensor: str
    place: str
    counted: float
    expected: float
    moved: float
    state: str


class Live:
    """The counters of a venue over a run. `move(zone, count)` adds people to a zone (or takes them away) and returns how many it could."""

    def __init__(
        self, plan: Plan, zones: gpd.GeoDataFrame, city: City, drivers: Drivers, clock: Clock,
        kept: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:  # fmt: skip
        self._plan, self._zones, self._kept = plan, zones, kept or {}
        self.read: list[Reading] = []
        self._seconds, self._values = np.zeros(0), np.zeros((0, 0))
        self._sensors: list[tuple[str, str, int]] = []  # id, kind, index of its zone or gate
        counts = drivers.get("people_count")
        if counts is not None and len(city.sensors):
            own = {str(sensor) for sensor in counts["sensor"].values}
            self._sensors = [found for found in self._stand(city) if found[0] in own]
        if self._sensors and counts is not None:
            mine = counts.sel(sensor=[sensor for sensor, _, _ in self._sensors]).transpose("time", "sensor")
            seconds = np.array([clock.seconds(t) for t in mine["time"].values])
            now = (seconds >= 0.0) & (seconds < clock.duration_s)
            self._seconds, self._values = seconds[now], mine.values[now].astype(np.float64)
        n = len(self._sensors)
        self._last, self._since = self._of("last", np.full(n, np.nan)), self._of("since", np.zeros(n))
        self._good = self._of("good", np.full(n, np.nan))
        self._most = [
            MOST_PER_M2 * zones.geometry.area.values[of] if kind == ZONE_COUNTER else np.inf
            for _, kind, of in self._sensors
        ]
        self._repeats, self._out = self._of("repeats", np.zeros(n)), self._of("out", np.zeros(len(plan.gates)))

    def _of(self, name: str, first: NDArray[np.float64]) -> NDArray[np.float64]:
        kept = self._kept.get(f"live_{name}")
        return first if kept is None or kept.shape != first.shape else kept.copy()

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        return {
            "live_last": self._last,
            "live_good": self._good,
            "live_since": self._since,
            "live_repeats": self._repeats,
            "live_out": self._out,
        }

    def _stand(self, city: City) -> list[tuple[str, str, int]]:
        """Return the counters of this venue with the zone or gate each stands at."""
        found: list[tuple[str, str, int]] = []
        here = self._plan.levels.on_map
        for sensor in city.sensors[city.sensors["kind"].isin(KINDS)].itertuples():
            if sensor.kind == ZONE_COUNTER:
                inside = np.flatnonzero([here(shape).contains(sensor.geometry) for shape in self._zones.geometry])
            else:
                away = np.array([here(gate.shape).distance(sensor.geometry) for gate in self._plan.gates])
                inside = np.array([away.argmin()]) if away.min() <= AT_GATE_M else np.zeros(0, int)
            if len(inside):
                found.append((str(sensor.id), str(sensor.kind), int(inside[0])))
        return found

    def step(
        self,
        t: float,
        people_in: Callable[[int], float],
        went_out: NDArray[Any],
        move: Callable[[int, int], float],
    ) -> None:
        """Take the readings of second `t` on the clock. `people_in(zone)` gives who is in a zone now, `went_out` (gate,) who has
        gone out through each gate so far."""
        for k in np.flatnonzero((self._seconds >= t) & (self._seconds < t + 1.0)):
            for i, (sensor, kind, of) in enumerate(self._sensors):
                if kind == ZONE_COUNTER:
                    has, zone, share, sign = people_in(of), of, COUNT_SHARE, 1.0
                    place = str(self._zones["id"].iloc[of])
                else:
                    has, share, sign = (
                        float(went_out[of]) - self._out[of],
                        FLOW_SHARE,
                        -1.0,
                    )  # who went out is there no more
                    zone, place = self._nearest(of), self._plan.gates[of].id
                    self._out[of] = float(went_out[of])
                said = float(self._values[k, i])
                state, gain = self._believe(i, said, has, share)
                moved = move(zone, round(sign * gain * (said - has))) if gain else 0
                self._since[i] += moved
                self.read.append(Reading(float(self._seconds[k]), sensor, place, said, has, float(moved), state))

    def _nearest(self, gate: int) -> int:
        """Return the zone nearest to a gate: who did not go out after all still stands there."""
        return int(self._zones.geometry.distance(self._plan.gates[gate].shape).values.argmin())

    def _believe(self, i: int, said: float, has: float, share: float) -> tuple[str, float]:
        """Return the state of a reading of counter `i` and the gain with which it moves the run: 0 where it is not believed."""
        if np.isnan(said):
            return "missing", 0.0
        error, own = share * said + 1.0, RUN_SHARE * max(said, has) + 1.0
        good = self._good[i]
        known = [has] if np.isnan(good) else [has, good]
        jumps = [abs(said - value) > JUMP * np.hypot(error, RUN_SHARE * value + 1.0) for value in known]
        same = said == self._last[i]
        self._repeats[i] = self._repeats[i] + 1.0 if same else 0.0
        self._since[i] = self._since[i] if same else 0.0  # people it has moved while it said the same
        self._last[i] = said
        if self._repeats[i] >= REPEATS - 1 and said >= LEAST and abs(self._since[i]) > 3.0 * error:
            return "stuck", 0.0
        if said > self._most[i]:
            return "jump", 0.0
        if all(jumps):
            self._good[i] = said if np.isnan(good) else good
            return "jump", 0.0
        self._good[i] = said
        return "ok", own**2 / (own**2 + error**2)

    def notes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Say how the counters moved the run, and which readings were not believed."""
        if not self.read:
            return []
        added, taken = (sum(max(way * r.moved, 0.0) for r in self.read) for way in (1.0, -1.0))
        told: list[tuple[str, Mapping[str, Any]]] = [
            (
                "live",
                {
                    "count": sum(r.state == "ok" for r in self.read),
                    "of": len(self.read),
                    "added": round(added),
                    "taken": round(taken),
                },
            )
        ]
        for state in STATES[1:]:
            if bad := [r.sensor for r in self.read if r.state == state]:
                told.append((f"live_{state}", {"sensors": sorted(set(bad)), "count": len(bad)}))
        return told

    def table(self) -> pd.DataFrame:
        """Return a row per reading."""
        return pd.DataFrame(self.read, columns=list(Reading._fields))

    def forecast(self, people: NDArray[np.float64], times_s: NDArray[np.float64]) -> pd.DataFrame:
        """Return, for each zone with a counter, the run's people AHEAD_MIN after its last reading that was believed.

        `people` (time, zone) at `times_s` on the clock. `sd` is the error: of the readings the mean square by which the run was off,
        divided by the time between them, grows with time as that of a random walk; NaN with fewer than FEWEST readings. Minutes that the
        run does not reach are not told.
        """
        rows = []
        for sensor, kind, of in self._sensors:
            mine = [r for r in self.read if r.sensor == sensor and r.state == "ok"]
            if kind != ZONE_COUNTER or not mine:
                continue
            off = np.array([r.counted - r.expected for r in mine[1:]])
            gaps = np.diff([r.s for r in mine])
            growth = float((off**2).sum() / gaps.sum()) if len(mine) >= FEWEST else np.nan
            for minutes in AHEAD_MIN:
                later = mine[-1].s + 60.0 * minutes
                if later > times_s[-1]:
                    continue
                expected = float(np.interp(later, times_s, people[:, of]))
                sd = float(np.sqrt((COUNT_SHARE * mine[-1].counted + 1.0) ** 2 + growth * 60.0 * minutes))
                rows.append((str(self._zones["id"].iloc[of]), minutes, later, expected, sd, len(mine)))
        return pd.DataFrame(rows, columns=["id", "minutes", "s", "people", "sd", "readings"])
