"""Sizes as people write them in the config: ``200MB``, ``1GB``; in steps of a thousand."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(value: Any) -> Any:
    """``"200MB"`` as a number of bytes. A bare number but 0 is refused, since nobody could tell its unit."""
    if value == 0:
        return 0
    match = re.fullmatch(r"\s*(\d{1,6})\s*([KMGT]?B)\s*", value, re.ASCII) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no size; write a number and a unit, like '200MB' or '1GB'")
    return int(match[1]) * _UNITS[match[2]]


def size_text(number: int) -> str:
    """A number of bytes, short enough to read: ``1.4 GB``."""
    for unit in ("TB", "GB", "MB", "KB"):
        if number >= _UNITS[unit]:
            return f"{number / _UNITS[unit]:.3g} {unit}"
    return f"{number} B"


Size = Annotated[int, BeforeValidator(parse_size)]
