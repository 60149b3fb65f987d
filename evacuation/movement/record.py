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
from evacuation.movement.kernels.queues import SAFE
from evacuation.movement.people.households import Households
from evacuation.movement.people.zones import AREA_SHARE, block_ids
from evacuation.movement.roads.conditions import Conditions, foresight
from evacuation.movement.roads.goals import Goals
from evacuation.movement.roads.network import Network
from evacuation.movement.roads.queues import Queues
from twin.city import City
from twin.clock import Clock

#: End states, in the order of the classes of the scale `end_state`.
STATES = ("safe", "sheltered", "at_home", "en_route", "stranded", "over_exposed")

#: Lower bounds of the classes of the scale `dose_on_way`, toxic load (1 = AEGL-3).
DOSES = (0.0, 0.1, 0.5, 1.0)

#: What stands for a day or more until cut off, min.
NEVER_MIN = 1440.0


@dataclass
class Record:
    """The frames of a run."""

    city: City
    network: Network
    goals: Goals
    homes: Households
    conditions: Conditions
    clock: Clock
    frames: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        homes, nodes = self.homes, 2 * self.network.nodes
        pairs, self._pair = np.unique(homes.block.astype(np.int64) * nodes + homes.node, return_inverse=True)
        self._pair_block, self._pair_node = pairs // nodes, pairs % nodes
        self._run, self._closes = foresight(self.conditions)

    def keep(self, t: float, queues: Queues, cost: NDArray[np.float64]) -> None:
        """Keep how things stand at `t` s on the clock; `cost` (group, node) is that of the ways at this moment."""
        people, roads = self.homes.persons, len(self.city.roads)
        link = queues.travellers["link"]
        real = len(self.network.up)
        home = (link == -1) | (link >= real)
        on_road = (link >= 0) & (link < real)
        road = self.network.road[link[on_road]]
        cells = len(self.city.population)
        in_cell = np.bincount(self.homes.cell, people, cells)
        at_home = np.bincount(self.homes.cell[home], people[home], cells)
        spell = self.conditions.at(t)
        blocked, car = self.conditions.blocked[spell], self.network.layer == 0
        open_to_cars = np.bincount(self.network.road[car & ~blocked], minlength=roads) > 0
        groups = queues.travellers["group"][link == SAFE]
        in_group = np.bincount(groups, people[link == SAFE], len(self.goals.places))
        self.frames.append(
            {
                "at_home": np.divide(at_home, in_cell, out=np.ones(cells), where=in_cell > 0),
                "on_edge": np.bincount(road, people[on_road], roads),
                "queued": np.bincount(self.network.road, queues.waiting(people)[:real], roads),
                "closed": ~open_to_cars,
                "minutes": self._minutes_left(t, spell, people * home, self.dose(queues) >= DOSES[-1]),
                "fill": in_group[:-1] / self.goals.places[:-1],
                "states": np.bincount(self.state(queues, cost), people, len(STATES)),
                "doses": np.bincount(np.digitize(self.dose(queues), DOSES) - 1, people, len(DOSES)),
            }
        )

    def dose(self, queues: Queues) -> NDArray[np.float64]:
        """Return the toxic load that each party has collected on the way, (party,)."""
        found = np.zeros(len(self.homes.persons))
        kernels.dose_now(found, queues.travellers, queues.links)
        return np.maximum(found, 0.0)

    def state(self, queues: Queues, cost: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the state of each party, an index of STATES: over-exposed before all, then arrived, stranded, at home, on the way."""
        link, group = queues.travellers["link"], queues.travellers["group"]
        cut, stuck = (np.zeros(len(link), bool) for _ in range(2))
        kernels.who_is_cut_off(cut, queues.travellers, queues.links, cost)
        kernels.stuck(stuck, queues.travellers, queues.links)
        waits = link >= len(self.network.up)
        state = np.where((link == -1) | waits, STATES.index("at_home"), STATES.index("en_route"))
        state[cut | stuck] = STATES.index("stranded")
        state[link == SAFE] = np.where(group[link == SAFE] == self.goals.exits, 0, STATES.index("sheltered"))
        state[self.dose(queues) >= DOSES[-1]] = STATES.index("over_exposed")
        return state

    def last_departure(self, t: float) -> NDArray[np.float64]:
        """Return the last moment, s on the clock, to leave each node of both layers on free roads, seen at `t`; infinite for never."""
        last = np.zeros(2 * self.network.nodes)
        spell = self.conditions.at(t)
        last_departures(
            last, np.zeros(len(last), HEAP), spell, self._closes[spell], self.conditions.begins, self.conditions.speed,
            self._run, self.network.length, self.network.up, *self.network.into, self.goals.node,
        )  # fmt: skip
        return last

    def _minutes_left(
        self, t: float, spell: int, home: NDArray[np.float64], poisoned: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the minutes until a twentieth of those at `home` (party,) in each block have no way out; 0 where any is `poisoned`."""
        blocks = len(block_ids(self.city))
        left = np.clip((self.last_departure(t) - t) / 60.0, 0.0, NEVER_MIN)[self._pair_node]
        people = np.bincount(self._pair, home, len(left)).astype(np.float64)
        found = earliest(left, people, self._pair_block, blocks)
        found[self.homes.block[poisoned]] = 0.0
        return found

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
        """Return people by end state and by dose on the way, by the code of the scale a table (time, class 1, 2, ...)."""
        times = self.clock.times
        return {
            "end_state": _classes(np.stack([f["states"] for f in self.frames]), times),
            "dose_on_way": _classes(np.stack([f["doses"] for f in self.frames]), times),
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
