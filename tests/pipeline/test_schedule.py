"""The schedule as administrators see and change it, and as the clock keeps it."""

import json
from datetime import UTC, datetime

import pytest
from handed_out import send_what_is_handed_out
from mailer import Mailer

from pipeline import jobs

pytestmark = pytest.mark.each_database

HOLIDAYS = '\n[schedule]\nholidays = "nl"\n'


@pytest.fixture
def friday(portal):
    """A portal whose weekly digest goes out on Fridays, three days before Christmas of 2026."""
    text = portal.config.read_text().replace('frequency = "daily"', 'frequency = "monthly"')
    portal.config.write_text(
        text.replace('frequency = "weekly"', 'frequency = "weekly"\nday = "friday"') + HOLIDAYS
    )
    portal.now = datetime(2026, 12, 22, 12, 0, tzinfo=UTC)
    return portal


def coming(portal, weeks: int = 2) -> dict[str, str | None]:
    result = portal.run("schedule", "show", "--weeks", str(weeks), "--json")
    assert result.exit_code == 0, result.output
    return {one["edition"]: one["at"] for one in json.loads(result.stdout)}


def ok(portal, *words: str) -> str:
    result = portal.run(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def sign_up(portal) -> None:
    ok(
        portal,
        "subscribers",
        "add",
        "a@voorbeeld.example",
        "--interests",
        "cloud",
        "--confirmed",
        "--consent-note",
        "x",
    )


def planned(portal) -> list[str]:
    with portal.open() as app:
        return [str(report.edition) for report in jobs.plan(app)]


def test_the_schedule_tells_what_comes_when_and_why_not(friday) -> None:
    assert coming(friday) == {
        "weekly/2026-12-25": "2026-12-25T07:00:00+00:00",
        "monthly/2027-01-01": "2027-01-01T07:00:00+00:00",
        "weekly/2027-01-01": "2027-01-01T07:00:00+00:00",
    }
    text = friday.config.read_text().replace('day = "friday"', 'day = "friday"\non_holiday = "skip"')
    friday.config.write_text(
        text.replace('frequency = "monthly"', 'frequency = "monthly"\non_holiday = "next-workday"')
    )
    assert coming(friday) == {
        "weekly/2026-12-25": None,
        "weekly/2027-01-01": None,
        "monthly/2027-01-01": "2027-01-04T07:00:00+00:00",
    }
    shown = ok(friday, "schedule", "show", "--weeks", "2")
    assert "Christmas Day" in shown
    assert "Mon 2027-01-04 08:00" in shown


def test_a_moved_edition_is_planned_on_its_new_day_and_everybody_is_told_the_same(friday) -> None:
    sign_up(friday)
    assert planned(friday) == []
    ok(friday, "schedule", "move", "weekly", "2026-12-25", "--to", "2026-12-29", "--as", "redactie")
    friday.write("a", "De cloud")
    ok(friday, "collect", "--force")
    assert coming(friday)["weekly/2026-12-25"] == "2026-12-29T07:00:00+00:00"
    assert "of 2026-12-29T08:00:00" in ok(friday, "explain", "a@voorbeeld.example")
    assert "next: 2026-12-29 08:00" in ok(friday, "subscribers", "show", "a@voorbeeld.example")
    friday.now = datetime(2026, 12, 25, 12, 0, tzinfo=UTC)
    assert planned(friday) == []
    friday.now = datetime(2026, 12, 29, 7, 0, tzinfo=UTC)
    assert planned(friday) == ["weekly/2026-12-25"]
    audit = json.loads(ok(friday, "audit", "--json"))
    assert [(one["who"], one["action"], one["what"]) for one in audit][:1] == [
        ("redactie", "schedule move", "weekly/2026-12-25 to 2026-12-29")
    ]
    for words in (("skip",), ("restore",), ("move", "--to", "2026-12-30")):
        refused = friday.run("schedule", words[0], "weekly", "2026-12-25", *words[1:])
        assert refused.exit_code == 1
        assert "planned already" in refused.stderr


def test_what_a_skipped_edition_would_have_brought_comes_with_the_next(friday) -> None:
    sign_up(friday)
    assert planned(friday) == []
    ok(friday, "schedule", "skip", "weekly", "2026-12-25")
    friday.write("a", "De cloud")
    ok(friday, "collect", "--force")
    assert coming(friday)["weekly/2026-12-25"] is None
    friday.now = datetime(2026, 12, 25, 12, 0, tzinfo=UTC)
    assert planned(friday) == []
    friday.now = datetime(2027, 1, 1, 7, 0, tzinfo=UTC)
    assert planned(friday) == ["weekly/2027-01-01"]
    mailer = Mailer()
    with friday.open() as app:
        app.transport = lambda connections: mailer
        send_what_is_handed_out(app)
    assert mailer.sent == ["a@voorbeeld.example"]


def test_an_edition_that_was_cancelled_ahead_is_promised_to_nobody(friday) -> None:
    sign_up(friday)
    assert planned(friday) == []
    friday.write("a", "De cloud")
    ok(friday, "collect", "--force")
    ok(friday, "digest", "plan", "weekly", "--at", "2026-12-25")
    ok(friday, "digest", "cancel", "weekly/2026-12-25", "--yes")
    assert coming(friday)["weekly/2026-12-25"] is None
    assert "weekly/2027-01-01 on Fri 2027-01-01 08:00" in ok(friday, "status")
    assert "of 2027-01-01T08:00:00" in ok(friday, "explain", "a@voorbeeld.example")
    assert "next: 2027-01-01 08:00" in ok(friday, "subscribers", "show", "a@voorbeeld.example")
    friday.now = datetime(2026, 12, 25, 7, 0, tzinfo=UTC)
    assert planned(friday) == []
    friday.now = datetime(2027, 1, 1, 7, 0, tzinfo=UTC)
    assert planned(friday) == ["weekly/2027-01-01"]


def test_what_comes_after_an_edition_was_frozen_is_promised_with_the_next(friday) -> None:
    text = friday.config.read_text()
    friday.config.write_text(
        text.replace('day = "friday"', 'day = "friday"\napproval = true\nprepare = "24h"')
    )
    sign_up(friday)
    assert planned(friday) == []
    friday.now = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
    assert planned(friday) == ["weekly/2026-12-25"]
    friday.write("a", "De cloud")
    ok(friday, "collect", "--force")
    for asked in ((), ("https://portaal.example/artikelen/a",)):
        assert "of 2027-01-01T08:00:00" in ok(friday, "explain", "a@voorbeeld.example", *asked)
    shown = ok(friday, "subscribers", "show", "a@voorbeeld.example")
    assert "1 januari 2027" in shown
    assert "next: 2027-01-01 08:00" in shown
    assert coming(friday)["weekly/2026-12-25"] == "2026-12-25T07:00:00+00:00"


def test_who_is_in_a_frozen_edition_hears_when_that_comes(friday) -> None:
    text = friday.config.read_text()
    friday.config.write_text(
        text.replace('day = "friday"', 'day = "friday"\napproval = true\nprepare = "24h"')
    )
    sign_up(friday)
    assert planned(friday) == []
    friday.write("a", "De cloud")
    ok(friday, "collect", "--force")
    friday.now = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
    assert planned(friday) == ["weekly/2026-12-25"]
    assert "next: 2026-12-25 08:00" in ok(friday, "subscribers", "show", "a@voorbeeld.example")
    friday.write("b", "Nog een cloud")
    ok(friday, "collect", "--force")
    told = ok(friday, "explain", "a@voorbeeld.example", "https://portaal.example/artikelen/b")
    assert "of 2027-01-01T08:00:00" in told


def test_a_restored_edition_goes_out_as_the_config_says(friday) -> None:
    before = coming(friday)
    ok(friday, "schedule", "skip", "weekly", "2026-12-25")
    assert coming(friday) != before
    assert "goes out on 2026-12-25 again" in ok(friday, "schedule", "restore", "weekly", "2026-12-25")
    assert coming(friday) == before
    refused = friday.run("schedule", "restore", "weekly", "2026-12-25")
    assert refused.exit_code == 1
    assert "neither moved nor skipped" in refused.stderr


@pytest.mark.parametrize(
    "words, why",
    [
        (("skip", "daily", "2026-12-25"), "no [[digest]] with frequency = 'daily'"),
        (("skip", "weekly", "2026-12-24"), "no slot of the weekly digest"),
        (("move", "weekly", "2026-12-25", "--to", "2026-12-20"), "is past"),
        (("move", "weekly", "2026-12-25", "--to", "2027-01-01"), "or skip it"),
    ],
)
def test_what_can_not_be_done_with_a_slot_is_refused_with_what_can(
    friday, words: tuple[str, ...], why: str
) -> None:
    refused = friday.run("schedule", *words)
    assert refused.exit_code == 1
    assert why in refused.stderr


def test_a_country_without_known_holidays_is_a_mistake_in_the_config(friday) -> None:
    friday.config.write_text(friday.config.read_text().replace('holidays = "nl"', 'holidays = "xx"'))
    refused = friday.run("schedule", "show")
    assert refused.exit_code == 1
    assert "schedule.holidays: no holidays are known for 'xx'" in refused.stderr
