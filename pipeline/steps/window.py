"""Loading the part of the log that lies between two positions, ready to be asked what is due."""

from collections.abc import Collection, Mapping
from typing import Protocol

from feeds.log import Entry, Window
from subscribers.digest import Facts


class _Log(Protocol):
    def between(self, after: int, cutoff: int) -> list[Entry]: ...
    def introductions(self, articles: Collection[int], up_to: int) -> list[Entry]: ...


class _Articles(Protocol):
    def facts(self, ids: Collection[int]) -> tuple[dict[int, Facts], set[int]]: ...


def load_window(
    log: _Log, articles: _Articles, after: int, cutoff: int
) -> tuple[Window, Mapping[int, Facts]]:
    """The window on (``after``, ``cutoff``], and the facts of the articles in it."""
    entries = log.between(after, cutoff)
    ids = {entry.article for entry in entries}
    facts, hidden = articles.facts(ids)
    return Window(entries, cutoff, log.introductions(ids, after), hidden), facts
