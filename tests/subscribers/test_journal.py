"""What a journal comes to, however it was cut off, compacted or spread over machines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.journal import CHANGED, FEED, KEPT, Back, Left, Marks, Record, Sent, read, write, write_since
from subscribers.subscriber import State

NOW = datetime(2026, 12, 7, 8, 0, tzinfo=UTC)

moments = st.integers(0, 1000).map(lambda minutes: NOW + timedelta(minutes=minutes))
keys = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
events = st.lists(
    st.one_of(
        st.builds(
            Left,
            keys,
            st.sampled_from([State.UNSUBSCRIBED, State.SUPPRESSED, State.ERASED, CHANGED, FEED]),
            moments,
            st.sampled_from(["", "bounced"]),
        ),
        st.builds(Back, keys, moments),
        st.builds(
            Sent,
            st.sampled_from(["daily/2026-12-07", "weekly/2026-12-07.2"]),
            st.integers(0, 99),
            moments,
            moments,
            st.integers(0, 99),
        ),
        st.builds(Marks, st.dictionaries(st.sampled_from(["delivery", "wave"]), st.integers(0, 99))),
    )
)


def text(of: list) -> str:
    return write_since(NOW) + "".join(map(write, of))


@given(events)
def test_compacting_changes_nothing_that_it_comes_to(found: list) -> None:
    record = read([text(found)])
    assert read([text(record.compacted(NOW + timedelta(days=1)))]) == record


@given(events, events)
def test_journals_of_several_machines_come_to_what_one_would_have(ours: list, theirs: list) -> None:
    apart, together = read([text(ours), text(theirs)]), read([text(ours + theirs)])
    assert apart == together


@given(events, st.integers(1, 50))
def test_a_last_line_torn_by_a_crash_is_as_good_as_none(found: list, cut: int) -> None:
    whole = text(found)
    torn = whole + write(Back("d" * 64, NOW))[:-cut]
    assert read([torn]) == read([whole])


def test_any_other_line_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read([write_since(NOW) + "{half\n" + write(Back("a" * 64, NOW))])


def test_a_suppression_outlives_what_is_said_after_it() -> None:
    gone = Left("a" * 64, State.SUPPRESSED, NOW, "complaint")
    erased = Left("a" * 64, State.ERASED, NOW + timedelta(days=1))
    (left,) = read([text([gone, erased])]).left.values()
    assert (left.how, left.suppression) == (State.ERASED, "complaint")


def test_who_left_very_long_ago_is_forgotten() -> None:
    record = Record()
    record.take(Left("a" * 64, State.UNSUBSCRIBED, NOW))
    record.take(Left("b" * 64, State.UNSUBSCRIBED, NOW + timedelta(days=2)))
    kept = [one for one in record.compacted(NOW + KEPT + timedelta(days=1)) if isinstance(one, Left)]
    assert [one.key for one in kept] == ["b" * 64]
