"""The registry of hazards: one line each. A hazard is a package with a `hazard.yaml` that names its model.

A hazard's words stand under its own name: `task.close_road` in the sheet of the hazard `x` is the key `task.x.close_road`. What
several hazards share (crews, kinds of place) may be written in each of their sheets, with the same meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import yaml

from twin import words
from twin.blocks import Section
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.finding import Finding
from twin.hazard import ChecksCities, Hazard, site_of
from twin.sheet import CITY, COLOURS, QUANTILES, Cap, Figure, MapLayer, Measure, Rule, Scale, Sheet, TaskRule, kind_of

#: name in a scenario -> the package that holds it.
HAZARDS: dict[str, str] = {
    "flood": "hydro",
    "release": "evacuation.release",
    "movement": "evacuation.movement",
    "crowd": "evacuation.crowd",
}

#: What a row of a sheet's tasks may list.
LISTS = ("excludes", "brings", "bars", "covers")

Words = dict[str, dict[str, str]]


@cache
def sheet(name: str) -> Sheet:
    """Return what the hazard's `hazard.yaml` says, and bring its words and those of the city's crews into the catalogue.

    Raises ScenarioError for an unknown hazard, for a word that is there with another meaning and for a sheet that contradicts
    itself (`Sheet.check`).
    """
    if name not in HAZARDS:
        raise ScenarioError("unknown_hazard", found=name, expected=sorted(HAZARDS))
    raw: dict[str, Any] = yaml.safe_load(files(HAZARDS[name]).joinpath("hazard.yaml").read_text("utf-8"))
    city_measures()  # brings the words of the city's own measures and crews in
    own, said = str(raw["id"]), Says(str(raw["id"]))
    said.add({f"hazard.{own}": raw["name"]})
    said.add({f"unit.{crew}": pair for crew, pair in raw.get("crews", {}).items()})
    said.add({f"place.{kind}": pair for kind, pair in raw.get("kinds", {}).items()})
    said.add({_under(own, key): pair for key, pair in raw["words"].items()})
    levels, scales = raw["levels"], tuple(_scale(row, said) for row in raw["scales"])
    common = {key: levels[key] for key in ("variable", "unit", "sense") if key in levels}
    lead = {"code": "now", "variable": raw["lead"], **raw["style"]}
    made = Sheet(
        id=own,
        model=raw["model"],
        name=raw["name"],
        lead=raw["lead"],
        scales=scales,
        rules={kind: Rule(**{**common, **row}) for kind, row in levels["rules"].items()},
        rules_version=str(levels["version"]),
        rules_source=levels["source"],
        expiry_hours=float(levels["expiry_hours"]),
        tasks=tuple(TaskRule(**{**row, **{key: tuple(row.get(key, ())) for key in LISTS}}) for row in raw["tasks"]),
        cap=_cap(raw["cap"]),
        lead_layer=_layer(lead, said),
        layers=tuple(_layer(row, said) for row in raw.get("layers", [])),
        reaches=frozenset(raw.get("reaches", ())),
        kept=raw.get("kept", {}),
        beside=raw.get("beside", {}),
        since=raw.get("since", ""),
        unlike=tuple(raw.get("unlike", ())),
        by_chance=raw.get("by_chance", False),
        engines=tuple(raw.get("engines", ())),
        measures=_measures(raw.get("measures", []), said),
        figures=tuple(_figure(row, said) for row in raw.get("figures", [])),
    ).check()
    for layer, percent in zip(made.spread_layers, QUANTILES, strict=True):
        peak = made.peak_layer.word
        label = {
            lang: words.say("layer.quantile", lang=lang, layer=words.say(peak, lang=lang), percent=percent)
            for lang in words.LANGS
        }
        said.add({layer.word: label})
    return made


def own_sheet(name: str, city: City) -> Sheet:
    """Return a hazard's sheet with the city's own thresholds; raise ScenarioError for one that cannot be."""
    return sheet(name).with_overrides(city.level_overrides.get(name, {}))


def check_levels(city: City) -> None:
    """Raise ScenarioError for the first of a city's own thresholds that cannot be, whatever hazards are run."""
    for name in city.level_overrides:
        own_sheet(name, city)


@cache
def city_measures() -> Mapping[str, Measure]:
    """Return the measures that belong to the city itself (`city_measures.yaml`), and bring their words in."""
    raw = yaml.safe_load(files("scenarios.case").joinpath("city_measures.yaml").read_text("utf-8"))
    said = Says(CITY)
    said.add({f"unit.{crew}": pair for crew, pair in raw["crews"].items()})
    return _measures(raw["measures"], said)


def measures(names: Iterable[str]) -> dict[str, Measure]:
    """Return the kinds of measure that a case with these hazards knows, the city's first.

    Raises ScenarioError for a kind with two owners.
    """
    known = dict(city_measures())
    for hazard in dict.fromkeys(map(kind_of, names)):
        for kind, measure in sheet(hazard).measures.items():
            if kind in known:
                raise ScenarioError("measure_owners", found=kind, owners=[known[kind].owner, hazard])
            known[kind] = measure
    return known


def same(name: str, models: Mapping[str, Hazard], others: Mapping[str, Hazard]) -> str | None:
    """Return the name that a hazard of one case has in another: there it is of its kind and at its place; None where it is not there."""
    about = kind_of(name), site_of(models[name])
    return next((other for other, model in others.items() if (kind_of(other), site_of(model)) == about), None)


def model_class(name: str) -> type[Hazard]:
    """Return the model class of a hazard."""
    module, _, attribute = sheet(name).model.partition(":")
    model: type[Hazard] = getattr(import_module(module), attribute)
    return model


def check_city(city: City) -> list[Finding]:
    """Return what runs of any hazard on a city would note of it; raise the error that such a run would end with."""
    models: dict[str, Any] = {name: model_class(name) for name in HAZARDS}
    return [
        Finding("noted", 1, values={"says": words.Word(f"note.{name}.{code}", values)})
        for name, model in models.items()
        if isinstance(model, ChecksCities)
        for code, values in model.check_city(city)
    ]


def reported(name: str, section: Section, city: City, clock: Clock) -> Section:
    """Return a section with what its kind of hazard alone can say: the blocks and the balance of its package's `report.py`.

    That file is there where a hazard has something to add to what is said of every one; each of its functions, `blocks`,
    `headline`, `marks` and `whole`, may be missing.
    """
    package = HAZARDS[kind_of(name)]
    if find_spec(f"{package}.report") is None:
        return section
    report = import_module(f"{package}.report")
    blocks = report.blocks(section, city, clock) if hasattr(report, "blocks") else ()
    headline = report.headline(section, city, clock) if hasattr(report, "headline") else ()
    marks = report.marks(section, city) if hasattr(report, "marks") else ()
    balance = report.whole(section.balance) if hasattr(report, "whole") else section.balance
    return replace(section, blocks=tuple(blocks), headline=tuple(headline), marks=tuple(marks), balance=balance)


class Says:
    """Brings the words of one sheet into the catalogue."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def add(self, pairs: Words) -> None:
        """Add words; raise ScenarioError where one of them is there with another meaning."""
        try:
            words.add(pairs)
        except ValueError as error:
            key = str(error)
            raise ScenarioError(
                "word_twice",
                hazard=self.owner,
                word=key,
                found=pairs[key],
                expected={lang: words.template(key, lang) for lang in words.LANGS},
            ) from None


def _under(hazard: str, key: str) -> str:
    """Return the key of a hazard's word: the family, the hazard, the rest."""
    family, _, rest = key.partition(".")
    return f"{family}.{hazard}.{rest}"


def _scale(row: dict[str, Any], said: Says) -> Scale:
    """Return a scale and bring its label, and the meaning of its classes where they have one, into the catalogue."""
    key = f"scale.{said.owner}.{row['code']}"
    classes = [c if isinstance(c, dict) else {"from": c} for c in row["classes"]]
    said.add({key: row["label"]})
    said.add({f"{key}.{k + 1}": _pair(c) for k, c in enumerate(classes) if "zh" in c})
    return Scale(
        code=row["code"],
        of=tuple(row["of"]),
        classes=tuple(float(c["from"]) for c in classes),
        names=tuple(str(c["name"]) for c in classes if "name" in c),
        **{k: row[k] for k in ("variable", "unit", "when", "harms_from", "source") if k in row},
    )


def _cap(row: dict[str, Any]) -> Cap:
    """Return what CAP asks; `response` and `urgency` are one word, or one for each colour."""
    by_colour = {
        k: row[k] if isinstance(row[k], dict) else dict.fromkeys(COLOURS, row[k]) for k in ("response", "urgency")
    }
    return Cap(category=tuple(row["category"]), event_code=row.get("event_code"), **by_colour)


def _layer(row: dict[str, Any], said: Says) -> MapLayer:
    """Return a map layer and bring its label into the catalogue."""
    word = f"layer.{said.owner}.{row['code']}"
    said.add({word: row["label"]})
    colormap = tuple((float(bound), str(colour)) for bound, colour in row["colormap"])
    steps = row.get("steps") or [bound for bound, _ in colormap if bound > 0][:3]
    return MapLayer(
        code=row["code"],
        variable=row["variable"],
        word=word,
        colormap=colormap,
        at=row.get("at", {}),
        per=float(row.get("per", 1.0)),
        names=tuple(row.get("names", ())),
        steps=tuple(map(float, steps)),
        sense=row.get("sense", "above"),
    )


def _figure(row: dict[str, Any], said: Says) -> Figure:
    """Return a figure and bring its label into the catalogue."""
    said.add({f"figure.{said.owner}.{row['code']}": row["label"]})
    return Figure(**{name: value for name, value in row.items() if name != "label"})


def _measures(rows: list[dict[str, Any]], said: Says) -> dict[str, Measure]:
    """Return measures by kind and bring their names and those of their values into the catalogue."""
    found = {}
    for row in rows:
        kind, values = row["kind"], row.get("values", {})
        said.add({f"measure.{kind}": row["name"]})
        said.add({f"value.{kind}.{name}": _pair(value) for name, value in values.items()})
        plain = {k: v for k, v in row.items() if k not in ("name", "values", "kind")}
        ranges = {name: (float(value["low"]), float(value["high"])) for name, value in values.items()}
        found[kind] = Measure(kind=kind, owner=said.owner, values=ranges, **plain)
    return found


def _pair(row: dict[str, Any]) -> dict[str, str]:
    return {lang: row[lang] for lang in words.LANGS}
