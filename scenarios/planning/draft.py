"""Draft a plan from a run: each rule of a hazard's sheet makes tasks, by the colours of places or by the rows of a table."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from scenarios.planning.conflicts import conflicts
from scenarios.planning.crews import send_crews
from scenarios.planning.joined import joined
from scenarios.runner.run import Run
from twin.bridge import plan_json
from twin.errors import ContractError
from twin.exposure import Exposure
from twin.exposure.members import LIKELY
from twin.plan import Alert, Plan, Task, shown
from twin.sheet import COLOURS, OWN_COLOUR, ROW_COLOUR, Rule, Sheet, TaskRule


def draft_plan(run: Run) -> Plan:
    """Return the draft plan of a run; its id is the hash of what it says, so the same run gives the same plan."""
    case = run.case
    clock = case.clock
    issued = clock.start.astimezone(UTC)
    tasks: list[Task] = []
    for hazard in run.hazards:
        sheet = run.sheet(hazard)
        found = _Findings(run.exposure[hazard], sheet, issued, _events(run, sheet, issued))
        for rule in sheet.tasks:
            tasks += _from_table(found, rule, run) if rule.table else _tasks(found, rule)
    rules = {(h, r.code): r for h in run.hazards for r in run.sheet(h).tasks}
    own = [places.set_index("id").geometry for h in run.hazards if (places := run.places_of(h)) is not None]
    tasks = joined(once(uncovered(tasks, rules)), rules, case.city)
    tasks = send_crews(case.city, tasks, issued, rules, {str(k): v for part in own for k, v in part.items()})
    ranks = {key: k for k, key in enumerate(rules)}

    def gravest_first(task: Task) -> tuple[datetime, int, int, str]:
        return task.deadline, -COLOURS.index(task.level), ranks[task.hazard, task.code], task.place

    tasks = [replace(task, id=f"T{k + 1:03d}") for k, task in enumerate(sorted(tasks, key=gravest_first))]
    levels = run.levels
    alerts = tuple(_alert(row) for row in levels.to_dict("records"))
    end = max([issued + timedelta(seconds=clock.duration_s), *(t.end for t in tasks), *(a.expires for a in alerts)])
    still = int(levels["open_end"].sum())
    notes = [*run.notes, ("still_standing", {"count": still})] if still else run.notes
    unconfirmed = tuple(str(values["formula"]) for code, values in run.notes if code == "formula_unconfirmed")
    plan = Plan(
        id="",
        run_id=run.id,
        scenario=case.scenario.name.model_dump(),
        city={"id": case.city.id, "zh": case.city.name_zh, "en": case.city.name_en},
        mode=case.scenario.mode,
        state="drafted",
        made=issued,
        valid_until=end,
        tasks=tuple(tasks),
        alerts=alerts,
        event=run.event,
        conflicts=conflicts(case.city, tasks, rules, {h: (run.sheet(h), run.exposure[h]) for h in run.hazards}),
        notes=tuple(notes),
        unconfirmed=unconfirmed,
    )
    said = json.dumps(plan_json.to_dict(plan), sort_keys=True, ensure_ascii=False)
    return replace(plan, id=f"P{hashlib.sha256(said.encode()).hexdigest()[:12]}")


def once(tasks: list[Task]) -> list[Task]:
    """Return the tasks with what several hazards ask of one unit at one place told once: by the earliest, to the latest end."""
    kept: list[Task] = []
    for task in sorted(tasks, key=lambda t: (t.deadline, t.hazard)):
        asked = (task.code, task.place, task.unit)
        same = next(
            (k for k, t in enumerate(kept) if (t.code, t.place, t.unit) == asked and t.hazard != task.hazard), None
        )
        if same is None:
            kept.append(task)
        else:
            kept[same] = replace(kept[same], end=max(kept[same].end, task.end))
    return kept


def uncovered(tasks: list[Task], rules: Mapping[tuple[str, str], TaskRule]) -> list[Task]:
    """Return the tasks without those that another one of the same hazard covers at the same place; it takes their window in."""
    kept = dict(enumerate(tasks))
    covering = {(t.hazard, code, t.place): k for k, t in kept.items() for code in rules[t.hazard, t.code].covers}
    for k, task in enumerate(tasks):
        if (by := covering.get((task.hazard, task.code, task.place))) is None:
            continue
        del kept[k]
        one = kept[by]
        first = min(one, task, key=lambda t: t.deadline)
        kept[by] = replace(
            first,
            code=one.code,
            level=max(one.level, task.level, key=COLOURS.index),
            end=max(one.end, task.end),
            trigger=one.trigger,
            evidence={
                **one.evidence,
                "open_end": bool(one.evidence.get("open_end") or task.evidence.get("open_end")),
            },
            probability=one.probability,
        )
    return list(kept.values())


@dataclass(frozen=True)
class _Findings:
    """What one hazard's tasks are drawn from: its exposure and sheet, the plan's time and when each event begins."""

    exposure: Exposure
    sheet: Sheet
    issued: datetime
    events: tuple[tuple[datetime, datetime], ...]

    def known(self, first: datetime) -> datetime:
        """Return when one can know that a threshold is met at `first`: from the plan on, and not before an event is known.

        What an event adds at a place is not told apart from the rest, so every event that begins before `first` counts.
        """
        return max([self.issued, *(known for begins, known in self.events if begins <= first)])


def _events(run: Run, sheet: Sheet, issued: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return when each event of a run begins and when it is known: the scenario's, and what befell the city within the model.

    The latter stand in its table `events`: `begins_s`, and `known_s` where an event is not known at once (a source that detectors
    tell of). An event whose values change in time is written as several actions in one place.
    """
    begins: dict[tuple[str, str], float] = {}
    for action in run.case.actions_of(sheet.id):
        if (measure := sheet.measures.get(action.kind)) is not None and measure.event:
            key = (action.kind, action.place)
            begins[key] = min(action.start_s, begins.get(key, action.start_s))
    if (befell := run.tables_of(sheet.id).get("events")) is not None:
        begins |= {("", str(row.id)): float(row.begins_s) for row in befell.itertuples()}
    known = dict(begins)
    if befell is not None and "known_s" in befell:
        known |= {("", str(row.id)): float(row.known_s) for row in befell.itertuples()}
    # A threshold's moment lies on a line between output times, so that it may be told up to a step before the event.
    step = run.case.clock.step_s
    return tuple(
        (issued + timedelta(seconds=step * math.floor(s / step)), issued + timedelta(seconds=known[key]))
        for key, s in begins.items()
    )


def _tasks(found: _Findings, rule: TaskRule) -> list[Task]:
    if rule.near is not None:
        return _near_tasks(found, rule)
    places, colour = found.exposure.places, found.sheet.colour_of(rule)
    reached = places[(places["kind"] == rule.place) & places[f"first_{colour}"].notna()]
    return [_task(found, rule, place, place, colour) for place in reached.to_dict("records")]


def _near_tasks(found: _Findings, rule: TaskRule) -> list[Task]:
    """Return one task per needed place: the nearest one that reaches no colour to each place that calls for it.

    A place of which nothing is known is not taken, nor one that reaches a colour in any member of an ensemble.
    """
    near: dict[str, Any] = dict(rule.near or {})
    all_places = found.exposure.places
    callers = all_places[(all_places["kind"] == near["place"]) & all_places[f"first_{near['at']}"].notna()]
    spared = all_places[f"first_{COLOURS[0]}"].isna()
    if (share := f"share_{COLOURS[0]}") in all_places:
        spared &= all_places[share] == 0.0
    free = all_places[(all_places["kind"] == rule.place) & spared & all_places["known"] & all_places["whole"]]
    chosen: dict[str, Task] = {}
    for caller in callers.to_dict("records"):
        distance = free.geometry.distance(caller["geometry"])
        if not len(distance) or distance.min() > near["within_m"]:
            continue
        place = free.loc[distance.idxmin()].to_dict()
        task = _task(found, rule, place, caller, near["at"])
        if place["id"] not in chosen or task.deadline < chosen[place["id"]].deadline:
            chosen[place["id"]] = task
    return list(chosen.values())


def _task(found: _Findings, rule: TaskRule, place: dict[str, Any], why: dict[str, Any], colour: str) -> Task:
    """Return the task at `place` because of what `why` (the same place, or one it serves) reaches.

    It is to be done the rule's lead time before the threshold is met, but never before one can know. It ends at the first
    whole minute from which the value stays below the threshold: for a closed place, its reopening. A place that stands
    above it when the run ends has no known end: the task lasts at least to there (`open_end`).
    """
    sheet = found.sheet
    first, last = _aware(why[f"first_{colour}"]), _aware(why[f"last_{colour}"])
    asked, known = first - timedelta(minutes=rule.before_min), found.known(first)
    deadline = max(asked, known)
    at = sheet.rules[why["kind"]]
    bound = at.threshold(colour)
    reached = [c for c in COLOURS if pd.notna(why[f"first_{c}"])]
    return Task(
        id="",
        hazard=sheet.id,
        code=rule.code,
        place=place["id"],
        place_kind=place["kind"],
        place_name={"zh": place["name_zh"], "en": place["name_en"]},
        level=reached[-1],
        start=deadline,
        end=last,
        deadline=deadline,
        known=known,
        short_min=(deadline - asked).total_seconds() / 60.0,
        unit=rule.unit,
        trigger={
            "variable": at.variable,
            "at": why["id"],
            "threshold": bound,
            "unit": at.unit,
            "level": colour,
        },
        evidence={
            "peak": round(float(why["peak"]), 3),
            "peak_time": _aware(why["peak_time"]).isoformat(),
            "first": first.isoformat(),
            "last": last.isoformat(),
            "open_end": _stands(found.exposure, why["id"], at, bound),
            "rule": f"{sheet.kind}/{why['kind']}@{sheet.rules_version}",
        },
        probability=why.get(f"share_{colour}"),
    )


def _stands(exposure: Exposure, place: str, rule: Rule, bound: float) -> bool:
    """Return whether a place still stands at or beyond `bound` when the run ends."""
    at_end = exposure.series.values[-1][exposure.series["place"].values == place]
    return bool((at_end * rule.sign >= bound * rule.sign).any())


def _from_table(found: _Findings, rule: TaskRule, run: Run) -> list[Task]:
    """Return one task per row of a table of the model whose columns hold what the rule asks for.

    The row's other figures are the task's evidence; a column `people` holds a number of people. A moment that is not known
    (NaN) makes no task. What a row rests on cannot be known before its `rests_on_s`, where it has one; its `lead_s`, where it has
    one, stands for the rule's lead time. A row without `until_s` has no known end: the task lasts at least to its `by_s`, and where
    `until_s` is not known (NaN) at least to the end of the run (both `open_end`). Of an ensemble, a place has a task where at least
    half of the members have such a row.
    Raises ContractError when the model gave no such table, or one without the columns asked for.
    """
    members, wanted = run.case.scenario.ensemble.members, ["id", "by_s", *rule.where]
    single = run.tables_of(found.sheet.id).get(rule.table)
    table = single if members == 1 else run.members_table(found.sheet.id, rule.table)
    if table is None or not set(wanted) <= set(table.columns):
        columns = sorted(run.tables_of(found.sheet.id)) if table is None else list(table.columns)
        hazard = found.sheet.name
        raise ContractError("table_missing", hazard=hazard, name=rule.table, found=columns, expected=wanted)
    rows = table[(table[list(rule.where)] == pd.Series(dict(rule.where))).all(axis=1) & table["by_s"].notna()]
    rows = rows if members == 1 else _likely_rows(rows, members)
    graded = found.exposure.places.set_index("id")
    tasks = []
    for row in rows.to_dict("records"):
        place, by = str(row["id"]), found.issued + timedelta(seconds=float(row["by_s"]))
        lead = row.get("lead_s")
        asked = by - (timedelta(minutes=rule.before_min) if pd.isna(lead) else timedelta(seconds=float(lead)))
        known = found.known(by)
        if pd.notna(row.get("rests_on_s")):
            known = max(known, found.issued + timedelta(seconds=float(row["rests_on_s"])))
        deadline = max(asked, known)
        until = row.get("until_s")
        endless = until is None or pd.isna(until)
        last = run.case.clock.duration_s if endless else float(until)
        end = by if "until_s" not in row else found.issued + timedelta(seconds=last)
        own = graded.loc[place] if place in graded.index else None
        name = run.case.city.place_name(place)
        tasks.append(
            Task(
                id="",
                hazard=found.sheet.id,
                code=rule.code,
                place=place,
                place_kind=rule.place if own is None else str(own["kind"]),
                place_name=name if own is None else {"zh": own["name_zh"], "en": own["name_en"]},
                level=_level(rule, row, own),
                start=deadline,
                end=max(end, deadline),
                deadline=deadline,
                known=known,
                short_min=(deadline - asked).total_seconds() / 60.0,
                unit=rule.unit,
                trigger={"table": rule.table, "at": place, **rule.where},
                evidence={
                    k: _told(k, v)
                    for k, v in row.items()
                    if k not in ("id", "probability", "rests_on_s", "lead_s", "level")
                }
                | {"open_end": endless, "by": by.isoformat()},
                probability=row.get("probability"),
            )
        )
    return tasks


def _level(rule: TaskRule, row: dict[str, Any], place: Any) -> str:
    """Return the colour in which the task of a row is told."""
    if rule.level == ROW_COLOUR:
        return str(row["level"])
    return _worst(place) if rule.level == OWN_COLOUR else rule.level


def _worst(place: Any) -> str:
    """Return the worst colour that a place reaches, the mildest where it reaches none or nothing is known of it."""
    reached = [] if place is None else [c for c in COLOURS if pd.notna(place[f"first_{c}"])]
    return reached[-1] if reached else COLOURS[0]


def _likely_rows(rows: pd.DataFrame, members: int) -> pd.DataFrame:
    """Return one row per place that at least half of the members have a row of, with their share as `probability`.

    Its moments are medians, of two middle ones the earlier `by_s` and the later `until_s`, where one that is not known is later
    than all; its other figures those of the first member that has it.
    """
    groups = rows.groupby("id", sort=False)
    one = rows.drop_duplicates("id").set_index("id").drop(columns="member")
    one["by_s"] = groups["by_s"].quantile(0.5, interpolation="lower")
    if "until_s" in one:
        until = rows["until_s"].fillna(np.inf).groupby(rows["id"], sort=False)
        one["until_s"] = until.quantile(0.5, interpolation="higher").replace(np.inf, np.nan)
    one["probability"] = groups["member"].nunique() / members
    return one[one["probability"] >= LIKELY].reset_index()


def _told(column: str, value: Any) -> Any:
    """Return a figure of a row as it may be told: None where it is not known, a number of `people` by rule R2."""
    if pd.isna(value):
        return None
    return shown(float(value)) if column == "people" else value


def _alert(row: dict[str, Any]) -> Alert:
    return Alert(
        hazard=row["hazard"],
        place=row["place"],
        place_kind=row["kind"],
        place_name={"zh": row["name_zh"], "en": row["name_en"]},
        level=row["level"],
        onset=_aware(row["reached"]),
        expires=_aware(row["expires"]),
        rule=row["rule"],
        threshold=float(row["threshold"]),
        peak=float(row["peak"]),
        probability=None if row["probability"] is None or pd.isna(row["probability"]) else float(row["probability"]),
    )


def _aware(stamp: Any) -> datetime:
    moment: datetime = pd.Timestamp(stamp).tz_localize("UTC").to_pydatetime()
    return moment
