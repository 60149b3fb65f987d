"""The plan: tasks as codes and values, never sentences; sentences come from the words catalogue.

The twin drafts and never dispatches: there is no way to make a message of status Actual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from twin.errors import ScenarioError

MODES = ("planning", "forecast", "drill")

#: From each state of a plan, the states it may go to.
STATES: Mapping[str, tuple[str, ...]] = {
    "drafted": ("approved", "refused", "superseded", "expired"),
    "approved": ("exported", "superseded", "expired"),
    "exported": ("received", "refused", "timed-out", "superseded", "expired"),
    "received": ("acknowledged", "refused", "timed-out", "superseded", "expired"),
    "acknowledged": ("done", "superseded", "expired"),
    "refused": ("superseded",),
    "timed-out": ("exported", "superseded", "expired"),
    "done": (),
    "superseded": (),
    "expired": (),
}

#: States in which a plan is not shown to others any more.
CLOSED = ("refused", "done", "superseded", "expired")


@dataclass(frozen=True)
class Task:
    """One draft task: what (code), where (place), when (window), who (unit), by when (deadline), why (trigger, evidence).

    `known` is when one can first know of it; the deadline is never before that, and `short_min` says how many minutes of the
    lead time asked for are then missing. `crew`, `crew_name`, `arrives` and `late_min` say which of the city's own crews could
    do it and whether it would be in time; without one `no_crew` says why: the city lists none for the unit ("unlisted"),
    or none can be there before the task ends ("too_late"). `probability` is the share of an ensemble's members that meet the
    trigger; None for a single run. `also` are the ids of further places that it is for: ways of one name, which `place_name` names all.
    """

    id: str
    hazard: str
    code: str
    place: str
    place_kind: str
    place_name: Mapping[str, str]
    level: str
    start: datetime
    end: datetime
    deadline: datetime
    unit: str
    trigger: Mapping[str, Any]
    evidence: Mapping[str, Any]
    crew: str | None = None
    crew_name: Mapping[str, str] | None = None
    arrives: datetime | None = None
    late_min: float | None = None
    known: datetime | None = None
    short_min: float = 0.0
    no_crew: str | None = None
    probability: float | None = None
    also: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The ids of all the places that it is for."""
        return (self.place, *self.also)


@dataclass(frozen=True)
class Alert:
    """A colour for one place, as the levels table gives it, ready for export."""

    hazard: str
    place: str
    place_kind: str
    place_name: Mapping[str, str]
    level: str
    onset: datetime
    expires: datetime
    rule: str
    threshold: float
    peak: float
    probability: float | None


@dataclass(frozen=True)
class Conflict:
    """What contradicts some tasks (their ids) at a place, from `start` on: results or tasks of `hazards`.

    `code` is "in_danger", "unknown", "ways_close", "excluded", "barred", "leaving_harms_more", "leaving_too_late" or
    "leaving_cut_off"; `level` the colour met by "in_danger", else empty; `values` the figures of the last three.
    """

    code: str
    tasks: tuple[str, ...]
    place: str
    place_name: Mapping[str, str]
    start: datetime
    hazards: tuple[str, ...]
    level: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """The whole case: its level, "I" (gravest) to "IV", None where nothing that is known reaches one; and what it affects.

    `places` counts those of each colour (a place of several hazards once) and is empty where the city has none to grade;
    `unknown` counts those of which nothing is known. `people`
    are those at classes that harm, most at one time, as they may be shown; None where no hazard counts them. The level holds
    because `met` (a colour or "people") reaches `least`; `source` says where those numbers come from. The affected range is
    `area_km2` with the names of its `blocks`, the worst first.
    """

    level: str | None
    places: Mapping[str, int]
    people: str | None
    unknown: int
    met: str | None
    least: float | None
    area_km2: float
    blocks: tuple[Mapping[str, str], ...]
    source: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """A draft for a duty officer: tasks and alerts of one run, with mode, state, the run it rests on and the event it answers.

    Each step from state to state makes another `revision`, by which one tells a plan from what it was before.
    """

    id: str
    run_id: str
    scenario: Mapping[str, str]
    city: Mapping[str, str]
    mode: str
    state: str
    made: datetime
    valid_until: datetime
    tasks: tuple[Task, ...]
    alerts: tuple[Alert, ...]
    event: Event
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    unconfirmed: tuple[str, ...] = field(default=())
    revision: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ScenarioError("plan_mode", found=self.mode, expected=MODES)
        if self.state not in STATES:
            raise ScenarioError("plan_state", found=self.state, expected=tuple(STATES))

    @property
    def message_status(self) -> str:
        """CAP status of every message made from this plan: Exercise for a drill, Draft otherwise, never Actual."""
        return "Exercise" if self.mode == "drill" else "Draft"

    def to(self, state: str) -> Plan:
        """Return the plan in its next state; raise ScenarioError for a step that is not allowed."""
        if state not in STATES[self.state]:
            raise ScenarioError("plan_step", found=f"{self.state} -> {state}", expected=STATES[self.state])
        return replace(self, state=state, revision=self.revision + 1)


def rounded(people: float) -> int | None:
    """Return a number of people to two figures as it may be shown; None for a count under 10 (rule R2)."""
    if people <= 0:
        return 0
    digits = max(0, len(str(round(people))) - 2)
    return None if people < 10 else int(round(people, -digits))


def shown(people: float) -> str:
    """Write a number of people as it may be shown: counts under 10 as `<10` (rule R2), others to two figures."""
    count = rounded(people)
    return "<10" if count is None else f"{count:,}"
