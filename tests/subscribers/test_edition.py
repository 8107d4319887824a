"""Editions: their names, and what planning decides for a group of readers."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.log import Entry, Kind, Window
from feeds.theme import Theme, ThemeTree
from subscribers.digest import Composer, Facts, Item
from subscribers.edition import EditionName, Group, Verdict, balanced, decide
from subscribers.frequency import Frequency

TREE = ThemeTree([Theme(slug="cloud", name="Cloud"), Theme(slug="privacy", name="Privacy")])
FACTS = {number: Facts(datetime(2026, 12, number, tzinfo=UTC), {"cloud": 1}) for number in range(1, 4)}
COMPOSER = Composer(TREE, FACTS)


@pytest.mark.parametrize(
    "text, name",
    [
        ("weekly/2026-12-07", EditionName(Frequency.WEEKLY, "2026-12-07")),
        ("weekly/2026-12-07.2", EditionName(Frequency.WEEKLY, "2026-12-07", 2)),
        ("monthly/2026-12-01.10", EditionName(Frequency.MONTHLY, "2026-12-01", 10)),
        ("immediate/2026-12-07T080000Z", EditionName(Frequency.IMMEDIATE, "2026-12-07T080000Z")),
    ],
)
def test_a_name_is_read_as_it_is_written(text: str, name: EditionName) -> None:
    assert EditionName.parse(text) == name
    assert str(name) == text


@given(
    frequency=st.sampled_from(Frequency),
    slot=st.dates().map(date.isoformat),
    n=st.integers(1, 10_000),
)
def test_every_name_survives_being_written(frequency: Frequency, slot: str, n: int) -> None:
    name = EditionName(frequency, slot, n)
    assert EditionName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        *["", "/", "weekly", "weekly/", "2026-12-07", "hourly/2026-12-07", "Weekly/2026-12-07"],
        *[" weekly/2026-12-07", "weekly/2026-12-07.0", "weekly/2026-12-07.", "weekly/2026-12-07.x"],
        *["weekly/2026-12-07.-1", "weekly/.2", "weekly/2026-12-07.²"],
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        EditionName.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        name = EditionName.parse(text)
    except ValueError:
        return
    assert text.startswith(f"{name.frequency}/{name.slot}")


def window(*articles: int) -> Window:
    entries = [
        Entry(position, article, Kind.NEW, frozenset({"cloud"}))
        for position, article in enumerate(articles, start=1)
    ]
    return Window(entries, cutoff=len(entries))


def group(cursor: int = 0, theme: str = "cloud") -> Group:
    return Group(interest_set=1, following=frozenset({theme}), cursor=cursor, language="nl")


def test_a_group_that_is_due_something_gets_a_digest_of_exactly_that() -> None:
    verdict, digest = decide(group(cursor=1), window(1, 2, 3), COMPOSER, min_articles=2)
    assert verdict is Verdict.PLAN
    assert digest == (Item(3, Kind.NEW, "cloud"), Item(2, Kind.NEW, "cloud"))


@pytest.mark.parametrize("nothing", [group(cursor=3), group(theme="privacy")])
def test_a_group_that_has_seen_it_all_or_follows_something_else_is_due_nothing(nothing: Group) -> None:
    assert decide(nothing, window(1, 2, 3), COMPOSER, min_articles=1) == (Verdict.NOTHING_DUE, ())


def test_too_few_articles_are_no_mail_and_not_nothing() -> None:
    assert decide(group(cursor=1), window(1, 2, 3), COMPOSER, min_articles=3) == (Verdict.TOO_THIN, ())
    assert decide(group(cursor=3), window(1, 2, 3), COMPOSER, min_articles=3) == (Verdict.NOTHING_DUE, ())


@given(
    nothing=st.integers(0, 99),
    counts=st.dictionaries(st.text(max_size=3), st.integers(0, 99)),
    off=st.integers(-5, 5),
)
def test_the_books_balance_when_everybody_is_in_them_once(
    nothing: int, counts: dict[str, int], off: int
) -> None:
    assert balanced(nothing + sum(counts.values()) + off, nothing, counts) is (off == 0)
