"""A source: where articles come from, and what passes between it and whoever fetches for it.

A kind of source (``feeds.sources``) says what to ask for and reads the answers; the shell does the
asking. So a kind is tested by handing it bytes.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feeds.draft import Draft, Problem
from feeds.duration import Duration
from feeds.error import KennisportalError

MOVES = 3
"""So many looks in a row make a move."""
SLOWEST = 8
"""A quiet source is asked at least once in so many times its ``every``, or once a day."""
_QUIET = 24
"""It is asked so many times in as long a time as it has been quiet."""
_JITTER = 0.2
_APART = timedelta(minutes=1)
"""So much the clocks of two machines may differ."""


class Source(BaseModel):
    """One ``[[source]]`` of the config. ``url`` or ``path``, whichever its kind asks for.

    ``pages`` are patterns such as ``/nieuws/*``: of a sitemap only pages whose path fits one are read.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
    )
    kind: str
    url: str = Field(default="", max_length=2000)
    path: str = ""
    themes: list[str] = Field(default_factory=list)
    pages: list[str] = Field(default_factory=list)
    every: Duration = timedelta(minutes=15)

    @property
    def shown(self) -> str:
        """Its url without the password that may be in it, for messages."""
        return self._url_with("…@")

    @property
    def bare_url(self) -> str:
        """Its url without the password that may be in it, for others to use."""
        return self._url_with("")

    def _url_with(self, password: str) -> str:
        before, at, host = self.url.rpartition("@")
        scheme, _, rest = before.partition("://")
        return f"{scheme}://{password}{host}" if at and "/" not in rest else self.url

    @model_validator(mode="after")
    def _has_an_address(self) -> "Source":
        if not self.url and not self.path:
            raise ValueError(f"source {self.name!r} needs a url or a path")
        return self


@dataclass(frozen=True, slots=True)
class Validators:
    """What the last answer said to send along next time (RFC 9110 §8.8): both opaque."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A source that is leaving for another address: ``to`` is where, seen ``times`` times in a row.

    Once it is settled, it is asked at ``to`` for as long as the config has the url it moved ``from``.
    """

    to: str = ""
    times: int = 0
    origin: str = ""

    @property
    def settled(self) -> bool:
        return self.times >= MOVES


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a source between two looks at it."""

    validators: Validators = Validators()
    validated: str = ""
    """The address that the validators came from; to any other they mean nothing."""
    first_collected: datetime | None = None
    last_looked: datetime | None = None
    failures: int = 0
    error: str = ""
    title: str = ""
    """What the source calls itself."""
    not_before: datetime | None = None
    """Its server asked to be left alone until then."""
    gone: str = ""
    """The address that its server called gone for good."""
    bookmark: str = ""
    """Where its kind left off, in the kind's own words; may be long, and is there for a visit only."""
    afresh: bool = False
    """Whether all is to be read again, as if nothing had been seen of it."""
    shown: int = 0
    """How many articles it showed the last time that anything was read."""
    move: Move = Move()
    held: str = ""
    """Why what it shows now is held back; "" where it is not."""
    last_news: datetime | None = None
    """When a look last showed an article that we had not seen."""
    left_out: int = 0
    """How many articles were left out when it was last read."""
    left_out_why: str = ""
    """Why the first of them was."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Fetch ``url``; the validators make it conditional."""

    url: str
    validators: Validators = Validators()
    accept: str = "*/*"
    as_robot: bool = False
    """Only where the host's robots.txt lets robots (RFC 9309): for pages and sitemaps, not for feeds."""


@dataclass(frozen=True, slots=True)
class FolderRequest:
    """Read every file below ``path`` whose name ends in one of ``suffixes``."""

    path: str
    suffixes: tuple[str, ...]


Request = HttpRequest | FolderRequest


@dataclass(frozen=True, slots=True)
class Payload:
    """What came back. ``documents`` maps a name (the URL, or the path inside a folder) to bytes.

    ``base`` is the address after redirects, against which relative links resolve.
    """

    documents: Mapping[str, bytes]
    base: str = ""
    content_type: str = ""
    validators: Validators = Validators()
    problems: tuple[Problem, ...] = ()
    """Documents that are there but could not be had, under the names they would have."""
    moved: str = ""
    """Where the server says it is for good (301, 308), if it was not where we asked."""


@dataclass(frozen=True, slots=True)
class NotModified:
    """Nothing changed since the answer whose validators were sent along (RFC 9110 §15.4.5)."""

    moved: str = ""
    """As a Payload's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a kind read on one visit: drafts, newest or oldest first as they stood, and problems.

    ``base`` is what relative links resolve against; the validators and the bookmark are for next time.
    """

    drafts: list[Draft]
    problems: list[Problem] = field(default_factory=list)
    title: str = ""
    language: str = ""
    base: str = ""
    validators: Validators = Validators()
    bookmark: str = ""
    moved: str = ""
    partial: bool = False
    """Whether it holds only what changed since the last visit."""
    appeared: int = 0
    """How many articles came since the last visit, also those that are left for a next one."""
    wait: timedelta = timedelta(0)
    """How long its server asked to be left alone, having given this much."""


class SourceError(KennisportalError):
    """This source can't be read now. The text names it and says what to do; others go on.

    ``wait`` is how long its server asked to be left alone; ``status`` what it answered, if it did.
    """

    def __init__(self, text: str, *, wait: timedelta = timedelta(0), status: int | None = None) -> None:
        super().__init__(text)
        self.wait = wait
        self.status = status

    @property
    def gone(self) -> bool:
        """Whether there will be nothing at this address any more."""
        return self.status == 410


class OutOfTime(SourceError):
    """A visit has lasted long enough, at the pace its host wants; what is left is for the next one."""


class ClosedToRobots(SourceError):
    """The host's robots.txt wants no robots at this address; it may at others."""


class NotPublic(SourceError):
    """The ``host`` is at a private or local address, ``what`` says so, and nobody allowed that."""

    def __init__(self, what: str, host: str) -> None:
        super().__init__(f"{what}; if that is meant, add {host!r} to allow_hosts in [collect]")
        self.what = what
        self.host = host


Visit = Generator[Request, Payload | NotModified, Reading | NotModified]
"""A look at a source: it yields what to fetch, is sent the answers, and returns what was read.

Where there is no answer, the SourceError is thrown into it; what it does not catch ends the visit.
"""


class SourceKind(Protocol):
    """What every kind of source does."""

    name: str
    complete: bool
    """Whether a visit shows everything there is, so that what is missing has been withdrawn."""

    def visit(self, source: Source, memory: Memory) -> Visit:
        """Look at the source. Raises SourceError where the config lacks what this kind needs, and where
        what came is no document of this kind at all.
        """


@runtime_checkable
class DocumentKind(SourceKind, Protocol):
    """A kind whose visit is one request, and a reading of the answer that needs nothing else."""

    def read(self, source: Source, payload: Payload) -> Reading:
        """What the answer says. Raises SourceError where it is no document of this kind at all."""


def asked(source: Source, memory: Memory) -> Source:
    """The source at the address where it is now, which may not be the config's."""
    if memory.move.settled and memory.move.origin == source.url:
        return source.model_copy(update={"url": memory.move.to})
    return source


def moving(url: str, move: Move, moved: str, *, proven: bool) -> Move:
    """What is known of a source's move after a look at it at the config's ``url``.

    ``moved`` is where its server said it is for good. A maintenance page redirects like that, too: so the
    target counts only when it has ``proven``, several times in a row, to be the same source.
    """
    if not moved or not proven:
        return Move()
    return Move(moved, move.times + 1 if (move.to, move.origin) == (moved, url) else 1, url)


def is_due(source: Source, memory: Memory, now: datetime) -> bool:
    """Whether to look again: after its ``rhythm``, or after ``every``, doubled for each failure in a row.

    After failures it is a bit earlier or later, so that those that failed together do not all come back
    together. Not before its server wants it, and never at an address that is gone.
    """
    if memory.gone and memory.gone == source.url:
        return False
    if memory.last_looked is None or memory.last_looked > now + _APART:
        return True  # it was looked at by a clock that had jumped, or never
    wait = rhythm(source, memory)
    if memory.failures:
        wait = _no_more_than_a_day(source.every * 2 ** min(memory.failures, 10), source)
        drawn = blake2b(f"{source.name} {memory.failures}".encode(), digest_size=4).digest()
        wait *= 1 + _JITTER * (int.from_bytes(drawn) / 2**31 - 1)
    due = memory.last_looked + wait
    return now >= max(due, memory.not_before or due)


def left_alone_until(memory: Memory, now: datetime) -> datetime | None:
    """Until when its server asked to be left alone; None once that is over."""
    return memory.not_before if memory.not_before is not None and memory.not_before > now else None


def rhythm(source: Source, memory: Memory) -> timedelta:
    """How long to leave a source alone after a look: ``every`` while it is lively, longer while it is quiet.

    One that publishes once a month need not be asked every quarter of an hour. A folder is looked at as the
    config says: that costs nobody anything, and whoever puts a file there waits for it.
    """
    if source.path or memory.last_looked is None or memory.last_news is None:
        return source.every
    quiet = (memory.last_looked - memory.last_news) / _QUIET
    return _no_more_than_a_day(min(quiet, source.every * SLOWEST), source)


def _no_more_than_a_day(wait: timedelta, source: Source) -> timedelta:
    """A wait that keeps to a look a day, unless the config wants fewer."""
    return max(source.every, min(wait, timedelta(days=1)))
