"""Composing: what one reader is due becomes a digest, each article once, in its best theme."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from feeds.log import Due, Kind
from feeds.theme import ThemeTree


class Item(NamedTuple):
    """One article in a digest: the section it stands in, and the reader's other themes it is in.

    A tuple, since planning looks up millions of them by their value.
    """

    article: int
    kind: Kind
    theme: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What composing needs to know of an article: its date, and how strongly it is in which theme.

    ``pinned`` is an editor's wish that it comes first in its section.
    """

    published: datetime
    scores: Mapping[str, int]
    pinned: bool = False


Digest = tuple[Item, ...]
"""Items in reading order; a section is a run of items with the same theme."""

_Order = tuple[int, str, bool, bool, float, int]


class Composer:
    """Composes the digests of one edition. What it found out about an article serves every reader."""

    def __init__(self, tree: ThemeTree, facts: Mapping[int, Facts]) -> None:
        self._tree = tree
        self._facts = facts
        self._placed: dict[Due, tuple[_Order, Item]] = {}

    def compose(self, due: Iterable[Due]) -> Digest:
        """The digest of everything due, sections in the order of the tree.

        In a section, pinned articles come first, then what is new, then the newest. An article's best
        theme is the deepest one the reader follows, then the one it scores highest in, then the first in
        the tree. "Also in" leaves out what lies above the section's theme.
        """
        known = self._placed
        placed = [known.get(one) or self._place(one) for one in due]
        placed.sort()
        return tuple([item for _, item in placed])

    def _place(self, due: Due) -> tuple[_Order, Item]:
        """An article in its section, and where it stands among the others: no two stand in one place."""
        facts, place = self._facts[due.article], self._tree.place
        ranked = sorted(
            due.themes,
            key=lambda slug: (-len(self._above(slug)), -facts.scores.get(slug, 0), place(slug), slug),
        )
        best, others = ranked[0], ranked[1:]
        implied = {name for slug in ranked for name in self._above(slug)}
        also = sorted((slug for slug in others if slug not in implied), key=place)
        order = (
            place(best),
            best,
            not facts.pinned,
            due.kind is not Kind.NEW,
            -facts.published.timestamp(),
            due.article,
        )
        self._placed[due] = order, Item(due.article, due.kind, best, tuple(also))
        return self._placed[due]

    def _above(self, slug: str) -> tuple[str, ...]:
        return self._tree.ancestors(slug) if slug in self._tree else ()
