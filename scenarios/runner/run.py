"""A run: executed into a folder that appears only when it is whole, and read back from there."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import psutil
import xarray as xr
import yaml

from scenarios.case.case import Case, load
from scenarios.case.home import home
from scenarios.case.shelf import MANIFEST, find, finished_runs, read_manifest, runs_folder
from scenarios.runner import identity, stored_drivers
from scenarios.store.records import Store
from twin.drivers import hand_on, handed
from twin.errors import SourceError
from twin.expose import CLOSURES, DANGER, Exposure, expose
from twin.gaps import terrain_gap
from twin.grade import grade
from twin.hazard import Drivers, Outcome, Progress
from twin.sheet import Sheet
from twin.streams import stream

#: Side of a chunk of stored fields, cells: one output step of a city of up to this size is one file of at most 4 MB.
CHUNK = 1024

#: Where a run folder keeps its forcing.
DRIVERS = "drivers.zarr"

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
        return read_manifest(self.folder)

    @property
    def finished(self) -> str:
        """When the run was finished, on this machine's clock."""
        return datetime.fromisoformat(self.manifest["finished"]).astimezone().strftime("%Y-%m-%d %H:%M")

    @property
    def id(self) -> str:
        """The run's id: the hash of its question."""
        return self.folder.name.partition(".part-")[0]

    @cached_property
    def hazards(self) -> tuple[str, ...]:
        """The hazards of the run in their order."""
        return tuple(self.case.models)

    @cached_property
    def fields(self) -> dict[str, xr.Dataset]:
        """Each hazard's fields, opened lazily."""
        return {h: xr.open_zarr(self.folder / "fields.zarr", group=h, consolidated=False) for h in self.hazards}

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
        return {name.removeprefix(begin): table for name, table in self.tables.items() if name.startswith(begin)}

    @cached_property
    def exposure(self) -> dict[str, Exposure]:
        """What each hazard touches."""
        return {h: _read_exposure(self.folder / "exposure" / h, h) for h in self.hazards}

    @cached_property
    def levels(self) -> pd.DataFrame:
        """The colour of each place that has one, all hazards."""
        levels = pd.read_parquet(self.folder / "levels.parquet")
        return (
            levels if "open_end" in levels else levels.assign(open_end=False)
        )  # a run made before there was the column

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
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text("utf-8"))
        return found

    def sheet(self, hazard: str) -> Sheet:
        """Return the sheet of a hazard of this run."""
        return self.case.sheet(hazard)


def store() -> Store:
    """Return the records: `$ANLAN_DATABASE`, else SQLite in the home folder."""
    return Store(os.environ.get("ANLAN_DATABASE") or f"sqlite:///{home() / 'anlan.db'}")


def execute(case: Case, *, fresh: bool = False, finish: Finish | None = None, progress: Progress | None = None) -> Run:
    """Run a case, or return its finished run from the shelf unless `fresh`.

    The folder is built beside its final place and moved there when whole; an interruption leaves earlier runs as they
    were. `progress` is called with 0 only when something is computed. Raises the TwinError of whatever failed; a full disk
    is a SourceError.
    """
    case.check()
    sweep()
    run_id = identity.run_id(case)
    target = runs_folder() / _slug(case) / run_id
    if not fresh and (target / MANIFEST).exists():
        return Run(target)
    with _building(target) as part:
        if progress is not None:
            progress(0.0)
        began = time.perf_counter()
        _simulate(case, part, progress)
        run = Run(part)
        if finish is not None:
            finish(run)
        manifest = {
            "id": run_id,
            "name": case.scenario.name.model_dump(),
            "city": case.city.id,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": case.scenario.seed,
            "continues": case.earlier and case.earlier.id,
            "inputs": identity.inputs(case),
            "versions": identity.versions(),
            "wall_s": round(time.perf_counter() - began, 3),
            "balances": run.balances,
            "notes": run.notes,
        }
        _write_json(part / MANIFEST, manifest)
    run = Run(target)
    _catalogue(run)
    return run


def _simulate(case: Case, part: Path, progress: Progress | None) -> None:
    """Simulate each hazard in order and write scenario, fields, tables, exposure, levels and result."""
    clock, city = case.clock, case.city
    earlier = case.earlier
    raw = case.raw | ({"continues": earlier.id} if earlier else {})
    (part / "scenario.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), "utf-8")
    (part / "base.txt").write_text(str(case.base), "utf-8")
    drivers, notes = case.drivers()
    if earlier is not None:
        notes.append(("continues", {"run": earlier.id, "time": clock.start.astimezone(city.tz).strftime("%H:%M")}))
    notes += [
        ("layer_missing", {"layer": name})
        for name in ("buildings", "roads", "population", "facilities")
        if not len(getattr(city, name))
    ]
    gap = terrain_gap(city)
    notes += gap.notes() if gap else []
    stored_drivers.save(drivers, part / DRIVERS)
    actions = case.actions()
    balances, graded = {}, []
    for k, (name, model) in enumerate(case.models.items()):
        share = (lambda done, k=k: progress((k + done) / len(case.models))) if progress else None
        mine = tuple(a for a in actions if a.kind in model.understands)
        before = earlier.state(name) if earlier else None
        outcome = model.simulate(
            city, handed(drivers, model), clock, mine, stream(case.scenario.seed, name), before, share
        )
        drivers = hand_on(drivers, model, outcome)
        sheet = case.sheet(name)
        _write_outcome(part, name, outcome)
        exposure = expose(city, outcome.fields, sheet, mine)
        _write_exposure(part / "exposure" / name, exposure)
        graded.append(grade(exposure, sheet).assign(hazard=name))
        balances[name] = outcome.balance.as_dict()
        notes += [(code, dict(values)) for code, values in outcome.notes]
    pd.concat(graded, ignore_index=True).to_parquet(part / "levels.parquet")
    _write_json(part / "result.json", {"balances": balances, "notes": notes})


def _write_outcome(part: Path, name: str, outcome: Outcome) -> None:
    fields = outcome.fields.copy()
    fields.attrs |= {"Conventions": "CF-1.10", "hazard": name}
    encoding = {
        v: {"chunks": tuple(min(n, CHUNK) if d in ("y", "x") else 1 for d, n in fields[v].sizes.items())}
        for v in fields.data_vars
    }
    fields.to_zarr(part / "fields.zarr", group=name, mode="a", encoding=encoding, consolidated=False)
    (part / "tables").mkdir(exist_ok=True)
    for table, frame in outcome.tables.items():
        frame.to_parquet(part / "tables" / f"{name}-{table}.parquet")
    outcome.state.save(part / f"state-{name}.npz")


def _write_exposure(folder: Path, exposure: Exposure) -> None:
    folder.mkdir(parents=True)
    for table in ("people", "buildings", "road_m"):
        frame: pd.DataFrame = getattr(exposure, table)
        frame.rename(columns=str).to_parquet(folder / f"{table}.parquet")
    for table in ("roads", "closures", "danger"):
        getattr(exposure, table).to_parquet(folder / f"{table}.parquet")
    exposure.places.to_parquet(folder / "places.parquet")
    exposure.series.to_pandas().to_parquet(folder / "series.parquet")


def _read_exposure(folder: Path, hazard: str) -> Exposure:
    tables = {
        t: pd.read_parquet(folder / f"{t}.parquet").rename(columns=float) for t in ("people", "buildings", "road_m")
    }
    series = pd.read_parquet(folder / "series.parquet")
    return Exposure(
        hazard=hazard,
        classes=tuple(tables["people"].columns),
        roads=pd.read_parquet(folder / "roads.parquet"),
        closures=_read_table(folder / "closures.parquet", CLOSURES),
        danger=_read_table(folder / "danger.parquet", DANGER),
        places=gpd.read_parquet(folder / "places.parquet"),
        series=xr.DataArray(
            series.values,
            dims=("time", "place"),
            coords={"time": series.index.values, "place": series.columns},
        ),
        **tables,
    )


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a table, empty for a run that was made before the table was."""
    return pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=list(columns))


@contextlib.contextmanager
def _building(target: Path) -> Iterator[Path]:
    """Yield a folder to build in; move it to `target` at the end, remove it on any failure."""
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        aside = target.with_name(f"{target.name}.part-{os.getpid()}-old")
        if target.exists():
            target.rename(aside)
        part.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SourceError("disk_full", where=str(target.parent)) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise SourceError("not_writable", where=str(target.parent)) from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):
            target.parent.rmdir()  # only when nothing else is in it


def sweep() -> None:
    """Remove what killed runs left behind: part folders whose process is gone."""
    for part in runs_folder().glob("*/*.part-*"):
        pid = part.name.rpartition(".part-")[2].partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(part, ignore_errors=True)


def _slug(case: Case) -> str:
    """Return the scenario's folder name: its file name, or the city and start of a changed one."""
    stem = Path(case.where).stem
    return stem if stem != "scenario" else Path(case.where).parent.parent.name


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=_plain), "utf-8")


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def _catalogue(run: Run) -> None:
    manifest, levels = run.manifest, run.levels
    worst = levels["level"].value_counts().to_dict() if len(levels) else {}
    store().put_run(
        id=manifest["id"],
        folder=str(run.folder),
        name_zh=manifest["name"]["zh"],
        name_en=manifest["name"]["en"],
        city=manifest["city"],
        finished=manifest["finished"],
        wall_s=manifest["wall_s"],
        summary={"levels": worst},
    )


def all_runs() -> list[Run]:
    """Return every finished run, newest first; the catalogue is brought in line with the folders."""
    records = store()
    found = {folder.name: Run(folder) for folder in finished_runs()}
    listed = {row.id: row for row in records.runs()}
    for run_id in listed.keys() - found.keys():
        records.drop_run(run_id)
    for run_id in found.keys() - listed.keys():
        _catalogue(found[run_id])
    return list(found.values())


def find_run(key: str) -> Run:
    """Return a run by folder, id, start of an id, scenario name (its newest) or "last"."""
    return Run(find(key))
