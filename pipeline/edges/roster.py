"""A roster on disk, a line at a time: it may hold a million people."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from subscribers.roster import encoding_of

_CHUNK = 1 << 20


def roster_lines(path: Path) -> Iterator[str]:
    """The lines of a file with their ends, in whatever encoding it is."""
    with path.open("rb") as raw:
        encoding = encoding_of(iter(lambda: raw.read(_CHUNK), b""))
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        yield from text


def write_roster(path: Path, lines: Iterable[str]) -> int:
    """Write a list of people to a file that its owner alone can read, or for ``-`` to standard output.

    Gives how many people: the first line names the columns. A file that is there is replaced once all is
    written.
    """
    if str(path) == "-":
        return _write(sys.stdout, lines)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:  # for Excel
            number = _write(file, lines)
        new.replace(path)
    except OSError as error:  # a full disk names no file
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        new.unlink(missing_ok=True)
    return number


def _write(file: TextIO, lines: Iterable[str]) -> int:
    number = 0
    for line in lines:
        file.write(line)
        number += 1
    return number - 1
