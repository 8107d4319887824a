"""What is published, as plain files that any web server can serve.

A theme's documents are one generation: they stand together in a build, and one rename of a link puts
all of them live::

    feeds/cloud.atom  ─▶  ../.live/cloud/feeds/cloud.atom
                             .live/cloud  ─▶  ../.builds/cloud.<hash of its content>

Each archive of a theme is a generation of its own, since it hardly ever changes: ``.live/cloud~3``.

So a crash leaves the old generation or the new one, never some of each, and the same content is the
same build, for which nothing is written.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pipeline.edges.compress import ENCODINGS
from pipeline.ports import PublishError

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PATH = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
_COMPRESSED = tuple(ENCODINGS.values())
_NEW = ".new"
"""What is being written, before it is renamed to what it is. The lock leaves one writer at a time."""

_FIRST, _LAST = b'{"builds": {\n', b"\n}}\n"
"""What stands around the list of everything, which has a line for each build."""
_SYNCS = 8
"""Files that are brought to disk at a time: it takes one wait for all of them."""

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


class LiveDirectory:
    """Publishes into a directory, one process at a time; others wait for their turn.

    Every method raises PublishError where the disk refuses: what was live then still is. It raises
    ValueError for slugs and paths that could lead anywhere else.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._one_thread = threading.RLock()
        self._held = False
        self._switched: set[str] = set()
        self._lines: dict[str, bytes] = {}
        self._listed_as: object = None
        """The list of everything as this object left it, and what it has switched since."""

    def stands(self, slug: str) -> bool:
        """Whether a theme is live, and all its public paths lead to its documents."""
        live = self._live(slug)
        with _naming(live):
            paths = list(_files(live))
            return bool(paths) and all(self._is_link(path, _target(slug, path)) for path in paths)

    def switch(self, slug: str, files: Mapping[str, bytes], archive: int = 0) -> bool:
        """Put documents of a theme live together, by their public paths, as in ``feeds/cloud.atom``.

        They are the current ones, or an archive's by its number.

        False where exactly these were live: then nothing is written, but what is missing or damaged
        is mended. Of the builds before, the last one is kept, for whoever is reading in it.
        """
        unit = f"{slug}~{archive}" if archive else slug
        live = self._live(slug).with_name(unit)
        for path in files:
            _checked(path)
        build = self._directory / ".builds" / f"{unit}.{_hash(files)}"
        target = f"../.builds/{build.name}"
        changed = False
        with self.alone():
            self._switched.add(unit)
            before = self._read_link(live)
            try:
                if before == target:
                    for path, document in files.items():
                        changed |= self._put(build / path, document)
                else:
                    changed |= _fill(build, files)
                # Links before the switch, so that nothing is left to fail once the documents are live.
                for path in files:
                    changed |= self._link(self._directory / path, _target(unit, path))
                changed |= self._link(live, target)
            except PublishError:
                if self._read_link(live) != target:
                    shutil.rmtree(build, ignore_errors=True)
                raise
            for other in self._builds(unit):
                changed |= self._unlink_public(unit, set(_files(other)) - set(files))
                if before != target and other.name not in (build.name, Path(before).name):
                    shutil.rmtree(other, ignore_errors=True)
        return changed

    def remove(self, slug: str) -> None:
        """Take a theme down: its current documents at once, then its archives and what is left of it all."""
        live = self._live(slug)
        with self.alone():
            archives = sorted(live.parent.glob(f"{slug}~*"))
            for place in (live, *archives):
                self._switched.add(place.name)
                with _naming(place):
                    place.unlink(missing_ok=True)
                for build in self._builds(place.name):
                    self._unlink_public(place.name, _files(build))
                    with _naming(build):
                        shutil.rmtree(build)

    def write(self, path: str, document: bytes) -> bool:
        """Put one document live by itself; False where it was already."""
        _checked(path)
        with self.alone():
            return self._put(self._directory / path, document)

    def published(self, path: str) -> bytes | None:
        """A document that is out, by its public path; None where there is none."""
        place = self._directory / path
        return place.read_bytes() if place.is_file() else None

    def catalogue(self, path: str) -> bool:
        """Bring the list of everything that is out up to date: public paths by the build they are of.

        A cache must forget the paths whose build is another than before. Plain documents only.
        """
        _checked(path)
        with self.alone():
            place = self._directory / path
            units: Collection[str] = self._switched
            if _stamp(place) != self._listed_as:  # by another process, or by none yet
                self._lines.clear()
                with _naming(self._directory / ".live"):
                    units = os.listdir(self._directory / ".live")  # noqa: PTH208 - thousands of archives
            known = {} if units is self._switched else _listed(place)
            for unit in units:
                live = self._directory / ".live" / unit
                build = self._read_link(live).rpartition("/")[2]
                if build:
                    self._lines[unit] = known.get(build) or _line(build, live)
                else:
                    self._lines.pop(unit, None)
            changed = self._put(place, _FIRST + b",\n".join(sorted(self._lines.values())) + _LAST)
            self._listed_as = _stamp(place)
            self._switched.clear()
            return changed

    def _live(self, slug: str) -> Path:
        if not _SLUG.fullmatch(slug):
            raise ValueError(
                f"{slug!r} is no slug: it has more than small letters, digits and single hyphens"
            )
        return self._directory / ".live" / slug

    def _builds(self, unit: str) -> list[Path]:
        builds = self._directory / ".builds"
        with suppress(FileNotFoundError):
            return sorted(builds / name for name in os.listdir(builds) if name.startswith(f"{unit}."))  # noqa: PTH208
        return []

    def _unlink_public(self, unit: str, paths: Iterable[str]) -> bool:
        """Remove what a unit has no longer, unless it has become something else."""
        gone = [self._directory / path for path in paths if self._is_link(path, _target(unit, path))]
        for place in gone:
            with _naming(place):
                place.unlink()
        return bool(gone)

    def _put(self, place: Path, document: bytes) -> bool:
        with _naming(place):
            if not place.is_symlink() and place.is_file() and place.read_bytes() == document:
                return False
            new = self._directory / _NEW
            # 0o666 less the umask: a web server that runs as another user must be able to read it.
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with os.fdopen(handle, "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(handle)
            self._rename(new, place)
        return True

    def _link(self, place: Path, target: str) -> bool:
        with _naming(place):
            if self._read_link(place) == target:
                return False
            new = self._directory / _NEW
            new.symlink_to(target)
            self._rename(new, place)
        return True

    def _rename(self, new: Path, place: Path) -> None:
        """One step, and on disk when this returns: so what is renamed later is never there without it."""
        made = [folder for folder in place.parents if not folder.exists()]
        place.parent.mkdir(parents=True, exist_ok=True)
        new.replace(place)
        for folder in (place.parent, *(folder.parent for folder in made)):
            _sync(folder)

    def _is_link(self, path: str, target: str) -> bool:
        return self._read_link(f"{self._directory}/{path}") == target

    def _read_link(self, place: Path | str) -> str:
        """Where a link leads; nowhere, for what is none."""
        try:
            return os.readlink(place)  # noqa: PTH115 - a look at 40 themes asks hundreds of times
        except OSError:
            return ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other publishers out, by a lock that dies with this process, and clear away what one left.

        For whoever must read and publish what was read with nobody in between; the other methods
        take it themselves.
        """
        with self._one_thread:
            if self._held:
                yield
                return
            with self._one_process():
                self._held = True
                try:
                    yield
                finally:
                    self._held = False

    @contextmanager
    def _one_process(self) -> Iterator[None]:
        new = self._directory / _NEW
        with _naming(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _naming(self._directory):
                fcntl.flock(handle, fcntl.LOCK_EX)
                new.unlink(missing_ok=True)
            try:
                yield
            finally:
                with _naming(self._directory):
                    new.unlink(missing_ok=True)
        finally:
            os.close(handle)


@contextmanager
def _naming(place: Path) -> Iterator[None]:
    """Say what the disk refused, and where."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "check the disk and its permissions")
        raise PublishError(
            f"{place} can't be published ({error.strerror or error}); {advice}. What was live still is"
        ) from error


def _fill(build: Path, files: Mapping[str, bytes]) -> bool:
    """Write a build that nobody reads yet, and be sure that it is on disk; False where all of it was."""
    places = []
    folders = {build.parent: None, build: None}
    for path, document in files.items():
        place = build / path
        with _naming(place):
            folders.update(dict.fromkeys(folder for folder in place.parents if folder.is_relative_to(build)))
            if place.is_file() and place.read_bytes() == document:
                # An older build that is back must not look older than what it replaces.
                os.utime(place)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            # 0o666 less the umask: a web server that runs as another user must be able to read it.
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            with os.fdopen(handle, "wb") as file:
                file.write(document)
            places.append(place)
    with _naming(build), ThreadPoolExecutor(_SYNCS) as together:
        for _ in together.map(_sync, [*places, *folders]):
            pass
    return bool(places)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checked(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path to publish: it must be relative, without hidden or odd names")


def _target(unit: str, path: str) -> str:
    """What a public path links to, as seen from its folder."""
    return "../" * path.count("/") + f".live/{unit}/{path}"


def _line(build: str, live: Path) -> bytes:
    """A build in the list of everything: a line of JSON, with the paths of its plain documents."""
    paths = sorted(path for path in _files(live) if not path.endswith(_COMPRESSED))
    return f"{json.dumps(build)}: {json.dumps(paths)}".encode()


def _stamp(place: Path) -> object:
    """What tells whether a file is still the one that was written; None where there is none."""
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _listed(place: Path) -> dict[str, bytes]:
    """The lines of the list as it is, by their builds, which never change; none where it is another list.

    Thousands of archives are in it, so it is not read as JSON.
    """
    try:
        document = place.read_bytes()
    except OSError:
        return {}
    if not (document.startswith(_FIRST) and document.endswith(_LAST)):
        return {}
    lines = document[len(_FIRST) : -len(_LAST)].split(b",\n")
    return {line[1 : line.find(b'"', 1)].decode(): line for line in lines}


def _files(build: Path) -> Iterator[str]:
    """The public paths that a build has documents for."""
    top = str(build)
    for folder, _, names in os.walk(top):
        below = folder[len(top) + 1 :]
        yield from (f"{below}/{name}" if below else name for name in names)


def _hash(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for path, document in sorted(files.items()):
        digest.update(f"{path}:{len(document)}:".encode() + document)
    return digest.hexdigest()[:20]
