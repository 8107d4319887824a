"""Settling looks at sources: what they gave goes into the log, and what was learnt is remembered::

    looks that are over ─▶ one transaction ─┬▶ not modified: all of them at once
                                            └▶ absorbed, each a part of its own ─▶ held against its habit
                                                 └▶ what is new: that of all of them at once

What a source gets wrong is that source's own problem: the others go on.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from feeds.document import Found
from feeds.draft import Problem
from feeds.health import FLOOD, breach, due_at_pace, look_at
from feeds.source import Memory, Move, NotModified, Source, SourceError, SourceKind, moving
from pipeline.ports import Clock, CollectWork, Start, StoreError
from pipeline.steps.absorb import Outcome, absorb
from pipeline.steps.arrivals import Arrivals
from pipeline.steps.placing import House
from pipeline.steps.recognise import all_names

log = structlog.get_logger()

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
class Look:
    """One source being looked at, and what came of it. ``configured`` is its url by the config."""

    configured: str
    source: Source
    memory: Memory
    part: SourceReport
    answer: Answer = field(default_factory=NotModified)

    @property
    def names(self) -> set[str]:
        """The names of all articles that it showed."""
        return all_names(self.answer[1]) if isinstance(self.answer, tuple) else set()

    @property
    def moved(self) -> bool:
        """Whether it is asked elsewhere than the config says."""
        return self.source.url != self.configured


class _Undo(Exception):
    """Ends a transaction without keeping anything of it."""


class _CannotStore(Exception):
    """Something among what arrived can't be stored, whosever it is."""


class _Held(Exception):
    """What a source shows is not as it should be; the text says how."""


class Settler:
    """Settles the looks of one run; ``force``, ``accept`` and ``dry_run`` are as ``Collector`` has them."""

    def __init__(
        self,
        start: Start[CollectWork],
        kinds: Mapping[str, SourceKind],
        house: House,
        clock: Clock,
        *,
        force: bool,
        accept: bool,
        dry_run: bool,
    ) -> None:
        self._start = start
        self._kinds = kinds
        self._house = house
        self._clock = clock
        self._force = force
        self._accept = accept
        self._dry_run = dry_run

    def settle(self, looks: Sequence[Look]) -> None:
        """Turn answers into articles, or remember that there was none; all of them in one transaction.

        Articles that are new are stored together. Where one of them can't be, it is found out whose it is.
        """
        try:
            self._settle(looks, together=True)
        except _CannotStore:
            self._settle(looks, together=False)

    def _settle(self, looks: Sequence[Look], *, together: bool) -> None:
        with suppress(_Undo), self._start() as work:
            now = self._clock()
            arrivals = Arrivals(work, now)
            unchanged = [look.source.name for look in looks if isinstance(look.answer, NotModified)]
            work.sources.unchanged(unchanged, now)
            if len(unchanged) < len(looks):
                work.sources.recall([look.source.name for look in looks])  # at once
                work.articles.find(set().union(*(look.names for look in looks)))  # as well
            for look in looks:
                if isinstance(look.answer, NotModified):
                    look.part.outcome = Outcome(unchanged=look.memory.shown)
                    self._follow(work, look, look.answer.moved, proven=True)
                    continue
                try:
                    self._take(work, look, now, arrivals, together=together)
                except (StoreError, _CannotStore):
                    raise  # no source's fault, and nothing could be kept of any
                except _Held as held:
                    look.part.outcome = Outcome()
                    look.part.held = str(held)
                    work.sources.hold(look.source.name, now, look.part.held)
                except Exception as error:
                    look.part.outcome = Outcome()
                    look.part.error = in_words(look.source, error)
                    until, gone = _left_alone(look.source, error, now)
                    work.sources.failed(look.source.name, now, look.part.error, until, gone)
                    if look.moved and isinstance(error, SourceError) and error.status in (404, 410):
                        work.sources.moving(look.source.name, Move())  # ask where the config says again
            _store(arrivals)
            if self._dry_run:
                raise _Undo

    def _take(
        self, work: CollectWork, look: Look, now: datetime, arrivals: Arrivals, *, together: bool
    ) -> None:
        """Absorb one answer, and undo that part alone where it raises. What is new in it is expected."""
        if isinstance(look.answer, Exception):
            raise look.answer
        if arrivals.known_as(look.names):
            _store(arrivals)
        with work.part():
            own = Arrivals(work, now)
            self._absorb(work, look, now, own)
            if not together:
                own.store()
        arrivals.join(own)

    def _absorb(self, work: CollectWork, look: Look, now: datetime, arrivals: Arrivals) -> None:
        assert isinstance(look.answer, tuple)
        reading, shown = look.answer
        complete = self._kinds[look.source.kind].complete
        look.part.outcome = absorb(
            work,
            self._house,
            look.source,
            reading,
            shown,
            complete=complete,
            force=self._force,
            now=now,
            arrivals=arrivals,
        )
        outcome = look.part.outcome
        drafts = [one.draft for one in shown]
        seen = look_at(drafts, outcome.new, reading.appeared)
        due = 0
        if seen.new > FLOOD and look.memory.last_looked is not None:
            due = due_at_pace(work.articles.recent(look.source.name), look.memory.last_looked, now)
        history = work.sources.history(look.source.name)
        wrong = breach(history, seen, drafts, partial=reading.partial, due=due)
        if wrong and not self._accept and not complete:
            raise _Held(
                f"source {look.source.name}: it {wrong}; it is held back until it is mended, or you run "
                f"'kennisportal sources accept {look.source.name}'"
            )
        lost = [problem for problem in outcome.problems if problem.lost]
        work.sources.succeeded(look.source.name, now, reading, place_of(look.source), seen, lost)
        proven = bool(outcome.unchanged or outcome.updated or reading.title == look.memory.title != "")
        self._follow(work, look, reading.moved, proven=proven)

    def _follow(self, work: CollectWork, look: Look, moved: str, *, proven: bool) -> None:
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


def _store(arrivals: Arrivals) -> None:
    try:
        arrivals.store()
    except StoreError:
        raise
    except Exception as error:
        raise _CannotStore from error


def place_of(source: Source) -> str:
    """What the memory of a source is about: another kind, or another address, knows nothing of it."""
    return f"{source.kind} {source.url}"


def _left_alone(source: Source, error: Exception, now: datetime) -> tuple[datetime | None, str]:
    """Until when its server wants no visit, and the address at which it never wants one again."""
    if not isinstance(error, SourceError):
        return None, ""
    return now + error.wait if error.wait else None, source.url if error.gone else ""


def in_words(source: Source, error: Exception) -> str:
    """What to say of a source that failed, in one line that names it; what nobody foresaw is logged whole."""
    text = str(error)
    if not isinstance(error, SourceError):
        log.error("a source broke the collector", source=source.name, exc_info=error)
        text = f"collecting it failed in a way nobody foresaw ({type(error).__name__}); please report this"
    return text if text.startswith("source ") else f"source {source.name}: {text}"
