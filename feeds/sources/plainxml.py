"""RSS 2.0 and Atom 1.0 that do nothing out of the ordinary, read without feedparser and to the same end.

feedparser copes with anything anybody ever called a feed, which takes it as long as all else that is done
with one. Most feeds need none of that. This reads those, into the names that feedparser uses and with the
values it would give; and gives up at the first thing it does not know, for feedparser to read it instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import feedparser.mixin
import lxml.etree  # type: ignore[import-untyped]

from feeds.address import PLAIN
from feeds.sources.lenient import TAGS

Entry = dict[str, Any]

_ATOM = "{http://www.w3.org/2005/Atom}"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_PORTRAIT = "{http://schemas.google.com/g/2005}image"
_MEDIA = "{http://search.yahoo.com/mrss/}"
_IGNORED = frozenset(
    {
        "comments",
        "{http://purl.org/rss/1.0/modules/slash/}comments",
        "{http://wellformedweb.org/CommentAPI/}commentRss",
        "{com-wordpress:feed-additions:1}post-id",
    }
)
_IGNORED_IN_CHANNEL = frozenset(
    {
        *("description", "lastBuildDate", "pubDate", "generator", "ttl", "docs", "copyright"),
        *("webMaster", "managingEditor", "link"),
        "{http://purl.org/rss/1.0/modules/syndication/}updatePeriod",
        "{http://purl.org/rss/1.0/modules/syndication/}updateFrequency",
        "{com-wordpress:feed-additions:1}site",
    }
)
_IGNORED_IN_FEED = frozenset(
    _ATOM + name for name in ("id", "subtitle", "updated", "link", "generator", "icon", "logo", "rights")
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_822 = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (" + "|".join(_MONTHS) + r") (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) (?:GMT|UTC|([+-])(\d\d)(\d\d))"
)
_W3C = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?(?:Z|([+-])(\d\d):(\d\d))")
_PLAIN_ID = re.compile(r"(?:tag:|urn:uuid:)[A-Za-z0-9][A-Za-z0-9.,:_/-]*")
_UTF8 = re.compile(rb"<\?xml\s+version=[\"']1\.0[\"'](?:\s+encoding=[\"'][uU][tT][fF]-8[\"'])?[^>]*\?>")
_C1 = re.compile("[\x80-\x9f]")


@dataclass(slots=True)
class Document:
    """A feed, in feedparser's names: ``rss20`` or ``atom10`` and so on, and the fault if it has one."""

    version: str
    feed: Any
    entries: list[Any] = field(default_factory=list)
    fault: str = ""


class _Odd(Exception):
    """Something that feedparser had better look at."""


def read_plain_xml(document: bytes) -> Document | None:
    """The document, or None where anything in it is out of the ordinary."""
    if b"<!DOCTYPE" in document or not _UTF8.match(document):
        return None
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = lxml.etree.fromstring(document, parser)
        if root.tag == "rss":
            return _rss(root)
        if root.tag == f"{_ATOM}feed":
            return _atom(root)
    except (_Odd, lxml.etree.XMLSyntaxError):
        pass
    return None


def _rss(root: Any) -> Document:
    if dict(root.attrib) != {"version": "2.0"} or len(root) != 1 or root[0].tag != "channel":
        raise _Odd
    channel = root[0]
    found = Document("rss20", {})
    if channel.attrib:
        raise _Odd
    for element in channel:
        tag = element.tag
        if tag == "item":
            found.entries.append(_item(element))
        elif tag == "title":
            _title(found.feed, element, None)
        elif tag == "language":
            _once(found.feed, "language", _text(element))
        elif tag == "image":
            if any(child.tag not in _IMAGE or len(child) for child in element) or element.attrib:
                raise _Odd
        elif tag in ("category", "cloud"):
            if len(element):
                raise _Odd
        elif tag == f"{_ATOM}link":
            if element.get("rel") not in ("self", "hub", "next") or len(element):
                raise _Odd
        elif tag not in _IGNORED_IN_CHANNEL or len(element) or element.attrib:
            raise _Odd
    return found


_IMAGE = frozenset({"title", "url", "link", "width", "height", "description"})


def _item(item: Any) -> Entry:
    if item.attrib:
        raise _Odd
    entry: Entry = {"links": []}
    for element in item:
        handle = _ITEM.get(element.tag)
        if handle is not None:
            handle(entry, element)
        elif element.tag not in _IGNORED or len(element) or element.attrib:
            raise _Odd
    if "guid" in entry:
        key, is_link = entry.pop("guid")
        entry["id"] = key
        if is_link:
            entry.setdefault("link", _address(key))
    if entry.get("content"):
        entry.setdefault("summary", entry["content"][0]["value"])
    return entry


def _item_title(entry: Entry, element: Any) -> None:
    _title(entry, element, None)


def _item_link(entry: Entry, element: Any) -> None:
    _once(entry, "link", _address(_bare_text(element)))


def _guid(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    is_link = given.pop("isPermaLink", "true")
    if given or is_link not in ("true", "false"):
        raise _Odd
    key = _text(element)
    _once(entry, "guid", (_address(key) if is_link == "true" else key, is_link == "true"))


def _published(entry: Entry, element: Any) -> None:
    text = _bare_text(element)
    match = _RFC_822.fullmatch(text)
    if match is None:
        raise _Odd
    day, month, year, hour, minute, second, *zone = match.groups()
    _once(entry, "published", text)
    entry["published_parsed"] = _moment((year, _MONTHS.index(month) + 1, day, hour, minute, second), zone)


def _item_category(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    domain = given.pop("domain", None)
    term = _text(element)
    if given or not term or domain == "":
        raise _Odd
    _tag(entry, {"term": term, "scheme": domain, "label": None})


def _description(entry: Entry, element: Any) -> None:
    value = _bare_text(element)
    _once(entry, "summary", value)
    entry["summary_detail"] = _detail(value, "text/html", None)


def _encoded(entry: Entry, element: Any) -> None:
    _once(entry, "content", [_detail(_bare_text(element), "text/html", None)])


def _creator(entry: Entry, element: Any) -> None:
    name = _bare_text(element)
    if not name or "@" in name:
        raise _Odd
    entry.setdefault("authors", []).append({"name": name})
    entry["author"] = name


def _enclosure(entry: Entry, element: Any) -> None:
    if len(element) or not set(element.attrib) <= {"url", "type", "length"}:
        raise _Odd
    given = dict(element.attrib)
    if "type" in given:
        given["type"] = given["type"].lower()
    if url := given.pop("url", None):
        given["href"] = url
    entry["links"].append(given | {"rel": "enclosure"})


def _media(name: str) -> Callable[[Entry, Any], None]:
    def handle(entry: Entry, element: Any) -> None:
        if len(element) or (element.text or "").strip() or any("{" in key for key in element.attrib):
            raise _Odd
        given = {key.lower(): value for key, value in element.attrib.items()}
        if "type" in given:
            given["type"] = given["type"].lower()
        entry.setdefault(name, []).append(given)

    return handle


_ITEM: dict[str, Callable[[Entry, Any], None]] = {
    "title": _item_title,
    "link": _item_link,
    "guid": _guid,
    "pubDate": _published,
    "category": _item_category,
    "description": _description,
    "enclosure": _enclosure,
    _CONTENT: _encoded,
    _CREATOR: _creator,
    f"{_MEDIA}content": _media("media_content"),
    f"{_MEDIA}thumbnail": _media("media_thumbnail"),
}


def _atom(root: Any) -> Document:
    language = root.get(_LANGUAGE)
    if set(root.attrib) - {_LANGUAGE} or language == "":
        raise _Odd
    found = Document("atom10", {} if language is None else {"language": language.replace("_", "-")})
    for element in root:
        tag = element.tag
        if tag == f"{_ATOM}entry":
            found.entries.append(_entry(element, language))
        elif tag == f"{_ATOM}title":
            _title(found.feed, element, language)
        elif tag == f"{_ATOM}author":
            _author(found.feed, element)
        elif tag not in _IGNORED_IN_FEED or len(element) or _LANGUAGE in element.attrib:
            raise _Odd
    return found


def _entry(element: Any, language: str | None) -> Entry:
    if element.attrib:
        raise _Odd
    entry: Entry = {"links": []}
    for child in element:
        match child.tag.removeprefix(_ATOM):
            case "id":
                key = _bare_text(child)
                if not (_PLAIN_ID.fullmatch(key) or PLAIN.fullmatch(key)):
                    raise _Odd
                _once(entry, "id", key)
            case "link":
                _atom_link(entry, child)
            case "title":
                _title(entry, child, language)
            case "summary":
                _once(entry, "summary", _text(child))
                entry["summary_detail"] = _detail(entry["summary"], _type(child), language)
            case "content":
                value = _text(child)
                _once(entry, "content", [_detail(value, _type(child), language)])
            case "published" | "updated" as name:
                text = _bare_text(child)
                match = _W3C.fullmatch(text)
                if match is None:
                    raise _Odd
                _once(entry, name, text)
                entry[f"{name}_parsed"] = _moment(match.groups()[:6], match.groups()[6:])
            case "category":
                _atom_category(entry, child)
            case "author":
                _author(entry, child)
            case _:
                raise _Odd
    if not any(link.get("rel") == "alternate" for link in entry["links"]):
        raise _Odd
    if entry.get("content"):
        entry.setdefault("summary", entry["content"][0]["value"])
    return entry


def _atom_link(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    if len(element) or not given.keys() <= {"rel", "href", "type", "title", "length", "hreflang"}:
        raise _Odd
    given["rel"] = given.get("rel", "alternate").lower()
    given["href"] = _address(given.get("href", ""))
    entry["links"].append(given)


def _atom_category(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    if len(element) or (element.text or "").strip() or not given.keys() <= {"term", "label", "scheme"}:
        raise _Odd
    if not given.get("term"):
        raise _Odd
    _tag(entry, {name: given.get(name) for name in ("term", "scheme", "label")})


def _author(context: Entry, element: Any) -> None:
    if element.attrib:
        raise _Odd
    author = {}
    for child in element:
        name = child.tag.removeprefix(_ATOM)
        if name == _PORTRAIT and not len(child):
            continue
        if name not in ("name", "uri", "email") or name in author:
            raise _Odd
        author[name] = _bare_text(child)
    if not author.get("name") or "@" in author["name"]:
        raise _Odd
    context.setdefault("authors", []).append({"name": author["name"]})
    email = author.get("email")
    context["author"] = f"{author['name']} ({email})" if email else author["name"]


def _title(context: Entry, element: Any, language: str | None) -> None:
    atom = element.tag.startswith(_ATOM)
    if element.attrib and not atom:
        raise _Odd
    value = _text(element)
    kind = _type(element) if atom else "text/plain"
    if not atom and feedparser.mixin._FeedParserMixin.looks_like_html(value):
        kind = "text/html"
    if not value:
        raise _Odd
    _once(context, "title", value)
    context["title_detail"] = _detail(value, kind, language)


def _type(element: Any) -> str:
    given = dict(element.attrib)
    kind = given.pop("type", "text")
    if given or kind not in ("text", "html"):
        raise _Odd
    return "text/plain" if kind == "text" else "text/html"


def _detail(value: str, kind: str, language: str | None) -> dict[str, Any]:
    return {
        "type": kind,
        "language": language and language.replace("_", "-"),
        "base": "",
        "value": value,
    }


def _tag(entry: Entry, tag: dict[str, str | None]) -> None:
    tags = entry.setdefault("tags", [])
    if len(tags) < TAGS and tag not in tags:
        tags.append(tag)


def _once(context: Entry, name: str, value: object) -> None:
    if name in context:
        raise _Odd
    context[name] = value


def _bare_text(element: Any) -> str:
    if element.attrib:
        raise _Odd
    return _text(element)


def _text(element: Any) -> str:
    if len(element):
        raise _Odd
    text: str = (element.text or "").strip()
    if not text.isascii():
        if _C1.search(text):
            raise _Odd
        try:
            text.encode("latin-1").decode("utf-8")
        except UnicodeError:
            pass
        else:
            raise _Odd  # it looks as if it had been encoded twice
    return text


def _address(text: str) -> str:
    if not PLAIN.fullmatch(text):
        raise _Odd
    return text


def _moment(parts: Any, zone: Any) -> tuple[int, ...]:
    sign, hours, minutes = zone
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime(*map(int, parts), tzinfo=timezone(-offset if sign == "-" else offset))  # type: ignore[arg-type, misc]
        return tuple(local.astimezone(UTC).timetuple())
    except (ValueError, OverflowError):
        raise _Odd from None
