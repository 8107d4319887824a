"""A disk that runs full stops sending while there is still room to write down what was sent."""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from crowd import enrol
from handed_out import send_what_is_handed_out
from mailer import Mailer
from sqlalchemy import event

from pipeline import jobs
from pipeline.app import App
from pipeline.edges.disk import Disk
from pipeline.ports import StoreError
from subscribers.delivery import Accepted, DiskLow, Outcome
from subscribers.edition import EditionName


def planned(portal, readers: int) -> str:
    portal.write("wolk", "De gemeente gaat naar de cloud")
    enrol(portal, readers)
    with portal.open() as app:
        app.collector().collect(app.settings.source)
    assert portal.run("digest", "plan", "weekly").exit_code == 0
    with portal.open() as app:
        return str(app.desk().recent(1)[0].edition)


def reserve(portal, size: str) -> None:
    text = re.sub(
        r"\[database\]\n(reserve.*\n)?", f'[database]\nreserve = "{size}"\n', portal.config.read_text()
    )
    portal.config.write_text(text)


def test_with_less_room_than_the_reserve_nothing_is_sent_and_one_line_says_so(portal) -> None:
    edition = planned(portal, 3)
    reserve(portal, "900000TB")
    refused = portal.run("digest", "send", edition, "--yes")
    assert refused.exit_code == 1
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("Error:")]
    assert "kennisportal.db" in line
    assert "900000" in line or "9e+05 TB" in line
    assert portal.mails() == []
    reserve(portal, "1MB")
    assert portal.run("digest", "send", edition, "--yes").exit_code == 0
    assert len(portal.mails()) == 3


def test_a_disk_that_is_full_is_no_fault_of_a_source(portal) -> None:
    def small(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # which is as much as there is

    for number in range(200):
        portal.write(str(number), f"Bericht {number}", "De gemeente legt iets uit. " * 100)
    with portal.open() as app:
        app.database.engine.dispose()
        event.listen(app.database.engine, "connect", small)
        with pytest.raises(StoreError, match="disk is full"):
            app.collector().collect(app.settings.source)
    with portal.open() as app:
        with app.store.read() as work:
            assert work.sources.memory("map").error == ""
        assert app.collector().collect(app.settings.source).total("new") == 200


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_uncertain_and_the_rest_goes_later(
    portal, monkeypatch
) -> None:
    edition = EditionName.parse(planned(portal, 100))
    free = 10**12

    def answer(recipient: str) -> Outcome:
        nonlocal free
        if len(mailer.sent) == 40:
            free = 0
        return Accepted()

    mailer = Mailer(answer)
    monkeypatch.setattr(App, "transport", lambda app, connections=1: mailer)
    monkeypatch.setattr(Disk, "free", lambda disk: free)
    with portal.open() as app:
        jobs.plan(app)
        with pytest.raises(DiskLow, match="make room"):
            send_what_is_handed_out(app)
        counts = app.desk().account(edition).deliveries
        assert counts["accepted"] == len(mailer.sent) < 100
        assert counts["planned"] == 100 - len(mailer.sent)
        free = 10**12
        send_what_is_handed_out(app)
        assert app.desk().account(edition).deliveries["accepted"] == 100
    assert len(set(mailer.sent)) == len(mailer.sent) == 100


@contextmanager
def full() -> Iterator[None]:
    """No file may grow: the disk is as good as full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_database_that_a_full_disk_keeps_closed_asks_for_room(portal) -> None:
    with full():
        found = portal.run("status")
    assert found.exit_code == 1
    assert "can't be used (disk I/O error); make room on its disk" in found.output


def test_whatever_a_full_disk_keeps_from_being_written_is_named(portal) -> None:
    before = portal.config.read_bytes()
    with portal.open(), full():  # what SQLite needs beside its file is there
        exported = portal.run("subscribers", "export", str(portal.root / "lezers.csv"))
        renamed = portal.run("themes", "rename", "cloud", "wolken", "--yes")
    assert f"{portal.root / 'lezers.csv'}: " in exported.output
    assert f"{portal.config}: the config can't be written: " in renamed.output
    assert portal.config.read_bytes() == before
    assert [path.name for path in portal.root.glob(".*.new")] == []
