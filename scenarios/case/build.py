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
from rasterio import Affine
from rasterio.features import shapes

from scenarios.case import built_folder, ground, hazards
from scenarios.case.build_file import Build, FileSource, OsmSource, PlacesSource, Source, read_build
from scenarios.case.home import city_folder, home
from scenarios.store.disk import writing
from scenarios.store.folders import replaced, sweep
from twin.city import COLUMNS, City, Layer, Resource, empty_table
from twin.errors import SourceError
from twin.finding import Finding
from twin.grid import Grid, known_crs
from twin.landcover import RIVER, surface_of
from twin.readers import layers as own_layers
from twin.readers import osm, vector
from twin.readers.china_shift import suspect
from twin.readers.city_folder import SUMS, open_folder, save_folder, seal
from twin.readers.findings import check_city
from twin.readers.swmm_inp import drains_of, reproject, swmm_text

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
        seal(part)
        open_folder(part)
        built_folder.note(part)
        built_folder.keep(target, part)
    return target, findings


def check_any(what: str) -> list[Finding]:
    """Return the findings on a city (name or folder), those of its build too, or on what a build file would make."""
    path = Path(what)
    if path.suffix in (".yaml", ".yml") and path.exists():
        return assemble(read_build(path), path.parent)[1]
    folder = city_folder(what)
    city = open_folder(folder)
    hazards.check_levels(city)
    unsealed = [] if (folder / SUMS).exists() else [Finding("unsealed", 1, place=str(folder), assumed="as_given")]
    now = check_city(city)
    told = now + [f for f in city.findings if f.code not in {n.code for n in now}]
    return told + hazards.check_city(city) + unsealed


def assemble(build: Build, base: Path) -> tuple[City, list[Finding]]:
    """Return the city of a build file and everything found on the way."""
    findings: list[Finding] = []
    terrain, grid, scaled = ground.terrain(build, base, findings)
    tables = {name: empty_table(name, grid.crs) for name in COLUMNS}
    layers = {"terrain": _layer(build.terrain, "measured", *scaled)}
    if build.osm is not None:
        _read_osm(build, build.osm, base, tables, layers, findings, grid)
    _read_files(build, base, tables, layers, findings, grid)
    cover, bare = ground.cover(build, base, grid, terrain, (tables["roads"], tables["buildings"]), findings)
    layers["landcover"] = (
        Layer("roads and buildings burnt on yards", "-", "-", "assumed", ("no land cover given",))
        if build.landcover is None
        else _layer(build.landcover, "measured", *bare)
    )
    if build.river is not None:
        water, found = own_layers.read_river(base / build.river.file, grid.crs, build.river.crs)
        findings += found
        ground.burn(cover, grid, water.geometry, RIVER)
        layers["river"] = _layer(build.river, "measured")
    if not len(tables["buildings"]):
        tables["buildings"] = _roof_shapes(cover, grid)
    resources: tuple[Resource, ...] = ()
    if build.resources is not None:
        resources, found = own_layers.read_resources(base / build.resources.file, grid.crs, build.resources.crs)
        findings += found
        layers["resources"] = _layer(build.resources, "measured")
    if build.population is not None:
        source = build.population
        tables["population"], found = vector.read_population(base / source.file, grid, source.crs, source.column)
        findings += found
        layers["population"] = _layer(source, "measured", "day and night counts are equal, ages unknown")
    for name, given in (("facilities", build.facilities), ("sensors", build.sensors)):
        _read_places(name, given, base, tables, layers, findings, grid)
    tables["blocks"] = _blocks(terrain, grid)
    layers["blocks"] = Layer("squares of 500 m", "-", "-", "assumed", ("no communities given",))
    drains = None
    if build.drains is not None:
        text = swmm_text(base / build.drains.inp)
        for mark, value in build.drains.replace.items():
            text = text.replace(mark, f"{value:g}")
        if build.drains.crs and build.drains.crs != build.crs:
            known_crs(build.drains.crs)
            text, ratio = reproject(text, build.drains.crs, build.crs, str(base / build.drains.inp))
            if ratio != 1.0:
                findings.append(ground.mercator("drains", ratio))
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
        resources=resources,
        layers=layers,
    )
    kept = [f for f in check_city(city) if f.code != "integer_dem"]
    findings += kept + hazards.check_city(city)
    return replace(city, findings=tuple(f for f in findings if f.repeated)), findings


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
            source,
            "measured",
            *(f"{f.values['tag']} of {f.count} roads from a class table" for f in found if f.code == "tag_missing"),
        )
        feet = osm.read_foot_underpasses(path, grid.crs)
        tables["facilities"] = _joined([osm.underpasses(tables["roads"]), feet], grid.crs)
    if "buildings" in source.take:
        houses = osm.read_buildings(path, grid.crs)
        tables["buildings"] = (
            houses[houses.geometry.centroid.within(window)].reset_index(drop=True) if len(houses) else houses
        )
        layers["buildings"] = credit
    if "facilities" in source.take:
        places = osm.read_facilities(path, grid.crs)
        tables["facilities"] = _joined([tables["facilities"], places], grid.crs)
        layers["facilities"] = credit


def _read_files(
    build: Build,
    base: Path,
    tables: dict[str, gpd.GeoDataFrame],
    layers: dict[str, Layer],
    findings: list[Finding],
    grid: Grid,
) -> None:
    """Read the tables that have files of their own; each takes the place of what the extract gave."""
    window = shapely.box(*grid.bounds)
    readers = {"roads": own_layers.read_roads, "buildings": own_layers.read_buildings, "levees": own_layers.read_levees}
    for name, read in readers.items():
        source: FileSource | None = getattr(build, name)
        if source is None:
            continue
        table, found = read(base / source.file, grid.crs, source.crs)
        inside = table.geometry.intersects(window)
        if not inside.all():
            lost, place = int((~inside).sum()), str(table.loc[~inside, "id"].iloc[0])
            found.append(Finding("features_outside", lost, place=place, assumed="left_out", values={"layer": name}))
        tables[name] = table[inside].reset_index(drop=True)
        findings += found
        layers[name] = _layer(source, "measured")
    if build.roads is not None:
        of_extract = tables["facilities"]["id"].astype(str).str.startswith("underpass-")
        tables["facilities"] = _joined([osm.underpasses(tables["roads"]), tables["facilities"][~of_extract]], grid.crs)


def _read_places(
    name: str,
    given: list[PlacesSource],
    base: Path,
    tables: dict[str, gpd.GeoDataFrame],
    layers: dict[str, Layer],
    findings: list[Finding],
    grid: Grid,
) -> None:
    """Add the places of files to a table; what lies outside the city is left out and said."""
    parts = [tables[name]]
    for source in given:
        table, found = vector.read_places(base / source.file, grid.crs, source.crs, source.kind)
        findings += found
        findings += _shift(table, tables, grid, source)
        layers[name] = _layer(source, "measured")
        parts.append(table)
    joined = _joined(parts, grid.crs)
    inside = joined.geometry.centroid.within(shapely.box(*grid.bounds))
    if not inside.all():
        lost, place = int((~inside).sum()), str(joined.loc[~inside, "id"].iloc[0])
        findings.append(Finding("features_outside", lost, place=place, assumed="left_out", values={"layer": name}))
    joined = joined[inside].reset_index(drop=True)
    for further in joined.columns.difference([*COLUMNS[name], "geometry"]):
        if (
            joined[further].dropna().map(lambda v: isinstance(v, str)).nunique() > 1
        ):  # numbers in one file, text in another
            joined[further] = [None if pd.isna(v) else str(v) for v in joined[further]]
    if "capacity" in COLUMNS[name]:
        joined["capacity"] = joined["capacity"].fillna(0) if "capacity" in joined else 0
    tables[name] = joined


def _joined(parts: list[gpd.GeoDataFrame], crs: str) -> gpd.GeoDataFrame:
    """Return tables as one."""
    some = [part for part in parts if len(part)] or parts[:1]
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), crs=crs)


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
    places: gpd.GeoDataFrame, tables: Mapping[str, gpd.GeoDataFrame], grid: Grid, source: PlacesSource
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


def _layer(source: Source, basis: str, *assumed: str) -> Layer:
    return Layer(source.source, source.date, source.licence, basis, assumed)


def _never(x: Any, y: Any) -> Any:
    return np.zeros(np.shape(x), dtype=bool)
