"""A transport that a test answers for."""

from collections.abc import Callable

from pipeline.transports.immediate import Immediate
from subscribers.delivery import Accepted, Outcome, Parcel


class Mailer(Immediate):
    """A transport that answers as a test wants, and remembers who got what."""

    def __init__(self, answer: Callable[[str], Outcome] = lambda recipient: Accepted()) -> None:
        self.answer = answer
        self.sent: list[str] = []
        self.parcels: list[Parcel] = []
        self.refused: list[Parcel] = []

    def send(self, parcel: Parcel) -> Outcome:
        outcome = self.answer(parcel.recipient)
        if isinstance(outcome, Accepted):
            self.parcels.append(parcel)
            self.sent.append(parcel.recipient)
        else:
            self.refused.append(parcel)
        return outcome

    def close(self) -> None:
        pass
