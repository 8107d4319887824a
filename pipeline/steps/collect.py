"""Collecting::

    sources that are due ─▶ visit, many at a time: request ⇄ fetch ─▶ read, here or elsewhere ─┐
                              └▶ not modified, or an error ────────────────────────────────────┴▶ settle

What a source gets wrong is that source's own problem: the others go on.
"""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream

from feeds.discover import Offer, discover
from feeds.document import Document, Found, read_document
from feeds.draft import Draft
from feeds.shown import make_ready
from feeds.source import (
    DocumentKind,
    Memory,
    NotModified,
    Reading,
    Source,
    SourceError,
    SourceKind,
    Validators,
    asked,
    is_due,
)
from pipeline.ports import Clock, CollectWork, Start
from pipeline.steps.announce import release
from pipeline.steps.placing import House
from pipeline.steps.settle import Answer, Look, Settler, SourceReport, in_words, place_of
from pipeline.steps.visit import Fetch, drive

AT_ONCE = 32
"""Sources looked at at a time, and so the payloads in memory."""
AT_ONE_HOST = 2
"""Of them at one host, which is asked for one thing at a time: more would only wait in others' places."""
AHEAD = 6
"""Documents that whoever helps to read has at a time: one to read, and what is next without waiting."""
BEHIND = 8
"""So many that wait for it are too many: then one is read here, if there is nothing else to do."""
TOGETHER = 32
"""Sources absorbed in one transaction at most: each commit waits for the disk."""
SOON = 0.1
"""Seconds for which those that are over wait for others."""

Parse = Callable[[Document], Awaitable[Found | None]]
"""Reads a document elsewhere; None where that can't be done now."""


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

    @property
    def held(self) -> int:
        return sum(bool(source.held) for source in self.sources)


class Collector:
    """Collects from the config's sources.

    ``view`` is ``start`` for who only reads. ``fetching`` opens whatever fetches for the length of a run, and
    ``parsing`` whatever helps to read.
    """

    def __init__(
        self,
        *,
        start: Start[CollectWork],
        view: Start[CollectWork],
        fetching: Callable[[], AbstractAsyncContextManager[Fetch]],
        parsing: Callable[[], AbstractAsyncContextManager[Parse]],
        kinds: Mapping[str, SourceKind],
        house: House,
        language: str,
        clock: Clock,
    ) -> None:
        self._start = start
        self._view = view
        self._fetching = fetching
        self._parsing = parsing
        self._kinds = kinds
        # Of what is complete, the drafts are still wanted when it is read.
        self._documents = {
            name: kind for name, kind in kinds.items() if isinstance(kind, DocumentKind) and not kind.complete
        }
        self._house = house
        self._language = language
        self._clock = clock

    def collect(
        self,
        sources: Sequence[Source],
        *,
        force: bool = False,
        accept: bool = False,
        dry_run: bool = False,
        progress: Callable[[SourceReport], None] = lambda report: None,
    ) -> CollectReport:
        """Look at the sources that are due, or with ``force`` at all of them and without validators.

        With ``accept`` what they show is taken, however unlike what they showed before; and it is asked for
        now. With ``dry_run`` everything is worked out and nothing kept.
        """
        report = CollectReport()
        with self._start() as work:
            now = self._clock()
            report.released = 0 if dry_run else release(work, now)
            memories = work.sources.memories([source.name for source in sources])
        due = [
            Look(source.url, where, _recalled(where, memory, force), SourceReport(source.name))
            for source in sources
            for memory in [memories[source.name]]
            for where in [asked(source, memory)]
            if force or accept or is_due(source, memory, now)
        ]
        report.sources = [look.part for look in due]

        settler = Settler(
            self._start, self._kinds, self._house, self._clock, force=force, accept=accept, dry_run=dry_run
        )

        async def run() -> None:
            lanes = _lanes(due)
            # One at the interpreter at a time: threads that compute only get in each other's way.
            turn = anyio.CapacityLimiter(1)
            done, settled = anyio.create_memory_object_stream[Look](TOGETHER)
            found, unread = anyio.create_memory_object_stream[_Unread](AT_ONCE)

            async def visit() -> None:
                # Once none waits, whoever is in a lane goes on with what is left of it.
                while lanes:
                    if lane := lanes.popleft():
                        look = lane.popleft()
                        look.answer = await self._visit(fetch, queued, look, turn)
                        await done.send(look)
                        lanes.append(lane)

            async def queued(document: Document) -> Answer:
                waiting = unread.statistics().current_buffer_used
                if waiting >= BEHIND and turn.available_tokens:
                    return await self._read(document, _nowhere, turn)
                job = _Unread(document)
                await found.send(job)
                await job.read.wait()
                return job.answer

            async def read() -> None:
                async for job in unread:
                    job.answer = await self._read(job.document, parse, turn)
                    job.read.set()

            async def settle() -> None:
                async with settled:
                    while looks := await _together(settled):
                        await anyio.to_thread.run_sync(settler.settle, looks, limiter=turn)
                        for look in looks:
                            look.answer = NotModified()  # what was read is not needed any more
                            progress(look.part)

            async with (
                self._fetching() as fetch,
                self._parsing() as parse,
                unread,
                anyio.create_task_group() as writer,
            ):
                writer.start_soon(settle)
                for _ in range(AHEAD):
                    writer.start_soon(read)
                async with done, found, anyio.create_task_group() as tasks:
                    for _ in range(AT_ONCE):
                        tasks.start_soon(visit)

        if due:
            try:
                anyio.run(run)
            except ExceptionGroup as group:
                # What even the bookkeeping of a failure can't get past, such as a database that is gone.
                raise _first(group) from group
        return report

    def test(self, source: Source) -> tuple[Reading, list[Draft]]:
        """What a source shows now, normalised; stores nothing. Raises SourceError."""

        async def run() -> Answer:
            async with self._fetching() as fetch:
                look = Look(source.url, source, Memory(), SourceReport(source.name))
                turn = anyio.CapacityLimiter(1)
                return await self._visit(fetch, partial(self._read, parse=_nowhere, turn=turn), look, turn)

        answer = anyio.run(run)
        if isinstance(answer, Exception):
            raise answer if isinstance(answer, SourceError) else SourceError(in_words(source, answer))
        if isinstance(answer, NotModified):
            raise SourceError(f"source {source.name}: it answers 304 to a request without validators")
        reading, shown = answer
        return reading, [one.draft for one in shown]

    def discover(self, address: str) -> list[Offer]:
        """What an address offers to collect from, the best first. Raises SourceError."""

        async def run() -> list[Offer] | SourceError:
            async with self._fetching() as fetch:
                try:
                    return await drive(discover(address), fetch, anyio.CapacityLimiter(1))
                except SourceError as error:
                    return error

        found = anyio.run(run)
        if isinstance(found, SourceError):
            raise found
        return found

    async def _visit(
        self,
        fetch: Fetch,
        read: Callable[[Document], Awaitable[Answer]],
        look: Look,
        turn: anyio.CapacityLimiter,
    ) -> Answer:
        """Fetch whatever the source's kind asks for, until it has read enough."""
        source, memory = look.source, look.memory
        # All that is shown is new where nothing was ever seen; later, little of it is.
        placed = memory.first_collected is None
        try:
            if source.kind not in self._documents and memory.validated:
                bookmark = await anyio.to_thread.run_sync(self._bookmark, source, limiter=turn)
                memory = replace(memory, bookmark=bookmark)
            visit = self._kinds[source.kind].visit(source, memory)
            if source.kind in self._documents:
                answer = await fetch(next(visit))
                if isinstance(answer, NotModified):
                    return answer
                return await read(Document(source, answer, self._language, placed))
            reading = await drive(visit, fetch, turn)
            if isinstance(reading, NotModified):
                return reading
            classifier = self._house.classifier if placed else None
            shown = await anyio.to_thread.run_sync(
                make_ready, reading, source, self._language, classifier, limiter=turn
            )
        except Exception as error:  # a fault of one source, or of ours with it, is not the others'
            return error
        return reading, shown

    def _bookmark(self, source: Source) -> str:
        with self._view() as work:
            return work.sources.bookmark(source.name)

    async def _read(self, document: Document, parse: Parse, turn: anyio.CapacityLimiter) -> Answer:
        """Read a document elsewhere if that can be, or here."""
        kind = self._documents[document.source.kind]
        try:
            if (found := await parse(document)) is not None:
                return found
            return await anyio.to_thread.run_sync(
                read_document, kind, document, self._house.classifier, limiter=turn
            )
        except Exception as error:  # as in a visit
            return error


def _lanes(looks: Iterable[Look]) -> deque[deque[Look]]:
    """The looks at each host in a lane of their own, which stands there for each look that it may have."""
    hosts: defaultdict[str, deque[Look]] = defaultdict(deque)
    for look in looks:
        hosts[_host(look.source.url)].append(look)
    return deque(lane for number in range(AT_ONE_HOST) for lane in hosts.values() if len(lane) > number)


def _host(url: str) -> str:
    """The host whose turn it takes, whatever the user and the port; "" where none is named."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # no address at all, as its visit will say
        return ""


async def _nowhere(document: Document) -> None:
    """Nobody helps."""


@dataclass(slots=True)
class _Unread:
    """A document that was fetched, and what came of reading it."""

    document: Document
    read: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer = field(default_factory=NotModified)


async def _together(settled: MemoryObjectReceiveStream[Look]) -> list[Look]:
    """Looks that are over, as many as fit in a batch or come soon; none once all are over."""
    looks: list[Look] = []
    with suppress(anyio.EndOfStream):
        looks.append(await settled.receive())
        with anyio.move_on_after(SOON):
            while len(looks) < TOGETHER:
                looks.append(await settled.receive())
    return looks


def _recalled(source: Source, memory: Memory, force: bool) -> Memory:
    """What a visit may go by: what was learnt elsewhere means nothing, and a forced one reads all again."""
    if memory.validated != place_of(source):
        return replace(memory, validators=Validators(), validated="")
    return replace(memory, validators=Validators(), afresh=True) if force else memory


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
