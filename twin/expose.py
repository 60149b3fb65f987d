"""Who and what a hazard touches: people, buildings, roads and places by class and time.

Counts of people are expectations over floor area, never individuals; population itself exists on cells of 100 m or more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from twin import overlay
from twin.city import City
from twin.closures import COLUMNS, closed_roads, closures, standing
from twin.hazard import Action
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


#: Columns of the tables `closures` and `danger` of an exposure.
CLOSURES = ("id", "kind", "name_zh", "name_en", "threshold", *COLUMNS, "peak", "peak_time", "danger")
DANGER = ("people", "buildings", "road_m")

#: Takes frames (time, y, x) to values (time, item).
Sample = Callable[[NDArray[np.floating]], NDArray[np.float64]]


@dataclass(frozen=True)
class Exposure:
    """Exposure to one hazard.

    `people`, `buildings` (counts) and `road_m` (length) hold, per output time, what stands in each class of the lead
    variable: class k is [classes[k], classes[k+1]). `places` has a row per place that can be graded, with its peak,
    the time of the peak and the first and last minute at each colour's threshold (`twin.closures.standing`); `series` its
    value (time, place). Where the hazard keeps the highest value of every step (`Sheet.peak_layer`), a place's value at its
    highest output time is raised to it, and a road's likewise.
    `closures` has a row per place that closes (`twin.closures`), the first to close first; `roads` the same per road, with
    NaT for those that stay open. `danger` holds people, buildings and road length by the worst danger class reached,
    empty for a hazard without classes.
    """

    hazard: str
    classes: tuple[float, ...]
    people: pd.DataFrame
    buildings: pd.DataFrame
    road_m: pd.DataFrame
    roads: pd.DataFrame
    places: gpd.GeoDataFrame
    series: xr.DataArray
    closures: pd.DataFrame
    danger: pd.DataFrame


def expose(city: City, fields: xr.Dataset, sheet: Sheet, actions: tuple[Action, ...] = ()) -> Exposure:
    """Return the exposure of `city` to the lead variable of `fields` (time, y, x), on the grid of the fields.

    A road that an action `close_road` keeps closed carries nobody: its length does not count in `road_m` while it is.
    """
    lead, peak = fields[sheet.lead], sheet.peak_layer.variable
    city = city.at_cell_size(round(abs(float(lead["x"][1] - lead["x"][0])), 6))
    frames, times = lead.values, pd.DatetimeIndex(lead["time"].values)
    worst = fields[sheet.danger.variable].values[np.newaxis] if sheet.danger else np.zeros((1, *frames.shape[1:]))
    kept = peak != sheet.lead and peak in fields
    highest = fields[peak].values[np.newaxis] if kept else frames[:1]  # without it none above the frames is known
    on_roads, on_people = _road_sampler(city), _people_sampler(city, times)
    table, on_places = _places(city, on_roads, sheet)
    people, buildings = on_people(frames, times, sheet.classes)
    travelled = np.where(closed_roads(city, actions, times), 0.0, on_roads(frames))
    road_m = _by_class(travelled, city.roads.geometry.length.values, times, sheet.classes)
    road_values, values = (_with_highest(on(frames), on(highest)) for on in (on_roads, on_places))
    kinds = _road_kinds(city.roads)
    roads = pd.DataFrame(
        {
            "id": city.roads["id"].values,
            "kind": kinds,
            **_peaks(road_values, times),
            **closures(road_values, np.array([sheet.closing(k) for k in kinds]), times),
            "danger": on_roads(worst)[0].astype(int),
        }
    )
    places = _with_times(table, values, times, sheet)
    series = xr.DataArray(
        values, dims=("time", "place"), coords={"time": times, "place": places["id"].values}, name=sheet.lead
    )
    return Exposure(
        hazard=sheet.id,
        classes=sheet.classes,
        people=people,
        buildings=buildings,
        road_m=road_m,
        roads=roads,
        places=places,
        series=series,
        closures=_closed_places(places, values, on_places(worst)[0], times, sheet),
        danger=_by_danger(city, worst, on_people, on_roads, sheet),
    )


def _with_highest(values: NDArray[np.float64], highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values (time, item) with the time at which an item stands highest raised to its `highest` (1, item).

    What lies between two output times is known by its height alone: it is told at the nearest of the times known. Peak,
    colours and times then follow from one series, so that none contradicts another.
    """
    raised, item = values.copy(), np.arange(values.shape[1])
    at = values.argmax(axis=0)
    raised[at, item] = np.maximum(values[at, item], highest[0])
    return raised


def _closed_places(
    places: gpd.GeoDataFrame,
    values: NDArray[np.float64],
    worst: NDArray[np.float64],
    times: pd.DatetimeIndex,
    sheet: Sheet,
) -> pd.DataFrame:
    """Return the places that close, the first to close first, then the deepest."""
    limits = np.array([sheet.closing(kind) for kind in places["kind"]])
    table = pd.DataFrame(places[["id", "kind", "name_zh", "name_en", "peak", "peak_time"]])
    table = table.assign(threshold=limits, danger=worst.astype(int), **closures(values, limits, times))
    closed = table[table["closes"].notna()]
    return closed.sort_values(["closes", "peak"], ascending=[True, False])[list(CLOSURES)].reset_index(drop=True)


def _by_danger(city: City, worst: NDArray[np.floating], on_people: Any, on_roads: Sample, sheet: Sheet) -> pd.DataFrame:
    """Return people (an expectation over floor area and open ground), buildings and road length in each danger class."""
    if sheet.danger is None:
        return pd.DataFrame(columns=list(DANGER))
    classes, when = tuple(float(k + 1) for k in range(len(sheet.danger.names))), pd.DatetimeIndex([0])
    people, buildings = on_people(worst, when, classes)
    road_m = _by_class(on_roads(worst), city.roads.geometry.length.values, when, classes)
    columns = (people.iloc[0], buildings.iloc[0], road_m.iloc[0])
    return pd.DataFrame(dict(zip(DANGER, columns, strict=True))).rename_axis("class")


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


def _people_sampler(city: City, times: pd.DatetimeIndex) -> Callable[..., tuple[pd.DataFrame, pd.DataFrame]]:
    """Return what counts the people and buildings in each class at each time; people of the local hour of the start."""
    hour = times[0].tz_localize("UTC").tz_convert(city.tz).hour
    column = "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"
    expected, rest = floor_area_people(city, column)
    around = overlay.around_buildings(city.grid, city.buildings.geometry)
    where = np.flatnonzero(rest)  # cells without homes: people spread over the cell's open ground
    outdoors = (
        overlay.within_polygons(city.grid, city.population.geometry.iloc[where]).keep(_open_ground(city))
        if len(where)
        else None
    )

    def count(
        frames: NDArray[np.floating], when: pd.DatetimeIndex, classes: tuple[float, ...]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        values = around.maximum(frames)
        buildings = _by_class(values, np.ones(len(expected)), when, classes)
        people = _by_class(values, expected, when, classes)
        for low, high in _bounds(classes):
            if outdoors is not None:
                people[low] += outdoors.mean(((frames >= low) & (frames < high)).astype(np.float32)) @ rest[where]
        return people, buildings

    return count


def _open_ground(city: City) -> NDArray[np.bool_]:
    surface = city.surface
    return np.asarray(np.isfinite(surface["terrain"].values) & ~surface["building"].values & ~surface["river"].values)


def _road_sampler(city: City) -> Sample:
    """Return what reads the largest value along each road; roads on bridges (level > 0) stand clear of the ground."""
    along = overlay.along_lines(city.grid, city.roads.geometry)
    on_ground = city.roads["level"].values.astype(float) <= 0
    return lambda frames: along.maximum(frames) * on_ground


def _road_kinds(roads: gpd.GeoDataFrame) -> list[str]:
    """Return the place kind whose rule each road follows: underpass, road (a main class) or street."""
    main, below = roads["road_class"].isin(MAIN_CLASSES), roads["underpass"].astype(bool)
    return ["underpass" if b else "road" if m else "street" for m, b in zip(main, below, strict=True)]


def _places(city: City, on_roads: Sample, sheet: Sheet) -> tuple[gpd.GeoDataFrame, Sample]:
    """Return every place that the sheet grades, and what reads their values: streets, facilities, blocks."""
    tables: list[gpd.GeoDataFrame] = []
    samples: list[Sample] = []
    if len(city.roads) and {"road", "street"} & set(sheet.rules):
        plain = ~city.roads["underpass"].values.astype(bool)
        table, member = _streets(city.roads[plain])
        graded = table["kind"].isin(sheet.rules).values
        tables.append(table[graded])

        def of_streets(frames: NDArray[np.floating]) -> NDArray[np.float64]:
            values = np.zeros((len(frames), len(graded)))
            np.maximum.at(values.T, member, on_roads(frames)[:, plain].T)
            return values[:, graded]

        samples.append(of_streets)
    open_ground = _open_ground(city)
    for name, kinds in (("facilities", None), ("blocks", "block")):
        source: gpd.GeoDataFrame = getattr(city, name)
        if not len(source):
            continue
        kind = source["kind"] if kinds is None else pd.Series(kinds, index=source.index)
        chosen = kind.isin(sheet.rules).values
        table = source.loc[chosen, ["id", "name_zh", "name_en", "geometry"]].assign(kind=kind[chosen].values, roads="")
        tables.append(table)
        samples.append(_site_sampler(overlay.places(city.grid, table.geometry).keep(open_ground), table["kind"], sheet))
    crs = city.grid.crs
    if not tables:
        columns: dict[str, list[str]] = {c: [] for c in ("id", "name_zh", "name_en", "kind", "roads")}
        empty = gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=crs), crs=crs)
        return empty, lambda frames: np.zeros((len(frames), 0))
    places = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=crs)
    return places, lambda frames: np.concatenate([sample(frames) for sample in samples], axis=1)


def _site_sampler(sampler: overlay.Sampler, kinds: pd.Series, sheet: Sheet) -> Sample:
    """Return what reads each site by the statistic of its kind: the deepest cell, or what a twentieth of it reaches."""
    area = np.array([sheet.rules[k]["statistic"] == "area" for k in kinds], dtype=bool)

    def of_sites(frames: NDArray[np.floating]) -> NDArray[np.float64]:
        values = sampler.maximum(frames)
        if area.any():
            values[:, area] = sampler.quantile(frames, 1.0 - AREA_SHARE)[:, area]
        return values

    return of_sites


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
    """Add peak, its time, and from and until when each place stands at or above each colour's threshold."""
    table = table.copy()
    for name, column in _peaks(values, times).items():
        table[name] = column
    for colour in COLOURS:
        bound = np.array([sheet.threshold(kind, colour) for kind in table["kind"]])
        first, last = standing(values, bound, times)
        table[f"first_{colour}"], table[f"last_{colour}"] = first.values, last.values
    return table


def _peaks(values: NDArray[np.float64], times: pd.DatetimeIndex) -> dict[str, Any]:
    """Return the largest value of each item and its time; NaT for one that stays at nothing."""
    peak = values.max(axis=0, initial=0.0)
    at = pd.Series(times[values.argmax(axis=0)]).where(peak > 0) if values.size else pd.DatetimeIndex([])
    return {"peak": peak, "peak_time": np.asarray(at, dtype="datetime64[ns]")}


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
