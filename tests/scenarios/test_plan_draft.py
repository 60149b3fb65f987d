"""The draft plan: deadlines that can be kept, crews that are sent only where they are of use, how both are told."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import scenarios as sc
from scenarios.case.hazards import sheet
from scenarios.cli import app
from scenarios.planning.crews import send_crews
from scenarios.planning.draft import _Findings, _from_table
from twin import phrases
from twin.city import City
from twin.clock import Clock
from twin.plan import Task
from twin.sheet import TaskRule

START = datetime(2026, 6, 20, 10, tzinfo=UTC)
RULE = TaskRule("look", "drain_crew", before_min=30, setup_min=5, place="underpass", at="blue")


def task(place: str, deadline_min: float, end_min: float, unit: str = "drain_crew", *, open_end: bool = False) -> Task:
    deadline, end = (START + timedelta(minutes=m) for m in (deadline_min, end_min))
    return Task(
        id="", hazard="toy", code="look", place=place, place_kind="underpass", place_name={}, level="blue",
        start=deadline, end=end, deadline=deadline, unit=unit, trigger={}, evidence={"open_end": open_end},
    )  # fmt: skip


def sent(city: City, *tasks: Task) -> list[Task]:
    return send_crews(city, list(tasks), START, {("toy", "look"): RULE})


def test_a_task_that_is_over_before_its_crew_is_there_holds_no_crew(small_city: City) -> None:
    """One drainage crew, half a kilometre from the underpass: about 70 s of way and 5 min to set up."""
    early, later = sent(small_city, task("u1", 0, 5), task("u1", 30, 60))
    assert (early.crew, early.arrives, early.late_min, early.no_crew) == (None, None, None, "too_late")
    assert (later.crew, later.late_min, later.no_crew) == ("drain-1-1", 0.0, None)


def test_a_task_whose_crew_is_busy_to_its_end_is_kept_without_crew(small_city: City) -> None:
    first, second, third = sent(small_city, task("u1", 0, 90), task("h1", 10, 80), task("h1", 95, 120))
    assert first.crew == third.crew == "drain-1-1" and third.late_min == pytest.approx(2, abs=2)
    assert second.crew is None and second.no_crew == "too_late"


def test_a_crew_at_a_place_that_stays_wet_is_not_free_again(small_city: City) -> None:
    first, second = sent(small_city, task("u1", 0, 60, open_end=True), task("h1", 90, 180))
    assert first.crew == "drain-1-1" and (second.crew, second.no_crew) == (None, "too_late")


def test_of_tasks_that_wait_for_one_crew_the_worst_colour_comes_first(small_city: City) -> None:
    """A blue task has the crew; a yellow one that waits longer and has the earlier deadline stands back behind a red one."""
    first, yellow, red = (task("r2", 20, 40), task("r3", 30, 70), task("r1", 45, 70))
    later = [START + timedelta(minutes=m) for m in (2, 5)]
    tasks = (first, replace(yellow, level="yellow", known=later[0]), replace(red, level="red", known=later[1]))
    done = sent(small_city, *tasks)
    assert [t.crew for t in done] == ["drain-1-1", None, "drain-1-1"]
    alone = sent(small_city, *tasks[:2])
    assert [t.crew for t in alone] == ["drain-1-1", "drain-1-1"]


def test_an_event_that_is_known_later_than_it_begins_counts_from_then() -> None:
    """Gas is let go at minute 3 and found out at minute 20: what it does at minute 5 is known at 20, what is there before at once."""
    begins, found_out = START + timedelta(minutes=3), START + timedelta(minutes=20)
    found = _Findings(None, None, START, ((begins, found_out),))
    assert found.known(START + timedelta(minutes=2)) == START
    assert found.known(START + timedelta(minutes=5)) == found_out


def test_a_unit_without_crews_is_told_apart(small_city: City) -> None:
    (only,) = sent(small_city, task("u1", 30, 60, unit="divers"))
    assert only.no_crew == "unlisted"
    assert phrases.crew(only, "en") == "no crew listed" and phrases.lateness(only, "zh") == ""


@given(st.lists(st.tuples(st.integers(-30, 200), st.integers(1, 120), st.booleans()), max_size=8))
def test_a_crew_is_ready_before_the_end_and_in_one_place_at_a_time(
    small_city: City, spans: list[tuple[int, int, bool]]
) -> None:
    tasks = [task(("u1", "h1")[k % 2], d, d + long, open_end=o) for k, (d, long, o) in enumerate(spans)]
    done = sorted((t for t in sent(small_city, *tasks) if t.crew), key=lambda t: t.arrives)
    assert all(t.arrives > START and (t.arrives < t.end or t.evidence["open_end"]) for t in done)
    for one, following in pairwise(done):
        assert one.end <= following.arrives and not one.evidence["open_end"]


def test_a_task_whose_end_is_not_known_gets_a_late_crew_rather_than_none(small_city: City) -> None:
    """A crew is on its way 70 s and sets up for 5 min: what is over before gets none, what has no known end gets it, late."""
    over, endless = (sent(small_city, task("u1", 2, 2, open_end=o))[0] for o in (False, True))
    assert (over.crew, over.no_crew) == (None, "too_late")
    assert (endless.crew, endless.no_crew) == ("drain-1-1", None) and endless.late_min == pytest.approx(4.2, abs=1.0)


def test_no_deadline_lies_before_the_plan_and_what_is_missing_is_told(storm: Path) -> None:
    run = sc.run(sc.load(storm))
    plan = sc.draft_plan(run)
    rules = {rule.code: rule for rule in run.sheet("flood").tasks}
    assert any(t.short_min for t in plan.tasks) and any(not t.short_min for t in plan.tasks)
    for t in plan.tasks:
        lead = (datetime.fromisoformat(t.evidence["first"]) - t.deadline).total_seconds() / 60.0
        assert plan.made == t.known <= t.deadline and lead + t.short_min == rules[t.code].before_min
        assert t.arrives is None or (plan.made < t.arrives and (t.arrives < t.end or t.evidence["open_end"]))


def test_nothing_is_asked_for_before_an_event_that_nobody_knows_of(storm: Path) -> None:
    """A main bursts at 18:20 beside the underpass; its flow changes at 18:40, which is no new event."""
    pour = {"kind": "inflow", "place": "u1"}
    burst = [
        {**pour, "start": "18:20", "end": "18:40", "values": {"m3_s": 3.0}},
        {**pour, "start": "18:40", "values": {"m3_s": 1.0}},
    ]
    case = sc.load(storm).with_changes(forcing={"rain": {"mm_h": 1.0, "hours": 1}}, measures=burst)
    plan = sc.draft_plan(sc.run(case))
    event = plan.made + timedelta(minutes=20)
    mine = [t for t in plan.tasks if t.place == "u1"]
    assert {"close_underpass", "watch_underpass"} <= {t.code for t in mine}
    assert all(t.known == event <= t.deadline and t.short_min > 0 for t in mine)
    assert all(t.arrives > event for t in mine if t.arrives)


@pytest.mark.parametrize(
    ("minutes", "zh", "en"),
    [(0.1, "1分钟", "1 min"), (120, "120分钟", "120 min"), (187.4, "3小时8分钟", "3 h 8 min")],
)
def test_a_span_is_told_in_whole_minutes_and_above_two_hours_in_hours(minutes: float, zh: str, en: str) -> None:
    assert (phrases.span(minutes, "zh"), phrases.span(minutes, "en")) == (zh, en)


@pytest.mark.parametrize(("lang", "words"), [("zh", ("提前量缺", "分钟")), ("en", ("of lead time missing", " min"))])
def test_the_command_line_prints_the_plan_in_the_words_of_the_session(
    storm: Path, lang: str, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sc.run(sc.load(storm))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setitem(os.environ, "ANLAN_LANG", lang)
    shown = CliRunner().invoke(app, ["plan", "draft"])
    assert shown.exit_code == 0 and all(word in shown.output for word in words)
    assert lang == "en" or " min" not in shown.output


@pytest.mark.parametrize(
    ("until", "end_min", "open_end"),
    [
        ([1800.0], 30, False),
        ([None], 60, True),
        (None, 10, True),
        ([1800.0, None], 60, True),
        ([1800.0, 2400.0], 40, False),
    ],
)
def test_a_row_without_an_end_makes_a_task_whose_end_is_open(
    small_city: City, until: list[float | None] | None, end_min: int, open_end: bool
) -> None:
    """One that is not known lies beyond the run's end. Of an ensemble an end that one of two members does not know is not known: of
    two middle ones the later counts."""
    members = len(until or [None])
    table = pd.DataFrame({"id": "u1", "by_s": 600.0, "member": range(members)})
    if until is not None:
        table["until_s"] = np.array(until, float)
    scenario = SimpleNamespace(ensemble=SimpleNamespace(members=members))
    run: Any = SimpleNamespace(
        case=SimpleNamespace(scenario=scenario, city=small_city, clock=Clock(START, 3600.0, 600.0)),
        tables_of=lambda hazard: {"rows": table},
        members_table=lambda hazard, name: table,
    )
    exposure: Any = SimpleNamespace(places=pd.DataFrame({"id": [], "kind": []}))
    rule = TaskRule(code="x", unit="drain_crew", before_min=5, setup_min=1, level="red", table="rows")
    (one,) = _from_table(_Findings(exposure, sheet("flood"), START, ()), rule, run)
    assert one.end == START + timedelta(minutes=end_min) and one.evidence["open_end"] is open_end


@pytest.mark.parametrize(("lead", "minute"), [(None, 5), (np.nan, 5), (480.0, 2), (6000.0, 0)])
def test_a_row_may_say_how_long_before_its_moment_it_is_told(small_city: City, lead: float | None, minute: int) -> None:
    """Ten minutes on, the rule's five minutes before, or the row's own time before; never before it is known."""
    table = pd.DataFrame({"id": ["u1"], "by_s": 600.0} | ({} if lead is None else {"lead_s": lead}))
    scenario = SimpleNamespace(ensemble=SimpleNamespace(members=1))
    run: Any = SimpleNamespace(
        case=SimpleNamespace(scenario=scenario, city=small_city, clock=Clock(START, 3600.0, 600.0)),
        tables_of=lambda hazard: {"rows": table},
    )
    exposure: Any = SimpleNamespace(places=pd.DataFrame({"id": [], "kind": []}))
    rule = TaskRule(code="x", unit="drain_crew", before_min=5, setup_min=1, level="red", table="rows")
    (one,) = _from_table(_Findings(exposure, sheet("flood"), START, ()), rule, run)
    assert one.deadline == START + timedelta(minutes=minute) and "lead_s" not in one.evidence
    assert one.deadline - timedelta(minutes=one.short_min) == START + timedelta(
        seconds=600.0 - (lead if lead and lead > 0 else 300.0)
    )
