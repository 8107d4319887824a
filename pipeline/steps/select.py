"""Selecting: which articles a feed's documents show, in what order, and under which names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from feeds.article import Visibility
from feeds.feed import KEPT, REMEMBERED, Feed, FeedItem, Placed
from feeds.history import Archive, standing
from feeds.identity import tag_uri
from feeds.theme import EVERYTHING, ThemeTree
from pipeline.ports import FEED_FACT
from pipeline.ports_publishing import FeedWork, PublishWork

INSTALLED = "installed"
"""The fact that says since when there are feeds; their ids bear that day."""

AUTHORITY = "authority"
"""The fact that says at which host there were feeds first; their ids bear it wherever the portal moves."""

_TOMBSTONES = 1000
"""What is told to be gone at most: a source that goes altogether must not fill a feed for 90 days."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """What the config says about publishing.

    ``made_from`` names the config, the templates and the version: with it, all documents change.
    ``changed`` introduces what changed in an article, in the site's language. ``archives_from`` names what
    archives are made from: they stay as they are when only a template or a theme's rules change.
    """

    name: str
    base_url: str
    host: str
    language: str
    entries: int
    hub: str
    changed: str
    made_from: str
    archives_from: str


class Selector:
    """Selects for the themes of a tree. Nothing in a feed depends on when it is made."""

    def __init__(self, tree: ThemeTree, imprint: Imprint) -> None:
        self._tree = tree
        self._imprint = imprint

    def current(self, work: PublishWork, slug: str) -> tuple[Feed, set[int]]:
        """A theme's current document, as if it had no archives, and which articles it shows: the newest."""
        latest = work.shelf.latest(named(slug), self._imprint.entries)
        _, updated = work.log.last_change(named(slug))
        gone = work.log.tombstones(named(slug), updated - REMEMBERED, _TOMBSTONES) if updated else ()
        feed = self._feed(work, slug, latest, updated or _installed(work))
        return replace(feed, tombstones=tuple(gone)), {one.id for one in latest}

    def archive(self, work: PublishWork, slug: str, archive: Archive) -> Feed:
        """One of a theme's archives, as the log has it now."""
        slots = work.log.slots(named(slug), archive.first - 1, archive.size, up_to=archive.last)
        ids = {slot.article for slot in slots}
        stored = work.shelf.get(ids)
        present = [
            id
            for id, one in stored.items()
            if one.article.visibility == Visibility.VISIBLE and (slug == EVERYTHING or slug in one.scores)
        ]
        shown = [stored[id] for id, _ in standing(slots, present, work.log.withdrawn(ids))]
        feed = self._feed(work, slug, shown, slots[-1].at)
        return replace(feed, archive=archive.number, older=archive.number - 1)

    def own(self, work: FeedWork, id: int, themes: Collection[str], address: str) -> Feed:
        """A reader's own feed: the newest articles of the themes they follow."""
        latest = work.shelf.newest(themes, self._imprint.entries)
        moved = [one.article.updated for one in latest]
        feed = self._feed(work, EVERYTHING, latest, max(moved, default=_installed(work)))
        return replace(feed, uri=self._uri(work, "reader", str(id)), hub="", address=address)

    def _feed(self, work: FeedWork, slug: str, shown: Sequence[Placed], updated: datetime) -> Feed:
        theme = None if slug == EVERYTHING else self._tree[slug]
        imprint = self._imprint
        return Feed(
            slug=slug,
            uri=self._uri(work, "feed", work.register.fact(f"{FEED_FACT}{slug}") or slug),
            title=f"{imprint.name}: {theme.name}" if theme else imprint.name,
            description=theme.description if theme else "",
            language=imprint.language,
            base_url=imprint.base_url,
            author=imprint.name,
            updated=updated,
            items=tuple(_item(one, self._tree) for one in shown),
            hub=imprint.hub,
            changed=imprint.changed,
        )

    def _uri(self, work: FeedWork, *names: str) -> str:
        """A feed's permanent id."""
        authority = work.register.fact(AUTHORITY) or self._imprint.host
        return tag_uri(authority, _installed(work).date(), *names)


@lru_cache(maxsize=KEPT)
def _item(placed: Placed, tree: ThemeTree) -> FeedItem:
    """An article with the names of the themes that it is in by itself, in the tree's order."""
    own = [slug for slug, score in placed.scores.items() if score and slug in tree]
    names = tuple(tree[slug].name for slug in sorted(own, key=tree.place))
    return FeedItem(placed.article, names, placed.source_title)


def named(slug: str) -> str | None:
    """A theme as the store names it, where everything is None."""
    return None if slug == EVERYTHING else slug


def _installed(work: FeedWork) -> datetime:
    """The day of the first publication; the calendar's first where there was none yet."""
    return datetime.fromisoformat(work.register.fact(INSTALLED) or "1970-01-01T00:00:00+00:00")
