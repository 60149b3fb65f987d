"""Who and what a hazard touches: people, buildings, roads and places by class and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.city import City
from twin.errors import ContractError
from twin.exposure.cells import Cells, in_classes
from twin.exposure.closures import COLUMNS, closed_roads, closures, standing
from twin.exposure.ids import Ids
from twin.exposure.people import Moving, People, people_at
from twin.exposure.places import Items, Reader, graded_places
from twin.grid import Grid
from twin.hazard import Action
from twin.sheet import COLOURS, Rule, Scale, Sheet

#: Columns of the table `closures` of an exposure.
CLOSURES = ("id", "kind", "name_zh", "name_en", "unit", "threshold", *COLUMNS, "peak", "peak_time", "danger")

#: Receptor -> the layer of a city that holds it.
RECEPTORS = {"people": "population", "buildings": "buildings", "roads": "roads"}

#: The driver that tells later hazards how bad each facility gets (`worst_colours`).
PLACE_COLOUR = "place_colour"

Counts = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class Exposure:
    """Exposure to one hazard.

    `counts[scale][receptor]` holds, per output time, how many (people, buildings) or what length (roads, m) is in each class
    of the sheet's scale, one row alone for a scale that counts "ever"; a receptor that the city has no data of is not there,
    so that it is never taken for none; `unknown` has a row per scale and receptor of which
    some are where nothing is known, with the largest number of them. `basis` says whom the counts of people rest on:
    "night" or "day" (at home), "moving" or "model".
    `places` has a row per place that can be graded, with its unit, peak, the time of the peak and the first and last minute at
    each colour's threshold (`twin.exposure.closures.standing`);
    `known` is False for a place whose value is known at no time, `whole` for one of which a part is not known: its value is at
    least what is told.
    `series` holds its value (time, place). Where the hazard keeps the worst value of every step (`Sheet.kept`), a place's value
    at its worst output time is set to it, and a road's likewise. `danger` is the worst class of the sheet's `danger` scale.
    `closures` has a row per place that closes, the first to close first; `roads` the same per road, with NaT for those that
    stay open.
    Of an ensemble all are medians (`twin.exposure.members`), `places` has the shares of members that reach each colour, and
    `spread` holds the counts that 10 and 90 percent of the members do not exceed; it is empty for a single run.
    """

    hazard: str
    counts: Counts
    unknown: pd.DataFrame
    basis: str
    roads: pd.DataFrame
    places: gpd.GeoDataFrame
    series: xr.DataArray
    closures: pd.DataFrame
    spread: Mapping[int, Counts] = field(default_factory=dict)

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
    since: pd.Timestamp | None = None,
) -> Exposure:
    """Return the exposure of `city` to `fields`, each read on its own axes: cells of any grid, or things with an id.

    `places` and `counts` are the model's own (`Outcome`); `moving` says where people are who leave their homes; before `since` nothing
    has a colour and nothing closes. A road that
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
        [sheet.rules.get(k) for k in kinds], lambda reader, field, _, sign: reader.roads(field, sign), len(times)
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
                since,
            ),
            "danger": read.danger(lambda reader, field: reader.roads(field), len(kinds)),
        }
    )
    table, sites = graded_places(city, sheet, places)
    rules = [sheet.rules[kind] for kind in table["kind"]]
    values = read.worst_of_steps(rules, sites, len(times))
    graded = _with_times(table, values, times, rules, since).assign(
        whole=read.whole(rules, sites, table),
        danger=read.danger(lambda reader, field: sites(reader, field, np.full(len(table), True), 1.0), len(table)),
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
        closures=_closed_places(graded, values, times, rules, since),
    )


def worst_colours(city: City, fields: xr.Dataset, sheet: Sheet) -> xr.DataArray:
    """Return how bad each facility of the city gets, by id: 0 none, 1 blue to 4 red, NaN where nothing is known.

    Only of the kinds that the sheet grades.
    """
    kinds = set(city.facilities["kind"]) & set(sheet.rules)
    few = replace(sheet, rules={kind: sheet.rules[kind] for kind in sheet.rules if kind in kinds})
    table, sites = graded_places(city, few, None)
    rules = [few.rules[kind] for kind in table["kind"]]
    values = _Read(city, fields, few, table.iloc[:0]).worst_of_steps(rules, sites, fields.sizes["time"])
    signs = np.array([rule.sign for rule in rules])
    worst = np.fmax.reduce(values * signs, axis=0) if len(values) else np.full(len(rules), np.nan)
    bounds = np.array([rule.bounds for rule in rules]).reshape(len(rules), len(COLOURS)) * signs[:, None]
    colours = np.where(np.isnan(worst), np.nan, (worst[:, None] >= bounds).sum(axis=1))
    return xr.DataArray(colours, {"place": table["id"].astype(str).values}, ("place",), PLACE_COLOUR)


class _Read:
    """The fields of one hazard, each with the reader of its axes, made once."""

    def __init__(self, city: City, fields: xr.Dataset, sheet: Sheet, places: gpd.GeoDataFrame | None) -> None:
        self.city, self.fields, self.sheet = city, fields, sheet
        self._places = places
        self._readers: dict[tuple[str, ...], Reader] = {}

    def reader(self, name: str) -> Reader:
        """Return what reads a variable: its axes decide."""
        if name not in self.fields:
            raise ContractError("variable_missing", name=name, found=sorted(map(str, self.fields)))
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
        items: Items,
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

    def _signed(self, name: str, signs: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Return a variable at the items, times their sign: the worst is always the largest."""
        out = np.full((1, len(signs)), np.nan)
        for one in (name, self.sheet.beside.get(name, name)):
            if one not in self.fields and one != name:
                continue
            reader, field = self.reader(one), self.fields[one]
            for sign in np.unique(signs):
                mine = signs == sign
                out = np.where(mine, np.fmax(out, items(reader, field, mine, float(sign))), out)
        return out

    def whole(self, rules: Sequence[Rule], items: Items, table: gpd.GeoDataFrame) -> NDArray[np.bool_]:
        """Return of which items every part is known at every time; of the others the worst may be worse than what is read."""
        whole = np.full(len(rules), True)
        for name in dict.fromkeys(rule.variable for rule in rules):
            mine = np.array([rule.variable == name for rule in rules])
            lost = self.fields[name].isnull()
            lost = (lost.any("time") if "time" in lost.dims else lost).astype(np.float32)
            reader = self.reader(name)
            part = items(reader, lost, mine, 1.0)[0]
            whole[mine] = (~(part > 0.0) & reader.covers(table))[mine]
        return whole

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
            counted[scale.code] = dict.fromkeys(scale.of, _of_model(own, scale))
            continue
        tally = _Tally(read, scale, people, shut, times)
        found = {of: getattr(tally, of)() for of in scale.of if len(getattr(read.city, RECEPTORS[of]))}
        counted[scale.code] = {of: table.drop(columns=np.nan) for of, table in found.items()}
        unknown += [(scale.code, of, most) for of, table in found.items() if (most := float(table[np.nan].max())) > 0]
    return counted, pd.DataFrame(unknown, columns=["scale", "of", "most"])


def _of_model(own: Mapping[str, pd.DataFrame], scale: Scale) -> pd.DataFrame:
    """Return the model's own table of a scale; raise ContractError where it is not there or has other classes."""
    table = own.get(scale.code)
    if table is None or list(table.columns) != list(scale.classes):
        found = sorted(own) if table is None else list(table.columns)
        raise ContractError("model_counts", scale=scale.code, found=found, expected=list(scale.classes))
    return table


class _Tally:
    """Counts of one scale: tables (time, class) with a last column NaN for those of whom nothing is known."""

    def __init__(
        self, read: _Read, scale: Scale, people: People, shut: NDArray[np.bool_], times: pd.DatetimeIndex
    ) -> None:
        self._reader, self._city = read.reader(scale.variable), read.city
        field = read.fields[scale.variable]
        self._ever = scale.when == "ever"
        self._field = field.max("time") if self._ever and "time" in field.dims else field
        self._classes, self._people, self._shut, self._times = scale.classes, people, shut, times

    def people(self) -> pd.DataFrame:
        """Return people in each class: in buildings, on open ground, on roads.

        For a scale that counts "ever" of people who move: the most at one time in each class or above, so that nobody counts
        twice who passes several places.
        """
        who = self._people
        table = self._by_class(self._reader.buildings(self._field), who.in_buildings)
        if who.on_roads.any():
            table = table + self._by_class(self._reader.roads(self._field), who.on_roads)
        where = np.flatnonzero(who.outdoors.any(axis=0))
        if len(where):
            cells, outdoors = self._city.population.iloc[where], who.outdoors[:, where]
            for low, share in self._reader.share(self._field, cells, self._classes).items():
                table[low] += (share * outdoors).sum(axis=1)
        return self._most_at_once(table) if self._ever and len(table) > 1 else table

    def buildings(self) -> pd.DataFrame:
        """Return buildings in each class."""
        return self._by_class(self._reader.buildings(self._field), np.ones((1, len(self._city.buildings))))

    def roads(self) -> pd.DataFrame:
        """Return the length of road in each class, m, without what is closed."""
        values = self._reader.roads(self._field)
        travelled = values if self._ever else np.where(self._shut, 0.0, values)
        return self._by_class(travelled, self._city.roads.geometry.length.values[np.newaxis])

    def _by_class(self, values: NDArray[np.float64], weight: NDArray[np.float64]) -> pd.DataFrame:
        """Return the weight (time or 1, item) of the items in each class; one row for a scale that counts "ever" unless it moves."""
        times = self._times[:1] if self._ever and len(weight) == 1 else self._times
        weight = np.broadcast_to(weight, (len(times), values.shape[1]))
        masks = in_classes(values, self._classes)
        return pd.DataFrame(
            {low: np.einsum("ti,ti->t", np.broadcast_to(mask, weight.shape), weight) for low, mask in masks.items()},
            index=times,
        )

    def _most_at_once(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return one row such that the sum of a class and those above it is the largest of all times; likewise of the unknown."""
        falling = list(reversed(self._classes))
        above = table[falling].cumsum(axis=1).max()
        row = above.diff().fillna(above.iloc[0]).reindex(list(self._classes))
        row.loc[np.nan] = table[np.nan].max()
        return pd.DataFrame([row.values], columns=row.index, index=self._times[:1])


def _with_times(
    table: gpd.GeoDataFrame,
    values: NDArray[np.float64],
    times: pd.DatetimeIndex,
    rules: list[Rule],
    since: pd.Timestamp | None,
) -> gpd.GeoDataFrame:
    """Add unit, peak, its time, and from and until when each place stands at or beyond each colour's threshold."""
    signs = np.array([rule.sign for rule in rules])
    table = table.assign(unit=[rule.unit for rule in rules], known=~np.isnan(values).all(axis=0))
    for name, column in _peaks(values, signs, times).items():
        table[name] = column
    for colour in COLOURS:
        bound = np.array([rule.threshold(colour) for rule in rules])
        first, last = standing(values * signs, bound * signs, times, since)
        table[f"first_{colour}"], table[f"last_{colour}"] = first.values, last.values
    return table


def _closed_places(
    places: gpd.GeoDataFrame,
    values: NDArray[np.float64],
    times: pd.DatetimeIndex,
    rules: list[Rule],
    since: pd.Timestamp | None,
) -> pd.DataFrame:
    """Return the places that close, the first to close first, then the worst."""
    signs, limits = np.array([rule.sign for rule in rules]), np.array([rule.closing for rule in rules])
    table = pd.DataFrame(places.drop(columns="geometry"))
    table = table.assign(
        threshold=limits, worst=places["peak"] * signs, **closures(values * signs, limits * signs, times, since)
    )
    closed = table[table["closes"].notna()]
    return closed.sort_values(["closes", "worst"], ascending=[True, False])[list(CLOSURES)].reset_index(drop=True)


def _peaks(values: NDArray[np.float64], signs: NDArray[np.float64], times: pd.DatetimeIndex) -> dict[str, Any]:
    """Return the worst value of each item and its time; NaT for one that stays at nothing, NaN for one never known."""
    if not values.size:
        return {"peak": np.zeros(0), "peak_time": np.zeros(0, dtype="datetime64[ns]")}
    known = ~np.isnan(values).all(axis=0)
    filled = np.where(np.isnan(values), -np.inf, values * signs)
    at, peak = filled.argmax(axis=0), np.where(known, filled.max(axis=0) * signs, np.nan)
    met = np.isfinite(peak) & ((peak > 0) | (signs < 0))
    return {"peak": peak, "peak_time": np.where(met, times.values[at], np.datetime64("NaT")).astype("datetime64[ns]")}
