"""What a build wrote in a city's folder, so that the next build replaces that and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from scenarios.store.folders import link
from twin.errors import SourceError
from twin.lease import NAME as LEASE
from twin.readers.city_folder import read_yaml

#: The list of files that a build wrote, with what each held.
LIST = "built.json"

#: Parts of city.yaml that belong to the city and not to its build: thresholds of places and of the whole event.
OWN = {"levels": "level_overrides", "event": "event_overrides"}


def note(folder: Path) -> None:
    """Write down every file of a folder as written by a build."""
    marks = {path.relative_to(folder).as_posix(): _mark(path) for path in _files(folder)}
    (folder / LIST).write_text(json.dumps({"files": marks}, indent=1), "utf-8")


def own_thresholds(folder: Path) -> dict[str, Any]:
    """Return the thresholds that stand in a folder's city.yaml, by the field of `City` that holds them."""
    path = folder / "city.yaml"
    own = {field: (key, rows) for key, field in OWN.items() if (rows := read_yaml(path).get(key))}
    for key, rows in own.values():
        if not isinstance(rows, dict):
            raise SourceError("yaml_malformed", where=str(path), found=f"{key}: {rows}")
    return {field: rows for field, (_, rows) in own.items()}


def keep(old: Path, new: Path) -> None:
    """Bring into the folder `new`, just built, what lies in the folder `old` and no build wrote.

    Raises SourceError that names the files that both hold although no build wrote the old one, or someone changed it since.
    """
    if not old.exists():
        return
    built = _built(old)
    foreign = [path.relative_to(old) for path in _files(old)]
    foreign = [path for path in foreign if path.as_posix() != LIST and built.get(path.as_posix()) != _mark(old / path)]
    if both := [path.as_posix() for path in foreign if (new / path).exists()]:
        raise SourceError("build_over", where=str(old), found=both)
    for path in foreign:
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        link(old / path, new / path)


def _built(folder: Path) -> dict[str, str]:
    """Return what a build wrote in a folder; nothing where that is not known."""
    try:
        found = json.loads((folder / LIST).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> list[Path]:
    """Return every file and link in a folder; what lies behind a link belongs to another."""
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return [path for path in found if path.name != LEASE]


def _mark(path: Path) -> str:
    """Return a hash of what a file holds, of city.yaml without the city's own thresholds."""
    content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
    if path.name == "city.yaml" and not path.is_symlink():
        head = {key: value for key, value in read_yaml(path).items() if key not in OWN}
        content = json.dumps(head, sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()
