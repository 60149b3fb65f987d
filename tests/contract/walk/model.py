"""Walk: people leave their homes over the city's roads; what slows travel slows them, and each ends in one state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from annotated_types import Ge, Gt

from twin import overlay
from twin.drivers import tagged
from twin.exposure.closures import closed_roads
from twin.exposure.people import AT_HOME, NIGHT_HOURS, ON_EDGE
from twin.grid import Grid
from twin.hazard import Balance, Outcome, State
from twin.variables import Unit, Variable, conform

HOME = Variable(
    "people_at_home", "1", ("time", "cell"), "在家比例", "share still at home", 0.0, 1.0, tags=frozenset({AT_HOME})
)
EDGE = Variable(
    "people_on_edge", "1", ("time", "edge"), "路上人数", "people on the road", 0.0, 1e7, tags=frozenset({ON_EDGE})
)
CROWDED = Variable("people_per_m", "m-1", ("time", "edge"), "每米人数", "people per metre", 0.0, 1e4)
PACE = Variable("pace", "m s-1", ("time", "edge"), "步速", "walking pace", 0.0, 5.0)

#: Seconds of a step, and how near the rim of the city a way out lies, m.
STEP_S, RIM_M = 5.0, 60.0

#: In place of a next edge: out of the city, and no way.
OUT, NO_WAY = -1, -2


class Ways(NamedTuple):
    """The way out: by edge the next edge, by cell its first edge, how far its road is and how far the way out, m; its block."""

    after: np.ndarray
    first: np.ndarray
    access_m: np.ndarray
    far_m: np.ndarray
    block: np.ndarray


@dataclass(frozen=True)
class Walk:
    needs: ClassVar = ()
    reads: ClassVar = ("slows_travel",)
    gives: ClassVar = (HOME, EDGE, CROWDED)

    begins_s: Annotated[float, Ge(0), Unit("s")] = 300.0
    leave_s: Annotated[float, Gt(0), Unit("s")] = 300.0
    pace_m_s: Annotated[float, Gt(0), Unit("m s-1")] = 1.5
    stopped_at_m: Annotated[float, Gt(0), Unit("m")] = 0.5
    limit_m: Annotated[float, Gt(0), Unit("m")] = 450.0

    def simulate(self, city, drivers, clock, actions=(), rng=None, state=None, progress=None):
        state = state and state.check("walk", city.grid.hash)
        ways, length = ways_out(city), np.maximum(city.roads.geometry.length.values, 1.0)
        told = self._told_to_leave(city, ways)
        who = People(state) if state else People.at_home(city, clock, ways.block, told[ways.block])
        before, since_s = who.states(np.full(len(length), True)), who.since_s
        pace = self._pace(city, drivers, clock, actions)
        begins, stopped = self.begins_s + ways.access_m / self.pace_m_s, pace <= 0.0
        frames = [who.frame(stopped[0])]
        for k in range(clock.steps):
            ratio = np.minimum(pace[k] * STEP_S / length, 1.0)
            for part in range(round(clock.step_s / STEP_S)):
                t = since_s + k * clock.step_s + (part + 1) * STEP_S
                who.leave(np.clip((t - begins) / self.leave_s, 0.0, 1.0), ways.first, ways.block)
                who.walk(ratio, ways.after)
                who.note_t95(t)
            frames.append(who.frame(stopped[k + 1]))
        home, edge, states = (np.array(part) for part in zip(*frames, strict=True))
        after = who.states(np.full(len(length), True))
        balance = Balance(
            "persons",
            {"left_home": before[0] - after[0]},
            {"arrived": after[3] - before[3]},
            {"on_the_way": after[2] - before[2]},
            0.0,
        )
        return Outcome(
            self._fields(city, clock, home / np.maximum(who["people"], 1.0), edge, pace, length),
            {"blocks": self._blocks(city, who, told, since_s)},
            balance.check("walk"),
            who.state(city, since_s + clock.duration_s),
            (("pace", {"pace": self.pace_m_s, "stopped": self.stopped_at_m}),),
            counts={"ends": pd.DataFrame(states, index=clock.times, columns=[1, 2, 3, 4])},
        )

    def _told_to_leave(self, city, ways):
        """Return which blocks leave: those whose people have a way out and not too far; who is in no block stays."""
        n = len(city.blocks)
        far = [ways.far_m[ways.block == k] for k in range(n)]
        return np.array([bool(len(f)) and f.mean() <= self.limit_m for f in far] + [False])

    def _pace(self, city, drivers, clock, actions):
        """Return the pace on each edge at each output time (time, edge): slower in water, none on a closed road."""
        pace = np.full((clock.steps + 1, len(city.roads)), self.pace_m_s)
        for name, field in tagged(drivers, "slows_travel").items():
            grid = Grid.of_axes(city.grid.crs, field["y"].values, field["x"].values, name)
            deep = overlay.along_lines(grid, city.roads.geometry).maximum(
                field.sel(time=clock.times, method="ffill").values
            )
            deep[:, city.roads["level"].values.astype(float) > 0] = 0.0
            pace *= np.clip(1.0 - np.nan_to_num(deep) / self.stopped_at_m, 0.0, 1.0)
        return np.where(closed_roads(city, actions, clock.times), 0.0, pace)

    def _fields(self, city, clock, share, edge, pace, length):
        on_edge = {"people_on_edge": edge, "people_per_m": edge / length, "pace": pace}
        return conform(
            xr.Dataset(
                {"people_at_home": (("time", "cell"), share)}
                | {name: (("time", "edge"), values) for name, values in on_edge.items()},
                coords={
                    "time": clock.times.values,
                    "cell": city.population["id"].values.astype(str),
                    "edge": city.roads["id"].values.astype(str),
                },
            ),
            HOME,
            EDGE,
            CROWDED,
            PACE,
        )

    def _blocks(self, city, who, told, since_s):
        """Return a row per block: leave or stay, from when, until when 95 % are out (T95), s on the clock, and of how many."""
        n = len(city.blocks)
        return pd.DataFrame(
            {
                "id": city.blocks["id"].values.astype(str),
                "advice": np.where(told[:n], "leave", "stay"),
                "by_s": self.begins_s - since_s,
                "until_s": who["t95"][:n] - since_s,
                "t95_s": who["t95"][:n],
                "people": who["meant"][:n],
            }
        )


class People:
    """Whole persons: at `home` by cell, `on` edges by block and edge, `arrived` by block; `due` has not yet made up a person.

    `people` and `leaving` are those there at the start and those who mean to leave, by cell; `meant` the latter by block.
    """

    def __init__(self, state):
        self._arrays = {name: array.copy() for name, array in state.arrays.items()}
        self.since_s = state.numbers["since_s"]

    def __getitem__(self, name):
        return self._arrays[name]

    @classmethod
    def at_home(cls, city, clock, block, leaves):
        """Return everybody at home, of the local hour of the start."""
        hour, shape = clock.start.astimezone(city.tz).hour, (len(city.blocks) + 1, len(city.roads))
        column = "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"
        people = city.population[column].values.astype(float)
        leaving = np.where(leaves, np.floor(people), 0.0)
        arrays = {"people": people, "home": people.copy(), "leaving": leaving}
        arrays |= {"on": np.zeros(shape), "due": np.zeros(shape), "arrived": np.zeros(shape[0])}
        arrays |= {"meant": np.bincount(block, leaving, shape[0]), "t95": np.full(shape[0], np.nan)}
        return cls(State("walk", "", arrays, {"since_s": 0.0}))

    def state(self, city, since_s):
        """Return all that is needed to go on."""
        return State("walk", city.grid.hash, self._arrays, {"since_s": since_s})

    def leave(self, share, first, block):
        """Let whole persons leave, so that `share` of each cell's leaving have left; without a way they stay."""
        gone = self["people"] - self["home"]
        go = np.where(first != NO_WAY, np.maximum(np.floor(share * self["leaving"]) - gone, 0.0), 0.0)
        self["home"][:] -= go
        way = first >= 0
        np.add.at(self["arrived"], block[first == OUT], go[first == OUT])
        np.add.at(self["on"], (block[way], first[way]), go[way])

    def walk(self, ratio, after):
        """Let whole persons pass from each edge to the next, `ratio` of those on it in a step."""
        on, due = self["on"], self["due"]
        due += on * ratio
        go = np.minimum(np.floor(due), on)
        due -= go
        on -= go
        self["arrived"][:] += go[:, after == OUT].sum(axis=1)
        for k in np.flatnonzero(after >= 0):
            on[:, after[k]] += go[:, k]

    def note_t95(self, t):
        """Keep the moment at which 95 % of those of a block who leave have arrived."""
        done = (self["meant"] > 0) & np.isnan(self["t95"]) & (self["arrived"] >= 0.95 * self["meant"])
        self["t95"][done] = t

    def states(self, stopped):
        """Return how many are at home, on the way, stopped on the way and arrived."""
        edge = self["on"].sum(axis=0)
        return self["home"].sum(), edge[~stopped].sum(), edge[stopped].sum(), self["arrived"].sum()

    def frame(self, stopped):
        """Return people at home by cell, on the way by edge, and the states."""
        return self["home"].copy(), self["on"].sum(axis=0), self.states(stopped)


def ways_out(city):
    """Return the shortest way to the rim of the city from each edge and each population cell."""
    graph, bounds = city.road_graph, shapely.box(*city.grid.bounds).exterior
    at = {node: shapely.Point(data["x"], data["y"]) for node, data in graph.nodes(data=True)}
    out = {node for node, point in at.items() if bounds.distance(point) <= RIM_M}
    far = nx.multi_source_dijkstra_path_length(graph, out, weight="length_m") if out else {}
    road = {road_id: k for k, road_id in enumerate(city.roads["id"])}
    following = {
        node: min(
            (far[v] + data["length_m"], road[key]) for _, v, key, data in graph.edges(node, keys=True, data=True)
        )[1]
        for node in far
    }

    def onward(node):
        return OUT if node in out else following.get(node, NO_WAY)

    ends = [min((far.get(n, np.inf), n) for n in pair) for pair in zip(city.roads["u"], city.roads["v"], strict=True)]
    nodes, cells = list(at), city.population.geometry.centroid
    tree = shapely.STRtree(list(at.values()))
    near = [nodes[k] for k in tree.nearest(cells.values)] if nodes else [None] * len(cells)
    access = np.array([point.distance(at[n]) if n in at else np.inf for point, n in zip(cells, near, strict=True)])
    block = np.full(len(cells), len(city.blocks), dtype=np.int64)
    if len(city.blocks):
        cell, of = shapely.STRtree(city.blocks.geometry.values).query(cells.values, predicate="within")
        block[cell] = of
    return Ways(
        np.array([onward(node) if np.isfinite(d) else NO_WAY for d, node in ends], dtype=np.int64),
        np.array([onward(node) for node in near], dtype=np.int64),
        access,
        access + np.array([far.get(node, np.inf) for node in near]),
        block,
    )
