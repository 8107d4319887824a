"""RSS 2.0 (https://www.rssboard.org/rss-specification), by the RSS Advisory Board's best practices."""

import html
from functools import lru_cache
from typing import Any

from feedgen.ext.dc import DcEntryExtension, DcExtension
from lxml import etree  # type: ignore[import-untyped]

from feeds.feed import KEPT, Feed, FeedItem
from feeds.formats.generator import (
    ATOM_LINK,
    PICTURES,
    generator,
    mark_archive,
    namespaces,
    show_image,
    standing_in,
    started,
    written,
)
from feeds.formats.wording import UNKNOWN_TYPE, entry_of, heading, history_links
from feeds.written import Written

_NAMES = PICTURES | {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
}
"""As feedgen names them."""


class Rss:
    """The summary in ``description``, the full text in ``content:encoded``.

    Authors are in ``dc:creator``, as RSS's own ``author`` is an e-mail address. A description is
    HTML and everything else plain text, so the summary is escaped once more than a title.
    """

    name = "RSS"
    extension = "rss"
    media_type = "application/rss+xml"

    def write(self, feed: Feed) -> Written:
        """The whole document, UTF-8."""
        made = generator(feed, self.extension, self.media_type)
        words = heading(feed)
        made.description(words.description or words.title)
        made.register_extension("dc", DcExtension, DcEntryExtension, atom=False)
        made.register_extension("more", lambda: _FeedMore(feed), atom=False)
        items = (_item(item, feed.language, feed.changed) for item in feed.items)
        return written(made.rss_str(), b"</channel></rss>", items)


@lru_cache(maxsize=KEPT)
def _item(item: FeedItem, language: str, changed: str) -> bytes:
    entry = entry_of(item, language, changed)
    made = started(entry)
    made.register_extension("dc", DcEntryExtension, atom=False)
    if entry.summary:
        made.description(html.escape(entry.summary, quote=False))
    if entry.author:
        made.dc.dc_creator(entry.author)
    for enclosure in entry.enclosures[:1]:  # RSS has room for one
        made.enclosure(enclosure.url, str(enclosure.length), enclosure.type or UNKNOWN_TYPE)
    if entry.language:
        made.dc.dc_language(entry.language)
    element = made.rss_entry()
    show_image(element, entry.image)
    return standing_in(_NAMES, element)


class _FeedMore:
    """A feedgen extension, for of all links it gives RSS only ``self``."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def extend_ns(self) -> dict[str, str]:
        return namespaces(self._feed)

    def extend_rss(self, rss: Any) -> None:
        if self._feed.hub:
            etree.SubElement(rss[0], ATOM_LINK, rel="hub", href=self._feed.hub)
        for rel, href in history_links(self._feed, "rss"):
            etree.SubElement(rss[0], ATOM_LINK, rel=rel, href=href)
        mark_archive(rss[0], self._feed)
