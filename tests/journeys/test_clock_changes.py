"""Two weeks of a portal around each clock change, at a simulated clock.

The same jobs are done as in a portal that runs: at each look the waves that are due are planned, and what is
handed out is sent. Looks are half an hour apart, so that any mistake of an hour, or of half of one, shows.
"""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from handed_out import send_what_is_handed_out
from mailer import Mailer
from rosters import rows_of

from pipeline import jobs
from pipeline.app import App, now

pytestmark = pytest.mark.each_database

LOOK = timedelta(minutes=30)
ZONES = (
    "Pacific/Pago_Pago",  # UTC-11
    "America/St_Johns",
    "Europe/Amsterdam",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",  # UTC+14
)
HOURS = {"daily": time(2, 30), "weekly": time(2, 30)}
"""In the hour that Amsterdam skips in spring and repeats in autumn."""


class Post(Mailer):
    """Notes when each mail left."""

    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, list[datetime]] = defaultdict(list)

    def send(self, parcel):
        self.left[parcel.recipient].append(now())
        return super().send(parcel)


def address(frequency: str, zone: str) -> str:
    return f"{frequency}.{zone.replace('/', '.').lower()}@voorbeeld.example"


def sign_up(app: App) -> None:
    rows = [f"{address(frequency, zone)},{frequency},cloud,{zone}" for frequency in HOURS for zone in ZONES]
    document = "\n".join(["email,frequency,interests,timezone", *rows])
    assert app.enroller().take(rows_of(document.encode()), "op papier").refused == []


@pytest.mark.parametrize("change", [date(2026, 10, 25), date(2027, 3, 28)], ids=["autumn", "spring"])
def test_weekly_readers_get_one_edition_a_week_and_daily_readers_seven_at_their_hour(
    portal, change: date
) -> None:
    text = portal.config.read_text()
    for frequency, at in HOURS.items():
        day = '\nday = "sunday"' if frequency == "weekly" else ""
        text = text.replace(
            f'frequency = "{frequency}"', f'frequency = "{frequency}"{day}\nat = "{at:%H:%M}"'
        )
    portal.config.write_text(text)
    first = datetime.combine(change - timedelta(days=8), time(), UTC)
    days = [
        change + timedelta(days=step) for step in range(-6, 8)
    ]  # two weeks, the change's night in between
    post = Post()
    with time_machine.travel(first - timedelta(days=1), tick=False) as clock, App.open(portal.config) as app:
        app.transport = lambda connections: post
        app.senders.seconds = 60
        sign_up(app)
        jobs.plan(app)
        moment, written = first, None
        while moment < datetime.combine(days[-1] + timedelta(days=2), time(), UTC):
            clock.move_to(moment, tick=False)
            if moment.date() != written:
                # Something new every day, an hour before it is due anywhere on that day.
                written = moment.date()
                portal.write(f"a{written:%m%d}", f"De cloud van {written:%d %B}", date=moment)
                app.collector().collect(app.settings.source, force=True)
            jobs.plan(app)
            send_what_is_handed_out(app)
            moment += LOOK
    for zone in ZONES:
        for frequency, at in HOURS.items():
            due = [
                datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
                for day in days
                if frequency == "daily" or day.weekday() == 6
            ]
            left = [at for at in post.left[address(frequency, zone)] if due[0] <= at < due[-1] + LOOK]
            assert len(left) == len(due) == (14 if frequency == "daily" else 2), f"{frequency} in {zone}"
            late = [at - instant for at, instant in zip(left, due, strict=True)]
            assert all(timedelta(0) <= one < LOOK for one in late), f"{frequency} in {zone}"
