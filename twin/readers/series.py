"""Gauge and rain series from CSV: a `time` column and one value column, in the city's time zone unless an offset is written."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import xarray as xr

from twin.errors import SourceError
from twin.text import decode

#: What a rain column may be called, and mm per hour of one unit of it (None: depth per interval).
RAIN_COLUMNS = {"rain_mm_h": 1.0, "mm_h": 1.0, "intensity_mm_h": 1.0, "rain_mm": None, "mm": None}
STAGE_COLUMNS = {"stage_m": 1.0, "level_m": 1.0, "stage": 1.0}


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV in UTF-8 (with or without mark) or GB 18030; raise SourceError when it is unreadable or empty."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    text = decode(raw, str(path))
    try:
        table = pd.read_csv(StringIO(text), comment="#")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
    if table.empty:
        raise SourceError("file_empty", where=str(path))
    return table


def read_rain(path: Path, tz: ZoneInfo, unit: str | None = None) -> xr.DataArray:
    """Return a gauge's rain as `rain_rate(time)` in m/s, UTC; a value holds until the next row, the last for one step more.

    Raises SourceError for a missing column, times that do not rise, missing or negative rain.
    """
    table = read_swmm_rain(path, unit) if path.suffix.lower() == ".dat" else read_table(path)
    name = next((c for c in table.columns if c in RAIN_COLUMNS), None)
    if name is None or "time" not in table:
        raise SourceError(
            "series_columns", where=str(path), found=list(table.columns), expected=["time", *RAIN_COLUMNS]
        )
    times = _times(table, path, tz)
    values = numbers(table, name, path)
    if (values < 0).any():
        k = int(np.argmax(values < 0))
        raise SourceError("rain_negative", where=str(path), time=str(table["time"].iloc[k]), found=float(values[k]))
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    hours = np.diff(times.values).astype("timedelta64[s]").astype(float) / 3600.0
    steps = np.append(hours, hours[-1])
    rate = values if RAIN_COLUMNS[name] else values / steps
    end = times[-1] + pd.Timedelta(hours=steps[-1])
    return xr.DataArray(
        np.append(rate, 0.0) / 3.6e6,
        dims="time",
        coords={"time": times.append(pd.DatetimeIndex([end]))},
        name="rain_rate",
    )


def read_swmm_rain(path: Path, unit: str | None) -> pd.DataFrame:
    """Read a SWMM rain file (station, year, month, day, hour, minute, value) as a table; its unit stands nowhere in it."""
    if unit is None:
        raise SourceError("rain_unit_unsaid", where=str(path))
    try:
        rows = [
            line.split() for line in path.read_text("utf-8").splitlines() if line.strip() and not line.startswith(";")
        ]
        times = [f"{int(r[1]):04d}-{int(r[2]):02d}-{int(r[3]):02d} {int(r[4]):02d}:{int(r[5]):02d}" for r in rows]
        values = [r[6] for r in rows]
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    except (ValueError, IndexError) as error:
        raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
    return pd.DataFrame({"time": times, f"rain_{unit}": values})


def read_stage(path: Path, tz: ZoneInfo) -> xr.DataArray:
    """Return a river or tide gauge as `river_stage(time)`, m above the city's datum, UTC."""
    table = read_table(path)
    name = next((c for c in table.columns if c in STAGE_COLUMNS), None)
    if name is None or "time" not in table:
        raise SourceError(
            "series_columns", where=str(path), found=list(table.columns), expected=["time", *STAGE_COLUMNS]
        )
    return xr.DataArray(
        numbers(table, name, path), dims="time", coords={"time": _times(table, path, tz)}, name="river_stage"
    )


def read_columns(
    path: Path, tz: ZoneInfo, ranges: Mapping[str, tuple[float, float]], *, some: bool = False
) -> pd.DataFrame:
    """Return the columns of a CSV that `ranges` names, each a finite number within its range, on their times in UTC.

    With `some`, one of the columns at least has to be there, else all of them. Raises SourceError for a missing column,
    times that do not rise, fewer than two rows, a value that is no number or out of range.
    """
    table = read_table(path)
    columns = _known_columns(table, path, ("time",), ranges, some=some)
    times = _times(table, path, tz)
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    for name in columns:
        table[name] = numbers(table, name, path)
        _check_range(table, name, path, ranges[name])
    return table[columns].set_axis(times)


def read_readings(
    path: Path, tz: ZoneInfo, key: str, ranges: Mapping[str, tuple[float, float]], *, gaps: bool = False
) -> pd.DataFrame:
    """Return a long CSV (`time`, `key`, and one value column at least of `ranges`) as rows of `time` (UTC), `id`, values.

    With `gaps` an empty cell is no reading (NaN), else it is an error. Raises SourceError for a missing column, a time that
    cannot be read, a value that is no number or out of range.
    """
    table = read_table(path)
    columns = _known_columns(table, path, ("time", key), ranges, some=True)
    for name in columns:
        empty = table[name].isna().to_numpy() if gaps else np.zeros(len(table), dtype=bool)
        table[name] = np.where(empty, np.nan, numbers(table.assign(**{name: table[name].where(~empty, 0)}), name, path))
        _check_range(table, name, path, ranges[name])
    return table[columns].assign(time=_utc(table, path, tz), id=table[key].astype(str).str.strip())


def _known_columns(
    table: pd.DataFrame, path: Path, keys: tuple[str, ...], ranges: Mapping[str, tuple[float, float]], *, some: bool
) -> list[str]:
    """Return the value columns that are there; raise SourceError when keys or, but for `some`, any of them are missing."""
    found = [name for name in ranges if name in table]
    if not set(keys) <= set(table.columns) or not found or not (some or len(found) == len(ranges)):
        raise SourceError("series_columns", where=str(path), found=list(table.columns), expected=[*keys, *ranges])
    return found


def _check_range(table: pd.DataFrame, name: str, path: Path, between: tuple[float, float]) -> None:
    values = table[name].to_numpy(float)
    outside = (values < between[0]) | (values > between[1])
    if outside.any():
        k = int(np.argmax(outside))
        raise SourceError(
            "series_range",
            where=str(path),
            row=k + 2,
            column=name,
            found=float(values[k]),
            low=between[0],
            high=between[1],
        )


def _utc(table: pd.DataFrame, path: Path, tz: ZoneInfo) -> pd.DatetimeIndex:
    """Return the column `time` in UTC without zone; a time without an offset is in `tz`."""
    try:
        stamps = [pd.Timestamp(text) for text in table["time"]]
    except (ValueError, TypeError) as error:
        raise SourceError("series_time", where=str(path), found=str(error)) from error
    if any(stamp is pd.NaT for stamp in stamps):
        raise SourceError("series_time", where=str(path), found="-")
    utc = [(s.tz_localize(tz) if s.tzinfo is None else s).tz_convert("UTC").tz_localize(None) for s in stamps]
    return pd.DatetimeIndex(utc)


def _times(table: pd.DataFrame, path: Path, tz: ZoneInfo) -> pd.DatetimeIndex:
    times = _utc(table, path, tz)
    if not (times.is_monotonic_increasing and times.is_unique):
        k = int(np.argmax(np.diff(times.values).astype(np.int64) <= 0)) + 1
        raise SourceError("series_order", where=str(path), found=str(table["time"].iloc[k]), row=k + 2)
    return times


def numbers(table: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    """Return a column as finite numbers; raise SourceError that names the first row that holds none."""
    values: np.ndarray = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        k = int(np.argmax(~np.isfinite(values)))
        raise SourceError("series_value", where=str(path), row=k + 2, column=name, found=str(table[name].iloc[k]))
    return values
