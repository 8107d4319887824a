"""What a reader is due: each clause of the rule, by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


_THEMES = st.frozensets(st.sampled_from("abc"), min_size=1)
_SAID = st.tuples(st.sampled_from([1, 2]), st.sampled_from([Kind.NEW, Kind.UPDATED]), _THEMES)
_READERS = st.tuples(_THEMES, st.integers(0, 6), st.frozensets(st.sampled_from([1, 2]), max_size=1))


@given(st.lists(_SAID, max_size=6), st.lists(_READERS, max_size=6), st.sets(st.just(2)), st.integers(0, 3))
def test_each_of_many_readers_is_due_what_the_rule_says_of_them_alone(
    said, readers, withdrawn, lowest
) -> None:
    log = [Entry(position, *one) for position, one in enumerate(said, 1)]
    past = [one for one in log if one.position > lowest]
    before = [one for one in log if one.position <= lowest and one.kind is Kind.NEW]
    window = Window(past, 6, before, withdrawn)
    for following, ahead, received in readers:
        cursor = max(lowest, ahead)
        expected = _due_by_rule(log, following, cursor, received, withdrawn)
        assert window.due(following, cursor, received) == expected


def _due_by_rule(log, following, cursor, received, withdrawn) -> list[Due]:
    due = []
    for article in dict.fromkeys(
        one.article for one in log if one.position > cursor and one.themes & following
    ):
        said = [one for one in log if one.article == article and one.themes & following]
        ahead = [one for one in said if one.position > cursor]
        had = any(one.kind is Kind.NEW for one in said if one not in ahead) or article in received
        is_new = not had and any(one.kind is Kind.NEW for one in ahead)
        told = ahead if is_new else [one for one in ahead if one.kind is Kind.UPDATED]
        if told and article not in withdrawn:
            themes = frozenset().union(*(one.themes for one in told)) & following
            due.append(Due(article, Kind.NEW if is_new else Kind.UPDATED, themes))
    return due
