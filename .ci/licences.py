"""Fail when a package that Anlan needs at run time is under the GPL, or says nothing of its licence."""

from __future__ import annotations

import re
import sys
from importlib import metadata

from packaging.requirements import Requirement

#: Packages whose metadata names no licence, with where it was read.
READ_BY_HAND = {"julian": "MIT, LICENSE in its source"}


def needed(name: str, seen: dict[str, metadata.Distribution]) -> None:
    """Collect a package and everything it needs at run time, extras of Anlan that users install included."""
    for text in metadata.distribution(name).requires or []:
        requirement = Requirement(text)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": e}) for e in ("", "pbf", "notebook")
        )
        key = requirement.name.lower().replace("_", "-")
        if not wanted or key in seen or "dev" in str(requirement.marker or ""):
            continue
        try:
            seen[key] = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            continue
        needed(requirement.name, seen)


def licence(package: metadata.Distribution) -> str:
    """Return what a package says of its licence."""
    about = package.metadata
    parts = [about.get("License-Expression") or "", (about.get("License") or "")[:200]]
    parts += [c.rpartition("::")[2] for c in about.get_all("Classifier") or [] if c.startswith("License")]
    return " ".join(p for p in parts if p).strip()


def main() -> int:
    """Check every package."""
    seen: dict[str, metadata.Distribution] = {}
    needed("anlan", seen)
    bad = []
    for name, package in sorted(seen.items()):
        text = licence(package) or READ_BY_HAND.get(name, "")
        if not text and not any("licen" in str(f).lower() for f in package.files or []):
            bad.append(f"{name}: says nothing of its licence")
        if re.search(r"(?<!L)(?<!Lesser )\bA?GPL|GNU General Public|GNU Affero", text, re.I):
            bad.append(f"{name}: {text}")
    print(f"{len(seen)} packages at run time, {len(bad)} with a licence that cannot be shipped")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
