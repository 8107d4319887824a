"""Transactions: one engine, sessions for reading and for writing.

One writes at a time, so that planning sees nobody change their mind halfway. SQLite knows nothing else:
a writing session begins with ``BEGIN IMMEDIATE``, so that two queue instead of failing halfway. On
PostgreSQL it begins with an advisory lock, which senders share: they lock what they claim row by row.
Commits are synced to disk, since what was sent must not be forgotten.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session, create_engine

from pipeline.ports import StoreError
from pipeline.store.prepared import Prepared

try:  # The SQLite of older Pythons can corrupt a WAL with two writers (fixed in 3.51.3); this brings its own.
    import pysqlite3.dbapi2 as _driver
except ImportError:
    import sqlite3 as _driver

sqlite: Any = _driver
_VERSION = sqlite.sqlite_version_info
WAL_IS_SAFE = _VERSION >= (3, 51, 3) or _VERSION in {(3, 50, 7), (3, 44, 6)}

_WRITE_LOCK = 0x6B656E6F
"""The advisory lock that every writing transaction holds; any number, as long as every process uses it."""
SENDER_LOCK = 0x6B656E70
"""The advisory lock that senders share for as long as they send, by which who writes knows of them."""
HEEDED = 0.01
"""Seconds after a commit in which every sender on PostgreSQL has seen it, or begins no mail."""
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""In seconds: a machine that is gone must neither keep others waiting for its locks nor wait for them."""

SILENCE = "60s"
"""So long after the last word of it a transaction that writes is undone: a machine that stands still would
otherwise keep everybody else from writing. Well above what we ever do between two statements."""
IN_LEAD = "10s"
"""The same for who leads: whoever takes over must not wait for what the one before was in the middle of."""
_END_WHEN_SILENT = "set_config('idle_in_transaction_session_timeout', :silence, true)"
_PLAN_ONCE = "set_config('plan_cache_mode', 'force_generic_plan', true)"
"""A line runs few statements, and those again and again: planning them took as long as running them."""
_ALONE = Prepared(text(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK}), {_END_WHEN_SILENT}"))
_BESIDE_OTHERS = Prepared(
    text(f"SELECT pg_advisory_xact_lock_shared({_WRITE_LOCK}), {_END_WHEN_SILENT}, {_PLAN_ONCE}")
)
_COUNT = text(
    "INSERT INTO lone_write (id, number) VALUES (1, 1) "
    "ON CONFLICT (id) DO UPDATE SET number = lone_write.number + 1 "
    "RETURNING pg_try_advisory_xact_lock(:senders)"
)
"""Counts a transaction, and tells whether nobody sends."""
CACHE = 8_000
"""kB of pages that SQLite keeps for a connection: what one transaction changes is all over the indexes."""


class Database:
    """One database. ``root`` is where a relative SQLite path starts from."""

    def __init__(self, url: str, root: Path = Path()) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database and parsed.database != ":memory:":
                path = root / parsed.database
                path.parent.mkdir(parents=True, exist_ok=True)
                parsed = parsed.set(database=str(path))
            self.engine = create_engine(parsed, module=sqlite)
            _tune_sqlite(self.engine)
        else:
            self.engine = create_engine(parsed, pool_pre_ping=True, connect_args=_KEEPALIVE)
            _tune_postgresql(self.engine)
        self.url = parsed

    def scrub(self) -> None:
        """See to it that what was deleted is in no file any more. PostgreSQL's own vacuum does that there."""
        if self.url.get_backend_name() == "sqlite":
            with closing(self.engine.raw_connection()) as connection:  # since it must be in no transaction
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent view, rolled back at its end."""
        with self.refusals(), self.engine.connect() as connection:
            if connection.dialect.name != "sqlite":  # where every transaction is one already
                connection.execution_options(isolation_level="REPEATABLE READ")
            with Session(connection, expire_on_commit=False) as session:
                yield session

    @contextmanager
    def write(self, silence: str | None = None) -> Iterator[Session]:
        """A session that commits when the block ends, and rolls back when it raises.

        On PostgreSQL also after a ``silence``: SILENCE where none is given; and there it is counted, since
        the server can't tell a line which commits were not another line's. Where somebody sends, it ends
        once that sender heeds what was written: a look of theirs holds for a moment.
        """
        with (
            self.refusals(),
            self.engine.connect() as connection,
            self._transaction(connection, _ALONE, silence or SILENCE) as session,
        ):
            heeded = True
            if connection.dialect.name == "postgresql":
                # A sender that begins from here on waits for this lock, and sees what was written.
                heeded = session.execute(_COUNT, {"senders": SENDER_LOCK}).scalar_one()
            yield session
        if not heeded:
            time.sleep(HEEDED)

    @contextmanager
    def line(self, *, alone: bool) -> Iterator["Line"]:
        """A connection of one's own, for who writes all the time and must know when others do.

        Its transactions run beside those of other lines, unless it writes ``alone``.
        """
        with self.refusals(), self.engine.connect() as connection:
            yield Line(self, connection, alone=alone)

    @contextmanager
    def _transaction(self, connection: Connection, begin: Prepared, silence: str) -> Iterator[Session]:
        connection.execution_options(writes=True)
        with Session(connection, expire_on_commit=False) as session, session.begin():
            if connection.dialect.name == "postgresql":
                begin.rows(session, {"silence": silence})
            yield session

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turns into a StoreError what the driver says of a database that is gone, busy or full."""
        try:
            yield
        except DBAPIError as error:
            # A server that shuts down, or an administrator who ends a connection, is no OperationalError.
            if not isinstance(error, OperationalError) and not error.connection_invalidated:
                raise
            raise StoreError(
                f"the database {self.url.render_as_string()} refuses: {error.orig}{_advice(error.orig)}"
            ) from error

    def close(self) -> None:
        self.engine.dispose()


class Line:
    """One connection, for one thread: transactions on it, and a cheap question about others' writes."""

    def __init__(self, database: Database, connection: Connection, *, alone: bool) -> None:
        self._database = database
        self._connection = connection
        self._alone = alone
        self._seen: object = None
        self._cursor: Any = None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """As ``Database.write``, beside others that do the same."""
        with (
            self._database.refusals(),
            self._database._transaction(
                self._connection, _ALONE if self._alone else _BESIDE_OTHERS, SILENCE
            ) as session,
        ):
            yield session

    def changed(self) -> bool:
        """Whether anybody else may have written since this was asked last, on SQLite.

        Its ``data_version`` moves with the commits of other connections alone.
        """
        if self._cursor is None:
            self._cursor = self._connection.connection.cursor()
        version = self._cursor.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return False
        self._seen = version
        return True


def _tune_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        # The server's half of the above; the names lack an s there.
        for name, value in _KEEPALIVE.items():
            connection.execute(f"SET tcp_{name} = {value}")
        connection.commit()


def _advice(error: object) -> str:
    """What to do about what SQLite says; "" where that has nothing to do with its file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # What it needs beside the file does not fit on a full disk, which it does not call full.
    if code in (sqlite.SQLITE_IOERR, sqlite.SQLITE_FULL):
        return "; make room on its disk, or see what is wrong with that"
    if code in (sqlite.SQLITE_CANTOPEN, sqlite.SQLITE_READONLY, sqlite.SQLITE_PERM):
        return "; let the user that runs this write to it and to its folder"
    return ""


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def make(dialect: Any, record: Any, arguments: Any, options: Any) -> None:
        # It holds people's addresses; what SQLite puts beside it is as private as the file itself.
        if engine.url.database not in (None, "", ":memory:"):
            with suppress(OSError):  # it is there, or connecting says what is wrong
                os.close(os.open(str(engine.url.database), os.O_CREAT | os.O_EXCL, 0o600))

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (
            f"journal_mode={'WAL' if WAL_IS_SAFE else 'DELETE'}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            f"cache_size=-{CACHE}",
            "secure_delete=ON",  # what is erased must not stay behind in the file
            "wal_autocheckpoint=4000",  # pages: each checkpoint waits for the disk twice
        ):
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlite.OperationalError as error:
                raise StoreError(
                    f"the database {engine.url.database} can't be used ({error}){_advice(error)}"
                ) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
