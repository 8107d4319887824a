"""What running a portal asks of the store: a queue of jobs, slots that were changed, and a lock by name."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

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
