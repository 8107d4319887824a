"""What an editor does by hand stays, whatever the sources show afterwards."""

import json
from datetime import timedelta

import pytest

from feeds.article import Article, Visibility
from feeds.log import Kind

pytestmark = pytest.mark.each_database


def run(portal, *words: str) -> str:
    result = portal.run(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def refused(portal, *words: str) -> str:
    result = portal.run(*words)
    assert result.exit_code in (1, 2)
    return str(result.output)


def article(portal, id: int = 1) -> Article:
    with portal.open() as app, app.store.read() as work:
        return work.articles.get([id])[id]


def story(portal, id: int = 1) -> list[tuple[Kind, set[str]]]:
    with portal.open() as app, app.store.read() as work:
        return [(entry.kind, set(entry.themes)) for entry, _ in work.log.of_article(id)]


def due(portal) -> list[str]:
    """What a digest planned now would hold, for somebody who follows everything."""
    with portal.open() as app, app.store.read() as work:
        head = work.log.head()
        entries = work.log.news(0, head, ["cloud", "overheid", "gemeenten"])
        articles = work.articles.get({entry.article for entry in entries})
        return [article.title for article in articles.values() if article.visibility == Visibility.VISIBLE]


def audited(portal) -> list[str]:
    return [entry["action"] for entry in json.loads(run(portal, "audit", "--json"))]


def published(portal, slug: str = "cloud") -> str:
    run(portal, "feeds", "build")
    path = portal.root / "public" / "feeds" / f"{slug}.atom"
    return path.read_text(encoding="utf-8")


@pytest.fixture
def one(portal) -> None:
    portal.write("a", "De cloud van de gemeente", "Het kost 3 euro.")
    run(portal, "collect")


def again(portal) -> None:
    portal.wait(minutes=20)
    run(portal, "collect", "--force")


def test_what_is_withdrawn_stays_out_though_its_source_shows_it(portal, one) -> None:
    assert "De cloud" in published(portal)
    run(portal, "articles", "withdraw", "1", "--yes", "--as", "redactie")
    again(portal)
    portal.write("a", "De cloud van de gemeente", "Het kost 4 euro.")
    again(portal)
    assert "De cloud" not in published(portal)
    assert due(portal) == []
    run(portal, "articles", "restore", "1")
    assert "Het kost 4 euro" in published(portal)
    assert [kind for kind, _ in story(portal)] == [Kind.NEW, Kind.WITHDRAWN, Kind.RESTORED]
    assert audited(portal)[:2] == ["articles restore", "articles withdraw"]


def test_what_is_held_before_it_is_out_is_new_when_it_is_released(portal) -> None:
    portal.write("a", "De cloud", date=portal.now + timedelta(hours=2))
    run(portal, "collect")
    run(portal, "articles", "hold", "1")
    portal.wait(hours=3)
    run(portal, "collect", "--force")
    assert story(portal) == []
    run(portal, "articles", "release", "1")
    assert [kind for kind, _ in story(portal)] == [Kind.NEW]
    assert due(portal) == ["De cloud"]


def test_what_is_released_before_its_date_still_waits_for_it(portal) -> None:
    portal.write("a", "De cloud", date=portal.now + timedelta(hours=2))
    run(portal, "collect")
    run(portal, "articles", "hold", "1")
    run(portal, "articles", "release", "1")
    assert story(portal) == []
    portal.wait(hours=3)
    run(portal, "collect")
    assert [kind for kind, _ in story(portal)] == [Kind.NEW]


def test_nothing_is_taken_out_or_brought_back_twice(portal, one) -> None:
    assert "not held or withdrawn" in refused(portal, "articles", "restore", "1")
    run(portal, "articles", "hold", "1")
    assert "out already" in refused(portal, "articles", "withdraw", "1", "--yes")
    assert "no article we know" in refused(portal, "articles", "hold", "99")
    assert "--yes" in refused(portal, "articles", "withdraw", "1")


def test_a_correction_outlives_the_source(portal, one) -> None:
    run(portal, "articles", "correct", "1", "--title", "De wolk van de gemeente", "--author", "Redactie")
    portal.write("a", "De cloud van de gemeente", "Het kost 5 euro.")
    again(portal)
    assert (article(portal).title, article(portal).author) == ("De wolk van de gemeente", "Redactie")
    assert "De wolk van de gemeente" in published(portal, "all")
    assert "De cloud" not in published(portal)  # by its new title it is about something else
    assert [kind for kind, _ in story(portal)] == [Kind.NEW, Kind.RETHEMED, Kind.RETHEMED, Kind.UPDATED]
    run(portal, "articles", "correct", "1", "--title", "")
    again(portal)
    assert (article(portal).title, article(portal).author) == ("De cloud van de gemeente", "Redactie")


def test_what_was_corrected_is_not_what_changed(portal, one) -> None:
    run(portal, "articles", "correct", "1", "--title", "De wolk", "--summary", "Het kost zes euro.")
    portal.write("a", "De cloud van de gemeenten", "Het kost 3 euro!")
    again(portal)
    assert Kind.UPDATED not in [kind for kind, _ in story(portal)]
    portal.write("a", "De cloud van de gemeenten", "Het kost 5 euro. De raad besluit morgen.")
    again(portal)
    assert story(portal)[-1][0] is Kind.UPDATED
    assert article(portal).change == "“Het kost 5 euro. De raad besluit morgen.”"


def test_a_correction_can_be_told_as_an_update(portal, one) -> None:
    run(portal, "articles", "correct", "1", "--summary", "Het kost 30 euro.", "--announce")
    corrected = article(portal)
    assert (corrected.revision, corrected.change) == (2, "“Het kost 30 euro.”")
    assert [kind for kind, _ in story(portal)] == [Kind.NEW, Kind.UPDATED]


@pytest.mark.parametrize("words", [[], ["--url", "onzin"], ["--url", "javascript:x"], ["--title", "x" * 501]])
def test_a_correction_that_makes_no_sense_is_refused(portal, one, words: list[str]) -> None:
    before = article(portal)
    refused(portal, "articles", "correct", "1", *words)
    assert article(portal) == before


def test_an_editors_themes_win_over_the_rules_and_stay(portal, one) -> None:
    assert story(portal)[0] == (Kind.NEW, {"cloud", "gemeenten", "overheid"})
    said = run(portal, "articles", "retheme", "1", "--remove", "cloud", "--as", "redactie")
    assert said.strip().endswith("is now in: overheid, gemeenten")
    assert story(portal)[1] == (Kind.RETHEMED, {"cloud"})
    portal.config.write_text(portal.config.read_text().replace('keywords = ["cloud"]', 'keywords = ["euro"]'))
    portal.write("a", "De cloud van de gemeente", "Euro euro euro, het kost 9 euro.")
    again(portal)
    assert "De cloud" not in published(portal)
    assert "kept out by an editor" in run(portal, "themes", "explain", "1")
    run(portal, "articles", "retheme", "1", "--reset")
    assert "De cloud" in published(portal)


def test_who_follows_a_theme_that_an_article_reaches_is_told_when_the_editor_says_so(portal) -> None:
    portal.write("a", "De gemeente verhuist")
    run(portal, "collect")
    run(portal, "articles", "retheme", "1", "--add", "cloud", "--announce")
    # Where it was before, feeds name the other theme now, and nobody is told.
    assert story(portal)[1:] == [(Kind.NEW, {"cloud"}), (Kind.RETHEMED, {"gemeenten", "overheid"})]


def test_themes_that_do_not_exist_and_contradictions_are_refused(portal, one) -> None:
    for words in (
        ["--add", "onzin"],
        ["--add", "cloud", "--remove", "cloud"],
        ["--reset", "--add", "cloud"],
        [],
    ):
        refused(portal, "articles", "retheme", "1", *words)
    assert article(portal).editor == {}


def test_merged_articles_are_one_from_then_on(portal, one) -> None:
    portal.write("b", "De cloud van de stad", "Iets anders, voor 7 euro.")
    run(portal, "collect", "--force")
    run(portal, "articles", "merge", "2", "1", "--yes")
    assert [kind for kind, _ in story(portal, 2)] == [Kind.NEW, Kind.WITHDRAWN]
    portal.remove("a")
    again(portal)
    # What its source shows under the second name is the first article now.
    assert article(portal, 1).title == "De cloud van de stad"
    assert article(portal, 2).visibility == Visibility.WITHDRAWN
    found = json.loads(run(portal, "articles", "show", "https://portaal.example/artikelen/b", "--json"))
    assert found["id"] == 1
    assert "itself" in refused(portal, "articles", "merge", "1", "1", "--yes")


def test_an_article_is_not_merged_into_one_that_is_kept_out(portal, one) -> None:
    """Else both would be gone, as when two are merged into each other."""
    portal.write("twee", "Nog een bericht over de cloud")
    run(portal, "collect", "--force")
    run(portal, "articles", "merge", "2", "1", "--yes")
    assert "article 2 is kept out" in refused(portal, "articles", "merge", "1", "2", "--yes")
    assert article(portal, 1).visibility == Visibility.VISIBLE
    run(portal, "articles", "release", "2")
    run(portal, "articles", "merge", "1", "2", "--yes")
    assert article(portal, 2).visibility == Visibility.VISIBLE


def test_a_split_off_article_is_new_and_goes_on_under_its_sources_name(portal, one) -> None:
    portal.write("a", "Heel iets anders over de cloud", "Een ander bericht, van 8 euro.")
    again(portal)
    said = run(portal, "articles", "split", "1", "--yes")
    assert "article 2" in said
    assert [kind for kind, _ in story(portal, 1)][-1] == Kind.WITHDRAWN
    assert [kind for kind, _ in story(portal, 2)] == [Kind.NEW]
    portal.write("a", "Heel iets anders over de cloud", "Een ander bericht, van 9 euro.")
    again(portal)
    assert [kind for kind, _ in story(portal, 2)] == [Kind.NEW, Kind.UPDATED]
    assert article(portal, 1).uri != article(portal, 2).uri
    assert article(portal, 1).visibility == Visibility.WITHDRAWN


def test_coverage_names_what_no_rule_reaches_and_rules_that_never_fire(portal) -> None:
    portal.write("a", "De cloud")
    portal.write("b", "Iets heel anders")
    run(portal, "collect")
    found = json.loads(run(portal, "themes", "coverage", "--json"))
    assert (found["articles"], found["uncovered"]) == (2, 1)
    assert [one["title"] for one in found["nowhere"]] == ["Iets heel anders"]
    unused = [(rule["theme"], rule["kind"], rule["words"]) for rule in found["unused"]]
    assert ("gemeenten", "keyword", "gemeente") in unused or any(kind == "keyword" for _, kind, _ in unused)
    assert ("cloud", "keyword", "cloud") not in unused
    assert "1 of 2 articles are in no theme" in run(portal, "themes", "coverage")


def test_rules_can_be_tried_before_they_are_applied(portal, one) -> None:
    portal.write("b", "De wolk")
    run(portal, "collect", "--force")
    rules = portal.root / "proef.toml"
    config = portal.config.read_text()
    rules.write_text(config.replace('keywords = ["cloud"]', 'keywords = ["wolk"]'))
    before = story(portal, 1), story(portal, 2)
    tried = json.loads(run(portal, "themes", "try", str(rules), "--json"))
    assert (tried["cloud"]["joining"], tried["cloud"]["leaving"]) == (1, 1)
    assert tried["cloud"]["joiners"] == [{"id": 2, "title": "De wolk"}]
    assert tried["cloud"]["leavers"] == [{"id": 1, "title": "De cloud van de gemeente"}]
    assert (story(portal, 1), story(portal, 2)) == before
    assert run(portal, "themes", "try").strip() == "Nothing would change."
    assert "1 would join, 1 would leave" in run(portal, "themes", "try", str(rules))
