"""Mail providers, as an administrator asks about them and decides about them."""

from pipeline.ports import Clock, ProviderWork, Start
from subscribers.provider import Provider


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

    def pause(self, domain: str, reason: str) -> None:
        """Nothing more to this provider; what is planned for its readers waits."""
        with self._write() as work:
            work.providers.put([work.providers.of([domain])[domain].pause(reason)])

    def resume(self, domain: str) -> None:
        """Begin again with it, whatever it said before."""
        with self._write() as work:
            work.providers.put([work.providers.of([domain])[domain].resume()])
