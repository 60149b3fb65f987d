"""Points and polygons with attributes: population, facilities, buildings, blocks from CSV, GeoJSON, GeoPackage, GeoParquet, raster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from scipy.spatial import cKDTree

from twin.city import MIN_POPULATION_CELL_M, PERSONAL
from twin.errors import SourceError
from twin.finding import Finding
from twin.grid import Grid, known_crs
from twin.readers.china_shift import SHIFTED, to_wgs84
from twin.readers.geometry import sound
from twin.readers.raster import read_raster
from twin.readers.series import numbers, read_table
from twin.text import decode_all

#: What a column may be called; longer words also count inside a heading such as "经度 (Longitude)".
LON, LAT = ("lon", "lng", "x", "longitude", "经度"), ("lat", "y", "latitude", "纬度")
NAME_ZH, NAME_EN = ("name_zh", "name", "名称"), ("name_en", "english name", "英文名")


def read_features(path: Path, crs: str, source_crs: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return features in `crs`, and what was mended (`twin.readers.geometry`); `source_crs` may be GCJ-02 or BD-09.

    A CSV needs lon/lat columns. Text is UTF-8 or GB 18030.

    Raises SourceError for an unreadable file, missing coordinates, a missing CRS, or columns that could identify a person.
    """
    if source_crs is not None and source_crs not in SHIFTED:
        known_crs(source_crs)
    if path.suffix.lower() == ".csv":
        table = read_table(path)
        lon, lat = _heading(table, LON), _heading(table, LAT)
        if lon is None or lat is None:
            raise SourceError("series_columns", where=str(path), found=list(table.columns), expected=["lon", "lat"])
        x, y = (numbers(table, name, path) for name in (lon, lat))
        if source_crs in SHIFTED:
            x, y = to_wgs84(x, y, source_crs)
        found = gpd.GeoDataFrame(
            table, geometry=gpd.points_from_xy(x, y), crs="EPSG:4326" if source_crs in (None, *SHIFTED) else source_crs
        )
    else:
        try:
            found = _read_file(path)
        except Exception as error:
            raise SourceError(
                "file_unreadable", where=str(path), found=str(error).splitlines()[0] if str(error) else "-"
            ) from error
        if source_crs in SHIFTED:
            found = found.set_geometry(
                shapely.transform(
                    found.geometry.values, lambda c: np.column_stack(to_wgs84(c[:, 0], c[:, 1], source_crs))
                )
            )
            found = found.set_crs("EPSG:4326", allow_override=True)
        elif source_crs is not None:
            found = found.set_crs(source_crs, allow_override=True)
    if found.crs is None:
        raise SourceError("features_no_crs", where=str(path))
    personal = [c for c in found.columns if any(word in str(c).lower() for word in PERSONAL)]
    if personal:
        raise SourceError("personal_columns", table=str(path), found=personal)
    return sound(found.to_crs(known_crs(crs)), path.name)


def _read_file(path: Path) -> gpd.GeoDataFrame:
    """Read any format; the text of a shapefile that does not say its encoding is UTF-8 where it can be, else GB 18030."""
    if path.suffix == ".parquet":
        return gpd.read_parquet(path)
    if path.suffix.lower() != ".shp" or any(path.with_suffix(s).exists() for s in (".cpg", ".CPG")):
        return gpd.read_file(path)
    found = gpd.read_file(path, encoding="ISO-8859-1")  # every byte as one letter, so that none is lost
    text = found.select_dtypes(exclude=["number", "bool", "geometry", "datetime"]).columns
    raw = [*map(str, found.columns), *(v for name in text for v in found[name] if isinstance(v, str))]
    decoded = dict(zip(raw, decode_all([v.encode("latin-1") for v in raw], str(path)), strict=True))
    for name in text:
        found[name] = [decoded[v] if isinstance(v, str) else v for v in found[name]]
    return found.rename(columns=decoded)


def read_places(
    path: Path, crs: str, source_crs: str | None = None, kind: str | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return a table of places, and what was mended: columns id, kind, name_zh, name_en and every further column of the file.

    `kind` is that of all where the file has no such column. Further columns (what a tank holds, the scale of a sensor) are numbers or
    text; they keep their names.
    """
    found, mended = read_features(path, crs, source_crs)
    numbered = [f"{path.stem}-{k + 1:03d}" for k in range(len(found))]
    ids = [str(v) for v in column(found, ("id",), numbered)]
    zh, en = names_of(found, ids)
    own = {
        "id": ids,
        "kind": column(found, ("kind", "type"), [kind or "facility"] * len(found)),
        "name_zh": zh,
        "name_en": en,
    }
    taken = {_heading(found, names) for names in (LON, LAT, NAME_ZH, NAME_EN)} | {"type", found.geometry.name, *own}
    further = {str(c): _plain(found[c]) for c in found.columns if c not in taken}
    return gpd.GeoDataFrame(own | further, geometry=found.geometry.values, crs=crs), mended


def _plain(values: pd.Series) -> Any:
    """Return the values of a column as numbers, or else as text with None where there is none."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float)
    return np.array([None if pd.isna(v) else str(v) for v in values], dtype=object)


def read_population(
    path: Path, grid: Grid, source_crs: str | None = None, column: str = "population"
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return population on cells of 100 m or more, and what was mended or lies outside the city.

    A count raster finer than that is summed to 100 m cells, points (a hexagon table) become squares of the area each
    stands for. Of a cell that reaches beyond the city the share of its area inside counts, people being spread evenly over
    it. Day equals night where one count is known.

    Raises SourceError for negative or missing counts and for polygons finer than 100 m.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        cells, found = _from_raster(path, grid, source_crs), list[Finding]()
    else:
        cells, found = read_features(path, grid.crs, source_crs)
        if column not in cells:
            raise SourceError("series_columns", where=str(path), found=list(cells.columns), expected=[column])
        count = pd.to_numeric(cells[column], errors="coerce").to_numpy(float)
        if not (np.isfinite(count).all() and (count >= 0).all()):
            k = int(np.argmax(~(np.isfinite(count) & (count >= 0))))
            raise SourceError(
                "series_value", where=str(path), row=k + 2, column=column, found=str(cells[column].iloc[k])
            )
        shapes = cells.geometry.values
        if set(cells.geom_type) == {"Point"}:
            xy = np.column_stack([cells.geometry.x, cells.geometry.y])
            spacing = float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])) if len(xy) > 1 else 0.0
            half = (
                max(spacing * 3**0.25 / 2**0.5, MIN_POPULATION_CELL_M) / 2
            )  # a hexagon of that spacing has area s^2 sqrt(3)/2
            shapes = shapely.box(xy[:, 0] - half, xy[:, 1] - half, xy[:, 0] + half, xy[:, 1] + half)
        if not (shapely.area(shapes) > 0).all():
            kinds = sorted(set(cells.geom_type))
            raise SourceError("layer_shapes", where=str(path), found=kinds, expected=["Polygon", "Point"])
        cells = gpd.GeoDataFrame({"count": count}, geometry=shapes, crs=grid.crs)
    cells = cells[cells["count"] > 0]
    inside, cut = _in_city(cells, grid, path.name)
    table = gpd.GeoDataFrame(
        {
            "id": [f"p{k + 1:05d}" for k in range(len(inside))],
            "day": inside["count"].values,
            "night": inside["count"].values,
            "under_15": np.nan,
            "over_65": np.nan,
        },
        geometry=inside.geometry.values,
        crs=grid.crs,
    )
    return table, found + cut


def _in_city(cells: gpd.GeoDataFrame, grid: Grid, where: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the cells' parts in the city with their share of the count, and what is left out.

    A part smaller than a population cell may be keeps the shape of its cell, so that it says no more than the cell did.
    """
    shapes, count = cells.geometry.values, cells["count"].to_numpy(float)
    part = shapely.intersection(shapes, shapely.box(*grid.bounds))
    share = shapely.area(part) / shapely.area(shapes)
    share = np.where(share > 1.0 - 1e-9, 1.0, share)
    small = shapely.area(part) < MIN_POPULATION_CELL_M**2
    geometry = np.where(small | (share == 1.0), shapes, part)
    inside = gpd.GeoDataFrame({"count": count * share}, geometry=geometry, crs=grid.crs)[share > 0]
    if (share == 1.0).all():
        return inside, []
    people = float(count.sum() - inside["count"].sum())
    values = {"people": people, "all": float(count.sum())}
    return inside, [Finding("people_outside", int((share < 1.0).sum()), f"{people:.0f}", where, "by_area", values)]


def _from_raster(path: Path, grid: Grid, source_crs: str | None) -> gpd.GeoDataFrame:
    """Return a count raster as cells: its own where they are 100 m or larger, else summed to squares of 100 m."""
    raster = read_raster(path, source_crs)
    if (raster.values < 0).any():
        row, col = np.argwhere(raster.values < 0)[0]
        raise SourceError(
            "population_negative", where=str(path), found=float(raster.values[row, col]), row=int(row), col=int(col)
        )
    rows, cols = np.nonzero(np.nan_to_num(raster.values) > 0)
    count = raster.values[rows, cols]
    move = Transformer.from_crs(raster.crs or grid.crs, grid.crs, always_xy=True)
    corners = [
        move.transform(*(raster.transform * (cols + dx, rows + dy))) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    own = shapely.polygons(np.stack([np.column_stack(c) for c in corners], axis=1))
    cell = MIN_POPULATION_CELL_M
    if len(own) == 0 or float(np.median(shapely.area(own))) >= cell**2:
        return gpd.GeoDataFrame({"count": count}, geometry=own, crs=grid.crs)
    ny, nx = int(np.ceil((grid.north - grid.south) / cell)), int(np.ceil((grid.east - grid.west) / cell))
    coarse = Grid(grid.crs, grid.west, grid.north, cell, ny, nx)
    centre = shapely.centroid(own)
    row, col, inside = coarse.cells(shapely.get_x(centre), shapely.get_y(centre))
    total = np.zeros(coarse.shape)
    np.add.at(total, (row[inside], col[inside]), count[inside])
    xx, yy = np.meshgrid(coarse.x, coarse.y)
    boxes = shapely.box(xx.ravel() - cell / 2, yy.ravel() - cell / 2, xx.ravel() + cell / 2, yy.ravel() + cell / 2)
    return gpd.GeoDataFrame({"count": total.ravel()}, geometry=boxes, crs=grid.crs)


def names_of(table: pd.DataFrame, otherwise: list[str]) -> tuple[list[str], list[str]]:
    """Return the Chinese and the English name of each row; one stands for the other, and `otherwise` for both."""
    zh, en = _heading(table, NAME_ZH), _heading(table, NAME_EN)
    none = pd.Series(None, index=table.index, dtype=object)
    first, second = table[zh] if zh else none, table[en] if en else none
    last = pd.Series(otherwise, index=table.index, dtype=object)
    zh_names, en_names = (
        a.astype(object).fillna(b).fillna(last).astype(str) for a, b in ((first, second), (second, first))
    )
    return zh_names.tolist(), en_names.tolist()


def column(table: pd.DataFrame, names: tuple[str, ...], otherwise: Any) -> Any:
    """Return the first of the named columns that a table has, else what stands for it."""
    return next((table[c].values for c in names if c in table.columns), otherwise)


def _heading(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Return the column that has one of the names, exactly or (for names of two Chinese or six other letters) inside its heading."""
    plain = {str(c).strip().lower(): str(c) for c in table.columns}
    exact = next((plain[n] for n in names if n in plain), None)
    long = [n for n in names if len(n) >= 6 or not n.isascii()]
    return exact or next((c for low, c in plain.items() for n in long if n in low), None)
