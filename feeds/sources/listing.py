"""Sitemaps as documents (https://www.sitemaps.org/protocol.html): what one lists, whatever its size."""

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import lxml.etree  # type: ignore[import-untyped]

from feeds.address import web_address
from feeds.characters import one_line, shorten
from feeds.dates import aware
from feeds.encoding import truly_labelled
from feeds.references import with_ampersands_escaped
from feeds.source import Payload, Source, SourceError

LISTED = 50_000
"""What the protocol allows one sitemap to list; the rest of it is not read."""
UNPACKED = 50_000_000
"""Bytes: the most that the protocol allows for one sitemap."""
PARTS = 100
"""Of a compressed sitemap, as software makes them that writes more and more of it (RFC 1952 §2.2). One with
more is refused: a piece of it would look like all."""
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page or a sitemap as a sitemap lists it: what it says of its last change, and of its news.

    ``within`` is the name of the sitemap that lists it, where that is one of an index.
    """

    url: str
    changed: str = ""
    title: str = ""
    published: datetime | None = None
    within: str = ""

    @property
    def order(self) -> datetime:
        return _moment(self.changed) or self.published or NEVER

    @property
    def name(self) -> str:
        return blake2b(self.url.encode(), digest_size=9).hexdigest()


def is_sitemap(document: bytes) -> bool:
    """Whether this is an XML sitemap, packed or not, going by how it begins."""
    if document[:2] == b"\x1f\x8b":
        try:
            document = zlib.decompressobj(wbits=31).decompress(document, 5_000)
        except zlib.error:
            return False
    return re.search(rb"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]", document[:5_000]) is not None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What a sitemap lists, the newest first: other sitemaps, where it ``is_index``, or pages.

    One that broke off is not ``whole``: it may list more than what could be read.
    """

    is_index: bool
    listed: list[Listed]
    whole: bool = True


def read_sitemap(source: Source, answer: Payload) -> Sitemap:
    """The sitemap in an answer. Raises SourceError."""
    document = _unpacked(source, next(iter(answer.documents.values()), b""))
    start = document.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:4].lower() == b"http":
        lines = start.decode("utf-8", "replace").splitlines()[:LISTED]
        return Sitemap(False, [Listed(url) for line in lines if (url := web_address(line, ""))])
    try:
        kind, entries = _opened(with_ampersands_escaped(truly_labelled(start)))
        listed = [
            page for said in islice(entries, LISTED) if (page := _listed(said, answer.base)) is not None
        ]
    except lxml.etree.XMLSyntaxError:
        kind, listed = "", []
    if kind not in ("urlset", "sitemapindex"):
        raise SourceError(
            f"source {source.name}: {shown(answer)} is no sitemap; give the address of one "
            "(the robots.txt of a site often names it)"
        )
    end = document.replace(b"\x00", b"").rpartition(b"</")[2]  # whatever a cache has to say after it
    whole = re.match(rb"(?:[\w.-]+:)?" + kind.encode() + rb"\b", end) is not None
    listed.sort(key=lambda page: page.order, reverse=True)
    return Sitemap(kind == "sitemapindex", listed, whole)


def _opened(document: bytes) -> tuple[str, Iterator[dict[str, str]]]:
    """The kind of a sitemap, and what it says of its entries, one after another.

    Nothing of the document is kept: the largest would take half a gigabyte.
    """
    reader = lxml.etree.iterparse(
        io.BytesIO(document),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=True,
    )
    _, root = next(reader, ("", None))
    return ("", iter(())) if root is None else (_local(root), _entries(reader, root))


def _entries(reader: Any, root: Any) -> Iterator[dict[str, str]]:
    for event, element in reader:
        if event == "end" and element.getparent() is root:
            yield _said(element)
            element.clear()
            while element.getprevious() is not None:
                del root[0]


def _said(entry: Any) -> dict[str, str]:
    """What an entry says of itself, and of its news; what stands in it about images and films is theirs."""
    said: dict[str, str] = {}
    for child in entry:
        name = _local(child)
        if name in ("loc", "lastmod"):
            said.setdefault(name, (child.text or "").strip())
        elif name == "news":
            for part in child:
                said.setdefault(_local(part), (part.text or "").strip())
    return said


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _listed(said: dict[str, str], base: str) -> Listed | None:
    url = web_address(said.get("loc", ""), base)
    if url is None:
        return None
    published = _moment(said.get("publication_date", ""))
    return Listed(url, said.get("lastmod", "")[:40], one_line(said.get("title", "")), published)


def _unpacked(source: Source, document: bytes) -> bytes:
    if document[:2] != b"\x1f\x8b":
        return document
    unpacked = b""
    for _ in range(PARTS):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            unpacked += unpacker.decompress(document, UNPACKED + 1 - len(unpacked))
        except zlib.error:
            raise SourceError(f"source {source.name}: its sitemap is compressed, and damaged") from None
        if unpacker.unconsumed_tail or len(unpacked) > UNPACKED:
            raise SourceError(f"source {source.name}: its sitemap is larger than {UNPACKED:,} bytes")
        document = unpacker.unused_data
        if document[:2] != b"\x1f\x8b":
            return unpacked
    raise SourceError(f"source {source.name}: its sitemap is compressed in more than {PARTS} parts")


def _moment(text: str) -> datetime | None:
    try:
        return aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def shown(answer: Payload) -> str:
    return shorten(answer.base or next(iter(answer.documents), "it"), 200)
