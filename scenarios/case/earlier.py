"""The finished run that a scenario goes on from (`continues`): what it left, and whether this one may begin there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from scenarios.case import manifest
from scenarios.case.hazards import same
from scenarios.case.home import there
from scenarios.case.schema import Scenario, build_hazards, parse, timed
from scenarios.case.shelf import find
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Action, Hazard, State
from twin.readers.yaml_file import read_yaml


@dataclass(frozen=True)
class Earlier:
    """A finished run, by its folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.name

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario as it was run."""
        path = self.folder / "scenario.yaml"
        return parse(read_yaml(path), str(path))

    @property
    def end(self) -> datetime:
        """When the run ended on its own clock."""
        return self.scenario.start + timedelta(hours=self.scenario.hours)

    def left(self, hazard: str, models: Mapping[str, Hazard]) -> bool:
        """Return whether the run left a state of a hazard of a case with these `models`."""
        return (path := self._state(hazard, models)) is not None and path.exists()

    def state(self, hazard: str, models: Mapping[str, Hazard]) -> State | None:
        """Return where a hazard stopped; None for one that the run did not have, which begins anew.

        Raises SourceError for a state that is damaged.
        """
        path = self._state(hazard, models)
        return State.load(path) if path is not None and path.exists() else None

    def _state(self, hazard: str, models: Mapping[str, Hazard]) -> Path | None:
        """Return where the run keeps the state of a hazard, under the name that it has there; None where it has no such hazard."""
        name = same(hazard, models, build_hazards(self.scenario, str(self.folder)))
        return None if name is None else self.folder / f"state-{name}.npz"

    @cached_property
    def content_hash(self) -> str:
        """The hash of all that the run left to go on from."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob("state-*.npz")):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def check(self, city: City, start: datetime, actions: tuple[Action, ...], where: str) -> None:
        """Raise ScenarioError unless a run of `city` may begin here at `start` under `actions`.

        The city must be the same to the byte, the times must meet, and each measure that was in force at the end must be
        named again, with its own start if it goes on and with an `end` if it does not: a breach never heals unseen. Nor does
        a measure begin in hours that were run without it.
        """
        if (found := manifest.read(self.folder)["inputs"]["city"]) != city.content_hash:
            raise ScenarioError(
                "continues_city", where=where, run=self.id, found=found[:8], expected=city.content_hash[:8]
            )
        if self.end != start:
            end, begin = (t.astimezone(city.tz).isoformat(timespec="minutes") for t in (self.end, start))
            raise ScenarioError("continues_time", where=where, run=self.id, found=begin, expected=end)
        named = {(a.kind, a.place) for a in actions}
        length = self.scenario.hours * 3600.0
        before = timed(self.scenario, city.tz)
        known = {(a.kind, a.place) for a in before}
        for action in actions:
            if action.start_s < 0.0 and (action.kind, action.place) not in known:
                raise ScenarioError(
                    "continues_past", where=where, run=self.id, kind=action.kind, place=action.place,
                    expected=start.astimezone(city.tz).isoformat(timespec="minutes"),
                )  # fmt: skip
        for action in before:
            if (action.end_s is None or action.end_s > length) and (action.kind, action.place) not in named:
                begun = self.scenario.start.astimezone(city.tz) + timedelta(seconds=action.start_s)
                raise ScenarioError(
                    "continues_measure", where=where, run=self.id, kind=action.kind, place=action.place,
                    start=begun.isoformat(timespec="minutes"),
                )  # fmt: skip

    def check_varied(self, keys: Iterable[str], models: Mapping[str, Hazard], where: str) -> None:
        """Raise ScenarioError for a parameter that varies in an ensemble although the state that all members begin with fixes it."""
        for key in keys:
            hazard, _, name = key.partition(".")
            state = self.state(hazard, models) if hazard in models else None
            if state is not None and name in state.settings:
                raise ScenarioError("continues_vary", where=where, run=self.id, found=key)


def earlier_run(key: str, base: Path) -> Earlier:
    """Return the run a scenario names: a folder (relative to `base`), an id or its start, a scenario's newest, or "last"."""
    here = base / key
    return Earlier(find(str(here) if there(here) and here.is_dir() else key).absolute())
