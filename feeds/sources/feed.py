"""Feeds: RSS 0.9x to 2.0, RDF and Atom through feedparser; JSON Feed through its own model."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from feeds.address import web_address
from feeds.characters import one_line, shorten
from feeds.draft import Draft, Enclosure, Problem
from feeds.identity import distinct
from feeds.markup import clean_html
from feeds.normalise import EARLIEST
from feeds.source import (
    HttpRequest,
    Memory,
    NotModified,
    Payload,
    Reading,
    Source,
    SourceError,
    Validators,
    Visit,
)
from feeds.sources.feeddates import moment_of
from feeds.sources.jsonfeed import read_json_feed
from feeds.sources.lenient import TooMuch, entries_begun, parse_leniently, shorten_to
from feeds.sources.plainxml import Document, read_plain_xml

ENTRIES = 2_000
"""What one document may hold; a feed shows what is recent, and the rest is somebody's mistake."""

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)

_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]{0,200}\sencoding\s*=")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_HTML_TAG = re.compile(
    r"</?(?:a|b|br|code|em|h[1-6]|i|img|p|q|s|span|strong|sub|sup|u)\b[^<>]*>", re.IGNORECASE
)
_BETWEEN_NAMES = re.compile(r"[\s<>()]+")
_IS_A_PAGE = re.compile(rb"[\xef\xbb\xbf\s]{0,99}<(?:!doctype\s+)?html[\s>]", re.IGNORECASE)
_LOOKS_LIKE_A_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)


class FeedSource:
    """A feed at a URL. It shows only what is recent: what is no longer in it has not been withdrawn."""

    name = "feed"
    complete = False

    def visit(self, source: Source, memory: Memory) -> Visit:
        """One document, unless it is the one we have."""
        if not source.url:
            raise SourceError(f'source {source.name}: a feed needs a url; add url = "https://…" to it')
        answer = yield HttpRequest(source.url, memory.validators, accept=ACCEPT)
        return answer if isinstance(answer, NotModified) else self.read(source, answer)

    def read(self, source: Source, payload: Payload) -> Reading:
        """Its entries, in the feed's order. A broken feed gives what can be read, with a problem."""
        document = next(iter(payload.documents.values()), b"")
        if not document.strip(b"\x00 \t\r\n"):
            raise SourceError(
                f"source {source.name}: the answer is empty; check that {source.shown} is a feed"
            )
        if document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            reading = read_json_feed(source, document)
        else:
            reading = _read_xml(source, document, payload)
        return replace(
            reading,
            drafts=distinct(reading.drafts, reading.problems),
            base=payload.base,
            # Of one that broke off the rest is wanted; what it is known by would get us "not modified".
            validators=payload.validators if _is_whole(document) else Validators(),
            moved=payload.moved,
        )


def _read_xml(source: Source, document: bytes, payload: Payload) -> Reading:
    if _IS_A_PAGE.match(document):
        raise SourceError(_no_feed(source, "a web page"))
    # What a server says of the encoding is often a default, so the document's own declaration goes before it.
    said = None if _DECLARED_ENCODING.search(document[:400]) else _CHARSET.search(payload.content_type)
    charset = said[1] if said else ""
    parsed, number, lost = read_plain_xml(document, charset), 0, False
    if parsed is None:
        document, number = shorten_to(document, ENTRIES)
        parsed = _parse(source, document, charset)
        whole = _is_whole(document)
        if not whole and number < len(parsed.entries):
            parsed.entries.pop()  # it broke off in the middle of this one
        lost = not whole or len(parsed.entries) < entries_begun(document)
    number = max(number, len(parsed.entries))
    version = parsed.version
    if not version and not parsed.entries:
        found = "a web page" if _LOOKS_LIKE_A_PAGE.search(document[:5000]) else "no feed we can read"
        raise SourceError(_no_feed(source, found))
    problems: list[Problem] = []
    if parsed.fault:
        read = "what can be read of it was read" if lost else "all its entries were read"
        why = f"the feed is malformed ({parsed.fault}); {read}"
        problems.append(Problem(f"source {source.name}", why, lost=lost))
    if number > ENTRIES:
        why = f"it has {number} entries; only the first {ENTRIES} were read"
        problems.append(Problem(f"source {source.name}", why))
    author = _author(parsed.feed) if version.startswith("atom") else ""
    inherited = _Entry(version, author, parsed.feed.get("language") or "", payload.base)
    drafts = []
    for number, entry in enumerate(parsed.entries[:ENTRIES], 1):
        draft = _draft(entry, inherited, problems)
        if draft.key:
            drafts.append(draft)
        else:
            problems.append(Problem(f"entry {number}", "it has no id, link or title to know it by; left out"))
    return Reading(drafts, problems, _text(parsed.feed, "title", version), parsed.feed.get("language") or "")


def _is_whole(document: bytes) -> bool:
    """Whether a document goes on to its end; only in XML can what broke off be read at all."""
    end = document[-500:].replace(b"\x00", b"").lower()  # without those of UTF-16
    return any(root in end for root in (b"</rss", b"</feed", b"rdf>", b"}"))


def _no_feed(source: Source, found: str) -> str:
    return (
        f"source {source.name}: {source.shown} is {found}; "
        'give the address of its RSS, Atom or JSON feed (often in the page\'s source, as rel="alternate")'
    )


def _parse(source: Source, document: bytes, charset: str) -> Document:
    headers = {"content-type": f"application/xml; charset={charset}"} if charset else {}
    try:
        parsed = parse_leniently(document, headers)
    except TooMuch as error:
        raise SourceError(
            f"source {source.name}: {source.shown} {error}, which no feed has; give the address of another"
        ) from error
    except Exception as error:  # what feedparser did not foresee in a hostile document can be anything
        raise SourceError(
            f"source {source.name}: {source.shown} can't be read as a feed ({type(error).__name__}); "
            "check it with a feed validator"
        ) from error
    fault = shorten(one_line(str(parsed.get("bozo_exception", ""))), 150) if parsed.bozo else ""
    return Document(parsed.get("version") or "", parsed.feed, parsed.entries, fault)


class _Entry:
    """What an entry inherits from its feed."""

    __slots__ = ("author", "base", "language", "version")

    def __init__(self, version: str, author: str, language: str, base: str) -> None:
        self.version, self.author, self.language, self.base = version, author, language, base


def _draft(entry: Any, feed: _Entry, problems: list[Problem]) -> Draft:
    link = _link(entry, feed.version)
    title = _text(entry, "title", feed.version)
    content, base, language = _content(entry)
    summary = _text(entry, "summary", feed.version)
    if base := web_address(base, feed.base) or "":
        content = clean_html(content, base)
    if entry.get("content") and summary in (content, _value(entry["content"][0])):
        summary = ""  # feedparser's copy of the content
    elif base and not content:
        summary = clean_html(summary, base)
    if not content and not summary:  # a film may have no text but that
        summary = _as_html({"value": entry.get("media_description")}, atom=False)
    if not link:  # an episode of a podcast may be nothing but what is heard
        link = next((one.url for one in _enclosures(entry)), "")
    key = entry.get("id") or link or title
    if not link and feed.version.startswith("atom"):
        # It need not lead anywhere (RFC 4287 §4.2.6) but mostly does; without any it would be left out.
        link = web_address(entry.get("id") or "", "") or ""
    return Draft(
        key=key,
        url=link,
        title=title,
        summary=summary,
        content=content,
        author=_author(entry) or feed.author,
        language=entry.get("language") or language or _detail(entry, "title", "language") or feed.language,
        categories=tuple(_categories(entry)),
        published=_published(entry, link or key, problems),
        image=_image(entry),
        enclosures=tuple(_enclosures(entry)),
    )


def _link(entry: Any, version: str) -> str:
    """The page to read it on: RSS ``link`` or a guid that is a permalink, Atom's alternate link."""
    for link in entry.get("links", ()):
        if version.startswith("atom") and link.get("rel") == "alternate" and link.get("href"):
            return str(link["href"])
    link = entry.get("link") or ""
    # feedparser takes an Atom id for a link, before what is enclosed.
    return "" if version.startswith("atom") and link == entry.get("id") else str(link)


def _content(entry: Any) -> tuple[str, str, str]:
    """The fullest HTML there is, its own base address (``xml:base``) and language."""
    contents = [part for part in entry.get("content", ()) if part.get("value")]
    if not contents:
        return "", _detail(entry, "summary", "base"), _detail(entry, "summary", "language")
    fullest = max(contents, key=lambda part: (part.get("type") in _MARKUP, len(part["value"])))
    return _as_html(fullest, atom=True), fullest.get("base") or "", fullest.get("language") or ""


_MARKUP = ("text/html", "application/xhtml+xml")


def _value(part: Any) -> str:
    return str(part.get("value") or "")


def _detail(entry: Any, name: str, key: str) -> str:
    detail = entry.get(f"{name}_detail")
    return str(detail.get(key) or "") if isinstance(detail, dict) else ""


def _text(entry: Any, name: str, version: str) -> str:
    """A title or summary as HTML: plain text is escaped, so that its ``<`` stays one."""
    detail = entry.get(f"{name}_detail")
    if isinstance(detail, dict) and "value" in detail:
        return _as_html(detail, atom=version.startswith("atom"))
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _as_html(part: Any, *, atom: bool) -> str:
    value = _value(part)
    if part.get("type") in _MARKUP:
        return value
    # RSS never says which of the two a title is; known tags mean markup, and anything else is text.
    if not atom and (_HTML_TAG.search(value) or "<" not in value):
        return value
    paragraphs = [html.escape(text, quote=False) for text in re.split(r"\n[ \t\r]*\n", value)]
    return "".join(f"<p>{text}</p>" for text in paragraphs) if len(paragraphs) > 1 else paragraphs[0]


def _author(entry: Any) -> str:
    """Names only: addresses are not ours to publish."""
    names = [author.get("name") for author in entry.get("authors", ()) if isinstance(author, dict)]
    raw = entry.get("author")
    if isinstance(raw, str) and "@" in raw:
        # Where RSS puts address and name in one text, feedparser takes only short top-level domains for one.
        names[-1:] = [" ".join(part for part in _BETWEEN_NAMES.split(raw) if "@" not in part)]
    plain = (html.escape(name.strip(), quote=False) for name in names if isinstance(name, str))
    return ", ".join(dict.fromkeys(name for name in plain if name and "@" not in name))


def _categories(entry: Any) -> Iterator[str]:
    """The labels readers see and the terms machines use; the config may name either."""
    for tag in entry.get("tags", ()):
        yield from dict.fromkeys(
            html.escape(text, quote=False) for text in (tag.get("label"), tag.get("term")) if text
        )


def _image(entry: Any) -> str:
    """Its picture: as Media RSS has it, or an enclosure that is one."""
    for name in ("media_content", "media_thumbnail"):
        for media in entry.get(name, ()):
            kind = media.get("type") or media.get("medium") or ("image" if name == "media_thumbnail" else "")
            if kind.startswith("image") and media.get("url"):
                return str(media["url"])
    pictures = (one.url for one in _all_enclosures(entry) if one.type.startswith("image/"))
    return next(pictures, "")


def _enclosures(entry: Any) -> Iterator[Enclosure]:
    return (one for one in _all_enclosures(entry) if not one.type.startswith("image/"))


def _all_enclosures(entry: Any) -> Iterator[Enclosure]:
    for link in entry.get("links", ()):
        if link.get("rel") == "enclosure" and link.get("href"):
            length = str(link.get("length") or "")
            bytes = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0
            yield Enclosure(str(link["href"]), str(link.get("type") or ""), bytes)


def _published(entry: Any, what: str, problems: list[Problem]) -> datetime | None:
    """When it appeared, else when it changed; what can't be read or can't be true is a problem."""
    doubtful = ""
    for name in ("published", "created", "updated"):
        given = dict.get(entry, name)
        if not isinstance(given, str) or not given.strip():
            continue
        moment = moment_of(dict.get(entry, f"{name}_parsed"))
        if moment is not None and moment >= EARLIEST:
            return moment
        doubtful = doubtful or given
    if doubtful:
        why = f"its date {shorten(one_line(doubtful), 60)!r} can't be read or is before {EARLIEST.year}"
        problems.append(Problem(shorten(one_line(what), 200), why, lost=False))
    return None
