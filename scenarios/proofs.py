"""Every verification case: those of the hazards that are installed, and those of the chain between them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd

from scenarios import chain
from scenarios.case.hazards import HAZARDS
from scenarios.case.home import open_city
from twin.errors import ScenarioError
from twin.proof import Reference
from twin.readers import layers, osm
from twin.readers.raster import read_raster
from twin.words import near


def reference() -> Reference:
    """Return the published data that ANLAN_REFERENCE points at, and the ways to read them."""
    named = os.environ.get("ANLAN_REFERENCE")
    return Reference(Path(named) if named and Path(named).exists() else None, read_raster, open_city, _roads)


def _roads(path: Path, crs: str) -> gpd.GeoDataFrame:
    """Return the roads of an OpenStreetMap extract, or of a file of lines (packed GeoJSON too), in a projected CRS."""
    if ".geojson" not in path.name:
        return osm.read_roads(path, crs)[0]
    if path.suffix != ".gz":
        return layers.read_roads(path, crs)[0]
    with TemporaryDirectory() as made:
        plain = Path(made) / path.stem
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        return layers.read_roads(plain, crs)[0]


def chosen(ids: Sequence[str], room: str | None, only: Sequence[str] = ()) -> list[str]:
    """Return the ids of one room (an id begins with its room), those that are one of `only` or lie under one, or all.

    Raises ScenarioError with near matches for a room or an id that there is not.
    """
    found = list(ids) if room is None else _under(ids, room)
    if not found:
        raise ScenarioError(
            "unknown_room", found=room, near=near(str(room), sorted({i.partition("/")[0] for i in ids}))
        )
    for asked in only:
        if not _under(found, asked):
            raise ScenarioError("unknown_case", found=asked, near=near(asked, found))
    wanted = {i for asked in only for i in _under(found, asked)}
    return [i for i in found if i in wanted or not only]


def _under(ids: Sequence[str], asked: str) -> list[str]:
    """Return the ids that are `asked` or lie under it."""
    return [i for i in ids if i == asked or i.startswith(f"{asked}/")]


def run_proofs(room: str | None = None, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Run the cases that are `chosen`; return their rows for `anlan verify --json`."""
    packages = [p for p in sorted(set(HAZARDS.values())) if find_spec(f"{p}.proofs") is not None]
    tables = [import_module(f"{p}.proofs").PROOFS for p in packages] + [chain.PROOFS]
    proofs = {proof.id: proof for table in tables for proof in table}
    ids = chosen(list(proofs), room, only)
    data = reference()
    return [proofs[i].result(data) for i in ids]
