"""When a digest is due: slots by the local calendar, across clock changes and around the world."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from subscribers.frequency import PERIODS, Frequency, Schedule
from subscribers.timetable import Timetable

AMSTERDAM = "Europe/Amsterdam"
ZONES = [
    "Pacific/Pago_Pago",  # UTC-11
    "America/St_Johns",  # half hours
    "America/Havana",  # clocks change at midnight
    "Atlantic/Azores",
    "Europe/London",
    AMSTERDAM,
    "Asia/Kathmandu",  # three quarters of an hour
    "Australia/Lord_Howe",  # clocks change by half an hour
    "Pacific/Chatham",
    "Pacific/Kiritimati",  # UTC+14
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(frequency: str = "daily", **fields: object) -> Schedule:
    return Schedule.model_validate({"frequency": frequency} | fields)


# -- the config's words ----------------------------------------------------------------------------


def test_a_schedule_says_little_and_means_a_monday_or_a_first_at_eight() -> None:
    assert schedule("weekly").day == "monday"
    assert schedule("monthly").day == "1"
    assert schedule("daily").day == ""
    assert schedule().at == time(8)
    assert schedule().min_articles == 1
    assert schedule().quiet == timedelta(minutes=10)
    assert schedule().approval is False


@pytest.mark.parametrize("frequency", Frequency)
def test_every_frequency_has_a_period(frequency: Frequency) -> None:
    assert PERIODS[frequency] >= timedelta(0)


@pytest.mark.parametrize(
    "given_at, at", [("07:30", time(7, 30)), ("23:59:30", time(23, 59, 30)), (time(6, 15), time(6, 15))]
)
def test_a_time_is_text_or_a_time_of_toml_s(given_at: object, at: time) -> None:
    assert schedule(at=given_at).at == at


@pytest.mark.parametrize(
    "at",
    ["8 uur", "25:00", "08:60", "", "08:00+02:00", "08:00Z", 8, 800, 8.5, True, None, time(8, tzinfo=UTC)],
)
def test_what_is_no_local_time_of_day_is_refused(at: object) -> None:
    with pytest.raises(ValidationError, match="no local time of day; write it like '08:00'"):
        schedule(at=at)


@pytest.mark.parametrize("day, kept", [("Friday", "friday"), ("SUNDAY", "sunday")])
def test_a_weekday_may_be_written_in_any_case(day: str, kept: str) -> None:
    assert schedule("weekly", day=day).day == kept


@pytest.mark.parametrize("day", [1, "1", 28, "28"])
def test_a_day_of_the_month_is_a_number_or_text(day: object) -> None:
    assert schedule("monthly", day=day).day == str(day)


@pytest.mark.parametrize(
    "frequency, day, wrong",
    [
        ("weekly", "maandag", "no weekday; choose one of monday"),
        ("weekly", 1, "no weekday"),
        *[("monthly", day, "must be 1 to 28") for day in (0, 29, 31, -1, "eerste", "1.5", "²", True)],
        ("daily", "monday", "no meaning where the frequency is daily"),
        ("immediate", 1, "no meaning where the frequency is immediate"),
    ],
)
def test_a_day_that_does_not_suit_the_frequency_is_refused(frequency: str, day: object, wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        schedule(frequency, day=day)


@pytest.mark.parametrize(
    "fields", [{"frequency": "hourly"}, {"min_articles": 0}, {"quiet": "soon"}, {"tijd": "8"}]
)
def test_what_no_schedule_has_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        schedule(**{"frequency": "daily"} | fields)  # type: ignore[arg-type]


# -- clock changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at, slot, due",
    [
        ("08:00", date(2026, 3, 28), "2026-03-28T07:00"),
        ("08:00", date(2026, 3, 29), "2026-03-29T06:00"),
        ("02:00", date(2026, 3, 29), "2026-03-29T01:00"),  # never was: comes at 03:00
        ("02:30", date(2026, 3, 29), "2026-03-29T01:30"),  # never was: comes at 03:30
        ("03:00", date(2026, 3, 29), "2026-03-29T01:00"),
        ("02:30", date(2026, 10, 25), "2026-10-25T00:30"),  # comes twice: the first one
        ("03:00", date(2026, 10, 25), "2026-10-25T02:00"),
        ("08:00", date(2026, 10, 25), "2026-10-25T07:00"),
    ],
)
def test_a_slot_keeps_its_local_time_when_the_clocks_change(at: str, slot: date, due: str) -> None:
    assert schedule(at=at).due(slot, AMSTERDAM) == utc(due)


@pytest.mark.parametrize(
    "now, slot",
    [
        ("2026-03-29T01:29", date(2026, 3, 28)),
        ("2026-03-29T01:30", date(2026, 3, 29)),
        ("2026-10-25T00:29", date(2026, 10, 24)),
        ("2026-10-25T00:30", date(2026, 10, 25)),
        ("2026-10-25T01:10", date(2026, 10, 25)),  # 02:10 for the second time
        ("2026-10-25T01:30", date(2026, 10, 25)),
    ],
)
def test_a_repeated_or_skipped_hour_makes_one_slot_of_the_night(now: str, slot: date) -> None:
    assert Timetable(schedule(at="02:30")).slot(utc(now), AMSTERDAM) == slot


@pytest.mark.parametrize("at", ["00:00", "02:00", "02:30", "03:00", "23:59"])
@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_asked_every_minute_of_a_changing_night_no_slot_is_missed_or_comes_back(at: str, night: str) -> None:
    daily = Timetable(schedule(at=at))
    start = utc(night) - timedelta(days=1)
    seen = [daily.slot(start + timedelta(minutes=minute), AMSTERDAM) for minute in range(3 * 24 * 60)]
    assert seen == sorted(seen)
    days = sorted(set(seen))
    assert days == [days[0] + timedelta(days=step) for step in range(len(days))]
    assert 3 <= len(days) <= 4


def test_the_same_slot_is_due_a_day_apart_at_the_ends_of_the_world() -> None:
    weekly = schedule("weekly", at="08:00")
    slot = date(2026, 12, 7)
    assert weekly.due(slot, "Pacific/Kiritimati") == utc("2026-12-06T18:00")
    assert weekly.due(slot, "Pacific/Pago_Pago") == utc("2026-12-07T19:00")
    now = utc("2026-12-07T07:00")
    assert Timetable(weekly).slot(now, "Pacific/Kiritimati") == Timetable(weekly).slot(now, AMSTERDAM) == slot
    assert Timetable(weekly).slot(now, "Pacific/Pago_Pago") == slot - timedelta(weeks=1)


@pytest.mark.parametrize(
    "day, now, slot",
    [
        (1, "2026-03-01T06:59", date(2026, 2, 1)),
        (1, "2026-03-01T07:00", date(2026, 3, 1)),
        (28, "2026-02-28T07:00", date(2026, 2, 28)),
        (28, "2026-03-27T07:00", date(2026, 2, 28)),
        (28, "2026-03-31T07:00", date(2026, 3, 28)),
        (15, "2026-01-10T12:00", date(2025, 12, 15)),
    ],
)
def test_a_month_has_one_slot_however_long_it_is(day: int, now: str, slot: date) -> None:
    assert Timetable(schedule("monthly", day=day)).slot(utc(now), AMSTERDAM) == slot


def test_an_immediate_digest_has_no_calendar() -> None:
    with pytest.raises(ValueError, match="no calendar slot"):
        Timetable(schedule("immediate")).slot(utc("2026-12-07"), AMSTERDAM)


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"frequency": "weekly", "prepare": "1d"}, "add approval = true"),
        ({"frequency": "daily", "approval": True, "prepare": "1h"}, "can't be had with daily"),
        ({"frequency": "immediate", "approval": True, "prepare": "1h"}, "can't be had with immediate"),
        ({"frequency": "weekly", "approval": True, "prepare": "6d"}, "at most '143h'"),
    ],
)
def test_an_edition_can_be_prepared_where_somebody_approves_it_and_there_is_time(
    keys: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule(**keys)


def test_prepare_may_be_left_empty() -> None:
    assert Schedule(frequency="weekly", prepare="").prepare == timedelta(0)


def test_an_edition_is_frozen_so_long_before_it_is_due_anywhere() -> None:
    weekly = Schedule(frequency="weekly", at="08:00", approval=True, prepare="1d")
    slot = date(2026, 12, 7)
    assert Timetable(weekly).first_due(slot) == utc("2026-12-06T18:00")
    assert Timetable(weekly).frozen_slot(utc("2026-12-05T17:59")) == slot - timedelta(weeks=1)
    assert Timetable(weekly).frozen_slot(utc("2026-12-05T18:00")) == slot


# -- whenever, wherever ----------------------------------------------------------------------------


def is_slot(schedule: Schedule, day: date) -> bool:
    """Whether a day is one of the schedule's, by the calendar alone."""
    if schedule.frequency is Frequency.WEEKLY:
        return f"{day:%A}".lower() == schedule.day
    return schedule.frequency is Frequency.DAILY or day.day == int(schedule.day)


times = st.times().map(lambda at: at.replace(microsecond=0))
schedules = st.one_of(
    st.builds(lambda at: schedule(at=at), times),
    st.builds(
        lambda at, day: schedule("weekly", at=at, day=day),
        times,
        st.sampled_from(["monday", "wednesday", "saturday", "sunday"]),
    ),
    st.builds(lambda at, day: schedule("monthly", at=at, day=day), times, st.integers(1, 28)),
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


@settings(max_examples=500)
@given(schedule=schedules, now=moments, zone=st.sampled_from(ZONES))
@example(schedule=schedule(at="00:00"), now=utc("2026-03-08T05:00"), zone="America/Havana")
@example(schedule=schedule(at="00:30"), now=utc("2026-03-08T05:00"), zone="America/Havana")
def test_the_slot_is_the_latest_day_of_the_schedule_that_is_due(
    schedule: Schedule, now: datetime, zone: str
) -> None:
    slot = Timetable(schedule).slot(now, zone)
    today = now.astimezone(ZoneInfo(zone)).date()
    days = [today + timedelta(days=step) for step in range(-62, 3)]
    assert slot == max(day for day in days if is_slot(schedule, day) and schedule.due(day, zone) <= now)


@settings(max_examples=300)
@given(
    schedule=schedules,
    now=moments,
    later=st.timedeltas(timedelta(0), timedelta(days=40)),
    zone=st.sampled_from(ZONES),
)
def test_slots_never_go_back_and_come_due_in_their_order(
    schedule: Schedule, now: datetime, later: timedelta, zone: str
) -> None:
    first, second = Timetable(schedule).slot(now, zone), Timetable(schedule).slot(now + later, zone)
    assert first <= second
    if first < second:
        assert schedule.due(first, zone) < schedule.due(second, zone)


@given(schedule=schedules, day=st.dates(date(2020, 1, 1), date(2037, 12, 31)), zone=st.sampled_from(ZONES))
def test_a_slot_is_due_at_its_local_time_or_where_that_is_skipped_at_most_an_hour_later(
    schedule: Schedule, day: date, zone: str
) -> None:
    due = schedule.due(day, zone)
    assert due.tzinfo is UTC
    local = due.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    late = local - datetime.combine(day, schedule.at)
    assert late in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
