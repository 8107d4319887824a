"""Bounces: what is held against an address whose mail comes back, and what is not.

Providers say of good addresses, on a bad day, that they do not exist. So one hard bounce lets an address
rest, and only another one after that suppresses it; and where many addresses of one domain bounce at once,
it is the domain that has a bad day, and nobody is suppressed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

REST = timedelta(days=7)
"""How long an address rests after its first hard bounce."""

MEMORY = timedelta(days=60)
"""How long a hard bounce counts as the first of two."""

SOFT_LIMIT = 5.0
SOFT_REST = timedelta(days=30)
"""The longest rest of all; one that lies further off was set by a clock that had jumped."""
HALF_LIFE = timedelta(days=14)
"""In which half of the soft bounces are forgotten."""

SPIKE_WITHIN = timedelta(days=1)
SPIKE_FROM = 10
"""Addresses of one domain that bounce within that time, from which on it may be the domain's fault."""

SPIKE_SHARE = 0.1
"""And what part of its readers they must be."""


class Verdict(StrEnum):
    """What is to be done about an address."""

    NOTHING = "nothing"
    REST = "rest"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class Bounces:
    """What came back for one reader. ``last`` is the delivery that was counted last, which counts once."""

    hard_at: datetime | None = None
    rests_until: datetime | None = None
    soft: float = 0.0
    soft_at: datetime | None = None
    last: int | None = None

    def hard(self, delivery: int | None, now: datetime, *, spike: bool) -> tuple["Bounces", Verdict]:
        """After a bounce that says that the address takes no mail at all."""
        if self._is_counted(delivery, now):
            return self, Verdict.NOTHING
        second = self.hard_at is not None and now - self.hard_at <= MEMORY
        if second and not spike:
            return replace(self, hard_at=now, last=delivery), Verdict.SUPPRESS
        return replace(self, hard_at=now, rests_until=now + REST, last=delivery), Verdict.REST

    def soften(self, delivery: int | None, now: datetime) -> tuple["Bounces", Verdict]:
        """After a bounce that says that the address took no mail this time."""
        if self._is_counted(delivery, now):
            return self, Verdict.NOTHING
        passed = max(timedelta(0), now - self.soft_at) if self.soft_at is not None else timedelta(0)
        soft = self.soft * 0.5 ** (passed / HALF_LIFE) + 1
        counted = replace(self, soft=soft, soft_at=now, last=delivery)
        if soft < SOFT_LIMIT:
            return counted, Verdict.NOTHING
        return replace(counted, soft=0.0, rests_until=now + SOFT_REST), Verdict.REST

    def _is_counted(self, delivery: int | None, now: datetime) -> bool:
        """Whether this is known: the same mail's, or of one that left before the address began to rest."""
        rests = self.rests_until is not None and now < self.rests_until <= now + SOFT_REST
        return rests or (delivery is not None and delivery == self.last)


def is_spike(bounced: int, readers: int) -> bool:
    """Whether a domain has a bad day: ``bounced`` of its ``readers`` within a day, this one included."""
    return bounced >= SPIKE_FROM and bounced >= SPIKE_SHARE * readers


def too_many(bounced: int) -> int:
    """A number of readers of whom ``bounced`` are no spike, so that nobody needs to count further."""
    return int(bounced / SPIKE_SHARE) + 1
