"""A delivery: one subscriber in one edition, from planned to settled.

::

    planned ──claim──▶ in_flight ──250──▶ accepted
       ▲                  │  ├──5xx──▶ rejected
       │                  │  ├──4xx──▶ deferred ──claim──▶ in_flight
       └──not handed over─┘  └──no answer──▶ uncertain ──settle──▶ accepted, or planned again

A planned or deferred one can be cancelled; a candidate that gets none is skipped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from subscribers.digest import Digest


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

EXPIRED = "expired"
FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Past:
    """A delivery as it is looked back on. ``at`` is when it last changed, ``digest`` what it holds."""

    edition: str
    state: DeliveryState
    reason: str
    reply: str
    at: datetime
    digest: Digest


@dataclass(frozen=True, slots=True)
class Accepted:
    """The transport took the message: from here on it is theirs to deliver."""

    reply: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now (SMTP 4xx): try again later."""

    reply: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not ever (SMTP 5xx), in the server's own words."""

    reply: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The message was handed over and no answer came: it may or may not have arrived."""

    reply: str


Outcome = Accepted | Deferred | Rejected | Uncertain


class TransportUnavailable(Exception):
    """Nothing can be handed over now; nothing was. The text names the server and what to do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one worker has in hand, with what it needs to make the message."""

    id: int
    subscriber: int
    email: str
    name: str
    segment: int
    attempts: int
    first_attempt: datetime


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
            return Settlement(DeliveryState.REJECTED, reply, "rejected")
        case Uncertain(reply):
            return Settlement(DeliveryState.UNCERTAIN, reply)
        case Deferred(reply):
            retry_at = now + min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LONGEST_RETRY)
            if retry_at - first_attempt > retry_for:
                return Settlement(DeliveryState.REJECTED, reply, EXPIRED)
            return Settlement(DeliveryState.DEFERRED, reply, retry_at=retry_at)
