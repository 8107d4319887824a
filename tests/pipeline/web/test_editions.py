"""The web edition: what a mail holds, for whoever has the link, and nothing of who got it."""

import re

from pipeline import jobs
from pipeline.steps.preview import Choice
from subscribers.edition import EditionName
from subscribers.frequency import Frequency
from subscribers.render import BUDGET
from subscribers.timetable import Timetable
from subscribers.token import EDITION, UNSUBSCRIBE, Tokens

EMAIL = "lezer1@voorbeeld.example"


def edition(site, language: str = "nl") -> str:
    """The path of the web edition that readers of a language get."""
    with site.app.store.read() as work:
        latest = work.editions.recent(1)[0]
        segments = work.deliveries.segments(latest.id)
    segment = next(id for id, spoken, _ in segments if spoken == language)
    return f"/editions/{site.app.tokens.sign(EDITION, segment)}"


def latest(site) -> EditionName:
    with site.app.store.read() as work:
        return work.editions.recent(1)[0].name


def planned(site) -> str:
    site.join(EMAIL)
    assert site.plan() == 1
    return edition(site)


def test_it_shows_the_articles_of_the_mail_in_the_language_of_its_readers(site) -> None:
    site.join(EMAIL)
    site.join("reader2@example.example", "en")
    assert site.plan() == 2
    for language, name, section in (
        ("nl", "Weekoverzicht", "Er staat één artikel in dit overzicht."),
        ("en", "Weekly digest", "There is one article in this digest."),
    ):
        answer = site.ask(edition(site, language))
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert f'<html lang="{language}">' in answer.text
        assert f"<h1>{name}</h1>" in answer.text
        assert section in answer.text
        assert '<section id="theme-cloud"' in answer.text
        assert ">De gemeente gaat naar de cloud</a></h3>" in answer.text
        assert "De gemeente stemt" not in answer.text  # in no theme that these readers follow


def test_it_marks_the_names_of_themes_where_they_are_in_another_language(site) -> None:
    site.join("reader2@example.example", "en")
    site.join(EMAIL)
    assert site.plan() == 2
    assert '-name"><span lang="nl">Cloud</span></h2>' in site.ask(edition(site, "en")).text
    assert '-name">Cloud</h2>' in site.ask(edition(site)).text


def test_what_changed_is_marked_as_being_in_the_language_of_the_article(site, portal) -> None:
    planned(site)
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    portal.wait(days=7)
    portal.write(
        "wolk", "De gemeente gaat naar de cloud", "All 30 of its servers leave.", more="language: en\n"
    )
    jobs.collect(site.app)
    assert site.plan() == 1
    quote = "“All 30 of its servers leave.”"
    assert (
        f'<b>Wat er is veranderd:</b> <span dir="auto" lang="en">{quote}</span>'
        in site.ask(edition(site)).text
    )


def test_nothing_on_it_tells_who_got_it_or_acts_for_them(site) -> None:
    reader = site.app.enroller().add(
        {"email": EMAIL, "name": "Anna de Vries", "interests": "cloud"}, "says so in a test"
    )
    site.plan()
    page = site.ask(edition(site)).text
    for personal in (
        "Anna",
        "lezer1",
        "voorbeeld.example",
        "unsubscribe",
        "preferences",
        "<form",
        "Afmelden",
    ):
        assert personal not in page
    assert site.app.tokens.sign(UNSUBSCRIBE, reader.id) not in page


def test_it_holds_everything_that_did_not_fit_in_the_mail(site, portal) -> None:
    for number in range(160):
        portal.write(
            f"w{number}", f"De cloud van nummer {number}", f"Wolk {number} " + "is van de gemeente " * 40
        )
    assert portal.run("collect", "--force").exit_code == 0
    path = planned(site)
    page = site.ask(path).text
    assert page.count("<h3") == 161
    (specimen,) = site.app.previewer().of_edition(latest(site), Choice())
    assert specimen.html.count("<h3") < 161
    assert len(specimen.html.encode()) < BUDGET
    base = site.app.settings.site.base_url
    links = set(re.findall(rf'href="{base}(/editions/[^"]+)"', specimen.html))
    assert links == {path, f"{path}#theme-cloud"}


def test_a_withdrawn_article_becomes_one_line_in_its_place(site, portal) -> None:
    portal.write("wolk2", "Weer een cloud")
    assert portal.run("collect", "--force").exit_code == 0
    path = planned(site)
    portal.wait(hours=1)
    portal.remove("wolk2")
    assert portal.run("collect", "--force").exit_code == 0
    page = site.ask(path).text
    assert "Weer een cloud" not in page
    assert page.count("Dit artikel is ingetrokken.") == 1
    assert page.count("<h3") == 1
    assert "Er staat één artikel in dit overzicht." in page


def test_it_stays_as_it_was_planned_whatever_happens_to_the_themes(site, portal) -> None:
    path = planned(site)
    portal.config.write_text(portal.config.read_text().replace('keywords = ["cloud"]', 'keywords = ["wolk"]'))
    with portal.open() as app:
        assert app.rethemer().apply()
        with app.store.read() as work:
            assert not work.articles.latest("cloud", 10)
    page = site.ask(path).text
    assert '<h2 id="theme-cloud-name">Cloud</h2>' in page
    assert "De gemeente gaat naar de cloud" in page


def test_it_is_kept_from_caches_search_engines_and_the_next_site(site) -> None:
    path = planned(site)
    for answer in (site.ask(path), site.ask(f"{path}x")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert '<meta name="robots" content="noindex">' in answer.text
        assert path.rpartition("/")[2] not in answer.text
    assert '<meta name="referrer" content="no-referrer">' in site.ask(path).text


def test_it_can_only_be_looked_at(site) -> None:
    path = planned(site)
    before = site.tables()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = site.ask(path, method, body=b"x")
        assert answer.status == 405, method
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    head = site.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert site.tables() == before


def test_a_link_that_is_not_ours_gets_a_page_that_says_so(site) -> None:
    path = planned(site)
    token = path.rpartition("/")[2]
    segment, _, signature = token.partition(".")
    for forged in (
        segment,
        f"{token}x",
        token[:-1],
        f"{int(segment) + 1}.{signature}",
        site.app.tokens.sign(UNSUBSCRIBE, int(segment)),
        site.app.tokens.sign(EDITION, 10**6),
        Tokens([b"somebody else's key"]).sign(EDITION, int(segment)),
    ):
        answer = site.ask(f"/editions/{forged}")
        assert answer.status == 404, forged
        assert "<h1>Deze link werkt niet</h1>" in answer.text


def test_a_preview_of_what_is_not_planned_leads_to_the_front_page(site) -> None:
    site.join(EMAIL)
    settings = site.app.settings
    _, (specimen,) = site.app.previewer().of_frequency(
        Timetable(settings.digest_of(Frequency.WEEKLY)), settings.site.timezone, Choice()
    )
    assert "/editions/" not in specimen.html + specimen.text
    assert f'href="{settings.site.base_url}"' in specimen.html
