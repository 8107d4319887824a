"""What running a portal asks of the store: a queue of jobs, slots that were changed, locks and claims."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from feeds.error import KennisportalError
from subscribers.frequency import Frequency


class QueueStore(Protocol):
    def put(self, task: str) -> None: ...
    def deliver(self, edition: str, ready: int) -> None: ...


class SlotStore(Protocol):
    def changes(self, frequency: Frequency) -> Mapping[date, date | None]: ...
    def change(self, frequency: Frequency, slot: date, day: date | None, at: datetime) -> None: ...
    def restore(self, frequency: Frequency, slot: date) -> bool: ...


class Mutex(Protocol):
    """A lock that one process at a time holds, and that is let go of when that process dies."""

    def hold(self) -> bool:
        """Take it, or see that we have it still; False where another process has it, or nobody can."""

    def release(self) -> None:
        """Let another have it."""


class ClaimsLost(KennisportalError):
    """This worker can't hold its claims any more, and must neither claim nor send; the text says why."""


class Claims(Protocol):
    """Claims that die with the process that holds them."""

    @property
    def worker(self) -> str:
        """This worker's name, unlike any other's ever."""

    def is_dead(self, worker: str) -> bool:
        """Whether the process that was this worker is gone."""

    def check(self) -> None:
        """Raises ClaimsLost where others may take this worker for dead."""

    def sending(self) -> AbstractContextManager[None]:
        """A block in which this worker sends; who writes meanwhile may have to wait until it heeds that."""
