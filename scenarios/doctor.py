"""What is installed, what is missing and what that costs: rows of `anlan doctor`."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from scenarios.case.hazards import HAZARDS, sheet
from scenarios.case.home import home
from twin.words import say

#: Module -> the word that says what its lack costs; the engines of hazards stand in their sheets.
PARTS = {
    "streamlit": "doctor.cost.desk",
    "pyrosm": "doctor.cost.pbf",
    "nbclient": "doctor.cost.notebook",
}


def examine() -> list[tuple[str, str, str]]:
    """Return (part, state, what its lack costs) in the session's language."""
    rows = [("python", platform.python_version(), ""), ("anlan", version("anlan"), "")]
    for module, cost in PARTS.items():
        there = _installed(module)
        rows.append((module, say("doctor.yes" if there else "doctor.no"), "" if there else say(cost)))
    for engine, cost in ((e, f"engine.{name}.{e}") for name in HAZARDS for e in sheet(name).engines):
        found = _version(engine)
        rows.append((engine, found or say("doctor.no"), "" if found else say(cost)))
    folder = home()
    writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    rows.append(("ANLAN_HOME", str(folder), "" if writable else say("doctor.cost.home")))
    reference = os.environ.get("ANLAN_REFERENCE", "")
    there = bool(reference) and Path(reference).exists()
    rows.append(("ANLAN_REFERENCE", reference or say("doctor.no"), "" if there else say("doctor.cost.reference")))
    rows.append((say("doctor.cores"), str(os.cpu_count()), ""))
    return rows


def _version(engine: str) -> str:
    try:
        return version(engine)
    except PackageNotFoundError:
        return ""


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
