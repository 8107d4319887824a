"""One transaction with every repository on it: what a step loads from and writes to."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

from sqlmodel import Session

from pipeline.ports_running import QueueStore
from pipeline.store.articles import Articles
from pipeline.store.bounces import BounceBook
from pipeline.store.claims import LockClaims
from pipeline.store.deliveries import Deliveries
from pipeline.store.editions import Editions
from pipeline.store.feedback import FeedbackLog
from pipeline.store.log import Log
from pipeline.store.notices import Notices
from pipeline.store.outbox import Outbox
from pipeline.store.personal import Personal
from pipeline.store.planning import WavePlan
from pipeline.store.providers import Providers
from pipeline.store.publication import Publication
from pipeline.store.register import Register
from pipeline.store.session import Database, Line
from pipeline.store.signups import SignUps
from pipeline.store.slots import Slots
from pipeline.store.sources import Sources
from pipeline.store.subscribers import Subscribers


class NoQueue:
    """Where nobody takes jobs from a queue: who works finds what is due by the clock."""

    def put(self, task: str) -> None: ...

    def deliver(self, edition: str, ready: int) -> None: ...


OpenQueue = Callable[[Session], QueueStore]
"""The queue of jobs, in one transaction."""


def no_queue(session: Session) -> QueueStore:
    return NoQueue()


class Work:
    """The repositories of one transaction, each made when it is first asked for."""

    def __init__(self, session: Session, suppression_key: bytes, queue: OpenQueue = no_queue) -> None:
        self.session = session
        self._suppression_key = suppression_key
        self._queue = queue

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the transaction that is undone by itself when it raises."""
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            self.__dict__.pop("log", None)  # the lock it holds was let go of with the part
            raise

    @cached_property
    def articles(self) -> Articles:
        return Articles(self.session)

    @cached_property
    def log(self) -> Log:
        return Log(self.session)

    @cached_property
    def sources(self) -> Sources:
        return Sources(self.session)

    @cached_property
    def publication(self) -> Publication:
        return Publication(self.session)

    @cached_property
    def subscribers(self) -> Subscribers:
        return Subscribers(self.session, self._suppression_key)

    @cached_property
    def signups(self) -> SignUps:
        return SignUps(self.session, self._suppression_key)

    @cached_property
    def personal(self) -> Personal:
        return Personal(self.session, self._suppression_key)

    @cached_property
    def notices(self) -> Notices:
        return Notices(self.session)

    @cached_property
    def editions(self) -> Editions:
        return Editions(self.session)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.session)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.session)

    @cached_property
    def providers(self) -> Providers:
        return Providers(self.session)

    @cached_property
    def bounces(self) -> BounceBook:
        return BounceBook(self.session)

    @cached_property
    def feedback(self) -> FeedbackLog:
        return FeedbackLog(self.session)

    @cached_property
    def register(self) -> Register:
        return Register(self.session)

    @cached_property
    def slots(self) -> Slots:
        return Slots(self.session)

    @cached_property
    def queue(self) -> QueueStore:
        return self._queue(self.session)

    def plan(
        self,
        *,
        edition: int,
        wave: int,
        frequency: str,
        zones: Iterable[str] | None,
        confirmed_by: datetime | None,
        cutoff: int,
        now: datetime,
    ) -> WavePlan:
        """The planning of one wave in this transaction."""
        return WavePlan(
            self.session,
            edition=edition,
            wave=wave,
            frequency=frequency,
            zones=zones,
            confirmed_by=confirmed_by,
            cutoff=cutoff,
            now=now,
        )


class Store:
    """Where work begins: for reading, or for writing."""

    def __init__(self, database: Database, suppression_key: bytes, queue: OpenQueue = no_queue) -> None:
        self._database = database
        self._suppression_key = suppression_key
        self._queue = queue

    @contextmanager
    def read(self) -> Iterator[Work]:
        """One consistent view; nothing written in it is kept."""
        with self._database.read() as session:
            yield Work(session, self._suppression_key)

    @contextmanager
    def write(self) -> Iterator[Work]:
        """One transaction: all of it is kept when the block ends, nothing when it raises."""
        with self._database.write() as session:
            yield Work(session, self._suppression_key, self._queue)

    @contextmanager
    def look(self, claims: LockClaims) -> Iterator[Work]:
        """A quick look at how things stand, by a worker, which it may only take while it holds its claims."""
        with claims.session() as session:
            yield Work(session, self._suppression_key)

    @contextmanager
    def line(self, *, alone: bool) -> Iterator["StoreLine"]:
        """A connection of one's own, for a worker that writes all the time, as ``Database.line``."""
        with self._database.line(alone=alone) as line:
            yield StoreLine(line, self._suppression_key)


class StoreLine:
    """Work on one connection, and whether anybody else has written meanwhile."""

    def __init__(self, line: Line, suppression_key: bytes) -> None:
        self._line = line
        self._suppression_key = suppression_key
        self.changed = line.changed

    @contextmanager
    def write(self) -> Iterator[Work]:
        """As ``Store.write``."""
        with self._line.write() as session:
            yield Work(session, self._suppression_key)
