"""Traffic: how much may leave now and to whom, by the config's limits and what providers ask for.

The buckets and where we stand with each provider are in the database, so that all senders, on
whatever machine, keep one pace.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pipeline.ports import ProviderStore
from subscribers.delivery import Accepted, Claim, Outcome
from subscribers.pace import EVERYTHING, Bucket, Limits
from subscribers.provider import Provider

_AHEAD = 2
"""How many of a limited provider's messages are in hand for each that may be under way."""
_REMEMBER = timedelta(minutes=1)
"""How precisely it is kept when a provider last took a mail."""


class Traffic:
    """One worker's view. Every method works within the transaction whose ``providers`` it is given."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._accepted_at: dict[str, datetime] = {}

    def allowed(self, providers: ProviderStore, most: int, now: datetime) -> int:
        """How many of ``most`` may leave now, to whomever."""
        return self._passed(providers, EVERYTHING, self.limits.rate, most, now)

    def room(
        self,
        providers: ProviderStore,
        in_hand: Counter[str],
        others: Counter[str],
        most: int,
        now: datetime,
    ) -> dict[str, int]:
        """How many more of each limited provider may be taken in hand, where ``in_hand`` are already.

        ``others`` are in the hands of other senders.
        """
        room = {}
        # In one order for all senders, since each holds a bucket until the end of its transaction.
        for domain in sorted({*self.limits.domains, *(in_hand | others if self.limits.each else ())}):
            limit = self.limits.of(domain)
            free = _free(limit.connections, in_hand[domain], others[domain]) if limit.connections else most
            room[domain] = self._passed(providers, domain, limit.rate, free, now)
        return room

    @property
    def room_for_any(self) -> int:
        """The same for a provider of which nothing is in hand; 0 for no limit."""
        return _AHEAD * self.limits.each

    def pay(self, providers: ProviderStore, claims: Collection[Claim], now: datetime) -> None:
        """Take the claims' tokens out of the buckets that they passed."""
        taken = Counter(claim.domain for claim in claims)
        prices = {domain: (self.limits.of(domain).rate, taken[domain]) for domain in self.limits.domains}
        for name, (rate, number) in (prices | {EVERYTHING: (self.limits.rate, len(claims))}).items():
            if rate and number:
                providers.put_bucket(name, self._bucket(providers, name, rate, now).less(number))

    def learn(
        self, providers: ProviderStore, heard: Sequence[tuple[Claim, Outcome]], now: datetime
    ) -> list[Provider]:
        """Note what the outcomes mean for each provider's next mails; gives those that get none now."""
        told: dict[str, list[Outcome]] = {}
        for claim, outcome in heard:
            if not isinstance(outcome, Accepted) or self._is_news(claim.domain, now):
                told.setdefault(claim.domain, []).append(outcome)
        if not told:
            return []
        before = providers.of(told.keys())
        after = {domain: _after(before[domain], outcomes, now) for domain, outcomes in told.items()}
        providers.put(after.values())
        for domain, provider in after.items():
            if provider.last_accepted is None or provider.strikes or provider.refusals:
                self._accepted_at.pop(domain, None)  # so that its next acceptance clears it
            else:
                self._accepted_at[domain] = provider.last_accepted
        return [provider for provider in after.values() if provider.closed(now)]

    def _is_news(self, domain: str, now: datetime) -> bool:
        """Whether it is worth writing down that a provider took a mail."""
        at = self._accepted_at.get(domain)
        return at is None or abs(now - at) > _REMEMBER

    def _passed(self, providers: ProviderStore, name: str, rate: float, most: int, now: datetime) -> int:
        return min(most, self._bucket(providers, name, rate, now).whole) if rate else most

    @staticmethod
    def _bucket(providers: ProviderStore, name: str, rate: float, now: datetime) -> Bucket:
        found = providers.bucket(name)
        return found.filled(rate, now) if found else Bucket.full(rate, now)


def _free(connections: int, in_hand: int, others: int) -> int:
    """How many more may be taken in hand, so that never more than so many are under way, whoever sends them.

    A sender that has a provider to itself sees to that, and may hold more than are under way. As soon as two
    have to do with it, what is in hand counts: any of it may be under way.
    """
    return connections - in_hand - others if others else _AHEAD * connections - in_hand


def _after(provider: Provider, outcomes: Sequence[Outcome], now: datetime) -> Provider:
    for outcome in outcomes:
        provider = provider.after(outcome, now)
    return provider
