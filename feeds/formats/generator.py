"""A feed in feedgen's terms: what RSS and Atom have in common.

feedgen puts "now" wherever a date is not set, so every date is set here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree  # type: ignore[import-untyped]

from feeds.feed import Feed
from feeds.formats.wording import GENERATOR, Entry, heading, moment
from feeds.written import Written

ATOM_LINK = "{http://www.w3.org/2005/Atom}link"
_MEDIA = "http://search.yahoo.com/mrss/"
PICTURES = {"media": _MEDIA}
"""The namespace of ``show_image``."""
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


def written(frame: bytes, end: bytes, items: Iterable[bytes]) -> Written:
    """feedgen's document of a feed without items, which ends so, with these before its end."""
    assert frame.endswith(end), frame[-100:]
    return Written(frame.removesuffix(end), items, end)


def standing_in(names: Mapping[str, str], element: Any) -> bytes:
    """An item's element as it stands in a document whose root has these names for its namespaces."""
    root = etree.Element("root", nsmap=names)
    root.append(element)
    whole: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    return whole[whole.index(b">") + 1 : whole.rindex(b"</")]


def namespaces(feed: Feed) -> dict[str, str]:
    """Those that ``mark_archive`` and ``show_image`` need."""
    pictures = PICTURES if any(item.article.image for item in feed.items) else {}
    return pictures | ({"fh": _HISTORY} if feed.archive else {})


def show_image(element: Any, image: str) -> None:
    """An article's picture, in Media RSS (https://www.rssboard.org/media-rss)."""
    if image:
        etree.SubElement(element, f"{{{_MEDIA}}}content", url=image, medium="image")


def mark_archive(head: Any, feed: Feed) -> None:
    """Say of an archive that it is one (RFC 5005, section 4)."""
    if feed.archive:
        etree.SubElement(head, f"{{{_HISTORY}}}archive")
