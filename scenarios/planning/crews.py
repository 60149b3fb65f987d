"""Which crew could do which task in time: a queue of tasks and crews in SimPy.

Crews travel on the dry road network at blue-light speed; a task holds its crew until its window ends, or until it
is done where its rule says that the crew does not stay. Earliest deadline
first, nearest free crew. The twin proposes: it never dispatches.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import networkx as nx
import simpy
from scipy.spatial import cKDTree

from twin.city import City
from twin.plan import Task
from twin.sheet import TaskRule

SPEED_M_S = 25 / 3.6  # mean speed of a service vehicle in a wet city, m/s: assumed
DETOUR = 1.4  # straight line to road distance where the network does not connect two places: assumed


class Crew(NamedTuple):
    """One crew and where it is now."""

    id: str
    name_zh: str
    name_en: str
    x: float
    y: float


def send_crews(
    city: City, tasks: list[Task], issued: datetime, rules: Mapping[tuple[str, str], TaskRule]
) -> list[Task]:
    """Return the tasks with crew, arrival and lateness for every unit the city lists crews of."""
    kinds = {r.kind for r in city.resources}
    if not kinds:
        return tasks
    env = simpy.Environment()
    free = {kind: simpy.FilterStore(env) for kind in kinds}
    for r in city.resources:
        free[r.kind].items += [
            Crew(f"{r.id}-{n + 1}", f"{r.name_zh}{n + 1}号", f"{r.name_en} {n + 1}", r.x, r.y) for n in range(r.count)
        ]
    travel = _Travel(city)
    done: dict[int, Task] = {}

    def work(k: int, task: Task) -> Generator[Any, Any, None]:
        centre = city_place(city, task.place)
        yield env.timeout(max(0.0, (task.deadline - issued).total_seconds() - LEAD_S))
        pool, rule = free[task.unit], rules[task.hazard, task.code]
        while not pool.items:
            yield env.timeout(30.0)
        nearest = min(pool.items, key=lambda crew: (travel.seconds((crew.x, crew.y), centre), crew.id))
        crew = yield pool.get(lambda item: item == nearest)
        ready = env.now + travel.seconds((crew.x, crew.y), centre) + 60.0 * rule.setup_min
        arrives = issued + timedelta(seconds=round(ready))
        late = max(0.0, (arrives - task.deadline).total_seconds() / 60.0)
        name = {"zh": crew.name_zh, "en": crew.name_en}
        done[k] = replace(task, crew=crew.id, crew_name=name, arrives=arrives, late_min=round(late, 1))
        leaves = (task.end - issued).total_seconds() if rule.stays else ready
        yield env.timeout(max(0.0, leaves - env.now, ready - env.now))
        yield pool.put(crew._replace(x=centre[0], y=centre[1]))

    order = sorted(range(len(tasks)), key=lambda k: (tasks[k].deadline, tasks[k].place))
    for k in order:
        if tasks[k].unit in kinds:
            env.process(work(k, tasks[k]))
    env.run(until=max((t.end - issued).total_seconds() for t in tasks) + 3600.0 if tasks else 1.0)
    return [done.get(k, task) for k, task in enumerate(tasks)]


LEAD_S = 3600.0  # a crew is asked for at most this long before its deadline


def city_place(city: City, place: str) -> tuple[float, float]:
    """Return the map point of a place; a street is met at its middle."""
    geometry = city.place(place.removeprefix("street-"))
    centre = geometry.interpolate(0.5, normalized=True) if geometry.geom_type == "LineString" else geometry.centroid
    return centre.x, centre.y


class _Travel:
    """Travel time between map points over the roads, remembered per pair of road nodes."""

    def __init__(self, city: City) -> None:
        self._graph = city.road_graph
        nodes = list(self._graph.nodes)
        self._nodes = nodes
        self._tree = cKDTree([(self._graph.nodes[n]["x"], self._graph.nodes[n]["y"]) for n in nodes]) if nodes else None
        self._from: dict[Any, dict[Any, float]] = {}

    def seconds(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        straight = float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)
        if self._tree is None:
            return DETOUR * straight / SPEED_M_S
        gap_a, i = self._tree.query(a)
        gap_b, j = self._tree.query(b)
        source = self._nodes[i]
        if source not in self._from:
            self._from[source] = nx.single_source_dijkstra_path_length(self._graph, source, weight="length_m")
        road = self._from[source].get(self._nodes[j])
        return float(gap_a + gap_b + road if road is not None else DETOUR * straight) / SPEED_M_S
