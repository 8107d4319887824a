"""What the WebSub hub (https://www.w3.org/TR/websub/) is to hear, and how often it is asked to listen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_AGAIN = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720)]
"""How long to wait after each failure. After the last, a hub that asks by itself has long been there."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A document that changed, which the hub is still to hear of; ``error`` says why it hasn't."""

    topic: str
    since: datetime
    due: datetime
    attempts: int
    error: str

    def after_failure(self, now: datetime) -> datetime | None:
        """When to try again after another failure; None to give it up."""
        return now + _AGAIN[self.attempts] if self.attempts < len(_AGAIN) else None
