"""Tidying up: what was kept for a while only is removed when its time is over."""

from datetime import datetime, timedelta
from typing import Protocol

from pipeline.ports import Clock, Start
from subscribers.signup import PER_ADDRESS, PER_NETWORK


class Forgetful(Protocol):
    def forget(self, before: datetime) -> int: ...


class SignUpShelf(Forgetful, Protocol):
    def forget_counts(self, before: datetime) -> None: ...


class TidyWork(Protocol):
    """What tidying up needs of a transaction."""

    @property
    def signups(self) -> SignUpShelf: ...
    @property
    def notices(self) -> Forgetful: ...


class Tidier:
    """Removes sign-ups and notices older than ``unconfirmed``, confirmed or not: the proof is elsewhere."""

    def __init__(self, write: Start[TidyWork], clock: Clock, *, unconfirmed: timedelta) -> None:
        self._write = write
        self._clock = clock
        self._unconfirmed = unconfirmed

    def tidy(self) -> dict[str, int]:
        """Remove what is too old; gives how many of what, without those of which there were none."""
        with self._write() as work:
            before = self._clock() - self._unconfirmed
            removed = {"signups": work.signups.forget(before), "notices": work.notices.forget(before)}
            work.signups.forget_counts(self._clock() - max(PER_ADDRESS.within, PER_NETWORK.within))
            return {what: number for what, number in removed.items() if number}
