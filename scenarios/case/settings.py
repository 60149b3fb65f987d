"""What two scenarios say differently, in words, and what a scenario that was changed is called after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce
from typing import Any, Protocol, get_args, get_type_hints

from scenarios.case.forcings import FORCINGS
from scenarios.case.schema import LONGEST, MeasureModel, Scenario
from twin import phrases
from twin.city import City
from twin.hazard import EVERYWHERE, Hazard
from twin.sheet import kind_of, names_of
from twin.units import printed
from twin.variables import Unit
from twin.words import LANGS, Phrase, Word, has, say

#: Parts of a scenario that ask nothing, or that are told as a whole.
LEFT_OUT = ("schema", "name", "about_minutes", "measures", "hazards")

#: Differences that the name of a changed scenario tells, fewer where it would become longer than a name may be; it counts the others.
MOST = 3


class Asked(Protocol):
    """What is compared: what a scenario file says, the same checked, its models, and the city that knows the names of places."""

    @property
    def raw(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def scenario(self) -> Scenario: ...  # noqa: D102
    @property
    def models(self) -> Mapping[str, Hazard]: ...  # noqa: D102
    @property
    def city(self) -> City: ...  # noqa: D102


def changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return (dotted key, value, other value) of what two scenarios write differently; None where one writes nothing."""
    before, after = dict(_leaves(first)), dict(_leaves(second))
    said = [key for key in before | after if key != "about_minutes" and not key.startswith("name.")]
    return [(key, before.get(key), after.get(key)) for key in said if before.get(key) != after.get(key)]


def differing(first: Asked, second: Asked) -> list[Phrase]:
    """Return a phrase for each thing that holds in `second` otherwise than in `first`; a default written out is no difference."""
    told = [_hazards(first, second), _whole_forcing(first, second)]
    whole = {f"forcing.{name}" for name in _reformed(first, second)}
    keys = [key for key, _, _ in changed(first.raw, second.raw)]
    both = set(first.models) & set(second.models)
    for key in keys:
        root, _, rest = key.partition(".")
        name = rest.partition(".")[0]
        if (root == "hazards" and name in both) or (root not in LEFT_OUT and f"{root}.{name}" not in whole):
            before, after = (_value(asked, key) for asked in (first, second))
            told.append([_setting(key, before, after, second)] if before != after else [])
    return [*(phrase for part in told for phrase in part), *_measures(first, second)]


def name_after(first: Asked, second: Asked) -> dict[str, str]:
    """Return what `second` is called, a change of `first`: what differs, then the name of `first`; that name alone for no difference."""
    name, told = first.scenario.name.model_dump(), differing(first, second)
    if not told:
        return dict(name)
    for most in range(min(MOST, len(told)), -1, -1):
        more = [Word("report.unknown_more", {"count": len(told) - most})] if len(told) > most else []
        what = [*told[:most], *more]
        found = {lang: say("setting.variant", lang=lang, what=what, name=name[lang]) for lang in LANGS}
        if max(map(len, found.values())) <= LONGEST:
            return found
    return dict(name)


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a scenario by dotted key, as `anlan run --set` writes them."""
    if not isinstance(node, (dict, list)):
        yield key, node
        return
    if key == "hazards" and isinstance(node, list):
        rows = [row if isinstance(row, dict) else {row: {}} for row in node]
        kinds = [kind for row in rows for kind in row]
        node = dict(zip(names_of(kinds), (value or "{}" for row in rows for value in row.values()), strict=True))
    for part, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _leaves(value, f"{key}.{part}".lstrip("."))


def _hazards(first: Asked, second: Asked) -> list[Phrase]:
    """Return the hazards that only one of both has."""
    more = [
        Word("setting.more_hazard", {"hazard": _hazard(name)}) for name in second.models if name not in first.models
    ]
    less = [
        Word("setting.less_hazard", {"hazard": _hazard(name)}) for name in first.models if name not in second.models
    ]
    return [*more, *less]


def _reformed(first: Asked, second: Asked) -> dict[str, tuple[Any, Any]]:
    """Return by name the forcings that one has and the other has not, or has in another form."""
    before, after = first.scenario.forcing, second.scenario.forcing
    forms = {name: (getattr(before, name), getattr(after, name)) for name in FORCINGS}
    return {name: pair for name, pair in forms.items() if type(pair[0]) is not type(pair[1])}


def _whole_forcing(first: Asked, second: Asked) -> list[Phrase]:
    return [
        Word("setting.whole", {"what": _label(f"forcing.{name}"), "first": _form(before), "second": _form(after)})
        for name, (before, after) in _reformed(first, second).items()
    ]


def _form(spec: Any) -> Phrase:
    """Return a form of forcing as its keys and values."""
    if spec is None:
        return Word("setting.none")
    if not hasattr(spec, "model_dump"):
        return str(spec)
    given = spec.model_dump(mode="json", exclude_unset=True)
    return ", ".join(f"{key} {value}" for key, value in given.items())


def _value(asked: Asked, key: str) -> Any:
    """Return what holds for a dotted key, its default where the file says nothing; None where there is no such thing."""
    root, *rest = key.split(".")
    if root == "hazards":
        return reduce(_step, rest[1:], asked.models.get(rest[0]))
    return reduce(_step, (root, *rest), asked.scenario)


def _step(node: Any, part: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part)
    if isinstance(node, (list, tuple)):
        return node[int(part)] if part.isdigit() and int(part) < len(node) else None
    return getattr(node, part, None)


def _setting(key: str, before: Any, after: Any, asked: Asked) -> Word:
    """Return one changed value: by its own sentence where there is one, else by its key and unit."""
    values = {"first": _shown(before), "second": _shown(after)}
    root, _, rest = key.partition(".")
    hazard, _, parameter = rest.partition(".")
    own = (
        [f"{root}.{kind_of(hazard)}.{parameter}" for root in ("unlike", "setting")]
        if root == "hazards"
        else [f"compare.unlike.{key.rpartition('.')[2]}"]
    )
    for word in (*own, f"setting.{key}"):
        if has(word):
            return Word(word, values)
    if root == "hazards":
        unit = _unit(asked.models[hazard], parameter)
        return Word("setting.parameter", {"hazard": _hazard(hazard), "what": parameter, "unit": unit, **values})
    return Word("setting.whole", {"what": _label(key), **values})


def _unit(model: Hazard, parameter: str) -> str:
    """Return the unit of a model's parameter as it is printed; empty where it has none."""
    hint = get_type_hints(type(model), include_extras=True).get(parameter)
    marks = [mark for part in (hint, *get_args(hint)) for mark in getattr(part, "__metadata__", ())]
    return next((f" {printed(m.name)}" for m in marks if isinstance(m, Unit) and m.name != "1"), "")


def _shown(value: Any) -> object:
    """Return a value as it is told: nothing in a word, a time to the minute, an object as text."""
    if value is None or value == "":
        return Word("setting.none")
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value


def _label(key: str) -> Phrase:
    return Word(f"setting.label.{key}") if has(f"setting.label.{key}") else key


def _hazard(name: str) -> Phrase:
    return Word(f"hazard.{kind_of(name)}") if has(f"hazard.{kind_of(name)}") else name


def _measures(first: Asked, second: Asked) -> list[Phrase]:
    """Return the measures and events that only one of both has."""
    before, after = list(first.scenario.measures), list(second.scenario.measures)
    more, less = ([m for m in these if m not in those] for these, those in ((after, before), (before, after)))
    return [
        *(Word("setting.more_measure", {"measure": _measure(m, second.city)}) for m in more),
        *(Word("setting.less_measure", {"measure": _measure(m, first.city)}) for m in less),
    ]


def _measure(measure: MeasureModel, city: City) -> Phrase:
    """Return a measure: its name, its place and values, and from when to when."""
    where = {lang: say("report.whole_city", lang=lang) for lang in LANGS}
    if measure.place != EVERYWHERE:
        where = city.place_name(measure.place)
    return {lang: _measure_in(measure, where[lang], lang) for lang in LANGS}


def _measure_in(measure: MeasureModel, where: str, lang: str) -> str:
    word, joint = f"measure.{measure.kind}", "," if lang == "zh" else ", "
    name = say(word, lang=lang) if has(word) else measure.kind
    times = "–".join(filter(None, (measure.start, measure.end)))
    return joint.join(filter(None, (name, where, phrases.values(measure.kind, measure.values, lang), times)))
