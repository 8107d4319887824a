"""A web page as an article: what it says of itself, and its text without the menus around it.

trafilatura finds the text. What a page says in its head counts for more, where it says it exactly.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.etree  # type: ignore[import-untyped]
import lxml.html  # type: ignore[import-untyped]

from feeds.address import web_address
from feeds.dates import aware
from feeds.draft import Draft
from feeds.normalise import EARLIEST

SIZE = 3_000_000
"""In bytes. A longer page is no article, and takes too long to look through."""
ELEMENTS = 20_000
ATTRIBUTES = 200
"""A page with more elements, or an element with more attributes: looking through them takes their square."""
SHORTEST = 200
"""Characters. With less text a page is a form, a list or an empty shell, and no article."""

_DATES = (
    *("article:published_time", "og:article:published_time", "datepublished", "dcterms.issued"),
    *("dc.date.issued", "dcterms.created", "dcterms.date", "dc.date", "date", "publish_date", "pubdate"),
)
_AUTHORS = ("author", "article:author", "dcterms.creator", "dc.creator")
_SPANS = re.compile(r"\b(?:col|row)span\s*=\s*[\"']?\s*\d{3,}", re.IGNORECASE)
_HEADING = re.compile(r"\s*<h1>(.*?)</h1>", re.DOTALL)


_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_META_CHARSET = re.compile(r"<meta\b[^>]{0,200}?\bcharset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)

_ENCODINGS = re.compile(r"(?:utf-?16|iso-8859|windows-|latin|koi8|mac|euc|shift|gb|big5)")
"""Those that pages are in, besides UTF-8. Python knows others that are none, or take for ever."""


class NoArticle(Exception):
    """Why a page is no article, in the words of a sentence about it."""


def read_page(address: str, document: bytes, content_type: str = "") -> Draft:
    """The article on a page at this address. Raises NoArticle where there is none.

    ``content_type`` is what its server said of it.
    """
    if len(document) > SIZE:
        raise NoArticle(f"it is longer than {SIZE:,} bytes")
    root = _root(_text_of(document, content_type).encode("utf-8", "replace"), "utf-8")
    _check_size(root)
    base = _base(root, address)
    _resolve(root, base)
    content = _inner(_extracted(root, address))
    if len(re.sub(r"<[^>]*>|\s+", " ", content).strip()) < SHORTEST:
        raise NoArticle("it has no text to speak of")
    said = _meta(root)
    linked = next(iter(_linked_data(root)), {})
    heading = next((_text(found) for found in root.iter("h1")), "")
    page_title = next((_text(found) for found in root.iter("title")), "")
    title = said.get("og:title") or _string(linked.get("headline")) or heading or page_title
    repeated = _HEADING.match(content)
    if repeated:
        content = content[repeated.end() :]
    return Draft(
        key=address,
        url=_canonical(root, address),
        title=_escape(title),
        summary=_escape(said.get("og:description") or said.get("description") or ""),
        content=content,
        author=_escape(_author(said, linked)),
        language=str(root.get("lang") or said.get("og:locale", "")),
        categories=tuple(_escape(category) for category in _categories(root, linked)),
        published=_published(root, said, linked),
        image=web_address(said.get("og:image", ""), base) or "",
    )


def feed_links(address: str, document: bytes) -> Iterator[tuple[str, str, str]]:
    """The feeds and APIs that a page points to, as (relation, media type, address)."""
    root = _root(document)
    base = _base(root, address)
    for link in root.iter("link"):
        for relation in (link.get("rel") or "").lower().split():
            if relation in ("alternate", "https://api.w.org/") and link.get("href"):
                try:
                    target = urljoin(base, link.get("href").strip())
                except ValueError:
                    continue
                yield relation, (link.get("type") or "").lower().partition(";")[0].strip(), target


def _text_of(document: bytes, content_type: str) -> str:
    """The page in characters, by its first bytes, by what they are, by its server, or by itself.

    What is UTF-8 throughout is that, whatever anybody says: it can't be by chance.
    """
    for mark, encoding in _MARKS.items():
        if document.startswith(mark):
            return document.decode(encoding, "replace")
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError:
        pass
    said = (_CHARSET.search(content_type), _META_CHARSET.search(document[:5000].decode("latin-1")))
    names = [one[1].lower() for one in said if one]
    # Latin-1 is read as browsers do (https://encoding.spec.whatwg.org/#names-and-labels).
    name = next((name for name in names if _ENCODINGS.match(name)), "windows-1252")
    try:
        return document.decode("windows-1252" if name in ("iso-8859-1", "latin1") else name, "replace")
    except (LookupError, ValueError):
        return document.decode("windows-1252", "replace")


def _check_size(root: Any) -> None:
    """Raises NoArticle for a page that would take minutes to look through."""
    for number, element in enumerate(root.iter()):
        if number > ELEMENTS or len(element.attrib) > ATTRIBUTES:
            raise NoArticle("it has more elements than any article has")


def _root(document: bytes, encoding: str | None = None) -> Any:
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, encoding=encoding)
    try:
        root = lxml.html.document_fromstring(document, parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        raise NoArticle("it is no HTML that can be read") from None
    if not isinstance(root.tag, str):
        raise NoArticle("it is no HTML that can be read")
    return root


def _base(root: Any, address: str) -> str:
    """Against what the addresses on a page resolve (https://html.spec.whatwg.org/#document-base-url)."""
    said = next((base.get("href") for base in root.iter("base") if base.get("href") is not None), "")
    return web_address(said, address) or address


def _resolve(root: Any, base: str) -> None:
    """Make whole where links and images lead: trafilatura takes it to begin at the root of the site."""
    for element in root.iter("a", "img", "link"):
        for name in ("href", "src", "data-src"):
            if given := element.get(name):
                with suppress(ValueError):
                    element.set(name, urljoin(base, given.strip()))


def _extracted(root: Any, address: str) -> str:
    import trafilatura  # only here: it takes longer to import than all else that reads, and few read pages

    try:
        found = trafilatura.extract(
            _SPANS.sub("", lxml.html.tostring(root, encoding="unicode")),
            url=address,
            output_format="html",
            include_comments=False,
            include_formatting=True,
            include_images=True,
            include_links=True,
            include_tables=True,
        )
    except Exception as error:  # what it did not foresee in a hostile page can be anything
        raise NoArticle(f"its text can't be found ({type(error).__name__})") from error
    return found or ""


def _inner(document: str) -> str:
    """What stands in the body of the document that trafilatura makes."""
    start, end = document.find("<body>"), document.rfind("</body>")
    return document[start + len("<body>") : end] if 0 <= start < end else ""


def _meta(root: Any) -> dict[str, str]:
    """What the page says in ``meta``, by lower-case name; the first of each."""
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().lower()
        content = (meta.get("content") or "").strip()
        if name and content:
            found.setdefault(name, content)
    return found


def _linked_data(root: Any) -> Iterator[Mapping[str, Any]]:
    """What JSON-LD says of articles (https://schema.org/Article)."""
    for script in root.iter("script"):
        if (script.get("type") or "").lower() != "application/ld+json":
            continue
        try:
            said = json.loads(script.text or "")
        except (ValueError, RecursionError):
            continue
        graph = said.get("@graph", [said]) if isinstance(said, dict) else said
        for node in graph if isinstance(graph, list) else ():
            kind = node.get("@type") if isinstance(node, dict) else None
            if any("Article" in str(one) or "Posting" in str(one) for one in (kind, *_list(kind))):
                yield node


def _author(said: Mapping[str, str], linked: Mapping[str, Any]) -> str:
    authors = [one.get("name") if isinstance(one, dict) else one for one in _list(linked.get("author"))]
    named = [_string(one) for one in authors]
    names = [name for name in named if name] or [said[name] for name in _AUTHORS if name in said][:1]
    return ", ".join(dict.fromkeys(name for name in names if "://" not in name and "@" not in name))


def _categories(root: Any, linked: Mapping[str, Any]) -> list[str]:
    found = [
        (meta.get("content") or "").strip()
        for meta in root.iter("meta")
        if (meta.get("property") or "").lower() in ("article:tag", "article:section")
    ]
    found += [_string(one) for key in ("articleSection", "keywords") for one in _list(linked.get(key))]
    return list(dict.fromkeys(part.strip() for one in found for part in one.split(",") if part.strip()))


def _published(root: Any, said: Mapping[str, str], linked: Mapping[str, Any]) -> datetime | None:
    given = [_string(linked.get("datePublished")), *(said.get(name, "") for name in _DATES)]
    article = next(root.iter("article"), root)
    given += [element.get("datetime") or "" for element in article.iter("time")][:1]
    for text in given:
        try:
            moment = aware(datetime.fromisoformat(text.strip()))
            if moment >= EARLIEST:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _canonical(root: Any, address: str) -> str:
    """Where the page says it belongs, if that is on the same host: others' words are not its own."""
    for link in root.iter("link"):
        if (link.get("rel") or "").lower() == "canonical" and link.get("href"):
            try:
                target: str = urljoin(address, link.get("href").strip())
                if urlsplit(target).hostname == urlsplit(address).hostname:
                    return target
            except ValueError:
                continue
    return address


def _text(element: Any) -> str:
    return " ".join(str(element.text_content()).split())


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _escape(text: str) -> str:
    return html.escape(text, quote=False)
