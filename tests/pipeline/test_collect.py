"""Collecting a folder and feeds into the log: every way in which an article can come, change and go."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from collecting import FEED, Feed, collect, log, numbers
from pytest_httpserver import HTTPServer
from sqlalchemy import text as sql
from werkzeug import Request, Response

from feeds.article import Visibility
from feeds.log import Kind

pytestmark = pytest.mark.each_database


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
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW, Kind.RETHEMED, Kind.UPDATED]


def test_a_source_that_shows_its_sentences_in_turns_does_not_flood_the_log(portal) -> None:
    long = "stemt in met het plan" + " voor de wijk" * 10
    lines = [f"De {who} {long}." for who in ("raad", "griffie", "brandweer")]
    for turn in range(3):
        portal.write("a", "De gemeente verhuist", "\n\n".join(lines[turn:] + lines[:turn]))
        collect(portal)
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW]


def test_a_source_that_goes_back_and_forth_does_not_flood_the_log(portal) -> None:
    for _ in range(5):
        for text in ("Het kost 3 euro.", "Het kost 4 euro."):
            portal.write("a", "De gemeente verhuist", text)
            collect(portal)
    assert [kind for _, kind, _ in log(portal)] == [Kind.NEW, Kind.UPDATED, Kind.UPDATED]
    portal.write("a", "De gemeente verhuist", "Het kost 5 euro.")
    assert numbers(collect(portal)) == {"updated": 1}


def test_a_sentence_that_a_source_puts_under_all_of_its_articles_is_no_update_of_each(portal) -> None:
    def show(under: str, price: int = 3) -> dict[str, int]:
        for place in range(6):
            costs = price if place == 0 else 3
            text = f"In wijk {place} kost het {costs} miljoen euro.\n\n{under}"
            portal.write(f"a{place}", f"De gemeente verhuist naar wijk {place}", text)
        return numbers(collect(portal))

    assert show("De raad stemt in.") == {"new": 6}
    sign_up = "De raad stemt in. Meld u aan voor de nieuwsbrief!"
    assert show(sign_up) == {"unchanged": 6, "polished": 6}
    assert {kind for _, kind, _ in log(portal)[6:]} == {Kind.RETHEMED}  # the feeds follow
    # What is news in one of them is still, and is all that is told of it.
    assert show("De raad stemt in. Volg ons ook elders.", price=4) == {
        "updated": 1,
        "unchanged": 5,
        "polished": 5,
    }
    with portal.open() as app, app.store.read() as work:
        (changed,) = [article for article in work.articles.get(range(1, 7)).values() if article.change]
    assert changed.change == "“In wijk 0 kost het 4 miljoen euro.”"


def test_what_stands_over_all_articles_hides_no_news_in_a_long_one(portal) -> None:
    long = "\n\n".join(
        f"Artikel {number} van de verordening wordt ongewijzigd vastgesteld." for number in range(2000)
    )

    def show(over: str, price: int = 3) -> dict[str, int]:
        for place in range(6):
            text = long if place == 0 else f"In wijk {place} is het stil."
            portal.write(f"a{place}", f"Wijk {place}", f"{over}\n\n{text}\n\nHet kost {price} miljoen euro.")
            price = 3
        return numbers(collect(portal))

    assert show("Meld u aan voor de nieuwsbrief!") == {"new": 6}
    assert show("Volg ons ook elders.") == {"unchanged": 6, "polished": 6}
    assert show("Lees ook onze boeken.", price=4) == {"updated": 1, "unchanged": 5, "polished": 5}


def test_what_a_site_that_shows_only_changes_puts_under_few_of_its_articles_is_news_of_each(
    portal, httpserver: HTTPServer
) -> None:
    here = f"http://127.0.0.1:{httpserver.port}"
    with portal.config.open("a") as config:
        config.write(f'\n[[source]]\nname = "blog"\nkind = "wordpress"\nurl = "{here}"\nevery = "15m"\n')

    def post(number: int, changed: datetime, under: str) -> dict[str, object]:
        return {
            "id": number,
            "date_gmt": "2026-11-20T09:00:00",
            "modified": changed.replace(tzinfo=None).isoformat(),
            "link": f"https://blog.example/{number}/",
            "guid": {"rendered": f"https://blog.example/?p={number}"},
            "title": {"rendered": f"De gemeente verhuist naar wijk {number}"},
            "content": {"rendered": f"<p>In wijk {number} kost het {number} miljoen euro.</p><p>{under}</p>"},
        }

    before = [portal.now - timedelta(days=2, minutes=number) for number in range(40)]
    posts = [post(number, changed, "De raad stemt in.") for number, changed in enumerate(before)]

    def answer(request: Request) -> Response:
        since = request.args.get("modified_after", "")
        found = [one for one in posts if str(one["modified"]) > since and "after" not in request.args]
        return Response(json.dumps(found), content_type="application/json")

    httpserver.expect_request("/wp-json/wp/v2/posts").respond_with_handler(answer)
    assert numbers(collect(portal)) == {"new": 40}
    portal.wait(hours=1)
    posts[:6] = [post(number, portal.now, "De rechter verbiedt de verhuizing.") for number in range(6)]
    assert collect(portal, force=False).total("updated") == 6
    portal.wait(hours=1)
    sign_up = "De raad stemt in. Meld u aan voor de nieuwsbrief!"
    posts[6:] = [post(number, portal.now, sign_up) for number in range(6, 40)]
    assert collect(portal, force=False).total("polished") == 34


def test_articles_of_other_sources_do_not_hide_what_a_source_puts_under_all_of_its_own(
    portal, httpserver: HTTPServer
) -> None:
    said = {"eerst": "Dit staat op de ene plek. {}", "later": "Dit staat op de andere plek. {}"}
    under = {"eerst": "", "later": ""}

    def feed(name: str, places: range) -> None:
        def answer(request: Request) -> Response:
            items = "".join(
                f"<item><link>https://nieuws.example/{place}</link><title>Wijk {place} verhuist</title>"
                f"<description>{said[name].format(f'Wijk {place}. {under[name]}')}</description></item>"
                for place in places
            )
            document = f"<rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>"
            return Response(document, content_type="application/rss+xml")

        httpserver.expect_request(f"/{name}").respond_with_handler(answer)
        with portal.config.open("a") as config:
            url = f"http://127.0.0.1:{httpserver.port}/{name}"
            config.write(FEED.format(url=url).replace('"nieuws"', f'"{name}"'))

    feed("eerst", range(6))
    collect(portal)
    feed("later", range(12))
    under["later"] = "Meld u aan voor de nieuwsbrief!"
    assert collect(portal).total("new") == 6
    under["later"] = "Volg ons ook elders."
    assert numbers(collect(portal)) == {"unchanged": 18, "polished": 6}


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


OTHER_FOLDER = """
[[source]]
name = "ander"
kind = "folder"
path = "ander"
url = "https://portaal.example/artikelen"
"""


def two_folders(portal) -> tuple[Path, Path]:
    """Where an article is in one of two folders that each hold another one, and where it is in the other."""
    with portal.config.open("a") as config:
        config.write(OTHER_FOLDER)
    other = portal.root / "ander"
    other.mkdir()
    (other / "vast.md").write_text("---\ntitle: 'Vast'\n---\nVast.\n")
    portal.write("vast-ook", "Vast ook")
    portal.write("a", "De gemeente verhuist")
    collect(portal)
    return portal.articles / "a.md", other / "a.md"


def test_a_file_that_moves_to_another_folder_and_keeps_its_address_is_the_same_article(portal) -> None:
    here, there = two_folders(portal)
    for old, new in ((here, there), (there, here), (here, there)):
        old.rename(new)
        for _ in range(2):  # whichever of the two is looked at first
            portal.wait(hours=1)
            collect(portal)
    told = [kind for title, kind, _ in log(portal) if title == "De gemeente verhuist"]
    assert told == [Kind.NEW, *[Kind.WITHDRAWN, Kind.RESTORED] * 3]
    there.unlink()
    portal.wait(hours=1)
    assert numbers(collect(portal)) == {"unchanged": 2, "withdrawn": 1}


def test_what_an_editor_took_out_of_one_folder_stays_out_in_another(portal) -> None:
    here, there = two_folders(portal)
    assert portal.run("articles", "withdraw", "https://portaal.example/artikelen/a", "--yes").exit_code == 0
    here.rename(there)
    for _ in range(2):
        portal.wait(hours=1)
        collect(portal)
    told = [kind for title, kind, _ in log(portal) if title == "De gemeente verhuist"]
    assert told == [Kind.NEW, Kind.WITHDRAWN]


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


def test_what_changed_while_an_article_was_away_is_no_step_that_was_told(portal) -> None:
    portal.write("b", "Ander nieuws")

    def shown(text: str) -> dict[str, int]:
        portal.write("a", "De gemeente verhuist", text)
        return numbers(collect(portal))

    shown("Het kost 3 euro.")
    assert shown("Het kost 4 euro.")["updated"] == 1
    portal.remove("a")
    assert numbers(collect(portal))["withdrawn"] == 1
    assert shown("Het kost 3 euro.")["restored"] == 1
    assert shown("Het kost 4 euro.")["polished"] == 1  # readers know of this step
    address = "https://portaal.example/artikelen/a"
    assert portal.run("articles", "withdraw", address, "--yes").exit_code == 0
    for price in (5, 6, 5):
        shown(f"Het kost {price} euro.")
    assert portal.run("articles", "restore", address).exit_code == 0
    assert shown("Het kost 6 euro.")["updated"] == 1  # and of this one nobody was told


# Feeds, over loopback HTTP.


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


@pytest.mark.parametrize(
    "before, after, later",
    [(("1", "a"), ("1", "b"), ("1", "d")), (("1", ""), ("2", ""), ("3", ""))],
    ids=["id", "link"],
)
def test_an_id_or_a_link_that_is_used_again_is_of_another_article(
    portal, feed: Feed, before: tuple[str, str], after: tuple[str, str], later: tuple[str, str]
) -> None:
    fire, mayor = (*before, "Brand in de haven", FIRE), (*after, "Nieuwe burgemeester", MAYOR)
    for entries, expected in (
        ([fire], "new"),
        ([mayor], "new"),
        ([mayor], "unchanged"),
        ([fire], "unchanged"),
    ):
        feed.document = lambda entries=entries: shown_as(*entries)  # type: ignore[method-assign, misc]
        assert numbers(collect(portal)).get(expected) == 1, entries
    # The same article may get another of them, and another title or text.
    feed.document = lambda: shown_as((*later, "Grote brand in Delfzijl", FIRE))  # type: ignore[method-assign]
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


def test_a_copy_in_another_source_changes_nothing(portal, feed: Feed) -> None:
    portal.write("a", "Het origineel", more="url: https://nieuws.example/1\n")
    collect(portal)
    feed.entries = [("1", "De kopie")]
    assert numbers(collect(portal)) == {"unchanged": 2}
    assert [title for title, *_ in log(portal)] == ["Het origineel"]


def test_a_copy_changes_nothing_of_an_article_that_is_kept_out(portal, feed: Feed) -> None:
    portal.write("a", "Het origineel", more="url: https://nieuws.example/1\n")
    collect(portal)
    assert portal.run("articles", "withdraw", "https://nieuws.example/1", "--yes").exit_code == 0
    feed.entries = [("1", "De kopie")]
    assert portal.run("collect", "nieuws", "--force").exit_code == 0
    assert portal.run("articles", "restore", "https://nieuws.example/1").exit_code == 0
    assert {title for title, *_ in log(portal)} == {"Het origineel"}


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
