"""What a preferences form means, and what is said of one that can't be taken."""

from datetime import UTC, datetime, timedelta

import pytest

from feeds.theme import Theme, ThemeTree
from subscribers.frequency import Frequency
from subscribers.preferences import BadPreferences, Fault, Form, Preferences, pause_days
from subscribers.subscriber import Reader, State, Subscriber

TREE = ThemeTree([Theme(slug="overheid", name="Overheid"), Theme(slug="cloud", name="Cloud")])
NOW = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # half past eleven in Amsterdam
ZONE = "Europe/Amsterdam"
OFFERED = [Frequency.DAILY, Frequency.WEEKLY]
FIELDS = {"theme": ["cloud", "overheid"], "frequency": ["daily"], "language": ["en"], "pause": ["2026-12-01"]}


def asked(**fields: list[str]) -> Preferences:
    return Form.sent(FIELDS | fields, TREE).preferences(TREE, OFFERED, ZONE, NOW)


def reader(**fields: object) -> Reader:
    return Reader(1, Subscriber(email="a@voorbeeld.example", created_at=NOW, **fields), ("cloud",))


def test_a_form_is_what_the_reader_asks_for() -> None:
    until = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # midnight in Amsterdam
    assert asked() == Preferences(("cloud", "overheid"), Frequency.DAILY, "en", ZONE, until)
    assert asked(pause=[""]).paused_until is None


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"theme": []}, {"themes": Fault.NO_THEME}),
        ({"theme": ["weg"]}, {"themes": Fault.NO_THEME}),
        ({"frequency": ["monthly"]}, {"frequency": Fault.NO_CHOICE}),
        ({"frequency": []}, {"frequency": Fault.NO_CHOICE}),
        ({"language": ["fr"]}, {"language": Fault.NO_CHOICE}),
        ({"timezone": ["Europa/Amsterdam"]}, {"timezone": Fault.NO_CHOICE}),
        ({"pause": ["volgende week"]}, {"pause": Fault.NO_DATE}),
        ({"pause": ["2026-13-01"]}, {"pause": Fault.NO_DATE}),
        ({"pause": ["2026-11-24"]}, {"pause": Fault.PAST}),
        ({"pause": ["2027-11-26"]}, {"pause": Fault.FAR}),
        ({"theme": [], "pause": ["x"]}, {"themes": Fault.NO_THEME, "pause": Fault.NO_DATE}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(
    fields: dict[str, list[str]], faults: dict[str, Fault]
) -> None:
    with pytest.raises(BadPreferences) as caught:
        asked(**fields)
    assert caught.value.faults == faults


def test_a_theme_that_is_gone_is_left_out_where_others_remain() -> None:
    assert asked(theme=["weg", "cloud", "cloud"]).interests == ("cloud",)


def test_a_pause_lasts_from_a_day_to_a_year_in_the_readers_own_days() -> None:
    first, last = pause_days(ZONE, NOW)
    assert (first.isoformat(), last.isoformat()) == ("2026-11-25", "2027-11-25")
    assert pause_days("Pacific/Auckland", NOW)[0].isoformat() == "2026-11-26"
    for day in (first, last):
        assert asked(pause=[day.isoformat()]).paused_until


def test_a_pause_ends_at_midnight_of_the_time_zone_that_is_asked_for() -> None:
    wish = asked(timezone=["Pacific/Auckland"], pause=["2026-12-01"])
    assert wish.timezone == "Pacific/Auckland"
    assert wish.paused_until == datetime(2026, 11, 30, 11, 0, tzinfo=UTC)


def test_the_form_is_first_shown_as_things_are() -> None:
    until = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    paused = Form.of(reader(state=State.PAUSED, paused_until=until), NOW)
    assert paused == Form(frozenset({"cloud"}), "weekly", "nl", ZONE, "2026-12-01")


def test_a_pause_that_is_over_or_was_overtaken_is_not_shown() -> None:
    later = NOW + timedelta(days=9)
    assert Form.of(reader(state=State.PAUSED, paused_until=NOW), NOW).pause == ""
    assert Form.of(reader(state=State.ACTIVE, paused_until=later), NOW).pause == ""
