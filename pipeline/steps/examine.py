"""Looking at how the portal is doing: figures from the database, the config's sources, the disk."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from feeds.health import silence
from feeds.source import Source, is_due, left_alone_until
from pipeline.ports import Clock, LogStore, ProviderStore, SourceStore, Start
from subscribers.condition import (
    ClockCondition,
    Condition,
    DiskCondition,
    EditionCondition,
    JobCondition,
    QueueCondition,
    SourceCondition,
)


class VitalsStore(Protocol):
    def editions(self, now: datetime) -> tuple[EditionCondition, ...]: ...
    def uncertain(self) -> dict[str, int]: ...
    def spikes(self, now: datetime) -> dict[str, int]: ...
    def complaints(self, now: datetime) -> tuple[int, int]: ...
    def feed_cursors(self) -> Mapping[str, int]: ...
    def jobs(self) -> dict[str, JobCondition]: ...
    def clock(self) -> ClockCondition | None: ...


class _Articles(Protocol):
    def recent(self, source: str) -> list[datetime]: ...
    def count(self) -> dict[str, int]: ...


class _Readers(Protocol):
    def count(self) -> dict[str, int]: ...


class ExamineWork(Protocol):
    """What an examination needs of a transaction."""

    @property
    def vitals(self) -> VitalsStore: ...
    @property
    def articles(self) -> _Articles: ...
    @property
    def log(self) -> LogStore: ...
    @property
    def sources(self) -> SourceStore: ...
    @property
    def subscribers(self) -> _Readers: ...
    @property
    def providers(self) -> ProviderStore: ...


class Examiner:
    """Examines a portal. ``late`` names the feeds that are behind; ``disk`` looks at the database's disk, and
    ``queue`` at the jobs that wait."""

    def __init__(
        self,
        read: Start[ExamineWork],
        sources: Sequence[Source],
        late: Callable[[], Sequence[str]],
        disk: Callable[[], DiskCondition | None],
        queue: Callable[[], QueueCondition | None],
        clock: Clock,
    ) -> None:
        self._read = read
        self._sources = sources
        self._late = late
        self._disk = disk
        self._queue = queue
        self._clock = clock

    def examine(self) -> Condition:
        """How it stands now."""
        now = self._clock()
        late = self._late()
        with self._read() as work:
            head, last = work.log.last_change(None)
            cursors = work.vitals.feed_cursors()
            complaints, accepted = work.vitals.complaints(now)
            return Condition(
                at=now,
                head=head,
                last_entry=last,
                articles=work.articles.count(),
                sources=self._examine_sources(work, now),
                late={slug: head - cursors.get(slug, 0) for slug in late},
                readers=work.subscribers.count(),
                editions=work.vitals.editions(now),
                uncertain=work.vitals.uncertain(),
                closed=tuple(one for one in work.providers.known() if one.closed(now)),
                spikes=work.vitals.spikes(now),
                complaints=complaints,
                accepted=accepted,
                jobs=work.vitals.jobs(),
                clock=work.vitals.clock(),
                queue=self._queue(),
                disk=self._disk(),
            )

    def _examine_sources(self, work: ExamineWork, now: datetime) -> dict[str, SourceCondition]:
        memories = work.sources.memories([source.name for source in self._sources])
        found = {}
        for source in self._sources:
            memory = memories[source.name]
            quiet = silence(work.articles.recent(source.name), now)
            found[source.name] = SourceCondition(
                due=is_due(source, memory, now),
                failures=memory.failures,
                error=memory.error,
                gone=bool(memory.gone) and memory.gone == source.url,
                held=memory.held,
                silent_days=quiet.days if quiet else 0,
                left_alone_until=left_alone_until(memory, now),
            )
        return found
