"""The exposure of an ensemble: what at least half of its members meet, and the share of members that reaches each colour.

Median of an even number of members means the more dangerous of the two middle ones: the earlier onset, the later end, the worse
peak, the larger number of people. So a place's median peak has a colour exactly where at least half of the members reach that
colour. A member that knows nothing of a place says nothing of it: shares are those of the members that know the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from twin.errors import ContractError
from twin.exposure.exposure import CLOSURES, Exposure
from twin.sheet import COLOURS, QUANTILES, Sheet

#: A share of members from which on something is told as what happens.
LIKELY = 0.5

#: Later than all times: stands for a place that is still closed when the run ends.
NEVER = np.datetime64(np.iinfo(np.int64).max, "ns")


def members_exposure(members: Iterable[Exposure], sheet: Sheet, series: xr.DataArray) -> Exposure:
    """Return the exposure of an ensemble from those of its members, the first of them member 0; they are read one by one.

    Of `places`, `share_<colour>` is the share that reaches a colour of the members that know the place, NaN where none
    does; `first_` and `last_<colour>` are the medians over those that reach it, given where at least half of those that
    know do, a lower colour never beginning later or ending earlier than a higher one; `first_any` and `last_any` are
    those of the lowest colour that any member reaches. `peak` and `danger` are medians, `peak_time` that of the members
    which reach the highest colour told; `known` holds where every member knows. A place or road is closed where at
    least half of the members that know it close it. Counts are medians per time, of the numbers at or beyond each
    class, so that their sums are medians too; `spread` holds their other quantiles, each the number of a member (see
    `_count`). `series` (time, place) are the medians of the series, made elsewhere because those of many members are
    large.
    Raises ContractError for members that differ in their places, times or classes.
    """
    stack = _Stack()
    for exposure in members:
        stack.add(exposure)
    first = stack.first
    places = _places(stack, sheet)
    counts = {
        percent: {
            scale: {
                of: _count(tables, percent, ranked=bool(sheet.scale(scale).variable)) for of, tables in by_of.items()
            }
            for scale, by_of in stack.counts.items()
        }
        for percent in QUANTILES
    }
    roads = stack.tables["roads"]
    return Exposure(
        hazard=first.hazard,
        counts=counts[50],
        unknown=pd.concat(stack.unknown).groupby(["scale", "of"], as_index=False, sort=False)["most"].max(),
        basis=first.basis,
        roads=first.roads.assign(
            **_peaks(roads, _signs(first.roads, sheet)),
            danger=median_of(roads["danger"]),
            **_closed(roads, ~np.isnan(roads["peak"].astype(float))),
        ),
        places=places,
        series=series,
        closures=_closures(stack, places, sheet),
        spread={percent: table for percent, table in counts.items() if percent != 50},
    )


class _Stack:
    """The figures of all members, (member, item) by name of table and column."""

    def __init__(self) -> None:
        self._columns: dict[str, list[pd.DataFrame]] = {"places": [], "roads": [], "closures": []}
        self.unknown: list[pd.DataFrame] = []
        self.counts: dict[str, dict[str, list[pd.DataFrame]]] = {}
        self._first: Exposure | None = None

    @property
    def first(self) -> Exposure:
        """Member 0."""
        if self._first is None:
            raise ContractError("members_differ", name="members", found=0, expected=1)
        return self._first

    def add(self, exposure: Exposure) -> None:
        """Take up one member."""
        self._first = self._first or exposure
        ids, expected = list(exposure.places["id"]), list(self.first.places["id"])
        if ids != expected:
            raise ContractError("members_differ", name="places", found=len(ids), expected=len(expected))
        self._columns["places"].append(
            exposure.places.drop(columns=["geometry", "name_zh", "name_en", "roads", "kind"])
        )
        self._columns["roads"].append(exposure.roads)
        self._columns["closures"].append(exposure.closures.set_index("id").reindex(ids).reset_index())
        self.unknown.append(exposure.unknown)
        for scale, tables in exposure.counts.items():
            for of, table in tables.items():
                self.counts.setdefault(scale, {}).setdefault(of, []).append(table)

    @property
    def tables(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Tables of columns (member, item)."""
        return {
            name: {c: np.stack([frame[c].to_numpy() for frame in frames]) for c in frames[0].columns if c != "id"}
            for name, frames in self._columns.items()
        }


def _places(stack: _Stack, sheet: Sheet) -> pd.DataFrame:
    """Return the table of places."""
    table, columns = stack.first.places, stack.tables["places"]
    first, last = ({c: columns[f"{end}_{c}"] for c in COLOURS} for end in ("first", "last"))
    reached = {c: ~np.isnat(first[c]) for c in COLOURS}
    known = columns["known"].astype(bool)
    share = {c: _share(reached[c], known) for c in COLOURS}
    begin, end = ({c: median_of(first[c], worse="early") for c in COLOURS}, {c: median_of(last[c]) for c in COLOURS})
    lowest = np.select([share[c] > 0 for c in COLOURS], range(len(COLOURS)), 0)
    items = np.arange(len(table))
    new: dict[str, NDArray[Any]] = {
        "first_any": np.stack([begin[c] for c in COLOURS])[lowest, items],
        "last_any": np.stack([end[c] for c in COLOURS])[lowest, items],
    }
    told = lowest.copy()
    for k, c in enumerate(COLOURS):
        likely = share[c] >= LIKELY
        begin[c], end[c] = (np.where(likely, t[c], np.datetime64("NaT")) for t in (begin, end))
        told = np.where(likely, k, told)
        new[f"share_{c}"] = share[c]
    for lower, higher in zip(COLOURS[-2::-1], COLOURS[:0:-1], strict=True):
        begin[lower], end[lower] = np.fmin(begin[lower], begin[higher]), np.fmax(end[lower], end[higher])
    for c in COLOURS:
        new[f"first_{c}"], new[f"last_{c}"] = begin[c], end[c]
    peaks = _peaks(columns, _signs(table, sheet))
    reach = np.stack([reached[c] for c in COLOURS])[told, :, items].T
    any_reach = reach.any(axis=0)
    at = np.where(reach | ~any_reach, columns["peak_time"], np.datetime64("NaT"))
    peaks["peak_time"] = median_of(at, worse="early")
    return table.assign(known=columns["known"].all(axis=0), danger=median_of(columns["danger"]), **peaks, **new)


def _closures(stack: _Stack, places: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    """Return the places that close in at least half of the members, as `Exposure.closures` has them."""
    rules = [sheet.rules[kind] for kind in places["kind"]]
    signs = np.array([rule.sign for rule in rules])
    table = pd.DataFrame(places.drop(columns="geometry")).assign(
        threshold=[rule.closing for rule in rules],
        worst=places["peak"] * signs,
        **_closed(stack.tables["closures"], stack.tables["places"]["known"].astype(bool)),
    )
    at = [COLOURS.index(rule.closes_at) if rule.closes_at else 0 for rule in rules], np.arange(len(rules))
    for name, end in (("closes", "first"), ("reopens", "last")):  # the same moments as those of the colour
        of_colour = np.stack([places[f"{end}_{c}"].to_numpy() for c in COLOURS])[at]
        table[name] = table[name].where(table[name].isna(), of_colour)
    closed = table[table["closes"].notna()]
    return closed.sort_values(["closes", "worst"], ascending=[True, False])[list(CLOSURES)].reset_index(drop=True)


def _share(told: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share (item,) of the members (member, item) for which something holds, of those that know; NaN where none does."""
    count = (known | told).sum(axis=0)
    return np.where(count > 0, told.sum(axis=0) / np.maximum(count, 1), np.nan)


def _closed(columns: dict[str, NDArray[Any]], known: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return first closure, reopening, seconds closed and spells: medians over the members that close.

    They are given where at least half of the members that know (`known`: member, item) close.
    """
    closes = columns["closes"].astype("datetime64[ns]")
    shut = ~np.isnat(closes)
    likely = _share(shut, known) >= LIKELY
    reopens = columns["reopens"].astype("datetime64[ns]")
    until = median_of(np.where(shut & np.isnat(reopens), NEVER, np.where(shut, reopens, np.datetime64("NaT", "ns"))))
    nat = np.datetime64("NaT", "ns")
    figures = {name: median_of(np.where(shut, columns[name].astype(float), np.nan)) for name in ("closed_s", "spells")}
    return {
        "closes": np.where(likely, median_of(closes, worse="early"), nat),
        "reopens": np.where(likely & (until != NEVER), until, nat),
        "closed_s": np.where(likely, figures["closed_s"], 0.0),
        "spells": np.where(likely, figures["spells"], 0.0).astype(np.int64),
    }


def _peaks(columns: dict[str, NDArray[Any]], signs: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return the median peak and its time."""
    return {
        "peak": median_of(columns["peak"].astype(float) * signs) * signs,
        "peak_time": median_of(columns["peak_time"].astype("datetime64[ns]"), worse="early"),
    }


def _signs(table: pd.DataFrame, sheet: Sheet) -> NDArray[np.float64]:
    return np.array([sheet.rules[kind].sign if kind in sheet.rules else 1.0 for kind in table["kind"]])


def median_of(values: NDArray[Any], *, worse: str = "large") -> NDArray[Any]:
    """Return the median (item,) over the members (member, item) that have a value; of two middle ones the worse.

    `worse` is "large", or "early" where the smaller is. Nothing (NaN, NaT) where no member has a value.
    """
    ordered = np.sort(values, axis=0)  # NaN and NaT last
    count = (~pd.isna(values)).sum(axis=0)
    at = count // 2 if worse == "large" else np.maximum(count - 1, 0) // 2
    middle: NDArray[Any] = np.take_along_axis(ordered, at[np.newaxis], axis=0)[0]
    return middle


def _count(tables: Sequence[pd.DataFrame], percent: int, *, ranked: bool) -> pd.DataFrame:
    """Return a quantile of tables (time, class); of the numbers at or beyond each class where classes are `ranked`.

    It is the number of one member: of the two between which the quantile lies the larger, below the median the smaller.
    """
    first = tables[0]
    for table in tables:
        if not (table.index.equals(first.index) and table.columns.equals(first.columns)):
            raise ContractError("members_differ", name="counts", found=table.shape, expected=first.shape)
    values = np.stack([table.to_numpy(float) for table in tables])
    if ranked:
        values = values[..., ::-1].cumsum(axis=-1)[..., ::-1]
    found = np.quantile(values, percent / 100.0, axis=0, method="lower" if percent < 50 else "higher")
    if ranked:
        found[:, :-1] -= found[:, 1:].copy()
    return pd.DataFrame(found, index=first.index, columns=first.columns)
