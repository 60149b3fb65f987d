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
            return moment if moment.tzinfo else moment.replace(tzinfo=start.tzinfo)
        at = datetime.combine(start.date(), time.fromisoformat(text), tzinfo=start.tzinfo)
    except ValueError:
        raise ScenarioError("time_text", found=text) from None
    return at if at >= start else at + timedelta(days=1)


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
