"""Collecting a folder and feeds into the log: every way in which an article can come, change and go."""

import json
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import text as sql
from werkzeug import Request, Response

from feeds.article import Visibility
from feeds.log import Kind
from feeds.source import Memory, Source, is_due
from pipeline.steps.collect import CollectReport

pytestmark = pytest.mark.each_database

FEED = """
[[source]]
name = "nieuws"
kind = "feed"
url = "{url}"
themes = ["cloud"]
every = "15m"
"""


def collect(portal, *, force=True, dry_run=False) -> CollectReport:
    with portal.open() as app:
        app.rethemer().apply()
        return app.collector().collect(app.settings.source, force=force, dry_run=dry_run)


def log(portal) -> list[tuple[str, Kind, set[str]]]:
    """The whole log: title, kind, themes."""
    with portal.open() as app, app.store.read() as work:
        articles = work.articles.get([id for batch in work.articles.all_ids() for id in batch])
        told = [entry for id in articles for entry, _ in work.log.of_article(id)]
        entries = sorted(told, key=lambda entry: entry.position)
        return [(articles[entry.article].title, entry.kind, set(entry.themes)) for entry in entries]


def numbers(report: CollectReport) -> dict[str, int]:
    names = ("new", "updated", "unchanged", "withdrawn", "restored", "backfill", "waiting", "polished")
    return {name: report.total(name) for name in names if report.total(name)}


def test_only_what_means_something_is_an_update(portal) -> None:
    portal.write(
        "a", "De gemeente verhuist", "De verhuizing kost 3 miljoen euro. De wethouder is er blij mee."
    )
    collect(portal)
    portal.write(
        "a", "De gemeente verhuist", "De verhuizing kost 3 miljoen euro. De wethoudr is er blij mee."
    )
    assert numbers(collect(portal)) == {"unchanged": 1, "polished": 1}
    with portal.open() as app, app.store.read() as work:
        article = work.articles.get([1])[1]
    assert "wethoudr" in article.content  # what the source shows is what is published
    assert (article.revision, article.updated) == (1, article.published)
    portal.write(
        "a", "De gemeente verhuist", "De verhuizing kost 4 miljoen euro. De wethoudr is er blij mee."
    )
    assert numbers(collect(portal)) == {"updated": 1}
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW, Kind.UPDATED]


def test_a_source_that_goes_back_and_forth_does_not_flood_the_log(portal) -> None:
    for _ in range(5):
        for text in ("Het kost 3 euro.", "Het kost 4 euro."):
            portal.write("a", "De gemeente verhuist", text)
            collect(portal)
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW, Kind.UPDATED, Kind.UPDATED]
    portal.write("a", "De gemeente verhuist", "Het kost 5 euro.")
    assert numbers(collect(portal)) == {"updated": 1}


def test_an_article_comes_changes_goes_and_is_back(portal) -> None:
    portal.write("a", "De gemeente verhuist", "Eerste zin. Tweede zin.")
    assert numbers(collect(portal)) == {"new": 1}
    assert numbers(collect(portal)) == {"unchanged": 1}
    portal.write(
        "a", "De gemeente verhuist", "Eerste zin. Tweede zin. Een derde.", portal.now - timedelta(hours=1)
    )
    assert numbers(collect(portal)) == {"updated": 1}
    portal.write("b", "Ander nieuws")
    portal.remove("a")
    assert numbers(collect(portal)) == {"new": 1, "withdrawn": 1}
    portal.write("a", "De gemeente verhuist", "Eerste zin. Tweede zin. Een derde.")
    assert numbers(collect(portal)) == {"restored": 1, "unchanged": 1}
    place = {"gemeenten", "overheid"}
    assert log(portal) == [
        ("De gemeente verhuist", Kind.NEW, place),
        ("De gemeente verhuist", Kind.UPDATED, place),
        ("Ander nieuws", Kind.NEW, set()),
        ("De gemeente verhuist", Kind.WITHDRAWN, place),
        ("De gemeente verhuist", Kind.RESTORED, place),
    ]
    with portal.open() as app, app.store.read() as work:
        ((_, article),) = work.articles.latest("gemeenten", 5)
        assert (article.revision, article.change) == (2, "“Een derde.”")


def test_a_new_date_or_new_markup_is_no_update(portal) -> None:
    portal.write("a", "Titel", "Een *zin*.", "2026-11-23")
    collect(portal)
    portal.write("a", "Titel", "Een **zin**", "2026-11-24")
    assert numbers(collect(portal)) == {"unchanged": 1}


def test_a_renamed_file_at_the_same_address_is_the_same_article(portal) -> None:
    portal.write("a", "Titel", more="slug: vast\n")
    collect(portal)
    portal.remove("a")
    portal.write("b", "Titel", more="slug: vast\n")
    assert numbers(collect(portal)) == {"unchanged": 1}


def test_what_is_older_than_a_week_when_first_seen_is_history(portal) -> None:
    portal.write("oud", "Oud", date=portal.now - timedelta(days=8))
    portal.write("nieuw", "Nieuw", date=portal.now - timedelta(days=6))
    assert numbers(collect(portal)) == {"new": 2, "backfill": 1}
    assert {(title, kind) for title, kind, _ in log(portal)} == {("Oud", Kind.BACKFILL), ("Nieuw", Kind.NEW)}


def test_a_late_arrival_is_news_however_old_its_date(portal) -> None:
    portal.write("a", "Eerst")
    collect(portal)
    portal.wait(days=30)
    portal.write("b", "Laat", date=portal.now - timedelta(days=20))
    collect(portal)
    assert log(portal)[-1][:2] == ("Laat", Kind.NEW)


def test_an_embargoed_article_is_nowhere_until_its_date(portal) -> None:
    portal.write("a", "Straks over de gemeente", date=portal.now + timedelta(hours=2))
    assert numbers(collect(portal)) == {"new": 1, "waiting": 1}
    assert log(portal) == []
    assert numbers(collect(portal)) == {"unchanged": 1}
    portal.wait(hours=3)
    report = collect(portal, force=False)
    assert report.released == 1
    assert log(portal) == [("Straks over de gemeente", Kind.NEW, {"gemeenten", "overheid"})]


def test_a_date_far_ahead_is_worth_a_word(portal) -> None:
    portal.write("a", "Ooit", date="3000-01-01")
    portal.write("b", "Straks", date=portal.now + timedelta(days=30))
    report = collect(portal)
    assert numbers(report) == {"new": 2, "waiting": 2}
    (problem,) = report.sources[0].outcome.problems
    assert "3000-01-01, is far ahead" in str(problem)


def test_an_embargo_that_is_moved_or_withdrawn_never_leaks(portal) -> None:
    portal.write("blijft", "Blijft")
    portal.write("a", "Straks", date=portal.now + timedelta(hours=2))
    collect(portal)
    portal.write("a", "Straks", date=portal.now + timedelta(hours=9))
    collect(portal)
    portal.wait(hours=3)
    assert collect(portal).released == 0
    portal.remove("a")
    assert numbers(collect(portal)) == {"unchanged": 1, "withdrawn": 1}
    portal.write("a", "Straks", date=portal.now + timedelta(hours=2))
    collect(portal)
    assert [title for title, *_ in log(portal)] == ["Blijft"]
    portal.wait(hours=3)
    collect(portal)
    assert [(title, kind) for title, kind, _ in log(portal)][1:] == [("Straks", Kind.NEW)]


def test_new_themes_are_logged_apart_from_the_update(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    portal.write("a", "De cloud")
    collect(portal)
    assert log(portal)[1:] == [
        ("De cloud", Kind.RETHEMED, {"cloud", "gemeenten", "overheid"}),
        ("De cloud", Kind.UPDATED, set()),
    ]


def test_new_rules_move_the_articles_that_are_there(portal) -> None:
    portal.write("a", "Over de wolk")
    portal.write("b", "Over de gemeente")
    collect(portal)
    config = portal.config.read_text().replace('keywords = ["cloud"]', 'keywords = ["cloud", "wolk"]')
    portal.config.write_text(config)
    with portal.open() as app:
        assert app.rethemer().apply() == 1
        assert app.rethemer().apply() == 0
    assert log(portal)[2:] == [("Over de wolk", Kind.RETHEMED, {"cloud"})]


def test_what_cannot_be_read_is_named_and_not_withdrawn(portal) -> None:
    for name in ("a", "b", "c"):
        portal.write(name, name)
    collect(portal)
    (portal.articles / "a.md").write_text("---\ntitle: [\n---\n")
    (portal.articles / "b.md").write_text("---\ndate: 2026-11-24\n---\nGeen titel.\n")
    report = collect(portal)
    assert numbers(report) == {"unchanged": 1}
    named = {problem.what: problem.why for problem in report.sources[0].outcome.problems}
    assert set(named) == {"a.md", "b.md"}
    assert "YAML" in named["a.md"]
    assert "title" in named["b.md"]


def test_an_empty_folder_is_an_error_and_not_a_mass_withdrawal(portal) -> None:
    portal.write("a", "Titel")
    collect(portal)
    portal.remove("a")
    report = collect(portal, force=False)
    assert report.sources == []  # it is not due yet
    portal.wait(hours=1)
    report = collect(portal, force=False)
    assert "shows nothing, and had 1 articles" in report.sources[0].error
    assert numbers(report) == {}
    assert numbers(collect(portal, force=True)) == {"withdrawn": 1}


def test_a_folder_that_is_gone_leaves_the_articles(portal) -> None:
    portal.write("a", "Titel")
    collect(portal)
    portal.remove("a")
    portal.articles.rmdir()
    report = collect(portal)
    assert "does not exist" in report.sources[0].error
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW]


def test_a_dry_run_tells_and_keeps_nothing(portal) -> None:
    portal.write("a", "Titel")
    assert numbers(collect(portal, dry_run=True)) == {"new": 1}
    assert log(portal) == []
    assert numbers(collect(portal)) == {"new": 1}


# Feeds, over loopback HTTP.


@pytest.fixture
def feed(portal, httpserver: HTTPServer) -> "Feed":
    with portal.config.open("a") as config:
        config.write(FEED.format(url=f"http://127.0.0.1:{httpserver.port}/feed"))
    return Feed(portal, httpserver)


class Feed:
    """A feed whose entries and answers a test decides."""

    def __init__(self, portal, server: HTTPServer) -> None:
        self.entries: list[tuple[str, str]] = []
        self.portal = portal
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self.url = server.url_for("/feed").replace("localhost", "127.0.0.1")
        server.expect_request("/feed").respond_with_handler(lambda request: self.answer(request))

    def answer(self, request: Request) -> Response:
        self.requests.append(dict(request.headers))
        document = self.document()
        etag = f'"{hash(document)}"'
        if self.status != 200:
            return Response("stuk", self.status, headers=self.headers)
        if request.headers.get("If-None-Match") == etag:
            return Response(status=304)
        return Response(document, headers={"ETag": etag, "Content-Type": "application/rss+xml"})

    def document(self) -> str:
        date = format_datetime(self.portal.now - timedelta(hours=1))
        items = "".join(
            f"<item><guid isPermaLink='false'>{guid}</guid><link>https://nieuws.example/{guid}</link>"
            f"<title>{title}</title><pubDate>{date}</pubDate></item>"
            for guid, title in self.entries
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"


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


def test_a_source_that_moves_to_other_software_shows_nothing_new(portal, feed: Feed) -> None:
    words = "Dit bericht heeft genoeg woorden om het aan zijn tekst alleen te herkennen, nummer"
    feed.entries = [(f"oud-{n}", f"{words} {n}") for n in range(4)]
    assert numbers(collect(portal)) == {"new": 4}
    portal.wait(days=1)
    feed.entries = [(f"nieuw-{n}", f"{words} {n}") for n in range(4)]
    assert numbers(collect(portal)) == {"unchanged": 4}
    feed.entries = [("nieuw-9", f"{words} 9"), *feed.entries]
    assert numbers(collect(portal)) == {"new": 1, "unchanged": 4}


FIRE = "Vannacht woedde brand in een loods aan de haven van Delfzijl; niemand raakte daarbij gewond."
MAYOR = "De commissaris draagt mevrouw Jansen voor als burgemeester; zij begint komend voorjaar daarmee."


def shown_as(*entries: tuple[str, str, str, str]) -> str:
    """A feed of entries, each a guid, a path, a title and a text."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>https://nieuws.example/{path}</link>"
        f"<title>{title}</title><description>{text}</description></item>"
        for guid, path, title, text in entries
    )
    return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"


def test_a_feed_that_broke_off_is_asked_for_its_rest(portal, feed: Feed) -> None:
    whole = shown_as(*[(str(n), str(n), f"Bericht {n}", MAYOR) for n in range(6)])
    validators: list[str | None] = []

    def answer(request: Request) -> Response:
        validators.append(request.headers.get("If-None-Match"))
        body = whole[:700] if len(validators) == 1 else whole
        return Response(body, headers={"ETag": '"een"'})

    feed.answer = answer  # type: ignore[method-assign]
    assert 0 < numbers(collect(portal))["new"] < 6
    portal.wait(hours=2)
    collect(portal, force=False)
    portal.wait(hours=2)
    collect(portal, force=False)
    assert len(log(portal)) == 6  # none of them half, and then changed
    assert validators == [None, None, '"een"']


@pytest.mark.parametrize("path", ["b", "a"], ids=["links of their own", "one link, too"])
def test_two_articles_with_one_id_stay_two(portal, feed: Feed, path: str) -> None:
    document = shown_as(("1", "a", "Brand in de haven", FIRE), ("1", path, "Nieuwe burgemeester", MAYOR))
    feed.document = lambda: document  # type: ignore[method-assign]
    assert numbers(collect(portal))["new"] == 2
    assert numbers(collect(portal)) == {"unchanged": 2}


def test_an_id_that_is_used_again_is_of_another_article(portal, feed: Feed) -> None:
    fire, mayor = ("1", "a", "Brand in de haven", FIRE), ("1", "b", "Nieuwe burgemeester", MAYOR)
    for entries, expected in (
        ([fire], "new"),
        ([mayor], "new"),
        ([mayor], "unchanged"),
        ([fire], "unchanged"),
    ):
        feed.document = lambda entries=entries: shown_as(*entries)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)).get(expected) == 1, entries
    # The same article may get another address, and another title or text.
    feed.document = lambda: shown_as(("1", "d", "Grote brand in Delfzijl", FIRE))  # type: ignore[method-assign]
    assert numbers(collect(portal)) == {"updated": 1}


def test_of_merged_articles_the_one_that_stays_keeps_its_own_text(portal, feed: Feed) -> None:
    document = shown_as(("1", "a", "Brand in de haven", FIRE), ("2", "b", "Nieuwe burgemeester", MAYOR))
    feed.document = lambda: document  # type: ignore[method-assign]
    collect(portal)
    article = json.loads(portal.run("articles", "show", "https://nieuws.example/b", "--json").stdout)["id"]
    other = json.loads(portal.run("articles", "show", "https://nieuws.example/a", "--json").stdout)["id"]
    assert portal.run("articles", "merge", str(other), str(article), "--yes").exit_code == 0
    before = log(portal)
    assert numbers(collect(portal)) == {"unchanged": 1}
    assert log(portal) == before


def test_articles_follow_their_source_when_it_gets_another_name(portal, feed: Feed) -> None:
    feed.entries = [("1", "De loods kost 3 miljoen euro")]
    portal.write("a", "De gemeente verhuist")
    portal.write("b", "De gemeente bouwt")
    collect(portal)
    config = portal.config.read_text().replace('name = "nieuws"', 'name = "kranten"')
    portal.config.write_text(config.replace('name = "map"', 'name = "stukken"'))
    assert numbers(collect(portal)) == {"unchanged": 3}
    feed.entries = [("1", "De loods kost 4 miljoen euro")]
    portal.remove("b")
    assert numbers(collect(portal)) == {"updated": 1, "unchanged": 1, "withdrawn": 1}


def test_a_notice_that_is_given_again_is_another_article(portal, feed: Feed) -> None:
    words = "De raad vergadert donderdag om acht uur in de grote zaal van het stadhuis"
    feed.entries = [("1", words), ("2", "Iets anders")]
    collect(portal)
    portal.wait(days=7)
    feed.entries = [("3", words), ("2", "Iets anders")]
    assert numbers(collect(portal)) == {"new": 1, "unchanged": 1}


def test_what_scrolled_off_a_feed_is_not_withdrawn(portal, feed: Feed) -> None:
    feed.entries = [("1", "Een"), ("2", "Twee")]
    collect(portal)
    feed.entries = [("3", "Drie")]
    assert numbers(collect(portal)) == {"new": 1}
    with portal.open() as app, app.store.read() as work:
        found = work.articles.latest("cloud", 10)
        assert {article.title for _, article in found} == {"Een", "Twee", "Drie"}
        assert {article.visibility for _, article in found} == {Visibility.VISIBLE}


def test_a_source_is_left_alone_until_it_is_due(portal, feed: Feed) -> None:
    feed.entries = [("1", "Een")]
    collect(portal, force=False)
    portal.wait(minutes=14)
    assert collect(portal, force=False).sources == []
    portal.wait(minutes=2)
    assert len(collect(portal, force=False).sources) == 2


def test_many_sources_at_one_host_keep_those_elsewhere_from_nothing(portal) -> None:
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
        for number, host in enumerate([*["localhost"] * 40, "127.0.0.1"]):
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


def test_a_server_that_asks_to_be_left_alone_is_and_the_others_are_not(portal, feed: Feed) -> None:
    feed.status, feed.headers = 429, {"Retry-After": "7200"}
    collect(portal, force=False)
    portal.wait(minutes=119)
    assert [part.name for part in collect(portal, force=False).sources] == ["map"]
    portal.wait(minutes=20)
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
    httpserver.clear_log()
    portal.wait(hours=9)
    collect(portal, force=False)
    assert not httpserver.log
    portal.wait(hours=2)
    collect(portal, force=False)
    assert httpserver.log


@dataclass
class Site:
    """What its sitemap lists: so many pages, at addresses with this at their end."""

    pages: int = 3
    end: str = ""


@pytest.fixture
def site(portal, httpserver: HTTPServer) -> Site:
    """A source of the portal, which has been looked at three times."""
    text = "<p>Een zin van een gewone lengte, met een punt.</p>" * 10
    site = Site()

    def sitemap(request: Request) -> Response:
        urls = (f"<url><loc>{httpserver.url_for(f'/p/{n}')}{site.end}</loc></url>" for n in range(site.pages))
        return Response(f"<urlset>{''.join(urls)}</urlset>")

    def page(request: Request) -> Response:
        return Response(f"<article><h1>Over {request.path}</h1><p>{request.path}</p>{text}</article>")

    httpserver.expect_request("/map.xml").respond_with_handler(sitemap)
    httpserver.expect_request(re.compile("/p/.*")).respond_with_handler(page)
    httpserver.expect_request("/robots.txt").respond_with_data("", 404)
    config = portal.config.read_text().replace('"127.0.0.1"', f'"127.0.0.1", "{httpserver.host}"')
    url = httpserver.url_for("/map.xml")
    portal.config.write_text(f'{config}[[source]]\nname = "site"\nkind = "sitemap"\nurl = "{url}"\n')
    for _ in range(3):
        collect(portal, force=False)
        portal.wait(days=1)
    return site


def test_a_flood_of_pages_is_held_though_only_some_are_read_at_a_time(portal, site: Site) -> None:
    site.pages = 103
    (part,) = [part for part in collect(portal, force=False).sources if part.name == "site"]
    assert part.held.startswith("source site: it shows 100 new articles at once, where it had at most 0")
    assert part.outcome.new == 0
    with portal.open() as app:
        report = app.collector().collect(app.settings.source, accept=True)
    assert report.total("new") == 40
    for rest in (40, 20):
        portal.wait(days=1)
        assert numbers(collect(portal, force=False))["new"] == rest
    assert numbers(collect(portal)) == {"unchanged": 40}  # looked at anew, nothing came


def test_a_flood_of_pages_that_was_accepted_is_no_flood_when_it_comes_again(portal, site: Site) -> None:
    site.pages = 303
    assert collect(portal, force=False).held == 1
    with portal.open() as app:
        app.collector().collect(app.settings.source, accept=True)
    portal.wait(days=1)
    site.pages = 603
    report = collect(portal, force=False)
    assert report.held == 0
    assert report.total("new") == 40


def test_a_site_that_gives_all_its_pages_other_addresses_is_not_held(
    portal, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.health.FLOOD", 2)
    site.end = "?utm_source=kaart"
    report = collect(portal, force=False)
    assert report.held == 0
    assert numbers(report) == {"unchanged": 3}


def test_an_address_that_is_gone_is_not_asked_again_and_a_new_one_is(portal, feed: Feed) -> None:
    feed.status = 410
    report = collect(portal, force=False)
    assert "gone for good" in report.sources[-1].error
    portal.wait(days=30)
    assert [part.name for part in collect(portal, force=False).sources] == ["map"]
    portal.config.write_text(portal.config.read_text().replace("/feed", "/feed?nieuw"))
    feed.status = 200
    assert [part.name for part in collect(portal, force=False).sources] == ["nieuws"]


def test_a_copy_in_another_source_changes_nothing(portal, feed: Feed) -> None:
    portal.write("a", "Het origineel", more="url: https://nieuws.example/1\n")
    collect(portal)
    feed.entries = [("1", "De kopie")]
    assert numbers(collect(portal)) == {"unchanged": 2}
    assert [title for title, *_ in log(portal)] == ["Het origineel"]


def test_of_two_sources_that_show_an_article_at_once_one_has_it(portal, feed: Feed) -> None:
    with portal.config.open("a") as config:
        config.write(FEED.format(url=feed.url).replace('"nieuws"', '"kopie"'))
    feed.entries = [("1", "Een"), ("2", "Twee")]
    assert numbers(collect(portal)) == {"new": 2, "unchanged": 2}
    assert [title for title, *_ in log(portal)] == ["Een", "Twee"]
    assert numbers(collect(portal)) == {"unchanged": 4}


def test_what_can_not_be_stored_is_its_own_sources_problem(
    portal, feed: Feed, httpserver: HTTPServer
) -> None:
    with portal.config.open("a") as config:
        config.write(FEED.format(url=feed.url.replace("/feed", "/stuk")).replace('"nieuws"', '"stuk"'))
    feed.entries = [("1", "Een")]
    broken = feed.document().replace("nieuws.example", "stuk.example").replace("Een", "Onbewaarbaar")
    httpserver.expect_request("/stuk").respond_with_data(broken, content_type="application/rss+xml")
    with portal.open() as app, app.database.write() as session:
        refused = (
            "ALTER TABLE article ADD CONSTRAINT refused CHECK (title <> 'Onbewaarbaar')"
            if app.database.url.get_backend_name() == "postgresql"
            else "CREATE TRIGGER refused BEFORE INSERT ON article WHEN NEW.title = 'Onbewaarbaar' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        session.execute(sql(refused))
    portal.write("a", "Uit de map")
    report = collect(portal)
    assert {part.name: bool(part.error) for part in report.sources} == {
        "map": False,
        "nieuws": False,
        "stuk": True,
    }
    assert sorted(title for title, *_ in log(portal)) == ["Een", "Uit de map"]
    assert all(len(part.outcome.problems) == 0 for part in report.sources)
    with portal.open() as app, app.store.read() as work:
        memory = work.sources.memory("stuk")
        assert (memory.failures, memory.first_collected) == (1, None)
    assert numbers(collect(portal)) == {"unchanged": 2}


def test_an_article_that_moved_is_followed_by_its_id(portal, feed: Feed) -> None:
    feed.entries = [("1", "Een")]
    collect(portal)
    document = feed.document().replace("nieuws.example/1", "elders.example/1?utm_source=rss")
    feed.document = lambda: document  # type: ignore[method-assign]
    assert numbers(collect(portal)) == {"unchanged": 1}
    with portal.open() as app, app.store.read() as work:
        ((_, article),) = work.articles.latest("cloud", 10)
        assert article.url.startswith("https://elders.example/1")
        old = work.articles.look_up("https://nieuws.example/1")
        assert old == work.articles.look_up("http://elders.example/1")
        assert old is not None


def test_an_entry_of_its_own_is_found_where_all_entries_link_to_one_page(portal, feed: Feed) -> None:
    def document() -> str:
        items = "".join(
            f"<item><guid isPermaLink='false'>{guid}</guid><link>https://nieuws.example/</link>"
            f"<title>{title}</title></item>"
            for guid, title in feed.entries
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"

    feed.document = document  # type: ignore[method-assign]
    feed.entries = [("1", "Een"), ("2", "Twee")]
    assert numbers(collect(portal))["new"] == 2
    feed.entries = [("3", "Drie"), ("2", "Twee"), ("1", "Een")]
    assert numbers(collect(portal)) == {"new": 1, "unchanged": 2}


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


def habit(portal, feed: Feed) -> None:
    """A feed that was looked at often enough to know what it is like."""
    feed.entries = [(str(n), f"Bericht {n}") for n in range(5)]
    for number in range(5, 8):
        feed.entries.append((str(number), f"Bericht {number}"))
        portal.wait(minutes=20)
        assert collect(portal, force=False).held == 0


def flood(feed: Feed) -> None:
    feed.entries += [(f"nieuw-{n}", f"Ander bericht {n}") for n in range(200)]


def test_what_breaks_with_the_habit_is_held_back_until_it_is_accepted(portal, feed: Feed) -> None:
    habit(portal, feed)
    before = log(portal)
    flood(feed)
    portal.wait(minutes=20)
    report = collect(portal, force=False)
    assert (report.held, report.failed, numbers(report)) == (1, 0, {})
    assert "200 new articles at once" in report.sources[-1].held
    assert log(portal) == before
    status = portal.run("status").stdout
    assert "held back: source nieuws" in status
    assert "sources accept nieuws" in status
    assert portal.run("collect", "nieuws", "--force").exit_code == 1
    taken = portal.run("sources", "accept", "nieuws", "--as", "beheer")
    assert taken.exit_code == 0
    assert len(log(portal)) == len(before) + 200
    assert "held back" not in portal.run("status").stdout
    assert "sources accept" in portal.run("audit").stdout


def test_a_source_that_is_mended_is_taken_by_itself(portal, feed: Feed) -> None:
    habit(portal, feed)
    kept = list(feed.entries)
    feed.entries = [(str(n), "Inloggen") for n in range(8)]
    portal.wait(minutes=20)
    assert "same title" in collect(portal, force=False).sources[-1].held
    feed.entries = [*kept, ("9", "Bericht 9")]
    portal.wait(minutes=20)
    report = collect(portal, force=False)
    assert (report.held, report.total("new")) == (0, 1)
    assert all(title.startswith("Bericht") for title, *_ in log(portal))


def test_a_source_that_has_gone_quiet_is_reported(portal, feed: Feed) -> None:
    habit(portal, feed)
    assert "silent" not in portal.run("status").stdout
    portal.wait(days=30)
    assert "silent: source nieuws has shown nothing new for 30 days" in portal.run("status").stdout
    assert json.loads(portal.run("sources", "list", "--json").stdout)[-1]["silent_days"] == 30


def test_the_logs_lock_is_held_again_after_a_part_that_was_undone(portal) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    with portal.open() as app, app.store.write() as work:
        # SQLite needs none: there, one writes at a time.
        locked = app.database.url.get_backend_name() == "postgresql"
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"

        def locks() -> int:
            return work.session.execute(sql(held)).scalar_one() if locked else 0

        def undone() -> None:
            with work.part():
                work.log.append(1, Kind.RETHEMED, ["cloud"], portal.now)
                assert locks() == before + locked
                raise KeyError

        before = locks()
        with pytest.raises(KeyError):
            undone()
        assert locks() == before
        work.log.append(1, Kind.RETHEMED, ["cloud"], portal.now)
        assert locks() == before + locked
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW, Kind.RETHEMED]


def test_a_name_means_what_it_was_given_last_in_what_was_not_undone(portal) -> None:
    portal.write("a", "De cloud")
    portal.write("b", "De gemeente")
    collect(portal)
    with portal.open() as app, app.store.write() as work:

        def undone() -> None:
            with work.part():
                work.articles.know_as({"naam": 1})
                assert work.articles.find({"naam", "geen"}) == {"naam": 1}
                raise KeyError

        assert work.articles.find({"naam", "geen"}) == {}
        with pytest.raises(KeyError):
            undone()
        assert work.articles.find({"naam", "geen"}) == {}
        work.articles.know_as({"naam": 1})
        work.articles.rename(1, 2, ["naam"])
        assert work.articles.find({"naam", "geen"}) == {"naam": 2}
