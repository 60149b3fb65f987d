"""GeoTIFF terrain and land cover."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.warp import Resampling, calculate_default_transform, reproject

from twin.errors import SourceError
from twin.grid import Grid, known_crs


@dataclass(frozen=True)
class Raster:
    """One band as read: float64 values with NaN for no data, and what the file says of itself."""

    values: NDArray[np.float64]
    crs: str | None
    transform: rasterio.Affine
    integer: bool
    path: str


def read_raster(path: Path, crs: str | None = None, nodata: float | None = None) -> Raster:
    """Read the first band; `crs` and `nodata` state what the file does not.

    Raises SourceError when the file cannot be read, is empty or holds no value.
    """
    try:
        with rasterio.open(path) as file:
            band = file.read(1, masked=True)
            values = band.astype(np.float64).filled(np.nan)
            found = crs or (file.crs.to_string() if file.crs else None)
            transform, integer = file.transform, np.issubdtype(band.dtype, np.integer)
    except (RasterioIOError, OSError) as error:
        raise SourceError("raster_unreadable", where=str(path), found=str(error)) from error
    if nodata is not None:
        values[values == nodata] = np.nan
    if not np.isfinite(values).any():
        raise SourceError("raster_empty", where=str(path))
    return Raster(values, found, transform, bool(integer), str(path))


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
