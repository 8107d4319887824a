"""Where jobs wait: in PostgreSQL, with the transaction they are about, or in threads of this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from processes import wait_until
from sqlalchemy import text
from structlog.testing import capture_logs

from pipeline.ports import StoreError
from pipeline.store.queue import BATCH, Engine
from pipeline.tasks import CLOCKED, bound
from pipeline.threads import ThreadQueue
from subscribers.delivery import TransportUnavailable

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
EDITION = "weekly/2026-12-07"


def waiting(app) -> list[str]:
    with app.database.read() as session:
        return sorted(
            session.execute(text("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo'")).scalars()
        )


def put_in_and_fail(work) -> None:
    work.queue.put("collect")
    work.queue.deliver(EDITION, 10)
    raise RuntimeError("undone")


@on_postgresql
def test_a_job_is_there_when_its_transaction_is_and_gone_when_that_is_undone(portal) -> None:
    with portal.open() as app:
        with pytest.raises(RuntimeError, match="undone"), app.store.write() as work:
            put_in_and_fail(work)
        assert waiting(app) == []
        with app.store.write() as work:
            work.queue.put("collect")
            assert waiting(app) == [], "another sees it before it is kept"
        assert waiting(app) == ["collect"]


@on_postgresql
def test_a_task_waits_once_and_its_transaction_goes_on(portal) -> None:
    with portal.open() as app:
        for _ in range(2):
            with app.store.write() as work:
                work.queue.put("collect")
                work.queue.put("collect")
                work.register.set_fact("after", "all")
        assert waiting(app) == ["collect"]
        with app.store.read() as work:
            assert work.register.fact("after") == "all"


@on_postgresql
@pytest.mark.parametrize("ready, batches", [(0, 0), (1, 1), (BATCH, 1), (BATCH + 1, 2), (250 * BATCH, 250)])
def test_as_many_batches_wait_as_what_is_ready_needs_and_no_more(portal, ready: int, batches: int) -> None:
    with portal.open() as app:
        for _ in range(2):
            with app.store.write() as work:
                work.queue.deliver(EDITION, ready)
        assert waiting(app) == ["deliver"] * batches
        with app.store.write() as work:
            work.queue.deliver("daily/2026-12-07", 1)
        assert len(waiting(app)) == batches + 1, "another edition's batches are its own"


@on_postgresql
def test_planning_a_wave_puts_its_batches_in_and_a_preview_puts_none(portal) -> None:
    portal.write("a", "De cloud")
    portal.run("collect", "--force")
    portal.run(
        "subscribers", "add", "a@x.example", "--interests", "cloud", "--confirmed", "--consent-note", "x"
    )
    assert portal.run("digest", "preview", "weekly").exit_code == 0
    with portal.open() as app:
        assert waiting(app) == []
        assert portal.run("digest", "plan", "weekly").exit_code == 0
        assert waiting(app) == ["deliver"]


@contextmanager
def at_work(app, tasks, beat=lambda: None) -> Iterator[None]:
    engine = Engine(app.database.url, tasks, 1, beat)
    thread = threading.Thread(target=lambda: asyncio.run(engine.run()))
    thread.start()
    try:
        yield
    finally:
        engine.stop()
        thread.join()


@on_postgresql
def test_a_dead_workers_batch_is_done_by_another_and_the_rest_is_left_to_the_clock(portal) -> None:
    done: list[str] = []
    stalled = (
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') "
        "RETURNING id) INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) "
        "SELECT queue, task, args::jsonb, 'doing', id FROM dead, "
        f"(VALUES ('mail', 'deliver', '{{\"edition\": \"{EDITION}\", \"limit\": 5}}'), "
        "('portal', 'collect', '{}')) AS jobs (queue, task, args)"
    )
    with portal.open() as app:
        with app.database.write() as session:
            session.connection().exec_driver_sql(stalled)
        tasks = {"deliver": lambda edition, limit: done.append(edition), "collect": lambda: done.append("x")}
        lives = threading.Event()
        with at_work(app, tasks, lives.set):
            wait_until(lambda: done)
            wait_until(lives.is_set)
        with app.database.read() as session:
            left = session.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one()
    assert (done, left) == ([EDITION], 0)


@on_postgresql
def test_a_batch_that_fails_is_tried_again_later_and_waits_as_one_until_then(portal) -> None:
    failed = threading.Event()

    def fail(edition: str, limit: int) -> None:
        failed.set()
        raise TransportUnavailable("no server")

    with portal.open() as app:
        with app.store.write() as work:
            work.queue.deliver(EDITION, 1)
        with at_work(app, {"deliver": fail}):
            assert failed.wait(20)
            wait_until(lambda: waiting(app) == ["deliver"])
        with app.store.write() as work:
            work.queue.deliver(EDITION, 1)
        assert waiting(app) == ["deliver"]
        query = "SELECT scheduled_at > now() FROM procrastinate_jobs"
        with app.database.read() as session:
            assert session.execute(text(query)).scalar_one()


def test_threads_do_what_is_put_in_once_at_a_time_and_finish_it() -> None:
    queue, go, done = ThreadQueue(), threading.Event(), []

    def work() -> None:
        assert go.wait(20)
        done.append("work")

    def deliver(edition: str, limit: int | None) -> None:
        done.append(edition)

    queue.put("work")  # nobody works yet
    with queue.working({"work": work, "deliver": deliver}):
        queue.put("work")
        queue.put("work")
        queue.deliver(EDITION, 0)
        queue.deliver("daily/2026-12-07", 7)
        go.set()
    assert sorted(done) == ["daily/2026-12-07", "work"]


def test_every_task_of_the_clock_can_be_done(portal) -> None:
    with portal.open() as app:
        tasks = bound(app, lambda: False)
        assert tasks.keys() == {"deliver", *CLOCKED}
        with capture_logs() as logged:
            for name in CLOCKED:
                tasks[name]()
        assert [entry for entry in logged if entry["log_level"] in ("warning", "error")] == []


@on_postgresql
def test_who_leads_must_show_that_they_live_and_who_works_for_long_need_not(portal, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.store.mutex.SILENCE", "1s")
    with portal.open() as app, portal.open() as other, app.backend.alone("task.collect") as ours:
        lead, next = (one.backend.mutex("scheduler", must_show=True) for one in (app, other))
        assert ours
        assert lead.hold()
        assert not next.hold()
        wait_until(next.hold)
        assert not lead.hold(), "it must notice that it lost the lead"
        with other.backend.alone("task.collect") as theirs:
            assert not theirs
        next.release()


@on_postgresql
@pytest.mark.parametrize("silence", [None, "1s"])
def test_whoever_falls_silent_in_the_middle_of_writing_keeps_nobody_else_from_it(
    portal, monkeypatch, silence: str | None
) -> None:
    if silence is None:
        monkeypatch.setattr("pipeline.store.session.SILENCE", "1s")
    with portal.open() as app, portal.open() as other:

        def write() -> None:
            with other.store.write() as work:
                work.register.set_fact("after", "all")

        writing = threading.Thread(target=write)

        def fall_silent() -> None:
            with app.store.write(silence=silence) as work:
                work.register.set_fact("silent", "yes")
                writing.start()
                writing.join(20)
                assert not writing.is_alive()

        with pytest.raises(StoreError, match="refuses"):
            fall_silent()
        with other.store.read() as work:
            assert (work.register.fact("after"), work.register.fact("silent")) == ("all", "")


@pytest.mark.each_database
def test_what_one_is_at_another_leaves_alone(portal) -> None:
    with portal.open() as app, portal.open() as other, app.backend.alone("task.collect") as ours:
        assert ours
        with other.backend.alone("task.collect") as theirs, other.backend.alone("task.notify") as another:
            assert not theirs
            assert another
    with portal.open() as app, app.backend.alone("task.collect") as ours:
        assert ours
