"""What an address offers to collect from: a feed, a WordPress or a sitemap, its own or those it points to.

address ─▶ a feed or sitemap itself ─────────────────────────▶ offers
   └▶ a page ─▶ its feed links, its API link ─▶ robots.txt: its sitemaps ─┘
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urldefrag, urljoin, urlsplit

from feeds.address import web_address
from feeds.source import HttpRequest, NotModified, Payload, Request, Source, SourceError
from feeds.sources.feed import FeedSource
from feeds.sources.listing import is_sitemap
from feeds.sources.page import NoArticle, feed_links

MOST = 20
_ACCEPT = "text/html, application/atom+xml, application/rss+xml, application/feed+json, */*;q=0.5"
_FEEDS = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"}
)
_SITEMAP_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_COMMENTS = re.compile(r"/comments?/|/reacties/|comments?[./]?feed|[?&]feed=comments", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to collect: what ``kind`` of source, at which ``url``."""

    kind: str
    url: str


Search = Generator[Request, Payload | NotModified, list[Offer]]


def discover(address: str) -> Search:
    """What there is at an address, the best first: feeds, then WordPress, then sitemaps.

    A password in the address is in those of the same host, too. Raises SourceError where the address
    itself can't be had.
    """
    if "://" in address:
        offers = yield from _search(address)
    else:
        address, offers = yield from _search_by_name(address)
    whole = [replace(offer, url=urldefrag(offer.url).url) for offer in offers]
    return [replace(offer, url=_with_password(offer.url, address)) for offer in whole]


def _search_by_name(name: str) -> Generator[Request, Payload | NotModified, tuple[str, list[Offer]]]:
    """What there is at an address as people say it, and that address: by https, or else by http."""
    secure, plain = f"https://{name}", f"http://{name}"
    try:
        return secure, (yield from _search(secure))
    except SourceError as error:
        if error.status is not None:
            raise
        try:
            return plain, (yield from _search(plain))
        except SourceError:
            raise error from None


def _search(address: str) -> Search:
    answer = yield HttpRequest(address, accept=_ACCEPT)
    assert isinstance(answer, Payload)
    document = next(iter(answer.documents.values()), b"")
    # Where it leads for now is asked of its server each time.
    itself = answer.moved or web_address(address, address) or answer.base
    if is_sitemap(document):
        return [Offer("sitemap", itself)]
    if _is_feed(answer):
        return [Offer("feed", itself)]
    found = list(_linked(answer.base, document))
    try:
        robots = yield HttpRequest(urljoin(answer.base, "/robots.txt"), accept="text/plain, */*;q=0.1")
        assert isinstance(robots, Payload)
        text = next(iter(robots.documents.values()), b"").decode("utf-8-sig", "replace")
    except SourceError:
        text = ""
    found += [Offer("sitemap", url) for url in _sitemaps(answer.base, text)]
    if not any(offer.kind == "sitemap" for offer in found):
        guess = urljoin(answer.base, "/sitemap.xml")
        try:
            sitemap = yield HttpRequest(guess, as_robot=True)
            assert isinstance(sitemap, Payload)
            if is_sitemap(next(iter(sitemap.documents.values()), b"")):
                found.append(Offer("sitemap", sitemap.base))
        except SourceError:
            pass
    kinds = ("feed", "wordpress", "sitemap")
    return sorted(dict.fromkeys(found), key=lambda offer: kinds.index(offer.kind))[:MOST]


def name_for(url: str, taken: Iterable[str]) -> str:
    """A name for a source at this address, as a config may have it, and that no other has."""
    host = (urlsplit(url).hostname or "bron").removeprefix("www.")
    plain = re.sub(r"[^a-z0-9._-]+", "-", host.encode("ascii", "ignore").decode().lower()).strip("-._")[:80]
    known = set(taken)
    name = plain = plain or "bron"
    number = 2
    while name in known:
        name, number = f"{plain}-{number}", number + 1
    return name


def _with_password(url: str, address: str) -> str:
    given, found = urlsplit(address), urlsplit(url)
    password, at, place = given.netloc.rpartition("@")
    return found._replace(netloc=password + at + place).geturl() if found.netloc == place else url


def _is_feed(answer: Payload) -> bool:
    try:
        FeedSource().read(Source(name="found", kind="feed", url="https://found.invalid/"), answer)
    except SourceError:
        return False
    return True


def _linked(base: str, document: bytes) -> Iterator[Offer]:
    try:
        links = list(feed_links(base, document))
    except NoArticle:
        return
    for relation, kind, target in links:
        url = web_address(target, base)
        if url is None:
            continue
        if relation == "https://api.w.org/":
            yield Offer("wordpress", url)
        elif kind in _FEEDS and not _COMMENTS.search(url):
            yield Offer("feed", url)


def _sitemaps(base: str, robots: str) -> Iterator[str]:
    for line in _SITEMAP_LINE.findall(robots):
        if url := web_address(line, base):
            yield url
