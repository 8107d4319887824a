"""Taking in what came back::

message ─▶ kept as it came, once ─▶ read ─┬▶ leave: the reader is unsubscribed
                                          └▶ refused for policy: the provider is paused after a few
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline.ports import Clock, FeedbackWork, Start
from subscribers.feedback import Feedback, FeedbackKind
from subscribers.subscriber import Reader


@dataclass(slots=True)
class IngestReport:
    """What was taken in, in numbers of messages by kind. ``repeated`` had been taken in before.

    ``paused`` are the providers that it paused, and why.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    paused: dict[str, str] = field(default_factory=dict)


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

    def ingest(self, messages: Iterable[bytes]) -> IngestReport:
        """Take in these, each in a transaction of its own; the same one twice counts once."""
        report = IngestReport()
        for raw in messages:
            self._take(raw, report)
        return report

    def _take(self, raw: bytes, report: IngestReport) -> None:
        feedback = self._read(raw)
        if feedback.kind is FeedbackKind.UNSUBSCRIBE and feedback.subscriber is not None:
            # First, and again for a repeated message: leaving twice is leaving once.
            self._unsubscribe(feedback.subscriber, "mail")
        with self._write() as work:
            now = self._clock()
            if not work.feedback.add(hashlib.sha256(raw).hexdigest(), feedback, raw, now):
                report.repeated += 1
                return
            if feedback.kind is FeedbackKind.POLICY and feedback.delivery is not None:
                domain = work.feedback.domain_of(feedback.delivery)
                if domain:
                    before = work.providers.of([domain])[domain]
                    after = before.reported(feedback.reply, now)
                    work.providers.put([after])
                    if after.paused and not before.paused:
                        report.paused[domain] = after.reason
        report.kinds[feedback.kind] = report.kinds.get(feedback.kind, 0) + 1
