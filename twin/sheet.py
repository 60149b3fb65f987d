"""What a hazard's `hazard.yaml` says, as plain frozen data: who is counted, level rules, draft tasks, measures, maps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from twin.errors import ScenarioError
from twin.units import printed
from twin.words import Word

COLOURS = ("blue", "yellow", "orange", "red")  # rising order; GB/T names IV, III, II, I

#: What a rule may say of its sense and its statistic (`Rule`).
SENSES, STATISTICS = ("above", "below"), ("max", "area")

#: Who is counted (`Scale.of`) and when (`Scale.when`), and what a hazard may get to besides open ground (`Sheet.reaches`).
RECEPTORS, WHEN = ("people", "buildings", "roads"), ("at_once", "ever")
REACHES = ("bridges", "roofs", "rivers", "gaps")

#: What a task asks of its place (`TaskRule.asks`): its people leave it, stay in it, it is opened and used, or nobody goes there.
ASKS = ("leave", "stay", "open", "avoid")

#: What a task may bring to its place, and another bar from its own and all that stands in it (`TaskRule.brings`, `bars`).
BROUGHT = ("vehicles",)

#: Of the members of an ensemble, so many percent do not exceed a value told as this quantile.
QUANTILES = (10, 50, 90)

#: What a city may set of a rule in its `city.yaml`; variable, unit and sense are the hazard's.
OWN = (*COLOURS, "statistic", "closes_at")

#: The owner of the measures that belong to no hazard.
CITY = "city"


def names_of(kinds: Iterable[str]) -> list[str]:
    """Return the name of each hazard of a case by its kind: the first of a kind is called as its kind, a further one "x-2", "x-3"."""
    count: Counter[str] = Counter()
    names = []
    for kind in kinds:
        count[kind] += 1
        names.append(kind if count[kind] == 1 else f"{kind}-{count[kind]}")
    return names


def kind_of(name: str) -> str:
    """Return the kind of a hazard by its name in a case (`names_of`): sheet and words stand under it."""
    return re.sub(r"-\d+$", "", name)


def expect(hazard: str, where: str, found: Any, known: Collection[Any]) -> None:
    """Raise ScenarioError unless what a sheet says is among what is known."""
    if found not in known:
        told = [value for value in known if value is not None]
        raise ScenarioError("sheet_value", hazard=Word(f"hazard.{hazard}"), where=where, found=found, expected=told)


@dataclass(frozen=True)
class Scale:
    """A variable cut into classes, and who is counted in them.

    Class k is [classes[k], classes[k + 1]) of `variable`, called `names[k]` where classes have names. `of` are the receptors:
    "people", "buildings", "roads" (a length, m). `when` is "at_once" (who stands in each class at each output time)
    or "ever" (who meets it as the worst class of the run). Without a `variable` the model itself counts: `Outcome.counts` holds
    this scale's table and classes are 1, 2, 3, ... `harms_from` is the lower bound from which people are harmed.
    """

    code: str
    of: tuple[str, ...]
    classes: tuple[float, ...]
    variable: str = ""
    unit: str = "1"
    when: str = "at_once"
    names: tuple[str, ...] = ()
    harms_from: float | None = None
    source: str = ""

    def name(self, k: int) -> str:
        """Return the name of class `k` (counted from 0): its own, else its lower bound with the unit."""
        bound = f"{self.classes[k]:g}" if self.unit == "1" else f"{self.classes[k]:g} {printed(self.unit)}"
        return self.names[k] if self.names else bound


@dataclass(frozen=True)
class Rule:
    """How one kind of place gets its colour: a variable, a statistic over the place, and a bound for each colour.

    `statistic`: "max" (the worst cell of the place) or "area" (the value reached on a twentieth of its open ground). `sense`:
    "above" (higher is worse) or "below". `closes_at`: the colour at which such a place is closed, None for never.
    """

    variable: str
    unit: str
    statistic: str
    blue: float
    yellow: float
    orange: float
    red: float
    sense: str = "above"
    closes_at: str | None = None

    def threshold(self, colour: str) -> float:
        """Return the bound of a colour."""
        return float(getattr(self, colour))

    @property
    def bounds(self) -> list[float]:
        """The bounds from blue to red."""
        return [getattr(self, colour) for colour in COLOURS]

    @property
    def sign(self) -> float:
        """1 where higher is worse, -1 where lower is: a value times it rises with the danger."""
        return -1.0 if self.sense == "below" else 1.0

    @property
    def closing(self) -> float:
        """The bound at which a place is closed; for one that never is, a value that is never met."""
        return self.threshold(self.closes_at) if self.closes_at else self.sign * np.inf

    def check(self, hazard: str, kind: str) -> None:
        """Raise ScenarioError for a word that is none of those known, and for bounds that do not grow worse from blue to red."""
        for name, known in (("sense", SENSES), ("statistic", STATISTICS), ("closes_at", (None, *COLOURS))):
            expect(hazard, f"levels.{kind}.{name}", getattr(self, name), known)
        bounds = self.bounds
        plain = (isinstance(b, (int, float)) and not isinstance(b, bool) and np.isfinite(b) for b in bounds)
        if not all(plain) or any(a * self.sign > b * self.sign for a, b in pairwise(bounds)):
            what = {"hazard": Word(f"hazard.{hazard}"), "kind": Word(f"place.{kind}"), "sense": self.sense}
            raise ScenarioError("sheet_bounds", found=bounds, **what)


#: The level of a task that is told in the colour of its place.
OWN_COLOUR = "place"

#: The level of a task that is told in the colour that its row names in a column `level`.
ROW_COLOUR = "row"


@dataclass(frozen=True)
class TaskRule:
    """When to draft which task.

    By colour: one per place of `place` kind that reaches colour `at`; "closes" is the colour at which the sheet closes such places;
    "none" drafts for every such place `near` others. By a row of a table of the model: one per row of `table` whose columns hold what
    `where` says; the row's `id` is the place, `by_s` (seconds on the clock) the moment that the task must come before, `lead_s` by how
    long where it is not `before_min`, `until_s` its end where one is known, and `level` the colour it is told in; OWN_COLOUR tells it
    in the worst colour that its place reaches, in the mildest where it reaches none; ROW_COLOUR in that of the row's `level`. A row may
    hold `dose_stay` and `dose_leave`, what people collect who stay there and who leave (1 is danger to life), and the shares of them
    who set out too late (`late_share`) and who find no open way (`cut_off_share`): a task that asks to leave and contradicts them is a
    conflict.
    Its crew `stays` to the end of the task, or leaves when it is set up. `asks` says what it asks of its place (ASKS, empty for
    nothing of these), `excludes` what no other task may ask of the same place before this one is over. `brings` says what it brings to
    its place (BROUGHT), `bars` what no other task may bring there, or to what stands in it, before this one is over. `covers` names
    tasks of the same sheet that say no more of the same place: they are not drafted beside this one, which takes their window in.
    Where it `joins`, tasks at ways of one name that touch are one task.
    """

    code: str
    unit: str
    before_min: float
    setup_min: float
    place: str = ""
    at: str = ""
    stays: bool = True
    asks: str = ""
    excludes: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    joins: bool = False
    near: Mapping[str, Any] | None = None
    table: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    level: str = ""


@dataclass(frozen=True)
class MapLayer:
    """A field as it is drawn: a variable, at one place of its other dimensions, divided by `per`, in steps of colour.

    `colormap` gives lower bound and colour of each step, `names` their names where bounds say little, `steps` the bounds
    of differences between two runs; `word` is the key of its label. A variable in time is drawn at one time or at its worst:
    its largest, its smallest where the `sense` is "below".
    """

    code: str
    variable: str
    word: str
    colormap: tuple[tuple[float, str], ...]
    at: Mapping[str, float] = field(default_factory=dict)
    per: float = 1.0
    names: tuple[str, ...] = ()
    steps: tuple[float, ...] = ()
    sense: str = "above"

    def of(self, fields: xr.Dataset, time: int | None = None) -> xr.DataArray:
        """Return the field, on (y, x) or on ids, in the unit of the label; at the output step `time`, else its worst."""
        array = fields[self.variable].sel(self.at, method="nearest") if self.at else fields[self.variable]
        if "time" in array.dims:
            worst = array.min if self.sense == "below" else array.max
            array = worst("time") if time is None else array.isel(time=time)
        return array / self.per if self.per != 1.0 else array

    @property
    def bounds(self) -> tuple[float, ...]:
        """Lower bounds of the colours."""
        return tuple(bound for bound, _ in self.colormap)


@dataclass(frozen=True)
class Measure:
    """A kind of timed measure or event: what it carries, where it acts, and what it takes.

    `values` gives the range of each value it must carry; `acts_on` the kind of place (`City.ids`); `everywhere` whether it may
    work in the whole city. An `event` befalls the city: nobody knows of it before it begins, and it costs nothing.
    Otherwise the crew `unit` needs `setup_min`, and it costs yuan once and per hour it stands. `failure_below` bounds values
    below which the action is something that fails, not something that is done: it costs nothing.
    """

    kind: str
    owner: str
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    acts_on: str = "place"
    everywhere: bool = False
    event: bool = False
    unit: str = ""
    setup_min: float = 0.0
    cost_cny: float = 0.0
    cost_cny_per_h: float = 0.0
    failure_below: Mapping[str, float] = field(default_factory=dict)

    def is_free(self, values: Mapping[str, float]) -> bool:
        """Return whether an action with these values costs nothing: an event, or a failure."""
        return self.event or any(values[name] < bound for name, bound in self.failure_below.items())

    def cost(self, hours: float) -> float:
        """Return yuan for a measure that stands for `hours`."""
        return self.cost_cny + self.cost_cny_per_h * hours


@dataclass(frozen=True)
class Figure:
    """A number of the whole run that runs are compared by: `column` of a table of the model that has one row, divided by `per`."""

    code: str
    table: str
    column: str
    per: float = 1.0


@dataclass(frozen=True)
class Cap:
    """What CAP 1.2 asks of a hazard: categories, the official event code if the city has one, response and urgency by colour."""

    category: tuple[str, ...]
    response: Mapping[str, str]
    urgency: Mapping[str, str]
    event_code: str | None = None


@dataclass(frozen=True)
class Sheet:
    """One hazard's sheet.

    `id` is the hazard's name: that of its kind, or in a case the one it has there (`names_of`); `name` what it is called.
    `lead` is the variable that maps and desk show first. `rules` gives each kind of place its rule. `reaches` says what the
    hazard gets to besides open ground: "bridges", "roofs", "rivers", "gaps" (where the terrain is not known). `kept` maps a
    variable to the one that holds its worst value of every step, not only of the output times. `beside` maps a variable to one on other
    axes that says the same of some things (cells: roads): at what both tell of, the worse of the two holds. `unlike` names the parameters
    whose change makes figures of two runs hard to compare; `by_chance` says that one draw may differ from the next as much. `engines` are
    programs of others that the model calls, by the names they are installed under. `since` names a table of the model whose earliest
    `begins_s` (s on the clock) is when all of the hazard begins: before that no place has a colour.
    """

    id: str
    model: str
    name: Mapping[str, str]
    lead: str
    scales: tuple[Scale, ...]
    rules: Mapping[str, Rule]
    rules_version: str
    rules_source: str
    expiry_hours: float
    tasks: tuple[TaskRule, ...]
    cap: Cap
    lead_layer: MapLayer
    layers: tuple[MapLayer, ...] = ()
    reaches: frozenset[str] = frozenset()
    kept: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    unlike: tuple[str, ...] = ()
    since: str = ""
    by_chance: bool = False
    engines: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()

    @property
    def of_members(self) -> frozenset[str]:
        """The tables of the model that an ensemble keeps of each member: those that tasks or figures are drawn from."""
        return frozenset({rule.table for rule in self.tasks if rule.table} | {figure.table for figure in self.figures})

    @property
    def kind(self) -> str:
        """The hazard's kind: its words stand under it."""
        return kind_of(self.id)

    def scale(self, code: str) -> Scale:
        """Return a scale by its code."""
        return next(scale for scale in self.scales if scale.code == code)

    @property
    def danger(self) -> Scale | None:
        """The scale whose classes say how badly a place is hit over the whole run: the first with classes that harm."""
        return next((s for s in self.scales if s.harms_from is not None and s.variable), None)

    def colour_of(self, task: TaskRule) -> str:
        """Return the colour at which a task is due."""
        return str(self.rules[task.place].closes_at) if task.at == "closes" else task.at

    @property
    def peak_layer(self) -> MapLayer:
        """The layer of the lead variable's worst values: of the variable that keeps them, else the lead variable's own."""
        worst = self.kept.get(self.lead, self.lead)
        return next((layer for layer in self.layers if layer.variable == worst), self.lead_layer)

    def drawable(self, fields: xr.Dataset) -> list[MapLayer]:
        """Return the layers whose variable is there, the lead variable's first, the quantiles of an ensemble last."""
        mine = [layer for layer in (self.lead_layer, *self.layers) if layer.variable in fields]
        return mine + [layer for layer in self.spread_layers if layer.variable in fields]

    @property
    def spread_layers(self) -> tuple[MapLayer, ...]:
        """The quantiles of the members' worst fields, which only an ensemble has."""
        peak = self.peak_layer
        name = self.worst_name
        return tuple(
            replace(peak, code=f"{peak.code}_p{q}", variable=f"{name}_p{q}", word=f"{peak.word}_p{q}")
            for q in QUANTILES
        )

    @property
    def worst_name(self) -> str:
        """What the worst field in time is called: its variable where that has no time, else with `_worst` behind it."""
        variable = self.peak_layer.variable
        return variable if variable != self.lead else f"{variable}_worst"

    def check(self) -> Sheet:
        """Return self; raise ScenarioError for a word that nothing knows, and for bounds and classes out of order."""
        for kind, rule in self.rules.items():
            rule.check(self.id, kind)
        for scale in self.scales:
            for of in scale.of:
                expect(self.id, f"scales.{scale.code}.of", of, RECEPTORS)
            expect(self.id, f"scales.{scale.code}.when", scale.when, WHEN)
            expect(self.id, f"scales.{scale.code}.classes", scale.classes, [tuple(sorted(set(scale.classes)))])
            expect(self.id, f"scales.{scale.code}.harms_from", scale.harms_from, [None, *scale.classes])
            expect(self.id, f"scales.{scale.code}.names", len(scale.names), (0, len(scale.classes)))
        for layer in (self.lead_layer, *self.layers):
            expect(self.id, f"layers.{layer.code}.sense", layer.sense, SENSES)
        for word in sorted(self.reaches):
            expect(self.id, "reaches", word, REACHES)
        for task in self.tasks:
            expect(self.id, f"tasks.{task.code}.asks", task.asks, ("", *ASKS))
            for word in task.excludes:
                expect(self.id, f"tasks.{task.code}.excludes", word, ASKS)
            for code in task.covers:
                expect(self.id, f"tasks.{task.code}.covers", code, [other.code for other in self.tasks])
            for word in (*task.brings, *task.bars):
                expect(self.id, f"tasks.{task.code}.brings, bars", word, BROUGHT)
            if task.table:
                expect(self.id, f"tasks.{task.code}.level", task.level, (*COLOURS, OWN_COLOUR, ROW_COLOUR))
                continue
            expect(self.id, f"tasks.{task.code}.place", task.place, self.rules)
            near = task.near or {}
            expect(self.id, f"tasks.{task.code}.at", task.at, ["none"] if near else ["closes", *COLOURS])
            if near:
                expect(self.id, f"tasks.{task.code}.near.place", near["place"], self.rules)
                expect(self.id, f"tasks.{task.code}.near.at", near["at"], COLOURS)
            elif task.at == "closes":
                expect(self.id, f"levels.{task.place}.closes_at", self.rules[task.place].closes_at, COLOURS)
        return self

    def named(self, name: str, place: Mapping[str, str] | None) -> Sheet:
        """Return the sheet of the hazard that is called `name` in a case, its title with the name of the place it is about."""
        title = {lang: f"{said} · {place[lang]}" for lang, said in self.name.items()} if place else self.name
        return replace(self, id=name, name=title)

    def with_overrides(self, rules: Mapping[str, Mapping[str, Any]]) -> Sheet:
        """Return the sheet with a city's own thresholds in place of the default ones.

        Raises ScenarioError for a kind of place that the sheet does not grade, for what is none of `OWN`, and for a bound that
        cannot be: bounds are above zero where higher is worse, else not below it, unless the sheet itself has lower ones.
        """
        merged = dict(self.rules)
        for kind, own in rules.items():
            expect(self.id, "city.yaml: levels", kind, self.rules)
            for key in own if isinstance(own, Mapping) else [own]:
                expect(self.id, f"city.yaml: levels.{kind}", key, OWN)
            merged[kind] = replace(merged[kind], **own)
            merged[kind].check(self.id, kind)
            self._check_own(kind, merged[kind])
        return replace(self, rules=merged).check() if rules else self

    def _check_own(self, kind: str, own: Rule) -> None:
        least = min(self.rules[kind].bounds)
        for colour in COLOURS:
            bound = own.threshold(colour)
            if bound < min(least, 0.0) or (bound <= 0.0 < least and own.sign > 0):
                where = {"hazard": Word(f"hazard.{self.id}"), "kind": kind, "colour": colour}
                raise ScenarioError("level_low", found=bound, **where)
