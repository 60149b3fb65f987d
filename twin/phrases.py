"""Phrases put together from values, the same on the page, in the panel and on the command line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twin.plan import Alert, Conflict, Plan, Task
from twin.sheet import Sheet, kind_of
from twin.units import quantity
from twin.words import Word, has, say, written

MOST_MINUTES = 120  # a longer span is told in hours and minutes


def span(minutes: float, lang: str) -> str:
    """Return a span of time in whole minutes, rounded up; above two hours in hours and minutes."""
    whole = math.ceil(minutes)
    if whole <= MOST_MINUTES:
        return say("span.minutes", lang=lang, minutes=whole)
    return say("span.hours", lang=lang, hours=whole // 60, minutes=whole % 60)


def stamp(plan: Plan, lang: str) -> str:
    """Return what a plan is: an exercise, a draft that needs approval, or approved."""
    approved = plan.message_status == "Draft" and plan.state not in ("drafted", "refused", "superseded", "expired")
    return say(f"report.stamp.{'approved' if approved else plan.message_status}", lang=lang)


def crew(task: Task, lang: str) -> str:
    """Return which crew could do a task, or why none does."""
    if task.crew_name is None:
        return say(f"report.no_crew.{task.no_crew or 'unlisted'}", lang=lang)
    return task.crew_name[lang]


def lateness(task: Task, lang: str) -> str:
    """Return whether the crew of a task is in time; empty for a task without one."""
    if task.crew_name is None:
        return ""
    if not task.late_min:
        return say("report.in_time", lang=lang)
    return say("report.late_by", lang=lang, span=span(task.late_min, lang))


def missing_lead(task: Task, lang: str) -> str:
    """Return how much of the lead time asked for is not there, empty where all of it is."""
    return say("report.short_by", lang=lang, span=span(task.short_min, lang)) if task.short_min else ""


def closed(minutes: int, spells: int, lang: str, *, still: bool = False) -> str:
    """Return how long a place is closed, in minutes, and in how many spells where there are several."""
    text = f"{'≥ ' if still else ''}{minutes}"
    return text if spells == 1 else f"{text} ({say('report.in_spells', lang=lang, count=spells)})"


def rule(sheet: Sheet, kind: str, threshold: float, lang: str) -> str:
    """Return by which rule a place of a kind has its colour: what is looked at, the threshold met, the rules' version."""
    rule = sheet.rules[kind]
    return say(
        "report.rule_says",
        lang=lang,
        kind=say(f"place.{kind}", lang=lang),
        statistic=say(f"statistic.{sheet.kind}.{rule.statistic}", lang=lang),
        threshold=("" if rule.sign > 0 else "≤ ") + quantity(threshold, rule.unit),
        version=sheet.rules_version,
    )


def share(probability: float) -> str:
    """Write a probability, the share of an ensemble's members, in percent."""
    return f"{100.0 * probability:.0f} %"


def chance(of: Task | Alert) -> str:
    """Write the probability of a task or an alert, empty where none is known."""
    return "" if of.probability is None else share(of.probability)


def task(task: Task, lang: str) -> str:
    """Return what a task asks for."""
    return say(f"task.{kind_of(task.hazard)}.{task.code}", lang=lang, place=task.place_name[lang])


_asked = task  # under a name that no argument hides


def compass(degrees: float) -> Word:
    """Return the nearest of eight directions, degrees clockwise from north."""
    return Word(f"compass.{round(degrees / 45.0) % 8}")


def _with_directions(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return evidence with each direction (`x_deg`) named as well (`x`); a dash for what is not known."""
    named = {
        name.removesuffix("_deg"): None if v is None else compass(v)
        for name, v in evidence.items()
        if name.endswith("_deg")
    }
    return {name: "–" if v is None else v for name, v in {**evidence, **named}.items()}


def order(task: Task, lang: str, told: Callable[[Any], str], opened: str = "") -> str:
    """Return what a task tells the people of its place: where, by when, which way; as the task itself where there are no such words.

    `told` writes a time; `opened` names places near by that the plan opens.
    """
    word = f"order.{kind_of(task.hazard)}.{task.code}"
    by = task.evidence.get("by")
    moment = told(datetime.fromisoformat(by) if by else task.deadline)
    if not has(word):
        return say("order.by", lang=lang, task=_asked(task, lang), by=moment)
    said = say(word, lang=lang, **_with_directions(task.evidence) | {"place": task.place_name[lang], "by": moment})
    return said + (say("order.opened", lang=lang, places=opened) if opened else "")


def conflict(of: Conflict, lang: str) -> str:
    """Return what contradicts the tasks of a conflict."""
    names = [say(f"hazard.{kind}", lang=lang) for kind in dict.fromkeys(map(kind_of, of.hazards))]
    level = say(f"level.{of.level}", lang=lang) if of.level else ""
    figures = {name: share(value) if name == "share" else value for name, value in of.values.items()}
    return say(f"conflict.says.{of.code}", lang=lang, hazards=names, level=level, **figures)


def note(code: str, values: Mapping[str, Any], lang: str) -> str:
    """Return a note of a run; one of a hazard at one place begins with the name of that place (`site`)."""
    hazard, dot, rest = code.partition(".")
    said = say(f"note.{kind_of(hazard)}{dot}{rest}", lang=lang, **values)
    return say("report.note_at", lang=lang, place=values["site"], said=said) if "site" in values else said


def evidence(task: Task, lang: str) -> str:
    """Return on what figures a task rests, without its times: the peak of its place, or what the row of a table says."""
    if "peak" in task.evidence:
        return quantity(task.evidence["peak"], task.trigger["unit"])
    word = f"evidence.{kind_of(task.hazard)}.{task.code}"
    if has(word):
        return say(word, lang=lang, **_with_directions(task.evidence))
    return ", ".join(
        f"{name} {written(value, lang)}" for name, value in task.trigger.items() if name not in ("table", "at")
    )


def values(kind: str, given: Mapping[str, float], lang: str) -> str:
    """Return the values of a measure or event of a kind."""
    joint = "," if lang == "zh" else ", "
    told = [(f"value.{kind}.{name}", name, float(value)) for name, value in given.items()]
    return joint.join(say(key, lang=lang, value=v) if has(key) else f"{name} {v:g}" for key, name, v in told)


def remarks(hazard: str, balance: Mapping[str, Any], lang: str) -> list[str]:
    """Return what a hazard has words for among the remarks of its balance (`remark.<kind>.<name>`)."""
    named = {f"remark.{kind_of(hazard)}.{name}": value for name, value in balance["remarks"].items()}
    return [say(key, lang=lang, value=value) for key, value in named.items() if has(key)]
