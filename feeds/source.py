"""A source: where articles come from, and what passes between it and whoever fetches for it.

A kind of source (``feeds.sources``) says what to ask for and reads the answer; the shell does the
asking. So a kind is tested by handing it bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import model_validator
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

from feeds.article import Draft, Problem
from feeds.duration import Duration


class Source(SQLModel):
    """One ``[[source]]`` of the config. ``url`` or ``path``, whichever its kind asks for."""

    model_config = SQLModelConfig(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=100,
        schema_extra={"pattern": r"^[a-z0-9][a-z0-9._-]*$"},
    )
    kind: str
    url: str = Field(default="", max_length=2000)
    path: str = ""
    themes: list[str] = Field(default_factory=list)
    every: Duration = timedelta(minutes=15)

    @property
    def shown(self) -> str:
        """Its url without the password that may be in it, for messages."""
        before, at, host = self.url.rpartition("@")
        scheme = before.partition("://")[0]
        return f"{scheme}://…@{host}" if at and "/" not in before.partition("://")[2] else self.url

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


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Fetch ``url``; the validators make it conditional."""

    url: str
    validators: Validators
    accept: str = "*/*"


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


@dataclass(frozen=True, slots=True)
class NotModified:
    """Nothing changed since the answer whose validators were sent along (RFC 9110 §15.4.5)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a kind read from a payload: drafts, newest or oldest first as they stood, and problems."""

    drafts: list[Draft]
    problems: list[Problem] = field(default_factory=list)
    title: str = ""
    language: str = ""


class SourceError(Exception):
    """This source can't be read now. The text names it and says what to do; others go on.

    ``wait`` is how long its server asked to be left alone; ``gone`` that it said there will be nothing
    at this address any more.
    """

    def __init__(self, text: str, *, wait: timedelta = timedelta(0), gone: bool = False) -> None:
        super().__init__(text)
        self.wait = wait
        self.gone = gone


class SourceKind(Protocol):
    """What every kind of source does."""

    name: str
    complete: bool
    """Whether a payload lists everything there is, so that what is missing has been withdrawn."""

    def request(self, source: Source, validators: Validators) -> Request:
        """What to fetch. Raises SourceError where the config lacks what this kind needs."""

    def read(self, source: Source, payload: Payload) -> Reading:
        """The drafts in a payload. Raises SourceError when it is no document of this kind at all."""


def is_due(source: Source, memory: Memory, now: datetime) -> bool:
    """Whether to look again: after ``every``, doubled for each failure in a row, up to a day.

    Not before its server wants it, and never at an address that is gone.
    """
    if memory.gone and memory.gone == source.url:
        return False
    if memory.last_looked is None:
        return True
    doubled: timedelta = source.every * 2 ** min(memory.failures, 10)
    due = memory.last_looked + max(source.every, min(doubled, timedelta(days=1)))
    return now >= max(due, memory.not_before or due)
