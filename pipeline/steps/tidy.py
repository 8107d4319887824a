"""Tidying up: what was kept for a while only is removed when its time is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.ports import Clock, RegisterStore, Start
from subscribers.signup import PER_ADDRESS, PER_NETWORK


class Forgetful(Protocol):
    def forget(self, before: datetime) -> int: ...


class SignUpShelf(Forgetful, Protocol):
    def forget_counts(self, before: datetime) -> None: ...


class AuditedRegister(RegisterStore, Protocol):
    def forget_audit(self, before: datetime) -> int: ...


class TidyWork(Protocol):
    """What tidying up needs of a transaction."""

    @property
    def signups(self) -> SignUpShelf: ...
    @property
    def notices(self) -> Forgetful: ...
    @property
    def feedback(self) -> Forgetful: ...
    @property
    def register(self) -> AuditedRegister: ...


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: sign-ups and notices, the originals of what came back, the audit log."""

    unconfirmed: timedelta
    bounces: timedelta
    audit: timedelta


class Tidier:
    """Removes what is too old. A sign-up goes whether it was confirmed or not: the proof is elsewhere."""

    def __init__(
        self, write: Start[TidyWork], scrub: Callable[[], None], clock: Clock, retention: Retention
    ) -> None:
        self._write = write
        self._scrub = scrub
        self._clock = clock
        self._retention = retention

    def tidy(self) -> dict[str, int]:
        """Remove what is too old; gives how many of what, without those of which there were none.

        What was removed is written down in the audit log.
        """
        now, keep = self._clock(), self._retention
        with self._write() as work:
            removed = {
                "signups": work.signups.forget(now - keep.unconfirmed),
                "notices": work.notices.forget(now - keep.unconfirmed),
                "originals": work.feedback.forget(now - keep.bounces),
                "audited": work.register.forget_audit(now - keep.audit),
            }
            work.signups.forget_counts(now - max(PER_ADDRESS.within, PER_NETWORK.within))
            found = {what: number for what, number in removed.items() if number}
            if found:
                told = ", ".join(f"{number} {what}" for what, number in found.items())
                work.register.audit(now, "retention", "removed", told)
        if found:
            self._scrub()
        return found
