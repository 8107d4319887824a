"""Taking in what came back::

message ─▶ kept as it came, once ─▶ read ─┬▶ leave: the reader is unsubscribed
                                          ├▶ complaint: the address is suppressed
                                          ├▶ bounce: counted against the address
                                          └▶ refused for policy: the provider is paused after a few
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.ports import Clock, FeedbackWork, Start
from pipeline.steps.bounce import BounceReport, count_bounce
from subscribers.feedback import Feedback, FeedbackKind
from subscribers.subscriber import COMPLAINT, Reader, State


@dataclass(slots=True)
class IngestReport:
    """What was taken in, in numbers of messages by kind. ``repeated`` had been taken in before.

    ``paused`` are the providers that it paused, and why; ``bounces`` what it meant for readers.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    paused: dict[str, str] = field(default_factory=dict)
    bounces: BounceReport = field(default_factory=BounceReport)


class Ingester:
    """Takes in messages that came to our addresses for bounces and for leaving."""

    def __init__(
        self,
        write: Start[FeedbackWork],
        read: Callable[[bytes], Feedback],
        unsubscribe: Callable[[int, str], Reader | None],
        clock: Clock,
    ) -> None:
        self._write = write
        self._read = read
        self._unsubscribe = unsubscribe
        self._clock = clock

    def ingest(
        self, messages: Iterable[bytes], kept: Callable[[FeedbackKind], None] = lambda kind: None
    ) -> IngestReport:
        """Take in these, each in a transaction of its own; the same one twice counts once.

        ``kept`` is told of each as soon as it is kept for good, before the next is asked for.
        """
        report = IngestReport()
        for raw in messages:
            kept(self._take(raw, report))
        return report

    def undo(self, domain: str, since: datetime) -> dict[str, int]:
        """Take back what hard bounces at a domain led to since a moment; gives for how many readers."""
        with self._write() as work:
            suppressed = work.bounces.suppressed(domain, since)
            for email in suppressed:
                work.subscribers.unsuppress(email)
                reader = work.subscribers.by_email(email)
                if reader is not None:
                    paused = reader.subscriber.paused_until is not None
                    work.subscribers.set_state(reader.id, State.PAUSED if paused else State.ACTIVE)
                    work.bounces.clear(reader.id)
            return {"suppressed": len(suppressed), "rested": work.bounces.wake(domain, since)}

    def _take(self, raw: bytes, report: IngestReport) -> FeedbackKind:
        feedback = self._read(raw)
        if feedback.kind is FeedbackKind.UNSUBSCRIBE and feedback.subscriber is not None:
            # First, and again for a repeated message: leaving twice is leaving once.
            self._unsubscribe(feedback.subscriber, "mail")
        with self._write() as work:
            now = self._clock()
            if not work.feedback.add(hashlib.sha256(raw).hexdigest(), feedback, raw, now):
                report.repeated += 1
                return feedback.kind
            self._act(work, feedback, now, report)
            if feedback.kind is FeedbackKind.POLICY and feedback.delivery is not None:
                domain = work.feedback.domain_of(feedback.delivery)
                if domain:
                    before = work.providers.of([domain])[domain]
                    after = before.reported(feedback.reply, now)
                    work.providers.put([after])
                    if after.paused and not before.paused:
                        report.paused[domain] = after.reason
        report.kinds[feedback.kind] = report.kinds.get(feedback.kind, 0) + 1
        return feedback.kind

    def _act(self, work: FeedbackWork, feedback: Feedback, now: datetime, report: IngestReport) -> None:
        """What a complaint or a bounce means for the reader whom it is about, where that is told by us."""
        reader = feedback.subscriber
        if reader is None and feedback.delivery is not None:
            reader = work.bounces.reader_of(feedback.delivery)
        if reader is None:
            return
        match feedback.kind:
            case FeedbackKind.COMPLAINT:
                found = work.subscribers.by_id(reader)
                if found is not None and found.subscriber.state is not State.ERASED:
                    work.subscribers.suppress(found.subscriber.email, COMPLAINT, now)
            case FeedbackKind.HARD | FeedbackKind.SOFT:
                if feedback.delivery is not None and work.bounces.went_elsewhere(feedback.delivery):
                    return
                count_bounce(
                    work.bounces,
                    work.subscribers,
                    reader,
                    feedback.delivery,
                    now,
                    report.bounces,
                    hard=feedback.kind is FeedbackKind.HARD,
                )
