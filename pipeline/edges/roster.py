"""A roster on disk, a line at a time: it may hold a million people."""

from collections.abc import Iterator
from pathlib import Path

from subscribers.roster import encoding_of

_CHUNK = 1 << 20


def roster_lines(path: Path) -> Iterator[str]:
    """The lines of a file with their ends, in whatever encoding it is."""
    with path.open("rb") as raw:
        encoding = encoding_of(iter(lambda: raw.read(_CHUNK), b""))
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        yield from text
