"""Every verification case of the hazards that are installed."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scenarios.case.hazards import HAZARDS
from scenarios.case.home import open_city
from twin.errors import ScenarioError
from twin.proof import Reference
from twin.readers.raster import read_raster


def reference() -> Reference:
    """Return the published data that ANLAN_REFERENCE points at, and the ways to read them."""
    named = os.environ.get("ANLAN_REFERENCE")
    return Reference(Path(named) if named and Path(named).exists() else None, read_raster, open_city)


def run_proofs(room: str | None = None) -> list[dict[str, Any]]:
    """Run the cases of one room (e.g. "hydro"), or of all; return their rows for `anlan verify --json`."""
    packages = sorted(set(HAZARDS.values()))
    chosen = [p for p in packages if room is None or p.split(".")[-1] == room]
    if not chosen:
        raise ScenarioError("unknown_room", found=room, expected=[p.split(".")[-1] for p in packages])
    data = reference()
    modules = [import_module(f"{p}.proof") for p in chosen if find_spec(f"{p}.proof") is not None]
    return [proof.result(data) for module in modules for proof in module.PROOFS]
