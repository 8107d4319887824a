"""The journal on disk: what was promised to a leaver is in it, whatever happens."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.edges import journal
from pipeline.edges.journal import JournalError, JournalFile, read_journals
from pipeline.steps.enrol import Enroller
from subscribers.journal import KEPT, Back, Left
from subscribers.subscriber import State, address_key

NOW = datetime(2026, 12, 7, 8, 0, tzinfo=UTC)
EMAIL = "lezer1@voorbeeld.example"


def left(number: int, at: datetime = NOW) -> Left:
    return Left(f"{number:064x}", State.UNSUBSCRIBED, at)


def test_a_crash_in_the_middle_of_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    JournalFile(path, lambda: NOW).append([left(1)])
    with path.open("ab") as file:
        file.write(b'{"event":"left","key":"00')
    JournalFile(path, lambda: NOW).append([left(2)])
    assert list(JournalFile(path, lambda: NOW).record().left) == [left(1).key, left(2).key]


def test_it_is_kept_small_and_its_beginning_moves_with_what_it_forgets(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "_LONG", 20_000)
    now = NOW
    file = JournalFile(tmp_path / "journal", lambda: now)
    for number in range(100):
        file.append([left(number, now)])
    now += KEPT + timedelta(days=1)
    file._longest = 0
    file.append([left(1000, now)])
    record = file.record()
    assert list(record.left) == [left(1000).key]
    assert record.since == now - KEPT
    for _ in range(500):
        file.append([left(1001, now), Back(left(1001).key, now)])
    assert (tmp_path / "journal").stat().st_size < 2 * 20_000


def test_many_at_a_time_lose_no_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "_LONG", 3_000)
    path = tmp_path / "journal"

    def work(first: int) -> None:
        own = JournalFile(path, lambda: NOW)
        for number in range(first, first + 20):
            own.append([left(number)])

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_journals([path]).left) == 80
    assert path.stat().st_mode & 0o077 == 0


def test_a_damaged_journal_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("x\n")
    with pytest.raises(JournalError, match="journal is damaged: line 1"):
        read_journals([path])


def test_nobody_is_told_that_they_left_whom_the_journal_does_not_know(portal) -> None:
    with portal.open() as app:
        id = app.enroller().add({"email": EMAIL, "interests": "cloud"}, "zei het").id
        path = app.settings.path(app.settings.database.journal)
        path.unlink()
        path.mkdir()  # so that nothing can be written to it
        with pytest.raises(JournalError, match="journal"):
            app.enroller().unsubscribe(id, "link")
        with app.store.read() as work:
            assert work.subscribers.by_id(id).subscriber.state is State.ACTIVE
        path.rmdir()
        app.enroller().unsubscribe(id, "link")
        assert address_key(EMAIL, app.secrets.suppression) in app.journal.record().left


def test_what_did_not_happen_after_all_is_not_said_to_be_undone(portal) -> None:
    with portal.open() as app:
        enroller: Enroller = app.enroller()
        id = enroller.add({"email": EMAIL, "interests": "cloud"}, "zei het").id
        enroller.unsubscribe(id, "link")
        with suppress(RuntimeError), app.store.write() as work:
            work.subscribers.begin(id, 0, app.clock())
            raise RuntimeError
        assert app.journal.record().left
        enroller.confirm(EMAIL, "belde op")
        assert not app.journal.record().left
