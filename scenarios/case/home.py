"""Where things are: `$ANLAN_HOME` (default ./anlan-home) first, then the package itself."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.store.folders import restore
from twin.errors import ScenarioError

if TYPE_CHECKING:
    from twin.city import City


def home() -> Path:
    """Return the folder that holds runs, the database and the user's own cities and scenarios."""
    return Path(os.environ.get("ANLAN_HOME") or "anlan-home").absolute()


def there(path: Path) -> bool:
    """Return whether there is a file or folder of this name; of one that no file can have there is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def library() -> dict[str, Path]:
    """Return every scenario by name: the user's own (`$ANLAN_HOME/scenarios`) over the library's."""
    found: dict[str, Path] = {}
    for folder in (Path(str(files("scenarios").joinpath("library"))), home() / "scenarios"):
        found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return found


def cities() -> dict[str, Path]:
    """Return every city folder by name: the user's own (`$ANLAN_HOME/cities`) over the package's."""
    found: dict[str, Path] = {}
    for folder in (Path(str(files("data").joinpath(""))), home() / "cities"):
        found |= {path.parent.name: path.parent for path in sorted(folder.glob("*/city.yaml"))}
    return found


def city_folder(name: str, base: Path | None = None) -> Path:
    """Return the folder of a city given by path (relative to `base`) or by name."""
    restore(home() / "cities" / name)
    for path in ([base / name] if base else []) + [Path(name)]:
        restore(path)
        if there(path / "city.yaml"):
            return path
    known = cities()
    if name not in known:
        raise ScenarioError("unknown_city", found=name, expected=sorted(known))
    return known[name]


def open_city(name: str | Path, base: Path | None = None) -> City:
    """Open a city by name ("linjiang") or by the path of its folder."""
    from twin.readers.city_folder import open_folder

    return open_folder(city_folder(str(name), base))
