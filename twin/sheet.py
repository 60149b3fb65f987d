"""What a hazard's `hazard.yaml` says, as plain frozen data: exposure classes, level rules, draft tasks, map style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

COLOURS = ("blue", "yellow", "orange", "red")  # rising order; GB/T names IV, III, II, I


@dataclass(frozen=True)
class TaskRule:
    """When to draft which task: one per place of `place` kind that reaches colour `at` ("none": every such place `near` others)."""

    code: str
    place: str
    at: str
    unit: str
    before_min: float
    setup_min: float
    near: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sheet:
    """One hazard's sheet; `rules` maps a place kind to its statistic and four thresholds of the lead variable."""

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
    style: Mapping[str, Any]
    cap: Mapping[str, Any]

    def threshold(self, kind: str, colour: str) -> float:
        """Return the threshold of a colour for a place kind."""
        return float(self.rules[kind][colour])

    def with_overrides(self, rules: Mapping[str, Mapping[str, Any]]) -> Sheet:
        """Return the sheet with a city's own thresholds in place of the default ones."""
        merged = {kind: {**rule, **rules.get(kind, {})} for kind, rule in self.rules.items()}
        return replace(self, rules=merged) if rules else self
