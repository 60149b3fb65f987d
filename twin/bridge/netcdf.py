"""All fields of each hazard as NetCDF-4 by the CF conventions, with the CRS as a grid mapping."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from pyproj import CRS

from twin.bridge.dossier import Dossier
from twin.grid import on_cells

#: Attributes of the axes of cells.
AXES = {
    "x": {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"},
    "y": {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"},
}


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `<hazard>.nc`: times are UTC, missing values mean that nothing is known, ids are those of the city."""
    return [
        _write(folder / f"{section.sheet.id}.nc", section.fields, section.sheet.id, dossier)
        for section in dossier.sections
    ]


def _write(path: Path, fields: xr.Dataset, hazard: str, dossier: Dossier) -> Path:
    crs = CRS(dossier.city.grid.crs)
    found = fields.drop_encoding().assign_coords(crs=((), 0, {**crs.to_cf(), "spatial_ref": crs.to_wkt()}))
    for name, attributes in AXES.items():
        if name in found.coords:
            found[name].attrs |= attributes
    for variable, field in found.data_vars.items():
        if on_cells(field):
            found[variable].attrs["grid_mapping"] = "crs"
    found.attrs |= {
        "Conventions": "CF-1.10",
        "title": dossier.plan.scenario["en"],
        "source": f"anlan {dossier.facts['versions']['anlan']}, hazard {hazard}, run {dossier.plan.run_id}",
        "time_zone_of_city": dossier.city.timezone,
    }
    found.to_netcdf(path, engine="h5netcdf", encoding={name: {"zlib": True} for name in found.data_vars})
    return path
