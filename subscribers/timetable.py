"""When each edition goes out: the schedule's slots, less and otherwise by holidays and by hand.

Whoever asks what is due, or due next, asks here, so that all get the same answer. A slot keeps its name
whatever day it is moved to, and slots keep their order: what a skipped one would have brought comes with
the next, since a reader's cursor stays where it was.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from feeds.error import KennisportalError
from subscribers.frequency import Frequency, OnHoliday, Schedule

BY_HAND = "by hand"
CANCELLED = "cancelled"

_EARLIEST = "Etc/GMT-14"
"""Where a local time comes first of all (the sign is POSIX's: this is UTC+14)."""
_DAY = timedelta(days=1)
_SATURDAY = 5

Holiday = Callable[[date], str]
"""The name of the holiday that a day is; "" for any other."""


class SlotError(KennisportalError):
    """This can't be done with this slot; the text says why and what can."""


def no_holidays(day: date) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A slot and the local day on which it goes out; None where it does not, and why it is not its own."""

    slot: date
    day: date | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Timetable:
    """``changes`` are slots that were moved to a day, or skipped (None), by hand; they win over holidays.

    ``cancelled`` are those whose edition an administrator cancelled: nothing more of them is planned by the
    clock. Who tells what comes gives them; planning itself looks at the edition.
    """

    schedule: Schedule
    holiday: Holiday = no_holidays
    changes: Mapping[date, date | None] = field(default_factory=dict)
    cancelled: Collection[date] = ()

    @property
    def frequency(self) -> Frequency:
        return self.schedule.frequency

    def turn(self, slot: date) -> Turn:
        """What becomes of a slot."""
        if slot in self.cancelled:
            return Turn(slot, None, CANCELLED)
        if slot in self.changes:
            return Turn(slot, self.changes[slot], BY_HAND)
        name = self.holiday(slot)
        if not name or self.schedule.on_holiday is OnHoliday.SEND:
            return Turn(slot, slot)
        if self.schedule.on_holiday is OnHoliday.SKIP:
            return Turn(slot, None, name)
        day = slot
        while day.weekday() >= _SATURDAY or self.holiday(day):
            day += _DAY
        # Where the next one is there by then, it takes this one in.
        return Turn(slot, day if day < self.schedule.next_slot(slot) else None, name)

    def slot(self, now: datetime, zone: str) -> date:
        """The latest slot that is due by ``now`` for readers in ``zone``.

        Raises ValueError for ``immediate``, which has no slots of its own.
        """
        today = now.astimezone(ZoneInfo(zone)).date()
        slot = self.schedule.next_slot(self.schedule.slot_on_or_before(today))  # it may come before its day
        while True:
            day = self.turn(slot).day
            if day is not None and self.schedule.due(day, zone) <= now:
                return slot
            slot = self.schedule.slot_on_or_before(slot - _DAY)

    def due(self, slot: date, zone: str) -> datetime:
        """When a slot is due in ``zone``, as a UTC instant. Raises ValueError for one that is skipped."""
        day = self.turn(slot).day
        if day is None:
            raise ValueError(f"{self.frequency}/{slot} is skipped")
        return self.schedule.due(day, zone)

    def next_due(self, now: datetime, zone: str) -> datetime:
        """The first instant after ``now`` at which a slot is due for readers in ``zone``.

        Raises ValueError for ``immediate``.
        """
        _, due = self.next_turn(now, zone)
        return due

    def next_open(self, now: datetime, zone: str) -> datetime:
        """As ``next_due``, of the first slot that takes in what comes now: one that is not frozen yet."""
        if not self.schedule.prepare:
            return self.next_due(now, zone)
        frozen = self.frozen_slot(now)
        return next(
            self.schedule.due(turn.day, zone)
            for turn in self.turns(frozen)
            if turn.slot > frozen and turn.day is not None
        )

    def next_turn(self, now: datetime, zone: str) -> tuple[Turn, datetime]:
        """The turn that goes out first after ``now`` in ``zone``, and when. Raises ValueError as above."""
        return next(
            (turn, due)
            for turn in self.turns(now.astimezone(ZoneInfo(zone)).date())
            if turn.day is not None and (due := self.schedule.due(turn.day, zone)) > now
        )

    def turns(self, day: date) -> Iterator[Turn]:
        """Slot by slot, without end, from the one that ``day`` belongs to."""
        slot = self.schedule.slot_on_or_before(day)
        while True:
            yield self.turn(slot)
            slot = self.schedule.next_slot(slot)

    def frozen_slot(self, now: datetime) -> date:
        """The latest slot that is to be frozen by ``now``."""
        return self.slot(now + self.schedule.prepare, _EARLIEST)

    def first_due(self, slot: date) -> datetime:
        """The earliest instant at which a slot can be due to anybody."""
        return self.due(slot, _EARLIEST)

    def check(self, slot: date) -> None:
        """Raises SlotError for a date that is no slot."""
        if self.frequency is Frequency.IMMEDIATE:
            raise SlotError("immediate digests have no slots: they follow the log")
        near = self.schedule.slot_on_or_before(slot)
        if near != slot:
            raise SlotError(
                f"{slot} is no slot of the {self.frequency} digest; the nearest are {near} and "
                f"{self.schedule.next_slot(slot)}"
            )

    def check_move(self, slot: date, to: date) -> None:
        """Raises SlotError where a slot can't go out on another day, since slots keep their order."""
        self.check(slot)
        before, after = self.schedule.slot_on_or_before(slot - _DAY), self.schedule.next_slot(slot)
        earliest, latest = self.turn(before).day or before, min(after, self.turn(after).day or after)
        if not earliest < to < latest:
            raise SlotError(
                f"{self.frequency}/{slot} can go out after {earliest} and before {latest}, the days of the "
                f"slots beside it; or skip it, and the next one brings what it would have brought"
            )
        if self.schedule.prepare and self.schedule.room_between(to, latest) < self.schedule.prepare:
            raise SlotError(
                f"on {to}, {self.frequency}/{slot} would not be over around the world when the next one is "
                f"frozen; choose an earlier day"
            )
