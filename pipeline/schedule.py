"""The clock: it only ticks. The database knows what is due, so a tick more is harmless.

Of several schedulers one leads, and the others wait for it to end. At each tick the leader takes the slots
that have begun: a slot is taken once, in one transaction with the job that it puts into the queue. Slots
that passed while nobody ticked are not made up for; the latest takes in the others.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from pipeline.app import App
from pipeline.ports_running import Mutex
from pipeline.stop import Stop
from pipeline.store import schema
from pipeline.store.session import IN_LEAD
from pipeline.store.vitals import LEADER, TASK, leader_value
from pipeline.tasks import CLOCKED, Task
from subscribers.alarm import STILL_AFTER

TICK = 1
"""Seconds between two looks at the clock."""
CHECK = 2
"""Seconds between two looks at who leads."""
APART = timedelta(minutes=1)
"""So much the clocks of two machines may differ. What was taken by one further ahead is taken anew."""

# A tick waits while an edition is planned, and need not be told of each second.
logging.getLogger("apscheduler").setLevel(logging.ERROR)

log = structlog.get_logger()


@contextmanager
def ticking(app: App, stop: Stop, beat: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Put in what is due, for as long as the block lasts and no other scheduler leads.

    ``beat`` is called every now and then as long as the database is there, and is the one we know.
    """
    lead = app.backend.mutex("scheduler", must_show=True)
    clock = Clock(app, lead, CLOCKED, stop, beat)
    clock.look()
    scheduler = BackgroundScheduler(timezone=UTC)
    for work, seconds in ((clock.look, CHECK), (clock.tick, TICK)):
        scheduler.add_job(
            work,
            "interval",
            seconds=seconds,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)
        lead.release()


class Clock:
    """Ticks for some tasks while it leads."""

    def __init__(
        self, app: App, lead: Mutex, tasks: Mapping[str, Task], stop: Stop, beat: Callable[[], None]
    ) -> None:
        self._app = app
        self._lead = lead
        self._tasks = tasks
        self._stop = stop
        self._beat = beat
        self._leads = threading.Event()
        self._lost = False
        self._failed = ""
        self._taken: dict[str, str] = {}

    def look(self) -> None:
        """See whether we lead, and may go on. Apart from ticking: a slow tick must not lose the lead."""
        before, leads = self._leads.is_set(), self._lead.hold()
        try:
            schema.require(self._app.database)
            if leads and not before:
                self._take_over()
        except schema.UnknownSchema as error:
            self._stop.because(error)
        except Exception as error:
            if not self._lost:  # once, and not every two seconds of a night
                log.error("the database is out of reach", error=str(error))
            self._lost = True
        else:
            self._beat()
            if self._lost:
                log.info("the database is back")
            self._lost = False
        if before and not leads:
            log.warning("no longer leading")
            self._leads.clear()

    def _take_over(self) -> None:
        """Write down who leads from here on, and say so where nobody did for a while."""
        now = self._app.clock()
        with self._app.store.write(silence=IN_LEAD) as work:
            last = work.vitals.clock()
            name = f"{socket.gethostname()}, process {os.getpid()}"
            work.register.set_fact(LEADER, leader_value(name, now))
        if last is not None and now - last.ticked >= STILL_AFTER:
            log.warning("nothing was asked for until now", since=last.ticked.isoformat(), by=last.leader)
        log.info("leading")
        self._leads.set()

    def tick(self) -> None:
        """Take every slot that has begun since the last tick."""
        now = self._app.clock()
        for name, task in self._tasks.items():
            slot = slot_of(task, now)
            if not self._leads.is_set() or self._taken.get(name) == slot:
                continue
            try:
                with self._app.store.write(silence=IN_LEAD) as work:
                    beyond = slot_of(task, now + APART)
                    if work.register.advance(f"{TASK}{name}", slot, now, beyond=beyond):
                        work.queue.put(name)
            except Exception as error:
                if self._failed != str(error):  # once, and not every second of a night
                    log.error("tick failed", task=name, error=str(error))
                self._failed = str(error)
                return
            self._failed = ""
            self._taken[name] = slot


def slot_of(task: Task, now: datetime) -> str:
    """The slot of a task that a moment is in, named by its beginning, so that names sort as they come."""
    seconds = int(now.timestamp())
    return datetime.fromtimestamp(seconds - seconds % task.every, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
