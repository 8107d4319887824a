"""RSS 2.0 (https://www.rssboard.org/rss-specification), by the RSS Advisory Board's best practices."""

import html
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from feeds.feed import Feed
from feeds.formats.generator import ATOM_LINK, add, generator, mark_archive, namespaces, show_image
from feeds.formats.wording import UNKNOWN_TYPE, entries, heading, history_links


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
        made.register_extension("more", lambda: _FeedMore(feed), _More, atom=False)
        for entry in entries(feed):
            added = add(made, entry)
            added.more.image = entry.image
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


class _More:
    """A feedgen extension, for its own of this kind is not valid."""

    image = ""

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_rss(self, item: Any) -> None:
        show_image(item, self.image)
