"""Readers, editions and themes in numbers, and how it goes on one screen."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from handed_out import send_what_is_handed_out
from sqlalchemy import text

from pipeline import jobs
from pipeline.schedule import Clock
from pipeline.settings import load
from pipeline.stop import Stop
from pipeline.tasks import CLOCKED

pytestmark = pytest.mark.each_database


@pytest.fixture
def lived(portal):
    portal.write("oud", "De cloud van toen", date=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    portal.write("nieuw", "De cloud van nu")
    with portal.open() as app:
        for number, frequency in enumerate(("weekly", "weekly", "daily")):
            row = {"email": f"lezer{number}@voorbeeld.example", "interests": "cloud", "frequency": frequency}
            app.enroller().add(row, "zei het")
        app.collector().collect(app.settings.source)
        app.publisher().publish()
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    return portal


def test_stats_counts_readers_editions_and_articles(lived) -> None:
    found = json.loads(lived.run("stats", "--json").stdout)
    assert found["subscribers"]["states"] == {"active": 3}
    assert found["subscribers"]["frequencies"] == {"weekly": {"active": 2}, "daily": {"active": 1}}
    assert found["subscribers"]["themes"] == {"cloud": 3}
    [edition] = found["editions"]
    assert edition["deliveries"] == {"accepted": 2}
    assert edition["accepted_rate"] == 1
    assert found["articles"]["cloud"] == {"2026-10": 1, "2026-11": 1}
    shown = lived.run("stats").stdout
    assert "2026-10" in shown
    assert "100.0%" in shown


def test_status_tells_of_complaints_what_is_sent_and_which_alarms_stand(lived) -> None:
    assert lived.run("digest", "plan", "daily").exit_code == 0
    lived.wait(hours=2)
    with lived.open() as app, app.store.write() as work:
        reader = work.subscribers.by_email("lezer0@voorbeeld.example").id
    report = (
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--x\r\n"
        b"Content-Type: message/rfc822\r\n\r\nList-Unsubscribe: <https://portaal.example/unsubscribe/"
    )
    with lived.open() as app:
        token = app.tokens.sign("unsubscribe", reader).encode()
        app.ingester().ingest([report + token + b">\r\n\r\nx\r\n--x--\r\n"])
        assert jobs.watch(app).failed == {}
    found = json.loads(lived.run("status", "--json").stdout)
    assert found["complaints"]["complaints"] == 1
    assert found["complaints"]["rate"] == 0.5
    [edition] = found["editions"]
    assert edition["ready"] == 1
    assert edition["seconds_left"] is None
    assert [alarm["kind"] for alarm in found["alarms"]] == ["edition_stalled"]
    shown = lived.run("status").stdout
    assert "NOT below" in shown
    assert "could leave now, and none does" in shown
    assert len(shown.splitlines()) < 24
    assert (
        "Next: daily/2026-11-25 on Wed 2026-11-25 08:00, weekly/2026-11-30 on Mon 2026-11-30 08:00." in shown
    )
    assert [one["edition"] for one in found["next"]] == ["daily/2026-11-25", "weekly/2026-11-30"]
    assert found["clock"] is None
    assert "nobody has asked for what is due yet" in shown
    with lived.open() as app:
        send_what_is_handed_out(app)
    lived.wait(minutes=1)
    assert json.loads(lived.run("status", "--json").stdout)["alarms"] == []


def test_how_fast_an_edition_goes_is_told_from_when_sending_began(portal) -> None:
    portal.write("nieuw", "De cloud van nu")
    with portal.open() as app:
        for number in range(5):
            app.enroller().add({"email": f"lezer{number}@voorbeeld.example", "interests": "cloud"}, "zei het")
        app.collector().collect(app.settings.source)
    assert portal.run("digest", "send", "weekly", "--limit", "2", "--yes").exit_code == 0
    portal.wait(seconds=10)
    [edition] = json.loads(portal.run("status", "--json").stdout)["editions"]
    assert (edition["rate"], edition["ready"], edition["seconds_left"]) == (0.2, 3, 15)
    assert "0.2 a second, 15 s to go for 3" in portal.run("status").stdout


class Lead:
    """A lock that is ours."""

    def hold(self) -> bool:
        return True

    def release(self) -> None: ...


def test_status_tells_who_asks_for_what_is_due_and_since_when_nobody_does(lived) -> None:
    began = lived.now
    with lived.open() as app:
        clock = Clock(app, Lead(), CLOCKED, Stop(), lambda: None)
        clock.look()
        lived.wait(minutes=1)
        clock.tick()
    found = json.loads(lived.run("status", "--json").stdout)
    assert datetime.fromisoformat(found["clock"]["ticked"]) == lived.now
    assert datetime.fromisoformat(found["clock"]["since"]) == began
    assert str(os.getpid()) in found["clock"]["leader"]
    assert found["alarms"] == []
    lived.wait(minutes=10)
    [alarm] = json.loads(lived.run("status", "--json").stdout)["alarms"]
    assert alarm["kind"] == "clock_stopped"
    assert f"Clock: last asked for what is due at 2026-11-24 10:01:00, by {found['clock']['leader']}" in (
        lived.run("status").stdout
    )


def test_status_tells_how_much_waits_in_a_queue_that_processes_share(lived) -> None:
    found = json.loads(lived.run("status", "--json").stdout)["queue"]
    if load(lived.config).database.url.startswith("sqlite"):
        assert found is None
        return
    with lived.open() as app, app.store.write() as work:
        work.session.execute(text("DELETE FROM procrastinate_jobs"))  # of what was planned before
        for task in ("collect", "ping"):
            work.queue.put(task)
    with lived.open() as app, app.database.write() as session:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name = 'ping'"))
        session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
        session.execute(text("INSERT INTO procrastinate_workers VALUES (DEFAULT, now() - interval '1 hour')"))
        session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
                "VALUES ('mail', 'deliver', now() + interval '1 hour')"
            )
        )
    found = json.loads(lived.run("status", "--json").stdout)["queue"]
    assert (found["waiting"], found["under_way"], found["later"], found["workers"]) == (1, 1, 1, 1)
    assert datetime.now(UTC) - datetime.fromisoformat(found["oldest"]) < timedelta(minutes=5)
    assert "Queue: 1 jobs wait, the oldest since" in lived.run("status").stdout
