"""Who comes into a district and who is told to go, as numbers of people: the density form of `people.arrivals`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evacuation.crowd.district.handover import FILLED
from evacuation.crowd.district.singles import Singles
from evacuation.crowd.district.stream import Stream
from evacuation.crowd.people.arrivals import weights_of
from evacuation.crowd.people.attendance import Attendance
from evacuation.crowd.venue.plan import Plan
from twin.errors import ScenarioError
from twin.hazard import Action

#: So much of the smaller one of two sources may lie on the other when they have two curves of an attendance.
TWICE = 0.1

#: Most persons/m2 at the start: more than this nobody moves (Weidmann 1993).
MOST_AT_START = 5.4


class Inflow:
    """Brings people to the sources of a plan. `outside` (source,) wait for room; `made` have come in, `skipped` were not brought, and live
    counts have added `counted_in` and taken away `counted_out`.

    With an attendance those present stay until their curve of it falls, and then so many leave within `within_s`; without, `persons` are
    there at the start and leave within `within_s`, and `per_s` come and walk on at once. A source has its `persons_per_s` as its part of
    those who come by its curve where all have one, else that of its ground. The share `strangers` of all knows only the way it came in.
    Who stays counts as from the source with a curve whose ground is nearest: a density does not know whence its people came.
    """

    def __init__(
        self, stream: Stream, attendance: Attendance | None, persons: int, per_s: float, within_s: float,
        actions: tuple[Action, ...] = (), kept: Mapping[str, NDArray[Any]] | None = None, strangers: float = 0.0,
    ) -> None:  # fmt: skip
        self._skips = [a for a in actions if a.kind == "skip_stop"]
        self._staged = [a for a in actions if a.kind == "staged_end"]
        self._sources = np.array([source.id for source in stream.plan.sources])
        self._attendance, self._persons, self._per_s, self._within_s = attendance, persons, per_s, within_s
        plan, finder = stream.plan, stream.finder
        self._cells = [np.nonzero(finder.cells_of(s.shape) & finder.walkable) for s in plan.sources]
        known, strange = ([of[s.id] for s in plan.sources] for of in (finder.group_of, finder.stranger_of))
        self._groups = ((known, 1.0 - strangers), (strange, strangers))
        #: the curve of each source, and of those who stay on each cell (ny, nx)
        self._of = attendance.of if attendance else np.zeros(len(plan.sources), np.int64)
        self._curve_at = self._nearest(plan, finder.walkable.shape)
        self._weights = weights_of(plan, [len(cells[0]) for cells in self._cells], self._of)
        kept = kept or {}
        #: by source: who is outside, who has come or was to come, who was told to leave, and the part of a single person who is told next
        by_source = kept.get("inflow_by_source", np.zeros((4, len(plan.sources)))).copy()
        self.outside, self._given, self._told, self._part = by_source
        numbers = kept.get("inflow_numbers", np.zeros(4))
        self.made, self.skipped, self.counted_in, self.counted_out = (float(v) for v in numbers)
        #: (persons a second, seconds left, seconds to wait, the first source of their curve)
        self._going = kept.get("inflow_going", np.zeros((0, 4))).copy()

    def record(self) -> dict[str, NDArray[Any]]:
        """Return what the next part of the run must know."""
        by_source = np.stack([self.outside, self._given, self._told, self._part])
        numbers = np.array([self.made, self.skipped, self.counted_in, self.counted_out])
        return {"inflow_by_source": by_source, "inflow_numbers": numbers, "inflow_going": self._going}

    def _nearest(self, plan: Plan, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the curve of the nearest source that has one, by cell; raise ScenarioError for sources of two curves on one another."""
        if self._of.max() == 0:
            return np.zeros(shape, np.int64)
        ground = np.full(shape, -1)
        for k in np.flatnonzero(self._of >= 0):
            cells = self._cells[k]
            for other, both in zip(*np.unique(ground[cells], return_counts=True), strict=True):
                less = min(len(cells[0]), len(self._cells[other][0]))
                if other >= 0 and self._of[other] != self._of[k] and both > TWICE * less:
                    ids = [plan.sources[i].id for i in (other, k)]
                    raise ScenarioError("attendance_mixed", venue=plan.id, sources=ids)
            ground[cells] = np.where(ground[cells] < 0, k, ground[cells])
        nearest = ndimage.distance_transform_edt(ground < 0, return_distances=False, return_indices=True)
        return np.asarray(self._of[ground[tuple(nearest)]])

    def at_start(self, stream: Stream) -> None:
        """Put those there who are there when the run begins; raise ScenarioError when they are more than fit."""
        asked = self._attendance.at(0.0) if self._attendance else np.array([self._persons])
        shares = asked[self._of] * self._weights
        for k, (share, cells) in enumerate(zip(shares, self._cells, strict=True)):
            area = len(cells[0]) * stream.cell**2
            if share > MOST_AT_START * area:
                source, room = stream.plan.sources[k].id, int(MOST_AT_START * area)
                raise ScenarioError(
                    "venue_too_many", venue=stream.plan.id, source=source, found=round(share), expected=room
                )
            density = share / area if area > 0.0 else 0.0
            for group, part in self._groups:
                stream.staying[group[k]][cells] += part * density
        self.made += float(asked.sum())
        self._given += shares
        if self._persons and not self._attendance:
            self._go(float(self._persons), 0, 0.0)

    def step(self, stream: Stream, singles: Singles, t: float, now: float) -> None:
        """Bring in who comes in the second after `t`, s on the clock (`now` since the first run began), and tell who goes to leave."""
        coming = np.full(1, self._per_s)
        if self._attendance:
            here = self._given - self._told
            change = np.array([asked - here[self._of == c].sum() for c, asked in enumerate(self._attendance.at(t))])
            for curve in np.flatnonzero(change < 0.0):
                self._go(-float(change[curve]), int(curve), t)
            coming = np.maximum(change, 0.0)
        self._leave(stream, singles, now)
        comes = coming[self._of] * self._weights
        self._given += comes
        for action in self._skips:
            if action.active(t):
                skips = self._sources == action.place
                self.skipped += float(comes[skips].sum())
                comes = np.where(skips, 0.0, comes)
        self.outside += comes
        total = stream.total
        for k in np.flatnonzero(self.outside > 0.0):
            cells = self._cells[k]
            room = np.maximum(FILLED - total[cells], 0.0) * stream.cell**2
            come = min(float(self.outside[k]), float(room.sum()))
            if come > 0.0:
                into = stream.staying if self._attendance else stream.walking
                for group, part in self._groups:
                    into[group[k]][cells] += part * come * room / room.sum() / stream.cell**2
                self.outside[k] -= come
                self.made += come

    def correct(self, stream: Stream, cells: NDArray[np.int64], count: float) -> float:
        """Add `count` people on cells (places in a field laid out in one row; below 0: take them away); return how many it could be.

        Who is added goes where and when those go who are there (or anywhere, where nobody is); nobody is added beyond FILLED.
        """
        where = cells[stream.finder.walkable.ravel()[cells]]
        fields = [field.reshape(len(field), -1) for field in (stream.walking, stream.staying)]
        area = stream.cell**2
        here = sum(float(field[:, where].sum()) for field in fields) * area
        if count < 0.0:
            gone = min(-count, here)
            for field in fields:
                field[:, where] *= 1.0 - gone / here if here else 1.0
            self.counted_out += gone
            return -gone
        mix = np.stack([(field[:, where] if here else field).sum(axis=1) for field in fields])
        room = np.maximum(FILLED - stream.total.ravel()[where], 0.0) * area
        come = min(count, float(room.sum()))
        if come <= 0.0 or mix.sum() <= 0.0:
            return 0.0
        for field, share in zip(fields, mix / mix.sum(), strict=True):
            field[:, where] += share[:, None] * come * room / room.sum() / area
        self.counted_in += come
        return come

    def _go(self, persons: float, curve: int, t: float) -> None:
        """Tell so many of those of a curve who stay to leave, evenly over the time, in stages where a measure says so; those outside go
        when they have come in."""
        mine = np.flatnonzero(self._of == curve)
        here = self._given[mine] - self._told[mine]
        self._told[mine] += persons * here / here.sum()
        seconds, waits = max(self._within_s, 1.0), [0.0]
        for action in (a for a in self._staged if a.active(t)):
            stages = int(action.values["stages"])
            waits = [w + 60.0 * action.values["minutes"] * k for w in waits for k in range(stages)]
        rows = [[persons / len(waits) / seconds, seconds, wait, mine[0]] for wait in waits]
        self._going = np.concatenate([self._going, rows])

    def _leave(self, stream: Stream, singles: Singles, now: float) -> None:
        """Let those walk off whose second it is, from wherever people of their curve stay."""
        waits = self._going[:, 2] > 0.0
        part = np.where(waits, 0.0, np.minimum(self._going[:, 1], 1.0))
        of_row = np.maximum(
            self._of[self._going[:, 3].astype(np.int64)], 0
        )  # told by a curve that a run which goes on has not
        for curve in range(self._of.max() + 1):
            rows, first = of_row == curve, int(np.argmax(self._of == curve))
            if not rows.any() and not self._part[first]:
                continue
            on = self._curve_at == curve
            stay = float((stream.staying * on).sum()) * stream.cell**2 + singles.staying(on)
            wanted = float((self._going[rows, 0] * part[rows]).sum())
            if not singles.stay(on):  # nobody whole is left to be told next: others are told instead
                wanted, self._part[first] = wanted + self._part[first], 0.0
            gone = min(wanted, stay)
            if gone > 0.0:
                share = min(gone / stay, 1.0)
                moved = stream.staying * (on * share)
                stream.walking += moved
                stream.staying -= moved
                self._part[first] = singles.tell(share, on, self._part[first], now)
            part[rows] *= gone / wanted if wanted > 0.0 else 1.0
        self._going[:, 1] -= part
        self._going[:, 2] -= waits
        self._going = self._going[self._going[:, 1] > 1e-9]
