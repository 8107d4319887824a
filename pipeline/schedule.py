"""The clock of ``run``: it only ticks. The database knows what is due, so a tick more is harmless."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from structlog.contextvars import bound_contextvars

from pipeline import jobs
from pipeline.app import App
from pipeline.upkeep import noted

COLLECT_EVERY = 30
"""Seconds between looks at which sources are due."""
SEND_EVERY = 15
"""Seconds between looks at which editions are due, and which deliveries are to be tried again."""
PING_EVERY = 10
"""Seconds between looks at what the WebSub hub is still to hear of; a slow one holds up nothing else."""

NOTIFY_EVERY = 10
"""Seconds between looks at which notices are to be tried again; the web sends them when they arise."""
BOUNCES_EVERY = 300
TIDY_EVERY = 3600
ALARMS_EVERY = 60
SAY_AGAIN = 900
"""Seconds after which an error that stays is said once more."""
LONG = 1.0
"""Seconds of a tick that are worth a line in the log."""

log = structlog.get_logger()


@contextmanager
def ticking(app: App) -> Iterator[None]:
    """Work at what is due, for as long as the block lasts; at its end, what is under way is finished."""
    stop = threading.Event()
    scheduler = BackgroundScheduler(timezone=UTC)
    for work, seconds in (
        (collect_and_publish, COLLECT_EVERY),
        (plan_and_send, SEND_EVERY),
        (tell_the_hub, PING_EVERY),
        (send_notices, NOTIFY_EVERY),
        (read_bounces, BOUNCES_EVERY),
        (tidy_up, TIDY_EVERY),
        (raise_alarms, ALARMS_EVERY),
    ):
        scheduler.add_job(
            _guarded(work),
            "interval",
            args=[app, stop.is_set],
            seconds=seconds,
            name=work.__name__,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        yield
    finally:
        stop.set()
        scheduler.shutdown(wait=True)


def collect_and_publish(app: App, stopping: Callable[[], bool]) -> None:
    """One tick of the first half of the path: sources to feeds."""
    report = jobs.collect(app)
    for part in report.sources:
        if part.error:
            log.warning("source failed", source=part.name, error=part.error)
        for problem in part.outcome.problems:
            log.info("source problem", source=part.name, what=problem.what, why=problem.why)
    if report.total("new") or report.total("updated") or report.total("withdrawn") or report.released:
        log.info(
            "collected",
            new=report.total("new"),
            updated=report.total("updated"),
            withdrawn=report.total("withdrawn"),
            released=report.released,
        )
    if stopping():
        return
    published = jobs.publish(app)
    for slug, faults in published.failed.items():
        log.error("feed not published", theme=slug, faults=faults)
    if published.built:
        log.info("published", themes=published.built)


def plan_and_send(app: App, stopping: Callable[[], bool]) -> None:
    """One tick of the second half: log to mailboxes."""
    for planned in jobs.plan(app):
        log.info("planned", edition=str(planned.edition), readers=planned.planned, skipped=planned.skipped)
    for edition, report in jobs.deliver(app, stopping).items():
        log.info("sent", edition=edition, **report.settled)
        for domain, reason in report.paused.items():
            log.error("provider paused", domain=domain, reason=reason)
        for domain, bounced in report.spikes.items():
            log.error(
                "many addresses of one domain bounce; nobody is suppressed", domain=domain, today=bounced
            )
        for segment, fault in report.broken.items():
            log.error("letter not made", edition=edition, segment=segment, error=str(fault))


def tell_the_hub(app: App, stopping: Callable[[], bool]) -> None:
    """One tick beside the path: what the feeds' followers are to hear of at once."""
    report = jobs.ping(app)
    if report.told:
        log.info("hub told", documents=len(report.told))
    for topic, why in report.given_up.items():
        log.error("hub not told", document=topic, error=why)


def send_notices(app: App, stopping: Callable[[], bool]) -> None:
    """One tick beside the path: mails to single people."""
    report = jobs.notify(app)
    if report.settled:
        log.info("notices", **report.settled)
    for id, why in report.failed.items():
        log.error("notice not written", notice=id, error=why)


def read_bounces(app: App, stopping: Callable[[], bool]) -> None:
    """What came back meanwhile, where there is a mailbox for it."""
    if not app.settings.bounces.imap:
        return
    report = jobs.poll_bounces(app)
    if report.kinds:
        log.info("came back", **report.kinds)
    for domain, reason in report.paused.items():
        log.error("provider paused", domain=domain, reason=reason)
    for domain, bounced in report.bounces.spikes.items():
        log.error("many addresses of one domain bounce; nobody is suppressed", domain=domain, today=bounced)


def tidy_up(app: App, stopping: Callable[[], bool]) -> None:
    """Once in a while: what has been kept for long enough."""
    removed = jobs.tidy(app)
    if removed:
        log.info("tidied up", **removed)


def raise_alarms(app: App, stopping: Callable[[], bool]) -> None:
    """Whatever needs somebody: told to whom the config names."""
    report = jobs.watch(app)
    if report.said:
        log.info("alarms told", **report.said)
    for channel, why in report.failed.items():
        log.error("alarm not told", channel=channel, error=why)


def _guarded(work: Callable[[App, Callable[[], bool]], None]) -> Callable[[App, Callable[[], bool]], None]:
    """The job, which outlives whatever goes wrong in one tick: the next one finds the same things due.

    What goes wrong tick after tick is said once in a while.
    """
    said: dict[type[Exception], float] = {}

    def run(app: App, stopping: Callable[[], bool]) -> None:
        began = time.monotonic()
        try:
            with (
                bound_contextvars(job=work.__name__, run=uuid.uuid4().hex[:8]),
                noted(app, work.__name__),
            ):
                work(app, stopping)
                seconds = round(time.monotonic() - began, 3)
                (log.info if seconds >= LONG else log.debug)("tick", seconds=seconds)
            said.clear()
        except Exception as error:
            if time.monotonic() - said.get(type(error), -SAY_AGAIN) < SAY_AGAIN:
                return
            said[type(error)] = time.monotonic()
            log.error("tick failed", job=work.__name__, error=str(error), exc_info=_unexpected(error))

    return run


def _unexpected(error: Exception) -> bool:
    """Errors of our own say all there is to say; of others, where they happened matters."""
    return not type(error).__module__.startswith(("pipeline", "feeds", "subscribers"))
