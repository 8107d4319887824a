"""Where in a TOML file a key stands, for errors that name the line.

The parsers that keep comments don't keep line numbers, and the standard library's keeps neither.
"""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([\w.\"'-]+)\s*\]\]?")
_KEY = re.compile(r"^\s*([\w\"'-]+)\s*=")


def line_of(text: str, location: Sequence[str | int]) -> int | None:
    """The line (from 1) of a key like ``("theme", 2, "slug")``, else of the nearest table above it.

    Finds keys written on a line of their own below a header, as everybody writes configs; None
    where even the table can't be found.
    """
    best: tuple[int, int] | None = None
    table: list[str | int] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = [part.strip("\"'") for part in header[2].split(".")]
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table.append(counts[header[2]])
            found = table
        elif key := _KEY.match(line):
            found = [*table, key[1].strip("\"'")]
        else:
            continue
        if list(location[: len(found)]) == found and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return best[1] if best else None
