"""Atom 1.0 (RFC 4287)."""

from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from feeds.article import Enclosure
from feeds.feed import Feed
from feeds.formats.generator import add, generator
from feeds.formats.wording import entries, heading

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_LINK = "{http://www.w3.org/2005/Atom}link"


class Atom:
    """Full content as HTML, a plain summary, and ``xml:lang`` on what is not in the feed's language."""

    name = "Atom"
    extension = "atom"
    media_type = "application/atom+xml"

    def write(self, feed: Feed) -> bytes:
        """The whole document, UTF-8."""
        made = generator(feed, self.extension, self.media_type)
        made.subtitle(heading(feed).description)
        made.register_extension("more", _More, _More, rss=False)
        for entry in entries(feed):
            added = add(made, entry)
            added.more.language, added.more.enclosures = entry.language, entry.enclosures
            if entry.author:
                added.author(name=entry.author)
            if entry.summary:
                added.summary(entry.summary)
        document: bytes = made.atom_str()
        return document


class _More:
    """A feedgen extension, for it has no language for an entry, and loses the ``rel`` of its links."""

    language = ""
    enclosures: tuple[Enclosure, ...] = ()

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_atom(self, element: Any) -> None:
        if self.language:
            element.set(_LANG, self.language)
        for enclosure in self.enclosures:
            link = etree.SubElement(element, _LINK, rel="enclosure", href=enclosure.url)
            if enclosure.type:
                link.set("type", enclosure.type)
            if enclosure.length:
                link.set("length", str(enclosure.length))
