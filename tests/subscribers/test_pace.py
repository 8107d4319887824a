"""The token bucket, by clocks that run, stand, differ and jump."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from subscribers.pace import Bucket

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_bucket_fills_with_time_up_to_a_second_s_worth_and_never_less_than_one() -> None:
    empty = Bucket(0, NOON)
    assert empty.filled(10, NOON + SECOND / 2).whole == 5
    assert empty.filled(10, NOON + 100 * SECOND).whole == 10
    assert empty.filled(0.01, NOON + 99 * SECOND).whole == 0
    assert empty.filled(0.01, NOON + 100_000 * SECOND).whole == 1


@given(
    rate=st.floats(0.01, 100),
    behind=st.floats(0, 30),
    turns=st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=40),
)
def test_senders_whose_clocks_differ_send_no_more_than_the_rate(
    rate: float, behind: float, turns: list[tuple[bool, float]]
) -> None:
    bucket, sent, passed = Bucket.full(rate, NOON), 0, 0.0
    for late, pause in turns:
        passed += pause
        filled = bucket.filled(rate, NOON + SECOND * (passed - behind * late))
        sent += filled.whole
        bucket = filled.less(filled.whole) if filled.whole else bucket
    assert sent <= max(1.0, rate) + rate * passed + 0.01


def test_a_clock_that_ran_ahead_and_was_set_back_holds_up_nothing() -> None:
    empty = Bucket(0, NOON + timedelta(days=1))
    assert empty.filled(5, NOON) == Bucket.full(5, NOON)
