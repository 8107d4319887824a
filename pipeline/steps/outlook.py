"""The outlook: what a reader got and what comes, by the log, the clock and the rules as they are now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from feeds.log import Due, Entry
from pipeline.ports import SMTPUTF8_FACT, Clock, Start
from pipeline.steps.plan import immediate_tick, tick_name
from pipeline.steps.window import load_window
from subscribers.delivery import OPEN, DeliveryState, Past
from subscribers.digest import Facts
from subscribers.edition import Edition, EditionName, open_to_waves
from subscribers.frequency import Frequency, Schedule
from subscribers.signup import SignUp
from subscribers.subscriber import Reader, State, needs_smtputf8, normal_address
from subscribers.timetable import Holiday, Timetable

LAST = 5
"""Editions of a reader that are told of."""


class OutlookArticles(Protocol):
    def facts(self, ids: Collection[int]) -> tuple[dict[int, Facts], set[int]]: ...


class OutlookLog(Protocol):
    def head(self) -> int: ...
    def news(self, after: int, cutoff: int, themes: Collection[str]) -> list[Entry]: ...
    def introductions(self, articles: Collection[int], up_to: int) -> list[Entry]: ...


class OutlookDeliveries(Protocol):
    def of_reader(self, subscriber: int, limit: int) -> list[Past]: ...


class OutlookSubscribers(Protocol):
    def by_email(self, email: str) -> Reader | None: ...
    def suppression(self, email: str) -> str | None: ...


class OutlookSignUps(Protocol):
    def waiting(self, email: str) -> SignUp | None: ...


class OutlookSlots(Protocol):
    def changes(self, frequency: Frequency) -> Mapping[date, date | None]: ...


class OutlookEditions(Protocol):
    def cancelled(self, frequency: Frequency) -> Collection[date]: ...
    def of_slot(self, frequency: Frequency, slot: str) -> list[Edition]: ...


class OutlookRegister(Protocol):
    def fact(self, name: str) -> str: ...
    def ticked(self, schedule: str, slots: Collection[str]) -> Sequence[str]: ...


class OutlookWork(Protocol):
    """What looking ahead needs of a transaction."""

    @property
    def articles(self) -> OutlookArticles: ...
    @property
    def log(self) -> OutlookLog: ...
    @property
    def subscribers(self) -> OutlookSubscribers: ...
    @property
    def deliveries(self) -> OutlookDeliveries: ...
    @property
    def signups(self) -> OutlookSignUps: ...
    @property
    def slots(self) -> OutlookSlots: ...
    @property
    def editions(self) -> OutlookEditions: ...
    @property
    def register(self) -> OutlookRegister: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What somebody got, and what comes: ``past`` are their last editions, ``due`` a number of articles.

    ``state`` is ``unknown`` for nobody's address, for which ``asked`` tells when it was signed up, if it was.
    ``beyond`` tells whether planning skips them, as no mail server of ours takes their address; ``thin``
    whether what they are due is too little for a mail as yet.
    """

    state: str
    language: str
    reason: str = ""
    asked: datetime | None = None
    past: tuple[Past, ...] = ()
    until: datetime | None = None
    due: int = 0
    next: datetime | None = None
    beyond: bool = False
    thin: bool = False

    @property
    def last(self) -> datetime | None:
        """When their last digest was accepted."""
        return next((one.at for one in self.past if one.state is DeliveryState.ACCEPTED), None)

    @property
    def waiting(self) -> bool:
        """Whether a digest waits to be tried again."""
        return any(one.state is DeliveryState.DEFERRED for one in self.past)


class Lookahead:
    """Looks ahead for the readers of one portal."""

    def __init__(
        self, read: Start[OutlookWork], schedules: Sequence[Schedule], holiday: Holiday, clock: Clock
    ) -> None:
        self._read = read
        self._schedules = {schedule.frequency: schedule for schedule in schedules}
        self._holiday = holiday
        self._clock = clock

    def outlook(self, email: str) -> Outlook:
        """What to tell whoever asks where their digest is, known to us or not. Raises AddressError."""
        address = normal_address(email)
        with self._read() as work:
            reader = work.subscribers.by_email(address)
            reason = work.subscribers.suppression(address) or ""
            signup = work.signups.waiting(address)
            asked = signup.at if signup else None
            if reader is None:
                return Outlook("unknown", signup.language if signup else "", reason, asked)
            who = reader.subscriber
            state = who.state_at(self._clock())
            past = tuple(work.deliveries.of_reader(reader.id, LAST))
            due = self.due(work, reader) if state is State.ACTIVE else []
            coming = next((one for one in past if one.state in OPEN), None)
            if coming is not None:
                held = {item.article for item in coming.digest}
                due = [one for one in due if one.article in held]
            return Outlook(
                str(state),
                who.language,
                reason,
                asked,
                past,
                who.paused_until,
                len(due),
                self.next_due(work, reader, with_news=coming is None),
                is_beyond(work, reader),
                self.is_thin(reader, due),
            )

    def schedule(self, reader: Reader) -> Schedule | None:
        """When such digests as the reader's come; None where the config has none of them."""
        return self._schedules.get(Frequency(reader.subscriber.frequency))

    def due(self, work: OutlookWork, reader: Reader, past: Sequence[Past] = ()) -> list[Due]:
        """What the reader would be due if their edition were planned now.

        With what is ``past``, after the mail among that which may yet arrive.
        """
        cursor = max(reader.subscriber.cursor, *(one.cutoff for one in past if one.state in OPEN), 0)
        head = work.log.head()
        window, _ = load_window(work.log, work.articles, cursor, head, reader.interests)
        return window.due(frozenset(reader.interests), cursor)

    def is_thin(self, reader: Reader, due: Sequence[Due]) -> bool:
        """Whether planning leaves what a reader is due until more comes."""
        schedule = self.schedule(reader)
        return schedule is not None and 0 < len(due) < schedule.min_articles

    def waits_for_news(self, work: OutlookWork) -> bool:
        """Whether what comes at once does not come before there is more: all there is was planned already."""
        schedule = self._schedules.get(Frequency.IMMEDIATE)
        head = immediate_tick(work.log.head())
        return schedule is not None and bool(work.register.ticked(tick_name(schedule), [head]))

    def next_due(self, work: OutlookWork, reader: Reader, *, with_news: bool) -> datetime | None:
        """When the reader's next edition is due by the clock, if it ever is; or that which takes in news."""
        schedule = self.schedule(reader)
        if schedule is None or schedule.frequency is Frequency.IMMEDIATE:
            return None
        changes = work.slots.changes(schedule.frequency)
        closed = set(work.editions.cancelled(schedule.frequency))
        if with_news:
            closed |= self._taken_part_in(work, reader, schedule.frequency)
        timetable = Timetable(schedule, self._holiday, changes, closed)
        next_due = timetable.next_open if with_news else timetable.next_due
        return next_due(self._clock(), reader.subscriber.timezone)

    def _taken_part_in(self, work: OutlookWork, reader: Reader, frequency: Frequency) -> set[date]:
        """The last slots that bring a reader nothing more: also by hand, before their own hour."""
        names = [EditionName.parse(one.edition) for one in work.deliveries.of_reader(reader.id, LAST)]
        return {
            date.fromisoformat(name.slot)
            for name in names
            if name.frequency is frequency
            and (standing := open_to_waves(work.editions.of_slot(frequency, name.slot))) is not None
            and standing.name == name
        }


def is_beyond(work: OutlookWork, reader: Reader) -> bool:
    """Whether planning skips a reader, since no mail server of ours takes an address like theirs."""
    return needs_smtputf8(reader.subscriber.email) and work.register.fact(SMTPUTF8_FACT) == "no"
