"""The door out: a plan and what it rests on -> JSON, GeoJSON, CAP 1.2, a bilingual HTML report; fields and places -> GeoTIFF,
NetCDF, GeoPackage. One file per format.

An exporter is one function `(dossier, folder) -> files written` and one line in EXPORTERS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twin.bridge import cap, geojson, geopackage, geotiff, netcdf, plan_json, report
from twin.bridge.dossier import Dossier

EXPORTERS: dict[str, Callable[[Dossier, Path], list[Path]]] = {
    "json": plan_json.write,
    "geojson": geojson.write,
    "cap": cap.write,
    "html": report.write,
    "geotiff": geotiff.write,
    "netcdf": netcdf.write,
    "gpkg": geopackage.write,
}
