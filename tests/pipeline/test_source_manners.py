"""How sources are asked: when they are due, no more than they want, and where they are."""

import json
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from collecting import Feed, collect, numbers
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feeds.source import Memory, Source, is_due

pytestmark = pytest.mark.each_database


def test_an_unchanged_feed_costs_one_conditional_request(portal, feed: Feed) -> None:
    feed.entries = [("1", "Een")]
    collect(portal, force=False)
    portal.wait(minutes=20)
    report = collect(portal, force=False)
    assert "If-None-Match" in feed.requests[1]
    assert not report.failed
    assert numbers(report) == {"unchanged": 1}
    collect(portal, force=True)
    assert "If-None-Match" not in feed.requests[2]


def test_a_source_is_left_alone_until_it_is_due(portal, feed: Feed) -> None:
    feed.entries = [("1", "Een")]
    collect(portal, force=False)
    portal.wait(minutes=14)
    assert collect(portal, force=False).sources == []
    portal.wait(minutes=2)
    assert len(collect(portal, force=False).sources) == 2


@pytest.mark.parametrize("written", ["localhost", "lezer-{}@localhost"])
def test_many_sources_at_one_host_keep_those_elsewhere_from_nothing(portal, written: str) -> None:
    """The host lets everybody wait until the other one was asked."""
    elsewhere = threading.Event()

    def answer(request: Request) -> Response:
        if request.host.startswith("127."):
            elsewhere.set()
        elif not elsewhere.wait(10):
            elsewhere.set()  # that will do: the test has failed
            return Response("te laat", 500)
        return Response("<rss version='2.0'><channel><title>Bron</title></channel></rss>")

    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        server.expect_request("/bron").respond_with_handler(answer)
        config = portal.config.read_text().replace('"127.0.0.1"', '"127.0.0.1", "localhost"')
        for number, host in enumerate([*map(written.format, range(40)), "127.0.0.1"]):
            url = f"http://{host}:{server.port}/bron"
            config += f'[[source]]\nname = "bron-{number}"\nkind = "feed"\nurl = "{url}"\n'
        portal.config.write_text(config)
        report = collect(portal)
    assert (len(report.sources), report.failed) == (42, 0)


def test_a_source_that_fails_is_named_and_the_others_go_on(portal, feed: Feed) -> None:
    portal.write("a", "Uit de map")
    feed.status = 503
    report = collect(portal)
    assert report.failed == 1
    assert numbers(report) == {"new": 1}
    error = next(part.error for part in report.sources if part.name == "nieuws")
    assert error.startswith("source nieuws: ")
    assert "503" in error
    with portal.open() as app, app.store.read() as work:
        assert work.sources.memory("nieuws").failures == 1
    feed.status, feed.entries = 200, [("1", "Een")]
    assert numbers(collect(portal))["new"] == 1
    with portal.open() as app, app.store.read() as work:
        assert work.sources.memory("nieuws").error == ""


def test_a_source_whose_url_is_no_address_is_named_and_the_others_go_on(portal) -> None:
    portal.write("a", "Uit de map")
    broken = Source(name="kapot", kind="feed", url="http://[kapot/feed")
    with portal.open() as app:
        report = app.collector().collect([broken, *app.settings.source], force=True)
    assert numbers(report) == {"new": 1}
    error = next(part.error for part in report.sources if part.name == "kapot")
    assert error == "source kapot: http://[kapot/feed is no http or https address; correct it"


def test_a_server_that_asks_to_be_left_alone_is_and_the_others_are_not(portal, feed: Feed) -> None:
    feed.status, feed.headers = 429, {"Retry-After": "7200"}
    collect(portal, force=False)
    until = portal.now + timedelta(hours=2)
    said = f"left alone until {until.astimezone(ZoneInfo('Europe/Amsterdam')):%Y-%m-%d %H:%M}"
    assert said in portal.run("status").stdout
    assert "as its server asks" in portal.run("sources", "list").stdout
    assert json.loads(portal.run("status", "--json").stdout)["sources"]["left_alone_until"].keys() == {
        "nieuws"
    }
    assert json.loads(portal.run("sources", "list", "--json").stdout)[1]["left_alone_until"]
    portal.wait(minutes=119)
    assert [part.name for part in collect(portal, force=False).sources] == ["map"]
    portal.wait(minutes=20)
    assert "left alone" not in portal.run("status").stdout
    feed.status = 200
    assert [part.name for part in collect(portal, force=False).sources] == ["map", "nieuws"]
    portal.wait(minutes=16)
    assert len(collect(portal, force=False).sources) == 2


def test_a_site_that_gave_some_pages_and_asks_to_be_left_alone_is(portal, httpserver: HTTPServer) -> None:
    text = "<p>Een zin van een gewone lengte, met een punt.</p>" * 10
    pages = "".join(f"<url><loc>{httpserver.url_for(f'/p{n}')}</loc></url>" for n in range(3))
    httpserver.expect_request("/map.xml").respond_with_data(f"<urlset>{pages}</urlset>")
    httpserver.expect_request("/p0").respond_with_data(f"<article><h1>Nul</h1>{text}</article>")
    httpserver.expect_request("/p1").respond_with_data("", 429, headers={"Retry-After": "36000"})
    httpserver.expect_request("/robots.txt").respond_with_data("", 404)
    config = portal.config.read_text().replace('"127.0.0.1"', f'"127.0.0.1", "{httpserver.host}"')
    url = httpserver.url_for("/map.xml")
    portal.config.write_text(f'{config}[[source]]\nname = "site"\nkind = "sitemap"\nurl = "{url}"\n')
    assert numbers(collect(portal, force=False))["new"] == 1
    assert "source site wants fewer requests; it is left alone until" in portal.run("status").stdout
    httpserver.clear_log()
    portal.wait(hours=9)
    collect(portal, force=False)
    assert not httpserver.log
    portal.wait(hours=2)
    collect(portal, force=False)
    assert httpserver.log


def test_an_address_that_is_gone_is_not_asked_again_and_a_new_one_is(portal, feed: Feed) -> None:
    feed.status = 410
    report = collect(portal, force=False)
    assert "gone for good" in report.sources[-1].error
    portal.wait(days=30)
    assert [part.name for part in collect(portal, force=False).sources] == ["map"]
    portal.config.write_text(portal.config.read_text().replace("/feed", "/feed?nieuw"))
    feed.status = 200
    assert [part.name for part in collect(portal, force=False).sources] == ["nieuws"]


def moves_to(server: HTTPServer, address: str, status: int = 301) -> None:
    server.clear_all_handlers()
    server.expect_request("/feed").respond_with_data("", status, headers={"Location": address})


def asked(server: HTTPServer) -> list[str]:
    paths = [request.path for request, _ in server.log]
    server.clear_log()
    return paths


def test_a_source_that_moved_for_good_is_asked_there_once_it_has_proven_to_be_the_same(
    portal, feed: Feed, httpserver: HTTPServer
) -> None:
    feed.entries = [("1", "Een")]
    collect(portal)
    httpserver.clear_log()
    moves_to(httpserver, "/nieuw", 308)
    httpserver.expect_request("/nieuw").respond_with_handler(feed.answer)
    reports = []
    for _ in range(4):
        portal.wait(minutes=20)
        reports.append(collect(portal, force=False))
    assert asked(httpserver) == ["/feed", "/nieuw"] * 3 + ["/nieuw"]
    told = [[str(problem) for problem in report.sources[-1].outcome.problems] for report in reports]
    assert [len(problems) for problems in told] == [0, 0, 1, 0]
    assert "asked at" in told[2][0]
    # A correction of the config ends it, and so does an address that turns out to lead nowhere.
    httpserver.clear_all_handlers()
    httpserver.expect_request("/feed").respond_with_handler(feed.answer)
    httpserver.expect_request("/nieuw").respond_with_data("", 404)
    portal.wait(minutes=20)
    assert collect(portal, force=False).failed == 1
    portal.wait(hours=2)
    assert collect(portal, force=False).failed == 0
    assert asked(httpserver) == ["/nieuw", "/feed"]


def test_a_source_behind_a_password_is_asked_where_the_password_is_known(
    portal, feed: Feed, httpserver: HTTPServer
) -> None:
    def answer(request: Request) -> Response:
        return feed.answer(request) if request.authorization else Response("", 401)

    moves_to(httpserver, "/nieuw")
    httpserver.expect_request("/nieuw").respond_with_handler(answer)
    portal.config.write_text(portal.config.read_text().replace("//127.0.0.1:", "//lezer:geheim@127.0.0.1:"))
    feed.entries = [("1", "Een")]
    for _ in range(5):
        portal.wait(minutes=20)
        assert collect(portal, force=False).failed == 0


@pytest.mark.parametrize("status, target", [(302, "/nieuw"), (301, "/onderhoud")])
def test_a_detour_and_a_target_that_is_another_source_are_no_move(
    portal, feed: Feed, httpserver: HTTPServer, status: int, target: str
) -> None:
    feed.entries = [("1", "Een")]
    collect(portal)
    moves_to(httpserver, target, status)
    httpserver.expect_request("/nieuw").respond_with_handler(feed.answer)
    other = "<rss version='2.0'><channel><title>Onderhoud</title></channel></rss>"
    httpserver.expect_request("/onderhoud").respond_with_data(other)
    httpserver.clear_log()
    for _ in range(5):
        portal.wait(minutes=20)
        collect(portal, force=False)
    assert asked(httpserver) == ["/feed", target] * 5


def test_what_failed_together_does_not_come_back_together() -> None:
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    memory = Memory(last_looked=now, failures=3)
    sources = [Source(name=f"bron-{n}", kind="feed", url="https://bron.example/") for n in range(40)]
    waits = {
        next(m for m in range(500) if is_due(source, memory, now + timedelta(minutes=m)))
        for source in sources
    }
    assert len(waits) > 15
    assert 95 <= min(waits) <= max(waits) <= 145  # around two hours
