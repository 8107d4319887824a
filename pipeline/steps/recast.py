"""Changing the theme tree under readers, articles and the log::

    config as it will be, checked ─▶ readers and planned mail ─▶ articles and log ─▶ config replaced, commit

Who follows a theme that goes follows what takes its place. Nobody gets an article twice by it, since their
cursor stays where it is, and nobody misses one: what was news of the old theme is news of the new one.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from feeds.theme import ThemeTree
from pipeline.ports import FEED_FACT, THEMES_FACT, Clock, Start


class ThemeStore(Protocol):
    def followers(self, slug: str) -> tuple[int, int]: ...
    def planned(self, slug: str) -> int: ...
    def cancel_planned(self, slug: str, at: datetime) -> int: ...
    def follow_instead(self, slug: str, others: Collection[str]) -> None: ...
    def log_under(self, slug: str, other: str, *, placed: bool = False) -> None: ...
    def place_in(self, slug: str, other: str) -> None: ...
    def forget(self, slug: str) -> None: ...
    def decide_instead(self, slug: str, other: str) -> None: ...
    def show_as(self, slug: str, other: str) -> None: ...


class _Facts(Protocol):
    def fact(self, name: str) -> str: ...
    def set_fact(self, name: str, value: str) -> None: ...


class RecastWork(Protocol):
    """What changing the theme tree needs of a transaction."""

    @property
    def themes(self) -> ThemeStore: ...
    @property
    def register(self) -> _Facts: ...


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom a change would concern: readers, those among them who follow nothing else, and planned mails."""

    readers: int
    alone: int
    planned: int


class Recaster:
    """Changes themes in the database. ``tree`` is the config's as it will be then.

    ``replace_config`` puts that config in place; it is called last, so that nothing has changed if it fails.
    """

    def __init__(self, read: Start[RecastWork], write: Start[RecastWork], clock: Clock) -> None:
        self._read = read
        self._write = write
        self._clock = clock

    def affected(self, slug: str) -> Affected:
        """Whom a change of this theme would concern."""
        with self._read() as work:
            readers, alone = work.themes.followers(slug)
            return Affected(readers, alone, work.themes.planned(slug))

    def rename(self, slug: str, new: str, replace_config: Callable[[], object]) -> None:
        """Give a theme another slug. Whatever is planned goes out under it."""
        with self._write() as work:
            work.themes.follow_instead(slug, [new])
            work.themes.place_in(slug, new)
            work.themes.log_under(slug, new)
            work.themes.decide_instead(slug, new)
            work.themes.show_as(slug, new)
            # Its feed stays the feed that it is, and another theme that gets the old slug has another one.
            work.register.set_fact(f"{FEED_FACT}{new}", work.register.fact(f"{FEED_FACT}{slug}") or slug)
            work.register.set_fact(f"{FEED_FACT}{slug}", f"{slug} {self._clock().isoformat()}")
            self._forget(work, slug)
            replace_config()

    def merge(self, slug: str, into: str, tree: ThemeTree, replace_config: Callable[[], object]) -> None:
        """Let one theme take in another."""
        with self._write() as work:
            self._leave(work, slug, [into])
            for theme in (into, *tree.ancestors(into)):
                work.themes.place_in(slug, theme)
                work.themes.log_under(slug, theme)
            work.themes.decide_instead(slug, into)
            self._forget(work, slug)
            replace_config()

    def split(
        self, slug: str, into: Sequence[str], tree: ThemeTree, replace_config: Callable[[], object]
    ) -> None:
        """Let several themes take the place of one, once all articles are placed by the new rules.

        What was news of the old one is news of those that its article is in.
        """
        with self._write() as work:
            self._leave(work, slug, into)
            for theme in {one for name in into for one in (name, *tree.ancestors(name))}:
                work.themes.log_under(slug, theme, placed=True)
            self._forget(work, slug)
            replace_config()

    def retire(self, slug: str, replace_config: Callable[[], object]) -> None:
        """Take a theme out; who followed it follows the rest of what they chose."""
        with self._write() as work:
            self._leave(work, slug, [])
            self._forget(work, slug)
            replace_config()

    def _forget(self, work: RecastWork, slug: str) -> None:
        work.themes.forget(slug)
        work.register.set_fact(THEMES_FACT, self._clock().isoformat())

    def _leave(self, work: RecastWork, slug: str, instead: Sequence[str]) -> None:
        work.themes.cancel_planned(slug, self._clock())
        work.themes.follow_instead(slug, instead)
