"""A fleet of buses that several blocks share: which bus fetches whose trip next, planned once, then driven as the roads let it.

A trip is a busload of those of one block who have no car. When the fleet is sent its trips are cut and put in order (`people.rounds`) on
the travel times of that moment; who comes when to a stop is taken as known. Each bus then goes by its list: it stands at the first stop
when it is sent, waits until its riders are there, drives in the queues, and goes on to its next stop by the roads of the moment its last
rider has arrived. Where no way is open it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME, SAFE
from evacuation.movement.people.rounds import rounds_of
from evacuation.movement.people.shuttles import BOARD_S, TURN_S, Boarded, Stop, board, goal_of, middle
from evacuation.movement.people.zones import block_ids
from evacuation.movement.roads.network import Network
from evacuation.movement.roads.queues import Queues
from twin.city import City
from twin.hazard import Action

#: The number of the first bus of a fleet: those of all other vehicles are smaller, also in a run that goes on with more of them.
FIRST = 1_000_000

#: What a way takes in the plan that is shut when it is made, s.
SHUT_S = 86_400.0

#: The columns of the trips, by name.
COLUMNS = ("bus", "order", "stop", "group", "persons", "leave_s", "arrive_s", "at_stop_s")


@dataclass
class Fleet:
    """The fleet of a run; of no buses where no measure sends one.

    `stops` has one stop for each block that it serves. It is sent at `from_s`; nobody boards from `until_s` on. `trips` has one row
    for each trip in the order of bus and round: `bus`, `order`, the row of `stops` it is fetched at, the `group` of its planned goal,
    `persons`, when by the plan it leaves the stop and arrives there, and when its bus is at the stop, infinite as long as that is not
    known; all s since the first start. `trip` (party,) is the row of each rider's trip, -1 for none.
    """

    stops: list[Stop]
    buses: int
    seats: float
    from_s: float
    until_s: float
    trip: NDArray[np.int32]
    planned: bool = False
    trips: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS, dtype=float))

    def plan(
        self, waiting: list[tuple[NDArray[np.int64], NDArray[np.float64]]], persons: NDArray[np.float64], now: float,
        left: NDArray[np.float64], way_s: NDArray[np.float64], back: Callable[[int], NDArray[np.float64]],
    ) -> None:  # fmt: skip
        """Cut those who wait into trips and put these in order.

        `waiting` has for each stop who leaves by it, (n,), and when each is there, s, rising; `left` (group,) are the places free at
        the goals, `way_s` (group, node) and `back` what the ways there and from there take now, s. Trips for which no way is open now are
        left out, and those that would leave after the fleet's end.
        """
        self.planned, start, free = True, max(now, self.from_s), left.copy()
        cut: list[tuple[float, int, NDArray[np.int64], float]] = []
        for k, (who, ready) in enumerate(waiting):
            cut += [
                (float(ready[b - 1]), k, who[a:b], float(persons[who[a:b]].sum())) for a, b in self._loads(persons[who])
            ]
        cut.sort(key=lambda trip: trip[:2])
        goals = []
        for _, k, _, people in cut:
            goals.append(goal_of(free, people, way_s[:, self.stops[k].node]))
            free[goals[-1]] -= people if goals[-1] >= 0 else 0.0
        open_ = [i for i, group in enumerate(goals) if group >= 0]
        if not open_:
            return
        stop, group = np.array([cut[i][1] for i in open_]), np.array([goals[i] for i in open_])
        node = np.array([self.stops[k].node for k in stop])
        ready_s = np.maximum(np.array([cut[i][0] for i in open_]), start) - start
        board_s = BOARD_S * np.array([cut[i][3] for i in open_])
        drive_s = way_s[group, node]
        from_goal = np.array([back(s.node) for s in self.stops])
        between_s = from_goal[stop][:, group].T
        ways_s = np.where(np.isfinite(between_s), between_s, SHUT_S)
        begins, lasts, ways = (np.ceil(x).astype(np.int64) for x in (ready_s, board_s + drive_s + TURN_S, ways_s))
        rows: list[tuple[float, ...]] = []
        for bus, round_ in enumerate(rounds_of(begins, lasts, ways, self.buses)):
            free_s = start
            for order, i in enumerate(round_):
                begin = max(free_s + (ways_s[round_[order - 1], i] if order else 0.0), start + ready_s[i])
                leave = begin + board_s[i]
                if begin >= self.until_s:
                    break
                self.trip[cut[open_[i]][2]] = len(rows)
                at_stop = start if order == 0 else np.inf
                rows.append((bus, order, stop[i], group[i], cut[open_[i]][3], leave, leave + drive_s[i], at_stop))
                free_s = leave + drive_s[i] + TURN_S
        self.trips = pd.DataFrame(rows, columns=COLUMNS, dtype=float)

    def _loads(self, persons: NDArray[np.float64]) -> list[tuple[int, int]]:
        """Return the first and the last but one of each busload of parties in a line, `persons` (n,)."""
        found, a, sums = [], 0, np.concatenate([[0.0], np.cumsum(persons)])
        while a < len(persons):
            b = max(int(np.searchsorted(sums, sums[a] + self.seats, side="right")) - 1, a + 1)
            found.append((a, b))
            a = b
        return found

    def call_on(self, queues: Queues, back: Callable[[int], NDArray[np.float64]], t0: float) -> None:
        """Send each bus whose riders have all arrived by `t0` on to its next stop, by the roads of the moment."""
        link, safe, group = (queues.travellers[name] for name in ("link", "safe", "group"))
        for k in self._next():
            before = np.flatnonzero(self.trip == k - 1)
            if (link[before] == SAFE).all():
                last = before[np.argmax(safe[before])]
                way = float(back(self.stops[int(self.trips["stop"].iloc[k])].node)[group[last]])
                self.trips.loc[k, "at_stop_s"] = max(float(safe[last]) + TURN_S, t0) + way

    def _next(self) -> list[int]:
        """Return the trips whose bus has not come yet, of each bus the first."""
        out = self.trips[np.isinf(self.trips["at_stop_s"])]
        return [int(k) for k in out.drop_duplicates("bus").index]

    def board(
        self, waiting: list[tuple[NDArray[np.int64], NDArray[np.float64]]], persons: NDArray[np.float64], at_home: NDArray[np.bool_],
        t0: float, t1: float,
    ) -> list[Boarded]:  # fmt: skip
        """Let the buses that are at a stop before `t1` take on the riders of their trip who are still `at_home` (party,)."""
        found = []
        for k in np.unique(self.trip[at_home & (self.trip >= 0)]):
            row = self.trips.iloc[k]
            if row["at_stop_s"] < t1:
                who, ready = waiting[int(row["stop"])]
                mine = (self.trip[who] == k) & at_home[who]
                bus, at = FIRST + int(row["bus"]), np.array([row["at_stop_s"]])
                here = self.stops[int(row["stop"])]
                one = Stop(
                    here.block, -1, here.node, bus, np.array([self.seats]), np.array([self.until_s]), at, wait_s=np.inf
                )
                found.append(board(one, who[mine], ready[mine], persons[who[mine]], t0, t1))
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        return {
            "fleet_trip": self.trip.copy(),
            "fleet_trips": self.trips.to_numpy(float),
            "fleet_planned": np.array([self.planned]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set all that changes to what a state kept."""
        self.trip[:], self.planned = arrays["fleet_trip"], bool(arrays["fleet_planned"][0])
        self.trips = pd.DataFrame(arrays["fleet_trips"], columns=COLUMNS, dtype=float)

    def rounds(
        self, city: City, queues: Queues, boards_s: NDArray[np.float64], goals: list[str], began_s: float
    ) -> pd.DataFrame:  # fmt: skip
        """Return a row per trip: `bus` and `order` from 1, block, planned goal, when it leaves and arrives, planned and as run, s.

        `goals` (group,) are the ids of the shelters, empty for the ways out of the city. NaN: not within the run; for a plan, after a way
        that was shut when it was made.
        """
        rows, ids, safe = [], block_ids(city), queues.travellers["safe"]
        for k, row in enumerate(self.trips.to_dict("records")):
            mine = self.trip == k
            gone = bool((queues.travellers["link"][mine] != AT_HOME).any())
            told = row["arrive_s"] < SHUT_S + self.from_s
            rows.append(
                {
                    "id": ids[self.stops[int(row["stop"])].block],
                    "bus": int(row["bus"]) + 1,
                    "order": int(row["order"]) + 1,
                    "persons": row["persons"],
                    "goal": goals[int(row["group"])],
                    "plan_leave_s": row["leave_s"] - began_s if told else np.nan,
                    "plan_arrive_s": row["arrive_s"] - began_s if told else np.nan,
                    "leave_s": float(np.nanmax(boards_s[mine])) - began_s if gone else np.nan,
                    "arrive_s": float(safe[mine].max()) - began_s if gone else np.nan,
                }
            )
        names = ["id", "bus", "order", "persons", "goal", "plan_leave_s", "plan_arrive_s", "leave_s", "arrive_s"]
        return pd.DataFrame(rows, columns=names)


def fleet_of(
    city: City, network: Network, actions: tuple[Action, ...], told: NDArray[np.bool_], parties: int, began_s: float
) -> Fleet:
    """Return the fleet that `bus_fleet` sends to all blocks that are `told` to leave, (block,), and have no `bus` of their own."""
    sent = [action for action in actions if action.kind == "bus_fleet"]
    trip = np.full(parties, -1, np.int32)
    if not sent:
        return Fleet([], 0, 0.0, np.inf, np.inf, trip)
    (action,) = sent
    ids = block_ids(city)
    own = {ids.index(a.place) for a in actions if a.kind == "bus"}
    seats = np.array([action.values["seats"]])
    stops = [
        Stop(int(b), -1, middle(city, network, int(b)), FIRST, seats, np.array([np.inf]), np.array([np.inf]))
        for b in np.flatnonzero(told)
        if b not in own
    ]
    until_s = np.inf if action.end_s is None else began_s + action.end_s
    return Fleet(stops, int(action.values["buses"]), float(seats[0]), began_s + action.start_s, until_s, trip)
