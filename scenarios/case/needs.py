"""Whether each hazard of a case gets what drives it, checked before a second is simulated."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.case.forcings import FORCINGS
from scenarios.case.forcings.scene import Note
from scenarios.case.hazards import HAZARDS, model_class, sheet
from twin import variables
from twin.drivers import STATE, lacking, names_and_tags, tags_of
from twin.errors import ScenarioError
from twin.exposure.people import AT_HOME
from twin.hazard import Drivers, Hazard, site_of
from twin.sheet import kind_of
from twin.variables import Variable
from twin.words import LANGS, Word, keys, say


def check(models: Mapping[str, Hazard], drivers: Drivers, kinds: set[str], left: set[str], where: str) -> None:
    """Raise ScenarioError when a hazard's needs are not met where it stands, a variable has two givers or people two movers.

    A kind of hazard stands twice only where each row is about a place of its own. `models` are the hazards in their order,
    `drivers` the forcing, `kinds` the kinds of measure of the case, `left` the hazards of which an earlier run left a state.
    """
    _check_twice(models, where)
    known = variables.named() | {v.name: v for name in HAZARDS for v in model_class(name).gives}
    giver: dict[str, object] = {name: Word("need.forcing") for name in drivers}
    offered = kinds | {word for name, array in drivers.items() for word in (name, *tags_of(array))}
    for name, model in models.items():
        hazard = sheet(kind_of(name)).name
        for group in lacking(model, offered | ({STATE} if name in left else set())):
            missing = {
                _written(word): _told(word, known) for word in reversed(group)
            }  # of what one key gives the first
            raise ScenarioError("needs", where=where, hazard=hazard, missing=list(missing.values())[::-1])
        for v in model.gives:
            if v.name in giver:
                raise ScenarioError(
                    "given_twice", where=where, name=_told(v.name, known), givers=[giver[v.name], hazard]
                )
            giver[v.name] = hazard
        offered |= names_and_tags(model.gives)
    movers = [sheet(kind_of(name)).name for name, model in models.items() if AT_HOME in names_and_tags(model.gives)]
    if len(movers) > 1:
        raise ScenarioError("moves_twice", where=where, givers=movers)


def _check_twice(models: Mapping[str, Hazard], where: str) -> None:
    """Raise ScenarioError for two rows of one kind that are about the same place, or about the whole city."""
    seen: dict[tuple[str, str | None], str] = {}
    for name, model in models.items():
        about = kind, site = kind_of(name), site_of(model)
        if about in seen and site is None:
            gives = [{"zh": v.zh, "en": v.en} for v in model.gives]
            raise ScenarioError("hazard_twice", where=where, hazard=sheet(kind).name, found=kind, gives=gives)
        if about in seen:
            raise ScenarioError("site_twice", where=where, hazard=sheet(kind).name, found=site)
        seen[about] = name


def read_later(models: Mapping[str, Hazard], drivers: Drivers) -> list[Note]:
    """Return a note for each hazard that reads what only a hazard after it gives: it runs, but knows nothing of it.

    `models` are the hazards in their order, `drivers` the forcing.
    """
    offered = {word for name, array in drivers.items() for word in (name, *tags_of(array))}
    notes: list[Note] = []
    order = list(models.items())
    for k, (name, model) in enumerate(order):
        unknown = set(model.reads) - offered
        for later, other in order[k + 1 :]:
            if what := [{"zh": v.zh, "en": v.en} for v in other.gives if unknown & names_and_tags([v])]:
                notes.append(
                    (
                        "read_later",
                        {"hazard": sheet(kind_of(name)).name, "later": sheet(kind_of(later)).name, "what": what},
                    )
                )
        offered |= names_and_tags(model.gives)
    return notes


def _written(word: str) -> str:
    """Return what a scenario writes to give a word of a hazard's `needs`: keys under `forcing` with what they ask, else the word."""
    found = []
    for key, kind in FORCINGS.items():
        if word in names_and_tags(kind.gives):
            found.append(f"forcing.{key}" + (f": {', '.join(kind.asks)}" if kind.asks else ""))
    return ", ".join(found) or word


def _told(word: str, known: Mapping[str, Variable]) -> dict[str, str]:
    """Return what a word of a hazard's `needs` means in each language: a variable, a measure, a state or a tag.

    Behind it stands what a scenario writes to give it.
    """
    if f"need.{word}" in keys("en"):
        return {lang: say(f"need.{word}", lang=lang) for lang in LANGS}
    written = _written(word)
    if (v := known.get(word)) is not None:
        zh, en = v.zh, v.en
    elif f"measure.{word}" in keys("en"):
        zh, en = (say(f"measure.{word}", lang=lang) for lang in ("zh", "en"))
    else:
        zh = en = word
    if written == en:
        return {"zh": zh, "en": en}
    return {"zh": f"{zh}({written.replace(', ', '、')})", "en": f"{en} ({written})"}
