"""What is published, as plain files that any web server can serve.

A theme's documents are one generation: they stand together in a build, and one rename of a link puts
all of them live::

    feeds/cloud.atom  ─▶  ../.live/cloud/feeds/cloud.atom
                             .live/cloud  ─▶  ../.builds/cloud.<hash of its content>

Each archive of a theme is a generation of its own, since it hardly ever changes: ``.live/cloud~3``.

So a crash leaves the old generation or the new one, never some of each, and the same content is the
same build, for which nothing is written.
"""

import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.edges.builds import Builds
from pipeline.edges.compress import ENCODINGS, unpacked
from pipeline.edges.ondisk import create, files_below, holds, link_at, naming, stamp, sync, write
from pipeline.edges.watch import Watch
from pipeline.ports_publishing import PublishError

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PATH = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
_COMPRESSED = tuple(ENCODINGS.values())
_NEW = ".new"
"""What is being written, before it is renamed to what it is. The lock leaves one writer at a time."""

_FIRST, _LAST = b'{"builds": {\n', b"\n}}\n"
"""What stands around the list of everything, which has a line for each build."""


class LiveDirectory:
    """Publishes into a directory, one process at a time; others wait for their turn.

    Every method raises PublishError where the disk refuses: what was live then still is. It raises
    ValueError for slugs and paths that could lead anywhere else.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._builds = Builds(directory / ".builds")
        self._one_thread = threading.RLock()
        self._held = False
        self._switched: set[str] = set()
        self._lines: dict[str, bytes] = {}
        self._listed_as: object = None
        """The list of everything as this object left it, and what it has switched since."""
        self._watch = Watch(self._directory, self._standing, ("", ".live", ".builds"))

    def missing(self, slugs: Collection[str]) -> set[str]:
        """Those of these themes that do not stand, as ``Watch`` has it."""
        return self._watch.missing(slugs)

    def stands(self, slug: str) -> bool:
        """Whether a theme is live, and all its public paths lead to its documents."""
        return bool(self._standing(slug))

    def switch(
        self,
        slug: str,
        files: Mapping[str, bytes],
        archive: int = 0,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bool:
        """Put documents of a theme live together, by their public paths, as in ``feeds/cloud.atom``.

        They are the current ones, or an archive's by its number. ``meanwhile`` is called while the disk
        takes them in; where it raises, nothing goes live.

        False where exactly these were live: then nothing is written, but what is missing or damaged
        is mended. Of the builds before, the last one is kept, for whoever is reading in it.
        """
        live = self._live(slug, archive)
        unit = live.rpartition("/")[2]
        for path in files:
            _checked(path)
        build = self._builds.name(unit, files)
        target = f"../.builds/{build}"
        changed = False
        with self.alone():
            self._switched.add(unit)
            self._watch.forget(unit)
            before = link_at(live)
            shown = set(self._builds.paths(before.rpartition("/")[2])) if before else set()
            # The old ones first, so that the disk has room.
            others = [each for each in self._builds.of(unit) if f"../.builds/{each}" not in (before, target)]
            for other in others:
                changed |= self._unlink_public(unit, set(self._builds.paths(other)) - shown - set(files))
            if before != target:
                with suppress(PublishError):
                    self._builds.discard(others)
            try:
                if before == target:
                    meanwhile()
                    for path, document in files.items():
                        changed |= self._put(f"{self._directory}/.builds/{build}/{path}", document)
                else:
                    changed |= self._builds.fill(build, files, meanwhile)
                # Links before the switch, so that nothing is left to fail once the documents are live.
                for path in files:
                    changed |= self._link(f"{self._directory}/{path}", _target(unit, path))
                changed |= self._link(live, target)
            except BaseException:
                if link_at(live) != target:
                    with suppress(PublishError):
                        self._builds.discard([build])
                raise
            changed |= self._unlink_public(unit, shown - set(files))
            if not archive:
                self._watch.put(unit, files)
        return changed

    def remove(self, slug: str) -> None:
        """Take a theme down: its current documents at once, then its archives and what is left of it all."""
        live = self._live(slug)
        with self.alone():
            # Also those of which only builds are left, where somebody died in the middle of this.
            archives = {place.name for place in Path(live).parent.glob(f"{slug}~*")}
            for unit in (slug, *sorted(archives | self._builds.archives(slug))):
                self._switched.add(unit)
                self._watch.forget(unit)
                place = f"{self._directory}/.live/{unit}"
                with naming(place), suppress(FileNotFoundError):
                    os.unlink(place)  # noqa: PTH108
                builds = self._builds.of(unit)
                for build in builds:
                    self._unlink_public(unit, self._builds.paths(build))
                self._builds.discard(builds)

    def write(self, path: str, document: bytes) -> bool:
        """Put one document live by itself; False where it was already."""
        _checked(path)
        with self.alone():
            return self._put(f"{self._directory}/{path}", document)

    def has(self, paths: Collection[str]) -> bool:
        """Whether there is something at each of these public paths."""
        return all(os.path.exists(f"{self._directory}/{path}") for path in paths)  # noqa: PTH110

    def published(self, path: str) -> bytes | None:
        """A document that is out, by its public path; None where there is none.

        Raises PublishError for one that can't be read, or whose packed forms are not its own.
        """
        place = f"{self._directory}/{path}"
        document = _read(place)
        if document is not None:
            for encoding, suffix in ENCODINGS.items():
                form = _read(place + suffix)
                if form is None:
                    raise PublishError(f"{path}{suffix} beside it is missing")
                if unpacked(encoding, form) != document:
                    raise PublishError(f"{path}{suffix} beside it is another document, or none at all")
        return document

    def catalogue(self, path: str) -> bool:
        """Bring the list of everything that is out up to date: public paths by the build they are of.

        A cache must forget the paths whose build is another than before. Plain documents only.
        """
        _checked(path)
        with self.alone():
            place = f"{self._directory}/{path}"
            ours = self._listed_as is not None and stamp(place) == self._listed_as
            if ours:
                changed = self._list(self._switched, {})
            else:  # by another process, or by none yet
                self._lines.clear()
                with naming(f"{self._directory}/.live"):
                    units = os.listdir(f"{self._directory}/.live")  # noqa: PTH208 - thousands of archives
                changed = self._list(units, _listed(place))
            if changed or not ours:
                document = b"".join((_FIRST, b",\n".join(self._lines.values()), _LAST))
                changed = self._replace(place, document) if ours else self._put(place, document)
            self._listed_as = stamp(place)
            self._switched.clear()
            return changed

    def _list(self, units: Collection[str], known: Mapping[str, bytes]) -> bool:
        """Bring the lines of these units up to date; False where all of them were."""
        found = {}
        for unit in units:
            live = f"{self._directory}/.live/{unit}"
            if build := link_at(live).rpartition("/")[2]:
                found[unit] = known.get(build) or _line(build, live)
        if {unit: self._lines[unit] for unit in units if unit in self._lines} == found:
            return False
        if found.keys() <= self._lines.keys():
            self._lines |= found
        else:
            self._lines = dict(sorted((self._lines | found).items(), key=lambda one: one[1]))
        for unit in set(units) - found.keys():
            self._lines.pop(unit, None)
        return True

    def _standing(self, slug: str) -> list[str]:
        paths = list(files_below(self._live(slug)))
        return paths if all(self._is_link(path, _target(slug, path)) for path in paths) else []

    def _live(self, slug: str, archive: int = 0) -> str:
        if not _SLUG.fullmatch(slug):
            raise ValueError(
                f"{slug!r} is no slug: it has more than small letters, digits and single hyphens"
            )
        return f"{self._directory}/.live/{slug}~{archive}" if archive else f"{self._directory}/.live/{slug}"

    def _unlink_public(self, unit: str, paths: Iterable[str]) -> bool:
        """Remove what a unit has no longer, unless it has become something else."""
        gone = [path for path in paths if self._is_link(path, _target(unit, path))]
        for path in gone:
            place = f"{self._directory}/{path}"
            with naming(place):
                os.unlink(place)  # noqa: PTH108
        return bool(gone)

    def _put(self, place: str, document: bytes) -> bool:
        return not holds(place, document) and self._replace(place, document)

    def _replace(self, place: str, document: bytes) -> bool:
        with self._becoming(place) as new:
            handle = create(new)
            try:
                write(handle, document)
                os.fsync(handle)
            finally:
                os.close(handle)
        return True

    def _link(self, place: str, target: str) -> bool:
        if link_at(place) == target:
            return False
        with self._becoming(place) as new:
            os.symlink(target, new)  # noqa: PTH211
        return True

    @contextmanager
    def _becoming(self, place: str) -> Iterator[str]:
        """Where to put what is to be at a place when the block ends."""
        with naming(place):
            try:
                yield f"{self._directory}/{_NEW}"
                self._rename(place)
            except OSError:
                self._clear()
                raise

    def _rename(self, place: str) -> None:
        """One step, and on disk when this returns: so what is renamed later is never there without it."""
        folder = os.path.dirname(place)  # noqa: PTH120
        changed = [folder]
        while not os.path.isdir(changed[-1]):  # noqa: PTH112
            changed.append(os.path.dirname(changed[-1]))  # noqa: PTH120
        if len(changed) > 1:
            os.makedirs(folder)  # noqa: PTH103
        os.replace(f"{self._directory}/{_NEW}", place)  # noqa: PTH105
        for folder in changed:
            sync(folder)

    def _is_link(self, path: str, target: str) -> bool:
        return link_at(f"{self._directory}/{path}") == target

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
                    with self._watch.changing():
                        yield
                finally:
                    self._held = False

    @contextmanager
    def _one_process(self) -> Iterator[None]:
        with naming(self._directory):
            os.makedirs(self._directory, exist_ok=True)  # noqa: PTH103
            handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with naming(self._directory):
                fcntl.flock(handle, fcntl.LOCK_EX)
                self._clear()
            try:
                yield
            finally:
                self._clear()
        finally:
            os.close(handle)

    def _clear(self) -> None:
        with naming(self._directory), suppress(FileNotFoundError):
            os.unlink(f"{self._directory}/{_NEW}")  # noqa: PTH108


def _read(place: str) -> bytes | None:
    """What stands at a place; None where nothing does. Raises PublishError where it can't be read."""
    try:
        return Path(place).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise PublishError(
            f"{place} can't be read ({error.strerror}); let the user that runs this read it"
        ) from error


def _checked(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path to publish: it must be relative, without hidden or odd names")


def _target(unit: str, path: str) -> str:
    """What a public path links to, as seen from its folder."""
    return "../" * path.count("/") + f".live/{unit}/{path}"


def _line(build: str, live: str) -> bytes:
    """A build in the list of everything: a line of JSON, with the paths of its plain documents."""
    paths = sorted(path for path in files_below(live) if not path.endswith(_COMPRESSED))
    return f"{json.dumps(build)}: {json.dumps(paths)}".encode()


def _listed(place: str) -> dict[str, bytes]:
    """The lines of the list as it is, by their builds, which never change; none where it is another list.

    Thousands of archives are in it, so it is not read as JSON.
    """
    try:
        document = Path(place).read_bytes()
    except OSError:
        return {}
    if not (document.startswith(_FIRST) and document.endswith(_LAST)):
        return {}
    lines = document[len(_FIRST) : -len(_LAST)].split(b",\n")
    return {line[1 : line.find(b'"', 1)].decode(): line for line in lines}
