"""A theme's feed: which articles, in what order, under which permanent names."""

from dataclasses import dataclass
from datetime import datetime

from feeds.article import Article
from feeds.theme import EVERYTHING


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An article as a feed shows it, with the names of its themes."""

    article: Article
    themes: tuple[str, ...]
    source_title: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything a format needs to write one document; nothing in it says "now".

    ``updated`` comes from the articles and the log. ``base_url`` is the site's, without a slash at
    its end; ``hub`` is the WebSub hub's address, or empty.
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

    @property
    def page_url(self) -> str:
        """The readable twin: the theme's page, or the front page for the feed of everything."""
        return f"{self.base_url}/" if self.slug == EVERYTHING else f"{self.base_url}/themes/{self.slug}"

    def url(self, extension: str) -> str:
        """Where this feed lives in one format."""
        return f"{self.base_url}/feeds/{self.slug}.{extension}"
