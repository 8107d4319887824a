"""What transports share that hand a message over in one call."""

from collections.abc import Callable, Sequence

from subscribers.delivery import Outcome, Parcel, TransportUnavailable, Unsent


class Immediate:
    """One message at a time, each settled before the next is asked for."""

    smtputf8: bool | None = True
    _fault: TransportUnavailable | None = None

    def send(self, parcel: Parcel) -> Outcome:
        """Hand one message over. Raises TransportUnavailable when nothing was and nothing can be."""
        raise NotImplementedError

    def pump(
        self, take: Callable[[int], Sequence[Parcel]], waiting: int, wait: float
    ) -> list[tuple[Parcel, Outcome]]:
        """Send the next message, if there is one."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        taken = take(1)
        if not taken:
            return []
        [parcel] = taken
        try:
            return [(parcel, self.send(parcel))]
        except TransportUnavailable as fault:
            # First what became of this message, then, when asked for more, that there can be none.
            self._fault = fault
            return [(parcel, Unsent(str(fault)))]

    def abort(self) -> list[tuple[Parcel, Outcome]]:
        """Nothing is ever under way between two calls."""
        return []
