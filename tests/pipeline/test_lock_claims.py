"""Claims on PostgreSQL, against real processes and a real server: killed, stopped, cut off."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from mailer import Mailer
from rosters import rows_of
from sqlalchemy import text
from sqlmodel import select

from pipeline import jobs
from pipeline.ports import StoreError
from pipeline.ports_running import ClaimsLost
from pipeline.store.claims import LockClaims
from pipeline.store.prepared import Prepared
from pipeline.store.session import HEEDED, Database
from pipeline.store.tables import DeliveryRow
from subscribers.delivery import Accepted
from subscribers.edition import EditionName
from subscribers.frequency import Frequency

WORKER = """
import sys
from pipeline.store.claims import LockClaims
from pipeline.store.session import Database
with LockClaims(Database(sys.argv[1])) as claims:
    print(claims.worker, flush=True)
    sys.stdin.read()
"""
OWN = Prepared(text("SELECT pg_backend_pid()"))
CUT = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM (SELECT DISTINCT pid FROM pg_locks "
    "WHERE locktype = 'advisory' AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders"
)


@pytest.fixture
def url(postgresql) -> Iterator[str]:
    with postgresql.migrated() as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@contextmanager
def worker(url: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A worker in a process of its own, and its name; it ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def cut(database: Database) -> None:
    """End the connections on which locks are held, and wait until they are gone."""
    with database.engine.connect() as connection:
        assert connection.execute(CUT).scalars().all() == [True]


def becomes_dead(claims: LockClaims, name: str) -> bool:
    """The server learns of a death from the connection's end, a moment later."""
    return any(claims.is_dead(name) for _ in range(100_000))


def test_a_worker_is_alive_until_it_is_killed(database: Database, url: str) -> None:
    with LockClaims(database) as ours, LockClaims(database) as another, worker(url) as (process, theirs):
        for _ in range(2):
            assert not ours.is_dead(theirs), "asking must not take the lock away"
            assert not another.is_dead(theirs)
        process.kill()
        process.wait()
        assert becomes_dead(ours, theirs)
        assert another.is_dead(theirs)
        assert not ours.is_dead(another.worker)


def test_a_stopped_process_is_slow_and_not_dead(database: Database, url: str) -> None:
    with LockClaims(database) as ours, worker(url) as (process, theirs):
        process.send_signal(signal.SIGSTOP)
        assert not ours.is_dead(theirs)


def test_a_worker_that_ends_well_lets_go(database: Database) -> None:
    with LockClaims(database) as ours:
        with LockClaims(database) as other:
            assert not ours.is_dead(other.worker)
        assert becomes_dead(ours, other.worker)
        with pytest.raises(ClaimsLost):
            other.check()


def test_a_worker_nobody_has_heard_of_is_dead_and_nobody_takes_itself_for_dead(database: Database) -> None:
    with LockClaims(database) as claims:
        assert claims.is_dead("0" * 32)
        assert not claims.is_dead(claims.worker)
        claims.check()


def test_who_is_cut_off_is_dead_to_others_and_knows_it_for_good(database: Database) -> None:
    with LockClaims(database) as claims:
        cut(database)
        with LockClaims(database) as other:
            assert other.is_dead(claims.worker)
        for _ in range(3):
            with pytest.raises(ClaimsLost, match="Run the command again"):
                claims.check()
        with pytest.raises(ClaimsLost):
            claims.is_dead("0" * 32)
        assert not claims.is_dead(claims.worker)


def test_a_lock_that_was_let_go_of_by_others_is_missed(database: Database) -> None:
    """As behind a pooler that lends one connection to many."""
    with LockClaims(database) as claims:
        with claims.session() as session:
            session.execute(text("SELECT pg_advisory_unlock_all()"))
        with pytest.raises(ClaimsLost, match="pooler"):
            claims.check()


def test_what_others_commit_is_noticed_and_only_once_it_is_committed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.claims._CHECK_EVERY", 1e9)
    with LockClaims(database) as claims:
        assert claims.changed()
        for _ in range(3):
            assert not claims.changed()
            with database.write() as session:
                session.execute(text("INSERT INTO fact (name, value) VALUES (gen_random_uuid(), '')"))
                assert not claims.changed()
            assert claims.changed()
            assert not claims.changed()


def test_what_other_senders_commit_is_no_change(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.store.claims._CHECK_EVERY", 1e9)
    with LockClaims(database) as claims, database.line(alone=False) as other:
        claims.changed()
        with other.write() as session:
            session.execute(text("INSERT INTO fact (name, value) VALUES ('x', '')"))
        assert not claims.changed()


def test_who_writes_waits_until_senders_heed_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look holds for a moment; and yet nobody who was told that none comes gets a mail."""
    waits: list[tuple[float, bool]] = []
    with LockClaims(database) as claims, claims.sending():
        claims.changed()
        monkeypatch.setattr(
            "pipeline.store.session.time.sleep", lambda seconds: waits.append((seconds, claims.changed()))
        )
        with database.write():
            pass
    assert waits == [(HEEDED, True)]  # it was committed by then


def test_who_writes_waits_for_nobody_where_nobody_sends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for a worker that has sent, and keeps its connection for the next edition."""
    monkeypatch.setattr("pipeline.store.session.time.sleep", lambda seconds: pytest.fail("it waits"))
    with LockClaims(database) as claims:
        with database.write():
            pass
        with claims.sending():
            pass
        with database.write():
            pass


def test_a_sender_that_is_cut_off_while_it_sends_may_say_why_it_stops(database: Database) -> None:
    def stop(claims: LockClaims) -> None:
        with claims.sending():
            cut(database)
            raise ZeroDivisionError

    with LockClaims(database) as claims:
        with pytest.raises(ZeroDivisionError):
            stop(claims)
        with pytest.raises(ClaimsLost):
            claims.check()


def test_a_sender_that_begins_while_somebody_writes_sees_what_that_was(database: Database) -> None:
    def begin() -> str | None:
        with LockClaims(database) as claims, claims.sending(), claims.session() as session:
            return session.execute(text("SELECT value FROM fact WHERE name = 'x'")).scalar()

    with ThreadPoolExecutor(1) as thread:
        with database.write() as session:
            session.execute(text("INSERT INTO fact (name, value) VALUES ('x', 'y')"))
            beginning = thread.submit(begin)
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            until = time.monotonic() + 30
            while not session.execute(text(waiting)).scalar_one():
                assert time.monotonic() < until, "it does not wait"
        assert beginning.result() == "y"


def test_what_is_written_past_us_is_looked_for_now_and_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.claims._CHECK_EVERY", 0.0)
    with LockClaims(database) as claims:
        assert all(claims.changed() for _ in range(3))


def test_who_is_cut_off_learns_it_when_looking_for_changes(database: Database) -> None:
    with LockClaims(database) as claims:
        claims.changed()
        cut(database)
        for _ in range(2):
            with pytest.raises(ClaimsLost):
                claims.changed()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_sender_that_is_cut_off_stops_before_its_next_mail_and_is_resumed(portal) -> None:
    """Its next look is before that mail: the moment for which the last one holds is over by then."""
    portal.write("a", "De cloud")
    everybody = [f"r{number:02}@a.example" for number in range(40)]
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        roster = "\n".join(["email,frequency,interests", *(f"{email},weekly,cloud" for email in everybody)])
        app.enroller().take(rows_of(roster.encode()), "op papier")
    assert portal.run("digest", "plan", "weekly").exit_code == 0
    mailer = Mailer()

    def third_cuts(recipient: str) -> Accepted:
        if len(mailer.sent) == 2:
            cut(app.database)
            time.sleep(HEEDED)
        return Accepted()

    mailer.answer = third_cuts
    with portal.open() as app:
        app.transport = lambda connections: mailer
        edition = app.desk().ready(EditionName.parse("weekly/2026-11-23"))
        with pytest.raises(ClaimsLost):
            jobs.send(app, edition)
        assert len(mailer.sent) == 3
        with app.store.read() as work:
            rows = work.session.exec(select(DeliveryRow)).all()
        assert sorted(str(row.state) for row in rows) == ["accepted"] * 3 + ["planned"] * 37
        mailer.answer = lambda recipient: Accepted()
        jobs.send(app, edition)
    assert sorted(mailer.sent) == everybody


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_writes_waits_for_a_sender_for_as_long_as_it_sends(
    portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.write("a", "De cloud")
    mailer, waits = Mailer(), Counter[str]()
    with portal.open() as app:

        def write(when: str) -> Accepted:
            monkeypatch.setattr("pipeline.store.session.time.sleep", lambda seconds: waits.update([when]))
            with app.store.write() as work:
                work.register.set_fact("x", when)
            return Accepted()

        app.collector().collect(app.settings.source, force=True)
        roster = b"email,frequency,interests\nr1@a.example,weekly,cloud\nr2@a.example,weekly,cloud"
        app.enroller().take(rows_of(roster), "op papier")
        app.transport = lambda connections: mailer
        app.senders.seconds = 60  # as in a worker, which keeps it for the next batch
        edition = app.desk().ready(jobs.plan_by_hand(app, Frequency.WEEKLY).edition)
        write("before")
        mailer.answer = lambda recipient: write("meanwhile")
        jobs.send(app, edition)
        write("after")
    assert waits == {"meanwhile": 2}


def test_a_connection_that_is_cut_is_an_error_in_words_and_is_lent_to_nobody_again(
    database: Database,
) -> None:
    def pid() -> int:
        with database.write() as session:
            ((found,),) = OWN.rows(session, {})
            return int(found)

    def cut_off() -> None:
        with database.write() as session, database.engine.connect() as another:
            another.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": ours})
            OWN.rows(session, {})

    ours = pid()
    with pytest.raises(StoreError, match="refuses"):
        cut_off()
    assert ours not in [pid() for _ in range(3)]
