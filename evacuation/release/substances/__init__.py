"""Substances: one table a file, each value with its unit, source and confidence. A file more is a substance more.

Columns: quantity, value, unit, family (of values that disagree and are chosen by name: probits, toxic loads), source, confidence.
Of a quantity with several values the first of the highest confidence is taken. A city may have tables of its own (`City.substances`);
one that is called as one of these files stands in its place.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from twin.errors import ScenarioError
from twin.words import LANGS, near

GAS = 8.314462
#: Parts per million of the published limits are of air at 25 C and 1 atm.
LIMITS_K, ATMOSPHERE_PA = 298.15, 101325.0

CONFIDENCE = ("high", "medium", "low", "")

#: Columns of a table.
COLUMNS = ("quantity", "value", "unit", "family", "source", "confidence")

#: No tables of a city.
NONE: Mapping[str, str] = MappingProxyType({})

#: Quantities that are names by which a scenario may call the substance, besides that of its table.
NAMES = ("also", "name_zh", "name_en")

#: How the quantities begin whose unit must be this one, and those that may lie below 0.
UNITS = {
    **{
        "AEGL": "ppm",
        "ERPG": "ppm",
        "IDLH": "ppm",
        "LFL": "vol%",
        "HJ169": "mg/m3",
        "molar_mass": "g/mol",
        "boiling_point": "K",
        "critical_t": "K",
    },
    **{"critical_p": "Pa", "latent": "J/kg", "gas_heat": "J/kg/K", "liquid_heat": "J/kg/K", "liquid_density": "kg/m3"},
}
SIGNED = ("antoine", "probit_a")

#: What releases take of their substance; one of gas from a vessel or a pipe also gamma_25C.
NEEDED = (
    *(
        "molar_mass",
        "boiling_point",
        "latent_heat_at_Tb",
        "gas_heat_capacity_25C",
        "liquid_heat_capacity",
        "liquid_density",
    ),
    *("antoine_A", "antoine_B", "antoine_C"),
)

#: What a relation of toxic load to harm consists of.
RESPONSES = ({"probit_a", "probit_b", "probit_n"}, {"slot_load", "slot_n"})

#: Durations of the published limits -> seconds.
DURATIONS = {"10min": 600.0, "30min": 1800.0, "60min": 3600.0, "4h": 14400.0, "8h": 28800.0}


@dataclass(frozen=True)
class Value:
    """A number with its unit, family, source and confidence."""

    value: float
    unit: str
    family: str
    source: str
    confidence: str


@dataclass(frozen=True)
class Family:
    """A relation of toxic load C^n t to harm: a probit (a, b) or a `load` that about 1 % do not survive (SLOT).

    C in mg m-3 or, where `ppm`, in ppm; t in minutes.
    """

    name: str
    n: float
    ppm: bool
    a: float = math.nan
    b: float = math.nan
    load: float = math.nan

    @property
    def slot(self) -> bool:
        """Whether the relation is a load that about 1 % do not survive, and no probit."""
        return math.isfinite(self.load)

    def load_of(self, c: NDArray[np.floating], dt: float, unit: float) -> NDArray[np.float64]:
        """Return the toxic load, min, of concentrations (time, place) that last `dt` s each, kg m-3; `unit`: 1 of C in kg m-3."""
        return np.asarray(((c / unit) ** self.n).sum(axis=0) * dt / 60.0, dtype=np.float64)

    def response(self, load: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return, of toxic loads: the share of people who would die (probit), or the share of the SLOT load."""
        if self.slot:
            return load / self.load
        with np.errstate(divide="ignore"):  # no load: nobody dies
            return np.asarray(ndtr(self.a + self.b * np.log(load) - 5.0))


@dataclass(frozen=True)
class Substance:
    """A substance by its name in a scenario: `values` by quantity; `taken` is the one of the highest confidence.

    own: the table is the city's.
    """

    id: str
    name: Mapping[str, str]
    values: Mapping[str, tuple[Value, ...]]
    own: bool = False
    taken: Mapping[str, Value] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        best = {q: min(vs, key=lambda v: CONFIDENCE.index(v.confidence)) for q, vs in self.values.items()}
        object.__setattr__(self, "taken", best)

    def best(self, quantity: str) -> Value | None:
        """Return the value that is taken; None where the table has none."""
        return self.taken.get(quantity)

    def number(self, quantity: str) -> float:
        """Return a value; raise ScenarioError where the table lacks it."""
        if (best := self.best(quantity)) is None:
            raise ScenarioError("substance_value", found=self.id, name=quantity)
        return best.value

    def check(self) -> None:
        """Raise ScenarioError with all of NEEDED that the table lacks."""
        if lacks := [quantity for quantity in NEEDED if self.best(quantity) is None]:
            raise ScenarioError("substance_value", found=self.id, name=lacks)

    @property
    def molar_kg(self) -> float:
        """Molar mass, kg mol-1."""
        return self.number("molar_mass") / 1000.0

    def vapour_pressure(self, temperature: float) -> float:
        """Return the vapour pressure, Pa, at K; the published fit holds from 200 to 330 K."""
        a, b, c = (self.number(f"antoine_{k}") for k in "ABC")
        return float(10.0 ** (a - b / (temperature + c)))

    def gas_density(self, temperature: float, pressure: float = ATMOSPHERE_PA) -> float:
        """Return the density of the gas as an ideal one, kg m-3."""
        return pressure * self.molar_kg / (GAS * temperature)

    def kg_m3(self, ppm: float) -> float:
        """Return the concentration of parts per million of air at 25 C and 1 atm, kg m-3."""
        return ppm * 1e-6 * self.gas_density(LIMITS_K)

    def limits(self, level: str) -> dict[float, float]:
        """Return the published concentrations (kg m-3) of a level ("AEGL3", "ERPG3") by duration, s."""
        found = {s: self.best(f"{level}_{text}") for text, s in DURATIONS.items()}
        return {s: self.kg_m3(v.value) for s, v in found.items() if v is not None}

    @property
    def flammable_kg_m3(self) -> float | None:
        """The lower flammable limit, kg m-3; None for what does not burn (or is not known to)."""
        found = self.best("LFL")
        return None if found is None else self.kg_m3(found.value * 1e4)

    @property
    def uptake(self) -> float:
        """One over the resistance of a town's surface to the gas, m s-1; 0 where the table has none: then nothing deposits."""
        found = self.best("surface_resistance_urban")
        return 0.0 if found is None else 1.0 / found.value

    def families(self) -> dict[str, Family]:
        """Return the relations of toxic load to harm by name, as far as the table has them."""
        names = dict.fromkeys(v.family for vs in self.values.values() for v in vs if v.family)
        found = {}
        for name in names:
            own = {q: v for q, vs in self.values.items() for v in vs if v.family == name}
            ppm = "ppm" in next(iter(own.values())).unit
            number = {q.partition("_")[2]: v.value for q, v in own.items()}
            found[name] = Family(name, ppm=ppm, **number)
        return found


def known(own: Mapping[str, str] = NONE) -> dict[str, str]:
    """Return every name a scenario may use (as `_key` writes it) -> the name of its table; `own`: tables of the city, by name."""
    tables = _packaged() | {_key(name): text for name, text in own.items()}
    names = {name: name for name in tables}
    for name, text in tables.items():
        names = {_key(row["value"]): name for row in _rows(name, text) if row["quantity"] in NAMES} | names
    return names


def table_of(name: str, own: Mapping[str, str] = NONE) -> str | None:
    """Return the name of the table of a substance that is called so, None where there is none; `own`: tables of the city."""
    return known(own).get(_key(name))


def substance(name: str, own: Mapping[str, str] = NONE) -> Substance:
    """Return a substance; `own`: tables of the city, by name.

    Raises ScenarioError with near names for an unknown one, and for a table that lacks a column or a name of the substance, or has
    a bad number or another unit than the model takes.
    """
    tables = {_key(file): text for file, text in own.items()}
    if (file := table_of(name, own)) is None:
        raise ScenarioError("substance_unknown", found=name, near=near(_key(name), sorted(known(own))))
    return _read(file, tables.get(file) or _packaged()[file], own=file in tables)


@cache
def _read(file: str, text: str, own: bool) -> Substance:
    """Return the substance of a table."""
    values, said = dict[str, list[Value]](), dict[str, str]()
    for row in _rows(file, text):
        quantity = row["quantity"]
        if quantity in ("also", "cas"):
            continue
        if quantity.startswith("name_"):
            said[quantity.removeprefix("name_")] = row["value"]
            continue
        try:
            number = float(row["value"])
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or (number <= 0.0 and not quantity.startswith(SIGNED)):
            raise ScenarioError("substance_number", found=f"{file}.csv", name=quantity, text=row["value"] or "-")
        for start, unit in UNITS.items():
            if quantity.startswith(start) and row["unit"].partition(" ")[0] != unit:
                found = row["unit"] or "-"
                raise ScenarioError("substance_unit", where=f"{file}.csv", name=quantity, found=found, expected=unit)
        known_as = row["confidence"] if row["confidence"] in CONFIDENCE else "low"
        values.setdefault(quantity, []).append(Value(number, row["unit"], row["family"], row["source"], known_as))
    _check_families(file, values)
    for lang in LANGS:
        if not said.get(lang):
            raise ScenarioError("substance_value", found=file, name=f"name_{lang}")
    return Substance(file, said, {q: tuple(v) for q, v in values.items()}, own)


def _check_families(file: str, values: Mapping[str, list[Value]]) -> None:
    """Raise ScenarioError for a relation of toxic load to harm that is not whole, or whose unit of C is not said."""
    for name in dict.fromkeys(v.family for vs in values.values() for v in vs if v.family):
        own = {q: v for q, vs in values.items() for v in vs if v.family == name}
        if set(own) not in RESPONSES:
            raise ScenarioError("substance_response", where=f"{file}.csv", name=name, found=sorted(own))
        for quantity, value in own.items():
            if not any(unit in value.unit for unit in ("ppm", "mg/m3")):
                found = value.unit or "-"
                raise ScenarioError(
                    "substance_unit", where=f"{file}.csv", name=quantity, found=found, expected="ppm, mg/m3"
                )


@cache
def _packaged() -> dict[str, str]:
    """Return the tables that come with the model, by name."""
    paths = sorted((p for p in files(__package__).iterdir() if p.name.endswith(".csv")), key=lambda p: p.name)
    return {path.name[:-4]: path.read_text("utf-8") for path in paths}


@cache
def _rows(file: str, text: str) -> list[dict[str, str]]:
    """Return the rows of a table; raise ScenarioError where it lacks a column."""
    reader = csv.DictReader(text.splitlines())
    if not set(COLUMNS) <= set(found := list(reader.fieldnames or ())):
        raise ScenarioError("substance_columns", where=f"{file}.csv", found=found, expected=list(COLUMNS))
    return [{column: row[column] or "" for column in COLUMNS} for row in reader]


def _key(name: str) -> str:
    """Return a name as tables are called."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")
