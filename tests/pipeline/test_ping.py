"""The hub hears of every switch, sooner or later, and never holds up a build."""

import json
from datetime import timedelta

import pytest
from dripping import dripping
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline.edges import hub as edge
from pipeline.ports_publishing import HubError
from pipeline.steps.ping import PingReport

pytestmark = pytest.mark.each_database


class Hub:
    """A hub that writes down what it is told, and answers as it is set to."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/hub")
        self.status = 202
        self.told: list[str] = []
        self.asked = 0
        server.expect_request("/hub", method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.asked += 1
        assert request.form["hub.mode"] == "publish"
        if self.status < 300:
            self.told.append(request.form["hub.url"])
        return Response(status=self.status)


@pytest.fixture
def hub(portal, httpserver: HTTPServer) -> Hub:
    made = Hub(httpserver)
    config = portal.config.read_text()
    assert "[publish]\n" in config
    portal.config.write_text(config.replace("[publish]\n", f'[publish]\nhub = "{made.url}"\n'))
    portal.write("a", "De cloud")
    return made


def build(portal) -> None:
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        assert not app.publisher().publish().failed


def ping(portal) -> PingReport:
    with portal.open() as app:
        return app.pinger().ping()


def topics(*slugs: str) -> set[str]:
    return {
        f"https://portaal.example/feeds/{slug}.{kind}" for slug in slugs for kind in ("rss", "atom", "json")
    }


EVERY = topics("all", "overheid", "gemeenten", "cloud")


def test_the_hub_hears_of_what_was_switched_and_of_nothing_else(portal, hub: Hub) -> None:
    build(portal)
    assert set(ping(portal).told) == set(hub.told) == EVERY
    build(portal)
    assert ping(portal) == PingReport()
    portal.write("b", "Nog een cloud")
    hub.told.clear()
    build(portal)
    ping(portal)
    assert set(hub.told) == topics("all", "cloud")
    assert len(hub.told) == 6


def test_every_format_names_the_hub(portal, hub: Hub) -> None:
    build(portal)
    for kind in ("rss", "atom", "json"):
        assert hub.url in (portal.root / "public" / "feeds" / f"cloud.{kind}").read_text()


def test_a_hub_that_fails_is_asked_again_later_and_less_and_less_often(portal, hub: Hub) -> None:
    build(portal)
    hub.status = 503
    report = ping(portal)
    assert (hub.asked, report.told) == (1, []), "one failure ends a round"
    assert set(report.waiting) == EVERY
    assert "answered 503" in report.waiting["https://portaal.example/feeds/cloud.atom"]
    ping(portal)
    assert hub.asked == 1, "it is left alone for a while"
    for wait in (1, 5, 30):
        portal.wait(minutes=wait)
        ping(portal)
    assert hub.asked == 4
    portal.wait(minutes=120)
    hub.status = 202
    assert set(ping(portal).told) == EVERY
    assert ping(portal) == PingReport()


def test_a_hub_that_is_gone_is_given_up_in_the_end(portal, hub: Hub) -> None:
    build(portal)
    hub.status = 404
    given_up: set[str] = set()
    for _ in range(12):
        given_up |= set(ping(portal).given_up)
        portal.now += timedelta(days=1)
    assert given_up == EVERY
    assert hub.asked == 7
    assert ping(portal) == PingReport()


def test_a_hub_that_is_down_is_said_and_the_build_is_done(portal) -> None:
    config = portal.config.read_text()
    portal.config.write_text(config.replace("[publish]\n", '[publish]\nhub = "http://127.0.0.1:9/"\n'))
    portal.write("a", "De cloud")
    assert portal.run("collect").exit_code == 0
    result = portal.run("feeds", "build", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["built"], found["pinged"], found["pings_waiting"]) == (4, 0, 12)
    assert "can't be reached" in result.stderr


@pytest.mark.parametrize("drop", [b"a", b"\r\n\r\nHTTP/1.1 100 Continue"])
def test_a_hub_that_answers_drop_by_drop_is_not_waited_for(
    portal, monkeypatch: pytest.MonkeyPatch, drop: bytes
) -> None:
    monkeypatch.setattr("pipeline.edges.hub._SECONDS", 0.3)
    with (
        dripping(drop) as url,
        pytest.raises(HubError, match=r"did not answer in 0\.3 seconds; we try again later"),
    ):
        edge.Hub(url, "").tell("https://portaal.example/a")


def test_what_changes_while_the_hub_is_told_is_told_again(portal, hub: Hub) -> None:
    build(portal)
    with portal.open() as app:
        with app.store.read() as work:
            before = work.publication.pings()
        portal.wait(minutes=1)
        with app.store.write() as work:
            work.publication.ping([before[0].topic], portal.now)
        with app.store.write() as work:
            work.publication.pinged(before)
        with app.store.read() as work:
            assert [ping.topic for ping in work.publication.pings()] == [before[0].topic]


def test_the_hub_hears_of_a_switch_after_which_the_builder_died(portal, hub: Hub) -> None:
    build(portal)
    ping(portal)
    portal.write("b", "Nog een cloud")
    hub.told.clear()
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        publisher = app.publisher()
        write, begun = publisher._write, []

        class Died(Exception):
            pass

        def die():
            """Before the second transaction, which comes after the switch."""
            begun.append(True)
            if len(begun) == 2:
                raise Died
            return write()

        publisher._write = die
        with pytest.raises(Died):
            publisher.publish()
    assert "Nog een cloud" in (portal.root / "public" / "feeds" / "cloud.atom").read_text()
    build(portal)
    ping(portal)
    assert set(hub.told) == topics("all", "cloud")


def test_without_a_hub_what_was_due_is_forgotten(portal, hub: Hub) -> None:
    build(portal)
    portal.config.write_text(portal.config.read_text().replace(f'hub = "{hub.url}"\n', ""))
    assert ping(portal) == PingReport()
    with portal.open() as app, app.store.read() as work:
        assert work.publication.pings() == []
