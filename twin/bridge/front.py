"""The first page: what comes, where, who, by when, how sure, in a few blocks made of levels, exposure and plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from twin import phrases
from twin.blocks import Block, Cell, Section, Table, Text
from twin.bridge.section import Told, touched
from twin.city import City
from twin.grade import likely
from twin.plan import Conflict, Event, Plan, Task
from twin.sheet import COLOURS
from twin.words import LANGS, Phrase, Word, say

MOST_PLACES = 3  # places of the worst colour that are named for each hazard, the first to reach it first
MOST_BLOCKS = 8  # names of affected blocks
MOST_CONFLICTS = 3  # on the first page; all of them stand beside the tasks
MOST_TASKS = 6  # kinds of task whose first deadline is told


def front(plan: Plan, sections: tuple[Section, ...], levels: pd.DataFrame, city: City, told: Told) -> list[Block]:
    """Return what stands in front of everything else.

    `levels` is the run's table of levels (`twin.grade.COLUMNS`), `told` writes a time as a clock in the city shows it.
    """
    asks = {(s.sheet.id, rule.code): rule.asks for s in sections for rule in s.sheet.tasks}
    blocks = [*event(plan.event, city, sections), *(block for s in sections for block in s.headline)]
    blocks += [hazards(plan, sections, levels, told)]
    blocks += [deadlines(plan, told, asks)] if plan.tasks else [Text(Word("report.no_tasks"))]
    return blocks + conflicts(plan, told, MOST_CONFLICTS)


def conflicts(plan: Plan, told: Told, most: int) -> list[Block]:
    """Return how many conflicts the plan has and a table of the first `most`; nothing for a plan without."""
    if not plan.conflicts:
        return []
    tasks = {task.id: task for task in plan.tasks}

    def row(found: Conflict) -> tuple[Cell, ...]:
        asked = {lang: "; ".join(f"{i} {phrases.task(tasks[i], lang)}" for i in found.tasks) for lang in LANGS}
        said = {lang: phrases.conflict(found, lang) for lang in LANGS}
        return Text(told(found.start), "strong"), found.place_name, asked, Text(said, "alarm")

    heads = tuple(map(Word, ("conflict.from", "conflict.place", "conflict.tasks", "conflict.what")))
    more = len(plan.conflicts) - most
    return [
        Text(Word("conflict.count", {"count": len(plan.conflicts)}), "alarm"),
        Table(heads, tuple(map(row, plan.conflicts[:most]))),
        *([Text(Word("conflict.more", {"count": more}), "note")] if more > 0 else []),
    ]


def event(found: Event, city: City, sections: Iterable[Section]) -> list[Block]:
    """Return the level of the whole case with its reason, the affected range, and of how many places nothing is known, and of which."""
    blocks: list[Block] = [Text(Word("front.no_level"), "strong")]
    if found.level is not None:
        values = {"level": found.level, "why": _reason(found)}
        blocks = [Text(Word("front.level", values), "strong")]
    if found.area_km2:
        names: list[object] = list(found.blocks[:MOST_BLOCKS])
        more = len(found.blocks) - MOST_BLOCKS
        names += [Word("report.unknown_more", {"count": more})] if more > 0 else []
        key = "front.range" if names else "front.range_alone" if len(city.blocks) else "front.range_no_blocks"
        blocks.append(Text(Word(key, {"area": found.area_km2, "count": len(found.blocks), "names": names})))
    if found.unknown:
        blocks.append(Text(Word("front.unknown", {"count": found.unknown, "which": _unknown(sections)}), "alarm"))
    return blocks


def _unknown(sections: Iterable[Section]) -> list[Word]:
    """Return for each hazard and kind of place of how many nothing is known."""
    found = []
    for section in sections:
        places, sheet = section.exposure.places, section.sheet
        lost = places.loc[~places["known"].astype(bool), "kind"].value_counts(sort=False)
        for kind, count in lost.items():
            values = {"hazard": sheet.name, "what": Word(f"place.{kind}"), "count": int(count)}
            found.append(Word("front.unknown_kind", values))
    return found


def _reason(found: Event) -> Word:
    """Return which number decided the level."""
    if found.met == "people":
        return Word("front.why.people", {"people": found.people, "least": found.least})
    colour = str(found.met)
    count = sum(found.places[c] for c in COLOURS[COLOURS.index(colour) :])
    return Word("front.why.places", {"count": count, "colour": Word(f"level.{colour}"), "least": found.least})


def hazards(plan: Plan, sections: tuple[Section, ...], levels: pd.DataFrame, told: Told) -> Table:
    """Return a row for each hazard: its worst colour, where it is reached first and when, people, and how sure that is."""

    def row(section: Section) -> tuple[Cell, ...]:
        mine = levels[levels["hazard"] == section.sheet.id]
        rows = mine if likely(mine).empty else likely(mine)
        worst = rows[rows["level"] == max(rows["level"], key=COLOURS.index, default="")].sort_values("reached")
        colour: Cell = "–" if worst.empty else Text(Word(f"level.{worst['level'].iloc[0]}"), worst["level"].iloc[0])
        return (
            section.sheet.name,
            colour,
            _where(section, worst, told),
            _people(section),
            _sure(plan, section, worst),
        )

    heads = tuple(map(Word, ("front.what", "front.worst", "front.where", "front.who", "front.sure")))
    return Table(heads, tuple(map(row, sections)))


def _where(section: Section, worst: pd.DataFrame, told: Told) -> Phrase:
    """Return the places that reach the worst colour first, with the times and the threshold that the first of them met."""
    if worst.empty:
        places = section.exposure.places
        if not len(places):
            return Word("front.no_places")
        lost = int((~places["known"].astype(bool)).sum())
        return Word("front.nowhere_known", {"count": lost}) if lost else Word("report.no_levels")
    named: list[object] = [
        Word("front.place", {"place": {lang: p[f"name_{lang}"] for lang in LANGS}, "time": told(p["reached"])})
        for p in worst.head(MOST_PLACES).to_dict("records")
    ]
    if len(worst) > MOST_PLACES:
        named.append(Word("report.unknown_more", {"count": len(worst) - MOST_PLACES}))
    first = worst.iloc[0]
    why = {lang: phrases.rule(section.sheet, first["kind"], float(first["threshold"]), lang) for lang in LANGS}
    return Word("front.places", {"places": named, "why": why})


def _people(section: Section) -> Phrase:
    """Return how many people are touched and harmed, most at one time, and whom that counts."""
    found = touched(section)
    if not found:
        return Word("front.nobody_counted")
    counts = [Word("front.people", {"class": said, "people": people, "when": when}) for when, said, people in found]
    return Word("front.counted", {"counts": counts, "basis": Word(f"front.basis.{section.exposure.basis}")})


def _sure(plan: Plan, section: Section, worst: pd.DataFrame) -> Phrase:
    """Return the probability of the worst colour in an ensemble, else the one that the model gives its tasks, else that none is known."""
    known = worst["probability"].dropna().astype(float)
    if len(known):
        return Word("front.probability", {"range": _range(known)})
    given = pd.Series([t.probability for t in plan.tasks if t.hazard == section.sheet.id], dtype=float).dropna()
    return Word("front.probability_tasks", {"range": _range(given)}) if len(given) else Word("front.not_known")


def _range(known: pd.Series[float]) -> str:
    low, high = phrases.share(known.min()), phrases.share(known.max())
    return low if low == high else f"{low} – {high}"


def deadlines(plan: Plan, told: Told, asks: Mapping[tuple[str, str], str]) -> Table:
    """Return the gravest task of each kind, with who does it and how many more such tasks there are, in the order of deadlines.

    The gravest has the worst colour, then the first deadline. Where there are more than MOST_TASKS kinds, those that tell people to
    leave or to stay (`asks` by hazard and code) come before all others, and of these the hazards take turns.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    for k, task in enumerate(plan.tasks):  # in the order of their deadlines
        kinds.setdefault((task.hazard, task.code), []).append(k)

    def grave(k: int) -> tuple[int, int]:
        return -COLOURS.index(plan.tasks[k].level), k

    ranked = sorted((sorted(found, key=grave) for found in kinds.values()), key=lambda found: grave(found[0]))
    hazards = [plan.tasks[found[0]].hazard for found in ranked]
    turn = [hazards[:k].count(hazard) for k, hazard in enumerate(hazards)]  # how many kinds of its hazard come before
    first = [plan.tasks[found[0]] for found in ranked]
    orders = [asks.get((task.hazard, task.code)) in ("leave", "stay") for task in first]
    order = sorted(range(len(ranked)), key=lambda k: (not orders[k], turn[k], k))
    worst = [ranked[k] for k in order[:MOST_TASKS]]
    worst.sort(key=lambda found: found[0])

    def row(found: list[int]) -> tuple[Cell, ...]:
        task = plan.tasks[found[0]]
        what: Phrase = {lang: phrases.task(task, lang) for lang in LANGS}
        who = {lang: _who(task, lang) for lang in LANGS}
        late = bool(task.late_min) or task.no_crew == "too_late"
        more = str(len(found) - 1) if len(found) > 1 else "–"
        return Text(told(task.deadline), "strong"), what, Text(who, "alarm") if late else who, more

    heads = tuple(map(Word, ("front.by", "front.do", "front.crew", "front.more")))
    return Table(heads, tuple(map(row, worst)), figures=(3,))


def _who(task: Task, lang: str) -> str:
    """Return the unit and the crew of a task, and by how much it is late."""
    late = phrases.lateness(task, lang) if task.late_min else ""
    return " · ".join(filter(None, (say(f"unit.{task.unit}", lang=lang), phrases.crew(task, lang), late)))
