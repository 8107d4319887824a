"""What a source showed, held against its habit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from feeds.draft import Draft
from feeds.health import KEPT, Look, breach, due_at_pace, look_at, remember, silence

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
USUAL = Look(shown=20, new=2, texts=1, dates=1, length=1500)
HABIT = [USUAL] * 5


def drafts(number: int, text: str = "Tekst van bericht {}.", **fields: object) -> list[Draft]:
    return [
        replace(
            Draft(str(n), f"https://bron.example/{n}", f"Bericht {n}", text=text.format(n), published=NOW),
            **fields,  # type: ignore[arg-type]
        )
        for n in range(number)
    ]


def test_a_look_says_what_the_articles_have() -> None:
    some = drafts(4, text="x" * 400)
    some[0] = replace(some[0], text="", published=None)
    assert look_at(some, new=3) == Look(shown=4, new=3, texts=0.75, dates=0.75, length=400)
    assert look_at([], new=0) == Look(shown=0, new=0, texts=0, dates=0, length=0)


@pytest.mark.parametrize(
    ("shown", "new", "appeared", "expected"),
    [(43, 40, 300, 300), (40, 0, 300, 0), (40, 10, 300, 10), (0, 0, 300, 300), (5, 3, 0, 3), (5, 5, 3, 5)],
)
def test_what_is_left_for_a_next_look_is_new_where_most_that_was_looked_at_is(
    shown: int, new: int, appeared: int, expected: int
) -> None:
    assert look_at(drafts(shown), new, appeared).new == expected


@pytest.mark.parametrize(
    "look, why",
    [
        (
            replace(USUAL, shown=0, new=0, texts=0, dates=0, length=0),
            "shows nothing, where it usually has 20",
        ),
        (replace(USUAL, shown=220, new=200), "shows 200 new articles at once"),
        (replace(USUAL, texts=0, length=0), "has no text in any of its articles"),
        (replace(USUAL, length=80), "has texts of 80 characters, where they usually have 1500"),
        (replace(USUAL, dates=0), "has no date for any of its articles"),
    ],
)
def test_what_is_unlike_its_habit_is_a_breach(look: Look, why: str) -> None:
    assert breach(HABIT, look, [], partial=False).startswith(why)
    assert breach(HABIT[:2], look, [], partial=False) == ""  # that is no habit yet


@pytest.mark.parametrize(
    "look",
    [
        USUAL,
        replace(USUAL, shown=3, new=0),
        replace(USUAL, shown=60, new=45),
        replace(USUAL, length=500),
        replace(USUAL, shown=1, texts=0, dates=0, length=0),
    ],
)
def test_what_varies_within_reason_is_none(look: Look) -> None:
    assert breach(HABIT, look, [], partial=False) == ""


@pytest.mark.parametrize(
    ("hours", "away", "due"),
    [
        (range(0, 48, 4), timedelta(days=14), 92),  # twelve in not quite two days
        (range(0, 48, 4), timedelta(minutes=15), 0),
        (range(12), timedelta(days=14), 168),  # in less than a day, which counts as one
        (range(0, 12 * 168, 168), timedelta(days=14), 2),
        (range(3), timedelta(days=14), 0),  # too few to know
        (range(0, 48, 4), timedelta(days=-1), 0),  # a clock that was set back
    ],
)
def test_what_is_due_goes_by_the_pace_of_the_last_articles(hours: range, away: timedelta, due: int) -> None:
    moments = [NOW - timedelta(hours=number) for number in hours]
    assert due_at_pace(moments, NOW, NOW + away) == due
    assert due_at_pace([*moments, NOW + timedelta(days=9)], NOW, NOW + away) == due  # not by what came since


def test_as_many_as_were_due_are_no_flood() -> None:
    look = replace(USUAL, shown=220, new=200)
    assert breach(HABIT, look, [], partial=False, due=30) != ""
    assert breach(HABIT, look, [], partial=False, due=60) == ""


def test_a_source_that_shows_only_what_changed_may_show_nothing() -> None:
    nothing = Look(shown=0, new=0, texts=0, dates=0, length=0)
    assert breach(HABIT, nothing, [], partial=True) == ""
    assert breach(HABIT, replace(USUAL, shown=400, new=400), [], partial=True) != ""
    assert breach(HABIT, replace(nothing, new=400), [], partial=True).startswith("shows 400 new articles")


def test_the_first_look_is_no_measure_of_what_is_new() -> None:
    history = [Look(30, 30, 1, 1, 1500), *HABIT]
    assert breach(history, replace(USUAL, shown=90, new=80), [], partial=False) != ""


@pytest.mark.parametrize("fields", [{"text": "Log in om verder te gaan."}, {"title": "Inloggen"}])
def test_one_page_in_the_place_of_every_article_is_a_breach_at_once(fields: dict[str, object]) -> None:
    assert "same" in breach([], USUAL, drafts(5, **fields), partial=True)
    assert breach([], USUAL, drafts(2, **fields), partial=True) == ""
    assert breach([], USUAL, drafts(5), partial=True) == ""


def test_a_source_whose_articles_were_accepted_though_they_are_all_the_same_is_like_that() -> None:
    same = drafts(5, title="Bekendmaking")
    look = look_at(same, new=1)
    assert look.alike
    assert not look_at(drafts(5), new=1).alike
    assert breach([look, replace(look, alike=False), look], look, same, partial=True) == ""
    assert "same" in breach([USUAL], look, same, partial=True)


def test_articles_without_text_are_not_all_the_same_for_that() -> None:
    assert breach([], USUAL, drafts(5, text=""), partial=False) == ""


def test_only_the_last_looks_are_remembered() -> None:
    history: tuple[Look, ...] = ()
    for number in range(KEPT + 5):
        history = tuple(Look(**past) for past in remember(history, replace(USUAL, shown=number)))
    assert [look.shown for look in history] == list(range(5, KEPT + 5))


def test_silence_is_longer_than_the_habit() -> None:
    weekly = [NOW - timedelta(days=7 * week) for week in range(10)]
    assert silence(weekly, NOW + timedelta(days=13)) is None
    assert silence(weekly, NOW + timedelta(days=15)) == timedelta(days=15)
    hourly = [NOW - timedelta(hours=hour) for hour in range(10)]
    assert silence(hourly, NOW + timedelta(days=2)) is None
    assert silence(hourly, NOW + timedelta(days=4)) == timedelta(days=4)
    assert silence(hourly[:2], NOW + timedelta(days=400)) is None
    assert silence([*weekly, NOW + timedelta(days=300)], NOW + timedelta(days=15)) == timedelta(days=15)
