"""GeoTIFF terrain and land cover."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.warp import Resampling, calculate_default_transform, reproject

from twin.errors import SourceError, TwinError
from twin.grid import Grid, known_crs


@dataclass(frozen=True)
class Raster:
    """One band as read: float64 values, scaled as the file says, with NaN for no data, and what it says of itself.

    A stored number n means `scale` * n + `offset` in `unit` (empty: not said). `marked`: file or caller say what no data is.
    """

    values: NDArray[np.float64]
    crs: str | None
    transform: rasterio.Affine
    integer: bool
    path: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    marked: bool = False

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top edge in the raster's CRS."""
        edges: tuple[float, float, float, float] = rasterio.transform.array_bounds(*self.values.shape, self.transform)
        return edges


def read_raster(path: Path, crs: str | None = None, nodata: float | None = None, band: int | None = None) -> Raster:
    """Read a band; `crs` and `nodata` (as stored) state what the file does not, `band` which of several (an alpha is none).

    Raises SourceError when the file cannot be read, is empty or holds no value, and for several bands where none is named.
    """
    try:
        with warnings.catch_warnings(action="ignore"), rasterio.open(path) as file:
            k = _band(file, path, band)
            stored = file.read(k, masked=True)
            found = crs or (file.crs.to_string() if file.crs else None)
            transform, integer = file.transform, np.issubdtype(stored.dtype, np.integer)
            marked = nodata is not None or MaskFlags.all_valid not in file.mask_flag_enums[k - 1]
            scale, offset, unit = file.scales[k - 1], file.offsets[k - 1], (file.units[k - 1] or "").strip()
            values = stored.astype(np.float64).filled(np.nan)
    except TwinError:
        raise
    except Exception as error:  # a damaged file makes the libraries raise nearly everything
        text = str(error.__cause__ or error).strip() or type(error).__name__
        raise SourceError("raster_unreadable", where=str(path), found=text.splitlines()[0][:200]) from error
    if nodata is not None:
        values[np.isclose(values, nodata, rtol=1e-6, atol=0.0)] = np.nan
    values = values * scale + offset
    if not np.isfinite(values).any():
        raise SourceError("raster_empty", where=str(path))
    return Raster(values, found, transform, bool(integer), str(path), scale, offset, unit, marked)


def _band(file: rasterio.DatasetReader, path: Path, wanted: int | None) -> int:
    """Return the number of the band to read, from 1."""
    data = [k + 1 for k, kind in enumerate(file.colorinterp) if kind != ColorInterp.alpha]
    if (wanted is None and len(data) != 1) or (wanted is not None and wanted not in data):
        told = [f"{k}: {file.descriptions[k - 1] or file.colorinterp[k - 1].name}" for k in data]
        raise SourceError("raster_bands", where=str(path), found=told, band=wanted or "-")
    return wanted or data[0]


def grid_of(raster: Raster) -> Grid:
    """Return the grid of a raster that already lies on square north-up cells of projected metres."""
    a, b, west, d, e, north = tuple(raster.transform)[:6]
    if raster.crs is None:
        raise SourceError("raster_no_crs", where=raster.path)
    if b != 0 or d != 0 or e >= 0 or abs(a + e) > 1e-6 * a:
        raise SourceError("raster_not_square", where=raster.path, found=[a, b, d, e])
    ny, nx = raster.values.shape
    return Grid(raster.crs, west, north, float(a), ny, nx)


def warp(
    raster: Raster, crs: str, cell_m: float, *, classes: bool = False, like: Grid | None = None
) -> tuple[NDArray[np.float64], Grid]:
    """Return the raster on a grid of `crs` with cells of `cell_m` (or on `like`): bilinear, nearest for classes."""
    if raster.crs is None:
        raise SourceError("raster_no_crs", where=raster.path)
    known_crs(raster.crs)
    ny, nx = raster.values.shape
    try:
        return _warp(raster, crs, cell_m, classes, like)
    except (RasterioError, CPLE_BaseError) as error:
        raise SourceError(
            "raster_elsewhere",
            where=raster.path,
            found=raster.crs,
            bounds=list(raster.transform * (0, ny) + raster.transform * (nx, 0)),
        ) from error


def _warp(
    raster: Raster, crs: str, cell_m: float, classes: bool, like: Grid | None
) -> tuple[NDArray[np.float64], Grid]:
    ny, nx = raster.values.shape
    if like is None:
        left, bottom, right, top = rasterio.transform.array_bounds(ny, nx, raster.transform)
        transform, width, height = calculate_default_transform(
            raster.crs, crs, nx, ny, left, bottom, right, top, resolution=cell_m
        )
        like = Grid(crs, transform.c, transform.f, float(cell_m), height, width)
    out = np.full(like.shape, np.nan)
    reproject(
        raster.values,
        out,
        src_transform=raster.transform,
        src_crs=raster.crs,
        src_nodata=np.nan,
        dst_transform=rasterio.Affine(*like.affine),
        dst_crs=like.crs,
        dst_nodata=np.nan,
        resampling=Resampling.nearest if classes else Resampling.bilinear,
    )
    return out, like


def write_raster(path: Path, values: NDArray[np.generic], grid: Grid, nodata: float) -> None:
    """Write one band as a compressed GeoTIFF."""
    predictor = 3 if np.issubdtype(values.dtype, np.floating) else 2
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=grid.ny,
        width=grid.nx,
        count=1,
        dtype=values.dtype,
        crs=grid.crs,
        transform=rasterio.Affine(*grid.affine),
        nodata=nodata,
        compress="deflate",
        predictor=predictor,
        zlevel=9,
        tiled=True,
    ) as file:
        file.write(values, 1)
