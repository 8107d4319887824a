"""RSS 2.0 (https://www.rssboard.org/rss-specification), by the RSS Advisory Board's best practices."""

import html
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from feeds.feed import Feed
from feeds.formats.generator import add, generator
from feeds.formats.wording import UNKNOWN_TYPE, entries, heading


class Rss:
    """The summary in ``description``, the full text in ``content:encoded``.

    Authors are in ``dc:creator``, as RSS's own ``author`` is an e-mail address. A description is
    HTML and everything else plain text, so the summary is escaped once more than a title.
    """

    name = "RSS"
    extension = "rss"
    media_type = "application/rss+xml"

    def write(self, feed: Feed) -> bytes:
        """The whole document, UTF-8."""
        made = generator(feed, self.extension, self.media_type)
        words = heading(feed)
        made.description(words.description or words.title)
        made.load_extension("dc", atom=False)
        made.register_extension("hub", lambda: _Hub(feed.hub), atom=False)
        for entry in entries(feed):
            added = add(made, entry)
            if entry.summary:
                added.description(html.escape(entry.summary, quote=False))
            if entry.author:
                added.dc.dc_creator(entry.author)
            for enclosure in entry.enclosures[:1]:  # RSS has room for one
                added.enclosure(enclosure.url, str(enclosure.length), enclosure.type or UNKNOWN_TYPE)
            if entry.language:
                added.dc.dc_language(entry.language)
        document: bytes = made.rss_str()
        return document


class _Hub:
    """A feedgen extension, for of all links it gives RSS only ``self``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_rss(self, rss: Any) -> None:
        if self.url:
            etree.SubElement(rss[0], "{http://www.w3.org/2005/Atom}link", rel="hub", href=self.url)
