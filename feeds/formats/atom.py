"""Atom 1.0 (RFC 4287)."""

from functools import lru_cache
from typing import Any

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
from feeds.formats.wording import entry_of, heading, history_links, moment
from feeds.written import Written

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"


class Atom:
    """Full content as HTML, a plain summary, and ``xml:lang`` on what is not in the feed's language.

    What was withdrawn is told (RFC 6721), so that readers drop it, too.
    """

    name = "Atom"
    extension = "atom"
    media_type = "application/atom+xml"

    def write(self, feed: Feed) -> Written:
        """The whole document, UTF-8."""
        made = generator(feed, self.extension, self.media_type)
        made.subtitle(heading(feed).description)
        made.register_extension("more", lambda: _FeedMore(feed), rss=False)
        items = (_entry(item, feed.language, feed.changed) for item in feed.items)
        return written(made.atom_str(), b"</feed>", items)


@lru_cache(maxsize=KEPT)
def _entry(item: FeedItem, language: str, changed: str) -> bytes:
    entry = entry_of(item, language, changed)
    made = started(entry)
    if entry.author:
        made.author(name=entry.author)
    if entry.summary:
        made.summary(entry.summary)
    element = made.atom_entry()
    # feedgen has no language for an entry, and loses the ``rel`` of its links.
    if entry.language:
        element.set(_LANG, entry.language)
    show_image(element, entry.image)
    for enclosure in entry.enclosures:
        link = etree.SubElement(element, ATOM_LINK, rel="enclosure", href=enclosure.url)
        if enclosure.type:
            link.set("type", enclosure.type)
        if enclosure.length:
            link.set("length", str(enclosure.length))
    return standing_in(PICTURES, element)


class _FeedMore:
    """A feedgen extension for what it has no words for: a feed's history."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def extend_ns(self) -> dict[str, str]:
        gone = {"at": _TOMBSTONES} if self._feed.tombstones else {}
        return namespaces(self._feed) | gone

    def extend_atom(self, root: Any) -> None:
        for rel, href in history_links(self._feed, "atom"):
            etree.SubElement(root, ATOM_LINK, rel=rel, href=href)
        mark_archive(root, self._feed)
        for stone in self._feed.tombstones:
            when = moment(stone.when).isoformat()
            etree.SubElement(root, f"{{{_TOMBSTONES}}}deleted-entry", ref=stone.uri, when=when)
