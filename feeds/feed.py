"""A theme's feed: which articles, in what order, under which permanent names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from feeds.article import Article
from feeds.theme import EVERYTHING

KEPT = 500
"""Items of which is kept what they become, in each format and on the pages, for the next build with them."""

REMEMBERED = timedelta(days=90)
"""For how long a withdrawn article is said to be gone, by the dates of the feed's own news."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A stored article with its place among the others: ``scores`` by theme, 0 for one it is only below.

    What is stored as it was is the very same object again, and not to be changed.
    """

    id: int
    article: Article
    scores: Mapping[str, int]
    source_title: str


@dataclass(frozen=True, slots=True, eq=False)
class FeedItem:
    """An article as a feed shows it, with the names of its themes.

    It is equal to itself alone: what one becomes is kept, and who has the same again asks with the same item.
    """

    article: Article
    themes: tuple[str, ...]
    source_title: str = ""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An article that a feed held and that was withdrawn since (RFC 6721)."""

    uri: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything a format needs to write one document; nothing in it says "now".

    ``updated`` comes from the articles and the log. ``base_url`` is the site's, without a slash at
    its end; ``hub`` is the WebSub hub's address, or empty.

    A feed is one current document and any number of archives (RFC 5005, section 4), counted from 1.
    ``archive`` is the number of this one, 0 for the current one; ``older`` that of the archive before
    it, 0 where there is none. A reader's own feed has one document, at ``address``.
    ``changed`` introduces what changed in an article, in the site's language.
    """

    slug: str
    uri: str
    title: str
    description: str
    language: str
    base_url: str
    author: str
    updated: datetime
    items: tuple[FeedItem, ...]
    hub: str = ""
    tombstones: tuple[Tombstone, ...] = ()
    archive: int = 0
    older: int = 0
    address: str = ""
    changed: str = "What changed:"

    @property
    def page_url(self) -> str:
        """The readable twin: the theme's page, or the front page for the feed of everything."""
        return f"{self.base_url}/" if self.slug == EVERYTHING else f"{self.base_url}/themes/{self.slug}"

    def url(self, extension: str) -> str:
        """Where this document lives in one format."""
        return self.address or f"{self.base_url}/{public_path(self, extension)}"

    def current_url(self, extension: str) -> str:
        """Where the feed's current document lives in one format."""
        return f"{self.base_url}/feeds/{self.slug}.{extension}"

    def older_url(self, extension: str) -> str:
        """Where the archive before this document lives in one format; empty where there is none."""
        return f"{self.base_url}/feeds/{self.slug}/{self.older}.{extension}" if self.older else ""


def public_path(feed: Feed, extension: str) -> str:
    """Where a document stands among the published files."""
    archive = f"/{feed.archive}" if feed.archive else ""
    return f"feeds/{feed.slug}{archive}.{extension}"
