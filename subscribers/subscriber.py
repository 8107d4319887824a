"""A subscriber: a person, what they asked for, and whether they may be mailed now."""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import field_validator
from sqlmodel import Field, SQLModel, String

from feeds.error import KennisportalError
from feeds.moment import Moment
from subscribers.frequency import Frequency

LANGUAGES = ("nl", "en")


class State(StrEnum):
    """Where a subscriber stands; only ``active`` ones are mailed."""

    PENDING = "pending"  # has not confirmed, or there is no proof of consent
    ACTIVE = "active"
    PAUSED = "paused"  # by the reader, perhaps until a date
    SUSPENDED = "suspended"  # by us, while their mailbox keeps refusing
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"  # gets no mail whatever anybody imports
    ERASED = "erased"


CANDIDATES = (State.ACTIVE, State.PAUSED, State.SUSPENDED, State.SUPPRESSED)
"""The states an edition accounts for: the last three as skipped, with the state as the reason."""

PAUSABLE = (State.ACTIVE, State.PAUSED)
"""Who may pause their mail, or end a pause; it would tell the others nothing new."""

LEFT = (State.UNSUBSCRIBED, State.SUPPRESSED, State.ERASED)
"""Gone: only they themselves can come back, and never by an import."""


BOUNCED = "bounced"
"""Why an address is suppressed whose mail comes back."""

ERASED = "erased"
"""Why an address is suppressed whose reader had all of theirs erased."""

COMPLAINT = "complaint"
"""Why an address is suppressed whose reader called a mail of ours spam."""

LIFTED_BY_CONFIRMING = frozenset({BOUNCED, ERASED})
"""Reasons of a suppression that a fresh, confirmed sign-up takes away; a complaint is none of them."""


ADMINISTRATOR = "administrator"
"""Where a consent comes from that an administrator wrote down, or the end of one."""

BY_HAND = "by hand"
"""Why an address is suppressed for which an administrator gave no reason."""


class AddressError(KennisportalError, ValueError):
    """This is no e-mail address; the text says what is wrong with it."""


def is_back(state: str, paused_until: datetime | None, now: datetime) -> bool:
    """Whether somebody had paused, until a moment that has come."""
    return state == State.PAUSED and paused_until is not None and paused_until <= now


class Subscriber(SQLModel):
    """One person, one row. ``cursor`` is the position in the log up to which they have been served."""

    email: str = Field(max_length=320, unique=True)
    name: str = Field(default="", max_length=200)
    language: str = Field(default="nl", max_length=2)
    timezone: str = Field(default="Europe/Amsterdam", max_length=64)
    frequency: Frequency = Field(default=Frequency.WEEKLY, sa_type=String(10))
    state: State = Field(default=State.PENDING, sa_type=String(20))
    paused_until: datetime | None = Field(default=None, sa_type=Moment)
    cursor: int = 0
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)

    def state_at(self, now: datetime) -> State:
        """Where they stand. A pause that is over is none, though nobody has ended it yet."""
        return State.ACTIVE if is_back(self.state, self.paused_until, now) else self.state

    @field_validator("email")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return normal_address(value)

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        return " ".join("".join(c if c.isprintable() else " " for c in value).split())

    @field_validator("language")
    @classmethod
    def _is_spoken_here(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"language {value!r} is not one of {', '.join(LANGUAGES)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return zone_name(value)


@dataclass(frozen=True, slots=True)
class Reader:
    """A stored subscriber with the themes they follow."""

    id: int
    subscriber: Subscriber
    interests: tuple[str, ...]


class Consent(SQLModel):
    """Proof that somebody asked for this: kept for good, never changed (GDPR article 7(1))."""

    at: datetime = Field(sa_type=Moment)
    action: str = Field(max_length=20)
    source: str = Field(max_length=200)
    text: str = ""
    interests: str = ""
    """The themes consented to, joined by ``;``, as they were."""


ASKED = ("subscribe", "confirm")
"""The actions of a consent by which somebody asked to be mailed: an administrator's word, and their own."""


OWN_CHOICE = ("confirm", "change")
"""Those by which somebody chose themes by themselves, which no row of a roster of before takes back."""


def normal_address(value: str) -> str:
    """An address in the one form we keep: trimmed, its domain lower-case and as A-labels.

    The local part keeps its case, since only its host may judge it. Raises AddressError.
    """
    # A roster has a million addresses at a few thousand providers: the library judges each domain once,
    # and every local part that is not as plain as nearly all are.
    local, _, domain = value.strip().rpartition("@")
    if len(local) <= _LONGEST_LOCAL and _PLAIN_LOCAL.fullmatch(local) and (known := _plain_domain(domain)):
        return f"{local}@{known}"
    try:
        found = validate_email(value.strip(), check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise AddressError(f"{value.strip()!r} is no e-mail address: {error}") from None
    return f"{found.local_part}@{found.ascii_domain}"


def masked(email: str) -> str:
    """An address that its owner knows, and whoever got the mail forwarded can't read: ``l•••1@v•••.example``.

    Bullets, since a line may be broken after an ellipsis.
    """
    local, _, domain = email.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}•••{local[-1:] if len(local) > 3 else ''}@{name[:1]}•••{dot}{top}"


_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_LONGEST_LOCAL = 64


@lru_cache(maxsize=20_000)
def _plain_domain(domain: str) -> str:
    """A domain as we write it; empty for one that is none, or too long to stand behind every local part."""
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return ""
    known = found.ascii_domain or ""
    return known if max(len(domain), len(known)) <= _SHORT_DOMAIN else ""


_SHORT_DOMAIN = 180
"""Characters of a domain with which no address gets too long, whatever stands before it (RFC 5321 §4.5.3)."""


def domain_of(address: str) -> str:
    """The domain of an address, in lower case: the provider that takes its mail."""
    return address.rpartition("@")[2].lower()


def needs_smtputf8(address: str) -> bool:
    """Whether only a server that speaks SMTPUTF8 (RFC 6531) can take mail for this address."""
    return not address.isascii()


def address_key(address: str, secret: bytes) -> str:
    """A keyed hash that stands for an address where the address itself may not be kept.

    Case is ignored throughout: a suppression must hold however the address is written next time.
    """
    return hmac.digest(secret, address.casefold().encode(), "sha256").hex()


def zone_name(value: str) -> str:
    """A time zone's name as the tz database has it. Raises ValueError for any other."""
    if value not in _zones():
        raise ValueError(f"time zone {value!r} is unknown; use a name like 'Europe/Amsterdam'")
    return ZoneInfo(value).key


def zone_names() -> list[str]:
    """The time zones that people may choose from: places, in the order of the alphabet."""
    continents = (
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    return sorted(name for name in _zones() if name.partition("/")[0] in continents and "/" in name)


@cache
def _zones() -> set[str]:
    return available_timezones()
