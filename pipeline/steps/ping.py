"""Telling the WebSub hub (https://www.w3.org/TR/websub/) what changed::

documents switched ─▶ pings due ─▶ asked of the hub ─┬▶ told
                                                     └▶ due again later, or given up
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from feeds.hub import Ping
from pipeline.ports import Clock, Start
from pipeline.ports_publishing import HubError, PublishWork


@dataclass(slots=True)
class PingReport:
    """``waiting`` are the documents that the hub is still to hear of, with the reason."""

    told: list[str] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


class Pinger:
    """Tells one hub. ``tell`` asks it to fetch a document, and raises HubError; without it nobody is told."""

    def __init__(
        self,
        *,
        read: Start[PublishWork],
        write: Start[PublishWork],
        tell: Callable[[str], None] | None,
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._tell = tell
        self._clock = clock

    def ping(self) -> PingReport:
        """Tell the hub whatever is due. No transaction is open meanwhile, and one failure ends the round:
        a hub that is down is not asked once for each document."""
        report = PingReport()
        now = self._clock()
        with self._read() as work:
            pings = work.publication.pings()
        if self._tell is None:  # the config had a hub once
            if pings:
                with self._write() as work:
                    work.publication.pinged(pings)
            return report
        told: list[Ping] = []
        error = ""
        for ping in (one for one in pings if one.due <= now):
            try:
                self._tell(ping.topic)
            except HubError as failure:
                error = str(failure)
                break
            told.append(ping)
        left = [ping for ping in pings if ping not in told]
        with self._write() as work:
            work.publication.pinged(told)
            if error:
                self._put_off([ping for ping in left if ping.due <= now], error, work, report)
        report.told = [ping.topic for ping in told]
        report.waiting = {
            ping.topic: (error if ping.due <= now else "") or ping.error
            for ping in left
            if ping.topic not in report.given_up
        }
        return report

    def _put_off(self, pings: list[Ping], error: str, work: PublishWork, report: PingReport) -> None:
        hopeless = []
        for ping in pings:
            again = ping.after_failure(self._clock())
            if again is None:
                hopeless.append(ping)
            else:
                work.publication.ping_failed(ping.topic, error, again)
        work.publication.pinged(hopeless)
        report.given_up = {ping.topic: error for ping in hopeless}
