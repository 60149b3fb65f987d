"""What drives a run: its forcing as it holds within it, told by its tags, and each measure or event of its scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from twin import phrases
from twin.bridge.dossier import Dossier
from twin.clock import Clock
from twin.drivers import tags_of
from twin.hazard import EVERYWHERE, Action, Drivers
from twin.plan import shown
from twin.words import LANGS, keys, say

MOST_ACTIONS = 30  # rows of measures and events that are printed; all of them are in the run's scenario.yaml
MOST_THINGS = 10  # places or sensors of one variable that are printed; all of them are in the run's drivers

Told = Mapping[str, str]  # the same in each language

#: Unit inside -> unit on the page, factor, and what is added after it; other units stand as they are.
ON_THE_PAGE = {
    "K": ("°C", 1.0, -273.15),
    "1": ("%", 100.0, 0.0),
    "kg m-3": ("mg/m³", 1e6, 0.0),
    "kg s-1": ("kg/s", 1.0, 0.0),
    "m s-1": ("m/s", 1.0, 0.0),
}
AMOUNT = ("mm/h", 3.6e6, 0.0)  # of a rate that falls on an area, m s-1
TRACE = ("ppm", 1e6, 0.0)  # of a share that stays under this
TRACE_BELOW = 1e-3


@dataclass(frozen=True)
class Curve:
    """A driver within the run: each value from its time on, in the unit of the page.

    `across` is the second component of a vector, `thing` the id of the place or sensor, `of_grid` says that the values are
    means over a grid.
    """

    name: str
    label: Told
    unit: str
    tags: frozenset[str]
    values: pd.Series
    across: pd.Series | None = None
    thing: str | None = None
    of_grid: bool = False


def held(drivers: Drivers, clock: Clock) -> list[Curve]:
    """Return the forcing as it holds within the run: what falls and levels first, a vector's two components as one.

    The last row repeats the value that holds at the end, so that a curve drawn in steps reaches it; readings hold for no
    longer than their moment and stand alone.
    """
    found = []
    for name, array in drivers.items():
        tags = tags_of(array)
        if "vector" in tags and name.startswith("northward"):
            continue
        other = drivers.get(name.replace("eastward", "northward", 1)) if "vector" in tags else None
        for thing in _things(array):
            values = _within(array, thing, clock)
            across = None if other is None else _within(other, thing, clock)
            unit, factor, added = _page_unit(array, tags, values)
            label = _label(name, array)
            found.append(
                Curve(name, label, unit, tags, values * factor + added, across, thing, {"y", "x"} <= set(array.dims))
            )
    first = {"amount": 0, "level": 1}
    return sorted(found, key=lambda curve: min((first.get(tag, 2) for tag in curve.tags), default=2))


def drives(dossier: Dossier) -> list[dict[str, Any]]:
    """Return a row for each driver and each action: what, where, from when to when, and its values in words."""
    clock, rows = dossier.clock, []
    begin = clock.times[0]
    printed: dict[str, int] = {}
    curves = held(dossier.drivers, clock)
    for curve in curves:
        printed[curve.name] = printed.get(curve.name, 0) + 1
        if printed[curve.name] <= MOST_THINGS:
            rows.append(_row(curve, dossier))
        elif printed[curve.name] == sum(c.name == curve.name for c in curves):
            more = _told("report.drive.more", count=printed[curve.name] - MOST_THINGS)
            rows.append(
                {"what": curve.label, "where": _same("…"), "from": begin, "to": clock.times[-1], "values": more}
            )
    for action in dossier.actions[:MOST_ACTIONS]:
        until = clock.duration_s if action.end_s is None else min(action.end_s, clock.duration_s)
        rows.append(
            {
                "what": _told(f"measure.{action.kind}"),
                "where": _place(dossier, action),
                "from": begin + pd.Timedelta(seconds=action.start_s),
                "to": begin + pd.Timedelta(seconds=until),
                "values": {lang: phrases.values(action.kind, action.values, lang) for lang in LANGS},
            }
        )
    return rows


def _things(array: xr.DataArray) -> list[str | None]:
    """Return the ids along the axis of an array that is neither time nor a grid, or one None."""
    other = [str(d) for d in array.dims if d not in ("time", "y", "x")]
    return [str(one) for one in array[other[0]].values] if other else [None]


def _within(array: xr.DataArray, thing: str | None, clock: Clock) -> pd.Series:
    """Return the values of a driver (of one thing; the mean of a grid) within the run."""
    for dim in [str(d) for d in array.dims if d not in ("time", "y", "x")]:
        array = array.sel({dim: thing})
    series = array.mean([d for d in array.dims if d != "time"]).to_series().astype(float)
    begin, end = clock.times[[0, -1]]
    if "readings" in tags_of(array):
        return series.dropna().loc[begin:end]
    series = series.reindex(series.index.union([begin, end])).ffill().bfill().loc[begin:end]
    series.iloc[-1] = series.iloc[-2]  # a value that begins at the end drives nothing
    return series


def _page_unit(array: xr.DataArray, tags: frozenset[str], values: pd.Series) -> tuple[str, float, float]:
    unit = str(array.attrs.get("units", ""))
    if "amount" in tags:
        return AMOUNT
    if unit == "1" and "readings" in tags and not values.max() >= TRACE_BELOW:
        return TRACE
    return ON_THE_PAGE.get(unit, (unit, 1.0, 0.0))


def _label(name: str, array: xr.DataArray) -> Told:
    """Return what a driver is called: its word if it has one, else the names of its variable."""
    if f"drive.{name}" in keys("en"):
        return _told(f"drive.{name}")
    english = str(array.attrs.get("long_name", name))
    return {"zh": str(array.attrs.get("long_name_zh", name)), "en": english[:1].upper() + english[1:]}


def _row(curve: Curve, dossier: Dossier) -> dict[str, Any]:
    where = f"drive.where.{curve.name}"
    place: Told = _told(where if where in keys("en") else "report.whole_city")
    if curve.thing is not None:
        place = dossier.city.place_name(curve.thing)
    begin, end = dossier.clock.times[[0, -1]]
    tell = next((TELLS[tag] for tag in TELLS if tag in curve.tags), _range)
    return {"what": curve.label, "where": place, "from": begin, "to": end, **tell(curve, dossier)}


def _amount(curve: Curve, dossier: Dossier) -> dict[str, Any]:
    """Return when it falls within the run, how much falls (mm) and the highest rate with its time."""
    rain = curve.values
    hours = np.diff(rain.index) / np.timedelta64(1, "h")
    falls = rain.iloc[:-1][(rain.iloc[:-1] > 0.0).values & (hours > 0)]
    ends = rain.index[1:]
    total = float((rain.values[:-1] * hours).sum())
    if not len(falls):
        return {"values": _told("report.drive.dry")}
    last = ends[rain.index.get_loc(falls.index[-1])]
    wet_h = float(hours[(rain.iloc[:-1] > 0.0).values].sum())
    peak = {"peak": f"{falls.max():.1f}", "hours": f"{wet_h:.2g}", "time": dossier.hour(falls.idxmax())}
    key = "report.drive.amount_mean" if curve.of_grid else "report.drive.amount"
    return {"from": falls.index[0], "to": last, "values": _told(key, total=f"{total:.1f}", **peak)}


def _range(curve: Curve, dossier: Dossier) -> dict[str, Any]:
    """Return one value, or the range with the time of the highest."""
    values, unit = curve.values, _unit(curve)
    low, high = float(values.min()), float(values.max())
    if low == high:
        told = _told("report.drive.constant", level=_number(low, curve), unit=unit)
    else:
        levels = {"begin": _number(values.iloc[0], curve), "low": _number(low, curve), "high": _number(high, curve)}
        told = _told("report.drive.range", time=dossier.hour(values.idxmax()), unit=unit, **levels)
    return {"values": _told("report.drive.of_grid", told=told) if curve.of_grid else told}


def _readings(curve: Curve, dossier: Dossier) -> dict[str, Any]:
    """Return how many readings there are, from when to when, and their range with the time of the highest."""
    values = curve.values
    if not len(values):
        return {"values": _told("report.drive.no_readings")}
    levels = {"low": _number(values.min(), curve), "high": _number(values.max(), curve), "unit": _unit(curve)}
    told = _told("report.drive.readings", count=len(values), time=dossier.hour(values.idxmax()), **levels)
    return {"from": values.index[0], "to": values.index[-1], "values": told}


def _vector(curve: Curve, dossier: Dossier) -> dict[str, Any]:
    """Return speed and direction: constant, or at the start, at the weakest and at the strongest."""
    across = curve.across
    if across is None:
        return _range(curve, dossier)
    speed = np.hypot(curve.values, across)
    start, low, high = speed.index[0], speed.idxmin(), speed.idxmax()
    if curve.values.nunique() == 1 and across.nunique() == 1:
        told = _told("report.drive.vector_constant", wind=_blows(curve, across, start))
    else:
        winds = {
            "begin": _blows(curve, across, start),
            "low": _blows(curve, across, low),
            "high": _blows(curve, across, high),
        }
        hours = {"low_time": dossier.hour(low), "high_time": dossier.hour(high)}
        told = _told("report.drive.vector_range", **winds, **hours)
    return {"values": _told("report.drive.of_grid", told=told) if curve.of_grid else told}


#: Tag -> how a driver that carries it is told; one without any of them is told as a range.
TELLS: dict[str, Callable[[Curve, Dossier], dict[str, Any]]] = {
    "amount": _amount,
    "vector": _vector,
    "readings": _readings,
}


def _blows(curve: Curve, across: pd.Series, time: pd.Timestamp) -> Told:
    """Return a vector at a time: its speed, and the direction it comes from."""
    east, north = float(curve.values[time]), float(across[time])
    speed = float(np.hypot(east, north))
    if speed < 0.05:  # it would be printed as 0.0
        return _told("report.drive.calm")
    comes_from = round(np.rad2deg(np.arctan2(-east, -north))) % 360
    return _told("report.drive.vector", speed=f"{speed:.1f}", towards=str(comes_from), unit=_unit(curve))


def _number(value: float, curve: Curve) -> str:
    if "persons" in curve.tags:
        return shown(value)
    return f"{value:.2f}" if curve.unit == "m" else f"{value:.3g}"


def _unit(curve: Curve) -> Told:
    key = f"drive.unit.{curve.unit}"
    return _told(key) if key in keys("en") else _same(curve.unit)


def _place(dossier: Dossier, action: Action) -> Told:
    if action.place == EVERYWHERE:
        return _told("report.whole_city")
    return dossier.city.place_name(action.place)


def _same(text: str) -> Told:
    return dict.fromkeys(LANGS, text)


def _told(key: str, **values: object) -> Told:
    return {lang: say(key, lang=lang, **values) for lang in LANGS}
