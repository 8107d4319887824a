"""How often a source is asked: as the config says while it is lively, less often while it is quiet."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.source import SLOWEST, Memory, Source, is_due, rhythm

NOW = datetime(2026, 12, 7, 8, 0, tzinfo=UTC)


def source(every: str | timedelta = "15m", **where: str) -> Source:
    return Source.model_validate(
        {"name": "s", "kind": "feed", "every": every} | (where or {"url": "https://x.example/"})
    )


def quiet_for(**time: float) -> Memory:
    return Memory(last_looked=NOW, last_news=NOW - timedelta(**time))


@pytest.mark.parametrize(
    "quiet, wait",
    [
        ({"minutes": 0}, {"minutes": 15}),
        ({"hours": 3}, {"minutes": 15}),
        ({"days": 1}, {"hours": 1}),
        ({"days": 30}, {"hours": 2}),
    ],
)
def test_a_source_is_asked_less_often_the_longer_it_has_been_quiet(quiet: dict, wait: dict) -> None:
    memory = quiet_for(**quiet)
    assert rhythm(source(), memory) == timedelta(**wait)
    assert not is_due(source(), memory, NOW + timedelta(**wait) - timedelta(seconds=1))
    assert is_due(source(), memory, NOW + timedelta(**wait))


def test_a_source_that_was_looked_at_by_a_clock_that_ran_ahead_is_asked_again() -> None:
    memory = Memory(last_looked=NOW + timedelta(days=365), not_before=NOW + timedelta(days=365), failures=3)
    assert is_due(source(), memory, NOW)
    assert not is_due(source(), Memory(last_looked=NOW + timedelta(seconds=5)), NOW), "clocks differ a little"


def test_a_folder_is_looked_at_as_the_config_says() -> None:
    assert rhythm(source(path="artikelen"), quiet_for(days=30)) == timedelta(minutes=15)


def test_a_source_of_which_nothing_is_known_yet_is_asked_as_the_config_says() -> None:
    assert rhythm(source(), Memory()) == rhythm(source(), Memory(last_looked=NOW)) == timedelta(minutes=15)


spans = st.timedeltas(timedelta(0), timedelta(days=900))


@given(every=st.timedeltas(timedelta(minutes=1), timedelta(days=7)), quiet=spans, longer=spans)
def test_the_rhythm_keeps_its_bounds(every: timedelta, quiet: timedelta, longer: timedelta) -> None:
    asked = source(every)
    wait = rhythm(asked, Memory(last_looked=NOW, last_news=NOW - quiet))
    assert every <= wait <= max(every, min(SLOWEST * every, timedelta(days=1)))
    assert wait <= rhythm(asked, Memory(last_looked=NOW, last_news=NOW - quiet - longer))
