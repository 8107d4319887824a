"""Atom 1.0 (RFC 4287)."""

from typing import Any

from feeds.feed import Feed
from feeds.formats.generator import add, generator
from feeds.formats.wording import entries, heading

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class Atom:
    """Full content as HTML, a plain summary, and ``xml:lang`` on what is not in the feed's language."""

    name = "Atom"
    extension = "atom"
    media_type = "application/atom+xml"

    def write(self, feed: Feed) -> bytes:
        """The whole document, UTF-8."""
        made = generator(feed, self.extension, self.media_type)
        made.subtitle(heading(feed).description)
        made.register_extension("language", _Language, _Language, rss=False)
        for entry in entries(feed):
            added = add(made, entry)
            added.language.tag = entry.language
            if entry.author:
                added.author(name=entry.author)
            if entry.summary:
                added.summary(entry.summary)
        document: bytes = made.atom_str()
        return document


class _Language:
    """A feedgen extension, for it has no language for an entry."""

    tag = ""

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_atom(self, element: Any) -> None:
        if self.tag:
            element.set(_LANG, self.tag)
