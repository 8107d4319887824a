"""Alarms: which stand, going by how the portal is doing; and what is to be said of each, and when.

An alarm is told when it begins, once more for every day that it stands, and when it is over.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Field, SQLModel, Text

from feeds.characters import one_line
from feeds.moment import Moment
from subscribers.condition import Condition
from subscribers.edition import EditionState
from subscribers.piece import as_subject

BROKEN_AFTER = 3
"""Failures in a row: a source may have a bad moment."""
STALLED_AFTER = timedelta(hours=1)
UNAPPROVED_BEFORE = timedelta(hours=2)
"""An edition that nobody approved so long before it is due."""
LATE_AFTER = timedelta(minutes=30)
STILL_AFTER = timedelta(minutes=10)
"""Without a tick of the clock, or without anything done of what it asks for every few seconds."""
NOT_DONE_AFTER = timedelta(hours=2)
"""For a job by itself: some are asked for once an hour, and some take long."""
_WHEN_NEEDED = frozenset({"deliver"})
"""Jobs that nobody asks for while there is nothing to do."""
AGAIN = timedelta(days=1)

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)


class AlarmKind(StrEnum):
    """What is wrong; ``docs/operate.md`` says of each what to do."""

    SOURCE_BROKEN = "source_broken"
    SOURCE_HELD = "source_held"
    SOURCE_SILENT = "source_silent"
    EDITION_STALLED = "edition_stalled"
    EDITION_UNAPPROVED = "edition_unapproved"
    UNCERTAIN = "uncertain"
    DOMAIN_PAUSED = "domain_paused"
    BOUNCE_SPIKE = "bounce_spike"
    DISK_LOW = "disk_low"
    FEED_LATE = "feed_late"
    JOB_FAILING = "job_failing"
    JOB_STOPPED = "job_stopped"
    CLOCK_STOPPED = "clock_stopped"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong. ``about`` is what it is wrong with; ``text`` says what, and what to do."""

    kind: AlarmKind
    about: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.about}".rstrip()[:200]


def standing(condition: Condition) -> dict[str, Alarm]:
    """The alarms that stand, by name."""
    found = [
        *_of_sources(condition),
        *_of_editions(condition),
        *_of_mail(condition),
        *_of_the_house(condition),
        *_of_the_clock(condition),
    ]
    return {alarm.name: alarm for alarm in found}


def _of_sources(condition: Condition) -> Iterator[Alarm]:
    for name, source in condition.sources.items():
        if source.gone or source.failures >= BROKEN_AFTER:
            yield Alarm(AlarmKind.SOURCE_BROKEN, name, source.error)
        if source.held:
            yield Alarm(AlarmKind.SOURCE_HELD, name, source.held)
        if source.silent_days:
            yield Alarm(
                AlarmKind.SOURCE_SILENT,
                name,
                f"source {name} has shown nothing new for {source.silent_days} days, which is longer than "
                f"usual; look whether its site still publishes: kennisportal sources test {name}",
            )


def _of_editions(condition: Condition) -> Iterator[Alarm]:
    now = condition.at
    for edition in condition.editions:
        match edition.state:
            case EditionState.AWAITING_APPROVAL:
                if edition.due is None or now >= edition.due - UNAPPROVED_BEFORE:
                    yield Alarm(
                        AlarmKind.EDITION_UNAPPROVED,
                        edition.name,
                        f"edition {edition.name} waits for approval"
                        + (f" and is due {edition.due:%Y-%m-%d %H:%M} UTC" if edition.due else "")
                        + f"; look at it and run: kennisportal digest approve {edition.name}",
                    )
            case EditionState.PLANNED | EditionState.SENDING:
                last = max(filter(None, (edition.moved, edition.due, edition.planned)), default=now)
                if edition.ready and now - last >= STALLED_AFTER:
                    yield Alarm(
                        AlarmKind.EDITION_STALLED,
                        edition.name,
                        f"edition {edition.name} has {edition.ready} mails ready, and none was settled since "
                        f"{last:%Y-%m-%d %H:%M} UTC; see that 'kennisportal run' or a worker runs and that "
                        "the mail server answers: kennisportal doctor",
                    )


def _of_mail(condition: Condition) -> Iterator[Alarm]:
    for edition, number in condition.uncertain.items():
        yield Alarm(
            AlarmKind.UNCERTAIN,
            edition,
            f"{number} mails of edition {edition} may or may not have arrived; a rule settles them ([mail] "
            f"uncertain), or you do: kennisportal digest settle {edition}",
        )
    for provider in condition.closed:
        if provider.paused:
            yield Alarm(
                AlarmKind.DOMAIN_PAUSED,
                provider.domain,
                f"nothing is mailed to {provider.domain}: {provider.reason}; once that is settled: "
                f"kennisportal domains resume {provider.domain}",
            )
    for domain, number in condition.spikes.items():
        yield Alarm(
            AlarmKind.BOUNCE_SPIKE,
            domain,
            f"{number} readers at {domain} bounced within a day, and nobody there is suppressed for it; once "
            f"the domain is well: kennisportal bounces undo --domain {domain} --since DATE",
        )


def _of_the_house(condition: Condition) -> Iterator[Alarm]:
    if condition.disk is not None and condition.disk.shortage:
        yield Alarm(AlarmKind.DISK_LOW, "", condition.disk.shortage)
    if condition.late and condition.last_entry and condition.at - condition.last_entry >= LATE_AFTER:
        for slug in condition.late:
            yield Alarm(
                AlarmKind.FEED_LATE,
                slug,
                f"feed {slug} was not built for {LATE_AFTER.seconds // 60} minutes though it has news; this "
                f"says why: kennisportal feeds build {slug}",
            )
    for name, job in condition.jobs.items():
        if job.failing_since is not None and condition.at - job.failing_since >= LATE_AFTER:
            yield Alarm(
                AlarmKind.JOB_FAILING,
                name,
                f"the job {name} fails since {job.failing_since:%Y-%m-%d %H:%M} UTC: {job.error}",
            )


def _of_the_clock(condition: Condition) -> Iterator[Alarm]:
    clock, now = condition.clock, condition.at
    if clock is None:
        return
    if now - clock.ticked >= STILL_AFTER:
        yield Alarm(
            AlarmKind.CLOCK_STOPPED,
            "",
            f"nothing was asked for since {clock.ticked:%Y-%m-%d %H:%M} UTC, so nothing is collected, "
            "planned or sent; start 'kennisportal run', or a scheduler "
            f"(the last was {clock.leader or 'unknown'})",
        )
        return
    # Whoever takes over after a while finds everything long ago, and is given the time to have it done.
    done = {
        name: max(filter(None, (job.succeeded, clock.since)))
        for name, job in condition.jobs.items()
        if name not in _WHEN_NEEDED and job.failing_since is None and job.succeeded is not None
    }
    begun = None if condition.jobs else clock.since
    last = max(done.values(), default=begun or now)
    if now - last >= STILL_AFTER:
        yield Alarm(
            AlarmKind.JOB_STOPPED,
            "",
            f"what the clock asks for is not done since {last:%Y-%m-%d %H:%M} UTC; start 'kennisportal "
            "worker' (on SQLite 'kennisportal run'), or see what those that run are at",
        )
        return
    for name, at in done.items():
        if now - at >= NOT_DONE_AFTER:
            yield Alarm(
                AlarmKind.JOB_STOPPED,
                name,
                f"the job {name} was not done since {at:%Y-%m-%d %H:%M} UTC, nor did it fail; the log says "
                "what it is at",
            )


class ChannelError(Exception):
    """A channel did not take what is to be said of alarms; the text says why."""


class Word(StrEnum):
    """What is said of an alarm."""

    BEGAN = "began"
    STANDS = "stands"
    OVER = "over"


class Told(SQLModel):
    """What one channel has heard of one alarm. ``ended`` is None while it stands; ``due`` is when to try."""

    name: str = Field(max_length=200)
    channel: str = Field(max_length=20)
    kind: str = Field(max_length=30)
    text: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=Moment)
    ended: datetime | None = Field(default=None, sa_type=Moment)
    said: str = Field(default="", max_length=10)
    said_at: datetime | None = Field(default=None, sa_type=Moment)
    due: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = 0

    def word(self, now: datetime) -> Word | None:
        """What is to be said now, if anything."""
        if self.due is not None and now < self.due <= now + LONGEST_RETRY:  # or a clock had jumped
            return None
        if self.ended is not None:
            return Word.OVER if self.said else None
        if not self.said:
            return Word.BEGAN
        return Word.STANDS if self.said_at is not None and now - self.said_at >= AGAIN else None

    @property
    def forgettable(self) -> bool:
        """Whether it is over and nobody waits to hear so."""
        return self.ended is not None and self.said in ("", Word.OVER)


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many tries that failed: from a minute, doubled, up to four hours."""
    delay: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    return min(delay, LONGEST_RETRY)


def headline(site: str, words: Sequence[tuple[Word, Told]]) -> str:
    """A subject for what is said at once: the alarm itself where it is one, else how many."""
    if len(words) == 1:
        [(word, one)] = words
        what = f"{one.name}: {_SAID[word]}"
    else:
        counts = Counter(word for word, _ in words)
        what = ", ".join(f"{counts[word]} {_SAID[word]}" for word in Word if counts[word])
        what = f"alarms: {what}"
    return as_subject(one_line(f"[{site}] {what}"))


def report(words: Sequence[tuple[Word, Told]]) -> str:
    """The text of what is said at once: what began first, then what still stands, then what is over."""
    lines = []
    for word in Word:
        for said, one in words:
            if said is word:
                lines.append(f"{_SAID[word].upper()}: {one.name} (since {one.since:%Y-%m-%d %H:%M} UTC)")
                lines.append(f"  {one_line(one.text)}")
                lines.append("")
    lines.append("'kennisportal status' shows how things stand; docs/operate.md tells what each alarm means.")
    return "\n".join(lines) + "\n"


_SAID = {Word.BEGAN: "began", Word.STANDS: "still stands", Word.OVER: "is over"}
