"""What every format says of a feed and its items, in characters that each of them can carry."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from feeds.address import web_address
from feeds.characters import fit, one_line
from feeds.dates import aware
from feeds.draft import Enclosure
from feeds.feed import Feed, FeedItem
from feeds.language import language_tag

GENERATOR = "Kennisportal"
UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Heading:
    """A feed's own words: plain text on one line. ``title`` and ``author`` are never empty."""

    title: str
    description: str
    author: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One item. All text is plain, but ``content``, which is HTML; ``title`` is never empty.

    What changed stands before the text, or where there is none before the summary.

    ``author`` is the source where the article names nobody, since an item without an author would
    pass for the portal's own work. ``language`` is empty where it is the feed's.
    """

    uri: str
    url: str
    title: str
    summary: str
    content: str
    author: str
    language: str
    themes: tuple[str, ...]
    published: datetime
    updated: datetime
    image: str
    enclosures: tuple[Enclosure, ...]


def heading(feed: Feed) -> Heading:
    """The feed's words."""
    title = one_line(feed.title) or feed.slug
    return Heading(title, one_line(feed.description), one_line(feed.author) or title)


def entry_of(item: FeedItem, language: str, changed: str) -> Entry:
    """One item of a feed in a language, where ``changed`` introduces what changed."""
    article = item.article
    url = _address(article.url)
    own = language_tag(article.language)
    summary, content = fit(article.summary).strip(), fit(article.content).strip()
    if change := one_line(article.change):
        if content:
            content = f"<p><b>{_escaped(changed)}</b> {_escaped(change)}</p>\n{content}"
        else:
            summary = f"{changed} {change}\n{summary}".strip()
    return Entry(
        uri=one_line(article.uri),
        url=url,
        title=one_line(article.title) or url,
        summary=summary,
        content=content,
        author=one_line(article.author) or one_line(item.source_title),
        language="" if own.lower() == language.lower() else own,
        themes=tuple(name for name in map(one_line, item.themes) if name),
        published=moment(article.published),
        updated=moment(article.updated),
        image=_address(article.image),
        enclosures=tuple(
            Enclosure(**{**enclosure, "url": _address(enclosure["url"])}) for enclosure in article.enclosures
        ),
    )


def history_links(feed: Feed, extension: str) -> Iterator[tuple[str, str]]:
    """The links between a feed's documents, by their relation (RFC 5005, section 4)."""
    if feed.archive:
        yield "current", feed.current_url(extension)
    if older := feed.older_url(extension):
        yield "prev-archive", older


def moment(value: datetime) -> datetime:
    """In UTC and whole seconds, as every format can write it."""
    return aware(value).replace(microsecond=0)


def _address(text: str) -> str:
    """As our rules for addresses are now, whatever they were when it was stored."""
    return web_address(text, "") or one_line(text)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
