"""A feed's complete history: archives that fill in the order of the log (RFC 5005, section 4).

A slot is one piece of news under a theme: an article that came, came back, reached the theme or changed.
Slots never move, so a full archive stays as it is until something in it is withdrawn. An article that
changed has another slot in a later archive, where readers find its newest text.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from feeds.log import Kind

SIZE = 100
"""Slots in a full archive."""

SHOWN = (Kind.NEW, Kind.UPDATED, Kind.RESTORED, Kind.RETHEMED, Kind.BACKFILL)
"""The entries of the log that are slots."""


class Slot(NamedTuple):
    position: int
    article: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Archive:
    """A stretch of a theme's slots, by its number, from 1, and the positions of the first and the last.

    ``made_from`` names the config that its documents were made from.
    """

    number: int
    first: int
    last: int
    size: int
    made_from: str

    @property
    def full(self) -> bool:
        return self.size >= SIZE


def append(last: Archive | None, slots: Sequence[Slot], made_from: str) -> Iterator[Archive]:
    """The archives that hold these slots, which come after the last archive's; that one grows first."""
    start = 0
    if last is not None and not last.full and slots:
        start = min(SIZE - last.size, len(slots))
        yield replace(last, last=slots[start - 1].position, size=last.size + start, made_from=made_from)
    number = last.number if last else 0
    for begin in range(start, len(slots), SIZE):
        part = slots[begin : begin + SIZE]
        number += 1
        yield Archive(number, part[0].position, part[-1].position, len(part), made_from)


def standing(
    slots: Sequence[Slot], present: Collection[int], withdrawn: Mapping[int, int]
) -> list[tuple[int, datetime]]:
    """The articles that an archive shows, and since when, the newest first; each once.

    ``present`` are the articles that are out under the theme now; ``withdrawn`` says of some at which
    position they were withdrawn last: a slot below it stays empty, though the article came back.
    """
    found: dict[int, datetime] = {}
    for slot in reversed(slots):
        if slot.article in present and slot.position > withdrawn.get(slot.article, 0):
            found.setdefault(slot.article, slot.at)
    return list(found.items())
