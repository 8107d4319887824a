"""Signing up: what the form asks for, how long its link works, and how often it may be sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Field, SQLModel, String

from feeds.moment import Moment
from feeds.theme import ThemeTree
from subscribers.frequency import Frequency
from subscribers.preferences import BadPreferences, Fault
from subscribers.subscriber import LANGUAGES, AddressError, normal_address

LONGEST_ADDRESS = 320
"""Characters of an address that are looked at."""


class SignUp(SQLModel):
    """What somebody at an address asked for, which counts for nothing until they confirm it."""

    email: str = Field(max_length=LONGEST_ADDRESS)
    interests: str
    """Slugs of themes, joined by ``;``."""
    frequency: Frequency = Field(sa_type=String(10))
    language: str = Field(max_length=2)
    text: str
    """The wording that they agreed to."""
    source: str = Field(max_length=200)
    at: datetime = Field(sa_type=Moment)
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Wish:
    """A form that can be taken as it is."""

    email: str
    interests: tuple[str, ...]
    frequency: Frequency
    language: str


@dataclass(frozen=True, slots=True)
class SignUpForm:
    """What the fields hold, right or wrong."""

    email: str
    themes: frozenset[str]
    frequency: str
    language: str

    @classmethod
    def sent(
        cls, fields: Mapping[str, Sequence[str]], tree: ThemeTree, *, frequency: str, language: str
    ) -> "SignUpForm":
        """The form as somebody sent it.

        A portal's own form may leave frequency and language to us, and know a theme by a slug that it had.
        """

        def one(name: str, otherwise: str = "") -> str:
            return ((fields.get(name) or [""])[-1].strip() or otherwise)[:LONGEST_ADDRESS]

        return cls(
            one("email"),
            frozenset(map(tree.current, fields.get("theme", ()))),
            one("frequency", frequency),
            one("language", language),
        )

    def wish(self, tree: ThemeTree, frequencies: Collection[Frequency]) -> Wish:
        """What is asked for. Raises BadPreferences with everything that is wrong, by field."""
        faults: dict[str, Fault] = {}
        email = ""
        try:
            email = normal_address(self.email)
        except AddressError:
            faults["email"] = Fault.NO_ADDRESS
        interests = tuple(sorted(slug for slug in self.themes if slug in tree))
        if not interests:
            faults["themes"] = Fault.NO_THEME
        if self.frequency not in frequencies:
            faults["frequency"] = Fault.NO_CHOICE
        if self.language not in LANGUAGES:
            faults["language"] = Fault.NO_CHOICE
        if faults:
            raise BadPreferences(faults)
        return Wish(email, interests, Frequency(self.frequency), self.language)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many times in so long."""

    times: int
    within: timedelta


PER_ADDRESS = Limit(3, timedelta(days=1))
"""Mails that strangers can have us send to one address by asking in its name."""

PER_NETWORK = Limit(60, timedelta(hours=1))
"""Forms from one network: a town hall, or a room full of people at an event, is one network."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many times since a moment."""

    times: int
    since: datetime

    def once_more(self, limit: Limit, now: datetime) -> "Count | None":
        """The count with one more in it; None where that would be too many. Once over, it starts anew."""
        if now - self.since >= limit.within:
            return Count(1, now)
        return Count(self.times + 1, self.since) if self.times < limit.times else None
