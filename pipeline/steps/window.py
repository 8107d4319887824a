"""Loading the part of the log that lies between two positions, ready to be asked what is due."""

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from feeds.log import Entry, Window
from subscribers.digest import Facts

_REACH = 10_000  # entries that fit in memory with ease


class _Log(Protocol):
    def news(self, after: int, cutoff: int, themes: Collection[str]) -> list[Entry]: ...
    def introductions(self, articles: Collection[int], up_to: int) -> list[Entry]: ...


class _Articles(Protocol):
    def facts(self, ids: Collection[int]) -> tuple[dict[int, Facts], set[int]]: ...


def load_window(
    log: _Log, articles: _Articles, after: int, cutoff: int, themes: Collection[str]
) -> tuple[Window, Mapping[int, Facts]]:
    """The window on (``after``, ``cutoff``] for who follows these themes, and the facts of its articles."""
    entries = log.news(after, cutoff, themes)
    ids = {entry.article for entry in entries}
    facts, hidden = articles.facts(ids)
    return Window(entries, cutoff, log.introductions(ids, cutoff), hidden), facts


def bands(lowest: int, highest: int, cutoff: int) -> Iterator[tuple[int, int]]:
    """Ranges that hold all cursors from ``lowest`` to ``highest``, each reaching back twice as far.

    One reader whose mail is refused for years would otherwise have everybody look back for years: so
    those far behind get windows of their own, which hold the themes of those few alone.
    """
    reach = _REACH
    while highest >= lowest:
        floor = max(lowest, cutoff - reach)
        if floor <= highest:
            yield floor, highest
            highest = floor - 1
        reach *= 2
