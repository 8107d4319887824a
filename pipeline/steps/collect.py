"""Collecting::

    sources that are due ─▶ visit, many at a time: request ⇄ fetch ─▶ read ─▶ normalise ─┐
                              └▶ not modified, or an error ──────────────────────────────┴▶ settle, in batches

What a source gets wrong is that source's own problem: the others go on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import anyio
import anyio.to_thread
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream

from feeds.article import Draft, Problem
from feeds.discover import Offer, discover
from feeds.document import Document, Found, read_document
from feeds.health import breach, look_at
from feeds.shown import make_ready
from feeds.source import (
    DocumentKind,
    Memory,
    Move,
    NotModified,
    Reading,
    Source,
    SourceError,
    SourceKind,
    Validators,
    asked,
    is_due,
    moving,
)
from pipeline.ports import Clock, CollectWork, Start
from pipeline.steps.absorb import House, Outcome, absorb, release
from pipeline.steps.visit import Fetch, drive

AT_ONCE = 32
"""Sources looked at at a time, and so the payloads in memory."""
AHEAD = 6
"""Documents that whoever helps to read has at a time: one to read, and what is next without waiting."""
BEHIND = 8
"""So many that wait for it are too many: then one is read here, if there is nothing else to do."""
TOGETHER = 16
"""Sources absorbed in one transaction at most: each commit waits for the disk."""
SOON = 0.1
"""Seconds for which those that are over wait for others."""

log = structlog.get_logger()

Parse = Callable[[Document], Awaitable[Found | None]]
"""Reads a document elsewhere; None where that can't be done now."""
Answer = Found | NotModified | Exception
"""What a look at a source gave; an exception where that is nothing."""


@dataclass(slots=True)
class SourceReport:
    """One source's part. ``error`` says why nothing could be had, ``held`` why it was not taken.

    Both are empty where all is well.
    """

    name: str
    outcome: Outcome = field(default_factory=Outcome)
    error: str = ""
    held: str = ""


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


class _Undo(Exception):
    """Ends a transaction without keeping anything of it."""


class _Held(Exception):
    """What a source shows is not as it should be; the text says how."""


class Collector:
    """Collects from the config's sources.

    ``fetching`` opens whatever fetches for the length of a run, and ``parsing`` whatever helps to read.
    """

    def __init__(
        self,
        *,
        start: Start[CollectWork],
        fetching: Callable[[], AbstractAsyncContextManager[Fetch]],
        parsing: Callable[[], AbstractAsyncContextManager[Parse]],
        kinds: Mapping[str, SourceKind],
        house: House,
        language: str,
        clock: Clock,
    ) -> None:
        self._start = start
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
            _Look(source.url, where, _recalled(where, memory, force), SourceReport(source.name))
            for source in sources
            for memory in [memories[source.name]]
            for where in [asked(source, memory)]
            if force or accept or is_due(source, memory, now)
        ]
        report.sources = [look.part for look in due]

        async def run() -> None:
            slots = anyio.CapacityLimiter(AT_ONCE)
            turn = anyio.CapacityLimiter(
                1
            )  # at the interpreter: threads that compute only get in each other's way
            done, settled = anyio.create_memory_object_stream[_Look](TOGETHER)
            found, unread = anyio.create_memory_object_stream[_Unread](AT_ONCE)

            async def one(look: _Look) -> None:
                async with slots:
                    look.answer = await self._visit(fetch, queued, look, turn)
                    await done.send(look)

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
                        await anyio.to_thread.run_sync(
                            self._settle, looks, force, accept, dry_run, limiter=turn
                        )
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
                    for look in due:
                        tasks.start_soon(one, look)

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
                look = _Look(source.url, source, Memory(), SourceReport(source.name))
                turn = anyio.CapacityLimiter(1)
                return await self._visit(fetch, partial(self._read, parse=_nowhere, turn=turn), look, turn)

        answer = anyio.run(run)
        if isinstance(answer, Exception):
            raise answer if isinstance(answer, SourceError) else SourceError(_named(source, answer))
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
        look: "_Look",
        turn: anyio.CapacityLimiter,
    ) -> Answer:
        """Fetch whatever the source's kind asks for, until it has read enough."""
        source, memory = look.source, look.memory
        # All that is shown is new where nothing was ever seen; later, little of it is.
        placed = memory.first_collected is None
        try:
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

    def _settle(self, looks: Sequence["_Look"], force: bool, accept: bool, dry_run: bool) -> None:
        """Turn answers into articles, or remember that there was none; all of them in one transaction."""
        try:
            with self._start() as work:
                now = self._clock()
                unchanged = [look.source.name for look in looks if isinstance(look.answer, NotModified)]
                work.sources.unchanged(unchanged, now)
                if len(unchanged) < len(looks):
                    work.sources.memories([look.source.name for look in looks])  # at once
                for look in looks:
                    if isinstance(look.answer, NotModified):
                        look.part.outcome.unchanged = look.memory.shown
                        self._follow(work, look, look.answer.moved, proven=True)
                        continue
                    try:
                        with work.part():
                            self._absorb(work, look, force, accept, now)
                    except _Held as held:
                        look.part.outcome = Outcome()
                        look.part.held = str(held)
                        work.sources.hold(look.source.name, now, look.part.held)
                    except Exception as error:
                        look.part.outcome = Outcome()
                        look.part.error = _named(look.source, error)
                        until, gone = _left_alone(look.source, error, now)
                        work.sources.failed(look.source.name, now, look.part.error, until, gone)
                        if look.moved and isinstance(error, SourceError) and error.status in (404, 410):
                            work.sources.moving(look.source.name, Move())  # ask where the config says again
                if dry_run:
                    raise _Undo
        except _Undo:
            pass

    def _absorb(self, work: CollectWork, look: "_Look", force: bool, accept: bool, now: datetime) -> None:
        if isinstance(look.answer, Exception):
            raise look.answer
        assert not isinstance(look.answer, NotModified)
        reading, shown = look.answer
        complete = self._kinds[look.source.kind].complete
        look.part.outcome = absorb(
            work,
            self._house,
            look.source,
            reading,
            shown,
            complete=complete,
            force=force,
            now=now,
        )
        outcome = look.part.outcome
        drafts = [one.draft for one in shown]
        seen = look_at(drafts, outcome.new)
        wrong = breach(look.memory.history, seen, drafts, partial=reading.partial)
        if wrong and not accept and not complete:
            raise _Held(
                f"source {look.source.name}: it {wrong}; it is held back until it is mended, or you run "
                f"'kennisportal sources accept {look.source.name}'"
            )
        work.sources.succeeded(look.source.name, now, reading, _place(look.source), seen)
        proven = bool(outcome.unchanged or outcome.updated or reading.title == look.memory.title != "")
        self._follow(work, look, reading.moved, proven=proven)

    def _follow(self, work: CollectWork, look: "_Look", moved: str, *, proven: bool) -> None:
        """Remember a step of a source's move, and say so once it is settled."""
        if look.moved:
            return
        move = moving(look.configured, look.memory.move, moved, proven=proven)
        if move == look.memory.move:
            return
        work.sources.moving(look.source.name, move)
        if move.settled:
            why = (
                f"it has moved for good, and is asked at {move.to} from now on; correct its url in the config"
            )
            look.part.outcome.problems.append(Problem(f"source {look.source.name}", why, lost=False))


async def _nowhere(document: Document) -> None:
    """Nobody helps."""


@dataclass(slots=True)
class _Unread:
    """A document that was fetched, and what came of reading it."""

    document: Document
    read: anyio.Event = field(default_factory=anyio.Event)
    answer: Answer = field(default_factory=NotModified)


@dataclass(slots=True)
class _Look:
    """One source being looked at, and what came of it. ``configured`` is its url by the config."""

    configured: str
    source: Source
    memory: Memory
    part: SourceReport
    answer: Answer = field(default_factory=NotModified)

    @property
    def moved(self) -> bool:
        """Whether it is asked elsewhere than the config says."""
        return self.source.url != self.configured


def _place(source: Source) -> str:
    """What the memory of a source is about: another kind, or another address, knows nothing of it."""
    return f"{source.kind} {source.url}"


def _recalled(source: Source, memory: Memory, force: bool) -> Memory:
    """What a visit may go by: nothing where it is forced; and what was learnt elsewhere means nothing."""
    if force or memory.validated != _place(source):
        return replace(memory, validators=Validators(), bookmark="")
    return memory


async def _together(settled: MemoryObjectReceiveStream["_Look"]) -> list["_Look"]:
    """Looks that are over, as many as fit in a batch or come soon; none once all are over."""
    looks: list[_Look] = []
    with suppress(anyio.EndOfStream):
        looks.append(await settled.receive())
        with anyio.move_on_after(SOON):
            while len(looks) < TOGETHER:
                looks.append(await settled.receive())
    return looks


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
