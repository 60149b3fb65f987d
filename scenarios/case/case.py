"""A case: a scenario that has been read, can be checked, changed and run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from scenarios.case import event_levels, files, forcings, hazards, needs
from scenarios.case.earlier import Earlier, earlier_run
from scenarios.case.forcings.scene import Note, Scene
from scenarios.case.home import library, open_city, there
from scenarios.case.schema import Scenario, build_hazards, clock_of, parse, timed
from scenarios.case.settings import name_after
from scenarios.case.vary import Drawn, Variation, driven, parameters
from twin.city import GATES, City
from twin.clock import Clock
from twin.drivers import handed
from twin.errors import ScenarioError, TwinError
from twin.hazard import EVERYWHERE, Action, Checked, Drivers, Hazard, site_of
from twin.readers.yaml_file import read_text, read_yaml
from twin.sheet import CITY, Sheet, kind_of, names_of
from twin.words import Word, keys, near


@dataclass(frozen=True)
class Case:
    """A scenario with the folder its paths are relative to; `raw` is what the file says, `scenario` the same, checked.

    `origin` is the case as it was read, of one that was changed since (`with_setting`, `with_changes`). `member` is the number
    of the member of its ensemble that it stands for and `drawn` what that one draws (`as_member`).
    """

    raw: dict[str, Any]
    scenario: Scenario
    base: Path
    where: str
    origin: Case | None = None
    member: int = 0
    drawn: Drawn = field(default_factory=dict)

    @cached_property
    def city(self) -> City:
        """The city, opened once."""
        return open_city(self.scenario.city, self.base)

    @property
    def title(self) -> dict[str, str]:
        """The name of the scenario; of one that was changed since it was read, what differs, unless it was renamed too."""
        name: dict[str, str] = self.scenario.name.model_dump()
        if self.origin is None or name != self.origin.scenario.name.model_dump():
            return name
        return name_after(self.origin, self)

    @property
    def clock(self) -> Clock:
        """The clock of the run."""
        return clock_of(self.scenario)

    @cached_property
    def models(self) -> dict[str, Hazard]:
        """The hazards' models in the order written; the files they name stand in the scenario's folder."""
        models = build_hazards(self.scenario, self.where)
        return {name: files.at_home(model, self.base) for name, model in models.items()}

    @property
    def files(self) -> dict[str, Path]:
        """Every file that forcing, hazards and measures name, by the place where it is named."""
        parts = {"forcing": self.scenario.forcing, "hazards": self.models, "measures": self.scenario.measures}
        return {
            field: self.base / path for name, part in parts.items() for field, path in files.named(part, name).items()
        }

    def sheet(self, hazard: str) -> Sheet:
        """Return the sheet of a hazard of this case, or of any kind, with the city's own thresholds and the title it has here."""
        site = site_of(self.models[hazard]) if hazard in self.models else None
        own = hazards.own_sheet(kind_of(hazard), self.city)
        return own.named(hazard, None if site is None else self.city.place_name(site))

    def drivers(self) -> tuple[Drivers, list[Note]]:
        """Return the forcing, as this member draws it, and the notes on it as it is written."""
        drivers, notes = self._forcing
        return driven(drivers, self.drawn), list(notes)

    @cached_property
    def _forcing(self) -> tuple[Drivers, list[Note]]:
        """The forcing as it is written, read once."""
        continues = self.scenario.continues is not None
        return forcings.build(self.scenario.forcing, Scene(self.city, self.clock, self.base, continues))

    def renewed(self) -> Case:
        """Return the case with its files to be read anew, since they may have been edited; the city stays as it was opened."""
        case = replace(self)
        vars(case).update(city=self.city)  # a cached property
        return case

    def draws(self) -> list[Drawn]:
        """Return what each member of the ensemble draws; member 0 draws nothing, it is the scenario as it is written."""
        return Variation(self.scenario, self._forcing[0], self.where).draws()

    def as_member(self, member: int, drawn: Drawn) -> Case:
        """Return the case of one member of the ensemble; it shares what has been opened and read."""
        scenario = self.scenario.model_copy(update={"hazards": parameters(self.scenario, drawn, self.where)})
        case = replace(self, scenario=scenario, member=member, drawn=drawn)
        vars(case).update({name: getattr(self, name) for name in ("city", "_forcing", "earlier")})  # cached properties
        return case

    def actions(self) -> tuple[Action, ...]:
        """Return the measures as timed actions on the clock."""
        return timed(self.scenario, self.city.tz)

    def actions_of(self, hazard: str) -> tuple[Action, ...]:
        """Return the measures that a hazard is handed: the city's, and of its kind those at its place or at a part of it."""
        known, site = hazards.measures(self.models), site_of(self.models[hazard])
        return tuple(
            action
            for action in self.actions()
            if (owner := known[action.kind].owner) == CITY or (owner == kind_of(hazard) and self._reaches(action, site))
        )

    def _reaches(self, action: Action, site: str | None) -> bool:
        """Return whether a measure acts where a hazard at `site` (None: the whole city) can know of it."""
        return site is None or action.place in (EVERYWHERE, site) or self.city.part_of(action.place) == site

    @cached_property
    def earlier(self) -> Earlier | None:
        """The finished run that this one goes on from, found once."""
        key = self.scenario.continues
        return None if key is None else earlier_run(key, self.base)

    def check(self) -> Case:
        """Return self once everything a run needs is there; raise the first problem found.

        Checked: city, hazards and their parameters, clock, the files named, forcing, each hazard's needs (from forcing or an
        earlier hazard), each measure's kind and place, what each hazard itself refuses, the run that this one goes on from,
        what members of an ensemble draw.
        """
        clock, city = self.clock, self.city
        files.check(self.files, self.where)
        drivers, _ = self.drivers()
        left = {name for name in self.models if self.earlier is not None and self.earlier.left(name, self.models)}
        needs.check(self.models, drivers, {action.kind for action in self.actions()}, left, self.where)
        known = hazards.measures(self.models)
        hazards.check_levels(city)
        event_levels.thresholds(city)
        for action in self.actions():
            if action.kind not in known:
                raise ScenarioError("measure_kind", where=self.where, found=action.kind, expected=sorted(known))
            measure = known[action.kind]
            self._check_values(action, measure.values)
            if not (action.place == EVERYWHERE and measure.everywhere):
                self._check_place(city, action, measure.acts_on)
            self._check_reached(action, measure.owner)
            if (action.end_s is not None and action.end_s <= action.start_s) or action.start_s >= clock.duration_s:
                raise ScenarioError(
                    "measure_time",
                    where=self.where,
                    found=action.kind,
                    start=self._told(action.start_s),
                    end=self._told(clock.duration_s if action.end_s is None else action.end_s),
                    run=f"{self._told(0.0)} – {self._told(clock.duration_s)}",
                )
        if self.earlier is not None:
            self.earlier.check(city, clock.start, self.actions(), self.where)
        states = {name: self.earlier.state(name, self.models) if self.earlier else None for name in self.models}
        for name, model in self.models.items():
            if isinstance(model, Checked):
                model.check(city, handed(drivers, model), clock, self.actions_of(name), states[name])
        if self.earlier is not None:
            self.earlier.check_varied(self.scenario.ensemble.vary, self.models, self.where)
        self.draws()
        return self

    def _told(self, seconds: float) -> str:
        """Return a time on the clock with its date, in city time."""
        moment = self.scenario.start.astimezone(self.city.tz) + timedelta(seconds=seconds)
        return moment.strftime("%Y-%m-%d %H:%M")

    def _check_values(self, action: Action, wanted: Mapping[str, tuple[float, float]]) -> None:
        """Raise ScenarioError when a measure lacks a value, carries an unknown one, or one out of its range."""
        if set(action.values) != set(wanted):
            raise ScenarioError(
                "measure_values",
                where=self.where,
                found=action.kind,
                values=sorted(action.values),
                expected=sorted(wanted),
            )
        for name, (low, high) in wanted.items():
            if not low <= action.values[name] <= high:
                raise ScenarioError(
                    "measure_range",
                    where=self.where,
                    kind=action.kind,
                    name=name,
                    found=action.values[name],
                    low=low,
                    high=high,
                )

    def _check_place(self, city: City, action: Action, kind: str) -> None:
        """Raise ScenarioError when a measure's place is not of the kind it acts on."""
        known = city.ids(kind)
        if action.place not in known:
            wanted = Word(f"wanted.{kind}" if f"wanted.{kind}" in keys("en") else f"place.{kind}")
            what = {"where": self.where, "kind": action.kind, "wanted": wanted, "found": action.place}
            if not known:
                raise ScenarioError("measure_no_place", **what)
            raise ScenarioError("measure_place", **what, near=near(action.place, known))
        if kind not in GATES and not city.has_terrain(city.place(action.place)):
            raise ScenarioError("measure_off", where=self.where, kind=action.kind, found=action.place)

    def _check_reached(self, action: Action, owner: str) -> None:
        """Raise ScenarioError for a measure at a place that no hazard of its kind is about: nobody would heed it."""
        sites = [site_of(model) for name, model in self.models.items() if kind_of(name) == owner]
        if sites and not any(self._reaches(action, site) for site in sites):
            raise ScenarioError(
                "measure_elsewhere", where=self.where, kind=action.kind, found=action.place,
                hazard=hazards.sheet(owner).name, expected=sites,
            )  # fmt: skip

    def with_changes(self, **changes: Any) -> Case:
        """Return the case with top-level keys of the scenario replaced, e.g. `measures=[...]` or `hours=3`."""
        return self._changed({**copy.deepcopy(self.raw), **changes})

    def with_setting(self, setting: str) -> Case:
        """Return the case with one `dotted.key=value` changed, as `anlan run --set` takes it."""
        key, sep, value = setting.partition("=")
        if not sep:
            raise ScenarioError("setting", found=setting)
        raw = copy.deepcopy(self.raw)
        *path, last = key.split(".")
        if path[:2] == ["ensemble", "vary"]:  # what varies is named by a key with a dot
            path, last = path[:2], ".".join([*path[2:], last])
        node: Any = raw
        for part in path:
            node = _step(node, part, key)
        new = read_text(value, f"--set {key}")
        if isinstance(node, list):
            node[_index(node, last, key)] = new
        elif isinstance(node, dict):
            node[last] = new
        else:
            raise ScenarioError("setting_key", found=key)
        return self._changed(raw)

    def _changed(self, raw: dict[str, Any]) -> Case:
        return replace(self, raw=raw, scenario=parse(raw, self.where), origin=self.origin or self)


def load(name: str | Path) -> Case:
    """Load a scenario by library name or path."""
    path = Path(name)
    if not path.suffix and not there(path):
        known = library()
        if str(name) not in known:
            raise ScenarioError("unknown_scenario", found=str(name), expected=sorted(known))
        path = known[str(name)]
    raw = read_yaml(path)
    return Case(raw, parse(raw, str(path)), path.absolute().parent, str(path))


def titles(lang: str) -> dict[str, str]:
    """Return the title of every scenario by name; for one that cannot be read, what is wrong with it."""
    found = {}
    for name in library():
        try:
            found[name] = str(load(name).scenario.name.model_dump()[lang])
        except TwinError as error:
            found[name] = error.message(lang)
    return found


def _step(node: Any, part: str, key: str) -> Any:
    """Go one step down a dotted key; a hazard's name finds its row in the list of hazards."""
    if isinstance(node, list):
        kinds = [str(next(iter(row), "")) if isinstance(row, dict) else str(row) for row in node]
        for name, kind, row in zip(names_of(kinds), kinds, node, strict=True):
            if name == part and isinstance(row, dict) and isinstance(row[kind] or {}, dict):
                row[kind] = row[kind] or {}
                return row[kind]
        return node[_index(node, part, key)]
    if not isinstance(node, dict):
        raise ScenarioError("setting_key", found=key)
    return node.setdefault(part, {})


def _index(node: list[Any], part: str, key: str) -> int:
    if not part.isdecimal() or int(part) >= len(node):
        raise ScenarioError("setting_key", found=key)
    return int(part)
