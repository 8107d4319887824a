"""The one door to the web: fetches what sources ask for, from public addresses, within limits.

fetch ─▶ a turn at the host ─▶ resolve, check, connect ─▶ answer ─▶ Payload
           ▲                                                │
           └──────────── a redirect: the next hop ──────────┘
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import anyio
import httpcore2
import httpx2
from protego import Protego

from feeds.characters import one_line, shorten
from feeds.source import (
    ClosedToRobots,
    HttpRequest,
    NotModified,
    NotPublic,
    Payload,
    SourceError,
    Validators,
)
from pipeline.edges.addresses import CheckedBackend, Refused
from pipeline.edges.connections import Connections

ROBOT = "Kennisportal"
"""Our name in robots.txt."""
_ROBOTS_SIZE = 512_000
"""The part of a robots.txt that counts, in bytes (RFC 9309 §2.5 asks for 500 kibibytes)."""
_LONGEST_DELAY = 60.0
_LONGEST_WAIT = timedelta(days=7)
"""Longer is nobody's wish, but a fault of theirs."""

_USERINFO = re.compile(r"//[^/\s]*@")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ADVICE = {
    401: "it asks for a password; put it in the url as https://user:password@…",
    403: "the server refuses us; ask its owner to let us in",
    404: "there is nothing there; correct the url of this source",
    410: "it is gone for good, and is not asked again; remove this source, or correct its url",
    429: "the server wants fewer requests; give this source a longer 'every'",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take: seconds, bytes after decompression, and redirects."""

    connect: float = 10.0
    total: float = 60.0
    size: int = 20_000_000
    redirects: int = 5


@dataclass(slots=True)
class _Host:
    """One request at a time; ``free_at`` is when the next may start."""

    pause: float
    lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    free_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Redirect:
    """Where to ask next, and whether that is so for good."""

    target: httpx2.URL
    for_good: bool


class Fetcher:
    """Fetches politely and safely; an async context manager, shared by all sources of a run.

    ``contact`` is the address or page in our User-Agent. ``allow_hosts`` may resolve to private or
    loopback addresses; no other host may. Between two requests to a host lies ``host_pause``.
    """

    def __init__(
        self,
        *,
        contact: str,
        allow_hosts: Collection[str] = (),
        host_pause: timedelta = timedelta(seconds=1),
        limits: Limits = Limits(),
    ) -> None:
        self._limits = limits
        self._pause = host_pause.total_seconds()
        self._hosts: dict[str, _Host] = {}
        self._robots: dict[str, Protego | SourceError] = {}
        self._robots_locks: dict[str, anyio.Lock] = {}
        agent = f"{ROBOT} (+{contact})" if contact else ROBOT
        # No cookies: they would follow us from visit to visit and from source to source.
        self._headers = (
            (b"User-Agent", agent.encode("ascii")),
            (b"Accept-Encoding", b"gzip, deflate, br"),
            (b"Connection", b"keep-alive"),
        )
        self._extensions = {"timeout": {"connect": limits.connect}}
        self._connections = Connections(CheckedBackend(allow_hosts))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._connections.aclose()

    async def fetch(self, request: HttpRequest) -> Payload | NotModified:
        """The document at the request's URL. SourceError, in one line, for everything that goes wrong.

        ``NotModified`` only where validators were sent along.
        """
        address = _parse(request.url, request.url)
        # Where a move leads is remembered and shown, and would be asked without the password.
        open_to_all = not address.userinfo
        left = self._limits.total
        for_good = True
        for hop in range(self._limits.redirects + 1):
            if request.as_robot:
                await self._ask_robots(address)
            async with self._turn(address.host):
                started = anyio.current_time()
                answer = await self._ask(request, address, left)
                left -= anyio.current_time() - started
            if not isinstance(answer, _Redirect):
                moved = bool(hop) and for_good and open_to_all
                return replace(answer, moved=_shown(address)) if moved else answer
            address = answer.target
            for_good = for_good and answer.for_good
        raise SourceError(
            f"{_shown(request.url)} redirects more than {self._limits.redirects} times; "
            "open it in a browser and give the address it ends at"
        )

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        host = self._hosts.setdefault(name, _Host(self._pause))
        async with host.lock:
            if (early := host.free_at - anyio.current_time()) > 0:
                await anyio.sleep(early)
            try:
                yield
            finally:
                host.free_at = anyio.current_time() + host.pause

    async def _ask_robots(self, address: httpx2.URL) -> None:
        """Raises SourceError where the host wants no robots at this address (RFC 9309)."""
        name = f"{address.scheme}://{address.netloc.decode('ascii')}"
        lock = self._robots_locks.setdefault(name, anyio.Lock())
        async with lock:
            if name not in self._robots:
                self._robots[name] = await self._fetch_robots(f"{name}/robots.txt")
        rules = self._robots[name]
        if isinstance(rules, SourceError):
            raise rules
        if not rules.can_fetch(str(address), ROBOT):
            raise ClosedToRobots(
                f"{_shown(address)} is closed to robots by the robots.txt of its host; "
                "use a feed of that site instead, or ask its owner to let us in"
            )
        delay = min(float(rules.crawl_delay(ROBOT) or 0), _LONGEST_DELAY)
        host = self._hosts.setdefault(address.host, _Host(self._pause))
        host.pause = max(host.pause, delay)  # at whichever port it asked for it

    async def _fetch_robots(self, url: str) -> "Protego | SourceError":
        """A host's rules. One that has none lets everybody in; one that is broken, nobody for now."""
        try:
            answer = await self.fetch(HttpRequest(url, accept="text/plain, */*;q=0.1"))
        except SourceError as error:
            if error.status is not None and 400 <= error.status < 500 and error.status != 429:
                return Protego.parse("")
            return error
        assert isinstance(answer, Payload)
        text = next(iter(answer.documents.values()))[:_ROBOTS_SIZE]
        return Protego.parse(text.decode("utf-8-sig", "replace"))

    async def _ask(
        self, request: HttpRequest, address: httpx2.URL, seconds: float
    ) -> Payload | NotModified | _Redirect:
        """One hop: what came, or where to ask next."""
        try:
            with anyio.fail_after(max(0.0, seconds)):
                async with self._connections.asking(self._request(request, address)) as response:
                    return await self._answer(request, address, response)
        except Refused as error:
            what = f"{_shown(address)} is at a private or local address ({error})"
            raise NotPublic(what, address.host) from None
        except (TimeoutError, httpcore2.TimeoutException):
            raise SourceError(
                f"{_shown(address)} gave no full answer within {self._limits.total:g} seconds; "
                "we try again later"
            ) from None
        except httpcore2.ConnectError as error:
            raise SourceError(
                f"{_shown(address)} can't be reached ({_fault(error)}); check the address, or try again later"
            ) from None
        except httpx2.DecodingError:
            raise SourceError(
                f"{_shown(address)} sent compressed data that is damaged; tell the owner of the site"
            ) from None
        except (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise SourceError(
                f"{_shown(address)} broke off its answer ({_fault(error)}); we try again later"
            ) from None

    def _request(self, request: HttpRequest, address: httpx2.URL) -> httpcore2.Request:
        headers = [(b"Host", address.netloc), (b"Accept", request.accept.encode("ascii")), *self._headers]
        if request.validators.etag:
            headers.append((b"If-None-Match", request.validators.etag.encode("ascii")))
        if request.validators.last_modified:
            headers.append((b"If-Modified-Since", request.validators.last_modified.encode("ascii")))
        if address.userinfo:
            headers.append((b"Authorization", b"Basic " + b64encode(_password(address))))
        return httpcore2.Request(
            "GET",
            httpcore2.URL(
                scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
            ),
            headers=headers,
            extensions=self._extensions,
        )

    async def _answer(
        self, request: HttpRequest, address: httpx2.URL, response: httpx2.Response
    ) -> Payload | NotModified | _Redirect:
        status = response.status_code
        if status == 304 and request.validators != Validators():
            return NotModified()
        if status in _REDIRECTS:
            target = _next(address, response.headers.get("Location", ""))
            return _Redirect(target, for_good=status in (301, 308))
        if not 200 <= status < 300:
            advice = _ADVICE.get(status) or (
                "the server has a problem; we try again later" if status >= 500 else "check the address"
            )
            raise SourceError(
                f"{_shown(address)} answered {status}: {advice}",
                wait=_wait(response) if status in (429, 503) else timedelta(0),
                status=status,
            )
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._limits.size:
                raise SourceError(
                    f"{_shown(address)} is larger than {self._limits.size:,} bytes; "
                    "give the address of a feed with fewer entries"
                )
        bare = _shown(address)
        return Payload(
            documents={bare: bytes(body)},
            base=bare,
            content_type=_header(response, "Content-Type"),
            validators=Validators(_header(response, "ETag"), _header(response, "Last-Modified")),
        )


def _parse(url: str, shown: str) -> httpx2.URL:
    try:
        address = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise SourceError(f"{_printable(shown)} is no address ({_fault(error)}); correct it") from None
    # httpx2 lets these two through; they would come back as a name that can't be resolved.
    impossible = "%" in address.host or not 0 < (address.port or 80) < 65_536
    if address.scheme not in ("http", "https") or not address.host or impossible:
        raise SourceError(f"{_printable(shown)} is no http or https address; correct it")
    return address


def _next(address: httpx2.URL, location: str) -> httpx2.URL:
    try:
        target = str(address.join(location)) if location else ""
    except (httpx2.InvalidURL, ValueError):
        target = ""
    if not target:
        raise SourceError(f"{_shown(address)} redirects to no address; check it in a browser")
    return _parse(target, f"{_shown(address)} redirects to {location}, which")


def _password(address: httpx2.URL) -> bytes:
    """What stands before the host, as RFC 7617 sends it."""
    return f"{address.username}:{address.password}".encode()


def _header(response: httpx2.Response, name: str) -> str:
    """A header's value, if it is one that can be kept and sent back as it is."""
    value: str = response.headers.get(name, "")
    return value if len(value) <= 500 and value.isascii() and value.isprintable() else ""


def _wait(response: httpx2.Response) -> timedelta:
    """How long the server wants to be left alone: seconds, or a date by its own clock (RFC 9110 §10.2.3)."""
    given = response.headers.get("Retry-After", "").strip()
    try:
        if given.isascii() and given.isdigit():
            return min(timedelta(seconds=int(given[:9])), _LONGEST_WAIT)
        until = parsedate_to_datetime(given)
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return max(timedelta(0), min(until - sent, _LONGEST_WAIT))
    except (ValueError, TypeError, OverflowError):  # no date at all, or one without a zone beside one with it
        return timedelta(0)


def _shown(url: httpx2.URL | str) -> str:
    """The address without the password it may hold: for messages, and as the base of links."""
    try:
        address = url if isinstance(url, httpx2.URL) else httpx2.URL(url)
        return str(address.copy_with(userinfo=b"") if address.userinfo else address)
    except (httpx2.InvalidURL, ValueError):
        return "the url"


def _printable(text: str) -> str:
    """What was given as an address and may be none, on one line and without a password."""
    return shorten(_USERINFO.sub("//", one_line(text)), 300)


def _fault(error: Exception) -> str:
    return shorten(one_line(str(error) or type(error).__name__), 120)
