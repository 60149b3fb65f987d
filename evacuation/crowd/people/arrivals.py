"""Who comes and who goes: people at the start, people who come, and those told to leave, by figures or by attendance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from evacuation.crowd.people import draws, parties
from evacuation.crowd.people.attendance import Attendance
from evacuation.crowd.people.parties import Parties
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan, Source
from evacuation.crowd.venue.ways import Finder
from twin.errors import ScenarioError
from twin.hazard import Action

#: Two people who appear stand at least this far apart, m: bodies do not overlap. That is 6.9 persons/m2.
APART_M = 0.41

#: Two people who are there at the start stand at least this far apart, m: the largest body of two (`draws`).
BODIES_M = 0.382

#: Where no place of that lattice is free, so many places of one this many times as fine are looked at each second for room between people.
FINER, LOOKED_AT = 3.0, 4096

#: People keep off walls by this when they appear, m.
OFF_WALL_M = 0.2

#: So many places of a source are looked at first for one on which nobody stands.
FIRST_LOOK = 16

#: Most persons/m2 on a source at the start; more is refused.
MOST_AT_START = 7.0


class Comers:
    """Brings people in second by second. `outside` counts, for each source, those who have come and find no room yet.

    `made` is how many have come in all: the number of the next person. With an attendance those present stay until their curve of it
    falls, and then so many leave. Without, `persons` are there at the start, leave within `leave_within_s`, and `per_s` come and walk on
    at once. The share `strangers` of all knows only the way it came in, the share `together` walks in parties: they come, leave, and know
    their ways as one, and whose party is not complete yet has not come. `in_parties` counts those people and `parties` their parties.
    """

    def __init__(
        self,
        plan: Plan,
        finder: Finder,
        key: int,
        attendance: Attendance | None,
        persons: int,
        per_s: float,
        within_s: float,
        actions: tuple[Action, ...] = (),
        ever_open: Gates | None = None,
        strangers: float = 0.0,
        together: float = 0.0,
    ) -> None:
        self.plan, self._finder, self._key = plan, finder, key
        self._skips = [a for a in actions if a.kind == "skip_stop"]
        self._staged = [a for a in actions if a.kind == "staged_end"]
        self._ever_open = ever_open
        self._attendance, self._persons, self.per_s, self._within_s = attendance, persons, per_s, within_s
        self._strangers = strangers
        self._places = [_places(plan, source) for source in plan.sources]
        self._around = [(*(p.min(axis=0) - 2.0 * APART_M), *(p.max(axis=0) + 2.0 * APART_M)) for p in self._places]
        self._finer: dict[int, NDArray[np.float64]] = {}
        rooms = [len(p) for p in self._places]
        #: the curve of each source; of those without one nobody comes
        self._of = attendance.of if attendance else np.zeros(len(plan.sources), np.int64)
        self._weights, self._parties = weights_of(plan, rooms, self._of), Parties(key, together, rooms)
        #: by source: who is outside, who has come or was to come, and who was told to leave
        self.outside, self._given, self._told = np.zeros((3, len(plan.sources)), np.int64)
        #: by number: the source from which somebody came
        self._source = np.zeros(0, np.int64)
        self.made, self.skipped = 0, 0
        self.counted_in, self.counted_out = 0, 0
        self.in_parties, self.parties = 0, 0
        self._owed = 0.0

    def record(self) -> dict[str, NDArray[np.float64]]:
        """Return what the next part of the run must know."""
        numbers = [self.made, self.skipped, self.counted_in, self.counted_out, self.in_parties, self.parties]
        return {
            "comers_outside": self.outside.astype(np.float64),
            "comers_given": self._given.astype(np.float64),
            "comers_told": self._told.astype(np.float64),
            "comers_source": self._source.astype(np.float64),
            "comers_numbers": np.array([*numbers, self._owed]),
        }

    def resume(self, kept: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `record` gave."""
        self.outside = kept["comers_outside"].astype(np.int64)
        self._given, self._told, self._source = (
            kept[f"comers_{name}"].astype(np.int64) for name in ("given", "told", "source")
        )
        *counts, self._owed = kept["comers_numbers"]
        self.made, self.skipped, self.counted_in, self.counted_out, self.in_parties, self.parties = map(int, counts)

    def at_start(self) -> People:
        """Return the people who are there when the run begins; raise ScenarioError when they are more than fit."""
        counts = self._attendance.at(0.0) if self._attendance else np.array([self._persons])
        shares, parts = np.zeros_like(self._given), []
        for curve, count in enumerate(counts):
            shares += self._share(int(count), curve)
        for k, share in enumerate(shares):
            parts.append(self._make(k, *self._standing(k, int(share)), 0.0, at_start=True))
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.joined(part)
        if self._attendance:
            return whole
        return whole._replace(leaves=whole.leaves + self._wait(whole, 0.0))

    def step(self, walkers: Walkers, t: float, now: float) -> None:
        """Bring in who comes in the second after `t` (on the clock; `now` since the first run began), tell who goes to leave."""
        coming_by = np.zeros_like(self._given)
        if self._attendance:
            here = self._given - self._told
            for curve, asked in enumerate(self._attendance.at(t)):
                change = int(asked - here[self._of == curve].sum())
                if change < 0:
                    self._tell(walkers, -change, curve, t, now)
                coming_by += self._coming(max(change, 0), curve)
        else:
            self._owed += self.per_s
            coming_by += self._coming(int(self._owed + 1e-9), 0)
            self._owed -= int(coming_by.sum())
        for action in self._skips:
            if action.active(t):
                skips = np.array([source.id == action.place for source in self.plan.sources])
                self.skipped += int(coming_by[skips].sum())
                coming_by = np.where(skips, 0, coming_by)
        self.outside += coming_by
        for k in np.flatnonzero(self.outside):
            at, sizes = self._coming_in(walkers.people, int(k))
            if len(at):
                walkers.people = walkers.people.joined(self._make(int(k), at, sizes, now))
                self.outside[k] -= len(at)

    def correct(self, walkers: Walkers, zone: shapely.Geometry, inside: NDArray[np.bool_], count: int) -> int:
        """Add `count` people in a zone (below 0: take as many of those `inside` it away); return how many it could be.

        Who is added stands where there is room, and goes where and when somebody goes who is there (or anywhere, where nobody is).
        Who is taken away is drawn.
        """
        people = walkers.people
        who = np.flatnonzero(inside)
        if count < 0:
            order = np.argsort(draws.uniform(self._key, people.number[who], draws.ORDER), kind="stable")
            gone = who[order[:-count]]
            walkers.people = people.chosen(np.setdiff1d(np.arange(people.count), gone, assume_unique=True))
            self.counted_out += len(gone)
            return -len(gone)
        models = who if len(who) else np.arange(people.count)
        if count == 0 or not len(models):
            return 0
        at = _lattice(self.plan, Source("zone", zone, np.nan, frozenset(), frozenset()), APART_M)
        if len(at):
            at = at[cKDTree(np.column_stack([people.x, people.w])).query(at)[0] >= APART_M]
        ids = np.arange(self.made, self.made + min(count, len(at)), dtype=np.int64)
        turn = draws.uniform(self._key + self.made, np.arange(len(at)), draws.PLACE)
        like = models[(draws.uniform(self._key, ids, draws.ORDER) * len(models)).astype(np.int64)]
        walkers.people = people.joined(
            People.standing(
                at[np.argsort(turn, kind="stable")[: len(ids)]],
                **draws.body(self._key, ids), free=draws.free_speed(self._key, ids),
                group=people.group[like], leaves=people.leaves[like], number=ids,
            )
        )  # fmt: skip
        self.made += len(ids)
        self._source = np.append(self._source, self._source[people.number[like]])
        self.counted_in += len(ids)
        return len(ids)

    def _coming(self, count: int, curve: int) -> NDArray[np.int64]:
        """Return how many of those who come go to each source of a curve."""
        return self._whole(count, curve) if self._parties.share else self._share(count, curve)

    def _share(self, count: int, curve: int) -> NDArray[np.int64]:
        """Return how many go to each source of a curve, one by one."""
        parts, mine = np.zeros_like(self._given), self._of == curve
        if count:
            parts[mine] = _split(count, self._weights[mine], self._given[mine])
            self._given += parts
        return parts

    def _wait(self, people: People, t: float) -> NDArray[np.float64]:
        """Return how long people (all of them told to leave at `t`) wait for their stage, s."""
        wait = np.zeros(people.count)
        for action in self._staged:
            if action.active(t) and people.count and self._ever_open is not None:
                cost = self._finder.of(self._ever_open).cost
                cell = self.plan.grid.cell_m
                far = cost[people.group, (people.w / cell).astype(np.int64), (people.x / cell).astype(np.int64)]
                place = np.argsort(np.argsort(far, kind="stable"), kind="stable") / people.count
                place = parties.latest(people, place)
                wait += np.floor(place * action.values["stages"]) * 60.0 * action.values["minutes"]
        return wait

    def _tell(self, walkers: Walkers, going: int, curve: int, t: float, now: float) -> None:
        """Tell `going` of those of a curve who stay to leave within the time, in the order of their draws, and no party but as a whole.

        Who is still outside cannot be told: they go when they have come in.
        """
        came = self._source[walkers.people.number]
        stay = np.flatnonzero(np.isinf(walkers.people.leaves) & (self._of == curve)[came])
        first = parties.first_of(walkers.people)[stay]
        order = np.argsort(draws.uniform(self._key, first, draws.ORDER), kind="stable")
        chosen = order[:going]
        if going < len(order):
            chosen = chosen[first[chosen] != first[order[going]]]
        within = self._within_s * draws.uniform(self._key, first[chosen], draws.LEAVES)
        wait = self._wait(walkers.people.chosen(stay[chosen]), t)
        walkers.leave(stay[chosen], now + within + wait)
        self._told += np.bincount(came[stay[chosen]], minlength=len(self._told))

    def _whole(self, count: int, curve: int) -> NDArray[np.int64]:
        """Return how many go to each source of a curve in whole parties: each to the one that lacks most of its share."""
        parts, mine = np.zeros_like(self._given), np.flatnonzero(self._of == curve)
        while count:
            k = int(mine[np.argmax(self._weights[mine] * (self._given[mine].sum() + 1) - self._given[mine])])
            size = int(self._parties.sizes(k, int(self._given[k]), 1)[0])
            if size > count:
                break
            parts[k] += size
            self._given[k] += size
            count -= size
        return parts

    def _standing(self, source: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the places (count, 2) of those who are at a source at the start, and the sizes of their parties."""
        if count == 0:
            return np.zeros((0, 2)), np.zeros(0, np.int64)
        ground = self.plan.sources[source]
        at, apart = _spread(self.plan, ground, count)
        sizes, room = np.ones(count, np.int64), np.full(count, apart)
        if self._parties.share:
            if ground.shape.area:
                at = parties.one_by_one(at)
            else:
                apart = ground.shape.length / count
            sizes = self._parties.of(source, 0, parties.broken(at, apart))
            if apart > parties.NEAR_M:
                near = parties.drawn_together(at, apart, sizes)
                at = np.where(_stands(self.plan, ground, near, 1e-6)[:, None], near, at)
                room = parties.ROWS * np.where(np.repeat(sizes, sizes) > 1, parties.NEAR_M, apart)
        ids = np.arange(self.made, self.made + count, dtype=np.int64)
        turn, far = (draws.uniform(self._key, ids, purpose) for purpose in (draws.PLACE, draws.ORDER))
        to = np.column_stack([np.cos(2.0 * np.pi * turn), np.sin(2.0 * np.pi * turn)])
        moved = at + 0.5 * (room - BODIES_M)[:, None] * np.sqrt(far)[:, None] * to
        return np.where(_stands(self.plan, ground, moved)[:, None], moved, at), sizes

    def _coming_in(self, people: People, source: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return places (n, 2) for those outside a source for whom there is room, and the sizes of their parties."""
        wait = int(self.outside[source])
        if not self._parties.share:
            at = self._free_places(people, source, wait)
            if len(at) < wait:
                at = np.concatenate([at, self._between(people, source, at, wait - len(at))])
            return at, np.ones(len(at), np.int64)
        free = self._free_places(people, source, len(self._places[source]))
        ends = np.array([min(wait, len(free) + parties.MOST)])
        return parties.beside(free, self._parties.of(source, int(self._given[source]) - wait, ends))

    def _make(
        self, source: int, at: NDArray[np.float64], sizes: NDArray[np.int64], t: float, at_start: bool = False
    ) -> People:
        """Return people at (n, 2) places who come at `t`, in parties of these sizes, one after the other."""
        ids = np.arange(self.made, self.made + len(at), dtype=np.int64)
        first = self.made + np.repeat(np.cumsum(sizes) - sizes, sizes)
        together = np.repeat(sizes, sizes) > 1
        self.made += len(at)
        self._source = np.append(self._source, np.full(len(at), source))
        self.in_parties += int(together.sum())
        self.parties += int((sizes > 1).sum())
        if self._attendance:
            leaves = np.full(len(at), np.inf)
        else:
            leaves = t + (
                draws.uniform(self._key, first, draws.LEAVES) * self._within_s if at_start else np.zeros(len(at))
            )
        name = self.plan.sources[source].id
        strange = draws.uniform(self._key, first, draws.KNOWS) < self._strangers
        return People.standing(
            at,
            **draws.body(self._key, ids),
            free=draws.free_speed(self._key, ids),
            group=np.where(strange, self._finder.stranger_of[name], self._finder.group_of[name]),
            leaves=leaves,
            number=ids,
        )._replace(party=np.where(together, first, -1).astype(np.int32))

    def _free_places(self, people: People, source: int, wanted: int) -> NDArray[np.float64]:
        """Return up to `wanted` places of a source on which nobody stands, spread by the draws of those who come."""
        places = self._places[source]
        order = np.argsort(draws.uniform(self._key + self.made, np.arange(len(places)), draws.PLACE), kind="stable")
        beside = _within(people, *self._around[source])
        if not len(beside):
            return places[order[:wanted]]
        tree, found, seen = cKDTree(beside), places[:0], 0
        while len(found) < wanted and seen < len(places):
            some = places[order[seen : 2 * seen + max(FIRST_LOOK, wanted)]]
            free = some[tree.query(some, distance_upper_bound=APART_M)[0] >= APART_M]
            found, seen = np.concatenate([found, free]), seen + len(some)
        return found[:wanted]

    def _between(self, people: People, source: int, taken: NDArray[np.float64], wanted: int) -> NDArray[np.float64]:
        """Return up to `wanted` places of a source between those who stand there and places `taken`, all APART_M from one another."""
        if source not in self._finer:
            self._finer[source] = _lattice(self.plan, self.plan.sources[source], APART_M / FINER)
        places = self._finer[source]
        turn = draws.uniform(self._key + self.made, np.arange(len(places)), draws.PLACE)
        some = places[np.argsort(turn, kind="stable")[:LOOKED_AT]]
        stand = np.concatenate([_within(people, *self._around[source]), taken])
        free = some[cKDTree(stand).query(some, distance_upper_bound=APART_M)[0] >= APART_M] if len(stand) else some
        near, stays = cKDTree(free).query_pairs(APART_M, output_type="ndarray"), np.ones(len(free), bool)
        for first, second in near[np.lexsort(near.T[::-1])]:  # who comes first stays, in the order of the draws
            stays[second] &= not stays[first]
        return free[stays][:wanted]


def _within(people: People, x0: float, w0: float, x1: float, w1: float) -> NDArray[np.float64]:
    """Return where people stand (n, 2) in a box."""
    near = (people.x > x0) & (people.x < x1) & (people.w > w0) & (people.w < w1)
    return np.column_stack([people.x[near], people.w[near]])


def _places(plan: Plan, source: Source) -> NDArray[np.float64]:
    """Return places (n, 2, local) of a source on which people can appear, APART_M from one another."""
    found = _lattice(plan, source, APART_M)
    if not len(found):
        raise ScenarioError("source_small", venue=plan.id, source=source.id)
    return found


def _spread(plan: Plan, source: Source, count: int) -> tuple[NDArray[np.float64], float]:
    """Return places (count, 2, local) of a source, evenly spread, and how far apart, m; raise ScenarioError when they do not fit."""
    area = plan.free_ground(source.shape, OFF_WALL_M).area if source.shape.area else source.shape.length * APART_M
    room = int(max(MOST_AT_START * area, 1.0))
    apart = float(np.sqrt(2.0 / np.sqrt(3.0) * area / count))
    while count <= room and len(found := _lattice(plan, source, apart)) < count and apart >= BODIES_M:
        apart *= 0.99
    if count > room or apart < BODIES_M:
        raise ScenarioError("venue_too_many", venue=plan.id, source=source.id, found=count, expected=room)
    return found[np.linspace(0, len(found) - 1, count).round().astype(np.int64)], apart


def _stands(plan: Plan, source: Source, at: NDArray[np.float64], within: float = 0.0) -> NDArray[np.bool_]:
    """Return whether places (n, 2, local) lie on a source's free ground, or `within` so many metres of it."""
    ground = plan.free_ground(source.shape, OFF_WALL_M)
    return on_ground(ground, np.column_stack(plan.at(at[:, 0], at[:, 1])), within)


def on_ground(ground: shapely.Geometry, at: NDArray[np.float64], within: float) -> NDArray[np.bool_]:
    """Return whether places of the map (n, 2) lie in a shape, or `within` so many metres of it.

    Not by a buffer: one of less than a micrometre may lose parts of the shape, so large are the map's coordinates.
    """
    found = np.asarray(shapely.contains_xy(ground, at[:, 0], at[:, 1]))
    if within:
        found[~found] = shapely.dwithin(ground, shapely.points(at[~found]), within)
    return found


def _lattice(plan: Plan, source: Source, apart: float) -> NDArray[np.float64]:
    """Return a triangular lattice on a source's free ground, or even steps along its line; (n, 2) local."""
    if not source.shape.area:
        count = max(int(source.shape.length / apart), 1)
        points = source.shape.interpolate((np.arange(count) + 0.5) / count, normalized=True)
        return plan.local(shapely.get_coordinates(points))
    ground = plan.free_ground(source.shape, OFF_WALL_M)
    if ground.is_empty:
        return np.zeros((0, 2))
    west, south, east, north = ground.bounds
    rows = np.arange(south, north + 1e-9, apart * np.sqrt(3.0) / 2.0)
    points = [
        np.column_stack([x, np.full(len(x), y)])
        for k, y in enumerate(rows)
        if len(x := np.arange(west + (k % 2) * apart / 2.0, east + 1e-9, apart))
    ]
    at = np.concatenate(points)
    return plan.local(at[on_ground(ground, at, 1e-9)])


def weights_of(plan: Plan, rooms: list[int], of: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each source in the people of its curve `of`, (source,), 0 without one: by `persons_per_s` where every source of
    the curve gives it, else by its room."""
    given, weights = np.array([source.persons_per_s for source in plan.sources]), np.zeros(len(rooms))
    for mine in (of == curve for curve in range(of.max() + 1)):
        known = np.isfinite(given[mine]).all() and given[mine].sum() > 0
        weights[mine] = given[mine] if known else np.array(rooms, dtype=np.float64)[mine]
        weights[mine] /= weights[mine].sum()
    return weights


def _split(count: int, weights: NDArray[np.float64], given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `count` shared out so that what each source is `given` in all stays as near to its weight as it can."""
    lack = np.maximum(weights * (given.sum() + count) - given, 0.0)
    share = lack * (count / lack.sum()) if count and lack.sum() > 0 else np.zeros(len(weights))
    parts = np.floor(share + 1e-9).astype(np.int64)
    rest = np.argsort(parts - share, kind="stable")[: count - int(parts.sum())]
    parts[rest] += 1
    return parts
