"""Gauge and rain series from CSV: a column of times and one of values, in a time zone that is said, else in the city's."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import tzinfo
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from twin.errors import SourceError
from twin.rainfall import AS_WRITTEN, RainForm, Record, is_code, rates, with_gaps
from twin.readers import stamps
from twin.text import decode

#: What a column of times may be called, of dates where the time of day stands beside it, and of a level in m.
TIME = ("time", "datetime", "date time", "date_time", "timestamp", "valid_time", "date", "时间", "日期时间", "观测时间", "监测时间",
        "采集时间", "时刻", "日期")  # fmt: skip
DATE = ("date", "日期")
LEVEL = ("stage_m", "level_m", "stage", "水位", "水位(m)", "水位(米)", "潮位", "潮位(m)", "潮位(米)")

#: What rain may be called beside its unit, and a running total of it.
RAIN = ("", "rain", "rainfall", "rain intensity", "rainfall intensity", "intensity", "precip", "precipitation", "prcp",
        "降雨", "降水", "雨量", "降雨量", "降水量", "时段雨量", "时段降雨量", "雨强", "降雨强度", "雨强度")  # fmt: skip
TOTAL = re.compile(r"累计|累积|cumul|accum|running|total")

#: Unit of rain in a scenario -> (one unit in m or m/s, whether it is a depth); how headings write each.
RAIN_UNITS = {"mm": (1e-3, True), "mm_h": (1 / 3.6e6, False), "in": (0.0254, True), "in_h": (0.0254 / 3600.0, False)}
_HEADING = re.compile(
    r"(?P<name>.*?)[\s_]*[(\[]?(?P<unit>(?:mm|毫米|in|inch|inches)(?:\s?/\s?|\s|_|每)?(?:h|hr|hour|h-1|hr-1|小时|时)?)[)\]]?"
)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table in UTF-8, UTF-16 or GB 18030 whose columns are parted by commas, semicolons or tabs.

    With semicolons a comma is the decimal point. Raises SourceError when it is unreadable or empty.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    text = decode(raw, str(path))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    mark = max(",;\t", key=lines[0].count) if lines else ","
    try:
        rows = list(csv.reader(lines, delimiter=mark))
        wide = next((k for k, row in enumerate(rows) if any(cell.strip() for cell in row[len(rows[0]) :])), None)
        if wide is not None:
            raise SourceError("series_cells", where=str(path), row=wide + 1, found=mark.join(rows[wide])[:60])
        point = "," if mark == ";" else "."
        table = pd.read_csv(StringIO("\n".join(lines)), comment="#", sep=mark, decimal=point, index_col=False)
    except (ValueError, csv.Error, pd.errors.ParserError) as error:  # an EmptyDataError is a ValueError
        raise SourceError("file_unreadable", where=str(path), found=str(error).splitlines()[0]) from error
    if table.empty:
        raise SourceError("file_empty", where=str(path))
    return table.rename(columns=lambda name: str(name).strip())


def read_rain(
    path: Path,
    tz: tzinfo,
    unit: str | None = None,
    form: RainForm = AS_WRITTEN,
    *,
    column: str | None = None,
    station: str | None = None,
    run: tuple[pd.Timestamp, pd.Timestamp] | None = None,
) -> xr.DataArray:
    """Return a gauge's rain as `rain_rate(time)` in m/s, UTC; a value holds until the next row, the last for one step more.

    `unit` (see `RAIN_UNITS`), `form`, `column` and `station` say what the file does not; `run` is the time in which gaps matter;
    `attrs["notes"]` is what must be said. Raises SourceError for a missing column, a unit that is not said, times that do
    not rise, missing or negative rain, and what `twin.rainfall.rates` refuses.
    """
    if path.suffix.lower() == ".dat":
        table, form = _swmm_rain(path, tz, unit, form, station)
        name, unit = "rain", unit or ""
    else:
        table, tz = _timed(path, tz)
        name, unit, form = _rain_column(table, path, unit, form, column)
    times = _times(table, path, tz)
    seconds = (times - times[0]).total_seconds().to_numpy()
    blank = table[name].isna().to_numpy() & (form.gaps is not None)
    values = np.where(blank, np.nan, numbers(table.assign(**{name: table[name].where(~blank, 0)}), name, path))
    labels = [str(text) for text in table["time"]]
    values, _ = with_gaps(values, form, str(path), labels)
    within = tuple((t - times[0]).total_seconds() for t in run) if run else (-np.inf, np.inf)
    record = Record(str(path), seconds, labels, values, *RAIN_UNITS[unit], run=(within[0], within[1]))
    edges, rate, notes = rates(record, form)
    when = times[0] + pd.to_timedelta(edges, unit="s")
    return xr.DataArray(rate, {"time": when}, ("time",), "rain_rate", {"notes": notes})


def _rain_column(
    table: pd.DataFrame, path: Path, unit: str | None, form: RainForm, column: str | None
) -> tuple[str, str, RainForm]:
    """Return the column of rain, its unit and its form; a heading may say that it is a running total."""
    found = {str(c): told for c in table.columns if (told := _heading(str(c))) is not None}
    names = [column] if column is not None else list(found)
    if len(names) > 1:
        raise SourceError("rain_columns", where=str(path), found=names)
    if not names or names[0] not in table:
        expected = ["time", "rain_mm", "rain_mm_h", "雨量(mm)", "雨强(mm/h)"]
        raise SourceError("series_columns", where=str(path), found=list(table.columns), expected=expected)
    told = unit or found.get(names[0]) or _unit_of(names[0])
    if told not in RAIN_UNITS:
        raise SourceError("rain_unit_unsaid", where=str(path))
    if form.cumulative is None and TOTAL.search(names[0].lower()):
        form = RainForm(form.stamps, True, form.gaps, form.missing, form.interval_s)
    return names[0], told, form


def _heading(text: str) -> str | None:
    """Return the unit of a heading of rain ("" where it says none), None where the heading is another's."""
    plain = TOTAL.sub("", _plain(text)).strip(" _")
    if plain in RAIN and plain:
        return ""
    split = _HEADING.fullmatch(plain)
    return _unit_of(plain) if split is not None and split["name"].strip(" _") in RAIN else None


def _unit_of(text: str) -> str | None:
    """Return the unit that a heading ends with, as a scenario writes it."""
    split = _HEADING.fullmatch(_plain(text))
    if split is None:
        return None
    length = "mm" if split["unit"].startswith(("mm", "毫米")) else "in"
    return length if re.fullmatch(r"mm|毫米|in|inch|inches", split["unit"]) else f"{length}_h"


def _swmm_rain(
    path: Path, tz: tzinfo, unit: str | None, form: RainForm, station: str | None
) -> tuple[pd.DataFrame, RainForm]:
    """Read a SWMM rain file (station, year, month, day, hour, minute, value) as a table; its unit stands nowhere in it.

    By the rules of SWMM a value lasts for the recording interval, here the shortest step, and no row means no rain.
    """
    if unit is None:
        raise SourceError("rain_unit_unsaid", where=str(path))
    try:
        lines = decode(path.read_bytes(), str(path)).splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith(";")]
        stations = list(dict.fromkeys(row[0] for row in rows))
        if (len(stations) > 1 and station is None) or (station is not None and station not in stations):
            raise SourceError(
                "rain_station", where=str(path), found=station or "-", expected=[name[:20] for name in stations[:9]]
            )
        rows = [row for row in rows if station in (None, row[0])]
        times = ["{:04d}-{:02d}-{:02d} {:02d}:{:02d}".format(*map(int, row[1:6])) for row in rows]
        table = pd.DataFrame({"time": times, "rain": [row[6] for row in rows]})
    except OSError as error:
        raise SourceError("file_unreadable", where=str(path), found=error.strerror or str(error)) from error
    except (ValueError, IndexError) as error:
        raise SourceError("file_unreadable", where=str(path), found=str(error)) from error
    if form.cumulative or len(table) < 2:
        return table, form
    steps = np.diff(_times(table, path, tz).values).astype("timedelta64[s]").astype(float)
    interval = form.interval_s or float(steps.min())
    return table, RainForm(form.stamps, False, form.gaps or "dry", form.missing, interval)


def read_stage(path: Path, tz: tzinfo) -> xr.DataArray:
    """Return a river or tide gauge as `river_stage(time)`, m above the city's datum, UTC."""
    table, tz = _timed(path, tz)
    name = _column(table, LEVEL)
    if name is None:
        raise SourceError("series_columns", where=str(path), found=list(table.columns), expected=["time", *LEVEL])
    times, values = _times(table, path, tz), numbers(table, name, path)
    code = is_code(values)
    if code.any():
        k = int(np.argmax(code))
        raise SourceError("series_code", where=str(path), row=k + 2, column=name, found=str(table[name].iloc[k]))
    return xr.DataArray(values, dims="time", coords={"time": times}, name="river_stage")


def read_columns(
    path: Path, tz: tzinfo, ranges: Mapping[str, tuple[float, float]], *, some: bool = False
) -> pd.DataFrame:
    """Return the columns of a CSV that `ranges` names, each a finite number within its range, on their times in UTC.

    With `some`, one of the columns at least has to be there, else all of them. Raises SourceError for a missing column,
    times that do not rise, fewer than two rows, a value that is no number or out of range.
    """
    table, tz = _timed(path, tz)
    columns = _known_columns(table, path, ("time",), ranges, some=some)
    times = _times(table, path, tz)
    if len(times) < 2:
        raise SourceError("series_short", where=str(path), found=len(times))
    for name in columns:
        table[name] = numbers(table, name, path)
        _check_range(table, name, path, ranges[name])
    return table[columns].set_axis(times)


def read_readings(
    path: Path, tz: tzinfo, key: str, ranges: Mapping[str, tuple[float, float]], *, gaps: bool = False
) -> pd.DataFrame:
    """Return a long CSV (`time`, `key`, and one value column at least of `ranges`) as rows of `time` (UTC), `id`, values.

    With `gaps` an empty cell is no reading (NaN), else it is an error. Raises SourceError for a missing column, a time that
    cannot be read, a value that is no number or out of range.
    """
    table, tz = _timed(path, tz)
    columns = _known_columns(table, path, ("time", key), ranges, some=True)
    for name in columns:
        empty = table[name].isna().to_numpy() if gaps else np.zeros(len(table), dtype=bool)
        table[name] = np.where(empty, np.nan, numbers(table.assign(**{name: table[name].where(~empty, 0)}), name, path))
        _check_range(table, name, path, ranges[name])
    return table[columns].assign(
        time=stamps.utc(list(table["time"]), tz, str(path), rising=False), id=table[key].astype(str).str.strip()
    )


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


def _timed(path: Path, tz: tzinfo) -> tuple[pd.DataFrame, tzinfo]:
    """Return a table with its times as written in the column `time`, and their zone: that of the heading, else `tz`.

    Dates and times of day may stand in two columns.
    """
    table = read_table(path)
    name, date = _column(table, TIME), _column(table, DATE)
    if name is None:
        raise SourceError("series_columns", where=str(path), found=list(table.columns), expected=["time"])
    apart = date not in (None, name) and not re.search(r"\d{4}", str(table[name].iloc[0]))
    texts = table[name] if not apart else table[date].astype(str) + " " + table[name].astype(str)
    return table.assign(time=texts), stamps.zone_of(name) or tz


def _column(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Return the first column that has one of the names, whatever its case and brackets and the zone behind it."""
    plain = {
        re.sub(r"\s*\(?(?:utc|gmt|世界时|北京时间?|beijing)[^)]*\)?$", "", _plain(c)): str(c) for c in table.columns
    }
    return next((plain[name] for name in names if name in plain), None)


def _plain(heading: object) -> str:
    return str(heading).lower().replace("（", "(").replace("）", ")").strip()


def _times(table: pd.DataFrame, path: Path, tz: tzinfo) -> pd.DatetimeIndex:
    times = stamps.utc(list(table["time"]), tz, str(path), rising=True)
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
