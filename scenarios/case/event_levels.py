"""At how many coloured places or people the whole case has which level: the default rows, and those of a city."""

from __future__ import annotations

from importlib.resources import files

import yaml

from twin.city import City
from twin.errors import ScenarioError
from twin.event import LEVELS, Thresholds
from twin.sheet import COLOURS

KEYS = (*COLOURS, "people")


def thresholds(city: City) -> Thresholds:
    """Return the rows of `event_levels.yaml` with the city's own in place of them.

    Raises ScenarioError for a level or a condition that is not known, and for a number that is not above zero.
    """
    raw = yaml.safe_load(files("scenarios.case").joinpath("event_levels.yaml").read_text("utf-8"))
    rows = {**raw["rows"], **city.event_overrides}
    for level, row in rows.items():
        _expect(f"event.{level}", level in LEVELS, level, LEVELS)
        for name, count in row.items():
            _expect(f"event.{level}.{name}", name in KEYS, name, KEYS)
            above = isinstance(count, (int, float)) and not isinstance(count, bool) and count > 0
            _expect(f"event.{level}.{name}", above, count, "> 0")
    own = f"city.yaml ({', '.join(sorted(city.event_overrides))}); " if city.event_overrides else ""
    source = {lang: own + text for lang, text in raw["source"].items()}
    return Thresholds({level: rows[level] for level in LEVELS}, source)


def _expect(where: str, right: bool, found: object, expected: object) -> None:
    if not right:
        raise ScenarioError("event_level", where=where, found=found, expected=expected)
