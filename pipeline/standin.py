"""Watching from the side: who only serves raises the alarms once nobody else does.

Alarms are a job like any other, so with all workers gone, or every scheduler, nobody would say that they are.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from pipeline import jobs
from pipeline.app import App
from pipeline.steps.alarms import AlarmReport
from subscribers.alarm import STILL_AFTER
from subscribers.condition import JobCondition

_LOOK = 60.0
"""Seconds."""

log = structlog.get_logger()


@contextmanager
def standing_in(app: App) -> Iterator[None]:
    """Raise alarms while the block lasts, whenever nobody does whose work that is."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            try:
                report = stand_in(app)
            except Exception as error:
                log.error("alarms not looked at", error=str(error))
            else:
                for channel, why in (report.failed if report else {}).items():
                    log.error("alarm not told", channel=channel, error=why)

    thread = threading.Thread(target=look, name="stand-in", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1)  # a mail server that hangs must not keep the process


def stand_in(app: App) -> AlarmReport | None:
    """Raise the alarms; None where others do, or nobody ever was asked to."""
    with app.store.read() as work:
        clock, job = work.vitals.clock(), work.vitals.jobs().get("alarms", JobCondition())
    since = clock.since if clock else None
    last = max((at for at in (job.succeeded, since) if at), default=None)
    if last is None or app.clock() - last < STILL_AFTER:
        return None
    with app.backend.alone("task.alarms") as ours:
        return jobs.watch(app) if ours else None
