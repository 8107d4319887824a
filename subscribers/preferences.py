"""Preferences: what a reader may change by the link in a mail, as a form has it and as we keep it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from feeds.dates import aware
from feeds.theme import ThemeTree
from subscribers.frequency import Frequency
from subscribers.subscriber import LANGUAGES, Reader, State, zone_name

LONGEST_PAUSE = timedelta(days=366)


class Fault(StrEnum):
    """What is wrong with a field, each told in the page's own words."""

    NO_ADDRESS = "no_address"
    NO_THEME = "no_theme"
    NO_CHOICE = "no_choice"
    NO_DATE = "no_date"
    PAST = "past"
    FAR = "far"


class BadPreferences(ValueError):
    """The form can't be taken as it is; ``faults`` says why, by field."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        super().__init__(", ".join(f"{field}: {fault}" for field, fault in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a reader asks for from now on. ``paused_until`` is None for one who wants mail."""

    interests: tuple[str, ...]
    frequency: Frequency
    language: str
    timezone: str
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Form:
    """What the fields hold, right or wrong; ``pause`` is the day on which mail starts again, or empty."""

    themes: frozenset[str]
    frequency: str
    language: str
    timezone: str
    pause: str

    @classmethod
    def of(cls, reader: Reader, now: datetime) -> "Form":
        """The form as it is first shown. A pause that is over is none, though nobody has ended it yet."""
        who = reader.subscriber
        until = who.paused_until if who.state == State.PAUSED else None
        day = until.astimezone(ZoneInfo(who.timezone)).date().isoformat() if until and until > now else ""
        return cls(frozenset(reader.interests), str(who.frequency), who.language, who.timezone, day)

    @classmethod
    def sent(cls, fields: Mapping[str, Sequence[str]], tree: ThemeTree) -> "Form":
        """The form as somebody sent it, perhaps with slugs that themes had when it was shown."""

        def one(name: str) -> str:
            return (fields.get(name) or [""])[-1].strip()

        themes = frozenset(map(tree.current, fields.get("theme", ())))
        return cls(themes, one("frequency"), one("language"), one("timezone"), one("pause"))

    def preferences(
        self, tree: ThemeTree, frequencies: Collection[Frequency], zone: str, now: datetime
    ) -> Preferences:
        """What is asked for; ``zone`` is the time zone of who names none.

        A theme that is gone since the form was shown is left out. Raises BadPreferences with everything
        that is wrong.
        """
        faults: dict[str, Fault] = {}
        interests = tuple(sorted(slug for slug in self.themes if slug in tree))
        if not interests:
            faults["themes"] = Fault.NO_THEME
        if self.frequency not in frequencies:
            faults["frequency"] = Fault.NO_CHOICE
        if self.language not in LANGUAGES:
            faults["language"] = Fault.NO_CHOICE
        try:
            zone = zone_name(self.timezone or zone)
        except ValueError:
            faults["timezone"] = Fault.NO_CHOICE
        until = None
        if self.pause:
            first, last = pause_days(zone, now)
            try:
                day = date.fromisoformat(self.pause)
            except ValueError:
                faults["pause"] = Fault.NO_DATE
            else:
                if first <= day <= last:
                    until = pause_end(day, zone)
                else:
                    faults["pause"] = Fault.PAST if day < first else Fault.FAR
        if faults:
            raise BadPreferences(faults)
        return Preferences(interests, Frequency(self.frequency), self.language, zone, until)


def pause_days(zone: str, now: datetime) -> tuple[date, date]:
    """The first and the last day until which a reader in ``zone`` can pause."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today + timedelta(days=1), today + LONGEST_PAUSE


def pause_end(day: date, zone: str) -> datetime:
    """The moment at which a pause until a day is over for a reader in ``zone``."""
    return aware(datetime.combine(day, time(), ZoneInfo(zone)))
