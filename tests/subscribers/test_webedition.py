"""What the web edition of a segment shows: all of it, as it was planned."""

from datetime import UTC, datetime

from feeds.article import Article, Visibility
from feeds.log import Kind
from feeds.theme import Theme, ThemeTree
from subscribers.digest import Item
from subscribers.webedition import web_sections

TREE = ThemeTree([Theme(slug="cloud", name="Cloud"), Theme(slug="privacy", name="Privacy & AVG")])


def article(number: int, visibility: Visibility = Visibility.VISIBLE) -> Article:
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    return Article(
        uri=f"tag:example.org,2026:{number}",
        source="bron",
        url=f"https://www.bron.example/{number}",
        title=f"Artikel {number}",
        published=moment,
        updated=moment,
        fingerprint="f",
        visibility=visibility,
    )


def test_it_has_the_sections_of_the_digest_with_all_their_items_in_order() -> None:
    digest = (
        Item(3, Kind.NEW, "privacy", ("cloud",)),
        Item(1, Kind.UPDATED, "privacy"),
        Item(2, Kind.NEW, "cloud"),
    )
    first, second = web_sections(digest, {number: article(number) for number in (1, 2, 3)}, TREE)
    assert (first.theme, first.anchor, first.left) == ("Privacy & AVG", "theme-privacy", 2)
    assert [item.article.title for item in first.items] == ["Artikel 3", "Artikel 1"]
    assert [(item.updated, item.also) for item in first.items] == [(False, ("Cloud",)), (True, ())]
    assert second.theme == "Cloud"


def test_what_was_withdrawn_keeps_its_place_and_shows_nothing_of_itself() -> None:
    digest = (Item(1, Kind.NEW, "cloud"), Item(2, Kind.NEW, "cloud"))
    (section,) = web_sections(digest, {1: article(1, Visibility.WITHDRAWN), 2: article(2)}, TREE)
    assert [item.article and item.article.title for item in section.items] == [None, "Artikel 2"]
    assert section.left == 1


def test_a_theme_that_left_the_config_still_has_its_section() -> None:
    (section,) = web_sections((Item(1, Kind.NEW, "weg", ("ook",)),), {1: article(1)}, TREE)
    assert (section.theme, section.anchor, section.items[0].also) == ("weg", "theme-weg", ("ook",))
