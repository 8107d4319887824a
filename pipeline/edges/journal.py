"""The journal, as a file: appended to, synced, and rewritten when it has grown too long.

Any number of processes of one machine append to it, each holding an exclusive ``flock`` on a file beside it
while it does. Where several machines work on one database, each has a journal of its own, and a restore reads
them all.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from feeds.error import KennisportalError
from pipeline.edges.owner import keep_owner
from pipeline.ports import Clock
from subscribers.journal import KEPT, Event, Record, read, write, write_since

_LONG = 1 << 20
"""Bytes up to which a journal is left as it grows."""


class JournalError(KennisportalError):
    """The journal can't be used; the text names it and says what to do."""


class JournalFile:
    """A journal by its path. It is begun, and so its ``since`` is set, at the first event."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._longest = _LONG

    def append(self, events: Sequence[Event]) -> None:
        """Write events down; they are on the disk when this returns. Raises JournalError."""
        if not events:
            return
        with self._alone():
            before = self._whole()
            text = "".join(write(event) for event in events)
            if not before:
                text = write_since(self._clock()) + text
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.ftruncate(descriptor, before)
                os.lseek(descriptor, before, os.SEEK_SET)
                with os.fdopen(os.dup(descriptor), "wb") as file:
                    file.write(text.encode("ascii"))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if not before:
                _sync(self._path.parent)
            if before + len(text) > self._longest:
                self._compact()

    def record(self) -> Record:
        """What it comes to; blank where there is none. Raises JournalError."""
        return read_journals([self._path]) if self._path.exists() else Record()

    def now(self) -> datetime:
        """When what is written now happens."""
        return self._clock()

    def _whole(self) -> int:
        """The length of its whole lines, in bytes: what a crash left behind the last one is none."""
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - 4096)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
        return 0

    def _compact(self) -> None:
        """Write it anew with what still matters; the next time is when that has doubled."""
        now = self._clock()
        record = self.record()
        since: datetime = max(record.since or now, now - KEPT)
        events = record.compacted(now)
        fresh = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(write_since(since))
            file.writelines(write(event) for event in events)
            file.flush()
            os.fsync(file.fileno())
        keep_owner(fresh, self._path.stat())
        fresh.replace(self._path)
        _sync(self._path.parent)
        self._longest = max(_LONG, 2 * self._path.stat().st_size)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} can't be written ({error.strerror}); let the user that runs this "
                "write to it, and see that its disk is not full: who leaves is written down there first"
            ) from error


def read_journals(paths: Iterable[Path]) -> Record:
    """What these journals come to, taken together. Raises JournalError."""
    texts = []
    for path in paths:
        try:
            texts.append(path.read_text(encoding="ascii"))
            read(texts[-1:])
        except FileNotFoundError:
            raise JournalError(
                f"{path}: the journal is missing; put it back from where the portal ran, or name another "
                "with --journal"
            ) from None
        except OSError as error:
            raise JournalError(f"{path}: the journal can't be read: {error.strerror}") from None
        except ValueError as error:
            raise JournalError(
                f"{path}: the journal is damaged: {error}; mend or remove that line, which may name "
                "somebody who left"
            ) from None
    return read(texts)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
