"""What is kept of a run at each output time, and the tables made of it at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from evacuation.movement.kernels import people as kernels
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.kernels.paths import last_departures
from evacuation.movement.people.households import Households
from evacuation.movement.people.zones import AREA_SHARE, block_ids
from evacuation.movement.roads.conditions import Conditions, foresight
from evacuation.movement.roads.goals import Goals
from evacuation.movement.roads.network import Network
from evacuation.movement.roads.queues import Queues
from evacuation.movement.roads.routes import Routes
from evacuation.movement.trajectories import Paths, followed, passed, sample
from twin.city import City
from twin.clock import Clock

#: End states, in the order of the classes of the scale `end_state` and of the codes of `kernels.people`.
STATES = ("safe", "sheltered", "at_home", "en_route", "awaits_transport", "stranded", "over_exposed")

#: Lower bounds of the classes of the scales `dose_on_way` and `dose`, toxic load (1 = AEGL-3).
DOSES = (0.0, 0.1, 0.5, 1.0)

#: Times in fast water for which is told how many people exceed them, s; bounds of the scale `fast_water`, whose last class is those of
#: whom the time is not known. Assumed.
FAST_S = (0, 60, 300, 600)

#: What stands for a day or more until cut off, min.
NEVER_MIN = 1440.0


@dataclass
class Record:
    """The frames of a run; `leaves` (party,) says who leaves, `orders_s` (block,) when each is ordered, s on the clock,
    infinite for one that is not."""

    city: City
    network: Network
    goals: Goals
    routes: Routes
    homes: Households
    conditions: Conditions
    clock: Clock
    leaves: NDArray[np.bool_]
    orders_s: NDArray[np.float64]
    frames: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        homes, nodes = self.homes, self.network.layers * self.network.nodes
        pairs, self._pair = np.unique(homes.block.astype(np.int64) * nodes + homes.node, return_inverse=True)
        self._pair_block, self._pair_node = pairs // nodes, pairs % nodes
        self._run, self._closes = foresight(self.conditions)
        self.home_dose, self.home_fast_s = np.zeros(len(homes.persons)), np.full(len(homes.persons), np.nan)
        self.room_load = np.zeros(len(self.city.population))
        self._parties = np.zeros(len(homes.persons), kernels.PARTY)
        for name, column in (
            ("persons", homes.persons),
            ("cell", homes.cell),
            ("block", homes.block),
            ("pair", self._pair),
        ):
            self._parties[name] = column
        self._parties["care"] = homes.care >= 0  # who is in care comes on top of the people of the cells
        self._in_cell = np.bincount(homes.cell, homes.persons * (homes.care < 0), len(self.city.population))
        self.paths: list[Paths] = []
        self._sample = sample(self.leaves)

    def keep(
        self, t: float, queues: Queues, cost: NDArray[np.float64], home_dose: NDArray[np.float64],
        home_fast_s: NDArray[np.float64], room_load: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Keep how things stand at `t` s on the clock.

        `cost` (group, node) is that of the ways at this moment, `home_dose` (party,) what each has collected at home,
        `home_fast_s` (party,) how long fast water has been around each there, s, NaN for not known, `room_load` (cell,) the load of
        one who never left.
        """
        self.home_dose, self.home_fast_s, self.room_load, self.now = home_dose, home_fast_s, room_load, t
        city, roads, places = self.city, len(self.city.roads), len(self.goals.places)
        state, dose, load = np.zeros(len(STATES)), np.zeros(len(DOSES)), np.zeros(len(DOSES))
        fast = np.zeros(len(FAST_S) + 1)
        at_home, on_edge, in_goal = np.zeros(len(city.population)), np.zeros(roads), np.zeros(places)
        at_pair, poisoned = np.zeros(len(self._pair_node)), np.zeros(len(self.orders_s), bool)
        kernels.tally(
            state, dose, load, fast, at_home, on_edge, in_goal, at_pair, poisoned, *self._seen(queues), cost, self.network.road,
            *self._goes(), home_dose, np.array(DOSES), np.array(FAST_S, float),
        )  # fmt: skip
        spell, real = self.conditions.at(t), len(self.network.up)
        blocked, car = self.conditions.blocked[spell], self.network.layer == 0
        open_to_cars = np.bincount(self.network.road[car & ~blocked], minlength=roads) > 0
        waiting = queues.waiting(self.homes.persons)
        self.frames.append(
            {
                "at_home": np.divide(at_home, self._in_cell, out=np.ones_like(at_home), where=self._in_cell > 0),
                "on_edge": on_edge,
                "queued": np.bincount(self.network.road, waiting[:real], roads),
                "closed": ~open_to_cars,
                "minutes": self._minutes_left(t, at_pair, poisoned),
                "fill": in_goal[:-1] / self.goals.places[:-1],
                "states": state,
                "doses": dose,
                "loads": load,
                "fast": np.r_[fast, 0.0] if self.conditions.fast_known else np.r_[np.zeros(len(fast)), fast.sum()],
                "wait_home": waiting[real:].sum(keepdims=True),
            }
        )

    def dose(self, queues: Queues) -> NDArray[np.float64]:
        """Return the toxic load that each party has collected on the way, (party,)."""
        found = np.zeros(len(self.homes.persons))
        kernels.dose_now(found, queues.travellers, queues.links)
        return found

    def fast_s(self, queues: Queues) -> NDArray[np.float64]:
        """Return how long each party has been in fast water on the way, (party,), s; NaN where the speed of water is not known."""
        found = np.full(len(self.homes.persons), np.nan)
        if self.conditions.fast_known:
            kernels.fast_now(found, queues.travellers, queues.links)
        return found

    def load(self, queues: Queues) -> NDArray[np.float64]:
        """Return the toxic load that each party has collected at home and on the way, (party,)."""
        return self.home_dose + self.dose(queues)

    def goal(self, queues: Queues) -> NDArray[np.int64]:
        """Return the row of `Goals.places` that each party goes to, (party,); -1 for none."""
        group = queues.travellers["group"]
        return np.where(group >= 0, self.routes.serves[group], -1)

    def state(self, queues: Queues, cost: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the state of each party, an index of STATES.

        Over-exposed before all, then arrived, stranded, in care and not yet fetched though ordered to leave, at home, on the way.
        """
        found = np.zeros(len(self._parties), np.int64)
        kernels.states(found, *self._seen(queues), cost, *self._goes(), self.home_dose, DOSES[-1])
        return found

    def _seen(self, queues: Queues) -> tuple[NDArray[Any], ...]:
        """Return those who travel, the links they are on, and the parties they are."""
        return queues.travellers, queues.links, self._parties

    def _goes(self) -> tuple[NDArray[np.int64], int, NDArray[np.bool_]]:
        """Return the row of `Goals.places` that each group goes to, that of the ways out, and which blocks are ordered to leave now."""
        return self.routes.serves, self.goals.exits, self.orders_s <= self.now

    def last_departure(self, t: float) -> NDArray[np.float64]:
        """Return the last moment, s on the clock, to leave each node of all layers on free roads, seen at `t`; infinite for never.

        Cars do not take a turn that is held now, or that is held before they have left the road behind it.
        """
        routes, last = self.routes, np.zeros(self.routes.nodes)
        of = routes.link if len(routes.link) > len(routes.at) else slice(None)
        spell = self.conditions.at(t)
        closes = self._closes[spell][of].copy()
        for choice, action in routes.held:
            begins_s = -np.inf if action.active(t) else action.start_s if action.start_s > t else np.inf
            closes[choice] = min(closes[choice], begins_s)
        last_departures(
            last, np.zeros(len(last), HEAP), spell, closes, self.conditions.begins, self.conditions.speed[:, of], self._run[:, of],
            self.network.length[of], routes.up, *routes.into, routes.node,
        )  # fmt: skip
        return last

    def _minutes_left(self, t: float, at_home: NDArray[np.float64], poisoned: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the minutes until a twentieth of those `at_home` (pair,) in each block have no way out; 0 where any is `poisoned`."""
        left = np.clip((self.last_departure(t) - t) / 60.0, 0.0, NEVER_MIN)[self._pair_node]
        found = earliest(left, at_home, self._pair_block, len(poisoned))
        found[poisoned] = 0.0
        return found

    def before(self, queues: Queues) -> NDArray[np.int32]:
        """Return where those whose paths are kept are now, (sampled,)."""
        return np.asarray(queues.travellers["link"][self._sample])

    def follow(
        self, before: NDArray[np.int32], queues: Queues, ways: NDArray[np.int32], t0: float, t1: float, began_s: float
    ) -> None:
        """Keep by which links those whose paths are kept have come since `before`; see `trajectories.followed`."""
        self.paths.append(followed(self._sample, before, queues, ways, t0, t1, began_s))

    def trajectories(self) -> pd.DataFrame:
        """Return the paths of those that are kept, a row for each road they pass; see `trajectories.passed`."""
        return passed(self.paths, self._sample, self.city, self.network, self.homes)

    def fields(self) -> xr.Dataset:
        """Return the fields of the run."""

        def stack(name: str, kind: Any = np.float32) -> NDArray[Any]:
            return np.stack([frame[name] for frame in self.frames]).astype(kind)

        city, edge, cell = self.city, ("time", "edge"), ("time", "cell")
        shelters = self.goals.shelters.loc[self.goals.shelters["group"] >= 0, "id"]
        data: dict[str, Any] = {
            "people_at_home": (cell, stack("at_home")),
            "people_on_edge": (edge, stack("on_edge")),
            "people_queued": (edge, stack("queued")),
            "road_closed": (edge, stack("closed", np.int8)),
            "minutes_to_harm": (("time", "block"), stack("minutes")),
        }
        coords: dict[str, Any] = {
            "time": self.clock.times.values,
            "cell": np.array(city.population["id"], dtype=str),
            "edge": np.array(city.roads["id"], dtype=str),
            "block": np.array(block_ids(city), dtype=str),
        }
        data["shelter_fill"] = (("time", "shelter"), stack("fill"))
        coords["shelter"] = np.array(shelters, dtype=str)
        return xr.Dataset(data, coords=coords)

    def counts(self) -> dict[str, pd.DataFrame]:
        """Return people by end state, by dose and by time in fast water, by the code of the scale a table (time, class 1, 2, ...)."""
        times = self.clock.times
        return {
            "end_state": _classes(np.stack([f["states"] for f in self.frames]), times),
            "dose_on_way": _classes(np.stack([f["doses"] for f in self.frames]), times),
            "dose": _classes(np.stack([f["loads"] for f in self.frames]), times),
            "fast_water": _classes(np.stack([f["fast"] for f in self.frames]), times),
        }


def earliest(
    left: NDArray[np.float64], people: NDArray[np.float64], block: NDArray[np.int64], blocks: int
) -> NDArray[np.float64]:
    """Return the value of `left` (n,) that a twentieth of the `people` (n,) of each block are at or below; NEVER_MIN for nobody."""
    order = np.lexsort((left, block))
    left, people, block = left[order], people[order], block[order]
    total = np.bincount(block, people, blocks)
    before = np.cumsum(people) - (np.cumsum(total) - total)[block]
    met = (before >= AREA_SHARE * total[block]) & (people > 0.0)
    found = np.full(blocks, NEVER_MIN)
    np.minimum.at(found, block[met], left[met])
    return found


def _classes(values: NDArray[np.float64], times: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame(values, index=times, columns=[float(k + 1) for k in range(values.shape[1])])
