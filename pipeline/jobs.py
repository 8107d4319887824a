"""The jobs of a portal: what commands run once, and the schedule again and again.

Each is idempotent: what is due stands in the database, so that running one twice, or two at a time,
does nothing twice.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from structlog.contextvars import bound_contextvars

from pipeline import meters
from pipeline.app import App
from pipeline.edges.assistants import Assistants
from pipeline.edges.imap import imap_box
from pipeline.steps.alarms import AlarmReport
from pipeline.steps.collect import CollectReport
from pipeline.steps.deliver import DeliverReport
from pipeline.steps.desk import DeskError
from pipeline.steps.feedback import IngestReport
from pipeline.steps.notify import NotifyReport
from pipeline.steps.ping import PingReport
from pipeline.steps.plan import PlanReport, slot_now
from pipeline.steps.publish import PublishReport
from pipeline.transports import hand_over
from pipeline.upkeep import watchman
from subscribers.delivery import Outcome, Parcel
from subscribers.edition import Edition, EditionName
from subscribers.feedback import FeedbackKind
from subscribers.frequency import Frequency

_MANY = 2_000
"""Messages to sign that are worth starting other processes for."""
_GLANCE = 0.1
"""Seconds between two looks at whether others are done."""


@meters.timed("collect")
def collect(app: App) -> CollectReport:
    """Place articles by the rules as they are, then look at the sources that are due."""
    app.rethemer().apply()
    report = app.collector().collect(app.settings.source)
    meters.collected({kind: report.total(kind) for kind in ("new", "updated", "withdrawn")})
    return report


@meters.timed("publish")
def publish(app: App) -> PublishReport:
    """Bring the feeds up to the log."""
    report = app.publisher().publish()
    meters.published(len(report.built))
    return report


def ping(app: App) -> PingReport:
    """Tell the hub what changed; what it does not take now is due again later."""
    return app.pinger().ping()


@meters.timed("notify")
def notify(app: App) -> NotifyReport:
    """Send the notices that are due, such as links that confirm a sign-up. Raises TransportUnavailable."""
    return app.notifier().send()


@meters.timed("bounces")
def poll_bounces(app: App) -> IngestReport:
    """Take in what came to the mailbox of [bounces] imap; what we can make nothing of stays there, seen.

    Raises MailboxError.
    """
    with imap_box(app.settings.bounces.imap) as box:
        return app.ingester().ingest(
            box.unseen(), lambda kind: box.settle(remove=kind is not FeedbackKind.OTHER)
        )


@meters.timed("tidy")
def tidy(app: App) -> dict[str, int]:
    """Remove what was kept for a while only, and is too old now."""
    return app.tidier().tidy()


@meters.timed("alarms")
def watch(app: App) -> AlarmReport:
    """Raise the alarms that stand and were not told of, and say which are over."""
    return watchman(app).go_round()


def recover(app: App) -> int:
    """Settle what dead workers left behind, in whatever edition; gives how many are newly uncertain.

    Before planning, since a delivery in a dead worker's hands keeps its reader out of every edition.
    """
    with app.deliverer() as deliverer:
        return deliverer.recover()


def abandon_dead(app: App) -> int:
    """Mark what dead workers had in hand as uncertain, and settle nothing; gives how many.

    Before somebody settles by hand: what has been uncertain for long is still theirs to decide about.
    """
    with app.deliverer() as deliverer:
        return deliverer.abandon_dead()


@meters.timed("plan")
def plan(app: App) -> list[PlanReport]:
    """Plan whatever wave of whatever edition is due."""
    recover(app)
    return app.ticker().tick()


def plan_by_hand(app: App, frequency: Frequency, at: datetime | None = None) -> PlanReport:
    """Plan the current slot of a frequency, or that of a moment, for everybody at once."""
    recover(app)
    timetable = app.timetable(frequency)
    slot, day = slot_now(timetable, at or app.clock(), app.settings.site.timezone)
    return app.planner().by_hand(timetable.schedule, slot, day)


def hand_out(app: App) -> None:
    """Have whatever may leave now be sent by whoever sends."""
    app.handing_out().all()


@meters.timed("deliver")
def deliver(
    app: App,
    name: EditionName,
    limit: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> DeliverReport:
    """Send what is due of an edition, or a part of it; nothing where it may not be sent any more.

    Raises TransportUnavailable and ClaimsLost, after which it may be done again.
    """
    try:
        edition = app.desk().ready(name)
    except DeskError:
        return DeliverReport()
    return send(app, edition, limit, due_only=True, stopping=stopping)


def send(
    app: App,
    edition: Edition,
    limit: int | None = None,
    due_only: bool = False,
    progress: Callable[[DeliverReport], None] = lambda report: None,
    stopping: Callable[[], bool] = lambda: False,
) -> DeliverReport:
    """Send what is ready of an edition, over as many connections as the config allows and it needs.

    ``limit`` is the most to send; ``due_only`` leaves out waves whose instant has not come. Raises
    TransportUnavailable when nothing can be handed over.
    """
    processes = _processes(app, edition, limit)
    connections = -(-app.settings.mail.connections // processes)
    command = [sys.executable, "-m", "pipeline.assist", str(app.config), str(edition.name)]
    command += [str(connections), str(due_only)]
    with (
        bound_contextvars(edition=str(edition.name)),
        app.deliverer(connections) as deliverer,
        Assistants([command] * (processes - 1)) as assistants,
    ):

        def told(report: DeliverReport) -> DeliverReport:
            return report.with_others(assistants.told.values())

        def stop() -> bool:
            if stopping():
                assistants.dismiss()
                return True
            return False

        report = deliverer.send(
            edition, limit=limit, due_only=due_only, progress=lambda own: progress(told(own)), stopping=stop
        )
        while assistants.busy and not stop():
            time.sleep(_GLANCE)
            progress(told(report))
    meters.settled(told(report).settled)
    return told(report)


def _processes(app: App, edition: Edition, limit: int | None) -> int:
    """In how many processes to send: as many as there are cores to keep busy, where one can't do that.

    That is where every message is to be signed, which is all a core then does; or where a server keeps the
    deliveries, which takes it about as long as sending them takes us. With limits to what providers take,
    one is enough.
    """
    mail, cores = app.settings.mail, os.cpu_count() or 1
    if mail.dkim is None:
        cores = cores // 2 if app.backend.scales else 1
    if cores < 2 or app.config is None or limit is not None or mail.domain_connections or mail.domain:
        return 1
    with app.store.read() as work:
        many = work.deliveries.left(edition.id, app.clock()) >= _MANY
    return min(cores, mail.connections) if many else 1


def send_alone(app: App, to: str, message: bytes) -> Outcome:
    """Hand over one message that belongs to no edition. Raises TransportUnavailable."""
    with closing(app.transport()) as transport:
        return hand_over(transport, Parcel(0, app.envelope_sender, to, message))
