"""The shelf of finished runs: where their folders are and how one is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scenarios.case.home import home, there
from twin.errors import ScenarioError

MANIFEST = "manifest.json"

#: The form in which runs are kept; one of another form is told of, and computed again when it is needed.
FORMAT = 2


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return home() / "runs"


def shelved(where: str) -> str:
    """Return under which name the runs of a scenario file stand on the shelf: its own, in letters that a folder may have.

    The scenario of a finished run stands under the name of that run. A name that means something else there ("last", or dots
    alone) gets a word in front.
    """
    path = Path(where)
    own = path.parent.parent.name if (path.parent / MANIFEST).exists() else path.stem
    name = re.sub(r'[\x00-\x1f\\/:*?"<>|]', "-", own).strip(". ")
    return f"scenario-{name}".rstrip("-") if name in ("", "last") else name


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return found


def finished_runs() -> list[Path]:
    """Return the folder of every finished run, newest first."""
    return [folder for folder in _folders() if _format(folder) == FORMAT]


def older_runs() -> list[Path]:
    """Return the folder of every finished run that is kept in an older form, newest first: to be computed again, not opened."""
    return [folder for folder in _folders() if _format(folder) != FORMAT]


def _folders() -> list[Path]:
    """Return the folder of every finished run of whatever form, newest first."""
    found = [m.parent for m in sorted(runs_folder().glob(f"*/*/{MANIFEST}")) if ".part-" not in m.parent.name]
    return sorted(found, key=lambda folder: str(read_manifest(folder).get("finished", "")), reverse=True)


def _format(folder: Path) -> int:
    return int(read_manifest(folder).get("format", 1))


def find(key: str) -> Path:
    """Return the folder of a run by folder, id, start of an id, scenario name (its newest) or "last".

    Raises ScenarioError where there is none, where several begin so, and where all that are called so are kept in an older form.
    """
    if there(Path(key) / MANIFEST):
        return _opened(Path(key))
    known, older = finished_runs(), older_runs()
    for runs in (known, older):
        if named := runs if key == "last" else [folder for folder in runs if folder.parent.name == key]:
            return _opened(named[0])
        if begun := [folder for folder in runs if len(key) >= 4 and folder.name.startswith(key)]:
            if len(begun) > 1:
                raise ScenarioError("ambiguous_run", found=key, expected=[folder.name for folder in begun])
            return _opened(begun[0])
    if not (known or older):
        raise ScenarioError("no_runs", where=str(runs_folder()))
    raise ScenarioError("unknown_run", found=key, expected=[folder.name for folder in (known or older)[:5]])


def _opened(folder: Path) -> Path:
    """Return the folder of a run; raise ScenarioError when it is kept in an older form."""
    if (found := _format(folder)) != FORMAT:
        raise ScenarioError("run_format", run=folder.name, scenario=folder.parent.name, found=found, expected=FORMAT)
    return folder
