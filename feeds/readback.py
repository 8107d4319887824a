"""Reading our own documents back, without the code that wrote them, in terms that all formats share."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

from lxml import etree  # type: ignore[import-untyped]

from feeds.characters import one_line, shorten

_ATOM = "{http://www.w3.org/2005/Atom}"
_TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
_ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"
_PICTURE = "{http://search.yahoo.com/mrss/}content"
_DC_LANGUAGE = "{http://purl.org/dc/elements/1.1/}language"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_JSON_FEED = "https://jsonfeed.org/version/1.1"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_CHARACTERS = re.compile("[ -\ud7ff\t\n\r\ue000-\ufffd\U00010000-\U0010ffff]*+")
"""XML 1.0 §2.2. JSON could hold more, but what one format of a feed can't say, none says."""


Names = frozenset[tuple[str | None, str]]
_RSS_IDS = etree.XPath("item/guid/text()", smart_strings=False)
_ATOM_IDS = etree.XPath("a:entry/a:id/text()", namespaces={"a": _ATOM[1:-1]}, smart_strings=False)


class Unreadable(Exception):
    """Why a document can't be looked into, in one sentence."""


@dataclass(slots=True)
class Item:
    """What an item says; "" for what it does not say. ``dates`` are texts by what they are called.

    ``content`` is all its HTML, and ``files`` the addresses of its pictures and enclosures. ``faults`` go
    after the item's name in a sentence.
    """

    id: str
    title: str
    link: str
    dates: Mapping[str, str]
    content: str
    language: str
    files: list[str]
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """What a document says of its feed. ``id`` is None where the format has none for a feed.

    So are ``current_links``, ``archive`` (whether it says it is one) and ``gone`` (the ids of what was
    withdrawn). ``older_links`` lead to the archive before it.

    ``moment`` reads its dates, or raises ValueError; ``faults`` are the format's own. ``ids`` are those of
    its items, as far as they are plainly told, and ``names`` its namespaces by their prefixes.
    """

    id: str | None
    title: str
    self_links: list[str]
    page_links: list[str]
    hubs: list[str]
    older_links: list[str]
    current_links: list[str] | None
    archive: bool | None
    gone: list[str] | None
    dates: Mapping[str, str]
    moment: Callable[[str], datetime]
    ids: list[str]
    items: list[Item]
    faults: list[str]
    names: Names = frozenset()


class Reader(Protocol):
    """Reads a format's documents. At a ``glance`` it leaves the items, and their faults, aside."""

    def __call__(self, document: bytes, *, glance: bool = False) -> Document:
        """What it says. Raises Unreadable."""


def _xml(document: bytes, name: str, root_tag: str) -> tuple[Any, list[str]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"it is not well-formed XML: {shorten(one_line(str(error)), 200)}") from None
    tree = root.getroottree()
    if tree.docinfo.doctype:
        raise Unreadable("it has a document type declaration, which many readers refuse")
    if root.tag != root_tag:
        raise Unreadable(f"it is no {name}: its root is {shorten(root.tag, 100)}")
    faults = [] if tree.docinfo.encoding == "UTF-8" else ["it is not declared as UTF-8"]
    return root, faults


def _rss(document: bytes, *, glance: bool = False) -> Document:
    root, faults = _xml(document, "RSS", "rss")
    version = root.get("version", "missing")
    if version != "2.0":
        faults.append(f"its RSS version is {one_line(version)}, and should be 2.0")
    channel = root.find("channel")
    if channel is None or len(root) != 1:
        raise Unreadable("it is no RSS: it has not exactly one channel")
    if not _text(channel, "description"):
        faults.append("the feed has no description")
    return Document(
        id=None,
        title=_text(channel, "title"),
        self_links=_links(channel, "self"),
        page_links=[link.text or "" for link in channel.findall("link")],
        hubs=_links(channel, "hub"),
        older_links=_links(channel, "prev-archive"),
        current_links=_links(channel, "current"),
        archive=channel.find(_ARCHIVE) is not None,
        gone=None,
        dates={"lastBuildDate": _text(channel, "lastBuildDate")},
        moment=_rfc822,
        ids=_RSS_IDS(channel),
        items=[] if glance else [_rss_item(item) for item in channel.findall("item")],
        faults=faults,
        names=frozenset(root.nsmap.items()),
    )


def _rss_item(item: Any) -> Item:
    guid = item.find("guid")
    return Item(
        id=_text(item, "guid"),
        title=_text(item, "title"),
        link=_text(item, "link"),
        dates={"pubDate": _text(item, "pubDate")},
        content=_text(item, "description") + _text(item, _CONTENT),
        language=_text(item, _DC_LANGUAGE),
        files=[each.get("url", "") for each in item.iterchildren("enclosure", _PICTURE)],
        faults=[]
        if guid is None or guid.get("isPermaLink") == "false"
        else ["passes its guid off as a link"],
    )


def _atom(document: bytes, *, glance: bool = False) -> Document:
    root, faults = _xml(document, "Atom", f"{_ATOM}feed")
    if not _text(root, f"{_ATOM}author/{_ATOM}name"):
        faults.append("the feed has no author")
    return Document(
        id=_text(root, f"{_ATOM}id"),
        title=_text(root, f"{_ATOM}title"),
        self_links=_links(root, "self"),
        page_links=_links(root, "alternate"),
        hubs=_links(root, "hub"),
        older_links=_links(root, "prev-archive"),
        current_links=_links(root, "current"),
        archive=root.find(_ARCHIVE) is not None,
        gone=[stone.get("ref", "") for stone in root.findall(_TOMBSTONE)],
        dates={"updated": _text(root, f"{_ATOM}updated")},
        moment=_rfc3339,
        ids=_ATOM_IDS(root),
        items=[] if glance else [_atom_item(entry) for entry in root.findall(f"{_ATOM}entry")],
        faults=faults,
        names=frozenset(root.nsmap.items()),
    )


def _atom_item(entry: Any) -> Item:
    return Item(
        id=_text(entry, f"{_ATOM}id"),
        title=_text(entry, f"{_ATOM}title"),
        link="".join(_links(entry, "alternate")[:1]),
        dates={name: _text(entry, _ATOM + name) for name in ("published", "updated")},
        content=_text(entry, f"{_ATOM}content"),
        language=entry.get(_LANG, ""),
        files=[*_links(entry, "enclosure"), *(each.get("url", "") for each in entry.iterchildren(_PICTURE))],
    )


def _text(parent: Any, tag: str) -> str:
    return parent.findtext(tag) or ""


def _links(parent: Any, rel: str) -> list[str]:
    links = parent.findall(f"{_ATOM}link")
    return [link.get("href", "") for link in links if link.get("rel", "alternate") == rel]


def _json(document: bytes, *, glance: bool = False) -> Document:
    try:
        feed = json.loads(document.decode())
        texts = list(_texts("feed", feed, leaving="items" if glance else ""))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not well-formed JSON: {shorten(one_line(str(error)), 200)}") from None
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise Unreadable("it is no JSON Feed: it has no list of items")
    if not all(isinstance(item, dict) for item in feed["items"]):
        raise Unreadable("it is no JSON Feed: an item is no object")
    faults = [
        f"the {one_line(place)} holds characters that are not allowed"
        for place, text in texts
        if not _CHARACTERS.fullmatch(text)
    ]
    version = _string(feed, "version") or "missing"
    if version != _JSON_FEED:
        faults.append(f"its version is {one_line(version)}, and should be {_JSON_FEED}")
    hubs = feed.get("hubs", [])
    return Document(
        id=None,
        title=_string(feed, "title"),
        self_links=[_string(feed, "feed_url")] if "feed_url" in feed else [],
        page_links=[_string(feed, "home_page_url")] if "home_page_url" in feed else [],
        hubs=[_string(hub, "url") for hub in hubs if isinstance(hub, dict)] if isinstance(hubs, list) else [],
        older_links=[_string(feed, "next_url")] if "next_url" in feed else [],
        current_links=None,
        archive=None,
        gone=None,
        dates={},
        moment=_rfc3339,
        ids=[_string(item, "id") for item in feed["items"]],
        items=[] if glance else [_json_item(item) for item in feed["items"]],
        faults=faults,
    )


def _json_item(item: Mapping[str, Any]) -> Item:
    return Item(
        id=_string(item, "id"),
        title=_string(item, "title"),
        link=_string(item, "url"),
        dates={name: _string(item, name) for name in ("date_published", "date_modified")},
        content=_string(item, "content_html"),
        language=_string(item, "language"),
        files=[_string(each, key) for each, key in _files(item)],
        faults=[]
        if _string(item, "content_html") or _string(item, "content_text")
        else ["has neither content_html nor content_text"],
    )


def _files(item: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """What of an item names a file, and under which key."""
    if "image" in item:
        yield item, "image"
    given = item.get("attachments", [])
    for each in given if isinstance(given, list) else [given]:
        yield each if isinstance(each, dict) else {}, "url"


def _string(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _texts(place: str, value: Any, leaving: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key != leaving or not leaving:
                yield from _texts(f"{place}'s {key}", part)
    elif isinstance(value, list):
        for number, part in enumerate(value, 1):
            yield from _texts(f"{place}, number {number}", part)


def _rfc3339(text: str) -> datetime:
    if not _RFC3339.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _rfc822(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(text) from error


READERS: Mapping[str, Reader] = {"rss": _rss, "atom": _atom, "json": _json}


def _lone_rss(item: bytes, names: Names) -> bytes:
    opening = f'<rss version="2.0"{_declared(names)}><channel><description>x</description>'
    return opening.encode() + item + b"</channel></rss>"


def _lone_atom(item: bytes, names: Names) -> bytes:
    opening = f"<feed{_declared(names)}><author><name>x</name></author>"
    return opening.encode() + item + b"</feed>"


def _declared(names: Names) -> str:
    declared = ((f":{prefix}" if prefix else "", quoteattr(uri)) for prefix, uri in names)
    return "".join(f" xmlns{prefix}={uri}" for prefix, uri in declared)


def _lone_json(item: bytes, names: Names) -> bytes:
    return json.dumps({"version": _JSON_FEED, "items": [json.loads(item)]}).encode()


LONE: Mapping[str, Callable[[bytes, Names], bytes]] = {
    "rss": _lone_rss,
    "atom": _lone_atom,
    "json": _lone_json,
}
"""A document, without a fault of its own, that holds nothing but one item, under these namespaces."""
