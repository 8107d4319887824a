"""Settling: what becomes of a delivery after each answer, and how long we keep trying."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.delivery import (
    EXPIRED,
    OPEN,
    REPLACEABLE,
    Accepted,
    Deferred,
    DeliveryState,
    Outcome,
    Rejected,
    Settlement,
    Uncertain,
    settle,
    trying_since,
)

FIRST = datetime(2026, 12, 7, 7, tzinfo=UTC)
DAY = timedelta(hours=24)
LATER = Deferred("450 later")


def after(outcome: Outcome, attempts: int = 1, since_first: timedelta = timedelta(0)) -> Settlement:
    return settle(outcome, attempts, FIRST, FIRST + since_first, DAY)


@pytest.mark.parametrize(
    "outcome, settled",
    [
        (Accepted("250 ok"), Settlement(DeliveryState.ACCEPTED, "250 ok")),
        (Rejected("550 no"), Settlement(DeliveryState.REJECTED, "550 no", "rejected")),
        (Uncertain("no answer"), Settlement(DeliveryState.UNCERTAIN, "no answer")),
    ],
)
@pytest.mark.parametrize("since_first", [timedelta(0), timedelta(days=9)])
def test_all_but_a_deferral_is_final_whenever_it_comes(
    outcome: Outcome, settled: Settlement, since_first: timedelta
) -> None:
    assert after(outcome, 3, since_first) == settled


@pytest.mark.parametrize(
    "attempts, minutes",
    [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 240), (8, 240), (10_000, 240)],
)
def test_delays_double_from_five_minutes_to_four_hours(attempts: int, minutes: int) -> None:
    settled = after(LATER, attempts)
    assert settled == Settlement(
        DeliveryState.DEFERRED, "450 later", retry_at=FIRST + timedelta(minutes=minutes)
    )


def test_a_try_at_the_very_end_is_still_made_and_none_after_it() -> None:
    last = DAY - timedelta(minutes=5)
    assert after(LATER, 1, last).retry_at == FIRST + DAY
    expired = Settlement(DeliveryState.REJECTED, "450 later", EXPIRED)
    assert after(LATER, 1, last + timedelta(seconds=1)) == expired
    assert after(LATER, 1, timedelta(days=30)) == expired


def test_with_no_time_to_retry_the_first_deferral_ends_it() -> None:
    assert settle(LATER, 1, FIRST, FIRST, timedelta(0)).reason == EXPIRED


def test_what_a_new_plan_may_replace_is_open_and_not_under_way() -> None:
    assert set(REPLACEABLE) == set(OPEN) - {DeliveryState.IN_FLIGHT, DeliveryState.UNCERTAIN}


@pytest.mark.parametrize("wrong", [FIRST - timedelta(seconds=1), FIRST + timedelta(days=400)])
def test_a_first_attempt_at_a_wrong_clock_was_as_long_ago_as_so_many_attempts_take(wrong: datetime) -> None:
    now = FIRST + timedelta(days=3)
    assert trying_since(wrong, 3, FIRST, now) == now - timedelta(minutes=5 + 10 + 20)
    assert trying_since(FIRST, 3, FIRST, now) == FIRST
    assert trying_since(None, 0, FIRST, now) == now


@given(
    retry_for=st.timedeltas(timedelta(0), timedelta(days=10)),
    pauses=st.lists(st.timedeltas(timedelta(0), timedelta(hours=5)), min_size=120, max_size=120),
)
def test_a_server_that_always_defers_is_given_up_on_in_time(
    retry_for: timedelta, pauses: list[timedelta]
) -> None:
    """``pauses`` are how much later than asked each attempt is made."""
    now = FIRST
    for attempts, pause in enumerate(pauses, start=1):
        settled = settle(LATER, attempts, FIRST, now, retry_for)
        if settled.state is DeliveryState.REJECTED:
            assert settled.reason == EXPIRED
            assert settled.retry_at is None
            return
        assert settled.state is DeliveryState.DEFERRED
        assert settled.retry_at is not None
        assert now < settled.retry_at <= FIRST + retry_for
        now = settled.retry_at + pause
    pytest.fail("it was never given up on")
