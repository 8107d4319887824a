"""Durations as people write them in the config: ``90s``, ``15m``, ``12h``, ``7d``, ``2y``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}

_LONGEST = timedelta(days=36525)  # beyond, there are no dates to count back to


def parse_duration(value: Any) -> Any:
    """``"15m"`` as a timedelta. A bare number is refused, since nobody could tell its unit."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d{1,6})\s*([smhdwy])\s*", value, re.ASCII) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no duration; write a number and a unit, like '15m', '12h' or '7d'")
    duration = int(match[1]) * _UNITS[match[2]]
    if duration > _LONGEST:
        raise ValueError(f"{value!r} is longer than a hundred years; write something shorter")
    return duration


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
