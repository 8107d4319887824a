"""Transactions: one engine, sessions for reading and for writing.

On SQLite a writing session begins with ``BEGIN IMMEDIATE``, so that two writers queue instead of
failing halfway; commits are synced to disk, since what was sent must not be forgotten.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, create_engine

try:  # The SQLite of older Pythons can corrupt a WAL with two writers (fixed in 3.51.3); this brings its own.
    import pysqlite3.dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

_VERSION = sqlite.sqlite_version_info
_WAL_IS_SAFE = _VERSION >= (3, 51, 3) or _VERSION in {(3, 50, 7), (3, 44, 6)}


class StoreError(Exception):
    """The database can't be used; the text names it and says what to do."""


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
            self.engine = create_engine(parsed)
        self.url = parsed

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent view, rolled back at its end."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends, and rolls back when it raises."""
        with self.engine.connect() as connection, self._transaction(connection) as session:
            yield session

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[Session]:
        connection.execution_options(writes=True)
        with Session(connection, expire_on_commit=False) as session:
            try:
                with session.begin():
                    yield session
            except OperationalError as error:
                raise StoreError(
                    f"the database {self.url.render_as_string()} refuses: {error.orig}"
                ) from error

    @contextmanager
    def line(self) -> Iterator["Line"]:
        """A connection of one's own, for who writes all the time and must know when others do."""
        with self.engine.connect() as connection:
            yield Line(self, connection)

    def close(self) -> None:
        self.engine.dispose()


class Line:
    """One connection, for one thread: transactions on it, and a cheap question about others' writes."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self._seen: object = None
        self._cursor: Any = None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """As ``Database.write``."""
        with self._database._transaction(self._connection) as session:
            yield session

    def changed(self) -> bool:
        """Whether anybody else may have written since this was asked last.

        SQLite knows (its ``data_version`` moves with the commits of other connections alone). Elsewhere
        the answer is always yes.
        """
        if self._connection.dialect.name != "sqlite":
            return True
        if self._cursor is None:
            self._cursor = self._connection.connection.cursor()
        version = self._cursor.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return False
        self._seen = version
        return True


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (
            f"journal_mode={'WAL' if _WAL_IS_SAFE else 'DELETE'}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
        ):
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlite.OperationalError as error:
                raise StoreError(
                    f"the database {engine.url.database} can't be used ({error}); let the user that runs "
                    "this write to it and to its folder"
                ) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
