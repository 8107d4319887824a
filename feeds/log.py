"""The article log: what happened to which article, in the order in which it became visible.

Everything downstream is a cursor on it. A feed is rebuilt when the log holds entries for its theme
past its cursor; a reader is due what lies between their cursor and a cutoff, in the themes they
follow.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

BACKFILL_AGE = timedelta(days=7)


class Kind(StrEnum):
    """What an entry says of its article."""

    NEW = "new"  # published; also the announcement of older work to themes it newly reaches
    UPDATED = "updated"  # what a reader reads has changed
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"  # back in the feeds; never mailed again
    RETHEMED = "rethemed"  # themes reached or lost, or a new address or author: feeds only
    BACKFILL = "backfill"  # history from before we looked: feeds only


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. ``themes`` are those it is news for, ancestors included."""

    position: int
    article: int
    kind: Kind
    themes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Due:
    """An article one reader is due: as ``NEW`` or as ``UPDATED``, for these themes they follow."""

    article: int
    kind: Kind
    themes: frozenset[str]


def kind_of_first_sight(published: datetime | None, first_collected: datetime, first_run: bool) -> Kind:
    """``BACKFILL`` for what was old when its source was first collected, else ``NEW``.

    What has no date at all counts as old in a source's first collection and as new after it.
    """
    if published is None:
        return Kind.BACKFILL if first_run else Kind.NEW
    return Kind.BACKFILL if published < first_collected - BACKFILL_AGE else Kind.NEW


@dataclass(slots=True)
class _Found:
    first: int = 0
    new: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)

    def add(self, entry: Entry, theme: str) -> None:
        self.first = min(self.first or entry.position, entry.position)
        (self.new if entry.kind is Kind.NEW else self.updated).add(theme)


class Window:
    """The part of the log that one wave of an edition looks at, arranged for many readers at once.

    ``entries`` are all entries in (lowest cursor, cutoff], in order. ``earlier`` names, for articles
    among them, the ``NEW`` entries at or below that lowest cursor (an announcement of something that
    was new before). ``withdrawn`` are the articles that are out at the cutoff.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        cutoff: int,
        earlier: Iterable[Entry] = (),
        withdrawn: Collection[int] = (),
    ) -> None:
        self.cutoff = cutoff
        self._by_theme: dict[str, list[Entry]] = {}
        self._introductions: dict[int, list[Entry]] = {}
        for entry in earlier:
            self._introductions.setdefault(entry.article, []).append(entry)
        for entry in entries:
            if entry.kind is Kind.NEW:
                self._introductions.setdefault(entry.article, []).append(entry)
            if entry.kind in (Kind.NEW, Kind.UPDATED) and entry.article not in withdrawn:
                for theme in entry.themes:
                    self._by_theme.setdefault(theme, []).append(entry)

    def due(self, following: Set[str], cursor: int, received: Set[int] = frozenset()) -> list[Due]:
        """What a reader is due who follows these themes now and was served up to ``cursor``.

        An article is new to them if a ``NEW`` entry past the cursor names a theme they follow and
        none at or below it does; otherwise an ``UPDATED`` entry past the cursor makes it an update.
        ``received`` are announced articles that this reader already got, under themes they have
        since left: what was mailed is never new again. In order of first appearance.
        """
        found: dict[int, _Found] = {}
        for theme in following:
            for entry in self._by_theme.get(theme, ()):
                if entry.position > cursor:
                    found.setdefault(entry.article, _Found()).add(entry, theme)
        due = []
        for article, news in found.items():
            if news.new and article not in received and not self._introduced(article, following, cursor):
                due.append(
                    (
                        news.first,
                        Due(article, Kind.NEW, frozenset(news.new | news.updated)),
                    )
                )
            elif news.updated:
                due.append((news.first, Due(article, Kind.UPDATED, frozenset(news.updated))))
        return [item for _, item in sorted(due, key=lambda pair: pair[0])]

    def _introduced(self, article: int, following: Set[str], cursor: int) -> bool:
        return any(
            entry.position <= cursor and not following.isdisjoint(entry.themes)
            for entry in self._introductions[article]
        )

    def announced(self) -> Mapping[int, list[int]]:
        """Articles with more than one ``NEW`` entry, and the positions of those entries.

        Only for these can a reader who changed themes have received the article already.
        """
        return {
            article: [entry.position for entry in entries]
            for article, entries in self._introductions.items()
            if len(entries) > 1
        }
