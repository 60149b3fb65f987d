"""The shelf of finished runs: where their folders are, which of them can be opened, and how one is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scenarios.case import manifest
from scenarios.case.home import home, there
from scenarios.store.folders import EARLIER, PART, sweep
from twin.errors import RecordError, ScenarioError, TwinError


@dataclass(frozen=True)
class Shelved:
    """A folder with a manifest: when the run was finished, and why it cannot be opened (None: it can)."""

    folder: Path
    finished: str
    fault: TwinError | None


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return home() / "runs"


def shelf_name(where: str) -> str:
    """Return under which name the runs of a scenario file stand on the shelf: its own, in letters that a folder may have.

    The scenario of a finished run stands under the name of that run. A name that means something else there ("last", or dots
    alone) gets a word in front.
    """
    path = Path(where)
    own = path.parent.parent.name if (path.parent / manifest.MANIFEST).exists() else path.stem
    name = re.sub(r'[\x00-\x1f\\/:*?"<>|]', "-", own).strip(". ")
    return f"scenario-{name}".rstrip("-") if name in ("", "last") else name


def shelved() -> list[Shelved]:
    """Return every run on the shelf, newest first; of each file its size is looked at, not what it holds."""
    for scenario in runs_folder().glob("*"):
        sweep(scenario)
    paths = sorted(runs_folder().glob(f"*/*/{manifest.MANIFEST}"))
    folders = [path.parent for path in paths if PART not in path.parent.name and EARLIER not in path.parent.name]
    return sorted(map(_shelved, folders), key=lambda run: run.finished, reverse=True)


def _shelved(folder: Path) -> Shelved:
    fault = None
    try:
        manifest.check_files(folder, contents=False)
    except TwinError as error:
        fault = error
    return Shelved(folder, manifest.finished(folder), fault)


def finished_runs() -> list[Path]:
    """Return the folder of every run that can be opened, newest first."""
    return [run.folder for run in shelved() if run.fault is None]


def older_runs() -> list[Path]:
    """Return the folder of every finished run that is kept in an older form: to be computed again, not opened."""
    return [run.folder for run in shelved() if isinstance(run.fault, ScenarioError)]


def damaged_runs() -> list[RecordError]:
    """Return what is wrong with each run that is damaged."""
    return [run.fault for run in shelved() if isinstance(run.fault, RecordError)]


def is_whole(folder: Path) -> bool:
    """Return whether a folder holds a finished run in which each file is as it was sealed."""
    try:
        manifest.check_files(folder, contents=True)
    except TwinError:
        return False
    return True


def find(key: str) -> Path:
    """Return the folder of a run by folder, id, start of an id, scenario name (its newest) or "last".

    Each file of the run is as it was sealed. Raises ScenarioError where there is no such run, where several begin so, and where
    all that are called so are kept in an older form; RecordError for a damaged one.
    """
    if there(Path(key) / manifest.MANIFEST):
        return _opened(Path(key))
    found = shelved()
    runs = sorted(
        found, key=lambda run: (run.fault is not None, isinstance(run.fault, RecordError))
    )  # stable: newest first
    if named := [run for run in runs if key in ("last", run.folder.parent.name)]:
        return _opened(named[0].folder)
    for fault in (type(None), ScenarioError, RecordError):
        begun = [run.folder for run in runs if isinstance(run.fault, fault) and _begins(run.folder.name, key)]
        if len({folder.name for folder in begun}) > 1:
            raise ScenarioError("ambiguous_run", found=key, expected=[folder.name for folder in begun])
        if begun:
            return _opened(begun[0])
    if not runs:
        raise ScenarioError("no_runs", where=str(runs_folder()))
    raise ScenarioError("unknown_run", found=key, expected=[run.folder.name for run in runs[:5]])


def _begins(run: str, key: str) -> bool:
    return len(key) >= 4 and run.startswith(key)


def _opened(folder: Path) -> Path:
    manifest.check_files(folder, contents=True)
    return folder
