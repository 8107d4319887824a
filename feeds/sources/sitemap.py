"""Sitemaps (https://www.sitemaps.org/protocol.html) and news sitemaps: the pages they list, as articles.

    sitemap ─▶ its sitemaps, if it is an index ─▶ pages that are new or changed ─▶ a draft each

A visit reads a few pages, the newest first, and leaves the rest for the next one.
"""

import json
import re
import zlib
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import lxml.etree  # type: ignore[import-untyped]

from feeds.address import web_address
from feeds.article import Problem
from feeds.characters import one_line, shorten
from feeds.identity import distinct
from feeds.moment import aware
from feeds.source import (
    HttpRequest,
    Memory,
    NotModified,
    OutOfTime,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    Validators,
    Visit,
)
from feeds.sources.page import NoArticle, read_page

PAGES = 40
"""Pages read on one visit; with a second between two, that is less than a minute."""
REMEMBERED = 2_000
"""Pages of a sitemap that are followed: the newest."""
SITEMAPS = 20
"""Sitemaps of an index that are read on one visit: the newest."""
UNPACKED = 50_000_000
"""Bytes: the most that the protocol allows for one sitemap."""
FAILURES = 3
"""After so many pages in a row that can't be had, the host is left alone until the next visit."""
AGAIN = 3
"""Pages without a date of change that are looked at again on each visit, by turns."""

_ACCEPT = "application/xml, text/xml;q=0.9, text/plain;q=0.5, */*;q=0.1"
_ACCEPT_PAGE = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page or a sitemap as a sitemap lists it: what it says of its last change, and of its news."""

    url: str
    changed: str = ""
    title: str = ""
    published: datetime | None = None

    @property
    def order(self) -> datetime:
        return _moment(self.changed) or self.published or _NEVER

    @property
    def name(self) -> str:
        return blake2b(self.url.encode(), digest_size=9).hexdigest()


@dataclass(slots=True)
class _Past:
    """What earlier visits saw: pages, the longest ago first, and sitemaps, with what was said of changes."""

    seen: dict[str, str]
    sitemaps: dict[str, str]
    unfinished: bool

    def bookmark(self) -> str:
        kept = list(self.seen.items())[-2 * REMEMBERED :]
        sitemaps = list(self.sitemaps.items())[-2 * SITEMAPS :]
        return json.dumps({"seen": kept, "sitemaps": sitemaps, "unfinished": self.unfinished})


def _recall(bookmark: str) -> _Past:
    if not bookmark:
        return _Past({}, {}, unfinished=False)
    said = json.loads(bookmark)
    return _Past(dict(said["seen"]), dict(said["sitemaps"]), said["unfinished"])


class SitemapSource:
    """A sitemap at a URL. Not all that was listed stays listed, so what is missing has not been withdrawn."""

    name = "sitemap"
    complete = False

    def visit(self, source: Source, memory: Memory) -> Visit:
        """The sitemap, and those of its pages that are new or have changed."""
        if not source.url:
            raise SourceError(f'source {source.name}: a sitemap needs a url; add url = "https://…" to it')
        past = _recall(memory.bookmark)
        # What is unchanged may still hold pages that were not reached.
        known = Validators() if past.unfinished else memory.validators
        answer = yield HttpRequest(source.url, known, accept=_ACCEPT, as_robot=True)
        if isinstance(answer, NotModified):
            return answer
        reading = Reading([], validators=answer.validators, moved=answer.moved, partial=True)
        listed = yield from _pages(source, answer, past, reading)
        wanted, again = _choose(source, listed, past.seen)
        left = yield from _read_pages(wanted[:PAGES], again, past.seen, reading)
        past.unfinished = left or len(wanted) > PAGES
        drafts = distinct(reading.drafts, reading.problems)
        return replace(reading, drafts=drafts, bookmark=past.bookmark())


def is_sitemap(document: bytes) -> bool:
    """Whether this is an XML sitemap, packed or not, going by how it begins."""
    if document[:2] == b"\x1f\x8b":
        try:
            document = zlib.decompressobj(wbits=31).decompress(document, 5_000)
        except zlib.error:
            return False
    return re.search(rb"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]", document[:5_000]) is not None


def _pages(
    source: Source, answer: Payload, past: _Past, reading: Reading
) -> Generator[Request, Payload | NotModified, list[_Listed]]:
    """The pages that a sitemap lists, or those of the sitemaps in it that changed; the newest first."""
    index, listed = _read_sitemap(source, answer)
    if index:
        pages: list[_Listed] = []
        for sitemap in listed[:SITEMAPS]:
            if sitemap.changed and past.sitemaps.get(sitemap.name) == sitemap.changed and not past.unfinished:
                continue
            try:
                part = yield HttpRequest(sitemap.url, accept=_ACCEPT, as_robot=True)
                assert isinstance(part, Payload)
                pages += _read_sitemap(source, part)[1]
                past.sitemaps[sitemap.name] = sitemap.changed
            except SourceError as error:
                if error.wait or isinstance(error, OutOfTime):
                    raise
                reading.problems.append(Problem(sitemap.url, shorten(str(error), 300), lost=False))
        listed = pages
    host = _host(source.url)
    own = {page.url: page for page in listed if _host(page.url) == host}
    return sorted(own.values(), key=lambda page: page.order, reverse=True)[:REMEMBERED]


def _choose(
    source: Source, listed: list[_Listed], seen: dict[str, str]
) -> tuple[list[_Listed], list[_Listed]]:
    """The pages to read, and those of whom nobody says whether they changed, the longest unseen first."""
    fitting = [page for page in listed if _fits(source, page.url)]
    wanted = [page for page in fitting if seen.get(page.name) != page.changed]
    turns = {name: place for place, name in enumerate(seen)}
    undated = [page for page in fitting if not page.changed and page.name in seen]
    return wanted, sorted(undated, key=lambda page: turns[page.name])[:AGAIN]


def _read_pages(
    wanted: list[_Listed], again: list[_Listed], seen: dict[str, str], reading: Reading
) -> Generator[Request, Payload | NotModified, bool]:
    """Read pages into drafts, and mark them as seen; gives whether any were left."""
    failures = 0
    for page in (*wanted, *again):
        try:
            answer = yield HttpRequest(page.url, accept=_ACCEPT_PAGE, as_robot=True)
        except OutOfTime:
            return True
        except SourceError as error:
            failures += 1
            reading.problems.append(Problem(page.url, shorten(str(error), 300), lost=False))
            if error.wait or failures >= FAILURES:
                return True
            if error.status in (404, 410):
                _mark(seen, page)
            continue
        failures = 0
        _mark(seen, page)
        assert isinstance(answer, Payload)
        try:
            draft = read_page(answer.base or page.url, next(iter(answer.documents.values()), b""))
        except NoArticle:
            continue  # a sitemap lists forms and overviews too, and they are no fault of anybody's
        published = page.published or draft.published
        title = draft.title or page.title
        reading.drafts.append(replace(draft, key=page.url, title=title, published=published))
    return False


def _mark(seen: dict[str, str], page: _Listed) -> None:
    seen.pop(page.name, None)  # so that it goes to the end
    seen[page.name] = page.changed


def _fits(source: Source, url: str) -> bool:
    """Whether the config wants this page; the front page is never an article."""
    path = urlsplit(url).path
    if path in ("", "/"):
        return False
    return not source.pages or any(fnmatchcase(path, pattern) for pattern in source.pages)


def _read_sitemap(source: Source, answer: Payload) -> tuple[bool, list[_Listed]]:
    """Whether it is an index, and what it lists, the newest first. Raises SourceError."""
    document = _unpacked(source, next(iter(answer.documents.values()), b""))
    start = document.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:4].lower() == b"http":
        lines = start.decode("utf-8", "replace").splitlines()
        return False, [_Listed(url) for line in lines if (url := web_address(line, ""))]
    parser = lxml.etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, recover=True
    )
    try:
        root = lxml.etree.fromstring(start, parser)
    except lxml.etree.XMLSyntaxError:
        root = None
    kind = lxml.etree.QName(root).localname if root is not None else ""
    if kind not in ("urlset", "sitemapindex"):
        raise SourceError(
            f"source {source.name}: {_shown(answer)} is no sitemap; give the address of one "
            "(the robots.txt of a site often names it)"
        )
    listed = [page for element in root if (page := _listed(element, answer.base)) is not None]
    return kind == "sitemapindex", sorted(listed, key=lambda page: page.order, reverse=True)


def _listed(element: Any, base: str) -> _Listed | None:
    said: dict[str, str] = {}
    for child in element.iter():
        if isinstance(child.tag, str):
            said.setdefault(lxml.etree.QName(child).localname, (child.text or "").strip())
    url = web_address(said.get("loc", ""), base)
    if url is None:
        return None
    published = _moment(said.get("publication_date", ""))
    return _Listed(url, said.get("lastmod", "")[:40], one_line(said.get("title", "")), published)


def _unpacked(source: Source, document: bytes) -> bytes:
    if document[:2] != b"\x1f\x8b":
        return document
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(document, UNPACKED)
    except zlib.error:
        raise SourceError(f"source {source.name}: its sitemap is compressed, and damaged") from None
    if unpacker.unconsumed_tail:
        raise SourceError(f"source {source.name}: its sitemap is larger than {UNPACKED:,} bytes")
    return unpacked


def _moment(text: str) -> datetime | None:
    try:
        return aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _shown(answer: Payload) -> str:
    return shorten(answer.base or next(iter(answer.documents), "it"), 200)
