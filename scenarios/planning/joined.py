"""Tasks of one kind on ways of one name that touch become one task, so that a long road is one line of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import networkx as nx

from twin.city import City
from twin.exposure.streets import stretches
from twin.plan import Task
from twin.sheet import COLOURS, TaskRule
from twin.words import LANGS, written


def joined(tasks: list[Task], rules: Mapping[tuple[str, str], TaskRule], city: City) -> list[Task]:
    """Return the tasks with those of a rule that `joins` at ways of one name that share a junction as one; the others as they are.

    What is joined stands where the gravest of them does and on its figures, names all (`also`: the ids of the others), is due by the
    first of them and ends with the last.
    """
    if not any(rules[t.hazard, t.code].joins for t in tasks):
        return tasks
    ways = _Ways(city)
    graph: nx.Graph[Any] = nx.Graph()
    for k, task in enumerate(tasks):
        graph.add_node(k)
        for named in ways.of(task.place) if rules[task.hazard, task.code].joins else ():
            graph.add_edge(k, (task.hazard, task.code, task.unit, *named))
    found = []
    for part in nx.connected_components(graph):
        own = [tasks[k] for k in sorted(k for k in part if isinstance(k, int))]
        found.append(own[0] if len(own) == 1 else _one(own))
    return found


def _one(tasks: list[Task]) -> Task:
    """Return one task for several."""
    gravest = max(tasks, key=lambda t: COLOURS.index(t.level))
    first = min(tasks, key=lambda t: t.deadline)
    others = [t for t in tasks if t is not gravest]
    every = [gravest, *others]
    chances = [t.probability for t in every if t.probability is not None]
    return replace(
        gravest,
        also=tuple(t.place for t in others),
        place_name={lang: written(list(dict.fromkeys(t.place_name[lang] for t in every)), lang) for lang in LANGS},
        start=min(t.start for t in every),
        end=max(t.end for t in every),
        deadline=first.deadline,
        known=min((t.known for t in every if t.known is not None), default=None),
        short_min=first.short_min,
        evidence={
            **gravest.evidence,
            "by": min(t.evidence["by"] for t in every),
            "open_end": any(t.evidence["open_end"] for t in every),
        },
        probability=max(chances, default=None),
    )


class _Ways:
    """The name and the junctions of each way, a stretch of street or a road; of one without a name none."""

    def __init__(self, city: City) -> None:
        self._roads = city.roads.set_index(city.roads["id"].astype(str))[["name_zh", "u", "v"]].fillna("")
        streets = stretches(city)[0]
        self._own = dict(zip(streets["id"].astype(str), streets["roads"].astype(str).str.split(","), strict=True))

    def of(self, place: str) -> list[tuple[str, str]]:
        """Return name and junction of each end of the roads of a way."""
        roads = self._roads.loc[[i for i in self._own.get(place, [place]) if i in self._roads.index]]
        return [(str(r.name_zh), str(end)) for r in roads.itertuples() if r.name_zh for end in (r.u, r.v)]
