"""What stands, without looking at every file each time: what was found is so until a folder changes."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from pipeline.edges.ondisk import stamp

_TRUSTED = 300.0
"""So many seconds: who removes something at the very moment of a look is found out by the next one."""


class Watch:
    """Remembers which units stand, and how the folders looked then in which their documents are.

    ``look`` gives a unit's public paths where all of it is in its place, and nothing otherwise; ``folders``
    are those beside them that matter.
    """

    def __init__(
        self, directory: str, look: Callable[[str], Collection[str]], folders: Collection[str]
    ) -> None:
        self._directory = directory
        self._look = look
        self._always = frozenset(folders)
        self._folders = self._always
        self._stands: dict[str, bool] = {}
        self._seen_as: list[object] = []
        self._seen_at = 0.0
        self._one_thread = threading.Lock()

    def missing(self, units: Collection[str]) -> set[str]:
        """Those of these units that do not stand."""
        with self._one_thread:
            if not self._looks_the_same() or time.monotonic() > self._seen_at + _TRUSTED:
                self._stands.clear()
                self._folders = self._always
                self._seen_at = time.monotonic()
            unknown = [unit for unit in units if unit not in self._stands]
            for unit in unknown:
                paths = self._look(unit)
                self._stands[unit] = bool(paths)
                self._folders |= _folders(paths)
            if unknown:
                self._seen_as = self._stamps()
            return {unit for unit in units if not self._stands[unit]}

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Does not mind what its owner changes meanwhile, who says what became of it."""
        with self._one_thread:
            same = self._looks_the_same()
        yield
        with self._one_thread:
            self._seen_as = self._stamps() if same else []

    def put(self, unit: str, paths: Collection[str]) -> None:
        """This unit stands now, with these paths."""
        with self._one_thread:
            self._stands[unit] = True
            self._folders |= _folders(paths)

    def forget(self, unit: str) -> None:
        """Look at this unit again."""
        with self._one_thread:
            self._stands.pop(unit, None)

    def _looks_the_same(self) -> bool:
        return self._seen_as == self._stamps()

    def _stamps(self) -> list[object]:
        return [stamp(f"{self._directory}/{folder}") for folder in sorted(self._folders)]


def _folders(paths: Collection[str]) -> set[str]:
    return {os.path.dirname(path) for path in paths}  # noqa: PTH120
