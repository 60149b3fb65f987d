"""Which crew could do which task in time: a queue of tasks and crews in SimPy.

Crews travel on the undisturbed road network at blue-light speed; a task holds its crew until its window ends (for good when its end
is not known), or until it is done where its rule says that the crew does not stay. Of tasks that wait for the same kind of crew the
worst colour comes first, then the earliest deadline, then what the sheet names first, and each gets the nearest free crew; who has
been sent is not called back. A task whose need would be over before a crew is ready gets none; where its end is not known, a late
crew is better than none, and told as late. The twin proposes: it never dispatches.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import networkx as nx
import shapely
import simpy
from scipy.spatial import cKDTree

from twin.city import City
from twin.plan import Task
from twin.sheet import COLOURS, TaskRule

SPEED_M_S = 25 / 3.6  # mean speed of a service vehicle in a city's traffic, m/s: assumed
DETOUR = 1.4  # straight line to road distance where the network does not connect two places: assumed
LEAD_S = 3600.0  # a crew is asked for at most this long before its deadline


class Crew(NamedTuple):
    """One crew and where it is now."""

    id: str
    name_zh: str
    name_en: str
    x: float
    y: float


def send_crews(
    city: City,
    tasks: list[Task],
    issued: datetime,
    rules: Mapping[tuple[str, str], TaskRule],
    own: Mapping[str, shapely.Geometry] | None = None,
) -> list[Task]:
    """Return the tasks with crew, arrival and lateness, or with why no crew does it (`Task.no_crew`).

    `own` are the places that only a model knows, by id.
    """
    queue = _Queue(city, issued, own or {})
    ranks = {key: k for k, key in enumerate(rules)}
    done = [replace(task, no_crew="too_late" if task.unit in queue.free else "unlisted") for task in tasks]

    def work(k: int) -> Generator[Any, Any, None]:
        task, rule = tasks[k], rules[tasks[k].hazard, tasks[k].code]
        found = yield from queue.crew(task, rule, urgencies[k])
        if found is None:
            return
        crew, ready = found
        arrives = issued + timedelta(seconds=round(ready))
        late = max(0.0, (arrives - task.deadline).total_seconds() / 60.0)
        name = {"zh": crew.name_zh, "en": crew.name_en}
        done[k] = replace(task, crew=crew.id, crew_name=name, arrives=arrives, late_min=round(late, 1), no_crew=None)
        yield from queue.hold(crew, task, ready, stays=rule.stays)

    urgencies = [urgency(task, ranks[task.hazard, task.code]) for task in tasks]
    for k in sorted(range(len(tasks)), key=lambda k: urgencies[k]):
        if tasks[k].unit in queue.free:
            queue.env.process(work(k))
    queue.env.run()
    return done


Urgency = tuple[int, datetime, int, str]


def urgency(task: Task, rank: int) -> Urgency:
    """Return what puts tasks that wait for a crew in order: colour, deadline, which one its sheet names first (`rank`), place."""
    return -COLOURS.index(task.level), task.deadline, rank, task.place


class _Waiting(NamedTuple):
    """A task that waits for a crew: what puts it in order, where it is, until when a crew is of use, the event of one's coming."""

    urgency: Urgency
    place: tuple[float, float]
    ends: float
    setup_s: float
    given: simpy.Event


class _Queue:
    """The free crews of each kind, and the tasks that wait for them; seconds since `issued`."""

    def __init__(self, city: City, issued: datetime, own: Mapping[str, shapely.Geometry]) -> None:
        self.env = simpy.Environment()
        self.free: dict[str, list[Crew]] = {r.kind: [] for r in city.resources}
        for r in city.resources:
            self.free[r.kind] += [
                Crew(f"{r.id}-{n + 1}", f"{r.name_zh}{n + 1}号", f"{r.name_en} {n + 1}", r.x, r.y)
                for n in range(r.count)
            ]
        self._waiting: dict[str, list[_Waiting]] = {kind: [] for kind in self.free}
        self._city, self._issued, self._own, self._travel = city, issued, own, _Travel(city)

    def _seconds(self, moment: datetime) -> float:
        return (moment - self._issued).total_seconds()

    def _at(self, place: str) -> tuple[float, float]:
        """Return the map point of a place; a street is met at its middle."""
        geometry = self._own[place] if place in self._own else self._city.place(place.removeprefix("street-"))
        line = geometry.geom_type == "LineString"
        centre = geometry.interpolate(0.5, normalized=True) if line else geometry.centroid
        return centre.x, centre.y

    def crew(self, task: Task, rule: TaskRule, urgent: Urgency) -> Generator[Any, Any, tuple[Crew, float] | None]:
        """Wait for a crew that is ready before the task ends; return it and when it is, or None when none can be."""
        centre, setup_s = self._at(task.place), 60.0 * rule.setup_min
        ends = math.inf if task.evidence.get("open_end") else self._seconds(task.end)
        known = self._seconds(task.known or self._issued)
        yield self.env.timeout(max(known, self._seconds(task.deadline) - LEAD_S, 0.0))
        if self.env.now + setup_s >= ends:
            return None
        waits = _Waiting(urgent, centre, ends, setup_s, self.env.event())
        self._waiting[task.unit].append(waits)
        self._give(task.unit)
        yield waits.given if ends == math.inf else self.env.any_of([waits.given, self.env.timeout(ends - self.env.now)])
        if waits.given.triggered:
            return cast(tuple[Crew, float], waits.given.value)
        self._waiting[task.unit].remove(waits)
        return None

    def _give(self, unit: str) -> None:
        """Give the free crews of a kind to the tasks that wait, the most urgent first."""
        pool = self.free[unit]
        for waits in sorted(self._waiting[unit], key=lambda w: w.urgency):
            ready = [(self.env.now + self._travel.seconds((c.x, c.y), waits.place) + waits.setup_s, c) for c in pool]
            if ready and min(ready)[0] < waits.ends:
                pool.remove(min(ready)[1])
                self._waiting[unit].remove(waits)
                waits.given.succeed((min(ready)[1], min(ready)[0]))

    def hold(self, crew: Crew, task: Task, ready: float, *, stays: bool) -> Generator[Any, Any, None]:
        """Keep a crew until its task is over, for good when that is not known, then let it go where it stands."""
        if stays and task.evidence.get("open_end"):
            return
        yield self.env.timeout((self._seconds(task.end) if stays else ready) - self.env.now)
        x, y = self._at(task.place)
        self.free[task.unit].append(crew._replace(x=x, y=y))
        self._give(task.unit)


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
