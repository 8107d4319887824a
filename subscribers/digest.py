"""Composing: what one reader is due becomes a digest, each article once, in its best theme."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from feeds.log import Due, Kind
from feeds.theme import ThemeTree


@dataclass(frozen=True, slots=True)
class Item:
    """One article in a digest: the section it stands in, and the reader's other themes it is in."""

    article: int
    kind: Kind
    theme: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What composing needs to know of an article: its date, and how strongly it is in which theme."""

    published: datetime
    scores: Mapping[str, int]


Digest = tuple[Item, ...]
"""Items in reading order; a section is a run of items with the same theme."""


def compose(due: Iterable[Due], following: Set[str], tree: ThemeTree, facts: Mapping[int, Facts]) -> Digest:
    """The digest of everything due, sections in the order of the tree, the newest article first.

    An article's best theme is the deepest one the reader follows, then the one it scores highest
    in, then the first in the tree. "Also in" leaves out what lies above the section's theme.
    """
    items = []
    for item in due:
        scores = facts[item.article].scores
        ranked = sorted(
            item.themes & following,
            key=lambda slug: (
                -len(_above(tree, slug)),
                -scores.get(slug, 0),
                tree.place(slug),
                slug,
            ),
        )
        best, others = ranked[0], ranked[1:]
        implied = {name for slug in ranked for name in _above(tree, slug)}
        also = sorted((slug for slug in others if slug not in implied), key=tree.place)
        items.append(Item(item.article, item.kind, best, tuple(also)))
    return tuple(
        sorted(
            items,
            key=lambda item: (
                tree.place(item.theme),
                item.theme,
                item.kind is not Kind.NEW,
                -facts[item.article].published.timestamp(),
                item.article,
            ),
        )
    )


def _above(tree: ThemeTree, slug: str) -> tuple[str, ...]:
    return tree.ancestors(slug) if slug in tree else ()
