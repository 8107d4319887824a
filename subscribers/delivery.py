"""A delivery: one subscriber in one edition, from planned to settled.

::

    planned ──claim──▶ in_flight ──250──▶ accepted
       ▲                  │  ├──5xx──▶ rejected
       │                  │  ├──4xx──▶ deferred ──claim──▶ in_flight
       │                  │  ├──no SMTPUTF8──▶ skipped
       └──not handed over─┘  └──no answer──▶ uncertain ──settle──▶ accepted, or planned again

A planned or deferred one can be cancelled; a candidate that gets none is skipped.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from feeds.error import KennisportalError
from subscribers.digest import Digest
from subscribers.reply import Reply


class DeliveryState(StrEnum):
    PLANNED = "planned"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


OPEN = (
    DeliveryState.PLANNED,
    DeliveryState.IN_FLIGHT,
    DeliveryState.DEFERRED,
    DeliveryState.UNCERTAIN,
)
"""A subscriber has at most one delivery in these states; the database holds us to it."""

REPLACEABLE = (DeliveryState.PLANNED, DeliveryState.DEFERRED)
"""What a newer plan may take the place of: nothing of it can be under way."""

REJECTED = "rejected"
POLICY = "policy"
"""Rejected for what we are or sent, not for who the reader is: nothing is held against them."""
TOO_LARGE = "too_large"
"""Rejected for its size, or another limit of a mail server's own: not the reader's fault either."""
PROTOCOL = "protocol"
"""Rejected since the server did not understand or expect what we said: not the reader's fault either."""
EXPIRED = "expired"
UNTAKEN = "untaken"
"""Given up on after a server put off whatever we sent, whomever it was for: not the reader's fault."""
SMTPUTF8 = "smtputf8"
"""Skipped, since no mail server of ours takes an address beyond ASCII (RFC 6531)."""

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail that a server did not take: of which edition, to which subscriber, when, and its words."""

    edition: str
    subscriber: int
    at: datetime
    reply: str


@dataclass(frozen=True, slots=True)
class Past:
    """A delivery as it is looked back on. ``at`` is when it last changed, ``digest`` what it holds.

    ``cutoff`` is how far in the log it brings its reader.
    """

    edition: str
    state: DeliveryState
    reason: str
    reply: str
    at: datetime
    digest: Digest
    cutoff: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The transport took the message: from here on it is theirs to deliver."""

    reply: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now (SMTP 4xx): try again later.

    ``at_us`` tells that the server said so before it heard for whom the message is.
    """

    reply: str
    at_us: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not ever (SMTP 5xx), in the server's own words."""

    reply: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The message was handed over and no answer came: it may or may not have arrived."""

    reply: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing was handed over, through no fault of this message: it may be tried again at once."""

    reply: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The transport lacks what this address needs (SMTPUTF8), now and until somebody changes that."""

    reply: str


Outcome = Accepted | Deferred | Rejected | Uncertain | Unsent | Unsupported


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to be handed over. ``id`` is its delivery's, or 0 for one that belongs to none.

    ``sender`` and ``recipient`` are the envelope's; ``envelope_id`` names it in a bounce (RFC 3461).
    ``dotless`` vouches that no line begins with a dot, which SMTP would have to look for.
    """

    id: int
    sender: str
    recipient: str
    message: bytes
    envelope_id: str = ""
    dotless: bool = False


class TransportUnavailable(KennisportalError):
    """Nothing can be handed over now; nothing was. The text names the server and what to do."""


class DiskLow(KennisportalError):
    """Nothing more is handed over, since it might not be written down: the text says what the disk lacks."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one worker has in hand, with what it needs to make the message."""

    id: int
    subscriber: int
    email: str
    domain: str
    name: str
    segment: int
    cutoff: int
    attempts: int
    first_attempt: datetime


@dataclass(slots=True)
class Wanted:
    """What a worker would take in hand of an edition now.

    ``after`` is the id to begin past; ``full`` are domains, and ``broken`` segments, to leave alone;
    ``room`` says how many more of a domain may be taken, where that is limited, and ``each`` how many
    of any other, 0 for no limit. ``due_only`` leaves out the waves whose instant has not come.
    """

    edition: int
    after: int = 0
    full: frozenset[str] = frozenset()
    broken: frozenset[int] = frozenset()
    room: dict[str, int] = field(default_factory=dict)
    each: int = 0
    due_only: bool = False

    def admits(self, domain: str) -> bool:
        """Whether one more of this domain may be taken; that one is then counted."""
        if domain not in self.room:
            if not self.each:
                return True
            self.room[domain] = self.each
        self.room[domain] -= 1
        return self.room[domain] >= 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a delivery after an attempt."""

    state: DeliveryState
    reply: str = ""
    reason: str = ""
    retry_at: datetime | None = None


def settle(
    outcome: Outcome,
    attempts: int,
    first_attempt: datetime,
    now: datetime,
    retry_for: timedelta,
) -> Settlement:
    """The state after this outcome. Delays double from 5 minutes to 4 hours, until ``retry_for`` is over."""
    match outcome:
        case Accepted(reply):
            return Settlement(DeliveryState.ACCEPTED, reply)
        case Rejected(reply):
            return Settlement(DeliveryState.REJECTED, reply, _reason(Reply.read(reply)))
        case Unsupported(reply):
            return Settlement(DeliveryState.SKIPPED, reply, SMTPUTF8)
        case Uncertain(reply):
            return Settlement(DeliveryState.UNCERTAIN, reply)
        case Deferred(reply, at_us):
            retry_at = now + _delay(attempts)
            if retry_at - first_attempt > retry_for:
                untaken = at_us or Reply.read(reply).is_about_us_for_now
                return Settlement(DeliveryState.REJECTED, reply, UNTAKEN if untaken else EXPIRED)
            return Settlement(DeliveryState.DEFERRED, reply, retry_at=retry_at)
        case Unsent(reply):
            return Settlement(DeliveryState.PLANNED, reply)


def trying_since(
    first_attempt: datetime | None, attempts: int, planned_at: datetime, now: datetime
) -> datetime:
    """When a mail was first tried, of which so many attempts were made; now, where none was.

    A moment before it was planned, or after now, is that of a clock that was wrong. Then it was as long ago
    as so many attempts take: nobody is given up on at once, nor tried for ever.
    """
    if first_attempt is not None and planned_at <= first_attempt <= now:
        return first_attempt
    return now - sum(map(_delay, range(1, attempts + 1)), timedelta())


def _delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_RETRY)


def _reason(reply: Reply) -> str:
    if reply.is_policy:
        return POLICY
    if reply.status.startswith("5.3."):
        return TOO_LARGE
    return PROTOCOL if reply.is_about_dialogue else REJECTED
