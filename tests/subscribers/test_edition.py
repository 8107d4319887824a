"""Editions: their names, and what planning decides for a group of readers."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.log import Due, Entry, Kind, Window
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


# -- many groups against one reader at a time ------------------------------------------------------

SLUGS = ["it", "cloud", "privacy", "avg", "bedrijf"]
DEEP = ThemeTree(
    Theme(slug=slug, name=slug, parent=parent)
    for slug, parent in zip(SLUGS, ["", "it", "it", "privacy", ""], strict=True)
)
some_themes = st.frozensets(st.sampled_from(SLUGS), min_size=1, max_size=3)


@dataclass
class Story:
    """A log up to its end, what is known of its articles, and the groups that ask about it."""

    entries: list[Entry]
    withdrawn: set[int]
    facts: dict[int, Facts]
    groups: list[Group]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    lines = draw(
        st.lists(st.tuples(st.integers(1, 6), st.sampled_from(Kind), some_themes), min_size=1, max_size=14)
    )
    entries = [Entry(position, *line) for position, line in enumerate(lines, start=1)]
    articles = {entry.article for entry in entries}
    facts = {
        article: Facts(
            datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 2))),
            draw(st.dictionaries(st.sampled_from(SLUGS), st.integers(0, 2))),
            draw(st.booleans()),
        )
        for article in articles
    }
    groups = draw(
        st.lists(
            st.builds(
                Group,
                interest_set=st.just(1),
                following=some_themes,
                cursor=st.integers(0, len(entries)),
                language=st.just("nl"),
                received=st.frozensets(st.sampled_from(sorted(articles)), max_size=2),
            ),
            min_size=1,
            max_size=12,
        )
    )
    return Story(entries, draw(st.sets(st.sampled_from(sorted(articles)), max_size=2)), facts, groups)


def plain_due(group: Group, story: Story) -> dict[int, Due]:
    """What one reader is due, by reading the log from its beginning."""
    due = {}
    for article in {entry.article for entry in story.entries} - story.withdrawn:
        named = [e for e in story.entries if e.article == article and e.themes & group.following]
        news = [entry for entry in named if entry.kind is Kind.NEW]
        late = [entry for entry in named if entry.position > group.cursor]
        fresh = [entry for entry in late if entry.kind in (Kind.NEW, Kind.UPDATED)]
        updates = [entry for entry in late if entry.kind is Kind.UPDATED]
        seen = any(entry.position <= group.cursor for entry in news) or article in group.received
        if any(entry.kind is Kind.NEW for entry in late) and not seen:
            kind, telling = Kind.NEW, fresh
        elif updates:
            kind, telling = Kind.UPDATED, updates
        else:
            continue
        themes = {theme for entry in telling for theme in entry.themes} & group.following
        due[article] = Due(article, kind, frozenset(themes))
    return due


def plain_section(one: Due, facts: Facts) -> str:
    """The deepest theme, then the best score, then the first in the tree."""
    ranks = {slug: (len(DEEP.ancestors(slug)), facts.scores.get(slug, 0)) for slug in one.themes}
    return min((slug for slug in ranks if ranks[slug] == max(ranks.values())), key=DEEP.place)


@given(story=stories(), narrow=st.booleans())
def test_groups_decided_together_are_decided_as_each_would_be_alone(story: Story, narrow: bool) -> None:
    lowest = min(group.cursor for group in story.groups)
    themes = frozenset().union(*(group.following for group in story.groups)) if narrow else frozenset(SLUGS)
    inside = [
        replace(entry, themes=entry.themes & themes)
        for entry in story.entries
        if entry.position > lowest and entry.themes & themes
    ]
    found = {entry.article for entry in inside}
    news = [entry for entry in story.entries if entry.kind is Kind.NEW and entry.article in found]
    together = Window(inside, len(story.entries), news, story.withdrawn)
    composer = Composer(DEEP, story.facts)
    for group in story.groups:
        due = plain_due(group, story)
        verdict, digest = decide(group, together, composer, min_articles=2)
        if len(due) < 2:
            assert verdict is (Verdict.TOO_THIN if due else Verdict.NOTHING_DUE)
            continue
        assert {(item.article, item.kind) for item in digest} == {
            (one.article, one.kind) for one in due.values()
        }
        for item in digest:
            assert item.theme == plain_section(due[item.article], story.facts[item.article])
        order = [
            (
                DEEP.place(item.theme),
                not story.facts[item.article].pinned,
                item.kind is not Kind.NEW,
                -story.facts[item.article].published.timestamp(),
                item.article,
            )
            for item in digest
        ]
        assert order == sorted(order)
