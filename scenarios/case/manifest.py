"""The manifest of a run: what the run is, what each of its files holds, and a seal on both.

A run without a manifest is not finished; one whose manifest or files are not as they were sealed is damaged.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from twin.errors import RecordError, ScenarioError
from twin.lease import NAME as LEASE
from twin.words import Word

MANIFEST = "manifest.json"

#: The form in which runs are kept; one of another form is told of, and computed again when it is needed.
FORMAT = 14


def seal(folder: Path, about: dict[str, Any]) -> None:
    """Write the manifest of a run that is whole: `about` it, with size and hash of each file in its folder.

    `about` may be an earlier manifest of the same run.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, LEASE))
    files = {path.relative_to(folder).as_posix(): [path.stat().st_size, _hash(path)] for path in paths}
    whole = json.loads(json.dumps({**about, "format": FORMAT, "files": files}, ensure_ascii=False, default=_plain))
    whole.pop("seal", None)
    text = json.dumps({**whole, "seal": _seal(whole)}, ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(text, "utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run.

    Raises ScenarioError for one of an older form, RecordError for one that cannot be read, is not that of a run, or is not as
    it was sealed.
    """
    path = folder / MANIFEST
    try:
        state = path.stat()
        found = _read(path, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, RecursionError):
        raise damaged(folder, Word("damaged.unreadable", {"file": MANIFEST})) from None
    if not isinstance(found, dict) or not isinstance(found.get("finished"), str):
        raise damaged(folder, Word("damaged.foreign", {"file": MANIFEST}))
    form = found.get("format", 1)
    if form in range(1, FORMAT):
        raise ScenarioError("run_format", run=folder.name, scenario=folder.parent.name, found=form, expected=FORMAT)
    if form != FORMAT:
        raise damaged(folder, Word("damaged.foreign", {"file": MANIFEST}))
    if found.get("seal") != _seal({key: value for key, value in found.items() if key != "seal"}):
        raise damaged(folder, Word("damaged.changed", {"file": MANIFEST}))
    return found


def finished(folder: Path) -> str:
    """Return when a run of whatever form was finished, as its manifest says; nothing where it does not."""
    path = folder / MANIFEST
    try:
        state = path.stat()
        return str(_read(path, state.st_mtime_ns, state.st_size)["finished"])
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return ""


def check_files(folder: Path, *, contents: bool) -> None:
    """Raise RecordError, or what `read` raises, unless each file of a run is there in its size, and with its `contents`."""
    for name, (size, mark) in read(folder)["files"].items():
        path = folder / name
        try:
            as_sealed = path.stat().st_size == size and not (contents and _hash(path) != mark)
        except FileNotFoundError:
            raise damaged(folder, Word("damaged.missing", {"file": name})) from None
        except OSError:
            raise damaged(folder, Word("damaged.unreadable", {"file": name})) from None
        if not as_sealed:
            raise damaged(folder, Word("damaged.changed", {"file": name}))


def damaged(folder: Path, why: Word) -> RecordError:
    """Return the error of a run whose folder is damaged."""
    return RecordError("run_damaged", where=str(folder), run=folder.name, found=why)


@lru_cache(maxsize=512)
def _read(path: Path, changed: int, size: int) -> Any:
    return json.loads(path.read_text("utf-8"))


def _seal(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: Any) -> Any:
    """Return a number of an array as a plain one, what else is unknown as its text."""
    return value.item() if hasattr(value, "item") else str(value)
