"""The jobs of a portal: what commands run once, and the schedule again and again.

Each is idempotent: what is due stands in the database, so that running one twice, or two at a time,
does nothing twice.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from pipeline.app import App
from pipeline.edges.pace import Pace
from pipeline.steps.collect import CollectReport
from pipeline.steps.deliver import BATCH, Deliverer, DeliverReport
from pipeline.steps.plan import PlanReport
from pipeline.steps.publish import PublishReport
from subscribers.delivery import Outcome
from subscribers.edition import Edition, EditionState


def collect(app: App) -> CollectReport:
    """Place articles by the rules as they are, then look at the sources that are due."""
    app.rethemer().apply()
    return app.collector().collect(app.settings.source)


def publish(app: App) -> PublishReport:
    """Bring the feeds up to the log."""
    return app.publisher().publish()


def plan(app: App) -> list[PlanReport]:
    """Plan whatever wave of whatever edition is due."""
    return app.ticker().tick()


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

    def work_through(deliverer: Deliverer) -> DeliverReport:
        return deliverer.send(edition, limit=limit, progress=progress, stopping=stopping)

    total = DeliverReport()
    with ExitStack() as stack, ThreadPoolExecutor(workers) as pool:
        deliverers = [stack.enter_context(app.deliverer(pace.wait)) for _ in range(workers)]
        for report in pool.map(work_through, deliverers):
            total.add(report)
    return total


def send_alone(app: App, to: str, message: bytes) -> Outcome:
    """Hand over one message that belongs to no edition. Raises TransportUnavailable."""
    with closing(app.transport()) as transport:
        return transport.send(app.envelope_sender, to, message)
