"""RSS 2.0 and Atom 1.0 that do nothing out of the ordinary, read without feedparser and to the same end.

feedparser copes with anything anybody ever called a feed, which takes it as long as all else that is done
with one. Most feeds need none of that. This reads those, into the names that feedparser uses and with the
values it would give; and gives up at the first thing it does not know, for feedparser to read it instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lxml.etree  # type: ignore[import-untyped]

from feeds.sources.amended import AUTHOR
from feeds.sources.plainparts import (
    ATOM,
    Entry,
    Odd,
    address,
    bare_text,
    construct,
    detail,
    means_nothing,
    put_once,
    put_tag,
    put_title,
    rfc_822,
    rfc_3339,
    text_of,
)

_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_DC_LANGUAGE = "{http://purl.org/dc/elements/1.1/}language"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_IN_REPLY = "{http://purl.org/syndication/thread/1.0}"
_PORTRAIT = "{http://schemas.google.com/g/2005}image"
_MEDIA = "{http://search.yahoo.com/mrss/}"
_IGNORED = frozenset({"comments", "{com-wordpress:feed-additions:1}post-id"})
_IGNORED_IN_CHANNEL = frozenset(
    {
        *("description", "lastBuildDate", "pubDate", "generator", "ttl", "docs", "copyright"),
        *("webMaster", "managingEditor", "author", "link", "{com-wordpress:feed-additions:1}site"),
    }
)
_IGNORED_IN_FEED = frozenset(
    ATOM + name
    for name in (
        *(
            "id",
            "subtitle",
            "published",
            "updated",
            "link",
            "generator",
            "icon",
            "logo",
            "rights",
            "category",
        ),
    )
)
_PLAIN_ID = re.compile(r"(?:tag:|urn:uuid:)?[A-Za-z0-9][A-Za-z0-9.,_/-]*(?::[A-Za-z0-9.,:_/-]*)?")
_ABSOLUTE = re.compile("https?://|tag:|urn:")
_UTF8 = re.compile(
    rb"(?:\xef\xbb\xbf)?"
    rb"(?:<\?xml\s+version=[\"']1\.0[\"'](?:\s+encoding=[\"'][uU][tT][fF]-8[\"'])?[^>]*\?>|\s*<(?:rss|feed)\s)"
)
_BASE = b"xml:base"
_BOUND = re.compile(rb"xmlns:([^\s=]+)\s*=\s*[\"']([^\"']*)")


@dataclass(slots=True)
class Document:
    """A feed, in feedparser's names: ``rss20`` or ``atom10`` and so on, and the fault if it has one."""

    version: str
    feed: Any
    entries: list[Any] = field(default_factory=list)
    fault: str = ""


def read_plain_xml(document: bytes, charset: str = "") -> Document | None:
    """The document, or None where anything in it is out of the ordinary.

    ``charset`` is what its server says of it, where it says nothing of its encoding itself.
    """
    if b"<!DOCTYPE" in document or not _UTF8.match(document) or charset.lower() not in ("", "utf-8"):
        return None
    bound = set(_BOUND.findall(document))
    if len({prefix for prefix, _ in bound}) != len(bound):
        return None  # a prefix that means one thing here and another there
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = lxml.etree.fromstring(document, parser)
        if any(entry.level > lxml.etree.ErrorLevels.WARNING for entry in parser.error_log):
            return None  # a prefix that is bound to nothing, which a warning after it would have let pass
        if root.tag == "rss":
            return None if _BASE in document else _rss(root)
        if root.tag == f"{ATOM}feed":
            return _atom(root, based=_BASE in document)
    except (Odd, lxml.etree.XMLSyntaxError):
        pass
    return None


def _rss(root: Any) -> Document:
    if dict(root.attrib) != {"version": "2.0"} or len(root) != 1 or root[0].tag != "channel":
        raise Odd
    channel = root[0]
    found = Document("rss20", {})
    if channel.attrib:
        raise Odd
    for element in channel:
        tag = element.tag
        if tag == "item":
            found.entries.append(_item(element))
        elif tag == "title":
            put_title(found.feed, element, None)
        elif tag in ("language", _DC_LANGUAGE):
            put_once(found.feed, "language", text_of(element))
        elif tag == "image":
            if any(child.tag not in _IMAGE or len(child) for child in element) or element.attrib:
                raise Odd
        elif tag in ("category", "cloud") or tag == f"{ATOM}link":
            if len(element):
                raise Odd
        elif not means_nothing(element, _IGNORED_IN_CHANNEL):
            raise Odd
    return found


_IMAGE = frozenset({"title", "url", "link", "width", "height", "description"})


def _item(item: Any) -> Entry:
    if item.attrib:
        raise Odd
    entry: Entry = {"links": []}
    for element in item:
        handle = _ITEM.get(element.tag)
        if handle is not None:
            handle(entry, element)
        elif not means_nothing(element, _IGNORED):
            raise Odd
    if "guid" in entry:
        key, is_link = entry.pop("guid")
        entry["id"] = key
        if is_link:
            entry.setdefault("link", address(key))
    if entry.get("content"):
        entry.setdefault("summary", entry["content"][0]["value"])
    return entry


def _item_title(entry: Entry, element: Any) -> None:
    put_title(entry, element, None)


def _item_link(entry: Entry, element: Any) -> None:
    put_once(entry, "link", address(bare_text(element)))


def _guid(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    is_link = given.pop("isPermaLink", "true")
    if given or is_link not in ("true", "false"):
        raise Odd
    key = text_of(element)
    put_once(entry, "guid", (address(key) if is_link == "true" else key, is_link == "true"))


def _published(entry: Entry, element: Any) -> None:
    text = bare_text(element)
    put_once(entry, "published", text)
    entry["published_parsed"] = rfc_822(text)


def _item_category(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    domain = given.pop("domain", None)
    term = text_of(element)
    if given or not term or domain == "":
        raise Odd
    # One with a domain stands there before feedparser knows what it is, and so does another like it.
    put_tag(entry, {"term": term, "scheme": domain, "label": None}, again=domain is not None)


def _description(entry: Entry, element: Any) -> None:
    value = bare_text(element)
    put_once(entry, "summary", value)
    entry["summary_detail"] = detail(value, "text/html", None)


def _encoded(entry: Entry, element: Any) -> None:
    put_once(entry, "content", [detail(bare_text(element), "text/html", None)])


def _creator(entry: Entry, element: Any) -> None:
    name = bare_text(element)
    authors = entry.setdefault("authors", [])
    # Where there is an address in it, who reads this takes the name out of the whole by itself.
    if not 0 < len(name) <= AUTHOR or (authors and ("@" in name or not authors[-1]["name"])):
        raise Odd
    authors.append({"name": "" if "@" in name else name})
    entry["author"] = name


def _enclosure(entry: Entry, element: Any) -> None:
    if len(element) or not set(element.attrib) <= {"url", "type", "length"}:
        raise Odd
    given = dict(element.attrib)
    if "type" in given:
        given["type"] = given["type"].lower()
    if url := given.pop("url", None):
        given["href"] = url
    entry["links"].append(given | {"rel": "enclosure"})


def _media(name: str) -> Callable[[Entry, Any], None]:
    def handle(entry: Entry, element: Any) -> None:
        titled = "title" in entry  # then feedparser passes over those of pictures
        if any(len(child) or child.tag != f"{_MEDIA}title" or not titled for child in element):
            raise Odd
        if (element.text or "").strip() or any("{" in key for key in element.attrib):
            raise Odd
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
    "author": _creator,
    _CREATOR: _creator,
    f"{_MEDIA}content": _media("media_content"),
    f"{_MEDIA}thumbnail": _media("media_thumbnail"),
}


def _atom(root: Any, *, based: bool) -> Document:
    language = root.get(_LANGUAGE)
    if set(root.attrib) - {_LANGUAGE} or language == "":
        raise Odd
    found = Document("atom10", {} if language is None else {"language": language.replace("_", "-")})
    for element in root:
        tag = element.tag
        if tag == f"{ATOM}entry":
            found.entries.append(_entry(element, language))
        elif tag == f"{ATOM}title":
            put_title(found.feed, element, language)
        elif tag == f"{ATOM}author":
            _author(found.feed, element)
        elif tag in _IGNORED_IN_FEED:
            if len(element) or any("{" in key for key in element.attrib):
                raise Odd
        elif not means_nothing(element, frozenset()):
            raise Odd
    if based and not all(map(_has_its_own_base, found.entries)):
        raise Odd
    return found


def _has_its_own_base(entry: Entry) -> bool:
    """Whether nothing in it is read against a base but its content, which has one."""
    (content,) = entry.get("content") or (detail("", "", None),)
    others = [entry[name]["base"] for name in ("title_detail", "summary_detail") if name in entry]
    return bool(
        content["value"] and content["base"] and _ABSOLUTE.match(entry.get("id", "tag:"))
    ) and not any(others)


def _entry(element: Any, language: str | None) -> Entry:
    if element.attrib:
        raise Odd
    entry: Entry = {"links": []}
    for child in element:
        match child.tag.removeprefix(ATOM):
            case "id":
                key = bare_text(child)
                put_once(entry, "id", key if _PLAIN_ID.fullmatch(key) else address(key))
            case "link":
                _atom_link(entry, child)
            case "title":
                put_title(entry, child, language)
            case "summary":
                put_once(entry, "summary", text_of(child))
                entry["summary_detail"] = construct(child, entry["summary"], language)
            case "content":
                put_once(entry, "content", [construct(child, text_of(child), language)])
            case "published" | "updated" as name:
                text = bare_text(child)
                put_once(entry, name, text)
                entry[f"{name}_parsed"] = rfc_3339(text)
            case "category":
                _atom_category(entry, child)
            case "author":
                _author(entry, child)
            case _:
                if not means_nothing(child, frozenset()):
                    raise Odd
    if not any(link.get("rel") == "alternate" for link in entry["links"]):
        raise Odd
    if entry.get("content"):
        entry.setdefault("summary", entry["content"][0]["value"])
    return entry


def _atom_link(entry: Entry, element: Any) -> None:
    given = {key: value for key, value in element.attrib.items() if not key.startswith(_IN_REPLY)}
    if len(element) or not given.keys() <= {"rel", "href", "type", "title", "length", "hreflang"}:
        raise Odd
    given["rel"] = given.get("rel", "alternate").lower()
    if given["rel"] in ("alternate", "enclosure"):  # nobody asks for others
        given["href"] = address(given.get("href", ""))
        entry["links"].append(given)


def _atom_category(entry: Entry, element: Any) -> None:
    given = dict(element.attrib)
    if len(element) or (element.text or "").strip() or not given.keys() <= {"term", "label", "scheme"}:
        raise Odd
    if not given.get("term"):
        raise Odd
    put_tag(entry, {name: given.get(name) for name in ("term", "scheme", "label")})


def _author(context: Entry, element: Any) -> None:
    if element.attrib:
        raise Odd
    author = {}
    for child in element:
        name = child.tag.removeprefix(ATOM)
        if name == _PORTRAIT and not len(child):
            continue
        if name not in ("name", "uri", "email") or name in author:
            raise Odd
        author[name] = bare_text(child)
    if not author.get("name") or "@" in author["name"] or len(author["name"]) > AUTHOR:
        raise Odd
    context.setdefault("authors", []).append({"name": author["name"]})
    email = author.get("email")
    context["author"] = f"{author['name']} ({email})" if email else author["name"]
