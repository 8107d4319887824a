"""The formats a feed is published in: one file each, one line each here."""

from typing import Protocol

from feeds.feed import Feed
from feeds.formats.atom import Atom
from feeds.formats.jsonfeed import JsonFeed
from feeds.formats.rss import Rss
from feeds.written import Written


class Format(Protocol):
    """What every format does. The same feed gives the same bytes, always.

    ``name`` is what readers know it by.
    """

    name: str
    extension: str
    media_type: str

    def write(self, feed: Feed) -> Written:
        """The whole document, UTF-8."""


FORMATS: dict[str, Format] = {kind.extension: kind for kind in (Rss(), Atom(), JsonFeed())}
