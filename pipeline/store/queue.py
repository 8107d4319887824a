"""Jobs that wait in PostgreSQL, on procrastinate: this file is all that knows of it.

A job is put into the queue on the connection, and so in the transaction, of what it is about: it is there
when that is, and gone when that is rolled back. Workers take jobs from two queues, so that the portal's
own work never waits behind a million mails.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job, Status
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import URL, text
from sqlmodel import Session

from subscribers.condition import QueueCondition

BATCH = 500
"""About so many mails are one job: a queue moves a few hundred jobs a second, a worker thousands of mails."""
HEARTBEAT = 5.0
"""Seconds between two signs of life of a worker."""
DEAD = 20.0
"""Seconds without one, after which a worker's jobs are others' to do."""

_DELIVER = "deliver"
_MAIL = "mail"
_PORTAL = "portal"
_QUEUES = (_MAIL, _PORTAL)
"""A process is a worker of each."""
_MANY = 200
"""Jobs put in at once after which the database must look at its table anew: it would fetch them slowly."""
_LONGEST_WAIT = 300
_KEEP_FAILED = 7 * 24
"""Hours."""

_WAITING = text(
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name = :task "
    "AND args->>'edition' = :edition"
)

_STANDS = text(
    "WITH job AS (SELECT status, status = 'todo' AND coalesce(scheduled_at <= now(), true) AS ready, "
    "coalesce(scheduled_at, (SELECT min(at) FROM procrastinate_events WHERE job_id = procrastinate_jobs.id)) "
    "AS since FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) "
    "SELECT count(*) FILTER (WHERE ready) AS waiting, min(since) FILTER (WHERE ready) AS oldest, "
    "count(*) FILTER (WHERE status = 'doing') AS under_way, "
    "count(*) FILTER (WHERE status = 'todo' AND NOT ready) AS later FROM job"
)
_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :dead)"
)


class JobQueue:
    """The queue in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # It connects to nothing: every job is put in on the session's own connection.
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

    def put(self, task: str) -> None:
        """Have a task done once more, unless that waits already."""
        try:
            with self._session.begin_nested():
                self._task(task, queue=_PORTAL, queueing_lock=task).defer()
        except AlreadyEnqueued:
            pass

    def deliver(self, edition: str, ready: int) -> None:
        """See to it that as many batches wait as so many ready deliveries of an edition need."""
        waiting = self._session.execute(_WAITING, {"task": _DELIVER, "edition": edition}).scalar_one()
        missing = -(-ready // BATCH) - waiting
        if missing <= 0:
            return
        batch: dict[str, Any] = {"edition": edition, "limit": BATCH}
        self._task(_DELIVER, queue=_MAIL).batch_defer(*[batch] * missing)
        if missing >= _MANY:
            self._session.execute(text("ANALYZE procrastinate_jobs"))

    def _task(self, name: str, **options: Any) -> Any:
        raw = self._session.connection().connection.driver_connection
        return self._app.configure_task(name, connection=raw, **options)


def condition(session: Session) -> QueueCondition:
    """How much waits, and for whom."""
    row = session.execute(_STANDS).one()
    workers = session.execute(_WORKERS, {"dead": DEAD}).scalar_one()
    return QueueCondition(row.waiting, row.under_way, row.oldest, row.later, -(-workers // len(_QUEUES)))


class _Later(BaseRetryStrategy):
    """Again after 5, 10, 20 seconds and so on up to five minutes, for as long as it takes."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        return RetryDecision(retry_in={"seconds": min(5 * 2 ** min(job.attempts, 10), _LONGEST_WAIT)})


class Engine:
    """Takes jobs from the queue and does them, each by the function of its task, in threads of this process.

    ``senders`` is how many batches of mail are sent at a time. Of other tasks each is done once at a time.
    ``beat`` is called every now and then, as long as all is well.
    """

    def __init__(
        self, url: URL, tasks: Mapping[str, Callable[..., None]], senders: int, beat: Callable[[], None]
    ) -> None:
        # Direct, like all our connections: a pooler between here and there must keep sessions apart.
        conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=4 + senders)
        )
        for name, work in tasks.items():
            # What is done every few seconds anyway is not tried again for itself.
            retry: BaseRetryStrategy | bool = _Later() if name == _DELIVER else False
            self._app.task(name=name, queue=_MAIL if name == _DELIVER else _PORTAL, retry=retry)(work)
        self._lanes = {_MAIL: senders, _PORTAL: len(tasks)}
        self._beat = beat
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Work until told to stop; then what is under way is finished. Raises what the database says."""
        self._loop = loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(sum(self._lanes.values())))
        async with self._app.open_async():
            parts: list[Coroutine[Any, Any, object]] = [
                self._lane(queue, number) for queue, number in self._lanes.items()
            ]
            parts += [self._look_after(), self._stop.wait()]
            running = [loop.create_task(part) for part in parts]
            # What ends by itself has lost the database.
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in running:
                one.cancel()
            for result in await asyncio.gather(*running, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    def stop(self) -> None:
        """From any thread: take no more jobs."""
        if self._loop is None:
            self._stop.set()
        else:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _look_after(self) -> None:
        """Give the jobs of dead workers to others, and forget failures of long ago."""
        manager = self._app.job_manager
        await manager.delete_old_jobs(nb_hours=_KEEP_FAILED, include_failed=True, include_aborted=True)
        while True:
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD):
                # Another may be looking at the same one.
                with suppress(ConnectorException):
                    if job.task_name == _DELIVER:
                        await manager.retry_job(job)
                    else:  # the clock puts it in again, and may have done so
                        await manager.finish_job(job, status=Status.FAILED, delete_job=True)
            self._beat()
            await asyncio.sleep(DEAD / 2)

    async def _lane(self, queue: str, number: int) -> None:
        await self._app.run_worker_async(
            queues=[queue],
            name=queue,
            concurrency=number,
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=DEAD,
        )
