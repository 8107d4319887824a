"""Which alarms stand, and what is said of them when."""

from datetime import UTC, datetime, timedelta

import pytest

from subscribers.alarm import (
    AGAIN,
    LONGEST_RETRY,
    STALLED_AFTER,
    AlarmKind,
    Told,
    Word,
    headline,
    report,
    retry_delay,
    standing,
)
from subscribers.condition import (
    ClockCondition,
    Condition,
    DiskCondition,
    EditionCondition,
    JobCondition,
    SourceCondition,
)
from subscribers.edition import EditionState
from subscribers.provider import Provider

NOW = datetime(2026, 12, 7, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EDITION = "weekly/2026-12-07"
TICKS = ClockCondition(NOW, "a, process 1", NOW - 24 * HOUR)


def edition(state: EditionState, *, ready: int = 0, due: datetime = NOW, **values) -> EditionCondition:
    return EditionCondition(EDITION, state, {}, ready, due, **values)


@pytest.mark.parametrize(
    "condition, name",
    [
        ({"sources": {"map": SourceCondition(failures=3, error="weg")}}, "source_broken map"),
        ({"sources": {"map": SourceCondition(failures=1, error="weg", gone=True)}}, "source_broken map"),
        ({"sources": {"map": SourceCondition(held="it shows nothing")}}, "source_held map"),
        ({"sources": {"map": SourceCondition(silent_days=9)}}, "source_silent map"),
        (
            {"editions": (edition(EditionState.SENDING, ready=5, due=NOW - STALLED_AFTER),)},
            f"edition_stalled {EDITION}",
        ),
        (
            {"editions": (edition(EditionState.AWAITING_APPROVAL, due=NOW + HOUR),)},
            f"edition_unapproved {EDITION}",
        ),
        ({"uncertain": {EDITION: 3}}, f"uncertain {EDITION}"),
        ({"closed": (Provider("a.example").pause("5.7.1 no"),)}, "domain_paused a.example"),
        ({"spikes": {"a.example": 40}}, "bounce_spike a.example"),
        ({"disk": DiskCondition(5, 10, "too little")}, "disk_low"),
        ({"late": {"cloud": 3}, "last_entry": NOW - HOUR}, "feed_late cloud"),
        ({"jobs": {"plan_and_send": JobCondition(None, NOW - HOUR, "weg")}}, "job_failing plan_and_send"),
        ({"clock": ClockCondition(NOW - HOUR, "a, process 1")}, "clock_stopped"),
        ({"clock": TICKS, "jobs": {"ping": JobCondition(NOW - HOUR)}}, "job_stopped"),
        ({"clock": TICKS}, "job_stopped"),
        (
            {"clock": TICKS, "jobs": {"ping": JobCondition(NOW), "collect": JobCondition(NOW - 3 * HOUR)}},
            "job_stopped collect",
        ),
    ],
)
def test_what_is_wrong_is_an_alarm_and_says_what_to_look_at(condition: dict, name: str) -> None:
    [(found, alarm)] = standing(Condition(at=NOW, **condition)).items()
    assert found == name
    assert alarm.text


@pytest.mark.parametrize(
    "condition",
    [
        {"sources": {"map": SourceCondition(failures=2, error="weg", due=True)}},
        {"editions": (edition(EditionState.SENDING, ready=5, due=NOW - 3 * HOUR, moved=NOW - HOUR / 2),)},
        {"editions": (edition(EditionState.SENDING, due=NOW - 3 * HOUR),)},
        {"editions": (edition(EditionState.PAUSED, ready=5, due=NOW - 3 * HOUR),)},
        {"editions": (edition(EditionState.AWAITING_APPROVAL, due=NOW + 5 * HOUR),)},
        {"closed": (Provider("a.example", hold_until=NOW + HOUR),)},
        {"late": {"cloud": 3}, "last_entry": NOW - timedelta(minutes=5)},
        {"jobs": {"plan_and_send": JobCondition(NOW)}},
        {"jobs": {"plan_and_send": JobCondition(None, NOW - timedelta(minutes=5), "weg")}},
        {"disk": DiskCondition(20, 10)},
        {"clock": TICKS, "jobs": {"ping": JobCondition(NOW), "deliver": JobCondition(NOW - 99 * HOUR)}},
        {"clock": TICKS, "jobs": {"ping": JobCondition(NOW), "tidy": JobCondition(NOW - HOUR)}},
        {"clock": ClockCondition(NOW, "", NOW), "jobs": {"ping": JobCondition(NOW - 99 * HOUR)}},
        {"jobs": {"ping": JobCondition(NOW - 99 * HOUR)}},
    ],
)
def test_what_passes_by_itself_is_none(condition: dict) -> None:
    assert standing(Condition(at=NOW, **condition)) == {}


def test_where_there_are_no_workers_another_command_is_named() -> None:
    [alarm] = standing(Condition(at=NOW, clock=TICKS)).values()
    assert "on SQLite 'kennisportal run'" in alarm.text


def test_every_kind_of_alarm_is_explained_to_administrators() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
    assert [kind for kind in AlarmKind if f"`{kind}`" not in text] == []


def told(**values) -> Told:
    known = {"name": "disk_low", "channel": "mail", "kind": "disk_low", "text": "vol", "since": NOW}
    return Told.model_construct(**{**Told(**known).model_dump(), **values})


@pytest.mark.parametrize(
    "values, at, word",
    [
        ({}, NOW, Word.BEGAN),
        ({"said": "began", "said_at": NOW}, NOW + AGAIN / 2, None),
        ({"said": "began", "said_at": NOW}, NOW + AGAIN, Word.STANDS),
        ({"said": "stands", "said_at": NOW}, NOW + AGAIN, Word.STANDS),
        ({"said": "began", "said_at": NOW, "ended": NOW}, NOW, Word.OVER),
        ({"ended": NOW}, NOW, None),
        ({"due": NOW + HOUR, "attempts": 1}, NOW, None),
        ({"due": NOW + HOUR, "attempts": 1}, NOW + HOUR, Word.BEGAN),
        ({"due": NOW + 2 * LONGEST_RETRY, "attempts": 1}, NOW, Word.BEGAN),  # a clock had jumped
    ],
)
def test_an_alarm_is_told_when_it_begins_for_every_day_and_when_it_is_over(values, at, word) -> None:
    assert told(**values).word(at) == word


def test_retries_come_later_and_later_but_never_stop() -> None:
    delays = [retry_delay(attempts) for attempts in range(1, 30)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_RETRY


def test_no_text_of_others_breaks_out_of_its_line() -> None:
    words = [
        (Word.BEGAN, told(name="domain_paused a.example\r\nBcc: x", text="=?UTF-8?Q?=0A?= \r\n.\r\nMAIL"))
    ]
    assert len(headline("P", words).splitlines()) == 1
    assert all(not line.startswith((".", "MAIL")) for line in report(words).splitlines())
