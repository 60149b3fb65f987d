"""Who and what a hazard touches: people, buildings, roads and places by class and time.

Counts of people are expectations over floor area, never individuals; population itself exists on cells of 100 m or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.sheet import COLOURS, Sheet

#: The share of a place's open ground that must be reached for its `area` statistic.
AREA_SHARE = 0.05

#: Road classes (OpenStreetMap `highway`) that make a `road`; the others are a `street`.
MAIN_CLASSES = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "motorway_link",
    "trunk_link",
    "primary_link",
    "secondary_link",
)

#: Local hours in which the night population is at home.
NIGHT_HOURS = (20, 7)


@dataclass(frozen=True)
class Exposure:
    """Exposure to one hazard.

    `people`, `buildings` (counts) and `road_m` (length) hold, per output time, what stands in each class of the lead
    variable: class k is [classes[k], classes[k+1]). `places` has a row per place that can be graded, with its peak,
    the time of the peak and the first and last time above each colour's threshold; `series` its value (time, place).
    """

    hazard: str
    classes: tuple[float, ...]
    people: pd.DataFrame
    buildings: pd.DataFrame
    road_m: pd.DataFrame
    roads: pd.DataFrame
    places: gpd.GeoDataFrame
    series: xr.DataArray


def expose(city: City, fields: xr.Dataset, sheet: Sheet) -> Exposure:
    """Return the exposure of `city` to the lead variable of `fields` (time, y, x), on the grid of the fields."""
    lead = fields[sheet.lead]
    cell_m = abs(float(lead["x"][1] - lead["x"][0]))
    city = city.at_cell_size(round(cell_m, 6))
    frames, times = lead.values, pd.DatetimeIndex(lead["time"].values)
    people, buildings = _buildings(city, frames, times, sheet)
    road_values = _road_values(city, frames)
    roads = pd.DataFrame({"id": city.roads["id"].values, "peak": road_values.max(axis=0, initial=0.0)})
    lengths = city.roads.geometry.length.values
    road_m = _by_class(road_values, lengths, times, sheet.classes)
    table, values = _places(city, frames, road_values, sheet)
    places = _with_times(table, values, times, sheet)
    series = xr.DataArray(
        values, dims=("time", "place"), coords={"time": times, "place": places["id"].values}, name=sheet.lead
    )
    return Exposure(sheet.id, sheet.classes, people, buildings, road_m, roads, places, series)


def floor_area_people(city: City, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return people expected in each building and the people of population cells that hold no home.

    A cell's people are spread over the floor area of the homes whose centroid lies in it.
    """
    homes = city.buildings["use"].isin(["residential", "mixed"]).values
    floor_area = np.where(
        homes, city.buildings.geometry.area.values * city.buildings["floors"].values.astype(float), 0.0
    )
    expected = np.zeros(len(city.buildings))
    count = city.population[column].values.astype(float)
    rest = count.copy()
    if len(city.buildings) and len(count):
        building, cell = shapely.STRtree(city.population.geometry.values).query(
            shapely.centroid(city.buildings.geometry.values), predicate="intersects"
        )
        first = np.unique(building, return_index=True)[1]  # a centroid on a shared edge counts once
        building, cell = building[first], cell[first]
        total = np.bincount(cell, floor_area[building], len(count))
        share = np.divide(floor_area[building], total[cell], out=np.zeros(len(building)), where=total[cell] > 0)
        expected[building] = share * count[cell]
        rest[total > 0] = 0.0
    return expected, rest


def _buildings(
    city: City, frames: NDArray[np.floating], times: pd.DatetimeIndex, sheet: Sheet
) -> tuple[pd.DataFrame, pd.DataFrame]:
    hour = times[0].tz_localize("UTC").tz_convert(city.tz).hour
    column = "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"
    expected, rest = floor_area_people(city, column)
    values = overlay.around_buildings(city.grid, city.buildings.geometry).maximum(frames)
    buildings = _by_class(values, np.ones(len(expected)), times, sheet.classes)
    people = _by_class(values, expected, times, sheet.classes)
    if rest.any():  # cells without homes: people spread over the cell's open ground
        open_ground = (
            np.isfinite(city.surface["terrain"].values)
            & ~city.surface["building"].values
            & ~city.surface["river"].values
        )
        where = np.flatnonzero(rest)
        sampler = overlay.within_polygons(city.grid, city.population.geometry.iloc[where]).keep(open_ground)
        for k, (low, high) in enumerate(_bounds(sheet.classes)):
            inside = ((frames >= low) & (frames < high)).astype(np.float32)
            people[sheet.classes[k]] += sampler.mean(inside) @ rest[where]
    return people, buildings


def _road_values(city: City, frames: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the largest value along each road; roads on bridges (level > 0) stand clear of the ground."""
    values = overlay.along_lines(city.grid, city.roads.geometry).maximum(frames)
    values[:, (city.roads["level"].values.astype(float) > 0)] = 0.0
    return values


def _places(
    city: City, frames: NDArray[np.floating], road_values: NDArray[np.float64], sheet: Sheet
) -> tuple[gpd.GeoDataFrame, NDArray[np.float64]]:
    """Return every place that the sheet grades, with its value in time: streets, facilities, blocks."""
    tables, columns = [], []
    if len(city.roads) and {"road", "street"} & set(sheet.rules):
        plain = ~city.roads["underpass"].values.astype(bool)
        table, member = _streets(city.roads[plain])
        values = np.zeros((len(frames), len(table)))
        np.maximum.at(values.T, member, road_values[:, plain].T)
        graded = table["kind"].isin(sheet.rules).values
        tables.append(table[graded])
        columns.append(values[:, graded])
    open_ground = (
        np.isfinite(city.surface["terrain"].values) & ~city.surface["building"].values & ~city.surface["river"].values
    )
    for name, kinds in (("facilities", None), ("blocks", "block")):
        source: gpd.GeoDataFrame = getattr(city, name)
        if not len(source):
            continue
        kind = source["kind"] if kinds is None else pd.Series(kinds, index=source.index)
        chosen = kind.isin(sheet.rules).values
        table = source.loc[chosen, ["id", "name_zh", "name_en", "geometry"]].assign(kind=kind[chosen].values, roads="")
        sampler = overlay.places(city.grid, table.geometry).keep(open_ground)
        area = np.array([sheet.rules[k]["statistic"] == "area" for k in table["kind"]], dtype=bool)
        values = sampler.maximum(frames)
        if area.any():
            values[:, area] = sampler.quantile(frames, 1.0 - AREA_SHARE)[:, area]
        tables.append(table)
        columns.append(values)
    if not tables:
        crs = city.grid.crs
        empty = gpd.GeoDataFrame(
            {c: [] for c in ("id", "name_zh", "name_en", "kind", "roads")},
            geometry=gpd.GeoSeries([], crs=crs),
            crs=crs,
        )
        return empty, np.zeros((len(frames), 0))
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=city.grid.crs), np.concatenate(columns, axis=1)


def _streets(roads: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    """Return stretches of street and the stretch of each road.

    A stretch is what an officer can close: joined roads of one name between two main roads, called "A (B - C)". An
    unnamed road stands alone.
    """
    named = roads["name_zh"].fillna("").astype(str).values
    main = roads["road_class"].isin(MAIN_CLASSES).values
    ends = list(zip(roads["u"].values, roads["v"].values, strict=True))
    crossing: dict[str, set[int]] = {}
    for k in map(int, np.flatnonzero(main)):
        for node in ends[k]:
            crossing.setdefault(node, set()).add(k)
    graph: nx.Graph[tuple[str, str | int]] = nx.Graph()
    for k, (u, v) in enumerate(ends):
        graph.add_node(("road", k))
        for node in (u, v):
            breaks = any(named[other] != named[k] for other in crossing.get(node, ()))
            if named[k] and not breaks:
                graph.add_edge(("road", k), (f"{named[k]}@", node))
    member = np.zeros(len(roads), dtype=np.int64)
    rows = []
    for n, part in enumerate(nx.connected_components(graph)):
        index = sorted(int(k) for kind, k in part if kind == "road")
        member[index] = n
        piece = roads.iloc[index]
        first = piece.iloc[0]
        bounds = sorted(
            {
                other
                for k in index
                for node in ends[k]
                for other in crossing.get(node, ())
                if named[other] != named[index[0]]
            }
        )
        zh, en = _stretch_name(first, [roads.iloc[b] for b in bounds])
        kind = "road" if main[index].any() else "street"
        lines = shapely.union_all(piece.geometry.values)
        rows.append((f"street-{min(piece['id'])}", zh, en, kind, ",".join(piece["id"].astype(str)), lines))
    columns = ["id", "name_zh", "name_en", "kind", "roads"]
    return gpd.GeoDataFrame(
        [r[:5] for r in rows], columns=columns, geometry=[r[5] for r in rows], crs=roads.crs
    ), member


def _stretch_name(road: pd.Series, bounds: list[pd.Series]) -> tuple[str, str]:
    """Return the names of a stretch: the road's own, with the first and last main road that bound it."""
    zh, en = str(road["name_zh"] or road["id"]), str(road["name_en"] or road["name_zh"] or road["id"])
    between = list(dict.fromkeys((str(b["name_zh"]), str(b["name_en"])) for b in bounds if b["name_zh"]))[:2]
    if not between:
        return zh, en
    return f"{zh}({'—'.join(b[0] for b in between)})", f"{en} ({' - '.join(b[1] for b in between)})"


def _with_times(
    table: gpd.GeoDataFrame, values: NDArray[np.float64], times: pd.DatetimeIndex, sheet: Sheet
) -> gpd.GeoDataFrame:
    """Add peak, its time and the first and last time at or above each colour's threshold."""
    table = table.copy()
    table["peak"] = values.max(axis=0, initial=0.0)
    table["peak_time"] = times[values.argmax(axis=0)] if values.size else pd.DatetimeIndex([])
    for colour in COLOURS:
        bound = np.array([sheet.threshold(kind, colour) for kind in table["kind"]])
        above = values >= bound
        reached = above.any(axis=0)
        first = times[above.argmax(axis=0)] if values.size else pd.DatetimeIndex([])
        last = times[len(times) - 1 - above[::-1].argmax(axis=0)] if values.size else pd.DatetimeIndex([])
        table[f"first_{colour}"] = pd.Series(first).where(reached).values
        table[f"last_{colour}"] = pd.Series(last).where(reached).values
    return table


def _bounds(classes: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(zip(classes, (*classes[1:], np.inf), strict=True))


def _by_class(
    values: NDArray[np.float64],
    weight: NDArray[np.float64],
    times: pd.DatetimeIndex,
    classes: tuple[float, ...],
) -> pd.DataFrame:
    """Return the weight standing in each class at each time."""
    columns: Mapping[float, NDArray[np.float64]] = {
        low: ((values >= low) & (values < high)) @ weight for low, high in _bounds(classes)
    }
    return pd.DataFrame(columns, index=times)
