"""Fields on cells as GeoTIFF, one file for each variable of each hazard, in the city's own CRS; fields on ids are left to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr

from twin.bridge.dossier import Dossier
from twin.grid import Grid, on_cells


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `<hazard>-<variable>.tif`: float32, a band for each output time (or other bound), described by it in the city's zone.

    Where nothing is known stands NaN, the nodata value. The unit stands with each band, the run and the variable's name in the tags.
    """
    return [
        _write(folder / f"{section.sheet.id}-{name}.tif", field, dossier)
        for section in dossier.sections
        for name, field in section.fields.data_vars.items()
        if on_cells(field)
    ]


def _write(path: Path, field: xr.DataArray, dossier: Dossier) -> Path:
    along = [str(d) for d in field.dims if d not in ("y", "x")]
    bands = list(np.ndindex(*(field.sizes[d] for d in along)))
    grid = Grid.of_axes(dossier.city.grid.crs, field["y"].values, field["x"].values, str(field.name))
    form: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "float32",
        "nodata": np.nan,
        "crs": grid.crs,
        "transform": rasterio.Affine(*grid.affine),
        "height": grid.ny,
        "width": grid.nx,
        "compress": "deflate",
        "predictor": 3,
        "tiled": True,
    }
    with rasterio.open(path, "w", count=len(bands), **form) as file:
        file.update_tags(run=dossier.plan.run_id, **{k: str(v) for k, v in field.attrs.items() if "name" in k})
        file.units = [str(field.attrs.get("units", ""))] * len(bands)
        for k, band in enumerate(bands, start=1):
            one = field.isel(dict(zip(along, band, strict=True)))
            file.write(one.transpose("y", "x").values.astype(np.float32), k)
            file.set_band_description(k, " ".join(_which(one[d], dossier) for d in along))
    return path


def _which(at: xr.DataArray, dossier: Dossier) -> str:
    """Return what a band stands at: a time in the city's zone, or the value of another axis."""
    return dossier.local(at.values[()]).isoformat() if at.name == "time" else f"{at.name} {at.item():g}"
