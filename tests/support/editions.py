"""Editions on a portal: articles and readers in, planned, sent, looked at."""

from mailer import Mailer
from rosters import rows_of
from sqlmodel import select

from pipeline import jobs
from pipeline.steps.plan import PlanReport, slot_now
from pipeline.store.tables import DeliveryRow
from subscribers.edition import EditionName
from subscribers.frequency import Frequency


def collect(portal, *titles: str) -> None:
    for title in titles:
        portal.write(title.replace(" ", "-"), title, "Tekst.")
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)


def sign_up(portal, *rows: str) -> None:
    document = "\n".join(["email,frequency,interests,timezone", *rows]).encode()
    with portal.open() as app:
        report = app.enroller().take(rows_of(document), "op papier")
    assert report.refused == []


def plan(portal, frequency: Frequency = Frequency.WEEKLY) -> PlanReport:
    with portal.open() as app:
        timetable = app.timetable(frequency)
        slot = slot_now(timetable, app.clock(), "Europe/Amsterdam")
        return app.planner().by_hand(timetable.schedule, *slot)


def send(portal, name: EditionName, mailer: Mailer) -> dict[str, int]:
    with portal.open() as app:
        app.transport = lambda connections: mailer
        return jobs.send(app, app.desk().ready(name)).settled


def tick(portal) -> list[PlanReport]:
    with portal.open() as app:
        return jobs.plan(app)


def reader(portal, email: str):
    with portal.open() as app, app.store.read() as work:
        return work.subscribers.by_email(email)


def deliveries(portal) -> list[DeliveryRow]:
    with portal.open() as app, app.store.read() as work:
        return list(work.session.exec(select(DeliveryRow).order_by(DeliveryRow.id)))


def with_approval(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', 'frequency = "weekly"\napproval = true'))
