"""The tasks of a portal: a job, what is logged of it, and how often the clock asks for it.

They are the same whether threads of one process do them or workers on many machines. What is due stands in
the database, so that a task done once too often finds nothing.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from pipeline import jobs
from pipeline.app import App
from pipeline.upkeep import noted
from subscribers.edition import EditionName

Stopping = Callable[[], bool]
"""Whether what is under way is to be finished, and nothing begun."""

LONGEST_BATCH = 20.0
"""Seconds that a batch of mail may take, after which the rest of it is another's turn."""

SAY_AGAIN = 900
"""Seconds after which an error that stays is said once more."""
LONG = 1.0
"""Seconds of a task that are worth a line in the log."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Task:
    """Something done again and again: ``every`` so many seconds the clock asks for it."""

    work: Callable[[App, Stopping], None]
    every: int


def collect_and_publish(app: App, stopping: Stopping) -> None:
    """The first half of the path: sources to feeds."""
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


def plan_and_hand_out(app: App, stopping: Stopping) -> None:
    """The second half: log to deliveries, and those to whoever sends."""
    for planned in jobs.plan(app):
        log.info("planned", edition=str(planned.edition), readers=planned.planned, skipped=planned.skipped)
    jobs.hand_out(app)


def deliver(app: App, stopping: Stopping, edition: str, limit: int | None) -> None:
    """A batch of an edition's mails, at most ``limit``.

    Raises what stands in the way: whoever keeps the queue has it done again later.
    """
    until = time.monotonic() + LONGEST_BATCH

    def enough() -> bool:
        return stopping() or (limit is not None and time.monotonic() >= until)

    report = jobs.deliver(app, EditionName.parse(edition), limit, enough)
    if report.handed_over or report.cancelled:
        log.info("sent", edition=edition, **report.settled)
    for domain, reason in report.paused.items():
        log.error("provider paused", domain=domain, reason=reason)
    for domain, bounced in report.spikes.items():
        log.error("many addresses of one domain bounce; nobody is suppressed", domain=domain, today=bounced)
    for segment, fault in report.broken.items():
        log.error("letter not made", edition=edition, segment=segment, error=str(fault))


def tell_the_hub(app: App, stopping: Stopping) -> None:
    """Beside the path: what the feeds' followers are to hear of at once."""
    report = jobs.ping(app)
    if report.told:
        log.info("hub told", documents=len(report.told))
    for topic, why in report.given_up.items():
        log.error("hub not told", document=topic, error=why)


def send_notices(app: App, stopping: Stopping) -> None:
    """Beside the path: mails to single people. The web sends them when they arise; these are tried again."""
    report = jobs.notify(app)
    if report.settled:
        log.info("notices", **report.settled)
    for id, why in report.failed.items():
        log.error("notice not written", notice=id, error=why)


def read_bounces(app: App, stopping: Stopping) -> None:
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


def raise_alarms(app: App, stopping: Stopping) -> None:
    """Whatever needs somebody: told to whom the config names."""
    report = jobs.watch(app)
    if report.said:
        log.info("alarms told", **report.said)
    for channel, why in report.failed.items():
        log.error("alarm not told", channel=channel, error=why)


def tidy_up(app: App, stopping: Stopping) -> None:
    """Once in a while: what has been kept for long enough."""
    removed = jobs.tidy(app)
    if removed:
        log.info("tidied up", **removed)


CLOCKED: Mapping[str, Task] = {
    "collect": Task(collect_and_publish, every=30),
    "plan": Task(plan_and_hand_out, every=15),
    "ping": Task(tell_the_hub, every=10),
    "notify": Task(send_notices, every=10),
    "bounces": Task(read_bounces, every=300),
    "tidy": Task(tidy_up, every=3600),
    "alarms": Task(raise_alarms, every=60),
}
"""A task is a function, and a line here."""


def bound(app: App, stopping: Stopping) -> dict[str, Callable[..., None]]:
    """Every task by its name, ready to be done for a portal."""
    clocked = {name: partial(_once, app, stopping, name, task, {}) for name, task in CLOCKED.items()}
    return {"deliver": partial(_batch, app, stopping, {}), **clocked}


Said = dict[type[Exception], float]
"""When an error of a kind was last said, by the monotonic clock."""


def _once(app: App, stopping: Stopping, name: str, task: Task, said: Said) -> None:
    """The task, unless another process is at it; it outlives whatever goes wrong, as the clock asks again."""
    with suppress(Exception), _told(name, said), app.backend.alone(f"task.{name}") as ours:
        if ours and not stopping():
            with noted(app, name):
                task.work(app, stopping)


def _batch(app: App, stopping: Stopping, said: Said, edition: str, limit: int | None) -> None:
    with _told("deliver", said, edition=edition), noted(app, "deliver"):
        deliver(app, stopping, edition, limit)


@contextmanager
def _told(name: str, said: Said, **ids: str) -> Iterator[None]:
    """Log how a task goes; what goes wrong again and again, once in a while."""
    began = time.monotonic()
    with bound_contextvars(job=name, run=uuid.uuid4().hex[:8], **ids):
        try:
            yield
        except Exception as error:
            if time.monotonic() - said.get(type(error), -SAY_AGAIN) >= SAY_AGAIN:
                said[type(error)] = time.monotonic()
                log.error("task failed", task=name, error=str(error), exc_info=_unexpected(error))
            raise
        said.clear()
        seconds = round(time.monotonic() - began, 3)
        (log.info if seconds >= LONG else log.debug)("done", task=name, seconds=seconds)


def _unexpected(error: Exception) -> bool:
    """Errors of our own say all there is to say; of others, where they happened matters."""
    return not type(error).__module__.startswith(("pipeline", "feeds", "subscribers"))
