"""The jobs of a portal: what commands run once, and the schedule again and again.

Each is idempotent: what is due stands in the database, so that running one twice, or two at a time,
does nothing twice.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime

from pipeline.app import App
from pipeline.edges.pace import Pace
from pipeline.steps.collect import CollectReport
from pipeline.steps.deliver import BATCH, Deliverer, DeliverReport
from pipeline.steps.plan import PlanReport, slot_now
from pipeline.steps.publish import PublishReport
from subscribers.delivery import Outcome
from subscribers.edition import Edition, EditionState
from subscribers.frequency import Frequency


def collect(app: App) -> CollectReport:
    """Place articles by the rules as they are, then look at the sources that are due."""
    app.rethemer().apply()
    return app.collector().collect(app.settings.source)


def publish(app: App) -> PublishReport:
    """Bring the feeds up to the log."""
    return app.publisher().publish()


def recover(app: App) -> int:
    """Settle what dead workers left behind, in whatever edition; gives how many are newly uncertain.

    Before planning, since a delivery in a dead worker's hands keeps its reader out of every edition.
    """
    with app.deliverer() as deliverer:
        return deliverer.recover()


def plan(app: App) -> list[PlanReport]:
    """Plan whatever wave of whatever edition is due."""
    recover(app)
    return app.ticker().tick()


def plan_by_hand(app: App, frequency: Frequency, at: datetime | None = None) -> PlanReport:
    """Plan the current slot of a frequency, or that of a moment, for everybody at once."""
    recover(app)
    schedule = app.settings.schedule(frequency)
    return app.planner().by_hand(schedule, *slot_now(schedule, at or app.clock(), app.settings.site.timezone))


def deliver(app: App, stopping: Callable[[], bool] = lambda: False) -> dict[str, DeliverReport]:
    """Send what is ready of every edition that may go out, the oldest first; gives what was done."""
    with app.store.read() as work:
        editions = [
            edition
            for edition in work.editions.open()
            if edition.state in (EditionState.PLANNED, EditionState.SENDING)
        ]
    reports = {}
    for edition in editions:
        report = send(app, edition, stopping=stopping)
        if report.handed_over or report.cancelled:
            reports[str(edition.name)] = report
    return reports


def send(
    app: App,
    edition: Edition,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    stopping: Callable[[], bool] = lambda: False,
) -> DeliverReport:
    """Send what is ready of an edition, over as many connections as the config allows and it needs.

    ``limit`` is the most to send. Raises TransportUnavailable when nothing can be handed over.
    """
    with app.store.read() as work:
        batches = -(-work.deliveries.left(edition.id, app.clock()) // BATCH)
    workers = 1 if limit is not None else max(1, min(app.settings.mail.connections, batches))
    pace = Pace(app.settings.mail.rate)
    broken = threading.Event()

    def work_through(deliverer: Deliverer) -> DeliverReport:
        try:
            return deliverer.send(
                edition, limit=limit, progress=progress, stopping=lambda: broken.is_set() or stopping()
            )
        except BaseException:
            broken.set()  # what stops one worker stops them all, after the mail they are at
            raise

    total = DeliverReport()
    with ExitStack() as stack, ThreadPoolExecutor(workers) as pool:
        deliverers = [stack.enter_context(app.deliverer(pace.wait)) for _ in range(workers)]
        try:
            for report in pool.map(work_through, deliverers):
                total.add(report)
        except BaseException:  # Ctrl-C among them: it reaches only this thread
            broken.set()
            raise
    return total


def send_alone(app: App, to: str, message: bytes) -> Outcome:
    """Hand over one message that belongs to no edition. Raises TransportUnavailable."""
    with closing(app.transport()) as transport:
        return transport.send(app.envelope_sender, to, message)
