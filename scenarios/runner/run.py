"""A run: executed into a folder that appears only when it is whole, and read back from there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from scenarios.case import manifest
from scenarios.case.case import Case, load
from scenarios.case.event_levels import thresholds
from scenarios.case.home import home
from scenarios.case.shelf import find, finished_runs, is_whole, runs_folder, shelf_name
from scenarios.runner import identity, stored_drivers
from scenarios.runner.ensemble import DRAWN, MEMBERS, simulate_members
from scenarios.runner.exposure_files import read_exposure
from scenarios.runner.fits import check_fits
from scenarios.runner.simulate import DRIVERS, RESULT, part_of, read_places, simulate_single
from scenarios.runner.stored_ids import from_store
from scenarios.store import folders
from scenarios.store.disk import writing
from scenarios.store.records import Store
from twin.event import event_of
from twin.exposure import Exposure
from twin.grade import likely
from twin.hazard import Drivers, Progress
from twin.lease import is_held
from twin.plan import Event
from twin.sheet import Sheet

#: The share of a run's progress at which all is computed and written; plan and report take the rest.
COMPUTED = 0.8

#: What is done with a run folder before its manifest is written: plan and report.
Finish = Callable[["Run"], None]


@dataclass(frozen=True)
class Run:
    """A run read from its folder: `fields` and `exposure` by hazard, `levels` of places, `balances`, `manifest`."""

    folder: Path

    @cached_property
    def case(self) -> Case:
        """The case as it was run."""
        case = load(self.folder / "scenario.yaml")
        origin = (self.folder / "base.txt").read_text("utf-8")
        return Case(case.raw, case.scenario, Path(origin), str(self.folder / "scenario.yaml"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Input hashes, versions, seed, wall time, balances, notes."""
        return manifest.read(self.folder)

    @property
    def finished(self) -> str:
        """When the run was finished, on this machine's clock."""
        return datetime.fromisoformat(self.manifest["finished"]).astimezone().strftime("%Y-%m-%d %H:%M")

    def told(self, moment: datetime | pd.Timestamp | np.datetime64) -> str:
        """Return a time of this run as a clock in the city shows it (`Clock.told`); one without a zone is UTC."""
        return self.case.clock.told(moment, self.case.city.tz)

    @property
    def id(self) -> str:
        """The run's id: the hash of its question."""
        return self.folder.name.lstrip(".").partition(folders.PART)[0]

    @cached_property
    def hazards(self) -> tuple[str, ...]:
        """The hazards of the run in their order."""
        return tuple(self.case.models)

    @cached_property
    def fields(self) -> dict[str, xr.Dataset]:
        """Each hazard's fields, opened lazily."""
        store = self.folder / "fields.zarr"
        return {h: from_store(xr.open_zarr(store, group=h, consolidated=False)) for h in self.hazards}

    @cached_property
    def drivers(self) -> Drivers:
        """The forcing of the run, each on its own axes."""
        return stored_drivers.read(self.folder / DRIVERS)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Each hazard's own tables, by `hazard-name`."""
        return {p.stem: pd.read_parquet(p) for p in sorted((self.folder / "tables").glob("*.parquet"))}

    def tables_of(self, hazard: str) -> dict[str, pd.DataFrame]:
        """Return a hazard's own tables by name."""
        begin = f"{hazard}-"
        others = tuple(f"{other}-" for other in self.hazards if other.startswith(begin))
        mine = [name for name in self.tables if name.startswith(begin) and not name.startswith(others)]
        return {name.removeprefix(begin): self.tables[name] for name in mine}

    @cached_property
    def members(self) -> list[dict[str, Any]]:
        """Of each member of an ensemble its number, what it drew and its balance errors; empty for a single run."""
        path = self.folder / DRAWN
        found: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
        return found

    def of_member(self, number: int) -> tuple[dict[str, Exposure], pd.DataFrame]:
        """Return what each hazard touches in a member of an ensemble, and the colours of places there."""
        folder = self.folder / MEMBERS / str(number)
        exposures = {h: read_exposure(folder / "exposure" / h, h) for h in self.hazards}
        return exposures, pd.read_parquet(folder / "levels.parquet")

    def members_table(self, hazard: str, table: str) -> pd.DataFrame | None:
        """Return the rows of all members (column `member`) in a table of a hazard that is kept of members.

        None for a single run, and where no member has the table.
        """
        path = self.folder / MEMBERS / f"{hazard}-{table}.parquet"
        return pd.read_parquet(path) if path.exists() else None

    def places_of(self, hazard: str) -> gpd.GeoDataFrame | None:
        """Return the places that only this hazard knows; None where it has none."""
        return read_places(self.folder, hazard)

    @cached_property
    def exposure(self) -> dict[str, Exposure]:
        """What each hazard touches."""
        return {h: read_exposure(self.folder / "exposure" / h, h) for h in self.hazards}

    @cached_property
    def levels(self) -> pd.DataFrame:
        """The colour of each place that has one, all hazards."""
        return pd.read_parquet(self.folder / "levels.parquet")

    @cached_property
    def event(self) -> Event:
        """The level and the affected range of the whole case."""
        results = [(self.sheet(h), self.exposure[h]) for h in self.hazards]
        return event_of(self.levels, results, self.case.city, thresholds(self.case.city))

    @cached_property
    def balances(self) -> dict[str, Any]:
        """Each hazard's ledger."""
        found: dict[str, Any] = self._result["balances"]
        return found

    @cached_property
    def notes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the models and the forcing say about themselves."""
        return [(code, values) for code, values in self._result["notes"]]

    @cached_property
    def _result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / RESULT).read_text("utf-8"))
        return found

    def sheet(self, hazard: str) -> Sheet:
        """Return the sheet of a hazard of this run."""
        return self.case.sheet(hazard)


def store() -> Store:
    """Return the records: `$ANLAN_DATABASE`, else SQLite in the home folder; what seals their log lies in `$ANLAN_AUDIT`."""
    url = os.environ.get("ANLAN_DATABASE") or f"sqlite:///{home() / 'anlan.db'}"
    return Store(url, Path(os.environ.get("ANLAN_AUDIT") or home() / "audit"))


def execute(case: Case, *, fresh: bool = False, finish: Finish | None = None, progress: Progress | None = None) -> Run:
    """Run a case, or return its finished run from the shelf unless `fresh`.

    The folder is built beside its final place and moved there when whole; an interruption leaves earlier runs as they
    were. `progress` is called with 0 only when something is computed. Raises the TwinError of whatever failed; a full disk
    is a SourceError.
    """
    case = case.renewed().check()
    sweep()
    run_id = identity.run_id(case)
    target = runs_folder() / shelf_name(case.where) / run_id
    if not fresh and is_whole(target):
        return Run(target)
    check_fits(case, target)
    with writing(target.parent), folders.replaced(target) as (part, lease):
        simulate = simulate_members if case.scenario.ensemble.members > 1 else simulate_single

        def move(share: float) -> None:
            lease.renew()
            part_of(progress, 0.0, COMPUTED)(share)

        move(0.0)
        began = time.perf_counter()
        simulate(case, part, move)
        run = Run(part)
        if finish is not None:
            finish(run)
        about = {
            "id": run_id,
            "name": case.title,
            "city": case.city.id,
            "hazards": list(case.models),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": case.scenario.seed,
            "members": case.scenario.ensemble.members,
            "continues": case.earlier and case.earlier.id,
            "inputs": identity.inputs(case),
            "versions": identity.versions(case.models),
            "wall_s": round(time.perf_counter() - began, 3),
            "levels": likely(run.levels)["level"].value_counts().to_dict(),
            "event": asdict(run.event),
            "balances": run.balances,
            "notes": run.notes,
        }
        manifest.seal(part, about)
    run = Run(target)
    _catalogue(run)
    part_of(progress, COMPUTED, 1.0)(1.0)
    return run


def sweep() -> None:
    """Give back what killed runs moved aside, and remove what they left half built; where someone is at work nothing is touched."""
    for scenario in runs_folder().glob("*"):
        folders.sweep(scenario)
        for left in scenario.glob(f"*{folders.PART}*"):  # of a version that knew no hidden names
            if not is_held(left):
                shutil.rmtree(left, ignore_errors=True)


def _catalogue(run: Run) -> None:
    """Put a run into the catalogue, and take out those that no longer stand on this shelf."""
    about, records = run.manifest, store()
    records.put_run(
        id=about["id"],
        folder=str(run.folder),
        name_zh=about["name"]["zh"],
        name_en=about["name"]["en"],
        city=about["city"],
        finished=about["finished"],
        wall_s=about["wall_s"],
        summary={"levels": about["levels"]},
    )
    for row in records.runs():
        if Path(row.folder).is_relative_to(runs_folder()) and not Path(row.folder).exists():
            records.drop_run(row.id)


def all_runs() -> list[Run]:
    """Return every run that can be opened, newest first."""
    return [Run(folder) for folder in finished_runs()]


def find_run(key: str) -> Run:
    """Return a run by folder, id, start of an id, scenario name (its newest) or "last"."""
    return Run(find(key))
