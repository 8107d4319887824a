"""Pace: how many messages may leave now, by a token bucket, and how many at a time to one provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

EVERYTHING = ""
"""The bucket that every message takes from."""
_AHEAD = timedelta(minutes=1)
"""How far the clocks of senders that share a bucket may be apart."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with ``tokens`` at a moment. It holds a second's worth, and never less than one."""

    tokens: float
    at: datetime

    @classmethod
    def full(cls, rate: float, now: datetime) -> "Bucket":
        return cls(max(1.0, rate), now)

    def filled(self, rate: float, now: datetime) -> "Bucket":
        """The bucket as it is now, at ``rate`` tokens a second.

        A moment that has been counted is not counted again for a sender whose clock is behind. Only a bucket
        from far ahead was left by a clock that ran ahead: to wait for its moment could take days.
        """
        if self.at - now > _AHEAD:
            return Bucket.full(rate, now)
        passed = max(timedelta(0), now - self.at)
        return Bucket(min(max(1.0, rate), self.tokens + passed.total_seconds() * rate), self.at + passed)

    @property
    def whole(self) -> int:
        """How many messages it lets through now."""
        return int(self.tokens + 1e-9)

    def less(self, number: int) -> "Bucket":
        return Bucket(self.tokens - number, self.at)


@dataclass(frozen=True, slots=True)
class Limit:
    """What one provider takes: messages under way at once, and messages a second. 0 is no limit."""

    connections: int = 0
    rate: float = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The config's limits: messages a second in all, what each provider takes, and what single ones do."""

    rate: float = 0
    each: int = 0
    domains: Mapping[str, Limit] = field(default_factory=dict)

    @property
    def paced(self) -> bool:
        """Whether any bucket is needed."""
        return bool(self.rate or any(limit.rate for limit in self.domains.values()))

    @property
    def shared(self) -> bool:
        """Whether senders must take turns, since what one has in hand counts for all."""
        return self.paced or self.capped

    @property
    def capped(self) -> bool:
        """Whether any provider takes only so many messages at once."""
        return bool(self.each or any(limit.connections for limit in self.domains.values()))

    def of(self, domain: str) -> Limit:
        """The limit of one provider."""
        return self.domains.get(domain) or Limit(self.each)
