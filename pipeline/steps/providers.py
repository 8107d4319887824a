"""Mail providers, as an administrator asks about them and decides about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.ports import BounceStore, Clock, ProviderStore, Start
from subscribers.delivery import Refusal
from subscribers.provider import Provider


class RefusalStore(Protocol):
    def refusals(self, domain: str, limit: int) -> list[Refusal]: ...


class ProviderWork(Protocol):
    """What dealing with providers needs of a transaction."""

    @property
    def providers(self) -> ProviderStore: ...
    @property
    def bounces(self) -> BounceStore: ...
    @property
    def deliveries(self) -> RefusalStore: ...


_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A provider, the number of its readers whom we mail, and some of the mails that it did not take."""

    provider: Provider
    readers: int
    refusals: Sequence[Refusal]


class ProviderDesk:
    """Knows providers by domain. One never mailed is as good as any other."""

    def __init__(self, read: Start[ProviderWork], write: Start[ProviderWork], clock: Clock) -> None:
        self._read = read
        self._write = write
        self._clock = clock

    def known(self) -> list[Provider]:
        """All that were ever mailed, by domain."""
        with self._read() as work:
            return work.providers.known()

    def closed(self) -> list[Provider]:
        """Those that get nothing now."""
        now = self._clock()
        return [provider for provider in self.known() if provider.closed(now)]

    def one(self, domain: str) -> Provider:
        """Where we stand with one."""
        with self._read() as work:
            return work.providers.of([domain])[domain]

    def case(self, domain: str) -> Case:
        """What there is to say to the administrator of a provider."""
        with self._read() as work:
            return Case(
                work.providers.of([domain])[domain],
                work.bounces.readers(domain),
                work.deliveries.refusals(domain, _EXAMPLES),
            )

    def pause(self, domain: str, reason: str) -> None:
        """Nothing more to this provider; what is planned for its readers waits."""
        with self._write() as work:
            work.providers.put([work.providers.of([domain])[domain].pause(reason)])

    def resume(self, domain: str) -> None:
        """Begin again with it, whatever it said before."""
        with self._write() as work:
            work.providers.put([work.providers.of([domain])[domain].resume()])
