"""Who and what a hazard touches: people, buildings, roads and places by class and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.errors import ContractError
from twin.exposure.cells import Cells
from twin.exposure.closures import COLUMNS, closed_roads, closures, standing
from twin.exposure.ids import Ids
from twin.exposure.people import Moving, People, people_at
from twin.exposure.streets import stretches
from twin.grid import Grid
from twin.hazard import Action
from twin.sheet import COLOURS, Rule, Scale, Sheet

#: Columns of the table `closures` of an exposure.
CLOSURES = ("id", "kind", "name_zh", "name_en", "unit", "threshold", *COLUMNS, "peak", "peak_time", "danger")

#: What names a place in a table of places.
PLACE = ["id", "name_zh", "name_en", "geometry", "kind", "roads"]

Counts = Mapping[str, Mapping[str, pd.DataFrame]]
Reader = Cells | Ids


@dataclass(frozen=True)
class Exposure:
    """Exposure to one hazard.

    `counts[scale][receptor]` holds, per output time, how many (people, buildings) or what length (roads, m) is in each class
    of the sheet's scale, one row alone for a scale that counts "ever"; `unknown` has a row per scale and receptor of which
    some are where nothing is known, with the largest number of them. `basis` says whom the counts of people rest on:
    "night" or "day" (at home), "moving" or "model".
    `places` has a row per place that can be graded, with its unit, peak, the time of the peak and the first and last minute at
    each colour's threshold (`twin.exposure.closures.standing`); `known` is False for one whose value is known at no time.
    `series` holds its value (time, place). Where the hazard keeps the worst value of every step (`Sheet.kept`), a place's value
    at its worst output time is set to it, and a road's likewise. `danger` is the worst class of the sheet's `danger` scale.
    `closures` has a row per place that closes, the first to close first; `roads` the same per road, with NaT for those that
    stay open.
    """

    hazard: str
    counts: Counts
    unknown: pd.DataFrame
    basis: str
    roads: pd.DataFrame
    places: gpd.GeoDataFrame
    series: xr.DataArray
    closures: pd.DataFrame

    def most(self, scale: Scale, of: str, k: int = 0) -> float:
        """Return the largest number at one time in class `k` of a scale or above (of the whole run for one that counts "ever")."""
        table = self.counts[scale.code][of]
        return float(table[list(scale.classes[k:])].sum(axis=1).max())


def expose(
    city: City,
    fields: xr.Dataset,
    sheet: Sheet,
    actions: tuple[Action, ...] = (),
    *,
    places: gpd.GeoDataFrame | None = None,
    counts: Mapping[str, pd.DataFrame] | None = None,
    moving: Moving | None = None,
) -> Exposure:
    """Return the exposure of `city` to `fields`, each read on its own axes: cells of any grid, or things with an id.

    `places` and `counts` are the model's own (`Outcome`); `moving` says where people are who leave their homes. A road that
    an action `close_road` keeps closed carries nobody: its length does not count while it is.
    Raises ContractError for a field that lies off the city or whose ids nothing has.
    """
    times = pd.DatetimeIndex(fields["time"].values)
    read = _Read(city, fields, sheet, places)
    people = people_at(city, times, moving)
    counted, unknown = _counts(read, sheet, people, closed_roads(city, actions, times), times, counts or {})
    kinds = city.road_kinds
    signs = np.array([sheet.rules[k].sign if k in sheet.rules else 1.0 for k in kinds])
    along = read.worst_of_steps(
        [sheet.rules.get(k) for k in kinds], lambda reader, field, _: reader.roads(field), len(times)
    )
    roads = pd.DataFrame(
        {
            "id": city.roads["id"].values,
            "kind": list(kinds),
            **_peaks(along, signs, times),
            **closures(
                along * signs,
                np.array([sheet.rules[k].closing if k in sheet.rules else np.inf for k in kinds]) * signs,
                times,
            ),
            "danger": read.danger(lambda reader, field: reader.roads(field), len(kinds)),
        }
    )
    table, sites = _places(city, sheet, places)
    rules = [sheet.rules[kind] for kind in table["kind"]]
    values = read.worst_of_steps(rules, sites, len(times))
    graded = _with_times(table, values, times, rules).assign(
        danger=read.danger(lambda reader, field: sites(reader, field, np.full(len(table), True)), len(table))
    )
    series = xr.DataArray(
        values, dims=("time", "place"), coords={"time": times, "place": graded["id"].values}, name=sheet.lead
    )
    return Exposure(
        hazard=sheet.id,
        counts=counted,
        unknown=unknown,
        basis="model" if counts and not any(s.variable for s in sheet.scales) else people.basis,
        roads=roads,
        places=graded,
        series=series,
        closures=_closed_places(graded, values, times, rules),
    )


class _Read:
    """The fields of one hazard, each with the reader of its axes, made once."""

    def __init__(self, city: City, fields: xr.Dataset, sheet: Sheet, places: gpd.GeoDataFrame | None) -> None:
        self.city, self.fields, self.sheet = city, fields, sheet
        self._places = places
        self._readers: dict[tuple[str, ...], Reader] = {}

    def reader(self, name: str) -> Reader:
        """Return what reads a variable: its axes decide."""
        field = self.fields[name]
        axes = tuple(str(d) for d in field.dims if d != "time")
        if axes not in self._readers:
            if axes == ("y", "x"):
                grid = Grid.of_axes(self.city.grid.crs, field["y"].values, field["x"].values, name)
                self._readers[axes] = Cells(self.city, grid, self.sheet.reaches, name)
            elif len(axes) == 1:
                self._readers[axes] = Ids(self.city, field[axes[0]], self._places, name)
            else:
                raise ContractError("field_axes", name=name, found=", ".join(axes) or "-")
        return self._readers[axes]

    def worst_of_steps(
        self,
        rules: Sequence[Rule | None],
        items: Callable[[Reader, xr.DataArray, Any], NDArray[np.float64]],
        steps: int,
    ) -> NDArray[np.float64]:
        """Return the values (time, item), each by the variable of its rule; NaN without one.

        Where the hazard keeps the worst value of every step, an item's value at its worst output time is set to it: what lies
        between two output times has no time of its own, so it is told at the worst of the times known. Peak, colours and times
        then follow from one series, so that none contradicts another.
        """
        values = np.full((steps, len(rules)), np.nan)
        signs = np.array([rule.sign if rule else 1.0 for rule in rules])
        for name in dict.fromkeys(rule.variable for rule in rules if rule):
            mine = np.array([rule is not None and rule.variable == name for rule in rules])
            values[:, mine] = self._signed(name, signs, items)[:, mine]
            kept = self.sheet.kept.get(name, name)
            if kept != name and kept in self.fields:
                worst = self._signed(kept, signs, items)[0]
                item = np.flatnonzero(mine & np.isfinite(values).any(axis=0))
                at = np.nanargmax(values[:, item], axis=0)
                values[at, item] = np.fmax(values[at, item], worst[item])
        return np.asarray(values * signs, dtype=np.float64)

    def _signed(
        self, name: str, signs: NDArray[np.float64], items: Callable[[Reader, xr.DataArray, Any], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return a variable at the items, times their sign: the worst is always the largest."""
        reader, field, out = self.reader(name), self.fields[name], np.full((1, len(signs)), np.nan)
        for sign in np.unique(signs):
            found = items(reader, field if sign > 0 else -field, signs == sign)
            out = np.where(signs == sign, found, out)
        return out

    def danger(self, items: Callable[[Reader, xr.DataArray], NDArray[np.float64]], count: int) -> NDArray[np.int64]:
        """Return the worst class of the danger scale each item meets: 0 for none, or where nothing is known."""
        scale = self.sheet.danger
        if scale is None or scale.variable not in self.fields:
            return np.zeros(count, np.int64)
        values = items(self.reader(scale.variable), self.fields[scale.variable])
        worst = np.fmax.reduce(values, axis=0) if len(values) else np.zeros(count)
        met = np.where(np.isfinite(worst), np.digitize(np.nan_to_num(worst), scale.classes), 0)
        return np.asarray(met, dtype=np.int64)


def _counts(
    read: _Read,
    sheet: Sheet,
    people: People,
    shut: NDArray[np.bool_],
    times: pd.DatetimeIndex,
    own: Mapping[str, pd.DataFrame],
) -> tuple[Counts, pd.DataFrame]:
    """Return the tables of every scale and receptor, and how many of each are where nothing is known."""
    counted: dict[str, dict[str, pd.DataFrame]] = {}
    unknown: list[tuple[str, str, float]] = []
    for scale in sheet.scales:
        if not scale.variable:
            counted[scale.code] = {of: own[scale.code] for of in scale.of if scale.code in own}
            continue
        tally = _Tally(read, scale, people, shut, times)
        found = {of: getattr(tally, of)() for of in scale.of}
        counted[scale.code] = {of: table.drop(columns=np.nan) for of, table in found.items()}
        unknown += [(scale.code, of, most) for of, table in found.items() if (most := float(table[np.nan].max())) > 0]
    return counted, pd.DataFrame(unknown, columns=["scale", "of", "most"])


class _Tally:
    """Counts of one scale: tables (time, class) with a last column NaN for those of whom nothing is known."""

    def __init__(
        self, read: _Read, scale: Scale, people: People, shut: NDArray[np.bool_], times: pd.DatetimeIndex
    ) -> None:
        self._reader, self._city = read.reader(scale.variable), read.city
        field = read.fields[scale.variable]
        self._ever = scale.when == "ever"
        self._field = field.max("time") if self._ever and "time" in field.dims else field
        self._classes, self._people, self._shut = scale.classes, people, shut
        self._times = pd.DatetimeIndex([times[0]]) if self._ever else times

    def people(self) -> pd.DataFrame:
        """Return people in each class: by their building's doorstep, on open ground, on roads."""
        who = self._people
        table = self._by_class(self._reader.buildings(self._field), who.in_buildings)
        if who.on_roads.any():
            table = table + self._by_class(self._reader.roads(self._field), who.on_roads)
        where = np.flatnonzero(who.outdoors.any(axis=0))
        if len(where):
            cells, outdoors = self._city.population.iloc[where], self._weight(who.outdoors[:, where])
            for low, high in _bounds(self._classes):
                share = self._reader.share(self._field, cells, low, high)
                table[low] += (np.nan_to_num(share) * outdoors).sum(axis=1)
            table[np.nan] += (np.isnan(share) * outdoors).sum(axis=1)
        return table

    def buildings(self) -> pd.DataFrame:
        """Return buildings in each class."""
        return self._by_class(self._reader.buildings(self._field), np.ones((1, len(self._city.buildings))))

    def roads(self) -> pd.DataFrame:
        """Return the length of road in each class, m, without what is closed."""
        values = self._reader.roads(self._field)
        travelled = values if self._ever else np.where(self._shut, 0.0, values)
        return self._by_class(travelled, self._city.roads.geometry.length.values[np.newaxis])

    def _weight(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a weight (time or 1, item) at the rows of the table: the largest of the run for a scale that counts "ever"."""
        return weight.max(axis=0, keepdims=True) if self._ever else weight

    def _by_class(self, values: NDArray[np.float64], weight: NDArray[np.float64]) -> pd.DataFrame:
        weight = np.broadcast_to(self._weight(weight), (len(self._times), values.shape[1]))
        masks = {low: (values >= low) & (values < high) for low, high in _bounds(self._classes)}
        masks[np.nan] = np.isnan(values)
        return pd.DataFrame(
            {low: np.einsum("ti,ti->t", np.broadcast_to(mask, weight.shape), weight) for low, mask in masks.items()},
            index=self._times,
        )


def _places(
    city: City, sheet: Sheet, own: gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, Callable[[Reader, xr.DataArray, Any], NDArray[np.float64]]]:
    """Return every place that the sheet grades (streets, facilities, blocks, the model's own), and what reads their values."""
    tables: list[gpd.GeoDataFrame] = []
    underpass = city.roads["underpass"].values.astype(bool)
    streets, member = stretches(city.roads[~underpass])
    graded = streets["kind"].isin(sheet.rules).values
    tables.append(streets.loc[graded, PLACE])
    sources = [(city.facilities, city.facilities["kind"]), (city.blocks, pd.Series("block", index=city.blocks.index))]
    sources += [] if own is None else [(own, own["kind"])]
    for source, kind in sources:
        chosen = kind.isin(sheet.rules).values
        if chosen.any():
            tables.append(source.loc[chosen].assign(kind=kind[chosen].values, roads="")[PLACE])
    places = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=city.grid.crs)
    sites = places.iloc[graded.sum() :]
    area = np.array([sheet.rules[k].statistic == "area" for k in sites["kind"]], dtype=bool)

    def values(reader: Reader, field: xr.DataArray, wanted: Any) -> NDArray[np.float64]:
        on_sites = reader.sites(field, sites, area) if wanted[graded.sum() :].any() else None
        steps = field.sizes.get("time", 1)
        of_streets = np.full((steps, len(streets)), np.nan)
        if wanted[: graded.sum()].any():
            np.fmax.at(of_streets.T, member, reader.roads(field)[:, ~underpass].T)
        rest = np.full((steps, len(sites)), np.nan) if on_sites is None else on_sites
        return np.concatenate([of_streets[:, graded], rest], axis=1)

    return places, values


def _with_times(
    table: gpd.GeoDataFrame, values: NDArray[np.float64], times: pd.DatetimeIndex, rules: list[Rule]
) -> gpd.GeoDataFrame:
    """Add unit, peak, its time, and from and until when each place stands at or beyond each colour's threshold."""
    signs = np.array([rule.sign for rule in rules])
    table = table.assign(unit=[rule.unit for rule in rules], known=np.isfinite(values).any(axis=0))
    for name, column in _peaks(values, signs, times).items():
        table[name] = column
    for colour in COLOURS:
        bound = np.array([rule.threshold(colour) for rule in rules])
        first, last = standing(values * signs, bound * signs, times)
        table[f"first_{colour}"], table[f"last_{colour}"] = first.values, last.values
    return table


def _closed_places(
    places: gpd.GeoDataFrame, values: NDArray[np.float64], times: pd.DatetimeIndex, rules: list[Rule]
) -> pd.DataFrame:
    """Return the places that close, the first to close first, then the worst."""
    signs, limits = np.array([rule.sign for rule in rules]), np.array([rule.closing for rule in rules])
    table = pd.DataFrame(places.drop(columns="geometry"))
    table = table.assign(
        threshold=limits, worst=places["peak"] * signs, **closures(values * signs, limits * signs, times)
    )
    closed = table[table["closes"].notna()]
    return closed.sort_values(["closes", "worst"], ascending=[True, False])[list(CLOSURES)].reset_index(drop=True)


def _peaks(values: NDArray[np.float64], signs: NDArray[np.float64], times: pd.DatetimeIndex) -> dict[str, Any]:
    """Return the worst value of each item and its time; NaT for one that stays at nothing, NaN for one never known."""
    if not values.size:
        return {"peak": np.zeros(0), "peak_time": np.zeros(0, dtype="datetime64[ns]")}
    known = np.isfinite(values).any(axis=0)
    filled = np.where(np.isfinite(values), values * signs, -np.inf)
    at, peak = filled.argmax(axis=0), np.where(known, filled.max(axis=0) * signs, np.nan)
    met = known & ((peak > 0) | (signs < 0))
    return {"peak": peak, "peak_time": np.where(met, times.values[at], np.datetime64("NaT")).astype("datetime64[ns]")}


def _bounds(classes: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(zip(classes, (*classes[1:], np.inf), strict=True))
