"""Collecting::

    sources that are due ─▶ request ─▶ fetch, many at a time ─▶ read ─▶ normalise ─▶ absorb, one at a time
                                          └▶ not modified, or an error: remembered, and on to the next

What a source gets wrong is that source's own problem: the others go on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime

import anyio
import anyio.to_thread
import structlog

from feeds.article import Draft
from feeds.identity import distinct
from feeds.normalise import normalise
from feeds.source import (
    NotModified,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    SourceKind,
    Validators,
    is_due,
)
from pipeline.ports import Clock, CollectWork, Start
from pipeline.steps.absorb import House, Outcome, absorb, release

AT_ONCE = 32
"""Fetches under way at a time, and so the payloads in memory."""

log = structlog.get_logger()

Fetch = Callable[[Request], Awaitable[Payload | NotModified]]


@dataclass(slots=True)
class SourceReport:
    """One source's part. ``error`` says why nothing could be had; empty where something was."""

    name: str
    outcome: Outcome = field(default_factory=Outcome)
    error: str = ""


@dataclass(slots=True)
class CollectReport:
    """What a run came to. ``released`` are embargoed articles whose date had come."""

    sources: list[SourceReport] = field(default_factory=list)
    released: int = 0

    def total(self, name: str) -> int:
        """The sum over the sources of one number of their outcomes."""
        return sum(getattr(source.outcome, name) for source in self.sources)

    @property
    def failed(self) -> int:
        return sum(bool(source.error) for source in self.sources)


class _Undo(Exception):
    """Ends a transaction without keeping anything of it."""


class Collector:
    """Collects from the config's sources. ``fetching`` opens whatever fetches for the length of a run."""

    def __init__(
        self,
        *,
        start: Start[CollectWork],
        fetching: Callable[[], AbstractAsyncContextManager[Fetch]],
        kinds: Mapping[str, SourceKind],
        house: House,
        language: str,
        clock: Clock,
    ) -> None:
        self._start = start
        self._fetching = fetching
        self._kinds = kinds
        self._house = house
        self._language = language
        self._clock = clock

    def collect(
        self,
        sources: Sequence[Source],
        *,
        force: bool = False,
        dry_run: bool = False,
        progress: Callable[[SourceReport], None] = lambda report: None,
    ) -> CollectReport:
        """Look at the sources that are due, or with ``force`` at all of them and without validators.

        With ``dry_run`` everything is worked out and nothing kept.
        """
        report = CollectReport()
        with self._start() as work:
            now = self._clock()
            report.released = 0 if dry_run else release(work, now)
            memories = {source.name: work.sources.memory(source.name) for source in sources}
        due = []
        for source in sources:
            memory = memories[source.name]
            if force or is_due(source, memory, now):
                known = memory.validators if memory.validated == source.url else Validators()
                validators = Validators() if force else known
                due.append((source, validators, SourceReport(source.name)))
        report.sources = [part for _, _, part in due]

        async def run() -> None:
            slots = anyio.CapacityLimiter(AT_ONCE)
            writer = anyio.CapacityLimiter(1)

            async def one(source: Source, validators: Validators, part: SourceReport) -> None:
                async with slots:
                    answer = await self._ask(fetch, source, validators)
                    await anyio.to_thread.run_sync(
                        self._settle, source, answer, part, force, dry_run, limiter=writer
                    )
                progress(part)

            async with self._fetching() as fetch, anyio.create_task_group() as tasks:
                for source, validators, part in due:
                    tasks.start_soon(one, source, validators, part)

        if due:
            try:
                anyio.run(run)
            except ExceptionGroup as group:
                # What even the bookkeeping of a failure can't get past, such as a database that is gone.
                raise _first(group) from group
        return report

    def test(self, source: Source) -> tuple[Reading, list[Draft]]:
        """What a source shows now, normalised; stores nothing. Raises SourceError."""

        async def run() -> Payload | NotModified | SourceError:
            async with self._fetching() as fetch:
                return await self._ask(fetch, source, Validators())

        answer = anyio.run(run)
        if isinstance(answer, SourceError):
            raise answer
        if isinstance(answer, NotModified):
            raise SourceError(f"source {source.name}: it answers 304 to a request without validators")
        return self._read(source, answer)

    async def _ask(
        self, fetch: Fetch, source: Source, validators: Validators
    ) -> Payload | NotModified | SourceError:
        try:
            return await fetch(self._kinds[source.kind].request(source, validators))
        except SourceError as error:
            return error

    def _read(self, source: Source, payload: Payload) -> tuple[Reading, list[Draft]]:
        """The payload's drafts, normalised; what was wrong with them joins the reading's problems."""
        reading = self._kinds[source.kind].read(source, payload)
        fit = []
        for draft in reading.drafts:
            normal, problems = normalise(
                draft, base=payload.base, language=reading.language or self._language
            )
            reading.problems.extend(problems)
            if normal is not None:
                fit.append(normal)
        return reading, distinct(fit, reading.problems)

    def _settle(
        self,
        source: Source,
        answer: Payload | NotModified | SourceError,
        part: SourceReport,
        force: bool,
        dry_run: bool,
    ) -> None:
        """Turn an answer into articles, or remember that there was none."""
        try:
            if isinstance(answer, SourceError):
                raise answer
            if isinstance(answer, NotModified):
                with self._start() as work:
                    part.outcome.unchanged = len(work.articles.of_source(source.name))
                    if not dry_run:
                        work.sources.succeeded(source.name, self._clock())
            else:
                self._absorb(source, answer, part, force, dry_run)
        except Exception as error:  # a fault of one source, or of ours with it, is not the others'
            part.error = _named(source, error)
            if not dry_run:
                with self._start() as work:
                    now = self._clock()
                    until, gone = _left_alone(source, error, now)
                    work.sources.failed(source.name, now, part.error, until, gone)

    def _absorb(
        self, source: Source, payload: Payload, part: SourceReport, force: bool, dry_run: bool
    ) -> None:
        reading, drafts = self._read(source, payload)
        try:
            with self._start() as work:
                now = self._clock()
                part.outcome = absorb(
                    work,
                    self._house,
                    source,
                    reading,
                    drafts,
                    complete=self._kinds[source.kind].complete,
                    force=force,
                    now=now,
                )
                if dry_run:
                    raise _Undo
                work.sources.succeeded(source.name, now, payload.validators, source.url, reading.title)
        except _Undo:
            pass


def _left_alone(source: Source, error: Exception, now: datetime) -> tuple[datetime | None, str]:
    """Until when its server wants no visit, and the address at which it never wants one again."""
    if not isinstance(error, SourceError):
        return None, ""
    return now + error.wait if error.wait else None, source.url if error.gone else ""


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _named(source: Source, error: Exception) -> str:
    text = str(error)
    if not isinstance(error, SourceError):
        log.error("a source broke the collector", source=source.name, exc_info=error)
        text = f"collecting it failed in a way nobody foresaw ({type(error).__name__}); please report this"
    return text if text.startswith("source ") else f"source {source.name}: {text}"
