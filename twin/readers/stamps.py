"""Times as people write them in tables: ISO, Chinese, day first, 24:00, day numbers of a spreadsheet; always into UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from twin.errors import SourceError

_DATE = re.compile(
    r"(?:(?P<year>\d{4})(?:[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})|年(?P<m2>\d{1,2})月(?P<d2>\d{1,2})日)"
    r"|(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second>\d{1,2})(?P=sep)(?P<year2>\d{4})"
    r"|(?P<digits>\d{8}(?=$|\d{2}$|\d{4}$|\d{6}$|[T\s])))"
    r"(?:(?:[T\s]+|(?<=日)|(?<=\d{8}))(?P<hour>\d{1,2})[:时点]?(?P<minute>\d{2})?分?(?::?(?P<second_>\d{2})(?:[.,](?P<part>\d{1,9}))?秒?)?)?"
    r"\s*(?P<half>AM|PM|am|pm)?\s*(?P<offset>Z|UTC|[+-]\d{2}(?::?\d{2})?)?"
)

#: Days of a spreadsheet (1900 system) that lie between 1954 and 2064: day numbers, not years or seconds.
SERIAL = (20_000.0, 60_000.0)


class _Parts(NamedTuple):
    """A time as written: day and month not yet told apart where `order` is "?"; the clock's seconds may reach 24 h."""

    text: str
    year: int
    one: int
    two: int
    order: str
    seconds: float
    offset: tzinfo | None


def utc(texts: Sequence[object], tz: tzinfo, where: str, *, rising: bool) -> pd.DatetimeIndex:
    """Return times in UTC without zone; one without an offset is a clock time in `tz`.

    Where the times of the column rise (`rising`), an hour that a clock shows twice is told apart by its order. Raises
    SourceError for a time that cannot be read, that may be day-month or month-day, that a clock shows twice or never.
    """
    moments = _moments(texts, where)
    naive = [m for m in moments if m.tzinfo is None]
    if len(naive) == len(moments):
        return localized(pd.DatetimeIndex(naive), tz, where, "infer" if rising else "raise")
    aware = [
        m if m.tzinfo else localized(pd.DatetimeIndex([m]), tz, where, "raise")[0].tz_localize("UTC") for m in moments
    ]
    return pd.DatetimeIndex([pd.Timestamp(m).tz_convert("UTC").tz_localize(None) for m in aware])


def zone_of(text: str) -> tzinfo | None:
    """Return the zone that a heading names: UTC or Beijing time; None where it names none."""
    plain = text.lower()
    if re.search(r"utc|gmt|世界时", plain):
        hours = re.search(r"(?:utc|gmt)\s*([+-]\d{1,2})", plain)
        return timezone(timedelta(hours=int(hours[1]))) if hours else UTC
    return timezone(timedelta(hours=8)) if "北京时" in plain or "beijing" in plain else None


def localized(naive: pd.DatetimeIndex, tz: tzinfo, where: str, ambiguous: str = "infer") -> pd.DatetimeIndex:
    """Return clock times of `tz` in UTC; the two sentences on a clock that is changed."""
    try:
        return naive.tz_localize(tz, ambiguous=ambiguous, nonexistent="raise").tz_convert("UTC").tz_localize(None)
    except ValueError:
        pass
    for time in naive:
        for code, how in (
            ("series_clock_never", {"nonexistent": "raise", "ambiguous": True}),
            ("series_clock_twice", {}),
        ):
            try:
                time.tz_localize(tz, **{"ambiguous": "raise", "nonexistent": "shift_forward", **how})
            except ValueError:
                raise SourceError(code, where=where, found=f"{time:%Y-%m-%d %H:%M}", timezone=str(tz)) from None
    raise SourceError("series_time", where=where, found=f"{naive[0]:%Y-%m-%d %H:%M}")


def _moments(texts: Sequence[object], where: str) -> list[datetime]:
    days = [float(text) if isinstance(text, Real) else np.nan for text in texts]
    if all(SERIAL[0] <= day <= SERIAL[1] for day in days):
        return [_serial(day) for day in days]
    parts = [_parts(text, where) for text in texts]
    order = _order(parts, where)
    return [_moment(part, order, where) for part in parts]


def _serial(days: float) -> datetime:
    """Return the time of a spreadsheet's day number, to the second."""
    return datetime(1899, 12, 30) + timedelta(seconds=round(days * 86400.0))


def _parts(text: object, where: str) -> _Parts:
    """Take a time apart; raise SourceError when it has no full date or an impossible clock."""
    written = str(text).strip().removesuffix(".0")
    found = _DATE.fullmatch(written)
    if found is None or (found["part"] and not found["second_"]):
        return _loose(written, where)
    if found["digits"]:
        year, one, two, order = int(written[:4]), int(written[4:6]), int(written[6:8]), "md"
    elif found["year"]:
        year, order = int(found["year"]), "md"
        one, two = int(found["m"] or found["m2"]), int(found["d"] or found["d2"])
    else:
        year, one, two = int(found["year2"]), int(found["first"]), int(found["second"])
        order = "dm" if found["sep"] == "." else "?"
    hour, minute, second = (int(found[k] or 0) for k in ("hour", "minute", "second_"))
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise SourceError("series_time", where=where, found=written)
    seconds = 3600.0 * hour + 60.0 * minute + second + float(f"0.{found['part'] or 0}")
    return _Parts(written, year, one, two, order, seconds, _offset(found["offset"]))


def _loose(written: str, where: str) -> _Parts:
    """Read a time with a month in letters ("20 Jun 2026 18:00"); a bare number or clock time is none."""
    try:
        stamp = pd.Timestamp(written) if re.search(r"[A-Za-z]{3}", written) and re.search(r"\d{4}", written) else pd.NaT
    except (ValueError, TypeError, OverflowError):
        stamp = pd.NaT
    if stamp is pd.NaT:
        raise SourceError("series_time", where=where, found=written[:40] or "-")
    seconds = (stamp - stamp.normalize()).total_seconds()
    return _Parts(written, stamp.year, stamp.month, stamp.day, "md", seconds, stamp.tzinfo)


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "UTC"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)


def _order(parts: Sequence[_Parts], where: str) -> str:
    """Return whether the dates of a column that could be either are day-month or month-day; raise where nothing tells."""
    unclear = [part for part in parts if part.order == "?"]
    day_first, month_first = (
        any(numbers) for numbers in ([p.one > 12 for p in unclear], [p.two > 12 for p in unclear])
    )
    if unclear and day_first == month_first:
        raise SourceError("series_day_month", where=where, found=unclear[0].text)
    return "dm" if day_first else "md"


def _moment(part: _Parts, order: str, where: str) -> datetime:
    month, day = (
        (part.two, part.one) if "dm" in (part.order, order if part.order == "?" else "") else (part.one, part.two)
    )
    try:
        return datetime(part.year, month, day, tzinfo=part.offset) + timedelta(seconds=part.seconds)
    except (ValueError, OverflowError):
        raise SourceError("series_time", where=where, found=part.text) from None
