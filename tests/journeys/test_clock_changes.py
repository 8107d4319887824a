"""Two weeks of a portal around each clock change, at a simulated clock.

The same jobs are done as in a portal that runs: at each look the waves that are due are planned, and what is
handed out is sent. Looks are half an hour apart, so that any mistake of an hour, or of half of one, shows.
"""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy
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


around_each_change = pytest.mark.parametrize(
    "change", [date(2026, 10, 25), date(2027, 3, 28)], ids=["autumn", "spring"]
)


@around_each_change
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


def titles(post: Post, email: str) -> Counter[str]:
    """How often a reader got each article."""
    found: Counter[str] = Counter()
    for parcel in post.parcels:
        if parcel.recipient == email:
            mail = message_from_bytes(parcel.message, policy=policy.default)
            found.update(set(re.findall(r"wolk \d\d-\d\d", mail.get_body(("plain",)).get_content())))
    return found


@around_each_change
def test_readers_who_move_or_change_their_pace_get_all_of_it_once_though_the_portal_was_down_at_the_change(
    portal, change: date
) -> None:
    at = HOURS["daily"]
    text = portal.config.read_text()
    portal.config.write_text(
        text.replace('frequency = "daily"', f'frequency = "daily"\nat = "{at:%H:%M}"')
        + '\n[[digest]]\nfrequency = "immediate"\n'
    )
    midnight = datetime.combine(change, time(), UTC)
    changes = {
        midnight - timedelta(hours=20): ("verhuizer", {"timezone": "Pacific/Kiritimati"}),
        midnight + timedelta(hours=20): ("verhuizer", {"timezone": "Pacific/Pago_Pago"}),
        midnight - timedelta(hours=44): ("wisselaar", {"frequency": "weekly"}),
        midnight + timedelta(hours=31): ("wisselaar", {"frequency": "daily"}),
        midnight + timedelta(hours=8): ("haastige", {"frequency": "immediate"}),
    }
    down = (midnight - timedelta(hours=1), midnight + timedelta(hours=6))
    who = {"blijver": "daily", "verhuizer": "daily", "wisselaar": "daily", "haastige": "weekly"}
    who |= {"weekse": "weekly", "directe": "immediate"}
    rows = [f"{name}@voorbeeld.example,{pace},cloud,Europe/Amsterdam" for name, pace in who.items()]
    post, written = Post(), []
    moment = midnight - timedelta(days=7)
    with time_machine.travel(moment, tick=False) as clock, App.open(portal.config) as app:
        app.transport = lambda connections: post
        app.senders.seconds = 60
        jobs.plan(app)
        document = "\n".join(["email,frequency,interests,timezone", *rows])
        assert app.enroller().take(rows_of(document.encode()), "op papier").refused == []
        while moment < midnight + timedelta(days=16):
            clock.move_to(moment, tick=False)
            if moment in changes:
                name, values = changes[moment]
                app.enroller().edit(f"{name}@voorbeeld.example", values)
            if moment.time() == time(12) and moment < midnight + timedelta(days=7):
                written.append(f"wolk {moment:%m-%d}")
                portal.write(f"a{moment:%m%d}", f"De cloud, {written[-1]}", date=moment)
                app.collector().collect(app.settings.source, force=True)
            if not down[0] <= moment < down[1]:
                jobs.plan(app)
                send_what_is_handed_out(app)
            moment += 2 * LOOK
    for name in who:
        assert titles(post, f"{name}@voorbeeld.example") == dict.fromkeys(written, 1), name
    late = [at for at in post.left["blijver@voorbeeld.example"] if at.date() == change]
    assert late == [down[1]], "what was due while it was down leaves once it is up, and once"
    quick = post.left["directe@voorbeeld.example"]
    assert [one.hour for one in quick] == [13] * len(written), (
        "an immediate one comes at the first look after it is quiet"
    )
