"""A lock that one process at a time holds, kept by PostgreSQL, wherever the process runs."""

import hashlib

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipeline.store.session import Database

SILENCE = "15s"
"""So long after it was last heard of, a holder counts as gone: its machine may have lost power or network."""

_TRY = text("SELECT pg_try_advisory_lock(:key)")
_STILL = text("SELECT 1")
# Older servers than 14 have no such limit, and go by the connection alone.
_LIMIT = text("SELECT set_config(name, :silence, false) FROM pg_settings WHERE name = 'idle_session_timeout'")


class LockMutex:
    """Held on a connection of its own, with which it ends.

    One that ``must_show`` ends also after a ``SILENCE``, so ``hold`` has to be called again well within it.
    """

    def __init__(self, database: Database, name: str, *, must_show: bool = False) -> None:
        self._database = database
        self._must_show = must_show
        self._key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Take it, or see that we have it still; False where another process has it, or nobody can."""
        if self._connection is not None:
            try:
                self._connection.execute(_STILL)
            except DBAPIError:
                self._connection.invalidate()
                self._connection = None
                return False
            return True
        try:
            connection = self._database.engine.connect()
        except DBAPIError:
            return False
        try:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # closed when we let go of it, and the lock with it
            if self._must_show:
                connection.execute(_LIMIT, {"silence": SILENCE})
            held = bool(connection.execute(_TRY, {"key": self._key}).scalar())
        except DBAPIError:
            connection.invalidate()
            return False
        if held:
            self._connection = connection
        else:
            connection.close()
        return held

    def release(self) -> None:
        """Let another have it."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
