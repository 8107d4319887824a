"""Claims held by a file lock: the operating system lets go of it when the process dies, however it dies.

A clock could not tell a dead worker from a slow one.
"""

import fcntl
import os
import uuid
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType


class FileClaims:
    """This process as a worker, for as long as the ``with`` block lasts.

    Each worker holds an exclusive ``flock`` on ``<directory>/<worker>.lock``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.worker = uuid.uuid4().hex
        self._descriptor = -1

    def __enter__(self) -> "FileClaims":
        self._directory.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path(self.worker), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._path(self.worker).unlink(missing_ok=True)
        os.close(self._descriptor)

    def is_dead(self, worker: str) -> bool:
        """Whether nobody holds this worker's lock any more; its file is then removed."""
        if worker == self.worker:
            return False
        try:
            descriptor = os.open(self._path(worker), os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            with suppress(FileNotFoundError):
                self._path(worker).unlink()
            return True
        finally:
            os.close(descriptor)

    def check(self) -> None:
        """A file lock can't be lost while the process lives."""

    def sending(self) -> AbstractContextManager[None]:
        """Nobody has to know: whether anything was written is asked before each mail."""
        return nullcontext()

    def _path(self, worker: str) -> Path:
        return self._directory / f"{worker}.lock"
