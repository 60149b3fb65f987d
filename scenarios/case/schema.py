"""The scenario file as a schema: unknown keys are errors, and a misspelt one is told what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from scenarios.case.distribution import Distribution
from scenarios.case.forcings import FORCINGS
from scenarios.case.hazards import HAZARDS, model_class
from scenarios.case.part import Part
from scenarios.case.times import clock_time
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Hazard
from twin.sheet import kind_of, names_of
from twin.words import keys, say

#: The most letters of a name.
LONGEST = 200

#: One line of text: no letters of control.
Line = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$")]


class Name(Part):
    """A name in both languages."""

    zh: Line
    en: Line


#: What drives the hazards: a key for each registered kind of forcing.
FORMS: dict[str, Any] = {name: (kind.spec | None, None) for name, kind in FORCINGS.items()}
Forcing = create_model("Forcing", __base__=Part, __doc__="What drives the hazards.", **FORMS)


class MeasureModel(Part):
    """A timed measure: `kind` at `place`, from and to a clock time, with its figures."""

    kind: str
    place: str
    start: str | None = None
    end: str | None = None
    values: dict[str, float] = Field(default_factory=dict)


class Ensemble(Part):
    """How many members, and from what each but the first draws what varies (see `scenarios.case.vary`); one is a single run."""

    members: Annotated[int, Field(ge=1, le=1000)] = 1
    vary: dict[str, Distribution] = Field(
        default_factory=dict, description="forcing.factor, forcing.shift or hazard.parameter -> what it is drawn from"
    )


def _no_number(value: Any) -> Any:
    """Refuse a number where a moment is asked for: it would be taken for seconds since 1970."""
    if isinstance(value, (int, float)):
        raise PydanticCustomError("datetime_type", "a time")
    return value


class Scenario(Part):
    """A scenario file; `continues` names the finished run at whose end it goes on (see `scenarios.case.earlier`)."""

    schema_: Literal[1] = Field(alias="schema")
    name: Name
    city: Annotated[str, Field(min_length=1)]
    start: Annotated[AwareDatetime, BeforeValidator(_no_number)]
    hours: Annotated[float, Field(gt=0, le=240)]
    continues: Annotated[str, Field(min_length=1)] | None = None
    output_minutes: Annotated[float, Field(gt=0, le=360)] = 5
    mode: Literal["planning", "forecast", "drill"] = "planning"
    forcing: Forcing = Forcing()  # type: ignore[valid-type]
    hazards: Annotated[list[dict[str, dict[str, Any]]], Field(min_length=1)]
    measures: list[MeasureModel] = Field(default_factory=list)
    ensemble: Ensemble = Ensemble()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    about_minutes: (
        Annotated[float, Field(gt=0, description="how long a run takes, measured; shown in lists")] | None
    ) = None

    @model_validator(mode="before")
    @classmethod
    def _empty_hazards(cls, data: Any) -> Any:
        """Read `- name` and `- name:` as a hazard with default parameters."""
        if isinstance(data, dict) and isinstance(data.get("hazards"), list):
            rows: list[Any] = [
                {row: {}}
                if isinstance(row, str)
                else {k: v or {} for k, v in row.items()}
                if isinstance(row, dict)
                else row
                for row in data["hazards"]
            ]
            return {**data, "hazards": rows}
        return data


def parse(raw: Any, where: str) -> Scenario:
    """Return the scenario; raise ScenarioError that names the first wrong field, what was found and what was expected."""
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        raise explain(error, where, Scenario) from None


def build_hazards(scenario: Scenario, where: str) -> dict[str, Hazard]:
    """Return the models of a scenario by their names (`names_of`) in the order written, with their parameters checked."""
    for row in scenario.hazards:
        if len(row) != 1:
            raise ScenarioError("hazard_row", where=where, found=sorted(row))
    rows = [next(iter(row.items())) for row in scenario.hazards]
    for kind, _ in rows:
        if kind not in HAZARDS:
            raise ScenarioError("unknown_hazard", found=kind, expected=sorted(HAZARDS))
    names = names_of(kind for kind, _ in rows)
    return {name: build_model(name, parameters, where) for name, (_, parameters) in zip(names, rows, strict=True)}


def build_model(name: str, parameters: dict[str, Any], where: str) -> Hazard:
    """Return the model of a hazard by its name in a scenario; raise ScenarioError for a parameter that it does not take.

    `where` is the scenario's file, empty where the error is told inside a sentence that names it.
    """
    kind = model_class(kind_of(name))
    hints, at = get_type_hints(kind), ": ".join(part for part in (where, f"hazards.{name}") if part)
    for key, value in parameters.items():  # the validator takes texts and numbers for true or false as well
        if hints.get(key) is bool and not isinstance(value, bool):
            raise ScenarioError(
                "field", where=at, field=key, found=repr(value)[:80], expected=Wanted("bool_type", "", {})
            )
    try:
        model: Hazard = _adapter(kind).validate_python(parameters)
    except ValidationError as error:
        raise explain(error, at, kind) from None
    return model


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of scenario files with every registered hazard's parameters."""
    schema = Scenario.model_json_schema(by_alias=True)
    rows = []
    for name in sorted(HAZARDS):
        parameters = _adapter(model_class(name)).json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        schema["$defs"] |= {f"{name}.{key}": value for key, value in parameters.pop("$defs", {}).items()}
        schema["$defs"][name] = parameters
        rows.append(
            {
                "type": "object",
                "properties": {name: {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}},
                "required": [name],
                "additionalProperties": False,
            }
        )
    schema["properties"]["hazards"]["items"] = {"anyOf": [*rows, {"enum": sorted(HAZARDS)}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _adapter(kind: type[Hazard]) -> TypeAdapter[Any]:
    """Return a strict validator of a parameter dataclass: unknown keys are errors (pydantic drops them otherwise)."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind.__pydantic_config__ = config  # type: ignore[attr-defined]
    return TypeAdapter(kind)


class Wanted:
    """What a field should have been, in our words; the validator's own are added where the kind is an uncommon one."""

    def __init__(self, kind: str, text: str, bounds: dict[str, Any]) -> None:
        self.kind, self.text, self.bounds = kind, text, bounds

    def in_words(self, lang: str) -> str:
        """Return the sentence in `lang`."""
        key = f"schema.{self.kind}"
        if key not in keys(lang):
            return say("schema.other", lang=lang, text=self.text)
        # the validator joins choices with an English "or"
        told = {
            k: v.replace(" or ", "、") if lang == "zh" and isinstance(v, str) else v for k, v in self.bounds.items()
        }
        return say(key, lang=lang, **told)


def explain(error: ValidationError, where: str, root: Any) -> ScenarioError:
    """Turn pydantic's first error into one sentence; a union's errors are told by the branch that came closest."""
    errors = error.errors(include_url=False)
    unknown = [e for e in errors if e["type"] in ("extra_forbidden", "unexpected_keyword_argument")]
    branches = dict.fromkeys(e["loc"][:3] for e in errors if e["loc"][:1] == ("forcing",) and _is_branch(e["loc"][2:3]))
    if (
        len(branches) > 1
    ):  # of the forms of a forcing, keep the one of its kind that knows the keys and choices that are there
        kind = [e for e in errors if len(e["loc"]) == 3 and e["type"].endswith("_type")]
        other = [e for e in errors if e["type"] == "literal_error"]
        best = min(branches, key=lambda b: [sum(e["loc"][:3] == b for e in s) for s in (kind, unknown, other, errors)])
        errors = [e for e in errors if e["loc"][:3] == best]
        unknown = [e for e in unknown if e in errors]
    first = (unknown or errors)[0]
    if isinstance(first.get("input"), str) and _is_branch(
        first["loc"][-1:]
    ):  # a word where a number or some words may stand
        beside = [e for e in errors if e["loc"][:-1] == first["loc"][:-1]]
        first = next((e for e in beside if e["type"] == "literal_error"), first)
    field = ".".join(str(p) for p in first["loc"] if not _is_branch((p,)))
    if first in unknown:
        *path, key = first["loc"]
        known = _keys_at(root, path)
        near = difflib.get_close_matches(str(key), known, n=3, cutoff=0.5)
        return ScenarioError("unknown_key", where=where, found=field, near=near or known[:12] or "-")
    found = first.get("input")
    if first["type"].startswith("missing"):
        beside = list(found) if isinstance(found, dict) else []
        return ScenarioError("field_missing", where=where, field=field, found=beside or "-")
    bounds = {k: v for k, v in first.get("ctx", {}).items() if isinstance(v, (int, float, str))}
    text = repr(found) if not isinstance(found, dict) else "{" + ", ".join(map(str, found)) + "}"
    return ScenarioError(
        "field", where=where, field=field or "-", found=text[:80], expected=Wanted(first["type"], first["msg"], bounds)
    )


def _is_branch(part: tuple[Any, ...]) -> bool:
    """Return whether a part of a field's path is the validator's name for a form (a class, a list, a number), not a key."""
    forms = ("float", "int", "constrained-float")
    return any(str(p)[:1].isupper() or str(p).startswith(("list[", "literal[")) or p in forms for p in part)


def _keys_at(root: Any, path: Sequence[str | int]) -> list[str]:
    """Return the keys that the schema knows at a path as the validator tells it, for "did you mean"."""
    model = isinstance(root, type) and issubclass(root, BaseModel)
    schema = root.model_json_schema(by_alias=True) if model else _adapter(root).json_schema()

    def forms(node: Any) -> list[dict[str, Any]]:
        """Return the forms that a node may take, references followed."""
        if "$ref" in node:
            return forms(schema["$defs"][node["$ref"].rpartition("/")[2]])
        several = [form for word in ("anyOf", "oneOf", "allOf") for form in node.get(word, ())]
        return [found for form in several for found in forms(form)] if several else [node]

    here = forms(schema)
    for part in path:
        below = [form["properties"][part] for form in here if part in form.get("properties", {})]
        below += [form["items"] for form in here if isinstance(part, int) and "items" in form]
        if not below and not _is_branch((part,)):
            below = [more for form in here if isinstance(more := form.get("additionalProperties"), dict)]
        named = [form for form in here if form.get("title") == part]
        here = [found for node in below for found in forms(node)] or named or here
    return sorted({key for form in here for key in form.get("properties", {})})


def clock_of(scenario: Scenario) -> Clock:
    """Return the clock of a run."""
    return Clock(scenario.start, scenario.hours * 3600.0, scenario.output_minutes * 60.0)


def timed(scenario: Scenario, tz: tzinfo) -> tuple[Action, ...]:
    """Return the measures of a scenario as timed actions on its clock; `tz` is the city's."""
    clock, start = clock_of(scenario), scenario.start.astimezone(tz)
    done = []
    for measure in scenario.measures:
        begin = clock.seconds(clock_time(measure.start, start)) if measure.start else 0.0
        end = clock.seconds(clock_time(measure.end, start)) if measure.end else None
        done.append(Action(measure.kind, measure.place, begin, end, dict(measure.values)))
    return tuple(done)
