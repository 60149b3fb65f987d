"""What a hazard's `hazard.yaml` says, as plain frozen data: exposure classes, level rules, draft tasks, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

COLOURS = ("blue", "yellow", "orange", "red")  # rising order; GB/T names IV, III, II, I


@dataclass(frozen=True)
class TaskRule:
    """When to draft which task: one per place of `place` kind that reaches colour `at`.

    "closes" is the colour at which the sheet closes such places; "none" drafts for every such place `near` others.
    Its crew `stays` to the end of the task, or leaves when it is set up.
    """

    code: str
    place: str
    at: str
    unit: str
    before_min: float
    setup_min: float
    stays: bool = True
    near: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class MapLayer:
    """A field as it is drawn: a variable, at one place of its other dimensions, divided by `per`, in steps of colour.

    `colormap` gives lower bound and colour of each step, `names` their names where bounds say little, `steps` the bounds
    of differences between two runs; `word` is the key of its label. Without `at` a variable in time is drawn at its
    largest.
    """

    code: str
    variable: str
    word: str
    colormap: tuple[tuple[float, str], ...]
    at: Mapping[str, float] = field(default_factory=dict)
    per: float = 1.0
    names: tuple[str, ...] = ()
    steps: tuple[float, ...] = ()

    def of(self, fields: xr.Dataset, time: int | None = None) -> xr.DataArray:
        """Return the field (y, x) in the unit of the label; at the output step `time` where it has one, else its largest."""
        array = fields[self.variable].sel(self.at, method="nearest") if self.at else fields[self.variable]
        if "time" in array.dims:
            array = array.max("time") if time is None else array.isel(time=time)
        return array / self.per if self.per != 1.0 else array

    @property
    def bounds(self) -> tuple[float, ...]:
        """Lower bounds of the colours."""
        return tuple(bound for bound, _ in self.colormap)


@dataclass(frozen=True)
class Danger:
    """The variable (y, x) that holds danger classes 0, 1, 2, ...; classes from `harms_from` harm people on foot."""

    variable: str
    harms_from: int
    names: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class MeasureCost:
    """What one measure of a kind takes: the crew that sets it up, minutes to do so, yuan once and per hour it stands.

    `failure_below` bounds values below which the action is something that fails, not something that is done: it costs nothing.
    """

    unit: str
    setup_min: float
    cost_cny: float
    cost_cny_per_h: float = 0.0
    failure_below: Mapping[str, float] = field(default_factory=dict)

    def is_failure(self, values: Mapping[str, float]) -> bool:
        """Return whether an action with these values is a failure."""
        return any(values[name] < bound for name, bound in self.failure_below.items())

    def cost(self, hours: float) -> float:
        """Return yuan for a measure that stands for `hours`."""
        return self.cost_cny + self.cost_cny_per_h * hours


@dataclass(frozen=True)
class Sheet:
    """One hazard's sheet; `rules` maps a place kind to its statistic, four thresholds of the lead variable and, for a place
    that is closed, the colour at which it is (`closes_at`). `events` are the kinds of action that befall a city: nobody knows
    of one before it begins."""

    id: str
    model: str
    name: Mapping[str, str]
    variables: tuple[str, ...]
    lead: str
    unit: str
    classes: tuple[float, ...]
    rules: Mapping[str, Mapping[str, Any]]
    rules_version: str
    rules_source: str
    expiry_hours: float
    tasks: tuple[TaskRule, ...]
    cap: Mapping[str, Any]
    lead_layer: MapLayer
    layers: tuple[MapLayer, ...] = ()
    danger: Danger | None = None
    measures: Mapping[str, MeasureCost] = field(default_factory=dict)
    events: tuple[str, ...] = ()

    def threshold(self, kind: str, colour: str) -> float:
        """Return the threshold of a colour for a place kind."""
        return float(self.rules[kind][colour])

    def closing(self, kind: str) -> float:
        """Return the threshold at which a place of this kind is closed; infinite for one that never is."""
        rule = self.rules.get(kind, {})
        return float(rule[rule["closes_at"]]) if rule.get("closes_at") else np.inf

    def colour_of(self, task: TaskRule) -> str:
        """Return the colour at which a task is due."""
        return str(self.rules[task.place]["closes_at"]) if task.at == "closes" else task.at

    @property
    def peak_layer(self) -> MapLayer:
        """The layer of the lead variable's highest values, in its unit: the first of `layers`, else drawn from the lead variable."""
        return self.layers[0] if self.layers else self.lead_layer

    def drawable(self, fields: xr.Dataset) -> list[MapLayer]:
        """Return the layers whose variable is there, the lead variable's first: an older run may lack some."""
        return [layer for layer in (self.lead_layer, *self.layers) if layer.variable in fields]

    def with_overrides(self, rules: Mapping[str, Mapping[str, Any]]) -> Sheet:
        """Return the sheet with a city's own thresholds in place of the default ones."""
        merged = {kind: {**rule, **rules.get(kind, {})} for kind, rule in self.rules.items()}
        return replace(self, rules=merged) if rules else self
