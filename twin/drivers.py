"""What drives a hazard: forcing and what earlier hazards gave, each on its own axes; nothing is joined or filled."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from twin.errors import ContractError
from twin.hazard import Drivers, Hazard, Outcome
from twin.variables import Variable, conform_array

#: What a hazard may name in `needs`: an earlier run left a state of it.
STATE = "state"


def tags_of(array: xr.DataArray) -> frozenset[str]:
    """Return the tags that a driver carries."""
    return frozenset(str(array.attrs.get("tags", "")).split())


def tagged(drivers: Drivers, tag: str) -> dict[str, xr.DataArray]:
    """Return the drivers that carry a tag."""
    return {name: array for name, array in drivers.items() if tag in tags_of(array)}


def handed(drivers: Drivers, hazard: Hazard | type[Hazard]) -> Drivers:
    """Return the drivers that a hazard's `needs` and `reads` name, by name or tag: all that it may see."""
    asked = _asked(hazard)
    return {name: array for name, array in drivers.items() if asked & {name, *tags_of(array)}}


def unread(drivers: Drivers, hazards: Iterable[Hazard]) -> list[str]:
    """Return the names of the drivers that none of the hazards names in its `needs` or `reads`, so that they change nothing."""
    asked = {word for hazard in hazards for word in _asked(hazard)}
    return [name for name, array in drivers.items() if not asked & {name, *tags_of(array)}]


def hand_on(drivers: Drivers, hazard: Hazard, outcome: Outcome) -> Drivers:
    """Return the drivers of the next hazard: those of this one and what it `gives`, each as it is.

    Raises ContractError when something it gives is missing, is there already, or does not keep its promise.
    """
    given = dict(drivers)
    for variable in hazard.gives:
        if variable.name not in outcome.fields:
            raise ContractError("variable_missing", name=variable.name, found=sorted(map(str, outcome.fields)))
        if variable.name in given:
            raise ContractError("driver_twice", name=variable.name)
        given[variable.name] = conform_array(outcome.fields[variable.name], variable)
    return given


def names_and_tags(variables: Iterable[Variable]) -> set[str]:
    """Return all by which a hazard may ask for these variables."""
    return {word for v in variables for word in (v.name, *v.tags)}


def _asked(hazard: Hazard | type[Hazard]) -> set[str]:
    """Return all names and tags that a hazard's `needs` and `reads` hold."""
    return {name for group in hazard.needs for name in group} | set(hazard.reads)


def lacking(hazard: Hazard, offered: set[str]) -> list[tuple[str, ...]]:
    """Return the groups of a hazard's `needs` of which nothing is among the names, tags and kinds `offered`."""
    return [group for group in hazard.needs if not offered & set(group)]
