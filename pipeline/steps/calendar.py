"""The schedule, as administrators see and change it: which edition goes out when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Protocol
from zoneinfo import ZoneInfo

from pipeline.ports import Clock, Start
from pipeline.ports_running import SlotStore
from subscribers.edition import Edition
from subscribers.frequency import Frequency, Schedule
from subscribers.timetable import Holiday, SlotError, Timetable, Turn


class CalendarEditions(Protocol):
    def latest(self, frequency: Frequency, slot: str) -> Edition | None: ...
    def cancelled(self, frequency: Frequency) -> Collection[date]: ...


class CalendarWork(Protocol):
    """What the calendar needs of a transaction."""

    @property
    def editions(self) -> CalendarEditions: ...
    @property
    def slots(self) -> SlotStore: ...


@dataclass(frozen=True, slots=True)
class Coming:
    """A slot that comes; ``at`` is when it goes out in the site's own zone, None for one that does not."""

    frequency: Frequency
    turn: Turn
    at: datetime | None

    @property
    def name(self) -> str:
        """The edition's."""
        return f"{self.frequency}/{self.turn.slot}"


class Calendar:
    """The timetables of a portal's ``[[digest]]`` schedules."""

    def __init__(
        self,
        read: Start[CalendarWork],
        write: Start[CalendarWork],
        schedules: Sequence[Schedule],
        holiday: Holiday,
        zone: str,
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._schedules: Mapping[Frequency, Schedule] = {one.frequency: one for one in schedules}
        self._holiday = holiday
        self._zone = zone
        self._clock = clock

    def timetable(self, schedule: Schedule) -> Timetable:
        """A schedule with what was changed by hand."""
        with self._read() as work:
            return Timetable(schedule, self._holiday, work.slots.changes(schedule.frequency))

    def coming(self, weeks: int) -> list[Coming]:
        """Every slot of the next weeks, in the order in which they come."""
        now = self._clock()
        today = now.astimezone(ZoneInfo(self._zone)).date()
        last = today + timedelta(weeks=weeks)
        found = []
        for schedule in self._schedules.values():
            if schedule.frequency is Frequency.IMMEDIATE:
                continue
            timetable = self._as_it_comes(schedule)
            for turn in takewhile(lambda turn: turn.slot <= last, timetable.turns(today)):
                at = schedule.due(turn.day or turn.slot, self._zone)
                if at > now:
                    found.append((at, Coming(schedule.frequency, turn, at if turn.day else None)))
        return [one for _, one in sorted(found, key=lambda each: (each[0], each[1].frequency))]

    def next(self) -> list[Coming]:
        """The next edition of each frequency that goes out, as they come."""
        now = self._clock()
        found = []
        for schedule in self._schedules.values():
            if schedule.frequency is not Frequency.IMMEDIATE:
                found.append(
                    Coming(schedule.frequency, *self._as_it_comes(schedule).next_turn(now, self._zone))
                )
        return sorted(found, key=lambda one: (one.at, one.frequency))

    def skip(self, frequency: Frequency, slot: date) -> None:
        """Let a slot pass; what it would have brought comes with the next. Raises SlotError."""
        with self._write() as work:
            self._changeable(work, frequency, slot)
            work.slots.change(frequency, slot, None, self._clock())

    def move(self, frequency: Frequency, slot: date, to: date) -> None:
        """Have a slot go out on another day. Raises SlotError."""
        with self._write() as work:
            timetable = self._changeable(work, frequency, slot)
            timetable.check_move(slot, to)
            if timetable.schedule.due(to, self._zone) <= self._clock():
                raise SlotError(f"{to} at {timetable.schedule.at:%H:%M} is past; choose a later day")
            work.slots.change(frequency, slot, to, self._clock())

    def restore(self, frequency: Frequency, slot: date) -> Turn:
        """Undo what was decided about a slot; gives what becomes of it now. Raises SlotError."""
        with self._write() as work:
            timetable = self._changeable(work, frequency, slot)
            if not work.slots.restore(frequency, slot):
                raise SlotError(f"{frequency}/{slot} was neither moved nor skipped by hand")
            return Timetable(timetable.schedule, self._holiday).turn(slot)

    def _as_it_comes(self, schedule: Schedule) -> Timetable:
        """The same, less what was cancelled ahead or in the middle: no more of that comes."""
        with self._read() as work:
            cancelled = work.editions.cancelled(schedule.frequency)
        return replace(self.timetable(schedule), cancelled=cancelled)

    def _changeable(self, work: CalendarWork, frequency: Frequency, slot: date) -> Timetable:
        """The timetable of a slot that nobody has got anything of yet."""
        schedule = self._schedules.get(frequency)
        if schedule is None:
            raise SlotError(f"the config has no [[digest]] with frequency = '{frequency}'")
        timetable = Timetable(schedule, self._holiday, work.slots.changes(frequency))
        timetable.check(slot)
        if work.editions.latest(frequency, slot.isoformat()) is not None:
            raise SlotError(
                f"{frequency}/{slot} is planned already; 'kennisportal digest pause' or 'cancel' stops it"
            )
        return timetable
