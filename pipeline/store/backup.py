"""Copies of an SQLite database: made while it is written to, checked, and put back in its place."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, create_engine

from feeds.error import KennisportalError
from pipeline.store.session import sqlite

_HEADER = b"SQLite format 3\0"
_BESIDE = ("", "-wal", "-shm", "-journal")


class BackupError(KennisportalError):
    """A copy can't be made or put back; the text names the file and says what to do."""


def copy(database: Path, target: Path, *, overwrite: bool) -> int:
    """Write a consistent copy of a database that others may be writing to; gives its size in bytes.

    It appears under its name once it is whole, checked and on the disk. Raises BackupError.
    """
    if target.exists() and not overwrite:
        raise BackupError(f"{target} is there already; name another file, or give --force to replace it")
    if not database.is_file():
        raise BackupError(f"{database}: there is no database to copy; run 'kennisportal db upgrade'")
    unfinished = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite.connect(database)) as source, closing(sqlite.connect(unfinished)) as copy:
            source.execute("PRAGMA busy_timeout = 30000")
            # All in one step: one view of the database, which those who write don't wait for.
            source.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")
        check(unfinished)
        sync(unfinished)
        unfinished.replace(target)
        sync(target.parent)
    except (sqlite.Error, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise BackupError(
            f"{target}: no backup could be made ({getattr(error, 'strerror', None) or error}); see that its "
            "folder can be written to and has room"
        ) from error
    return target.stat().st_size


def check(file: Path) -> None:
    """Raises BackupError for what is no whole SQLite database."""
    try:
        with file.open("rb") as opened:
            known = opened.read(len(_HEADER)) == _HEADER
        if not known:
            raise BackupError(f"{file} is no SQLite database; name a file that 'kennisportal backup' wrote")
        with closing(_read_only(file)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except (sqlite.Error, OSError) as error:
        raise BackupError(f"{file} can't be read ({getattr(error, 'strerror', None) or error})") from error
    if found != "ok":
        raise BackupError(f"{file} is damaged ({found}); use another backup")


@contextmanager
def reading(file: Path) -> Iterator[Session]:
    """A session on a backup, which leaves it as it is. Raises BackupError for one that can't be read."""
    engine = create_engine("sqlite://", creator=lambda: _read_only(file), poolclass=NullPool)
    try:
        with Session(engine) as session:
            yield session
    except DBAPIError as error:
        raise BackupError(f"{file} can't be read ({error.orig})") from error


def _read_only(file: Path) -> Any:
    return sqlite.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)


@contextmanager
def replacing(database: Path, backup: Path, kept: Path) -> Iterator[Path]:
    """A copy of a backup to work on, which takes the database's place when the block ends well.

    What was there before is ``kept``, where there was anything. Raises BackupError where another process has
    the database open.
    """
    fresh = database.with_name(f"{database.name}.restoring")
    _remove(fresh)
    _refuse_while_open(database)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(_read_only(backup)) as source:
            os.close(os.open(fresh, os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite.connect(fresh)) as copy:
                source.backup(copy)
        yield fresh
        with closing(sqlite.connect(fresh)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        _be_owned_alike(fresh, database)
        sync(fresh)
        _refuse_while_open(database)
        for ending in _BESIDE:
            beside = database.with_name(database.name + ending)
            if beside.exists():
                beside.replace(kept.with_name(kept.name + ending))
        fresh.replace(database)
        sync(database.parent)
    except (sqlite.Error, OSError) as error:
        raise BackupError(
            f"{backup} can't be put back ({getattr(error, 'strerror', None) or error}); see that "
            f"{database.parent} can be written to and has room"
        ) from error
    finally:
        _remove(fresh)


def _refuse_while_open(database: Path) -> None:
    """Leaving WAL mode needs the database for oneself: an idle connection of another process forbids it."""
    if not database.is_file():
        return
    try:
        with closing(sqlite.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise BackupError(
                f"{database} is in use; stop 'kennisportal run', 'web' and whatever else works on it first"
            ) from None
    except sqlite.DatabaseError:
        return  # damaged: that may be why it is replaced


def _be_owned_alike(file: Path, other: Path) -> None:
    """Whoever restores may be another user than the one who works with the database."""
    if other.exists():
        status = other.stat()
        if (status.st_uid, status.st_gid) != (os.getuid(), os.getgid()):
            os.chown(file, status.st_uid, status.st_gid)
        file.chmod(stat.S_IMODE(status.st_mode))


def _remove(file: Path) -> None:
    for ending in _BESIDE:
        file.with_name(file.name + ending).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or what a folder holds, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
