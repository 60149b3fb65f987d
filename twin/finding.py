"""A fault of a city's data, as its check report tells it and as every run repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.words import LANGS, say

#: Findings that a run tells in its own words, or that change no result of it.
TOLD_OTHERWISE = frozenset({"layer_missing", "terrain_gap", "terrain_gap_used", "noted", "road_short", "roads_apart"})


@dataclass(frozen=True)
class Finding:
    """One kind of fault: `code` names its sentence (`finding.<code>`), `assumed` what was done (`assumed.<code>`)."""

    code: str
    count: int
    worst: str = "-"
    place: str = "-"
    assumed: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def repeated(self) -> bool:
        """Whether every run on the city repeats it."""
        return self.code not in TOLD_OTHERWISE

    def note(self) -> tuple[str, dict[str, Any]]:
        """Return the note of a run that repeats it."""
        done = f"assumed.{self.assumed or 'as_given'}"
        told = {name: {lang: say(key, lang=lang, **self.values) for lang in LANGS}
                for name, key in (("what", f"finding.{self.code}"), ("assumed", done))}  # fmt: skip
        return "city_finding", {**told, "count": self.count, "worst": self.worst, "place": self.place}
