"""Frequencies: how often a reader hears from us, and the instants at which that is due.

A slot is named by a local date (``2026-12-07``), the same for everybody; when it is due depends on
the reader's time zone. ``immediate`` has no calendar: its slot is an instant.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

from feeds.duration import Duration


class Frequency(StrEnum):
    IMMEDIATE = "immediate"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class OnHoliday(StrEnum):
    """What becomes of a slot that is a holiday."""

    SEND = "send"
    SKIP = "skip"
    NEXT_WORKDAY = "next-workday"


PERIODS = {
    Frequency.IMMEDIATE: timedelta(0),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(weeks=1),
    Frequency.MONTHLY: timedelta(days=31),
}
"""How far before confirmation a reader's cursor starts, so that the first digest is not empty."""

_ROUND_THE_WORLD = timedelta(hours=25)
"""From a local time at UTC+14 to the same at UTC-11, the last place where anybody lives."""

_SHORTEST = {Frequency.WEEKLY: timedelta(weeks=1), Frequency.MONTHLY: timedelta(days=28)}
"""The least time between two slots, where there is enough to prepare one."""

_LONGEST_HOLIDAY = timedelta(days=4)
"""From a holiday to the next workday, where a weekend and another holiday lie between."""

_WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)

_NEVER_QUIET = 6
"""How many times ``quiet`` a piece of news waits at most."""


class Schedule(SQLModel):
    """One ``[[digest]]`` of the config: when a frequency's editions go out, in local time.

    ``on_holiday`` is what becomes of a slot that is one of the holidays in the config's ``[schedule]``.
    ``prepare`` is how long before it is first due to anybody an edition is frozen, for approval.
    """

    model_config = SQLModelConfig(extra="forbid")

    frequency: Frequency
    at: time = time(8, 0)
    day: str = ""
    min_articles: int = Field(default=1, ge=1)
    approval: bool = False
    prepare: Duration = timedelta(0)
    quiet: Duration = timedelta(minutes=10)
    on_holiday: OnHoliday = OnHoliday.SEND

    @field_validator("at", mode="before")
    @classmethod
    def _is_a_clock_time(cls, value: Any) -> Any:
        # Text, or a local time of TOML's. A bare 8 would be read as eight seconds past midnight, and an
        # offset would be lost: a schedule is in each reader's own zone.
        try:
            clock = time.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            clock = None
        if not isinstance(clock, time) or clock.tzinfo is not None:
            raise ValueError(f"{value!r} is no local time of day; write it like '08:00'")
        return clock

    @field_validator("day", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return str(value).lower() if isinstance(value, int | str) else value

    @field_validator("prepare", mode="before")
    @classmethod
    def _may_be_left_empty(cls, value: Any) -> Any:
        return timedelta(0) if value == "" else value

    @model_validator(mode="after")
    def _day_suits_the_frequency(self) -> "Schedule":
        if self.frequency is Frequency.WEEKLY:
            self.day = self.day or "monday"
            if self.day not in _WEEKDAYS:
                raise ValueError(f"day {self.day!r} is no weekday; choose one of {', '.join(_WEEKDAYS)}")
        elif self.frequency is Frequency.MONTHLY:
            self.day = self.day or "1"
            if not self.day.isdecimal() or not 1 <= int(self.day) <= 28:
                raise ValueError(f"day {self.day!r} must be 1 to 28 for a monthly digest")
        elif self.day:
            raise ValueError(f"day has no meaning where the frequency is {self.frequency}; remove it")
        return self

    @model_validator(mode="after")
    def _a_holiday_can_be_a_slot(self) -> "Schedule":
        if self.frequency is Frequency.IMMEDIATE and self.on_holiday is not OnHoliday.SEND:
            raise ValueError("on_holiday has no meaning where the frequency is immediate; remove it")
        return self

    @model_validator(mode="after")
    def _there_is_time_to_prepare(self) -> "Schedule":
        if not self.prepare:
            return self
        if not self.approval:
            raise ValueError(
                "prepare is the time to approve an edition in; add approval = true, or remove prepare"
            )
        # A frozen edition takes the place of an older one, which must have left everywhere by then.
        room = _SHORTEST.get(self.frequency, _ROUND_THE_WORLD) - _ROUND_THE_WORLD
        if room and self.on_holiday is OnHoliday.NEXT_WORKDAY:
            room -= _LONGEST_HOLIDAY
        if not room:
            raise ValueError(
                f"prepare can't be had with {self.frequency} digests, since the next one begins before one "
                "is over around the world; remove it"
            )
        if self.prepare > room:
            raise ValueError(
                f"prepare is too long: the next {self.frequency} edition would be frozen before one is over "
                f"around the world; write at most '{room // timedelta(hours=1)}h'"
            )
        return self

    def due(self, day: date, zone: str) -> datetime:
        """When what goes out on a local day is due in ``zone``, as a UTC instant.

        A local time that a clock change skips comes as much later; one that it repeats, the first
        time (PEP 495, ``fold=0``).
        """
        return datetime.combine(day, self.at, ZoneInfo(zone)).astimezone(UTC)

    def has_waited(self, first: datetime, last: datetime, now: datetime) -> bool:
        """Whether what came from ``first`` to ``last`` need wait no longer for more to go out with it.

        Where something always comes, what was first waits for a few times ``quiet`` and no longer. What
        comes from later than now was written by a clock that had jumped, and tells nothing.
        """
        return not (last <= now < last + self.quiet and first <= now < first + _NEVER_QUIET * self.quiet)

    def next_slot(self, day: date) -> date:
        """The first slot after a day. Raises ValueError for ``immediate``."""
        last = self.slot_on_or_before(day)
        while (slot := self.slot_on_or_before(day)) == last:
            day += timedelta(days=1)
        return slot

    def room_between(self, day: date, next: date) -> timedelta:
        """The time from when an edition is over everywhere to when the next one can first be due."""
        return next - day - _ROUND_THE_WORLD

    def slot_on_or_before(self, day: date) -> date:
        """The latest slot up to a day, by the calendar alone. Raises ValueError for ``immediate``."""
        if self.frequency is Frequency.DAILY:
            return day
        if self.frequency is Frequency.WEEKLY:
            return day - timedelta(days=(day.weekday() - _WEEKDAYS.index(self.day)) % 7)
        if self.frequency is Frequency.MONTHLY:
            first = day.replace(day=int(self.day))
            if first > day:
                first = (day.replace(day=1) - timedelta(days=1)).replace(day=int(self.day))
            return first
        raise ValueError("an immediate digest has no calendar slot")
