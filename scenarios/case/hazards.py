"""The registry of hazards: one line each. A hazard is a package with a `hazard.yaml` that names its model."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import yaml

from twin import words
from twin.errors import ScenarioError
from twin.hazard import Hazard
from twin.sheet import Danger, MapLayer, MeasureCost, Sheet, TaskRule

#: name in a scenario -> the package that holds it.
HAZARDS: dict[str, str] = {
    "flood": "hydro",
}


@cache
def sheet(name: str) -> Sheet:
    """Return what the hazard's `hazard.yaml` says, and bring its words into the catalogue."""
    if name not in HAZARDS:
        raise ScenarioError("unknown_hazard", found=name, expected=sorted(HAZARDS))
    raw: dict[str, Any] = yaml.safe_load(files(HAZARDS[name]).joinpath("hazard.yaml").read_text("utf-8"))
    words.add({**raw["words"], f"hazard.{raw['id']}": raw["name"]})
    tasks = tuple(TaskRule(**row) for row in raw["tasks"])
    lead = {"code": "now", "variable": raw["lead"], **raw["style"]}
    return Sheet(
        id=raw["id"],
        model=raw["model"],
        name=raw["name"],
        variables=tuple(raw["variables"]),
        lead=raw["lead"],
        unit=raw["exposure"]["unit"],
        classes=tuple(raw["exposure"]["classes"]),
        rules=raw["levels"]["rules"],
        rules_version=str(raw["levels"]["version"]),
        rules_source=raw["levels"]["source"],
        expiry_hours=float(raw["levels"]["expiry_hours"]),
        tasks=tasks,
        cap=raw["cap"],
        lead_layer=_layer(raw["id"], lead),
        layers=tuple(_layer(raw["id"], row) for row in raw.get("layers", [])),
        danger=_danger(raw["id"], raw["exposure"].get("danger")),
        measures={
            row["kind"]: MeasureCost(**{k: row[k] for k in row if k != "kind"}) for row in raw.get("measures", [])
        },
        events=tuple(raw.get("events", ())),
    )


def _danger(hazard: str, row: dict[str, Any] | None) -> Danger | None:
    """Return the danger classes, if any, and bring their meanings into the catalogue."""
    if row is None:
        return None
    words.add({f"danger.{hazard}.{k + 1}": meaning for k, meaning in enumerate(row["classes"])})
    names = tuple(meaning["name"] for meaning in row["classes"])
    return Danger(row["variable"], int(row["harms_from"]), names, row["source"])


def _layer(hazard: str, row: dict[str, Any]) -> MapLayer:
    """Return a map layer and bring its label into the catalogue."""
    word = f"layer.{hazard}.{row['code']}"
    words.add({word: row["label"]})
    colormap = tuple((float(bound), str(colour)) for bound, colour in row["colormap"])
    steps = row.get("steps") or [bound for bound, _ in colormap][:3]
    return MapLayer(
        code=row["code"],
        variable=row["variable"],
        word=word,
        colormap=colormap,
        at=row.get("at", {}),
        per=float(row.get("per", 1.0)),
        names=tuple(row.get("names", ())),
        steps=tuple(map(float, steps)),
    )


def model_class(name: str) -> type[Hazard]:
    """Return the model class of a hazard."""
    module, _, attribute = sheet(name).model.partition(":")
    model: type[Hazard] = getattr(import_module(module), attribute)
    return model
