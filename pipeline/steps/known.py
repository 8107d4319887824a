"""Who is known of a roster: looked up a batch at a time, and remembered in a bit each."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.ports import EnrolWork
from subscribers.frequency import PERIODS, Frequency
from subscribers.roster import Enrolment
from subscribers.subscriber import Reader, Subscriber


class Known:
    """Who is known at the addresses of a batch, looked up at once; who is new is stored at once too."""

    def __init__(self, work: EnrolWork, emails: Sequence[str]) -> None:
        self._subscribers = work.subscribers
        self._log = work.log
        self._suppressed = {email.casefold() for email in work.subscribers.suppressed(emails)}
        self._known = {
            email.casefold(): reader for email, reader in work.subscribers.by_emails(emails).items()
        }
        self._chose = work.subscribers.own_words([reader.id for reader in self._known.values()])
        self._new: dict[str, Enrolment] = {}
        self._starts: dict[Frequency, int] = {}

    def is_suppressed(self, email: str) -> bool:
        return email.casefold() in self._suppressed

    def find(self, email: str) -> Reader | None:
        """The reader at an address, as they were before this batch."""
        return self._known.get(email.casefold())

    def is_new(self, email: str) -> bool:
        """Whether somebody at this address is new in this very batch."""
        return email.casefold() in self._new

    def chose_since(self, id: int, wish: Enrolment) -> bool:
        """Whether a reader chose by themselves after what a row proves, which may be nothing."""
        chose = self._chose.get(id)
        proven = wish.consent.at if wish.consent and "consented_at" in wish.chosen else None
        return chose is not None and (proven is None or proven <= chose)

    def start(self, subscriber: Subscriber, now: datetime) -> int:
        """Where the cursor of a new reader stands, as for anybody who joins; asked once a frequency."""
        if subscriber.frequency not in self._starts:
            self._starts[subscriber.frequency] = self._log.position_at(now - PERIODS[subscriber.frequency])
        return self._starts[subscriber.frequency]

    def add(self, wish: Enrolment) -> None:
        self._new[wish.subscriber.email.casefold()] = wish

    def enter(self) -> list[int]:
        """Store who is new; gives their ids."""
        new, self._new = list(self._new.values()), {}
        return self._subscribers.add_all([(wish.subscriber, wish.interests, wish.consent) for wish in new])


class Ids:
    """Numbers of readers, a bit each: a roster may hold a million of them."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, id: int) -> None:
        place, bit = divmod(id, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(2 * place + 64 - len(self._bits)))
        self._bits[place] |= 1 << bit

    def __contains__(self, id: int) -> bool:
        place, bit = divmod(id, 8)
        return place < len(self._bits) and bool(self._bits[place] & 1 << bit)
