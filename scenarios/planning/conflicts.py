"""Conflicts of a plan: a task that the result of another hazard, or another task, contradicts.

What a task asks of its place stands in the sheets (`TaskRule.asks`, `excludes`, `brings`, `bars`); no hazard and no kind of place is
known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import permutations, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.city import City
from twin.exposure import Exposure
from twin.plan import Conflict, Task
from twin.sheet import COLOURS, Sheet, TaskRule

#: Roads this near to the edge of a place lead out of it, m: assumed, half a wide street and its pavement.
REACH_M = 30.0

#: The share of people from which on those who set out too late are told as a conflict, and those who find no open way.
MANY, SOME = 0.5, 0.05

Rules = Mapping[tuple[str, str], TaskRule]
Results = Mapping[str, tuple[Sheet, Exposure]]


def conflicts(city: City, tasks: list[Task], rules: Rules, results: Results) -> tuple[Conflict, ...]:
    """Return the conflicts among the tasks of a plan, in the order of their times.

    "in_danger": a task takes its place into use while another hazard closes it or, where that hazard's sheet never closes such
    places, colours it yellow or worse; the place counts as in use from the task on to the end of the run. "unknown": nothing is known
    of such a place in another hazard. "ways_close": people are to leave a place when other hazards have closed all roads at
    its edge. "excluded": one task is not over when another begins at the same place that asks for what the first excludes; one
    without a known end is never over. "barred": the same of a task that brings to that place, or to what stands in it, what the first
    bars. "leaving_harms_more": people are to leave a place where the row of a task, of whatever
    hazard, says that staying collects less (`dose_stay`) than leaving (`dose_leave`). "leaving_too_late": of the people of a row
    (`late_share`) at least half set out when leaving has ceased to pay. "leaving_cut_off": of them at least a twentieth find no open
    way (`cut_off_share`).
    """
    found: list[Conflict] = []
    ways = _Ways(city, results)
    for task in tasks:
        asks = rules[task.hazard, task.code].asks
        if asks == "open":
            found += _in_danger(task, results)
        if asks == "leave":
            found += ways.closing(task)
            found += _harms_more(task, tasks)
            found += _of_too_many(task, "leaving_too_late", "late_share", MANY)
            found += _of_too_many(task, "leaving_cut_off", "cut_off_share", SOME)
    found += _excluded(tasks, rules)
    found += _barred(city, tasks, rules)
    return tuple(sorted(_merged(found), key=lambda c: (c.start, c.code, c.place, c.tasks)))


def _merged(found: list[Conflict]) -> list[Conflict]:
    """Return the conflicts with those that say the same of one place told once, from the first moment, with all their tasks."""
    same: dict[tuple[object, ...], Conflict] = {}
    for one in found:
        key = (one.code, one.place, one.hazards, one.level)
        if key in same:
            tasks = tuple(dict.fromkeys((*same[key].tasks, *one.tasks)))
            one = replace(one, tasks=tasks, start=min(one.start, same[key].start))
        same[key] = one
    return list(same.values())


def _in_danger(task: Task, results: Results) -> Iterator[Conflict]:
    for hazard, (sheet, exposure) in results.items():
        if hazard == task.hazard or task.place_kind not in sheet.rules:
            continue
        least = sheet.rules[task.place_kind].closes_at or "yellow"
        for place in exposure.places[exposure.places["id"] == task.place].to_dict("records"):
            if not place["known"]:
                yield _conflict("unknown", (task,), task.start, (hazard,))
            elif met := [c for c in COLOURS[COLOURS.index(least) :] if _stands(place, c, task.start)]:
                begins = max(_aware(place[f"first_{least}"]), task.start)
                yield _conflict("in_danger", (task,), begins, (hazard,), met[-1])


def _stands(place: Mapping[str, Any], colour: str, moment: datetime) -> bool:
    """Return whether a place is of a colour, or a worse one, at a moment or later."""
    return bool(pd.notna(place[f"first_{colour}"])) and _aware(place[f"last_{colour}"]) > moment


def _harms_more(task: Task, tasks: list[Task]) -> Iterator[Conflict]:
    here = [t for t in tasks if t.place == task.place]
    staying = [t for t in here if t.evidence.get("dose_stay") is not None]
    leaves = task.evidence.get("dose_leave")
    if leaves is None or not staying:
        return
    least = min(staying, key=lambda t: float(t.evidence["dose_stay"]))
    stays = float(least.evidence["dose_stay"])
    if float(leaves) > stays:
        said = {"leave": float(leaves), "stay": stays}
        by = tuple(dict.fromkeys((least.hazard, task.hazard)))
        yield replace(_conflict("leaving_harms_more", (task,), task.start, by), values=said)


def _of_too_many(task: Task, code: str, share_of: str, bound: float) -> Iterator[Conflict]:
    share = task.evidence.get(share_of)
    if share is not None and float(share) >= bound:
        yield replace(_conflict(code, (task,), task.start, (task.hazard,)), values={"share": float(share)})


class _Ways:
    """The roads of a city, and when each hazard closes them."""

    def __init__(self, city: City, results: Results) -> None:
        self._city = city
        self._sites = {str(i): g for i, g in zip(city.sites["id"], city.sites.geometry, strict=True)}
        self._closes = {h: _seconds(exposure.roads["closes"], np.inf) for h, (_, exposure) in results.items()}
        self._reopens = {h: _seconds(exposure.roads["reopens"], np.inf) for h, (_, exposure) in results.items()}

    def closing(self, task: Task) -> Iterator[Conflict]:
        """Yield a conflict when all roads at the edge of a task's place are closed at one moment within the task."""
        others = [hazard for hazard in self._closes if hazard != task.hazard]
        if not others or task.place not in self._sites:
            return
        place = self._sites[task.place]
        edge = place.boundary if place.area else place
        near = self._city.roads.sindex.query(edge.buffer(REACH_M), predicate="intersects")
        if not len(near):
            return
        closes = np.array([self._closes[h][near] for h in others])
        reopens = np.array([self._reopens[h][near] for h in others])
        begin, end = task.start.timestamp(), task.end.timestamp()
        moments = np.unique(np.concatenate([[begin], closes[(closes > begin) & (closes <= end)]]))
        for moment in moments:
            shut = (closes <= moment) & (moment < reopens)
            if shut.any(axis=0).all():
                by = tuple(h for h, closed in zip(others, shut.any(axis=1), strict=True) if closed)
                yield _conflict("ways_close", (task,), datetime.fromtimestamp(moment, task.start.tzinfo), by)
                return


def _excluded(tasks: list[Task], rules: Rules) -> Iterator[Conflict]:
    by_place: dict[str, list[Task]] = {}
    for task in tasks:
        by_place.setdefault(task.place, []).append(task)
    for here in by_place.values():
        for one, other in permutations(here, 2):
            if rules[other.hazard, other.code].asks in rules[one.hazard, one.code].excludes and not _over(one, other):
                yield _against("excluded", one, other)


def _barred(city: City, tasks: list[Task], rules: Rules) -> Iterator[Conflict]:
    shapes = dict(zip(city.sites["id"].astype(str), city.sites.geometry, strict=True))
    bars = [task for task in tasks if rules[task.hazard, task.code].bars]
    brings = [task for task in tasks if rules[task.hazard, task.code].brings]
    for one, other in product(bars, brings):
        both = set(rules[one.hazard, one.code].bars) & set(rules[other.hazard, other.code].brings)
        here = one.place == other.place or (
            {one.place, other.place} <= set(shapes) and _stands_in(shapes[one.place], shapes[other.place])
        )
        if both and here and not _over(one, other):
            yield _against("barred", one, other)


def _stands_in(one: BaseGeometry, other: BaseGeometry) -> bool:
    """Return whether one of two places stands in the other, at its edge too; two areas that only share an edge do not."""
    return bool(one.intersects(other)) and not (one.area and other.area and one.touches(other))


def _over(one: Task, other: Task) -> bool:
    """Return whether one task is over when another begins; one without a known end is never over."""
    return one.end <= other.start and not one.evidence.get("open_end")


def _against(code: str, one: Task, other: Task) -> Conflict:
    return _conflict(code, (one, other), max(one.start, other.start), tuple(dict.fromkeys((one.hazard, other.hazard))))


def _conflict(
    code: str, tasks: tuple[Task, ...], start: datetime, hazards: tuple[str, ...], level: str = ""
) -> Conflict:
    first = tasks[0]
    return Conflict(code, tuple(t.id for t in tasks), first.place, first.place_name, start, hazards, level)


def _seconds(moments: pd.Series, never: float) -> NDArray[np.float64]:
    """Return moments of a UTC axis as seconds since 1970; `never` where there is none."""
    values = moments.values.astype("datetime64[ms]")
    return np.where(np.isnat(values), never, values.astype(np.int64) / 1000.0)


def _aware(stamp: object) -> datetime:
    moment: datetime = pd.Timestamp(stamp).tz_localize("UTC").to_pydatetime()
    return moment
