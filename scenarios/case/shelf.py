"""The shelf of finished runs: where their folders are and how one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenarios.case.home import home
from twin.errors import ScenarioError

MANIFEST = "manifest.json"

#: The form in which runs are kept; one of another form is told of, and computed again when it is needed.
FORMAT = 2


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return home() / "runs"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return found


def finished_runs() -> list[Path]:
    """Return the folder of every finished run, newest first."""
    found = [folder for folder in _folders() if _format(folder) == FORMAT]
    return sorted(found, key=lambda folder: str(read_manifest(folder)["finished"]), reverse=True)


def older_runs() -> list[Path]:
    """Return the folder of every finished run that is kept in an older form: it can be computed again, not opened."""
    return [folder for folder in _folders() if _format(folder) != FORMAT]


def _folders() -> list[Path]:
    return [m.parent for m in sorted(runs_folder().glob(f"*/*/{MANIFEST}")) if ".part-" not in m.parent.name]


def _format(folder: Path) -> int:
    return int(read_manifest(folder).get("format", 1))


def find(key: str) -> Path:
    """Return the folder of a run by folder, id, start of an id, scenario name (its newest) or "last".

    Raises ScenarioError where there is none, where several begin so, and for a run kept in an older form.
    """
    if (Path(key) / MANIFEST).exists():
        return _opened(Path(key))
    known = finished_runs()
    for folder in older_runs():
        if len(key) >= 4 and folder.name.startswith(key):
            _opened(folder)
    if not known:
        raise ScenarioError("no_runs", where=str(runs_folder()))
    named = known if key == "last" else [folder for folder in known if folder.parent.name == key]
    begun = [folder for folder in known if len(key) >= 4 and folder.name.startswith(key)]
    if not named and len(begun) != 1:
        code = "ambiguous_run" if begun else "unknown_run"
        raise ScenarioError(code, found=key, expected=[folder.name for folder in begun or known[:5]])
    return (named or begun)[0]


def _opened(folder: Path) -> Path:
    """Return the folder of a run; raise ScenarioError when it is kept in an older form."""
    if (found := _format(folder)) != FORMAT:
        raise ScenarioError("run_format", run=folder.name, scenario=folder.parent.name, found=found, expected=FORMAT)
    return folder
