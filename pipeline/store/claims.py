"""Claims held by a lock in PostgreSQL: the server lets go of it when the worker's connection ends.

That is when its process dies, whatever machine it ran on, or the way between the two is gone. A worker
that lives on then can't know what others made of its silence, so it has to stop.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from pipeline.ports_running import ClaimsLost
from pipeline.store.session import SENDER_LOCK, Database

_CHECK_EVERY = 1.0
_LOCK = text("SELECT pg_advisory_lock(:key)")
_BEGIN = text(f"SELECT pg_advisory_lock_shared({SENDER_LOCK})")
_END = text(f"SELECT pg_advisory_unlock_shared({SENDER_LOCK})")
# Looking must not take the lock, not even for a moment: two that look would take each other for the worker.
_HOLDER = text(
    "SELECT pid = pg_backend_pid() FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (classid::bigint << 32 | objid::bigint) = :key"
)


class LockClaims:
    """This process as a worker, for as long as the ``with`` block lasts, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.worker = uuid.uuid4().hex
        self._connection: Connection | None = None
        self._cursor: Any = None
        self._seen: object = None
        self._looks_at = 0.0
        self._holds_until = 0.0

    def __enter__(self) -> "LockClaims":
        with self._database.refusals():
            connection = self._database.engine.connect()
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # closed at the end, and the lock with it, rather than lent to others
            connection.execute(_LOCK, {"key": _key(self.worker)})
            self._cursor = connection.connection.cursor()
        self._connection = connection
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for looking, on the connection that holds the lock. Raises ClaimsLost.

        Each statement sees all that was committed before it.
        """
        if self._connection is None:
            raise _lost("it was closed")
        try:
            with Session(self._connection, expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            raise self._end(error.orig) from error

    @contextmanager
    def sending(self) -> Iterator[None]:
        """A block in which whoever writes knows of this sender, and waits for it. Raises ClaimsLost.

        Not for longer, since a worker keeps its connection for the next edition. It begins when whoever
        writes at that moment is done.
        """
        with self.session() as session:
            session.execute(_BEGIN)
        try:
            yield
        finally:
            with suppress(ClaimsLost), self.session() as session:  # the lock ends with the connection, too
                session.execute(_END)

    def changed(self) -> bool:
        """Whether anybody who writes alone may have written since this was asked last. Raises ClaimsLost.

        Other senders do not: what they write touches nothing of what this one has in hand. Once a second it
        says yes whatever is counted, for those who write by hand and count nothing. The driver is asked
        directly, since this is asked every few milliseconds.
        """
        if self._connection is None:
            raise _lost("it was closed")
        try:
            row = self._cursor.execute("SELECT number FROM lone_write", prepare=True).fetchone()
        except self._database.engine.dialect.loaded_dbapi.Error as error:
            raise self._end(error) from error
        now = time.monotonic()
        if row == self._seen and now < self._looks_at:
            return False
        self._seen, self._looks_at = row, now + _CHECK_EVERY
        return True

    def check(self) -> None:
        """Raises ClaimsLost where others may take this worker for dead.

        Looked up once a second: a connection that ended is noticed by whatever is asked on it next, and
        this is for one that is shared with others unawares.
        """
        if self._connection is None:
            raise _lost("it was closed")
        if time.monotonic() < self._holds_until:
            return
        if self._holder(self.worker) is not True:
            raise _lost(
                "the lock is not on it; a pooler between here and the server must keep sessions apart"
            )
        self._holds_until = time.monotonic() + _CHECK_EVERY

    def is_dead(self, worker: str) -> bool:
        """Whether nobody holds this worker's lock any more."""
        return worker != self.worker and self._holder(worker) is None

    def _end(self, why: object) -> ClaimsLost:
        """Let go of a connection that failed: used once more, it would be made anew, without the lock."""
        assert self._connection is not None
        self._connection.invalidate()
        self._connection = None
        return _lost(str(why))

    def _holder(self, worker: str) -> bool | None:
        """Whether it is this very connection that holds a worker's lock; None where nobody does."""
        with self.session() as session:
            ours: bool | None = session.execute(_HOLDER, {"key": _key(worker)}).scalar()
        return ours


def _key(worker: str) -> int:
    """A worker's lock. 63 bits made from its name, so that no two share one."""
    return int.from_bytes(hashlib.blake2b(worker.encode(), digest_size=8).digest()) >> 1


def _lost(why: str) -> ClaimsLost:
    return ClaimsLost(
        f"the database connection that tells others this sender lives is gone ({' '.join(why.split())}); "
        "it stopped, so that nobody is mailed twice. Run the command again: it goes on where this one was"
    )
