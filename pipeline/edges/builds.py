"""Builds: folders of documents that belong together, each named by its unit and a hash of its content.

What a build holds is on disk before it goes live, and never changes after that.
"""

import os
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from feeds.feed import KEPT
from feeds.written import Written
from pipeline.edges.ondisk import (
    begin_to_sync,
    create,
    files_below,
    holds,
    naming,
    remove,
    stamp,
    sync,
    write,
)


class Builds:
    """A folder of builds; who uses it keeps others out meanwhile. Raises PublishError where the disk refuses.

    Which builds there are is remembered until somebody else adds or removes one: there are thousands.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._names: list[str] = []
        self._seen_as: object = None

    def name(self, unit: str, files: Mapping[str, bytes]) -> str:
        """What the build of these documents, by their paths, is called."""
        digest = sha256()
        for path, document in sorted(files.items()):
            digest.update(f"{path}:{len(document)}:".encode())
            for part in _parts(document):
                digest.update(part)
        return f"{unit}.{digest.hexdigest()[:20]}"

    def of(self, unit: str) -> list[str]:
        """The names of a unit's builds."""
        return self._between(f"{unit}.", f"{unit}/")  # what comes right after "."

    def archives(self, slug: str) -> set[str]:
        """The units of a theme's archives that there are builds of."""
        return {name.partition(".")[0] for name in self._between(f"{slug}~", f"{slug}\x7f")}

    def _between(self, first: str, last: str) -> list[str]:
        seen_as = stamp(self._directory)
        if seen_as != self._seen_as:
            self._names = sorted(os.listdir(self._directory)) if seen_as else []  # noqa: PTH208
            self._seen_as = seen_as
        return self._names[bisect_left(self._names, first) : bisect_left(self._names, last)]

    def paths(self, name: str) -> Iterator[str]:
        """The paths that a build has documents for."""
        return files_below(f"{self._directory}/{name}")

    def fill(self, name: str, files: Mapping[str, bytes], meanwhile: Callable[[], None]) -> bool:
        """Write a build that nobody reads yet, and be sure that it is on disk; False where all of it was.

        ``meanwhile`` is called while the disk takes it in; what that raises, this does.
        """
        build = f"{self._directory}/{name}"
        folders = {self._directory: None, build: None}
        folders |= {f"{build}/{above}": None for path in files for above in _above(path)}
        fresh = name not in self.of(name.partition(".")[0])
        with ExitStack() as stack:
            written = []
            with naming(build):
                for folder in folders:
                    with suppress(FileExistsError):
                        os.mkdir(folder)  # noqa: PTH102
            if fresh:
                self._note(insort, name)
            for path, document in files.items():
                place = f"{build}/{path}"
                with naming(place):
                    if not fresh and holds(place, document):
                        # An older build that is back must not look older than what it replaces.
                        os.utime(place)
                        continue
                    handle = create(place)
                    stack.callback(os.close, handle)
                    write(handle, document)
                    begin_to_sync(handle)
                    written.append(handle)
            meanwhile()
            with naming(build):
                for handle in written:
                    os.fsync(handle)
                for folder in folders:
                    sync(folder)
        return bool(written)

    def discard(self, names: Iterable[str]) -> None:
        """Remove builds."""
        for name in names:
            with naming(f"{self._directory}/{name}"):
                remove(f"{self._directory}/{name}")
            if name in self._names:
                self._note(list.remove, name)

    def _note(self, change: Callable[[list[str], str], None], name: str) -> None:
        change(self._names, name)
        self._seen_as = stamp(self._directory)


def _parts(document: bytes) -> Iterable[bytes]:
    """What tells a document from others: itself, or digests of its parts, most of which stood in the last."""
    if not isinstance(document, Written):
        return (document,)
    ends = (sha256(end).digest() for end in (document.head, document.tail))
    return (*ends, *map(_digest, document.items))


@lru_cache(maxsize=3 * KEPT)
def _digest(item: bytes) -> bytes:
    return sha256(item).digest()


def _above(path: str) -> Iterator[str]:
    """The folders that a path leads through, the outer ones first."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
