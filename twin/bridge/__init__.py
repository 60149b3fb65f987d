"""The door out: a plan and what it rests on -> JSON, GeoJSON, CAP 1.2, a bilingual HTML report; fields and places -> GeoTIFF,
NetCDF, GeoPackage; paths over roads -> GeoParquet; simulated people -> trajectories. One file per format.

An exporter is one function `(dossier, folder) -> files written` and one line in EXPORTERS.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from twin.bridge.dossier import Dossier

Exporter = Callable[[Dossier, Path], list[Path]]


def _writer(module: str) -> Exporter:
    """Return the `write` of a file of this room, which is brought in when it first writes: what draws is slow to come."""

    def write(dossier: Dossier, folder: Path) -> list[Path]:
        written: list[Path] = import_module(f"twin.bridge.{module}").write(dossier, folder)
        return written

    return write


EXPORTERS: dict[str, Exporter] = {
    "json": _writer("plan_json"),
    "geojson": _writer("geojson"),
    "cap": _writer("cap"),
    "html": _writer("report"),
    "geotiff": _writer("geotiff"),
    "netcdf": _writer("netcdf"),
    "gpkg": _writer("geopackage"),
    "trajectories": _writer("trajectories"),
    "paths": _writer("paths"),
}

#: Formats that leave with a run alone: they may be very large, and no officer signs them.
OF_RUNS = ("trajectories", "paths")
