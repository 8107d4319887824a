"""What is kept for a while only, and goes when its time is over."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import jobs
from subscribers.frequency import Frequency
from subscribers.signup import Wish

pytestmark = pytest.mark.each_database

REPORT = b"From: lezer9@voorbeeld.example\r\nTo: overzicht@portaal.example\r\n\r\nWat is dit?\r\n"


def filled(portal) -> None:
    with portal.open() as app:
        wish = Wish("lezer9@voorbeeld.example", ("cloud",), Frequency.WEEKLY, "nl")
        app.signing_up().ask(wish, text="Ja.", source="test", network="n")
        jobs.notify(app)
        app.ingester().ingest([REPORT])
        app.audit("iemand", "iets", "over lezer9@voorbeeld.example")


def tidy(portal) -> dict[str, int]:
    with portal.open() as app:
        return jobs.tidy(app)


def files(portal) -> bytes:
    return b"".join(file.read_bytes() for file in Path(portal.root / "var").rglob("*") if file.is_file())


def test_each_thing_goes_when_its_own_time_is_over(portal) -> None:
    filled(portal)
    assert tidy(portal) == {}
    portal.wait(days=7, seconds=1)
    assert tidy(portal) == {"signups": 1, "notices": 1}
    portal.wait(days=83)
    assert tidy(portal) == {"originals": 1}
    assert tidy(portal) == {}
    portal.wait(days=2 * 365 - 90)
    # Who did what then, and what was removed in the first week.
    assert tidy(portal) == {"audited": 1}


def test_periods_come_from_the_config(portal) -> None:
    portal.config.write_text(
        portal.config.read_text() + '\n[retention]\nunconfirmed = "1d"\nbounces = "2d"\naudit = "3d"\n'
    )
    filled(portal)
    for expected in ({"signups": 1, "notices": 1}, {"originals": 1}, {"audited": 1}):
        portal.wait(days=1, seconds=1)
        assert tidy(portal) == expected


def test_what_was_removed_is_in_no_file_and_its_number_is_in_the_audit_log(portal) -> None:
    filled(portal)
    portal.wait(seconds=timedelta(days=3 * 365).total_seconds())
    assert tidy(portal)
    assert b"lezer9" not in files(portal)
    assert "1 signups, 1 notices, 1 originals, 1 audited" in portal.run("audit").stdout


def test_a_message_whose_text_is_gone_still_counts_once(portal) -> None:
    filled(portal)
    portal.wait(days=91)
    tidy(portal)
    with portal.open() as app:
        assert app.ingester().ingest([REPORT]).repeated == 1
