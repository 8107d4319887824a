"""Files and folders: what was written is there when the power is gone, and a refusal names its place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.ports_publishing import PublishError

_ADVICE = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space, or raise the quota",
    errno.EACCES: "let the user that runs this write there",
    errno.EPERM: "let the user that runs this write there",
    errno.EROFS: "mount its disk for writing, or publish elsewhere",
    errno.EISDIR: "move away the folder of that name",
    errno.ENOTDIR: "move away the file where a folder should be",
    errno.EEXIST: "move away the file where a folder should be",
}


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Say what the disk refused, and where."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "check the disk and its permissions")
        raise PublishError(
            f"{place} can't be published ({error.strerror or error}); {advice}. What was live still is"
        ) from error


def create(place: str) -> int:
    """Open a file for writing, empty."""
    # 0o666 less the umask: a web server that runs as another user must be able to read it.
    return os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def write(handle: int, document: bytes) -> None:
    """All of a document; it is on disk once the file is synced."""
    rest = memoryview(document)
    while rest:
        rest = rest[os.write(handle, rest) :]


def begin_to_sync(handle: int) -> None:
    """Have the disk begin with what was written to a file, so that there is less to wait for later."""
    if hasattr(os, "posix_fadvise"):  # not everywhere
        # Linux begins to write what it is told is not needed; what is not yet written, it keeps.
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def sync(place: str) -> None:
    """See to it that a folder's names are on disk."""
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def holds(place: str, document: bytes) -> bool:
    """Whether a file, itself and no link to one, has exactly this in it."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        return os.fstat(handle).st_size == len(document) and file.read() == document


def link_at(place: str) -> str:
    """Where a link leads; nowhere, for what is none."""
    try:
        return os.readlink(place)  # noqa: PTH115 - a look at 40 themes asks hundreds of times
    except OSError:
        return ""


def stamp(place: str) -> object:
    """What tells whether a file or folder is still the one it was; None where there is none."""
    try:
        found = os.stat(place)  # noqa: PTH116
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def files_below(folder: str) -> Iterator[str]:
    """The paths of all files in a folder, from there; none where there is no such folder."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from (f"{entry.name}/{path}" for path in files_below(entry.path))
        else:
            yield entry.name


def remove(folder: str) -> None:
    """A folder with all that is in it. Raises OSError."""
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove(entry.path)
        else:
            os.unlink(entry.path)  # noqa: PTH108
    os.rmdir(folder)  # noqa: PTH106
