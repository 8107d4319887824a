"""New articles, stored and logged together: those of many sources, since statements cost more than rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from feeds.article import Article
from feeds.classify import Placement
from feeds.log import Kind
from pipeline.ports import CollectWork


@dataclass(frozen=True, slots=True)
class Arrival:
    """An article that is new, with its places in themes and the names it is to be known by.

    ``kind`` is that of its entry in the log; None for one that waits, and has none yet.
    """

    article: Article
    places: Mapping[str, Placement]
    names: Sequence[str]
    kind: Kind | None


class Arrivals:
    """What arrived in a transaction and is not stored yet."""

    def __init__(self, work: CollectWork, now: datetime) -> None:
        self._work = work
        self._now = now
        self._waiting: list[Arrival] = []
        self._names: set[str] = set()

    def expect(self, arrivals: Collection[Arrival]) -> None:
        """Have these stored with the others."""
        self._waiting.extend(arrivals)
        self._names.update(name for arrival in arrivals for name in arrival.names)

    def join(self, others: "Arrivals") -> None:
        """Have those stored that the others wait with."""
        self._waiting += others._waiting
        self._names |= others._names

    def known_as(self, names: Iterable[str]) -> bool:
        """Whether any of those that are not stored yet has one of these names."""
        return not self._names.isdisjoint(names)

    def store(self) -> Sequence[int]:
        """Store and log all of them, in the order in which they came; gives their ids."""
        arrivals = self._waiting
        if not arrivals:
            return ()
        ids = self._work.articles.add([(arrival.article, arrival.places) for arrival in arrivals])
        entries = []
        named: dict[str, int] = {}
        for id, arrival in zip(ids, arrivals, strict=True):
            if arrival.kind is not None:
                entries.append((id, arrival.kind, arrival.places))
            for name in arrival.names:
                named.setdefault(name, id)  # a name that is taken keeps its meaning
        self._work.log.append_all(entries, self._now)
        self._work.articles.know_as(named)
        self._waiting, self._names = [], set()
        return ids
