"""Build a standard city folder from real data, and check one: `anlan city build`, `anlan city check`."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from rasterio import Affine
from rasterio.features import rasterize, shapes
from scipy import ndimage

from scenarios.case import built_folder
from scenarios.case.build_file import Build, FacilitySource, OsmSource, Source, read_build
from scenarios.case.home import home, open_city
from scenarios.store.disk import writing
from scenarios.store.folders import replaced, sweep
from twin.city import COLUMNS, City, Layer, empty_table
from twin.errors import SourceError
from twin.grid import WEB_MERCATOR, Grid
from twin.landcover import surface_of
from twin.readers import osm, vector
from twin.readers.china_shift import suspect
from twin.readers.city_folder import open_folder, save_folder
from twin.readers.findings import Finding, check_city
from twin.readers.raster import Raster, read_raster, warp
from twin.readers.swmm_inp import drains_of, reproject

ROAD_WIDTH_M = 3.5  # width of a lane burnt into a land cover that has no roads of its own, m: assumed
BLOCK_M = 500.0  # side of the blocks made where a city brings none, m


def build_city(path: Path, to: Path | None = None) -> tuple[Path, list[Finding]]:
    """Build the city of a build file into `to` (default: `$ANLAN_HOME/cities/<id>`); nothing is changed when it fails.

    What lies in the folder and no build wrote stays, and so do the thresholds in its city.yaml. Raises SourceError where the
    build would write over something else that no build wrote.
    """
    build = read_build(path)
    target = (to or home() / "cities" / build.id).resolve()
    sweep(target.parent, glob.escape(target.name))
    if target.exists() and not (target / "city.yaml").exists() and any(target.iterdir()):
        raise SourceError("folder_taken", where=str(target))
    city, findings = assemble(build, path.parent)
    if (target / "city.yaml").exists():
        city = replace(city, **built_folder.own_thresholds(target))
    with writing(target.parent), replaced(target) as (part, _):
        save_folder(city, part)
        open_folder(part)
        built_folder.note(part)
        built_folder.keep(target, part)
    return target, findings


def check_any(what: str) -> list[Finding]:
    """Return the findings on a city (name or folder) or on what a build file would make."""
    path = Path(what)
    if path.suffix in (".yaml", ".yml") and path.exists():
        return assemble(read_build(path), path.parent)[1]
    return check_city(open_city(what))


def assemble(build: Build, base: Path) -> tuple[City, list[Finding]]:
    """Return the city of a build file and everything found on the way."""
    findings: list[Finding] = []
    terrain, grid = _terrain(build, base, findings)
    tables = {name: empty_table(name, grid.crs) for name in COLUMNS}
    layers = {"terrain": _layer(build.terrain, "measured")}
    if build.osm is not None:
        _read_osm(build, build.osm, base, tables, layers, findings, grid)
    cover = _cover(build, base, grid, tables["roads"], tables["buildings"], findings, layers)
    if not len(tables["buildings"]):
        tables["buildings"] = _roof_shapes(cover, grid)
    if build.population is not None:
        source = build.population
        tables["population"], dropped = vector.read_population(base / source.file, grid, source.crs, source.column)
        if dropped:
            findings.append(
                Finding(
                    "features_outside",
                    dropped,
                    place=str(source.file),
                    assumed="left_out",
                    values={"layer": "population"},
                )
            )
        layers["population"] = _layer(source, "measured", "day and night counts are equal, ages unknown")
    parts = [tables["facilities"]] if len(tables["facilities"]) else []
    for given in build.facilities:
        parts.append(vector.read_facilities(base / given.file, grid.crs, given.crs, given.kind))
        findings += _shift(parts[-1], tables, grid, given)
        layers["facilities"] = _layer(given, "measured")
    if parts:
        joined = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=grid.crs)
        inside = joined.geometry.centroid.within(shapely.box(*grid.bounds))
        if not inside.all():
            lost = joined.loc[~inside, "id"]
            findings.append(
                Finding(
                    "features_outside",
                    len(lost),
                    place=str(lost.iloc[0]),
                    assumed="left_out",
                    values={"layer": "facilities"},
                )
            )
        tables["facilities"] = joined[inside].reset_index(drop=True)
    tables["blocks"] = _blocks(terrain, grid)
    layers["blocks"] = Layer("squares of 500 m", "-", "-", "assumed", ("no communities given",))
    drains = None
    if build.drains is not None:
        text = _text(base / build.drains.inp)
        for mark, value in build.drains.replace.items():
            text = text.replace(mark, f"{value:g}")
        if build.drains.crs and build.drains.crs != build.crs:
            text, ratio = reproject(text, build.drains.crs, build.crs)
            if _is_mercator(build.drains.crs):
                findings.append(_mercator("drains", ratio))
        drains = drains_of(text, grid.crs, str(base / build.drains.inp), river=_never)
        filled = [f"{mark} = {value:g}" for mark, value in build.drains.replace.items()]
        layers["drains"] = _layer(build.drains, "measured", *filled)
    city = City(
        id=build.id,
        name_zh=build.name.zh,
        name_en=build.name.en,
        grid=grid,
        timezone=build.timezone,
        vertical_datum=build.vertical_datum,
        surface=surface_of(terrain, cover, grid.y, grid.x),
        **tables,
        drains=drains,
        layers=layers,
    )
    kept = [f for f in check_city(city) if f.code != "integer_dem"]
    return city, findings + kept


def _terrain(build: Build, base: Path, findings: list[Finding]) -> tuple[np.ndarray, Grid]:
    """Return terrain on the city's grid; an integer raster is smoothed inside its own rounding, +-0.5 unit."""
    source = build.terrain
    raster = read_raster(base / source.raster, source.crs, source.nodata)
    if raster.crs is None:
        raise SourceError("raster_no_crs", where=raster.path)
    if _is_mercator(raster.crs):
        findings.append(_mercator("terrain", _true_metre(raster)))
    values, grid = warp(raster, build.crs, build.cell_m)
    whole = raster.values[np.isfinite(raster.values)]
    if raster.integer or np.all(whole == np.round(whole)):
        findings.append(
            Finding(
                "integer_dem",
                len(whole),
                f"{source.vertical_scale:g} m",
                assumed="smoothed",
                values={"step": source.vertical_scale},
            )
        )
        values = _smooth(values)
    if len(whole) and whole.max() >= 254 and raster.integer and whole.max() <= 255:
        findings.append(Finding("clipped_dem", int((whole >= 254).sum()), "254", assumed="as_given"))
    return values * source.vertical_scale, grid


def _smooth(values: np.ndarray) -> np.ndarray:
    """Smooth a staircase: repeated averaging, each value kept within half a unit of what was given."""
    valid = np.isfinite(values)
    filled = values[tuple(ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True))]
    smooth = filled
    for _ in range(30):
        smooth = np.clip(ndimage.uniform_filter(smooth, 3, mode="nearest"), filled - 0.5, filled + 0.5)
    return np.where(valid, smooth, np.nan)


def _read_osm(
    build: Build,
    source: OsmSource,
    base: Path,
    tables: dict[str, gpd.GeoDataFrame],
    layers: dict[str, Layer],
    findings: list[Finding],
    grid: Grid,
) -> None:
    path, window = base / source.osm, shapely.box(*grid.bounds)
    credit = _layer(source, "measured")
    if "roads" in source.take:
        roads, found = osm.read_roads(path, grid.crs)
        tables["roads"] = roads[roads.geometry.intersects(window)].reset_index(drop=True)
        findings += found
        layers["roads"] = _layer(
            source, "measured", *(f"{f.values['tag']} of {f.count} roads from a class table" for f in found)
        )
        tables["facilities"] = osm.underpasses(tables["roads"])
    if "buildings" in source.take:
        houses = osm.read_buildings(path, grid.crs)
        tables["buildings"] = (
            houses[houses.geometry.centroid.within(window)].reset_index(drop=True) if len(houses) else houses
        )
        layers["buildings"] = credit
    if "facilities" in source.take:
        places = osm.read_facilities(path, grid.crs)
        parts = [t for t in (tables["facilities"], places) if len(t)]
        if parts:
            tables["facilities"] = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=grid.crs)
        layers["facilities"] = credit


def _cover(
    build: Build,
    base: Path,
    grid: Grid,
    roads: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    findings: list[Finding],
    layers: dict[str, Layer],
) -> np.ndarray:
    """Return land-cover codes: the given raster, or yards with the roads and buildings burnt in."""
    if build.landcover is not None:
        source = build.landcover
        raster = read_raster(base / source.raster, source.crs)
        values, _ = warp(raster, build.crs, build.cell_m, classes=True, like=grid)
        cover = np.full(grid.shape, 3)
        present = sorted({int(v) for v in np.unique(values[np.isfinite(values)])})
        unknown = [v for v in present if v not in source.classes and v != 0]
        if unknown:
            raise SourceError("cover_code", found=unknown, expected=sorted(source.classes))
        for code, meaning in source.classes.items():
            cover[values == code] = meaning
        layers["landcover"] = _layer(source, "measured")
        return cover
    findings.append(Finding("layer_missing", 1, assumed="without_landcover", values={"layer": "landcover"}))
    layers["landcover"] = Layer("roads and buildings burnt on yards", "-", "-", "assumed", ("no land cover given",))
    cover = np.full(grid.shape, 3)
    transform = Affine(*grid.affine)
    for table, width, code in ((roads, ROAD_WIDTH_M / 2, 1), (houses, 0.0, 2)):
        if len(table):
            widths = table["lanes"].values * width if code == 1 else np.zeros(len(table))
            outlines = [
                (g.buffer(max(w, grid.cell_m / 2)) if code == 1 else g, 1)
                for g, w in zip(table.geometry, widths, strict=True)
            ]
            cover[rasterize(outlines, out_shape=grid.shape, transform=transform).astype(bool)] = code
    return cover


def _roof_shapes(cover: np.ndarray, grid: Grid) -> gpd.GeoDataFrame:
    """Return building outlines traced from the land cover, larger than 30 m2; floors unknown (1)."""
    traced = [
        shapely.geometry.shape(s)
        for s, v in shapes((cover == 2).astype(np.uint8), transform=Affine(*grid.affine))
        if v == 1
    ]
    kept = [s for s in traced if s.area > 30.0]
    if not kept:
        return empty_table("buildings", grid.crs)
    return gpd.GeoDataFrame(
        {"id": [f"house-{k + 1:05d}" for k in range(len(kept))], "use": "other", "floors": 1},
        geometry=kept,
        crs=grid.crs,
    )


def _blocks(terrain: np.ndarray, grid: Grid) -> gpd.GeoDataFrame:
    """Return squares of 500 m that hold ground, named by row and column from the north-west."""
    rows = []
    for i, top in enumerate(np.arange(grid.north, grid.south, -BLOCK_M)):
        for j, left in enumerate(np.arange(grid.west, grid.east, BLOCK_M)):
            row, col, _ = grid.cells(
                [left, min(left + BLOCK_M, grid.east - 1e-6)], [top, max(top - BLOCK_M, grid.south + 1e-6)]
            )
            if np.isfinite(terrain[row[0] : row[1] + 1, col[0] : col[1] + 1]).mean() > 0.05:
                name = f"{chr(65 + i % 26)}{j + 1}"
                rows.append(
                    (
                        f"block-{i + 1:02d}-{j + 1:02d}",
                        f"{name}街区",
                        f"Block {name}",
                        shapely.box(left, top - BLOCK_M, left + BLOCK_M, top),
                    )
                )
    return gpd.GeoDataFrame(rows, columns=["id", "name_zh", "name_en", "geometry"], crs=grid.crs)


def _shift(
    places: gpd.GeoDataFrame, tables: Mapping[str, gpd.GeoDataFrame], grid: Grid, source: FacilitySource
) -> list[Finding]:
    """Suspect GCJ-02 or BD-09 where points fit the roads much better after conversion."""
    if not len(tables["roads"]):
        return []
    lonlat = places.geometry.centroid.to_crs("EPSG:4326")
    seen = suspect(lonlat.x.values, lonlat.y.values, shapely.union_all(tables["roads"].geometry.values), grid.crs)
    if seen is None:
        return []
    system, given, moved = seen
    return [
        Finding(
            "shifted", len(places), f"{given:.0f} m -> {moved:.0f} m", str(source.file), "as_given", {"system": system}
        )
    ]


def _mercator(layer: str, true_metre: float) -> Finding:
    return Finding(
        "web_mercator",
        1,
        f"x {1 / true_metre:.3f}",
        layer,
        "reprojected",
        {"layer": layer, "percent": 100 * (1 / true_metre - 1)},
    )


def _is_mercator(crs: str) -> bool:
    return CRS.from_user_input(crs).to_epsg() in WEB_MERCATOR


def _true_metre(raster: Raster) -> float:
    """Return how long a Web-Mercator metre is at the raster's middle: cos(latitude)."""
    ny, nx = raster.values.shape
    x, y = raster.transform * (nx / 2, ny / 2)
    _, lat = Transformer.from_crs(raster.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return float(np.cos(np.radians(lat)))


def _layer(source: Source, basis: str, *assumed: str) -> Layer:
    return Layer(source.source, source.date, source.licence, basis, assumed)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error


def _never(x: Any, y: Any) -> Any:
    return np.zeros(np.shape(x), dtype=bool)
