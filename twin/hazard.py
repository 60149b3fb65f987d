"""What every hazard promises: what it needs, what it gives, and one verb, `simulate`.

A model sees one member and labelled data, and touches no input. Actions are timed measures; a split run equals the whole run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.clock import Clock
from twin.errors import NumericsError, ScenarioError, SourceError
from twin.variables import Variable

#: Forcing and what earlier hazards gave, by the variable's name, each on its own axes; a value holds over [t_k, t_k+1).
Drivers = Mapping[str, xr.DataArray]

#: Called by a model as it advances with the share done, 0..1; raising stops the run.
Progress = Callable[[float], None]

STATE_VERSION = 15


#: The place of a measure that works in the whole city.
EVERYWHERE = "*"


@dataclass(frozen=True)
class Action:
    """A timed measure: `kind` names what is done, `place` where (a city id), `values` how much.

    `start` and `end` are seconds on the clock; `end` is None for "to the end of the run".
    """

    kind: str
    place: str
    start_s: float = 0.0
    end_s: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    def active(self, t: float) -> bool:
        """Return whether the measure works at `t` seconds."""
        return self.start_s <= t and (self.end_s is None or t < self.end_s)


def measure_table(actions: tuple[Action, ...]) -> pd.DataFrame:
    """Return a row per measure: where, which kind, from when and until when, s on the clock (NaN: to the end), and its values
    (NaN: not its own)."""
    rows = [
        {
            "id": a.place,
            "kind": a.kind,
            "by_s": a.start_s,
            "until_s": np.nan if a.end_s is None else a.end_s,
            **a.values,
        }
        for a in actions
    ]
    names = ["id", "kind", "by_s", "until_s", *sorted({name for a in actions for name in a.values})]
    return pd.DataFrame(rows, columns=names).astype({"by_s": float, "until_s": float})


@dataclass(frozen=True)
class Balance:
    """A ledger in one unit: what came in, what went out, what is stored more than at the start.

    `error` = (in - out - stored) / in must not exceed `tolerance`; a run that breaks it is an error, not a footnote.
    """

    unit: str
    came_in: Mapping[str, float]
    went_out: Mapping[str, float]
    stored: Mapping[str, float]
    tolerance: float
    remarks: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Relative closure error (of all that came in; of one unit when nothing did)."""
        total = sum(self.came_in.values())
        gap = total - sum(self.went_out.values()) - sum(self.stored.values())
        return gap / total if total > 0 else gap

    def check(self, hazard: str) -> Balance:
        """Return self, or raise NumericsError when the ledger does not close within the tolerance."""
        if not abs(self.error) <= self.tolerance:
            raise NumericsError("balance", hazard=hazard, error=self.error, tolerance=self.tolerance)
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return the ledger as plain numbers for the manifest."""
        return {
            "unit": self.unit,
            "in": dict(self.came_in),
            "out": dict(self.went_out),
            "stored": dict(self.stored),
            "relative_error": self.error,
            "tolerance": self.tolerance,
            "remarks": dict(self.remarks),
        }


@dataclass(frozen=True)
class State:
    """Where a hazard stopped, enough to go on bit for bit: arrays by name, the grid's hash and plain numbers.

    `settings` are the parameters that a run must share to go on from this state (a scheme, a cell size).
    """

    hazard: str
    grid_hash: str
    arrays: Mapping[str, NDArray[Any]]
    numbers: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str | float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the state to one `.npz` file."""
        head = {
            "version": STATE_VERSION,
            "hazard": self.hazard,
            "grid": self.grid_hash,
            "numbers": dict(self.numbers),
            "settings": dict(self.settings),
            "arrays": sorted(self.arrays),
        }
        arrays: dict[str, Any] = {"__head__": np.array(json.dumps(head)), **self.arrays}
        with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as packed:  # numpy's own level costs four times as long
            for name, values in arrays.items():
                with packed.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> State:
        """Read a state; raise SourceError for a file that is damaged or of another version."""
        try:
            with ZipFile(path) as packed:
                if (bad := packed.testzip()) is not None:  # numpy stops short of where the sum is checked
                    raise BadZipFile(bad)
            with np.load(path, allow_pickle=False) as file:
                head = json.loads(str(file["__head__"]))
                arrays = {name: file[name] for name in file.files if name != "__head__"}
            if (named := head.get("arrays", sorted(arrays))) != sorted(arrays):  # a damaged list of a zip loses some
                raise BadZipFile(f"{sorted(arrays)}, not {named}")
            version, own = head["version"], [head[key] for key in ("hazard", "grid", "numbers", "settings")]
        except Exception as error:  # of zip, zlib, numpy or JSON: damage shows in many ways
            found = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SourceError("state_damaged", where=str(path), found=found) from error
        if version != STATE_VERSION:
            raise SourceError("state_version", where=str(path), found=version, expected=STATE_VERSION)
        hazard, grid, numbers, settings = own
        return cls(hazard, grid, arrays, numbers, settings)

    def check(self, hazard: str, grid_hash: str, settings: Mapping[str, str | float] | None = None) -> State:
        """Return self if it belongs to this hazard and grid and was made under these settings.

        Raises SourceError for another hazard or grid, ScenarioError for another setting.
        """
        for name, expected in (settings or {}).items() if self.hazard == hazard else ():
            if (found := self.settings.get(name)) != expected:
                raise ScenarioError("state_setting", name=name, found=found, expected=expected)
        if (self.hazard, self.grid_hash) != (hazard, grid_hash):
            raise SourceError(
                "state_foreign", found=f"{self.hazard}@{self.grid_hash}", expected=f"{hazard}@{grid_hash}"
            )
        return self


@dataclass(frozen=True)
class Outcome:
    """What a hazard gives back: fields, tables, its ledger, its state and what it must say about itself.

    `fields` lie on cells (y, x) of any grid in the city's CRS, or on things with an id (a dimension whose coordinate holds ids),
    with or without time. `places` are things that only this model knows (zones, gates): a row each with
    `id`, `kind`, `name_zh`, `name_en` and a geometry. `counts` holds people that the model itself counts (end states, dose
    classes): by the code of a scale of its sheet a table (time, class 1, 2, 3, ...). A table `events` (id, begins_s on the clock)
    names what befell the city within the model: nobody knows of it before.
    `notes` are codes of sentences (`note.<code>` of its sheet's words) with their values: assumptions, validity limits met.
    """

    fields: xr.Dataset
    tables: Mapping[str, pd.DataFrame]
    balance: Balance
    state: State
    notes: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    places: gpd.GeoDataFrame | None = None
    counts: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@runtime_checkable
class Hazard(Protocol):
    """A model with parameters (a frozen dataclass) and one verb.

    `needs` are groups: of each, one at least must be given, else the case is refused. A name in a group is a variable's
    name, a variable's tag, a kind of measure that the scenario uses, or "state" (what an earlier run left of this hazard).
    `reads` are names or tags that are used where they are there. A model is handed only the drivers that the two name.
    `gives` are the variables that it makes and hands on. Its measures and all else that the house must know of it stand in its
    sheet (`hazard.yaml`).
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]]
    reads: ClassVar[tuple[str, ...]]
    gives: ClassVar[tuple[Variable, ...]]

    def simulate(
        self,
        city: City,
        drivers: Drivers,
        clock: Clock,
        actions: tuple[Action, ...] = (),
        rng: np.random.Generator | None = None,
        state: State | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Simulate one member over `clock`, driven by `drivers`, from `state` if one is given."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """A hazard that can say, before anything is simulated, how large its results are."""

    def result_bytes(self, city: City, clock: Clock) -> int:
        """Return the bytes of its fields in time as they are held, uncompressed."""
        ...


@runtime_checkable
class Checked(Protocol):
    """A hazard that can say, before anything is simulated, what it cannot be run on."""

    def check(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = (), state: State | None = None
    ) -> None:
        """Raise the TwinError of the first thing that cannot be, from `state` if one is given.

        `drivers` are the forcing, earlier hazards gave nothing yet.
        """
        ...


@runtime_checkable
class ChecksCities(Protocol):
    """A hazard that can say of a city alone, before there is a scenario, what a run on it would meet."""

    @classmethod
    def check_city(cls, city: City) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Return what every run would have to note (codes as in `Outcome.notes`); raise the TwinError that it would end with."""
        ...


@runtime_checkable
class Sited(Protocol):
    """A hazard at one place of the city: its kind may stand several times in a case, each time at another place."""

    def stands_at(self) -> str:
        """Return the id of that place: measures of this kind at it, or at a part of it, are for this hazard."""
        ...


def site_of(hazard: Hazard) -> str | None:
    """Return the id of the place that a hazard is about; None for one that is about the whole city."""
    return hazard.stands_at() if isinstance(hazard, Sited) else None
