"""What a reader is due: each clause of the rule, by itself."""

import pytest

from feeds.log import Due, Entry, Kind, Window


def entry(position: int, kind: Kind = Kind.NEW, themes: str = "a", article: int = 1) -> Entry:
    return Entry(position, article, kind, frozenset(themes))


def due(*entries: Entry, following: str = "a", cursor: int = 0, earlier=(), withdrawn=(), received=()):
    window = Window(entries, cutoff=100, earlier=earlier, withdrawn=withdrawn)
    return [
        (item.article, item.kind, "".join(sorted(item.themes)))
        for item in window.due(frozenset(following), cursor, frozenset(received))
    ]


def test_a_new_article_past_the_cursor_is_due_for_the_themes_followed() -> None:
    assert due(entry(5, themes="abc"), following="ac") == [(1, Kind.NEW, "ac")]


def test_what_lies_at_the_cursor_has_been_served() -> None:
    assert due(entry(5), cursor=5) == []
    assert due(entry(5), cursor=4) == [(1, Kind.NEW, "a")]


def test_an_article_in_no_theme_followed_is_not_due() -> None:
    assert due(entry(5, themes="b")) == []


def test_an_article_announced_to_a_new_theme_is_not_new_to_who_followed_the_old_one() -> None:
    first, again = entry(3, themes="a"), entry(8, themes="b")
    assert due(again, following="ab", cursor=5, earlier=[first]) == []
    assert due(again, following="b", cursor=5, earlier=[first]) == [(1, Kind.NEW, "b")]
    assert due(first, again, following="ab", cursor=0) == [(1, Kind.NEW, "ab")]


def test_an_article_that_was_received_is_never_new_again() -> None:
    first, again = entry(3, themes="a"), entry(8, themes="b")
    assert due(again, following="b", cursor=5, earlier=[first], received=[1]) == []


def test_an_earlier_entry_within_the_window_counts_for_whoever_was_served_past_it() -> None:
    assert due(entry(3, themes="a"), entry(8, themes="b"), following="ab", cursor=5) == []


def test_an_update_is_due_as_such_to_whoever_has_the_article() -> None:
    assert due(entry(8, Kind.UPDATED), cursor=5, earlier=[entry(3)]) == [(1, Kind.UPDATED, "a")]
    assert due(entry(8, Kind.UPDATED), cursor=7, earlier=[entry(3)]) == [(1, Kind.UPDATED, "a")]
    assert due(entry(8, Kind.UPDATED), cursor=8, earlier=[entry(3)]) == []


def test_an_update_of_what_is_new_in_the_same_digest_is_part_of_the_new() -> None:
    assert due(entry(3), entry(8, Kind.UPDATED)) == [(1, Kind.NEW, "a")]


def test_an_update_tells_what_was_announced_and_received_apart() -> None:
    again, changed = entry(8, themes="b"), entry(9, Kind.UPDATED, themes="b")
    assert due(again, changed, following="b", cursor=5, received=[1]) == [(1, Kind.UPDATED, "b")]


@pytest.mark.parametrize("kind", [Kind.BACKFILL, Kind.RETHEMED, Kind.RESTORED, Kind.WITHDRAWN])
def test_the_other_kinds_reach_feeds_and_never_mail(kind: Kind) -> None:
    assert due(entry(5, kind)) == []


def test_what_is_withdrawn_at_the_cutoff_is_due_to_nobody() -> None:
    assert due(entry(5), entry(6, Kind.UPDATED), withdrawn={1}) == []


def test_articles_come_in_the_order_in_which_they_first_appeared() -> None:
    found = due(
        entry(5, article=2), entry(6, Kind.UPDATED, article=1), entry(7, article=3), earlier=[entry(1)]
    )
    assert [article for article, _, _ in found] == [2, 1, 3]


def test_many_readers_ask_the_same_window() -> None:
    window = Window([entry(5, themes="a"), entry(6, themes="b", article=2)], 100)
    assert window.due(frozenset("a"), 0) == [Due(1, Kind.NEW, frozenset("a"))]
    assert window.due(frozenset("b"), 5) == [Due(2, Kind.NEW, frozenset("b"))]
    assert window.due(frozenset("ab"), 5) == [Due(2, Kind.NEW, frozenset("b"))]
