"""Placing all stored articles anew, when the rules of the themes have changed since the last time."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Protocol

from feeds.article import Visibility
from feeds.source import Source
from feeds.theme import ThemeTree
from pipeline.ports import Clock, CollectWork, Start
from pipeline.settings import ConfigError
from pipeline.steps.placing import House, place, retheme

_RULES = "theme rules"


class _Followed(Protocol):
    def followed(self) -> set[str]: ...


class FollowWork(Protocol):
    @property
    def subscribers(self) -> _Followed: ...


def refuse_lost_themes(read: Start[FollowWork], tree: ThemeTree) -> None:
    """Raises ConfigError for a theme that somebody follows and that disappeared from the config."""
    with read() as work:
        lost = sorted(slug for slug in work.subscribers.followed() if slug not in tree)
    if lost:
        raise ConfigError(
            f"the config has no theme {lost[0]!r} any more, but readers follow it; put it back, or say "
            f"what becomes of them: 'kennisportal themes rename {lost[0]} NEW', 'themes merge', "
            "'themes split' or 'themes retire'"
        )


class Rethemer:
    """Compares the rules in the config with those that were last applied, and applies them."""

    def __init__(
        self,
        start: Start[CollectWork],
        house: House,
        tree: ThemeTree,
        sources: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._start = start
        self._house = house
        self._tree = tree
        self._themes = {source.name: source.themes for source in sources}
        self._rules = _hash(tree, self._themes)
        self._clock = clock

    def apply(self) -> int:
        """Give every article its place by the rules as they are; gives how many moved.

        Nothing to do costs one look. A batch is a transaction; a run that breaks off is taken up
        again, since the rules count as applied only at the end.
        """
        with self._start() as work:
            applied = work.register.fact(_RULES)
            if applied == self._rules:
                return 0
            batches = list(work.articles.all_ids()) if applied else []
        moved = 0
        for ids in batches:
            with self._start() as work:
                moved += sum(self._again(work, id) for id in ids)
        with self._start() as work:
            work.register.set_fact(_RULES, self._rules)
        return moved

    def _again(self, work: CollectWork, id: int) -> bool:
        article = work.articles.get([id])[id]
        old = work.articles.themes([id])[id]
        if article.source in self._themes:
            new = place(self._house, article, self._themes[article.source])
        else:
            # Its source is no longer in the config, and with it what the source said of its themes.
            new = {slug: placement for slug, placement in old.items() if slug in self._tree}
        if old == new:
            return False
        work.articles.place(id, article.published, new)
        if article.visibility == Visibility.VISIBLE:
            retheme(work, id, old, new, self._clock())
        return old.keys() != new.keys()


def _hash(tree: ThemeTree, sources: Mapping[str, Sequence[str]]) -> str:
    """A name for these rules: everything about themes and sources that decides where an article goes."""
    rules = [theme.model_dump(exclude={"description", "formerly"}) for theme in tree]
    return sha256(f"{rules}{sorted(sources.items())}".encode()).hexdigest()
