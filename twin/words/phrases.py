"""Phrases put together from values, the same on the page, in the panel and on the command line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from twin.words import say

if TYPE_CHECKING:
    from twin.plan import Task

MOST_MINUTES = 120  # a longer span is told in hours and minutes


def span(minutes: float, lang: str) -> str:
    """Return a span of time in whole minutes, rounded up; above two hours in hours and minutes."""
    whole = math.ceil(minutes)
    if whole <= MOST_MINUTES:
        return say("span.minutes", lang=lang, minutes=whole)
    return say("span.hours", lang=lang, hours=whole // 60, minutes=whole % 60)


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
