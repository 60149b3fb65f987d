"""The shelf of finished runs: where their folders are and how one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenarios.case.home import home
from twin.errors import ScenarioError

MANIFEST = "manifest.json"


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return home() / "runs"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return found


def finished_runs() -> list[Path]:
    """Return the folder of every finished run, newest first."""
    found = [m.parent for m in runs_folder().glob(f"*/*/{MANIFEST}") if ".part-" not in m.parent.name]
    return sorted(found, key=lambda folder: str(read_manifest(folder)["finished"]), reverse=True)


def find(key: str) -> Path:
    """Return the folder of a run by folder, id, start of an id, scenario name (its newest) or "last"."""
    if (Path(key) / MANIFEST).exists():
        return Path(key)
    known = finished_runs()
    if not known:
        raise ScenarioError("no_runs", where=str(runs_folder()))
    named = known if key == "last" else [folder for folder in known if folder.parent.name == key]
    begun = [folder for folder in known if len(key) >= 4 and folder.name.startswith(key)]
    if not named and len(begun) != 1:
        code = "ambiguous_run" if begun else "unknown_run"
        raise ScenarioError(code, found=key, expected=[folder.name for folder in begun or known[:5]])
    return (named or begun)[0]
