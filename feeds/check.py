"""Is a document fit to publish? It is read back and held against the feed it was written from."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from feeds.characters import one_line, shorten
from feeds.feed import KEPT, Feed
from feeds.language import language_tag
from feeds.readback import LONE, READERS, Document, Item, Names, Unreadable
from feeds.written import Written

# Clean HTML has no bare "<" in its text and no bare quote in an attribute, so this meets only attributes.
_RELATIVE = re.compile(r'<[a-zA-Z][^<>]*?\s(?:href|src|cite)="(?!https?://|mailto:)([^"]*)"')

# The characters of RFC 3986, which has brackets only around a host that is a number (§3.2.2).
_ADDRESS = re.compile(
    r"https?://([!$%&'()*+,.0-9:;=A-Z_a-z~-]*@)?(\[[0-9A-Fa-f:.v]+\])?[!#$%&'()*+,./0-9:;=?@A-Z_a-z~-]*"
)


def check(extension: str, document: bytes, feed: Feed) -> list[str]:
    """Everything that makes a format's document unfit to publish, a sentence each; empty where it is fit.

    It must be well-formed and of the right version, bear the feed's own links, and hold exactly the
    feed's articles, in order, each with a title, a link and dates that say their offset.

    A document that is at hand in its parts is read as a whole, too; of its items, what was looked at before
    is not looked at again.
    """
    read = READERS.get(extension)
    if read is None:
        return [f"nothing here knows how to check a document of the kind {extension!r}"]
    if isinstance(document, Written) and _is_fit_at_a_glance(extension, document, feed):
        return []
    try:
        found = read(document)
    except Unreadable as error:
        return [str(error)]
    return [*found.faults, *_heading_faults(found, feed, extension), *_item_faults(found, feed)]


def _is_fit_at_a_glance(extension: str, document: Written, feed: Feed) -> bool:
    """Whether all is well. Where it is not, who looks closer finds out what is wrong."""
    try:
        found = READERS[extension](document, glance=True)
    except Unreadable:
        return False
    expected = [item.article.uri for item in feed.items]
    return (
        not found.faults
        and found.ids == expected == [_sound_id(extension, item, found.names) for item in document.items]
        and len(set(expected)) == len(expected)
        and not any(_heading_faults(found, feed, extension))
    )


@lru_cache(maxsize=3 * KEPT)
def _sound_id(extension: str, item: bytes, names: Names) -> str | None:
    """The id of an item that is without a fault by itself; None for any other."""
    try:
        found = READERS[extension](LONE[extension](item, names))
    except (Unreadable, ValueError):
        return None
    faults = (*found.faults, *(fault for each in found.items for fault in _faults("it", each, found.moment)))
    return found.items[0].id if len(found.items) == 1 and not faults else None


def _heading_faults(found: Document, feed: Feed, extension: str) -> Iterator[str]:
    if not found.title.strip():
        yield "the feed has no title"
    if found.id is not None and found.id != feed.uri:
        yield f"the feed's id is {_short(found.id) or 'missing'}, and should be {feed.uri}"
    current = feed.current_url(extension) if feed.archive else ""
    for what, links, right in (
        ("link to itself", found.self_links, feed.url(extension)),
        ("link to its page", found.page_links, feed.page_url),
        ("link to the hub", found.hubs, feed.hub),
        ("link to the archive before it", found.older_links, feed.older_url(extension)),
        ("link to the current document", found.current_links, current),
    ):
        if links is not None and links != ([right] if right else []):
            given = " and ".join(map(_short, links)) or "missing"
            yield f"the feed's {what} is {given}, and should be {right or 'left out'}"
    if found.archive is not None and found.archive != bool(feed.archive):
        yield "it passes for an archive" if found.archive else "it does not say that it is an archive"
    if found.gone is not None and found.gone != [stone.uri for stone in feed.tombstones]:
        yield "the articles it says are gone are not those that were withdrawn"
    yield from _date_faults("the feed", found.dates, found.moment)


def _item_faults(found: Document, feed: Feed) -> Iterator[str]:
    expected = [item.article.uri for item in feed.items]
    ids = [item.id for item in found.items]
    if len(ids) != len(expected):
        yield f"it has {len(ids)} items, and the feed has {len(expected)}"
    for id, times in Counter(ids).items():
        if id and times > 1:
            yield f"the id {_short(id)} stands {times} times"
        if id and id not in expected:
            yield f"the id {_short(id)} is no article's of this feed"
    yield from (f"the article {id} is missing" for id in expected if id not in ids)
    if ids != expected and sorted(ids) == sorted(expected):
        yield "the items are not in the feed's order"
    for number, item in enumerate(found.items, 1):
        yield from _faults(f"item {number}", item, found.moment)


def _faults(place: str, item: Item, moment: Callable[[str], datetime]) -> Iterator[str]:
    what = f"{place} ({_short(item.id)})" if item.id else place
    if not item.id:
        yield f"{what} has no id"
    if not item.title.strip():
        yield f"{what} has no title"
    if not item.link:
        yield f"{what} has no link"
    for address in (item.link, *item.files):
        if address and not _is_absolute(address):
            yield f"{what} has a link that is no absolute http address: {_short(address)}"
    if not all(item.files):
        yield f"{what} has a picture or an enclosure without an address"
    if item.language and not language_tag(item.language):
        yield f"{what} is in a language that is none: {_short(item.language)}"
    for address in _RELATIVE.findall(item.content):
        yield f"{what} has a relative address in its text: {_short(address)}"
    yield from (f"{what} {fault}" for fault in item.faults)
    yield from _date_faults(place, item.dates, moment)


def _date_faults(what: str, dates: Mapping[str, str], moment: Callable[[str], datetime]) -> Iterator[str]:
    for name, given in dates.items():
        if not given:
            yield f"{what} has no {name}"
            continue
        try:
            if moment(given).tzinfo is None:
                yield f"{what}'s {name} has no offset from UTC: {_short(given)}"
        except ValueError:
            yield f"{what}'s {name} is no date of this format: {_short(given)}"


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and bool(_ADDRESS.fullmatch(address))


def _short(text: str) -> str:
    return shorten(one_line(text), 100)
