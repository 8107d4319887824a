"""What an administrator does for a reader who calls or writes, rather than use the links in their mail."""

import json

import pytest

from subscribers.subscriber import State

pytestmark = pytest.mark.each_database

EMAIL = "lezer1@voorbeeld.example"


@pytest.fixture
def joined(portal):
    portal.write("wolk", "De cloud", "Tekst.")
    portal.run("collect")
    row = ("--interests", "cloud", "--confirmed", "--consent-note", "op papier")
    assert portal.run("subscribers", "add", EMAIL, *row).exit_code == 0
    return portal


def sent(portal) -> dict[str, int]:
    return json.loads(portal.run("digest", "send", "weekly", "--yes", "--json").stdout)["sent"]


def test_who_asks_to_be_left_alone_gets_nothing_of_what_was_planned_either(joined) -> None:
    joined.run("digest", "plan", "weekly")
    result = joined.run("subscribers", "unsubscribe", EMAIL, "--as", "anna")
    assert result.stdout == f"{EMAIL} is unsubscribed.\n"
    assert sent(joined) == {}
    shown = joined.run("subscribers", "show", EMAIL).stdout
    assert "unsubscribe, by administrator" in shown
    assert "anna" in joined.run("audit").stdout


def test_no_import_brings_back_who_asked_to_leave(joined) -> None:
    joined.run("subscribers", "unsubscribe", EMAIL)
    roster = joined.root / "lezers.csv"
    roster.write_text(f"email,interests\n{EMAIL},cloud\n")
    joined.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "oude lijst")
    with joined.open() as app:
        assert app.enroller().known(EMAIL).subscriber.state is State.UNSUBSCRIBED
    assert joined.run("subscribers", "confirm", EMAIL, "--consent-note", "belde zelf").exit_code == 0
    with joined.open() as app:
        assert app.enroller().known(EMAIL).subscriber.state is State.ACTIVE


def test_who_is_away_misses_nothing(joined) -> None:
    result = joined.run("subscribers", "pause", EMAIL, "--until", "2026-12-03")
    assert result.stdout == f"{EMAIL} is paused until 2026-12-03.\n"
    assert (
        json.loads(joined.run("subscribers", "show", EMAIL, "--json").stdout)["paused_until"] == "2026-12-03"
    )
    assert sent(joined) == {}
    joined.wait(days=14)
    assert sent(joined) == {"accepted": 1}


def test_a_pause_can_be_ended(joined) -> None:
    joined.run("subscribers", "pause", EMAIL, "--until", "2026-12-03")
    assert joined.run("subscribers", "resume", EMAIL).stdout == f"{EMAIL} is active.\n"
    assert sent(joined) == {"accepted": 1}


@pytest.mark.parametrize("day", ["2026-11-24", "2026-11-01", "2028-01-01"])
def test_a_day_that_no_reader_could_choose_is_refused_with_those_they_can(joined, day: str) -> None:
    result = joined.run("subscribers", "pause", EMAIL, "--until", day)
    assert result.exit_code == 1
    assert "until 2026-11-25, or a later day up to 2027-11-25" in result.stderr
    assert sent(joined) == {"accepted": 1}


def test_nobody_pauses_who_gets_no_mail(joined) -> None:
    joined.run("subscribers", "unsubscribe", EMAIL)
    for words in (("pause", EMAIL, "--until", "2026-12-03"), ("resume", EMAIL)):
        result = joined.run("subscribers", *words)
        assert result.exit_code == 1
        assert "is unsubscribed; a pause is for who gets mail" in result.stderr
    assert "is no subscriber" in joined.run("subscribers", "unsubscribe", "niemand@voorbeeld.example").stderr
