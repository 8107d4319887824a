"""A config file by its tables, each with its own text: what is done to one moves nothing of the others.

The library that keeps comments brings tables of one list together where they stand apart, and leaves their
comments behind.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import tomlkit
from tomlkit.items import AoT

_HEADER = re.compile(r"\s*(?:\[\[[^\[\]]+\]\]|\[[^\[\]]+\])\s*(?:#.*)?\s*")


@dataclass(slots=True)
class Part:
    """A table as it stands in the file, or what stands before the first. ``behind`` is not about it: blank
    lines, and comments such as a heading over the next table."""

    document: tomlkit.TOMLDocument
    behind: str

    def of(self, name: str) -> Any:
        """The table, where it is one of ``[[name]]``; else None."""
        tables = self.document.get(name)
        return tables[0] if isinstance(tables, AoT) else None

    def is_about(self, name: str) -> bool:
        """Whether it is a ``[[name]]``, or within the one before it, as ``[name.weights]`` is."""
        return name in self.document

    def __str__(self) -> str:
        return tomlkit.dumps(self.document) + self.behind


def parts(text: str) -> list[Part]:
    """The parts of a valid file, in their order; together their texts are the file's."""
    found, lines = [], list[str]()
    for line in text.splitlines(keepends=True):
        if _HEADER.fullmatch(line) and lines and _is_complete(lines):
            found.append(_part(lines))
            lines = []
        lines.append(line)
    return [*found, _part(lines, last=True)]


def _is_complete(lines: Iterable[str]) -> bool:
    """Whether no text of several lines is still open, in which a line may look like a table's first one."""
    try:
        tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _part(lines: list[str], *, last: bool = False) -> Part:
    behind = len(list(takewhile(_says_nothing, reversed(lines))))
    end = len(lines) - behind
    # A comment right below a table's keys is about it, unless the next table stands right below that.
    below = len(list(takewhile(str.strip, lines[end:])))
    if last or below < behind:
        end += below
    return Part(tomlkit.parse("".join(lines[:end])), "".join(lines[end:]))


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
