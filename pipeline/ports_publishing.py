"""What publishing asks of the store, of the disk, and of a hub."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from feeds.error import KennisportalError
from feeds.feed import Placed
from feeds.history import Archive
from feeds.hub import Ping
from pipeline.ports import ArticleStore, LogStore, RegisterStore
from subscribers.subscriber import Reader


class ShelfStore(Protocol):
    def latest(self, theme: str | None, limit: int) -> list[Placed]: ...
    def newest(self, themes: Collection[str], limit: int) -> list[Placed]: ...
    def get(self, ids: Collection[int]) -> dict[int, Placed]: ...


class PublicationStore(Protocol):
    def cursors(self) -> Mapping[str, tuple[int, str]]: ...
    def advance(self, theme: str, position: int, made_from: str) -> None: ...
    def catch_up(self, themes: Collection[str], position: int) -> None: ...
    def archives(self, theme: str, unless_from: str = "") -> list[Archive]: ...
    def keep(self, theme: str, archives: Sequence[Archive]) -> None: ...
    def retire(self, theme: str, at: datetime) -> None: ...
    def retired(self) -> set[str]: ...
    def revive(self, themes: Collection[str]) -> None: ...
    def ping(self, topics: Collection[str], at: datetime) -> None: ...
    def pings(self) -> list[Ping]: ...
    def pinged(self, pings: Collection[Ping]) -> None: ...
    def ping_failed(self, topic: str, error: str, due: datetime) -> None: ...


class OwnFeedStore(Protocol):
    def by_id(self, id: int) -> Reader | None: ...
    def feed_serial(self, id: int) -> int: ...


class FeedWork(Protocol):
    """What selecting for a feed needs of a transaction."""

    @property
    def shelf(self) -> ShelfStore: ...
    @property
    def register(self) -> RegisterStore: ...


class OwnFeedWork(FeedWork, Protocol):
    @property
    def subscribers(self) -> OwnFeedStore: ...


class PublishWork(FeedWork, Protocol):
    """What publishing needs of a transaction."""

    @property
    def articles(self) -> ArticleStore: ...
    @property
    def log(self) -> LogStore: ...
    @property
    def publication(self) -> PublicationStore: ...


class HubError(Exception):
    """The WebSub hub did not take a ping; the text says why."""


class Live(Protocol):
    """Where published documents stand: units of a theme's current documents, or of one of its archives."""

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other publishers out while the block lasts."""

    def missing(self, slugs: Collection[str]) -> set[str]:
        """Those of these themes whose current documents are not there."""

    def switch(
        self, slug: str, files: Mapping[str, bytes], archive: int, meanwhile: Callable[[], None]
    ) -> bool:
        """Put a unit's documents, by their public paths, live together; False where they were already.

        ``meanwhile`` is called while they are written. Where it raises, they do not go live.
        """

    def remove(self, slug: str) -> None:
        """Take down a theme's documents, archives included."""

    def catalogue(self, path: str) -> bool:
        """Bring the list of everything that is out up to date, at a public path."""

    def write(self, path: str, document: bytes) -> bool:
        """Put one document live by itself; False where it was already."""

    def has(self, paths: Collection[str]) -> bool:
        """Whether there is something at each of these public paths."""


class PublishError(KennisportalError):
    """Documents could not be put live; the text names the place and says what to do."""
