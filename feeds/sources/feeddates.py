"""Dates as feeds write them that feedparser does not read, or reads as other ones: Dutch, and European."""

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from typing import Any

from feedparser.datetimes.rfc822 import timezone_names

ZONES = {"wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3}
"""Without them a moment is hours late."""
MONTHS = {"mrt": 3, "maa": 3, "mei": 5, "okt": 10}
DAYS = {"ma,", "di,", "wo,", "do,", "vr,", "za,", "zo,", "maa", "din", "woe", "don", "vri", "zat", "zon"}

_MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")
_OTHER_MONTHS = {"maa": "mrt", "mar": "mrt", "may": "mei", "oct": "okt"}
_DAY_FIRST = re.compile(
    r"(?:[a-z]+,?\s+)?(\d{1,2})(?:[-.]\s*|\s+)(\d{1,2}|[a-z]{3,9})(?:[-.]\s*|\s+)(\d{4})"
    r"(?:(?:T|[,\s]+(?:om\s+|-\s+)?)(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?)?(?:\s+uur)?(\s*\S{1,10})?",
    re.IGNORECASE,
)
_BEGUN = re.compile(r"(?:[a-z]+,?\s+)?\d{1,2}[-.]\s*\d{1,2}[-.]\s*\d{4}(?!\d)", re.IGNORECASE)
_OFFSET = re.compile(r"([+-]\d{2}):?(\d{2})")


def moment_of(parsed: Any) -> datetime | None:
    """The moment in a time tuple in UTC, as feedparser gives it; None for none, or for one that never was."""
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):  # a thirteenth month, a year outside the calendar
        return None


def day_first(given: str) -> Any:
    """A moment whose day comes first, such as 20-11-2026 10:00 or vrijdag 20 november 2026 om 10.00 uur.

    Gives a time tuple in UTC, which it is taken to be where no zone stands; of zeros where there is no such
    day, or nobody can tell what stands behind it, for others to make nothing else of it; and None where it is
    written in another way.
    """
    given = given.strip()
    if not (found := _DAY_FIRST.fullmatch(given)):
        return (0,) * 9 if _BEGUN.match(given) else None
    day, month, year, hour, minute, second, zone = found.groups(default="0")
    named = not month.isdigit()
    if named and zone != "0":
        return None  # as in mail (RFC 5322 §3.3), which others read
    try:
        number = _month(month) if named else int(month)
        moment = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        return (moment - _offset(zone.strip().lower())).timetuple()
    except (ValueError, KeyError, OverflowError):
        return None if named else (0,) * 9


def _month(name: str) -> int:
    short = name[:3].lower()
    return _MONTHS.index(_OTHER_MONTHS.get(short, short)) + 1


def _offset(zone: str) -> timedelta:
    if offset := _OFFSET.fullmatch(zone):
        return timedelta(hours=int(offset[1]), minutes=int(offset[1][0] + offset[2]))
    return timedelta(hours={"0": 0, **timezone_names}[zone])
