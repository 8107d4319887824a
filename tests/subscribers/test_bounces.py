"""What is held against an address whose mail comes back, and what is not."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from subscribers.bounces import (
    HALF_LIFE,
    MEMORY,
    REST,
    SOFT_LIMIT,
    SPIKE_FROM,
    Bounces,
    Verdict,
    is_spike,
    too_many,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_first_hard_bounce_rests_and_a_second_after_that_suppresses() -> None:
    first, verdict = Bounces().hard(1, NOW, spike=False)
    assert verdict is Verdict.REST
    assert first.rests_until == NOW + REST
    assert first.hard(2, NOW + REST, spike=False)[1] is Verdict.SUPPRESS


def test_what_left_before_the_rest_began_does_not_count_as_the_second() -> None:
    first, _ = Bounces().hard(1, NOW, spike=False)
    assert first.hard(2, NOW + REST - timedelta(seconds=1), spike=False) == (first, Verdict.NOTHING)


def test_one_mail_counts_once() -> None:
    first, _ = Bounces().hard(1, NOW, spike=False)
    assert first.hard(1, NOW + REST, spike=False) == (first, Verdict.NOTHING)


def test_a_hard_bounce_is_forgotten_after_a_while() -> None:
    first, _ = Bounces().hard(1, NOW, spike=False)
    assert first.hard(2, NOW + MEMORY, spike=False)[1] is Verdict.SUPPRESS
    assert first.hard(2, NOW + MEMORY + timedelta(seconds=1), spike=False)[1] is Verdict.REST


def test_a_rest_set_by_a_clock_that_ran_ahead_hides_no_bounce() -> None:
    ahead, _ = Bounces().hard(1, NOW + timedelta(days=400), spike=False)
    assert ahead.soften(2, NOW)[0].soft == 1


def test_on_a_bad_day_of_its_domain_no_address_is_suppressed() -> None:
    first, _ = Bounces().hard(1, NOW, spike=False)
    again, verdict = first.hard(2, NOW + REST, spike=True)
    assert verdict is Verdict.REST
    assert again.rests_until == NOW + REST + REST


def test_soft_bounces_add_up_to_a_rest_and_fade() -> None:
    state, verdicts = Bounces(), []
    for day in range(int(SOFT_LIMIT)):
        state, verdict = state.soften(day, NOW)
        verdicts.append(verdict)
    assert verdicts == [Verdict.NOTHING] * 4 + [Verdict.REST]
    assert state.soft == 0
    state = Bounces()
    for week in range(30):
        state, verdict = state.soften(week, NOW + week * HALF_LIFE)
        assert verdict is Verdict.NOTHING
    assert state.soft < 2


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 40)), max_size=30))
def test_nobody_is_suppressed_but_by_two_hard_bounces_a_rest_apart_without_a_spike(
    steps: list[tuple[bool, bool, int]],
) -> None:
    state, now, hard = Bounces(), NOW, []
    for number, (is_hard, spike, days) in enumerate(steps):
        now += timedelta(days=days)
        before = state
        if is_hard:
            state, verdict = state.hard(number, now, spike=spike)
        else:
            state, verdict = state.soften(number, now)
        if verdict is Verdict.SUPPRESS:
            assert is_hard
            assert not spike
            assert hard
            assert REST <= now - hard[-1] <= MEMORY
            break  # from here on nothing is sent, so nothing comes back
        if before.rests_until is not None and now < before.rests_until:
            assert verdict is Verdict.NOTHING
        if is_hard and verdict is not Verdict.NOTHING:
            hard.append(now)


def test_a_domain_has_a_bad_day_when_many_of_its_readers_bounce() -> None:
    assert not is_spike(SPIKE_FROM - 1, SPIKE_FROM)
    assert is_spike(SPIKE_FROM, SPIKE_FROM)
    assert is_spike(SPIKE_FROM, 10 * SPIKE_FROM)
    assert not is_spike(SPIKE_FROM, 10 * SPIKE_FROM + 1)


@given(st.integers(0, 10**6), st.integers(0, 10**7))
def test_nobody_needs_to_count_beyond_too_many(bounced: int, readers: int) -> None:
    assert is_spike(bounced, min(readers, too_many(bounced))) == is_spike(bounced, readers)
