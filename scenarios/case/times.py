"""What a time in a scenario file means."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin.clock import check_year
from twin.errors import ScenarioError


def clock_time(text: str, start: datetime) -> datetime:
    """Return the moment a bare "19:10" means: city time, next after the start; full ISO times are taken as they are.

    Raises ScenarioError for what is no time, or one out of the years of a clock.
    """
    try:
        if "T" in text or "-" in text:
            moment = check_year(datetime.fromisoformat(text))
            return moment if moment.tzinfo else _shown_once(moment.replace(tzinfo=start.tzinfo), text)
        at = datetime.combine(start.date(), time.fromisoformat(text), tzinfo=start.tzinfo)
    except ValueError:
        raise ScenarioError("time_text", found=text) from None
    return _shown_once(at if at >= start else at + timedelta(days=1), text)


def _shown_once(moment: datetime, text: str) -> datetime:
    """Return a clock time; raise ScenarioError where the clock is changed and shows it twice or never."""
    if moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset():
        raise ScenarioError("time_clock", found=text, timezone=str(moment.tzinfo))
    return moment


def zone(text: str) -> tzinfo:
    """Return the time zone of a name (Asia/Shanghai, UTC) or an offset (-05:00); raise ScenarioError for another text."""
    try:
        if text[:1] in ("+", "-"):
            offset = datetime.strptime(text, "%z").tzinfo
            if offset is not None:
                return offset
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScenarioError("timezone", where="forcing", found=text) from None
