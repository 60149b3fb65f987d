"""What differs between the members of an ensemble: which keys of a scenario may vary, what each member draws, and its effect.

Member 0 is the scenario as it is written. Each key has a stream of draws of its own, so what one key draws does not depend on
the other keys, and two scenarios with the same seed are compared on the same draws.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scenarios.case.distribution import Distribution
from scenarios.case.forcings import FORCINGS
from scenarios.case.hazards import sheet
from scenarios.case.schema import Scenario, build_hazards, build_model
from twin.errors import ScenarioError
from twin.hazard import Drivers
from twin.sheet import kind_of, names_of
from twin.streams import stream
from twin.variables import conform_array
from twin.words import near

#: What a member draws: a value by key.
Drawn = Mapping[str, float | str]

#: A draw of a normal or lognormal distribution that is out of range is drawn again, at most so often.
TRIES = 1000


@dataclass(frozen=True)
class Variation:
    """A scenario, its forcing as written, and where it is from: all that decides what its members draw."""

    scenario: Scenario
    drivers: Drivers
    where: str

    @cached_property
    def keys(self) -> list[str]:
        """What may vary: each forcing that there is, and each parameter of a hazard that is a number or a word."""
        forcing = [f"{name}.{kind.varies}" for name, kind in FORCINGS.items() if kind.varies and self._given(name)]
        models: dict[str, Any] = {**build_hazards(self.scenario, self.where)}
        fields = [
            (name, field.name, getattr(m, field.name)) for name, m in models.items() for field in dataclasses.fields(m)
        ]
        return forcing + [f"{name}.{field}" for name, field, value in fields if isinstance(value, (int, float, str))]

    def draws(self) -> list[Drawn]:
        """Return what each member draws.

        Raises ScenarioError for a key that may not vary (what a sheet names under `unlike` changes the cells or ids, and members
        of other cells cannot be put together), for a distribution that is none, and for one that leaves the range of
        what it varies.
        """
        ensemble = self.scenario.ensemble
        for key, distribution in ensemble.vary.items():
            if key not in self.keys:
                raise ScenarioError("vary_key", where=self.where, found=key, near=near(key, self.keys))
            if key in self._cells:
                raise ScenarioError("vary_unlike", where=self.where, found=key)
            if not distribution.is_whole:
                found = distribution.model_dump(exclude_unset=True)
                raise ScenarioError("vary_form", where=self.where, varied=key, found=str(found))
            for value in distribution.ends:
                self._check(key, value)
        members: list[Drawn] = [{}]
        for member in range(1, ensemble.members):
            drawn = {key: self._draw(key, distribution, member) for key, distribution in ensemble.vary.items()}
            parameters(self.scenario, drawn, self.where)
            members.append(drawn)
        return members

    @cached_property
    def _cells(self) -> set[str]:
        """What must be the same in all members."""
        names = build_hazards(self.scenario, self.where)
        return {f"{name}.{parameter}" for name in names for parameter in sheet(kind_of(name)).unlike}

    def _given(self, name: str) -> bool:
        return getattr(self.scenario.forcing, name) is not None

    def _draw(self, key: str, distribution: Distribution, member: int) -> float | str:
        rng = stream(self.scenario.seed, f"vary.{key}", member)
        for _ in range(1 if distribution.ends else TRIES):
            value = distribution.draw(rng)
            try:
                self._check(key, value)
            except ScenarioError as error:
                wrong = error
            else:
                return value
        raise wrong

    def _check(self, key: str, value: float | str) -> None:
        """Raise ScenarioError unless what varies may take this value."""
        name = key.partition(".")[0]
        if name not in FORCINGS:
            try:
                parameters(self.scenario, {key: value}, "")
            except ScenarioError as error:
                raise ScenarioError("vary_value", where=self.where, varied=key, found=value, why=error) from None
            return
        low, high = self._ranges[name]
        if not isinstance(value, float) or not low <= value <= high:
            raise ScenarioError("vary_range", where=self.where, varied=key, found=value, low=low, high=high)

    @cached_property
    def _ranges(self) -> dict[str, tuple[float, float]]:
        """The range of the factor or shift of each forcing that keeps its values in the range of their variables."""
        found = {}
        for name, kind in FORCINGS.items():
            low, high = (0.0 if kind.varies == "factor" else -math.inf), math.inf
            for variable in kind.gives:
                if variable.name in self.drivers:
                    values = self.drivers[variable.name]
                    least, most = float(values.min()), float(values.max())
                    if kind.varies == "factor":
                        high = min(
                            high, *(b / v for b, v in ((variable.low, least), (variable.high, most)) if b * v > 0)
                        )
                    else:
                        low, high = max(low, variable.low - least), min(high, variable.high - most)
            found[name] = low, high
        return found


def parameters(scenario: Scenario, drawn: Drawn, where: str) -> list[dict[str, dict[str, Any]]]:
    """Return the hazards of a scenario with the parameters that a member draws, once their models take them."""
    rows = []
    kinds = [next(iter(row)) for row in scenario.hazards]
    for name, row in zip(names_of(kinds), scenario.hazards, strict=True):
        ((kind, written),) = row.items()
        mine = {key.partition(".")[2]: value for key, value in drawn.items() if key.partition(".")[0] == name}
        if mine:
            build_model(name, written | mine, where)
        rows.append({kind: written | mine})
    return rows


def driven(drivers: Drivers, drawn: Drawn) -> Drivers:
    """Return the forcing under what a member draws: times its factor, or plus its shift."""
    changed = dict(drivers)
    for key, value in drawn.items():
        name, _, how = key.partition(".")
        for variable in FORCINGS[name].gives if name in FORCINGS else ():
            if variable.name in changed:
                array = changed[variable.name]
                varied = array * float(value) if how == "factor" else array + float(value)
                changed[variable.name] = conform_array(varied.assign_attrs(array.attrs), variable)
    return changed
