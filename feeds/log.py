"""The article log: what happened to which article, in the order in which it became visible.

Everything downstream is a cursor on it. A feed is rebuilt when the log holds entries for its theme
past its cursor; a reader is due what lies between their cursor and a cutoff, in the themes they
follow.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

BACKFILL_AGE = timedelta(days=7)


class Kind(StrEnum):
    """What an entry says of its article."""

    NEW = "new"  # published; also the announcement of older work to themes it newly reaches
    UPDATED = "updated"  # what a reader reads has changed
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"  # back in the feeds; never mailed again
    RETHEMED = "rethemed"  # other themes, a new address or author, a mended slip: feeds only
    BACKFILL = "backfill"  # history from before we looked: feeds only


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. ``themes`` are those it is news for, ancestors included."""

    position: int
    article: int
    kind: Kind
    themes: frozenset[str]


class Due(NamedTuple):
    """An article one reader is due: as ``NEW`` or as ``UPDATED``, for these themes they follow.

    A tuple, since planning looks up millions of them by their value.
    """

    article: int
    kind: Kind
    themes: frozenset[str]


_Answer = tuple[int, Due] | None
"""What a reader is due of an article, if anything, after the position at which it first appeared."""
_Answers = dict[int, _Answer]


def kind_of_first_sight(
    published: datetime | None,
    first_collected: datetime,
    first_run: bool,
    served_until: datetime | None = None,
) -> Kind:
    """``BACKFILL`` for what was old when its source was first collected, else ``NEW``.

    What has no date at all counts as old in a source's first collection and as new after it. Where the
    database was restored, readers may have had what was published up to ``served_until``.
    """
    if published is None:
        return Kind.BACKFILL if first_run else Kind.NEW
    if served_until is not None and published <= served_until:
        return Kind.BACKFILL
    return Kind.BACKFILL if published < first_collected - BACKFILL_AGE else Kind.NEW


class Window:
    """The part of the log that one wave of an edition looks at, arranged for many readers at once.

    ``entries`` are all entries in (lowest cursor, cutoff] that name a theme of these readers, in order.
    ``earlier`` names the other ``NEW`` entries of the articles among them, up to the cutoff (an
    announcement of something that was new before). ``withdrawn`` are the articles that are out at the
    cutoff.

    What is found for one reader is kept for the next one with the same cursor, so ask in order of cursors.
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
        self._news: dict[int, list[Entry]] = {}
        self._themes: dict[int, frozenset[str]] = {}
        self._introductions: dict[int, dict[int, Entry]] = {}
        self._cursor = cutoff
        self._past: dict[str, _Answers] = {}
        self._judged: dict[tuple[int, frozenset[str]], _Answer] = {}
        self._older: set[int] = set()
        for entry in entries:
            if entry.kind is Kind.NEW:
                self._introduce(entry)
            if entry.kind in (Kind.NEW, Kind.UPDATED) and entry.article not in withdrawn:
                self._news.setdefault(entry.article, []).append(entry)
                self._themes[entry.article] = self._themes.get(entry.article, frozenset()) | entry.themes
                for theme in entry.themes:
                    self._by_theme.setdefault(theme, []).append(entry)
        for entry in earlier:
            self._introduce(entry)
            if entry.article in self._themes:
                self._themes[entry.article] |= entry.themes

    def due(self, following: frozenset[str], cursor: int, received: Set[int] = frozenset()) -> list[Due]:
        """What a reader is due who follows these themes now and was served up to ``cursor``.

        An article is new to them if a ``NEW`` entry past the cursor names a theme they follow and
        none at or below it does; otherwise an ``UPDATED`` entry past the cursor makes it an update.
        ``received`` are announced articles that this reader already got, under themes they have
        since left: what was mailed is never new again. In order of first appearance.
        """
        if cursor != self._cursor:
            self._cursor, self._past, self._judged, self._older = cursor, {}, {}, set()
        found: _Answers = {}
        apart: set[int] = set()
        for theme in following:
            answers = self._past.get(theme)
            if answers is None:
                answers = self._named_past(theme)
            # What two of their themes name, or one of them before the cursor, is judged by all of them.
            apart |= found.keys() & answers.keys()
            found.update(answers)
        for article in apart | (found.keys() & self._older):
            found[article] = self._answer(article, following & self._themes[article])
        for article in found.keys() & received:
            found[article] = self._judge(article, following & self._themes[article], received=True)
        return [due for _, due in sorted(filter(None, found.values()))]

    def announced(self) -> list[int]:
        """Articles with more than one ``NEW`` entry.

        Only for these can a reader who changed themes have received the article already.
        """
        return [article for article, entries in self._introductions.items() if len(entries) > 1]

    def _introduce(self, entry: Entry) -> None:
        self._introductions.setdefault(entry.article, {})[entry.position] = entry

    def _named_past(self, theme: str) -> _Answers:
        """What entries past the cursor name for a theme, as who follows no other theme of it is due it."""
        entries = self._by_theme.get(theme, [])
        start = bisect_right(entries, self._cursor, key=lambda entry: entry.position)
        articles = {entry.article for entry in entries[start:]}
        self._older.update(
            article for article in articles if not self._themes[article] <= self._past_of(article)
        )
        alone = frozenset([theme])
        self._past[theme] = {article: self._answer(article, alone) for article in articles}
        return self._past[theme]

    def _past_of(self, article: int) -> frozenset[str]:
        return _named(entry for entry in self._news[article] if entry.position > self._cursor)

    def _answer(self, article: int, followed: frozenset[str]) -> _Answer:
        """The same as judging it, of which most has been done: nothing else of a reader matters to it."""
        key = article, followed
        if key not in self._judged:
            self._judged[key] = self._judge(article, followed)
        return self._judged[key]

    def _judge(self, article: int, followed: frozenset[str], received: bool = False) -> _Answer:
        """What an article is to readers at the cursor who follow these of its themes; first its position."""
        entries = [
            entry
            for entry in self._news[article]
            if entry.position > self._cursor and not followed.isdisjoint(entry.themes)
        ]
        first = entries[0].position
        new = any(entry.kind is Kind.NEW for entry in entries)
        if new and not received and not self._introduced(article, followed):
            return first, Due(article, Kind.NEW, _named(entries) & followed)
        updates = [entry for entry in entries if entry.kind is Kind.UPDATED]
        return (first, Due(article, Kind.UPDATED, _named(updates) & followed)) if updates else None

    def _introduced(self, article: int, followed: frozenset[str]) -> bool:
        return any(
            position <= self._cursor and not followed.isdisjoint(entry.themes)
            for position, entry in self._introductions[article].items()
        )


def _named(entries: Iterable[Entry]) -> frozenset[str]:
    return frozenset().union(*(entry.themes for entry in entries))
