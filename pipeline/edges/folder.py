"""Reading a folder of documents, and nothing outside it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from feeds.draft import Problem
from feeds.source import FolderRequest, Payload, SourceError

FILE_SIZE = 5_000_000


def read_folder(request: FolderRequest, root: Path) -> Payload:
    """Every document below the request's path (relative to ``root``), by its path inside the folder.

    Hidden files and folders are passed over, and links that lead out of the folder are not followed.
    A file that can't be read, or is over 5 MB, is a problem in the payload. SourceError where the
    folder itself is missing or can't be read.
    """
    folder = (root / request.path).resolve()
    if not folder.is_dir():
        raise SourceError(
            f"the folder {folder} does not exist; create it, or correct the path of this source"
        )
    documents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path in _files(folder, request.suffixes):
        name = path.relative_to(folder).as_posix()
        if not name.isprintable():  # a name in another encoding, or with control characters
            shown = name.encode("utf-8", "replace").decode()
            problems.append(Problem(shown, "its name has characters that are no text; rename it"))
            continue
        try:
            documents[name] = _read(path)
        except _Unread as error:
            problems.append(Problem(name, str(error)))
        except OSError as error:
            problems.append(Problem(name, f"it can't be read ({error.strerror}); check its permissions"))
    return Payload(documents=documents, problems=tuple(problems))


class _Unread(Exception):
    """Why a file was not read, and what to do."""


def _files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        # What we can't see would seem withdrawn, so a folder we can't enter stops the source.
        raise SourceError(
            f"the folder {error.filename} can't be read ({error.strerror}); check its permissions"
        )

    for place, folders, files in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.startswith(".") or not name.lower().endswith(suffixes):
                continue
            path = Path(place, name)
            if path.resolve().is_relative_to(folder):
                yield path


def _read(path: Path) -> bytes:
    # Not blocking: a named pipe would keep us waiting for somebody to write to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _Unread("it is no ordinary file; move it out of the folder")
        content = file.read(FILE_SIZE + 1)
    if len(content) > FILE_SIZE:
        raise _Unread(f"it is larger than {FILE_SIZE // 1_000_000} MB; make it smaller")
    return content
