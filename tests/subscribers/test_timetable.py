"""When each edition goes out: holidays, and slots that were moved or skipped by hand."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.holidays import UnknownCountry, holidays_of
from subscribers.frequency import Schedule
from subscribers.timetable import BY_HAND, SlotError, Timetable, Turn

AMSTERDAM = "Europe/Amsterdam"
DUTCH = holidays_of("nl")


def day(text: str) -> date:
    return date.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def timetable(
    frequency: str, on_holiday: str = "send", changes: dict | None = None, **more: str
) -> Timetable:
    return Timetable(Schedule(frequency=frequency, on_holiday=on_holiday, **more), DUTCH, changes or {})


@pytest.mark.parametrize(
    "on_holiday, goes_out",
    [("send", "2026-12-25"), ("skip", None), ("next-workday", "2026-12-28")],  # a Friday, and the Monday
)
def test_a_holiday_is_sent_on_skipped_or_waited_for_as_the_config_says(
    on_holiday: str, goes_out: str | None
) -> None:
    weekly = timetable("weekly", on_holiday, day="friday")
    turn = weekly.turn(day("2026-12-25"))
    assert turn.day == (day(goes_out) if goes_out else None)
    assert turn.why == ("" if on_holiday == "send" else "Christmas Day")
    assert weekly.turn(day("2026-12-18")) == Turn(day("2026-12-18"), day("2026-12-18"))


def test_a_holiday_that_would_wait_until_the_next_slot_is_taken_in_by_that_one() -> None:
    daily = timetable("daily", "next-workday")
    days = [
        (turn.slot.day, turn.day.day if turn.day else None)
        for turn in islice(daily.turns(day("2026-12-24")), 5)
    ]
    assert days == [(24, 24), (25, None), (26, None), (27, 27), (28, 28)]
    assert daily.slot(utc("2026-12-26T12:00"), AMSTERDAM) == day("2026-12-24")
    assert daily.next_due(utc("2026-12-24T12:00"), AMSTERDAM) == utc("2026-12-27T07:00")


def test_a_slot_moved_by_hand_keeps_its_name_and_goes_out_on_its_new_day() -> None:
    weekly = timetable("weekly", changes={day("2026-12-28"): day("2026-12-29")})
    assert weekly.next_due(utc("2026-12-27T12:00"), AMSTERDAM) == utc("2026-12-29T07:00")
    assert weekly.slot(utc("2026-12-28T12:00"), AMSTERDAM) == day("2026-12-21")
    assert weekly.slot(utc("2026-12-29T07:00"), AMSTERDAM) == day("2026-12-28")
    assert weekly.due(day("2026-12-28"), AMSTERDAM) == utc("2026-12-29T07:00")
    assert weekly.turn(day("2026-12-28")).why == BY_HAND


def test_a_slot_moved_to_an_earlier_day_is_due_then() -> None:
    weekly = timetable("weekly", changes={day("2026-12-28"): day("2026-12-24")})
    assert weekly.slot(utc("2026-12-24T07:00"), AMSTERDAM) == day("2026-12-28")
    assert weekly.next_due(utc("2026-12-24T07:00"), AMSTERDAM) == utc("2027-01-04T07:00")


def test_what_is_decided_by_hand_wins_over_a_holiday() -> None:
    friday = day("2026-12-25")
    weekly = timetable("weekly", "skip", {friday: friday}, day="friday")
    assert weekly.turn(friday).day == friday


def test_a_skipped_slot_is_never_due() -> None:
    weekly = timetable("weekly", changes={day("2026-12-28"): None})
    assert weekly.slot(utc("2026-12-30T07:00"), AMSTERDAM) == day("2026-12-21")
    assert weekly.next_due(utc("2026-12-22T07:00"), AMSTERDAM) == utc("2027-01-04T07:00")
    with pytest.raises(ValueError, match="weekly/2026-12-28 is skipped"):
        weekly.due(day("2026-12-28"), AMSTERDAM)


@pytest.mark.parametrize(
    "slot, to, why",
    [
        (
            "2026-12-29",
            "2026-12-30",
            "no slot of the weekly digest; the nearest are 2026-12-28 and 2027-01-04",
        ),
        ("2026-12-28", "2027-01-04", "before 2027-01-04"),
        ("2026-12-28", "2026-12-21", "after 2026-12-21"),
    ],
)
def test_a_slot_moves_only_between_those_beside_it(slot: str, to: str, why: str) -> None:
    with pytest.raises(SlotError, match=why):
        timetable("weekly").check_move(day(slot), day(to))
    timetable("weekly").check_move(day("2026-12-28"), day("2027-01-03"))


def test_a_daily_slot_can_be_skipped_and_not_moved() -> None:
    timetable("daily").check(day("2026-12-25"))
    with pytest.raises(SlotError, match="or skip it"):
        timetable("daily").check_move(day("2026-12-25"), day("2026-12-26"))


def test_a_slot_does_not_move_so_far_that_the_next_is_frozen_before_it_is_over() -> None:
    weekly = timetable("weekly", prepare="2d", approval=True)
    weekly.check_move(day("2026-12-28"), day("2026-12-31"))
    with pytest.raises(SlotError, match="choose an earlier day"):
        weekly.check_move(day("2026-12-28"), day("2027-01-02"))


@pytest.mark.parametrize(
    "fields, why",
    [
        ({"frequency": "immediate", "on_holiday": "skip"}, "no meaning"),
        ({"frequency": "weekly", "on_holiday": "tomorrow"}, "send"),
        (
            {"frequency": "weekly", "on_holiday": "next-workday", "approval": True, "prepare": "48h"},
            "write at most '47h'",
        ),
    ],
)
def test_what_a_holiday_can_not_mean_is_refused(fields: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Schedule(**fields)


def test_a_country_nobody_knows_holidays_of_is_refused() -> None:
    with pytest.raises(UnknownCountry, match="'nl'"):
        holidays_of("xx")
    assert holidays_of("")(day("2026-12-25")) == ""


moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
zones = st.sampled_from(["Pacific/Pago_Pago", AMSTERDAM, "Asia/Kathmandu", "Pacific/Kiritimati"])
schedules = st.builds(
    lambda frequency, on_holiday: Schedule(frequency=frequency, on_holiday=on_holiday),
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.sampled_from(["send", "skip", "next-workday"]),
)


@given(schedule=schedules, now=moments, zone=zones, data=st.data())
def test_slots_keep_their_order_and_all_who_ask_hear_the_same(
    schedule: Schedule, now: datetime, zone: str, data: st.DataObject
) -> None:
    """With holidays, and changes by hand that were allowed, whatever they are."""
    changes: dict[date, date | None] = {}
    plain = Timetable(schedule, DUTCH)
    for turn in islice(plain.turns(now.date() - timedelta(days=70)), 12):
        if not data.draw(st.booleans()):
            continue
        to = data.draw(
            st.none() | st.integers(-9, 9).map(lambda days, slot=turn.slot: slot + timedelta(days=days))
        )
        if to is not None:
            try:
                Timetable(schedule, DUTCH, changes).check_move(turn.slot, to)
            except SlotError:
                continue
        changes[turn.slot] = to
    changed = Timetable(schedule, DUTCH, changes)
    out = [turn for turn in islice(changed.turns(now.date() - timedelta(days=100)), 150) if turn.day]
    assert all(one.day < other.day for one, other in pairwise(out))

    due = [(changed.due(turn.slot, zone), turn.slot) for turn in out]
    assert changed.slot(now, zone) == max((at, slot) for at, slot in due if at <= now)[1]
    assert changed.next_due(now, zone) == min(at for at, _ in due if at > now)
