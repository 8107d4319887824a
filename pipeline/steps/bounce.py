"""Counting a bounce against the address that it is about::

bounce ─▶ whose, and has it been counted? ─▶ does the whole domain bounce? ─▶ nothing, rest, or suppress
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline.ports import BounceStore, MailableStore
from subscribers.bounces import REST, SPIKE_FROM, SPIKE_WITHIN, Verdict, is_spike, too_many
from subscribers.subscriber import BOUNCED, State, domain_of


@dataclass(slots=True)
class BounceReport:
    """How many readers rest or were suppressed; ``spikes`` are the domains that have a bad day."""

    rested: int = 0
    suppressed: int = 0
    spikes: dict[str, int] = field(default_factory=dict)


def count_bounce(
    bounces: BounceStore,
    subscribers: MailableStore,
    reader: int,
    delivery: int | None,
    now: datetime,
    report: BounceReport,
    *,
    hard: bool,
) -> None:
    """Count it, and let the reader rest or suppress their address where that is due."""
    found = subscribers.by_id(reader)
    if found is None or found.subscriber.state not in (State.ACTIVE, State.PAUSED, State.SUSPENDED):
        return
    before = bounces.of(reader)
    if hard:
        domain = domain_of(found.subscriber.email)
        bounced = bounces.bounced(domain, now - SPIKE_WITHIN) + 1
        # Nobody is counted while it can't be, nor more than it takes: a domain may have half of all readers.
        spike = bounced >= SPIKE_FROM and is_spike(bounced, bounces.readers(domain, too_many(bounced)))
        after, verdict = before.hard(delivery, now, spike=spike)
        if spike and verdict is not Verdict.NOTHING:
            report.spikes[domain] = bounced
            _pardon(bounces, subscribers, domain, now)
    else:
        after, verdict = before.soften(delivery, now)
    if after != before:
        bounces.put(reader, after)
    match verdict:
        case Verdict.SUPPRESS:
            subscribers.suppress(found.subscriber.email, BOUNCED, now)
            report.suppressed += 1
        case Verdict.REST:
            if found.subscriber.state is State.ACTIVE:
                subscribers.leave(reader, State.SUSPENDED, str(State.SUSPENDED), now)
            report.rested += 1


def _pardon(bounces: BounceStore, subscribers: MailableStore, domain: str, now: datetime) -> None:
    """Let those rest who were suppressed before anybody could know that it was their domain."""
    for email in bounces.suppressed(domain, now - SPIKE_WITHIN):
        reader = subscribers.by_email(email)
        if reader is not None:
            subscribers.unsuppress(email)
            paused = reader.subscriber.paused_until is not None
            subscribers.set_state(reader.id, State.PAUSED if paused else State.SUSPENDED)
            bounces.put(reader.id, replace(bounces.of(reader.id), rests_until=now + REST))
