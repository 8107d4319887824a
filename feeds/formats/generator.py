"""A feed in feedgen's terms: what RSS and Atom have in common.

feedgen puts "now" wherever a date is not set, so every date is set here.
"""

from copy import deepcopy
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree  # type: ignore[import-untyped]

from feeds.feed import Feed
from feeds.formats.wording import GENERATOR, Entry, heading, moment

ATOM_LINK = "{http://www.w3.org/2005/Atom}link"
KEPT = 500
"""Entries whose elements are kept for the next document that has them."""
_MEDIA = "http://search.yahoo.com/mrss/"
_HISTORY = "http://purl.org/syndication/history/1.0"


def generator(feed: Feed, extension: str, media_type: str) -> Any:
    """A FeedGenerator with everything but the items, in the format that lives at ``extension``."""
    made = FeedGenerator()
    words = heading(feed)
    made.id(feed.uri)
    made.title(words.title)
    made.author(name=words.author)
    made.language(feed.language)
    made.generator(GENERATOR)
    made.updated(moment(feed.updated))
    made.link(href=feed.url(extension), rel="self", type=media_type)
    if feed.hub:
        made.link(href=feed.hub, rel="hub")
    # RSS takes the last link for the channel's own.
    made.link(href=feed.page_url, rel="alternate", type="text/html")
    return made


def started(entry: Entry) -> Any:
    """A FeedEntry with what RSS and Atom have in common of an entry."""
    added = FeedEntry()
    added.guid(entry.uri, permalink=False)
    added.title(entry.title)
    added.link(href=entry.url, rel="alternate")
    added.published(entry.published)
    added.updated(entry.updated)
    if entry.content:
        added.content(entry.content, type="html")
    for theme in entry.themes:
        added.category(term=theme)
    return added


class Finished:
    """An entry's element, for a FeedGenerator to put into its document as it is.

    An article stands in several themes, and in one build after the other: its element is made once.
    """

    def __init__(self, element: Any) -> None:
        self._element = element

    def register_extension(self, *extension: object) -> None:
        """Nothing is left to extend."""

    def rss_entry(self) -> Any:
        return deepcopy(self._element)

    atom_entry = rss_entry


def namespaces(feed: Feed) -> dict[str, str]:
    """Those that ``mark_archive`` and ``show_image`` need."""
    pictures = {"media": _MEDIA} if any(item.article.image for item in feed.items) else {}
    return pictures | ({"fh": _HISTORY} if feed.archive else {})


def show_image(element: Any, image: str) -> None:
    """An article's picture, in Media RSS (https://www.rssboard.org/media-rss)."""
    if image:
        etree.SubElement(element, f"{{{_MEDIA}}}content", url=image, medium="image")


def mark_archive(head: Any, feed: Feed) -> None:
    """Say of an archive that it is one (RFC 5005, section 4)."""
    if feed.archive:
        etree.SubElement(head, f"{{{_HISTORY}}}archive")
