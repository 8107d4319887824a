"""Pages: the readable twin of every feed, the front page above them, and fragments for other sites' pages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from jinja2 import Environment

from feeds.feed import KEPT, Feed, FeedItem, public_path
from feeds.formats import FORMATS
from feeds.theme import EVERYTHING, ThemeTree

FRAGMENT = 10
"""Articles in a fragment."""
LATELY = timedelta(days=30)
"""The front page says of every theme how much it brought in so long."""


@dataclass(frozen=True, slots=True)
class _Site:
    name: str
    base_url: str
    mails: bool


class Pages:
    """Writes pages from the templates in ``web/``. ``environment`` is one of the site's language.

    ``mails`` tells whether one can sign up for digests.

    Raises jinja2.TemplateError for a template that is missing or broken.
    """

    def __init__(
        self, environment: Environment, tree: ThemeTree, name: str, base_url: str, *, mails: bool
    ) -> None:
        self._environment = environment
        self._tree = tree
        self._site = _Site(name, base_url, mails)

    def write(self, feed: Feed, news: Mapping[str, int]) -> dict[str, bytes]:
        """The page of one theme, or for the feed of everything the front page, and its fragment, as UTF-8.

        Each by the public path of its file. ``news`` are the numbers of articles per theme in the last
        ``LATELY``, for the front page.
        """
        page = "index.html" if feed.slug == EVERYTHING else f"themes/{feed.slug}.html"
        fragment = self._render("fragment", items=feed.items[:FRAGMENT], page_url=feed.page_url)
        return {page: self._page(feed, news), public_path(feed, "html"): fragment}

    def _page(self, feed: Feed, news: Mapping[str, int]) -> bytes:
        if feed.slug == EVERYTHING:
            tree = self._branch("", news)
            return self._render("index", feeds=_links(feed), items=feed.items, tree=tree, days=LATELY.days)
        theme = self._tree[feed.slug]
        here = {
            "slug": theme.slug,
            "name": theme.name,
            "description": theme.description,
            "parent": self._tree[theme.parent] if theme.parent else None,
            "children": self._tree.children(theme.slug),
        }
        items = [_elsewhere(item, theme.name) for item in feed.items]
        return self._render("theme", theme=here, feeds=_links(feed), items=items)

    def _render(self, name: str, **context: object) -> bytes:
        page = self._environment.get_template(f"web/{name}.html.j2").render(site=self._site, **context)
        return page.encode()

    def _branch(self, parent: str, news: Mapping[str, int]) -> "tuple[_Node, ...]":
        return tuple(
            _Node(theme.slug, theme.name, news.get(theme.slug, 0), self._branch(theme.slug, news))
            for theme in self._tree.children(parent)
        )


@lru_cache(maxsize=KEPT)
def _elsewhere(item: FeedItem, theme: str) -> FeedItem:
    """An item as the page of one of its themes shows it: with the others."""
    return replace(item, themes=tuple(name for name in item.themes if name != theme))


@dataclass(frozen=True, slots=True)
class _Node:
    """A theme on the front page, with the number of its recent articles."""

    slug: str
    name: str
    count: int
    children: "tuple[_Node, ...]"


class _Link(NamedTuple):
    title: str
    url: str
    type: str


def _links(feed: Feed) -> tuple[_Link, ...]:
    return tuple(_Link(kind.name, feed.url(kind.extension), kind.media_type) for kind in FORMATS.values())
