"""Alarms reach the administrators: once when something begins, and once when it is over."""

import json
from email import message_from_bytes, policy

import pytest
from dripping import dripping
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline import jobs
from pipeline.schedule import Clock
from pipeline.standin import stand_in
from pipeline.stop import Stop
from pipeline.tasks import CLOCKED, bound
from subscribers.edition import EditionName

pytestmark = pytest.mark.each_database

TO = "beheer@portaal.example"


def alert(portal, webhook: str = "") -> None:
    text = portal.config.read_text()
    portal.config.write_text(f'[alerts]\nto = "{TO}"\nwebhook = "{webhook}"\n\n{text}')


def go_round(portal) -> dict:
    with portal.open() as app:
        report = jobs.watch(app)
        return {"said": report.said, "failed": report.failed}


def pause(portal) -> None:
    with portal.open() as app:
        app.providers().pause("a.example", "5.7.1 we do not want you")


def mails(portal) -> list[tuple[str, str]]:
    found = [message_from_bytes(raw, policy=policy.default) for raw in portal.mails()]
    return [(mail["To"], mail["Subject"] + "\n" + mail.get_content()) for mail in found]


def test_an_alarm_is_mailed_when_it_begins_after_a_day_and_when_it_is_over(portal) -> None:
    alert(portal)
    assert go_round(portal) == {"said": {}, "failed": {}}
    pause(portal)
    for _ in range(3):
        go_round(portal)
        portal.wait(hours=1)
    [(to, text)] = mails(portal)
    assert to == TO
    assert "domain_paused a.example: began" in text
    assert "5.7.1 we do not want you" in text
    assert "kennisportal domains resume a.example" in text
    portal.wait(days=1)
    go_round(portal)
    assert "still stands" in mails(portal)[-1][1] + mails(portal)[-2][1]
    with portal.open() as app:
        app.providers().resume("a.example")
    for _ in range(2):
        go_round(portal)
        portal.wait(days=2)
    assert len(mails(portal)) == 3
    assert sum("is over" in text for _, text in mails(portal)) == 1
    with portal.open() as app, app.store.read() as work:
        assert work.alarms.all() == []


def test_a_webhook_that_fails_is_tried_again_later_and_keeps_no_mail_waiting(
    portal, httpserver: HTTPServer
) -> None:
    answers = [500, 503, 204]
    asked: list[dict] = []

    def answer(request: Request) -> Response:
        asked.append(json.loads(request.data))
        return Response(status=answers.pop(0))

    httpserver.expect_request("/hook/secret", method="POST").respond_with_handler(answer)
    alert(portal, httpserver.url_for("/hook/secret"))
    pause(portal)
    first = go_round(portal)
    assert first["said"] == {"mail": 1}
    assert "answered 500" in first["failed"]["webhook"]
    assert "secret" not in first["failed"]["webhook"]
    assert go_round(portal) == {"said": {}, "failed": {}}  # not yet
    portal.wait(minutes=1)
    assert "answered 503" in go_round(portal)["failed"]["webhook"]
    portal.wait(minutes=1)
    assert len(asked) == 2
    portal.wait(minutes=1)
    assert go_round(portal)["said"] == {"webhook": 1}
    assert asked[-1]["alarms"][0]["name"] == "domain_paused a.example"
    assert asked[-1]["alarms"][0]["word"] == "began"
    assert len(mails(portal)) == 1


def test_a_webhook_that_answers_drop_by_drop_is_not_waited_for(
    portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.edges.alerts._SECONDS", 0.3)
    pause(portal)
    with dripping(b"a") as url:
        alert(portal, url)
        found = go_round(portal)
    assert found["said"] == {"mail": 1}
    assert found["failed"]["webhook"] == "the webhook at 127.0.0.1 did not answer in 0.3 seconds"


def test_an_alarm_that_passes_before_anybody_could_be_told_is_not_told(portal) -> None:
    alert(portal)
    text = portal.config.read_text()
    portal.config.write_text(text.replace("maildir://mail", "smtp://127.0.0.1:1"))
    pause(portal)
    assert "mail" in go_round(portal)["failed"]
    with portal.open() as app:
        app.providers().resume("a.example")
    portal.wait(hours=1)
    assert go_round(portal) == {"said": {}, "failed": {}}
    with portal.open() as app, app.store.read() as work:
        assert work.alarms.all() == []


def test_what_waits_for_approval_or_is_stuck_is_seen_in_the_database(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('"weekly"', '"weekly"\napproval = true'))
    alert(portal)
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with portal.open() as app:
        app.enroller().add({"email": "lezer1@voorbeeld.example", "interests": "cloud"}, "zei het")
        app.enroller().add(
            {"email": "lezer2@voorbeeld.example", "interests": "cloud", "frequency": "daily"}, "zei het"
        )
        app.collector().collect(app.settings.source)
    for frequency in ("weekly", "daily"):
        assert portal.run("digest", "plan", frequency).exit_code == 0
    go_round(portal)
    portal.wait(hours=2)
    go_round(portal)
    text = "".join(text for _, text in mails(portal))
    assert "edition_unapproved weekly/" in text
    assert "edition_stalled daily/" in text
    assert "feed_late cloud" in text
    with portal.open() as app:
        names = [account.edition for account in app.desk().recent(5)]
        assert EditionName.parse(str(names[0])) == names[0]


def test_mail_that_only_waits_for_its_provider_is_not_stalled(portal) -> None:
    alert(portal)
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with portal.open() as app:
        row = {"email": "lezer1@a.example", "interests": "cloud", "frequency": "daily"}
        app.enroller().add(row, "zei het")
        app.collector().collect(app.settings.source)
        app.publisher().publish()
    assert portal.run("digest", "plan", "daily").exit_code == 0
    pause(portal)
    portal.wait(hours=2)
    go_round(portal)
    [(_, text)] = mails(portal)
    assert "domain_paused a.example" in text
    assert "edition_stalled" not in text
    with portal.open() as app, app.store.read() as work:
        assert work.vitals.oldest_ready(portal.now) is None


class Lead:
    """A lock that is ours."""

    def hold(self) -> bool:
        return True

    def release(self) -> None: ...


def test_who_only_serves_says_that_those_who_work_are_gone_and_later_that_they_are_back(portal) -> None:
    alert(portal)
    with portal.open() as app:
        clock, tasks = Clock(app, Lead(), CLOCKED, Stop(), lambda: None), bound(app, lambda: False)
        clock.look()
        clock.tick()
        assert stand_in(app) is None
        portal.wait(minutes=9)
        clock.tick()
        tasks["ping"]()
        tasks["alarms"]()
        portal.wait(minutes=9)
        assert stand_in(app) is None, "those whose work it is did it lately"
        portal.wait(minutes=2)
        clock.tick()
        for _ in range(2):
            stand_in(app)
        [(_, text)] = mails(portal)
        assert "job_stopped: began" in text
        assert "start 'kennisportal worker'" in text
        portal.wait(minutes=10)
        for _ in range(2):
            stand_in(app)
        assert "clock_stopped" in "".join(text for _, text in mails(portal))
        clock.tick()
        tasks["ping"]()
        tasks["alarms"]()
        assert "clock_stopped: is over" in "".join(text for _, text in mails(portal))
        assert stand_in(app) is None


def test_where_no_clock_ever_ticked_nobody_stands_in(portal) -> None:
    alert(portal)
    pause(portal)
    with portal.open() as app:
        assert stand_in(app) is None
