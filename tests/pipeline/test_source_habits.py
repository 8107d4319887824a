"""Sources that do not do what they usually do: held back, taken again, reported."""

import json
import re
from dataclasses import dataclass

import pytest
from collecting import Feed, collect, log, numbers
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

pytestmark = pytest.mark.each_database


@dataclass
class Site:
    """What its sitemap lists: so many pages, at addresses with this at their end.

    ``text`` is what else these say, with the path of each in it.
    """

    pages: int = 3
    end: str = ""
    text: str = ""


@pytest.fixture
def site(portal, httpserver: HTTPServer) -> Site:
    """A source of the portal, which has been looked at three times."""
    text = "<p>Een zin van een gewone lengte, met een punt.</p>" * 10
    site = Site()

    def sitemap(request: Request) -> Response:
        urls = (f"<url><loc>{httpserver.url_for(f'/p/{n}')}{site.end}</loc></url>" for n in range(site.pages))
        return Response(f"<urlset>{''.join(urls)}</urlset>")

    def page(request: Request) -> Response:
        told = f"<h1>Over {request.path}</h1><p>{request.path}</p>{text}{site.text.format(request.path)}"
        return Response(f"<article>{told}</article>")

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


def test_a_flood_of_pages_is_held_also_where_all_are_to_be_read_again(portal, site: Site) -> None:
    site.pages = 103
    for _ in range(3):
        assert collect(portal, force=True).held == 1
        portal.wait(days=1)


def test_all_pages_are_read_again_by_turns_where_that_is_asked_for(portal, site: Site) -> None:
    site.pages = 50
    for _ in range(2):
        collect(portal, force=False)
        portal.wait(days=1)
    site.text = "<p>Een andere zin, over {}, die er tot nu toe niet in stond.</p>"
    assert numbers(collect(portal, force=False))["updated"] == 3  # some are looked at anyway
    portal.wait(days=1)
    assert numbers(collect(portal, force=True))["updated"] == 40
    portal.wait(days=1)
    assert numbers(collect(portal, force=False))["updated"] == 7


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


def test_a_busy_source_is_not_held_for_what_it_showed_while_we_were_away(portal, feed: Feed) -> None:
    habit(portal, feed)
    portal.wait(days=14)
    flood(feed)
    report = collect(portal, force=False)
    assert (report.held, numbers(report)["new"]) == (0, 200)


def test_what_was_held_back_does_not_get_in_by_waiting(portal, feed: Feed) -> None:
    habit(portal, feed)
    portal.wait(minutes=20)
    flood(feed)
    for _ in range(14):
        assert collect(portal, force=False).held == 1
        portal.wait(days=1)


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


def test_articles_that_all_have_one_title_are_held_until_somebody_says_that_they_do(
    portal, feed: Feed
) -> None:
    feed.entries = [(str(n), "Bekendmaking") for n in range(4)]
    assert collect(portal, force=False).held == 1
    assert portal.run("sources", "accept", "nieuws").exit_code == 0
    portal.wait(minutes=20)
    feed.entries.append(("4", "Bekendmaking"))
    report = collect(portal, force=False)
    assert (report.held, numbers(report)["new"]) == (0, 1)


def test_a_source_that_has_gone_quiet_is_reported(portal, feed: Feed) -> None:
    habit(portal, feed)
    assert "silent" not in portal.run("status").stdout
    portal.wait(days=30)
    assert "silent: source nieuws has shown nothing new for 30 days" in portal.run("status").stdout
    assert json.loads(portal.run("sources", "list", "--json").stdout)[-1]["silent_days"] == 30


def test_what_a_source_leaves_out_is_shown_until_it_is_mended(portal) -> None:
    portal.write("goed", "De cloud")
    for name in ("a", "b"):
        (portal.articles / f"{name}.md").write_text("---\ntitle: [\n---\nTekst.\n")
    assert portal.run("collect", "--force").exit_code == 1
    (told,) = json.loads(portal.run("sources", "list", "--json").stdout)
    assert told["left_out"] == 2
    assert told["left_out_why"].startswith("a.md: ")
    portal.wait(minutes=1)
    assert "2 left out, the first: a.md: " in " ".join(portal.run("sources", "list").stdout.split())
    for name in ("a", "b"):
        portal.write(name, f"Ook {name}")
    assert portal.run("collect", "--force").exit_code == 0
    (told,) = json.loads(portal.run("sources", "list", "--json").stdout)
    assert (told["left_out"], told["left_out_why"]) == (0, "")
