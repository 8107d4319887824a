"""One transaction with every repository on it: what a step loads from and writes to."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cached_property

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from pipeline.ports import THEMES_FACT, StoreError
from pipeline.ports_running import QueueStore
from pipeline.store.alarms import Alarms
from pipeline.store.articles import Articles
from pipeline.store.bounces import BounceBook
from pipeline.store.claims import LockClaims
from pipeline.store.deliveries import Deliveries
from pipeline.store.editions import Editions
from pipeline.store.feedback import FeedbackLog
from pipeline.store.journaling import Journaling
from pipeline.store.log import Log
from pipeline.store.notices import Notices
from pipeline.store.outbox import Outbox
from pipeline.store.personal import Personal
from pipeline.store.planning import WavePlan
from pipeline.store.providers import Providers
from pipeline.store.publication import Publication
from pipeline.store.register import Register
from pipeline.store.rosters import Rosters
from pipeline.store.session import Database, Line
from pipeline.store.shelf import Shelf
from pipeline.store.signups import SignUps
from pipeline.store.slots import Slots
from pipeline.store.sources import Sources
from pipeline.store.statistics import Statistics
from pipeline.store.subscribers import Subscribers
from pipeline.store.themes import Themes
from pipeline.store.vitals import Vitals


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
    def journaled(self, journaling: Journaling | None) -> Iterator["Work"]:
        """This, for a block that ends in a commit, of which the journal knows what it must."""
        yield self
        if journaling is not None:
            made = self.__dict__  # what of a repository was never asked for did nothing
            journaling.before_commit(
                self.session,
                made.get("subscribers"),
                made.get("outbox"),
                enrols=not made.keys().isdisjoint(("subscribers", "signups", "notices")),
            )

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the transaction that is undone by itself when it raises."""
        self.session.flush()
        try:
            with self.session.connection().begin_nested():
                yield
                self.session.flush()
        except BaseException as error:
            self.session.expunge_all()
            for repository in ("articles", "log", "sources", "register"):  # what was seen, and the lock held
                self.__dict__.pop(repository, None)
            if isinstance(error, OperationalError):  # a full disk, say, which is no fault of this part
                raise StoreError(f"the database refuses: {error.orig}") from error
            raise

    @cached_property
    def articles(self) -> Articles:
        return Articles(self.session)

    @cached_property
    def shelf(self) -> Shelf:
        return Shelf(self.session)

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
    def themes(self) -> Themes:
        return Themes(self.session)

    @cached_property
    def subscribers(self) -> Subscribers:
        return Subscribers(self.session, self._suppression_key)

    @cached_property
    def rosters(self) -> Rosters:
        return Rosters(self.session, self.subscribers)

    @cached_property
    def signups(self) -> SignUps:
        return SignUps(self.session, self._suppression_key)

    @cached_property
    def personal(self) -> Personal:
        return Personal(self.session, self._suppression_key, self.subscribers)

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
    def alarms(self) -> Alarms:
        return Alarms(self.session)

    @cached_property
    def statistics(self) -> Statistics:
        return Statistics(self.session)

    @cached_property
    def vitals(self) -> Vitals:
        return Vitals(self.session)

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

    def __init__(
        self,
        database: Database,
        suppression_key: bytes,
        queue: OpenQueue = no_queue,
        journaling: Journaling | None = None,
    ) -> None:
        self._database = database
        self._suppression_key = suppression_key
        self._queue = queue
        self._journaling = journaling
        self._themes: str | None = None

    def hold_to_themes(self) -> None:
        """Themes are as the config has them now: ``themed_write`` refuses once they are changed."""
        with self.read() as work:
            self._themes = work.register.fact(THEMES_FACT)

    @contextmanager
    def read(self) -> Iterator[Work]:
        """One consistent view; nothing written in it is kept."""
        with self._database.read() as session:
            yield Work(session, self._suppression_key)

    def write(self, *, silence: str | None = None) -> AbstractContextManager[Work]:
        """One transaction: all of it is kept when the block ends, nothing when it raises.

        ``silence`` as for ``Database.write``.
        """
        return _written(self._database.write(silence), self._suppression_key, self._queue, self._journaling)

    @contextmanager
    def themed_write(self) -> Iterator[Work]:
        """As ``write``, for who goes by the config's themes. Raises StoreError where these are others by now.

        What was logged under a theme that is gone would reach nobody.
        """
        with self.write() as work:
            if self._themes is not None and work.register.fact(THEMES_FACT) != self._themes:
                raise StoreError(
                    "the themes were changed by command since this process read its config; start it again"
                )
            yield work

    @contextmanager
    def look(self, claims: LockClaims) -> Iterator[Work]:
        """A quick look at how things stand, by a worker, which it may only take while it holds its claims."""
        with claims.session() as session:
            yield Work(session, self._suppression_key)

    @contextmanager
    def line(self, *, alone: bool) -> Iterator["StoreLine"]:
        """A connection of one's own, for a worker that writes all the time, as ``Database.line``."""
        with self._database.line(alone=alone) as line:
            yield StoreLine(line, self._suppression_key, self._journaling)


class StoreLine:
    """Work on one connection, and whether anybody else has written meanwhile."""

    def __init__(self, line: Line, suppression_key: bytes, journaling: Journaling | None) -> None:
        self._line = line
        self._suppression_key = suppression_key
        self._journaling = journaling
        self.changed = line.changed

    def write(self) -> AbstractContextManager[Work]:
        """As ``Store.write``."""
        return _written(self._line.write(), self._suppression_key, no_queue, self._journaling)


@contextmanager
def _written(
    transaction: AbstractContextManager[Session],
    key: bytes,
    queue: OpenQueue,
    journaling: Journaling | None,
) -> Iterator[Work]:
    with transaction as session, Work(session, key, queue).journaled(journaling) as work:
        yield work
    if journaling is not None:
        journaling.after_commit(work.__dict__.get("subscribers"))
