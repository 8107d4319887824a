"""Readers, editions and themes in numbers, and how it goes on one screen."""

import json
from datetime import UTC, datetime

import pytest
from handed_out import send_what_is_handed_out

from pipeline import jobs

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
    with lived.open() as app:
        send_what_is_handed_out(app)
    lived.wait(minutes=1)
    assert json.loads(lived.run("status", "--json").stdout)["alarms"] == []
