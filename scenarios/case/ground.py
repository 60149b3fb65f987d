"""Terrain and land cover of a city that is built: what their rasters say is followed, what cannot be true is refused or told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio import Affine
from rasterio.features import rasterize
from scipy import ndimage

from scenarios.case.build_file import Build, TerrainSource
from twin.errors import SourceError
from twin.finding import Finding
from twin.grid import WEB_MERCATOR, Grid, known_crs
from twin.readers.raster import Raster, read_raster, warp

Array = NDArray[np.float64]

ROAD_WIDTH_M = 3.5  # width of a lane burnt into a land cover that has no roads of its own, m: assumed
YARD = 3  # the class of `twin.landcover` taken where nothing is known

#: Ground lies between the shore of the Dead Sea and Mount Everest, with room to spare, m.
GROUND_M = (-500.0, 9000.0)

#: Steps of a raster of whole numbers smaller than this are no staircase, m.
STAIR_M = 0.05

#: Names of units of height -> m.
METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "dm": 0.1, "decimetre": 0.1, "decimeter": 0.1,
          "cm": 0.01, "centimetre": 0.01, "centimeter": 0.01, "mm": 0.001, "millimetre": 0.001, "millimeter": 0.001,
          "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "international foot": 0.3048, "us survey foot": 1200 / 3937,
          "us-ft": 1200 / 3937, "ftus": 1200 / 3937, "foot_us": 1200 / 3937, "us_survey_foot": 1200 / 3937}  # fmt: skip


def terrain(build: Build, base: Path, findings: list[Finding]) -> tuple[Array, Grid, tuple[str, ...]]:
    """Return ground levels (m) on the city's grid, the grid, and what was assumed of them.

    Scale, offset and unit of the file are followed. Cells of one impossible level are taken as without data; a raster of whole
    numbers is smoothed inside its own rounding. Raises SourceError for a unit that is unknown or said twice, impossible
    levels of many values, and zeros that may be missing data where nothing says what no data is.
    """
    source = build.terrain
    raster = read_raster(base / source.raster, source.crs, source.nodata, source.band)
    if raster.crs is None:
        raise SourceError("raster_no_crs", where=raster.path)
    unit = _metres(raster, source, findings)
    levels = _believed(raster, unit, findings)
    if is_mercator(raster.crs):
        findings.append(mercator("terrain", _true_metre(raster)))
    values, grid = warp(_of(raster, levels), build.crs, build.cell_m)
    step = abs(raster.scale) * unit
    known = raster.values[np.isfinite(levels)]
    stored = np.round((known - raster.offset) / raster.scale)
    if (raster.integer or np.all(known == np.round(known))) and step >= STAIR_M:
        findings.append(Finding("integer_dem", len(known), f"{step:g} m", assumed="smoothed", values={"step": step}))
        values = _smooth(values, step / 2.0)
    if raster.integer and 254 <= stored.max() <= 255:
        findings.append(Finding("clipped_dem", int((stored >= 254).sum()), "254", assumed="as_given"))
    if (raster.scale, raster.offset, unit) == (1.0, 0.0, 1.0):
        return values, grid, ()
    told = {"scale": raster.scale, "offset": raster.offset, "metres": unit}
    reach = f"{np.nanmin(levels):.2f} .. {np.nanmax(levels):.2f} m"
    findings.append(Finding("raster_scaled", len(known), reach, str(source.raster), "as_stated", told))
    return values, grid, (f"stored x {raster.scale:g} + {raster.offset:g}, then x {unit:g} to metres",)


def cover(
    build: Build,
    base: Path,
    grid: Grid,
    levels: Array,
    drawn: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame],
    findings: list[Finding],
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return land-cover codes, the given raster or yards with the roads and buildings (`drawn`) burnt in, and what was assumed.

    Ground that the raster does not cover is taken for yards and told; a raster that covers none of it is refused.
    """
    if build.landcover is None:
        findings.append(Finding("layer_missing", 1, assumed="without_landcover", values={"layer": "landcover"}))
        return _burnt(grid, *drawn), ()
    source = build.landcover
    raster = read_raster(base / source.raster, source.crs, band=source.band)
    values, _ = warp(raster, build.crs, build.cell_m, classes=True, like=grid)
    codes = np.full(grid.shape, YARD)
    covered = np.isfinite(values) & ((values != 0) | (0 in source.classes))
    unknown = sorted({float(v) for v in np.unique(values[covered])} - set(source.classes))
    if unknown:
        raise SourceError("cover_code", found=unknown, expected=sorted(source.classes))
    for code, meaning in source.classes.items():
        codes[values == code] = meaning
    ground = np.isfinite(levels)
    bare = ground & ~covered
    if bare.sum() == ground.sum():
        found = [raster.crs, *raster.bounds]
        raise SourceError("raster_off_city", where=raster.path, found=found, expected=[grid.crs, *grid.bounds])
    if not bare.any():
        return codes, ()
    share, (row, col) = float(bare.sum() / ground.sum()), np.argwhere(bare)[0]
    lon, lat = grid.lonlat(*grid.centre(int(row), int(col)))
    findings.append(Finding("cover_gap", int(bare.sum()), f"{share:.1%}", f"{lon:.5f}, {lat:.5f}", "yards"))
    return codes, (f"{int(bare.sum())} of {int(ground.sum())} cells have no land cover and are taken for yards",)


def mercator(name: str, true_metre: float) -> Finding:
    """Return the finding that a layer stands on Web Mercator, where a metre is `true_metre` true ones."""
    values = {"layer": name, "percent": 100 * (1 / true_metre - 1)}
    return Finding("web_mercator", 1, f"x {1 / true_metre:.3f}", name, "reprojected", values)


def is_mercator(crs: str) -> bool:
    """Return whether a CRS is Web Mercator."""
    return known_crs(crs).to_epsg() in WEB_MERCATOR


def _metres(raster: Raster, source: TerrainSource, findings: list[Finding]) -> float:
    """Return how many metres one unit of the raster's levels is: as its band or its vertical CRS says, else as stated."""
    crs = known_crs(raster.crs or "")
    axes = crs.axis_info
    written = (raster.unit or (axes[2].unit_name if len(axes) > 2 else "")).lower()
    unit = next((u for u in (written, written.partition(" ")[0]) if u in METRES), written)  # "metres above sea level"
    if unit and unit not in METRES:
        raise SourceError("raster_unit", where=raster.path, found=unit, expected=sorted(METRES))
    said = METRES.get(unit, 1.0)
    if said != 1.0 and source.vertical_scale != 1.0:
        raise SourceError("raster_unit_twice", where=raster.path, found=unit, scale=source.vertical_scale)
    if not unit and source.vertical_scale == 1.0 and crs.is_projected and axes[0].unit_name != "metre":
        findings.append(Finding("heights_in_feet", 1, axes[0].unit_name, str(source.raster), "as_metres"))
    return said * source.vertical_scale


def _believed(raster: Raster, unit: float, findings: list[Finding]) -> Array:
    """Return levels in m without those that no ground has; raise SourceError where it is not clear what they mean."""
    levels = raster.values * unit
    low, high = GROUND_M
    wrong = (levels < low) | (levels > high)
    if wrong.any():
        codes = np.unique(raster.values[wrong])
        if len(codes) > 2 or wrong.sum() == np.isfinite(levels).sum():
            found = [float(levels[wrong].min()), float(levels[wrong].max())]
            raise SourceError(
                "raster_levels", where=raster.path, found=found, count=int(wrong.sum()), low=low, high=high
            )
        said = " / ".join(f"{(code - raster.offset) / raster.scale:g}" for code in codes)
        findings.append(Finding("no_data_unmarked", int(wrong.sum()), said, Path(raster.path).name, "not_computed"))
        levels = np.where(wrong, np.nan, levels)
    zero = levels == 0.0
    rest = levels[~zero & np.isfinite(levels)]
    if zero.any() and rest.size and not raster.marked and rest.min() > 2.0:
        raise SourceError("raster_zero", where=raster.path, count=int(zero.sum()), found=float(rest.min()))
    return levels


def _of(raster: Raster, values: Array) -> Raster:
    return Raster(values, raster.crs, raster.transform, raster.integer, raster.path)


def _smooth(values: Array, half: float) -> Array:
    """Smooth a staircase: repeated averaging, each value kept within `half` a step (m) of what was given."""
    valid = np.isfinite(values)
    filled = values[tuple(ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True))]
    smooth = filled
    for _ in range(30):
        smooth = np.clip(ndimage.uniform_filter(smooth, 3, mode="nearest"), filled - half, filled + half)
    return np.where(valid, smooth, np.nan)


def _burnt(grid: Grid, roads: gpd.GeoDataFrame, houses: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return yards with roads, as wide as their lanes, and buildings burnt in."""
    codes = np.full(grid.shape, YARD)
    half = [max(n * ROAD_WIDTH_M / 2, grid.cell_m / 2) for n in roads["lanes"]] if len(roads) else []
    strips = [line.buffer(width) for line, width in zip(roads.geometry, half, strict=True)]
    burn(codes, grid, strips, 1)
    burn(codes, grid, houses.geometry, 2)
    return codes


def burn(codes_out: NDArray[np.int64], grid: Grid, shapes: Iterable[object], code: int) -> None:
    """Write `code` into the cells whose centre lies in a shape."""
    outlines = [(shape, 1) for shape in shapes]
    if outlines:
        mask = rasterize(outlines, out_shape=grid.shape, transform=Affine(*grid.affine))
        codes_out[mask.astype(bool)] = code


def _true_metre(raster: Raster) -> float:
    """Return how long a Web-Mercator metre is at the raster's middle: cos(latitude)."""
    ny, nx = raster.values.shape
    x, y = raster.transform * (nx / 2, ny / 2)
    _, lat = Transformer.from_crs(CRS(raster.crs), "EPSG:4326", always_xy=True).transform(x, y)
    return float(np.cos(np.radians(lat)))
