"""Schedulers and workers that die, stop, or find a database they do not know."""

import signal
import socket
from pathlib import Path

import pytest
from processes import Service, serving, wait_until
from sqlalchemy import text

FAIL_OVER = 30
"""Seconds after which another scheduler must lead."""

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def command(portal, name: str, *more: str) -> list[str]:
    return [name, *more, "--config", str(portal.config)]


def leads(service: Service) -> bool:
    return "leading" in service.said.replace("no longer leading", "")


@on_postgresql
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_another_scheduler_leads_soon_after_the_leader_is_gone(portal, end: int, record_property) -> None:
    portal.go_live()
    with serving(command(portal, "scheduler")) as first:
        wait_until(lambda: leads(first))
        with serving(command(portal, "scheduler")) as second:
            wait_until(lambda: "Scheduling" in second.said)
            first.send(end)  # SIGSTOP stands for a machine of which nothing is heard any more
            record_property("fail-over", wait_until(lambda: leads(second), FAIL_OVER))


@on_postgresql
def test_a_leader_that_comes_back_finds_that_another_leads(portal) -> None:
    portal.go_live()
    with serving(command(portal, "scheduler")) as first, serving(command(portal, "scheduler")) as second:
        wait_until(lambda: leads(first) or leads(second))
        leader, other = (first, second) if leads(first) else (second, first)
        leader.send(signal.SIGSTOP)
        wait_until(lambda: leads(other), FAIL_OVER)
        leader.send(signal.SIGCONT)
        wait_until(lambda: "no longer leading" in leader.said)
        assert "no longer" not in other.said


@on_postgresql
def test_whoever_works_stops_when_the_database_becomes_one_it_does_not_know(portal) -> None:
    portal.go_live()
    with (
        serving(command(portal, "worker")) as worker,
        serving(command(portal, "scheduler")) as scheduler,
    ):
        wait_until(lambda: leads(scheduler) and "Working" in worker.said)
        with portal.open() as app, app.database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            session.execute(
                text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('portal', 'ping')")
            )
        for service in (worker, scheduler):
            assert service.process.wait(30) == 1
            wait_until(lambda service=service: "run that version here too" in service.said)
    refused = portal.run("worker")
    assert refused.exit_code == 1
    assert "9999, which this version does not know" in refused.stderr


@on_postgresql
def test_workers_refuse_an_older_database_and_say_how_to_upgrade_it(portal) -> None:
    with portal.open() as app, app.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0014'"))
    for name in ("worker", "scheduler", "web"):
        refused = portal.run(name)
        assert refused.exit_code == 1
        assert "run 'kennisportal db upgrade'" in refused.stderr


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_on_sqlite_there_is_one_process_and_it_is_run(portal, name: str) -> None:
    refused = portal.run(name)
    assert refused.exit_code == 1
    assert "'kennisportal run' does all of it" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


@on_postgresql
def test_a_port_for_figures_that_is_taken_or_is_none_is_said_at_once(portal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = portal.run("worker", "--metrics", str(taken.getsockname()[1]))
    assert refused.exit_code == 1
    assert "choose another with --metrics" in refused.stderr
    wrong = portal.run("worker", "--metrics", "hier")
    assert wrong.exit_code == 2
    assert "'hier' is no port" in wrong.stderr


@on_postgresql
def test_worker_and_scheduler_stop_within_seconds_and_show_that_they_live(portal, tmp_path: Path) -> None:
    portal.go_live()
    signs = [tmp_path / "worker", tmp_path / "scheduler"]
    with (
        serving(command(portal, "worker", "--alive", str(signs[0]))) as worker,
        serving(command(portal, "scheduler", "--alive", str(signs[1]))) as scheduler,
    ):
        wait_until(lambda: all(sign.exists() for sign in signs))
        assert worker.stop() == 0
        assert scheduler.stop() == 0


def test_of_two_that_run_on_one_sqlite_database_one_ticks(portal) -> None:
    portal.go_live()
    with serving(command(portal, "run", "--port", "0")) as first:
        wait_until(lambda: leads(first))
        with serving(command(portal, "run", "--port", "0")) as second:
            wait_until(lambda: "Serving" in second.said)
            assert not leads(second)
            first.kill()
            wait_until(lambda: leads(second), FAIL_OVER)
            assert second.stop() == 0
