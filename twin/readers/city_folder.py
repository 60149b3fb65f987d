"""The standard city folder, and back.

`city.yaml`, `terrain.tif`, `landcover.tif` and, where the city has them, `buildings.parquet`, `roads.parquet`,
`population.parquet`, `facilities.parquet`, `blocks.parquet`, `sensors.parquet`, `levees.parquet`, `drains.inp`,
`resources.yaml`, `venues/*.geojson`, `substances/*.csv`. Tables are GeoParquet in the CRS of the terrain. `SHA256SUMS`, where it is
there, holds the sum of each file but `city.yaml`, in which a city sets its own thresholds by hand.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import yaml
from scipy import ndimage

from twin.city import COLUMNS, City, Layer, Resource, empty_table
from twin.errors import SourceError
from twin.finding import Finding
from twin.grid import Grid
from twin.landcover import surface_of
from twin.readers.geometry import nowhere, sound
from twin.readers.raster import Raster, grid_of, read_raster, write_raster
from twin.readers.swmm_inp import read_drains
from twin.readers.yaml_file import read_yaml
from twin.words import one_line

NODATA = -9999.0

SUMS = "SHA256SUMS"

#: Ground is no lower and no higher than this, m: the shore of the Dead Sea lies at -430, Mount Everest's top at 8849.
LOWEST_M, HIGHEST_M = -500.0, 9000.0


def open_folder(folder: Path) -> City:
    """Read a standard city folder; raise SourceError that names the file and what is wrong with it."""
    head = read_yaml(folder / "city.yaml")
    for key in ("id", "name", "timezone", "vertical_datum"):
        if key not in head:
            raise SourceError("yaml_key", where=str(folder / "city.yaml"), found=sorted(head), expected=key)
    if not (isinstance(head["name"], dict) and {"zh", "en"} <= set(head["name"])):
        raise SourceError("yaml_names", where=str(folder / "city.yaml"), found=head["name"])
    sums = file_sums(folder)
    _check_sums(folder, sums)
    terrain = read_raster(folder / "terrain.tif", nodata=NODATA)
    _check_terrain(terrain)
    grid = grid_of(terrain)
    cover = read_raster(folder / "landcover.tif")
    if cover.values.shape != grid.shape or not np.allclose(tuple(cover.transform), tuple(terrain.transform)):
        raise SourceError(
            "rasters_differ",
            where=str(folder / "landcover.tif"),
            found=cover.values.shape,
            expected=grid.shape,
        )
    codes = np.nan_to_num(cover.values, nan=0).astype(np.int64)
    read = {name: _table(folder, name, grid) for name in COLUMNS}
    inp = folder / "drains.inp"
    return City(
        id=str(head["id"]),
        name_zh=head["name"]["zh"],
        name_en=head["name"]["en"],
        grid=grid,
        timezone=head["timezone"],
        vertical_datum=head["vertical_datum"],
        surface=surface_of(terrain.values, codes, grid.y, grid.x),
        **{name: table for name, (table, _) in read.items()},
        drains=read_drains(inp, grid.crs, river=_river_test(grid, codes)) if inp.exists() else None,
        resources=_resources(folder),
        layers=_layers(head, folder / "city.yaml"),
        level_overrides=_rules(head, "levels", folder / "city.yaml"),
        event_overrides=_rules(head, "event", folder / "city.yaml"),
        findings=(*_findings(head, folder / "city.yaml"), *(f for _, found in read.values() for f in found)),
        content_hash=_joined(sums),
        substances=_substances(folder),
    )


def save_folder(city: City, folder: Path) -> None:
    """Write a city as a standard folder, which is new or empty."""
    folder.mkdir(parents=True, exist_ok=True)
    terrain = np.where(np.isfinite(city.surface["terrain"].values), city.surface["terrain"].values, NODATA).astype(
        np.float32
    )
    write_raster(folder / "terrain.tif", terrain, city.grid, NODATA)
    write_raster(folder / "landcover.tif", city.surface["cover"].values.astype(np.uint8), city.grid, 0)
    for name in COLUMNS:
        table: gpd.GeoDataFrame = getattr(city, name)
        if len(table) and name != "venues":
            table.to_parquet(folder / f"{name}.parquet", index=False)
    for venue, parts in city.venues.groupby("venue"):
        (folder / "venues").mkdir(exist_ok=True)
        path = folder / "venues" / f"{str(venue).replace('/', '-')}.geojson"
        parts.to_crs("EPSG:4326").to_file(path, driver="GeoJSON", COORDINATE_PRECISION=9)
    if city.drains is not None:
        (folder / "drains.inp").write_text(city.drains.inp, encoding="utf-8")
    for name, text in city.substances.items():
        (folder / "substances").mkdir(exist_ok=True)
        (folder / "substances" / f"{name}.csv").write_text(text, "utf-8")
    if city.resources:
        rows = [{**asdict(r), "values": dict(r.values)} for r in city.resources]
        (folder / "resources.yaml").write_text(
            yaml.safe_dump({"resources": rows}, allow_unicode=True, sort_keys=False), "utf-8"
        )
    head = {
        "schema": 1,
        "id": city.id,
        "name": {"zh": city.name_zh, "en": city.name_en},
        "crs": city.grid.crs,
        "timezone": city.timezone,
        "vertical_datum": city.vertical_datum,
        "layers": {name: {**asdict(layer), "assumed": list(layer.assumed)} for name, layer in city.layers.items()},
        "levels": dict(city.level_overrides),
        "event": dict(city.event_overrides),
        **(
            {"findings": [json.loads(json.dumps(asdict(f), default=float)) for f in city.findings]}
            if city.findings
            else {}
        ),
    }
    (folder / "city.yaml").write_text(yaml.safe_dump(head, allow_unicode=True, sort_keys=False), "utf-8")


def file_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every data file of a city folder, by its path in there; raise SourceError for one that is shut."""
    kinds = (".yaml", ".tif", ".parquet", ".inp", ".geojson", ".csv")
    sums = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in kinds and p.is_file()):
        try:
            sums[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    return sums


def seal(folder: Path) -> None:
    """Write the sums of a city's files beside them, in the form of `sha256sum`, so that damage is seen when it is opened."""
    rows = [f"{found}  {name}\n" for name, found in file_sums(folder).items() if name != "city.yaml"]
    (folder / SUMS).write_text("".join(rows), "utf-8")


def _check_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Raise SourceError for the first file that is gone or not the one that was sealed; a file without a sum is taken as it is."""
    path = folder / SUMS
    if not path.exists():
        return
    try:
        rows = [line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines() if line.strip()]
        sealed = {name.strip().lstrip("*"): found for found, name in rows}
    except (OSError, ValueError) as error:
        raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
    for name, found in sealed.items():
        if sums.get(name) != found:
            raise SourceError("city_file_changed" if name in sums else "city_file_gone", where=str(folder / name))


def _joined(sums: Mapping[str, str]) -> str:
    """Return one hash of all files by name and content."""
    digest = hashlib.sha256()
    for name, found in sums.items():
        digest.update(name.encode() + b"\0" + bytes.fromhex(found))
    return digest.hexdigest()


def _check_terrain(terrain: Raster) -> None:
    """Raise SourceError for ground that is lower or higher than any on Earth."""
    wrong = np.isfinite(terrain.values) & ((terrain.values < LOWEST_M) | (terrain.values > HIGHEST_M))
    if wrong.any():
        row, col = np.argwhere(wrong)[0]
        raise SourceError(
            "terrain_range", where=terrain.path, count=int(wrong.sum()), row=int(row), col=int(col),
            found=float(terrain.values[row, col]), low=LOWEST_M, high=HIGHEST_M,
        )  # fmt: skip


def _table(folder: Path, name: str, grid: Grid) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return a table, and what of its shapes was mended.

    The venues' files (`venues/*.geojson`) hold facilities of kind "venue" and what stands inside them.
    """
    path = folder / f"{name}.parquet"
    venues = sorted((folder / "venues").glob("*.geojson")) if name in ("facilities", "venues") else []
    where = path
    try:
        parts = [gpd.read_parquet(path)] if path.exists() else []
        for where in venues:
            with (
                warnings.catch_warnings()
            ):  # a column of numbers and words; what cannot be a number is named where it is read
                warnings.filterwarnings("ignore", message="Could not parse column", category=UserWarning)
                features = gpd.read_file(where).to_crs(grid.crs)
            if missing := [column for column in ("id", "kind") if column not in features]:
                raise SourceError("table_columns", table=str(where), missing=missing, found=list(features.columns))
            _check_places(features, where, features.geom_type == "LineString")
            inside = (features["kind"] != "venue").values
            parts.append(features[inside if name == "venues" else ~inside].dropna(axis="columns", how="all"))
    except SourceError:
        raise
    except Exception as error:
        raise SourceError("file_unreadable", where=str(where), found=str(error).splitlines()[0]) from error
    parts = [part for part in parts if len(part)]
    if not parts:
        return empty_table(name, grid.crs), []
    for part in parts:
        if part.crs is None or part.crs != grid.crs:
            raise SourceError("table_crs", where=str(path), found=str(part.crs), expected=grid.crs)
    table = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=grid.crs)
    for column in ("name_zh", "name_en"):
        if column in table:
            table[column] = table[column].map(lambda name: one_line(name) if isinstance(name, str) else name)
    _check_places(table, path)
    if name == "venues":
        path = folder / "venues"
        for column, other in (("name_zh", "name_en"), ("name_en", "name_zh")):
            known = table.get(column, pd.Series(index=table.index, dtype=object))
            table[column] = (
                known.fillna(table[other]).fillna(table["id"]) if other in table else known.fillna(table["id"])
            )
    return sound(table, path.name)


def _check_places(table: gpd.GeoDataFrame, where: Path, lines: pd.Series | bool = False) -> None:
    """Raise SourceError where features have no geometry, those of `lines` no length, or lie nowhere."""
    bounds = table.bounds
    point = (bounds["minx"] == bounds["maxx"]) & (bounds["miny"] == bounds["maxy"])
    shapeless = table.geometry.isna() | table.geometry.is_empty
    found = {
        "table_nowhere": nowhere(table.geometry.values),
        "table_geometry": shapeless.values,
        "table_length": (lines & point).values,
    }
    for code, lost in found.items():
        if lost.any():
            raise SourceError(code, where=str(where), found=list(table.loc[lost, "id"][:5]), count=int(lost.sum()))


def _layers(head: dict[str, Any], where: Path) -> dict[str, Layer]:
    """Return what city.yaml says of each layer's origin."""
    try:
        rows = {str(name): dict(layer) for name, layer in (head.get("layers") or {}).items()}
        return {name: Layer(**{**row, "assumed": tuple(row.get("assumed") or ())}) for name, row in rows.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise SourceError("yaml_malformed", where=str(where), found=f"layers: {error}") from error


def _findings(head: dict[str, Any], where: Path) -> tuple[Finding, ...]:
    """Return the findings that city.yaml keeps from the build."""
    try:
        found = tuple(Finding(**row) for row in head.get("findings") or ())
        for finding in found:
            finding.note()
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise SourceError("yaml_malformed", where=str(where), found=f"findings: {error}") from error
    return found


def _rules(head: dict[str, Any], key: str, where: Path) -> dict[str, dict[str, Any]]:
    """Return the city's own thresholds under `key`: of places by hazard and kind, or of the whole event by level."""
    rules = head.get(key) or {}
    if not isinstance(rules, dict) or not all(isinstance(row, dict) for row in rules.values()):
        raise SourceError("yaml_malformed", where=str(where), found=f"{key}: {rules}")
    return rules


def _resources(folder: Path) -> tuple[Resource, ...]:
    path = folder / "resources.yaml"
    if not path.exists():
        return ()
    try:
        crews = [Resource(**row) for row in read_yaml(path).get("resources", [])]
        return tuple(replace(c, name_zh=one_line(c.name_zh), name_en=one_line(c.name_en)) for c in crews)
    except TypeError as error:
        raise SourceError("yaml_malformed", where=str(path), found=str(error)) from error


def _substances(folder: Path) -> dict[str, str]:
    """Return the city's own tables of substances as they stand, by name."""
    found = {}
    for path in sorted((folder / "substances").glob("*.csv")):
        try:
            found[path.stem] = path.read_text("utf-8-sig")
        except (OSError, ValueError) as error:
            raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
    return found


def _river_test(grid: Grid, cover: np.ndarray) -> Any:
    """Return a function that says whether a map point lies on or within two cells of the river."""
    near = ndimage.binary_dilation(cover == 7, iterations=2)

    def on_river(x: Any, y: Any) -> Any:
        row, col, inside = grid.cells(x, y)
        return near[row, col] & inside

    return on_river
