"""How a run stands between two decisions, beside its queues: all of it is kept in a saved state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evacuation.movement.kernels.queues import AT_HOME
from evacuation.movement.people.rooms import Rooms
from evacuation.movement.people.shuttles import Stop
from evacuation.movement.roads.goals import Goals
from evacuation.movement.roads.routes import Routes


@dataclass
class Standing:
    """Places left (group,), those kept by a plan (list, group), which shelters are open (group,), who is aboard of what, who knows what.

    `vehicle` and `boards_s` (party,): the vehicle boarded (-1 for none) and when it leaves, s. `home_dose` (party,): the toxic load
    collected at home, NaN as long as one is there; `home_fast_s` (party,): the time in fast water there, s. `bulletin` (group, node):
    the ways of the last bulletin. `kept` (group, node): the choices of the last decision (`Routes.ways`). `turned` (link,): the
    persons whom a plan sends along each link by another way than the fastest.
    """

    left: NDArray[np.float64]
    quota: NDArray[np.float64]
    opened: NDArray[np.bool_]
    vehicle: NDArray[np.int32]
    boards_s: NDArray[np.float64]
    home_dose: NDArray[np.float64]
    home_fast_s: NDArray[np.float64]
    bulletin: NDArray[np.int32]
    kept: NDArray[np.int32]
    turned: NDArray[np.float64]

    def open_shelters(self, goals: Goals, routes: Routes, t: float) -> None:
        """Give out the places of the shelters that have been opened by `t`, s on the clock."""
        group, opens_s = goals.shelters["group"].values, goals.shelters["opens_s"].values
        now = group[(group >= 0) & (opens_s <= t)].astype(np.int64)
        now = now[~self.opened[now]]
        self.opened[now] = True
        self.left[now] += goals.places[now]

    def set_out(
        self, who: NDArray[np.int64], when: NDArray[np.float64], cell: NDArray[np.int32], before: Rooms,
        rooms: Rooms, t0: float, step_s: float,
    ) -> None:  # fmt: skip
        """Keep what those who set out in a step have met at home; `before` are the rooms as they were at its begin `t0`."""
        share = np.clip((when - t0) / step_s, 0.0, 1.0)
        self.home_dose[who] = before.load[cell[who]] + share * (rooms.load - before.load)[cell[who]]
        self.home_fast_s[who] = before.fast_s[cell[who]] + share * (rooms.fast_s - before.fast_s)[cell[who]]

    def met_at_home(self, cell: NDArray[np.int32], rooms: Rooms) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the toxic load and the time in fast water (s, NaN for not known) of each party at home up to now, both (party,)."""
        there = np.isnan(self.home_dose)
        return np.where(there, rooms.load[cell], self.home_dose), np.where(there, rooms.fast_s[cell], self.home_fast_s)

    def arrays(self, stops: list[Stop], rooms: Rooms) -> dict[str, NDArray[Any]]:
        """Return copies of all that changes, by name, to go on from."""
        none = [np.zeros(0)]
        return {f.name: getattr(self, f.name).copy() for f in fields(self)} | {
            "vehicle_back_s": np.concatenate([*none, *(stop.back_s for stop in stops)]),
            "stop_gathered_s": np.array([stop.gathered_s for stop in stops]),
            "room_inside": rooms.inside.copy(),
            "room_load": rooms.load.copy(),
            "room_fast_s": rooms.fast_s.copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], stops: list[Stop], rooms: Rooms) -> None:
        """Set all that changes to what a state kept; stops and vehicles are told apart by their order."""
        for f in fields(self):
            getattr(self, f.name)[:] = arrays[f.name]
        rooms.inside[:], rooms.load[:], rooms.fast_s[:] = (
            arrays[f"room_{name}"] for name in ("inside", "load", "fast_s")
        )
        for k, stop in enumerate(stops):
            mine = slice(stop.first, stop.first + len(stop.seats))
            known = len(arrays["vehicle_back_s"][mine])
            stop.back_s[:known] = arrays["vehicle_back_s"][mine]
            stop.gathered_s = float(arrays["stop_gathered_s"][k]) if k < len(arrays["stop_gathered_s"]) else -np.inf


def begin(goals: Goals, routes: Routes, lists: int, parties: int) -> Standing:
    """Return how a run stands at its begin: the shelters' places are free, those of a plan's approaches are not given out yet."""
    left = np.zeros(routes.groups)
    left[-1] = np.inf
    shape = (routes.groups, routes.nodes)
    return Standing(
        left=left,
        quota=np.zeros((lists, routes.groups)),
        opened=np.zeros(routes.groups, bool),
        vehicle=np.full(parties, AT_HOME, np.int32),
        boards_s=np.full(parties, np.nan),
        home_dose=np.full(parties, np.nan),
        home_fast_s=np.full(parties, np.nan),
        bulletin=np.full(shape, -1, np.int32),
        kept=np.full(shape, -1, np.int32),
        turned=np.zeros(len(routes.at)),
    )
