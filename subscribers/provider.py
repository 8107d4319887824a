"""A mail provider: how it takes our mail, and when to leave it alone for a while.

A provider is known by the domain of its addresses. One that asks for patience is held back for a
time that grows; one that refuses us for policy, time after time, is paused until an administrator
has looked. Other providers notice nothing of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from subscribers.delivery import Accepted, Deferred, Outcome, Rejected
from subscribers.reply import Reply

FIRST_HOLD = timedelta(minutes=1)
LONGEST_HOLD = timedelta(minutes=30)
REFUSALS = 5
"""Rejections for policy in a row at which a provider is paused."""
_FORGOTTEN = timedelta(days=1)
"""After so long without a report, counting begins anew. What the relay takes meanwhile says nothing of it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where we stand with a provider.

    ``strikes`` counts the deferrals, and ``refusals`` the rejections for policy, since it last took a
    mail; ``reports`` the rejections for policy that came back by mail from a relay which had taken it.
    ``reason`` is why it is paused; ``last_reply`` what it last answered that was no acceptance.
    """

    domain: str
    paused: bool = False
    reason: str = ""
    hold_until: datetime | None = None
    strikes: int = 0
    refusals: int = 0
    reports: int = 0
    last_accepted: datetime | None = None
    last_reply: str = ""
    last_reply_at: datetime | None = None

    def closed(self, now: datetime) -> bool:
        """Whether nothing may be sent to it now.

        A hold further off than any we impose comes from a clock that has jumped, and counts for nothing.
        """
        held = self.hold_until is not None and now < self.hold_until <= now + LONGEST_HOLD
        return self.paused or held

    def after(self, outcome: Outcome, now: datetime) -> "Provider":
        """Where we stand once a mail came to this."""
        match outcome:
            case Accepted() if self.closed(now):
                # It was under way when the provider asked for patience, and takes nothing of that back.
                return replace(self, last_accepted=now)
            case Accepted():
                return replace(self, hold_until=None, strikes=0, refusals=0, last_accepted=now)
            case Deferred(reply):
                return self._deferred(reply, now)
            case Rejected(reply):
                return self._rejected(reply, now)
        return self

    def pause(self, reason: str) -> "Provider":
        """Nothing more to this provider, until an administrator resumes it."""
        return replace(self, paused=True, reason=reason)

    def resume(self) -> "Provider":
        """Begin again with a clean slate."""
        return replace(self, paused=False, reason="", hold_until=None, strikes=0, refusals=0, reports=0)

    def reported(self, reply: str, now: datetime) -> "Provider":
        """Where we stand once a relay, which had taken a mail, reports that the provider refused it."""
        if not Reply.read(reply).is_policy:
            return self
        fresh = self.last_reply_at is not None and now - self.last_reply_at < _FORGOTTEN
        told = replace(self, last_reply=reply, last_reply_at=now, reports=self.reports + 1 if fresh else 1)
        if told.reports >= REFUSALS and not self.paused:
            return told.pause(f"{told.reports} mails were sent back for policy: {reply}")
        return told

    def _deferred(self, reply: str, now: datetime) -> "Provider":
        said = replace(self, last_reply=reply, last_reply_at=now)
        if not Reply.read(reply).asks_for_patience:
            return said
        if self.closed(now):  # one of those that were under way when the first was deferred
            return said
        hold = min(FIRST_HOLD * 2 ** min(self.strikes, 10), LONGEST_HOLD)
        return replace(said, strikes=self.strikes + 1, hold_until=now + hold)

    def _rejected(self, reply: str, now: datetime) -> "Provider":
        said = replace(self, last_reply=reply, last_reply_at=now)
        if not Reply.read(reply).is_policy:
            return said
        refused = replace(said, refusals=self.refusals + 1)
        if refused.refusals >= REFUSALS and not self.paused:
            return refused.pause(f"{refused.refusals} mails in a row were refused for policy: {reply}")
        return refused


def tells_of_trouble(outcome: Outcome) -> bool:
    """Whether an outcome bears on the next mails to the same provider, and should be heeded at once."""
    match outcome:
        case Deferred(reply):
            return Reply.read(reply).asks_for_patience
        case Rejected(reply):
            return Reply.read(reply).is_policy
    return False
