"""What a portal does otherwise on SQLite, in one process, and on PostgreSQL, in any number of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path

from sqlmodel import Session

from pipeline.edges.claims import FileClaims
from pipeline.edges.mutex import FileMutex
from pipeline.ports import Lookout
from pipeline.ports_running import Claims, Mutex, QueueStore
from pipeline.store.claims import LockClaims
from pipeline.store.mutex import LockMutex
from pipeline.store.session import HEEDED, Database
from pipeline.store.work import Store, StoreLine
from pipeline.threads import ThreadQueue
from subscribers.condition import QueueCondition


class Backend:
    """Where jobs wait, and how a process shows others that it lives."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.scales = database.url.get_backend_name() != "sqlite"
        """Whether several processes can work, on several machines."""

    @cached_property
    def threads(self) -> ThreadQueue:
        """The queue of a portal that is one process."""
        return ThreadQueue()

    def queue(self, session: Session) -> QueueStore:
        """The queue of jobs, as one transaction sees it."""
        if not self.scales:
            return self.threads
        from pipeline.store.queue import JobQueue  # which needs the extra for PostgreSQL

        return JobQueue(session)

    def waiting(self) -> QueueCondition | None:
        """How the queue stands; None where it is this process's own, and nobody else can know."""
        if not self.scales:
            return None
        from pipeline.store.queue import condition

        with self._database.read() as session:
            return condition(session)

    def mutex(self, name: str, *, must_show: bool = False) -> Mutex:
        """A lock by its name, which one process of this portal at a time holds.

        Whoever has one that they ``must_show`` loses it when nothing is heard of them for some seconds.
        """
        if self.scales:
            return LockMutex(self._database, name, must_show=must_show)
        return FileMutex(self._locks / f"{name}.mutex")

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else is at something of that name, nor will be while the block lasts."""
        mutex = self.mutex(name)
        held = mutex.hold()
        try:
            yield held
        finally:
            mutex.release()

    @contextmanager
    def worker(self, store: Store, line: StoreLine) -> Iterator[tuple[Claims, Lookout]]:
        """This process as a worker, and how it learns what others wrote."""
        if self.scales:
            with LockClaims(self._database) as claims:
                yield claims, Lookout(partial(store.look, claims), claims.changed, HEEDED / 2)
        else:
            with FileClaims(self._locks) as claims:
                yield claims, Lookout(store.read, line.changed)

    @property
    def _locks(self) -> Path:
        """Where the locks of a SQLite database are files: beside it."""
        file = Path(self._database.url.database or "")
        return file.with_name(f"{file.name}.workers")
