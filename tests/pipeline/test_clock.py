"""The clock that only ticks: each slot of a task is taken once, whoever ticks and however often."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pipeline.ports import StoreError
from pipeline.schedule import Clock, slot_of
from pipeline.stop import Stop
from pipeline.store.work import Store
from pipeline.tasks import CLOCKED, Task

TASKS = {
    "often": Task(lambda app, stopping: None, every=10),
    "seldom": Task(lambda app, stopping: None, every=60),
}


class Lead:
    """A lock that is held when a test says so."""

    def __init__(self) -> None:
        self.ours = True

    def hold(self) -> bool:
        return self.ours

    def release(self) -> None: ...


class Put:
    """A queue that remembers what was put in."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def put(self, task: str) -> None:
        self.tasks.append(task)

    def deliver(self, edition: str, ready: int) -> None: ...


@pytest.mark.each_database
def test_a_slot_is_taken_once_whoever_ticks_and_the_missed_ones_are_one(portal) -> None:
    queue = Put()
    with portal.open() as app:
        app.store = Store(app.database, b"", lambda session: queue)
        clocks = [Clock(app, Lead(), TASKS, Stop(), lambda: None) for _ in range(2)]
        for clock in clocks:
            clock.look()

        def ticked(*which: Clock) -> list[str]:
            queue.tasks.clear()
            for clock in which:
                clock.tick()
            return sorted(queue.tasks)

        assert ticked(*clocks) == ["often", "seldom"]
        assert ticked(*clocks) == []
        portal.wait(seconds=10)
        assert ticked(*clocks) == ["often"]
        portal.wait(hours=3)
        assert ticked(*reversed(clocks)) == ["often", "seldom"]
        portal.wait(seconds=-30)
        assert ticked(*clocks) == [], "a clock that is slow must not bring back what has been"


@pytest.mark.each_database
def test_a_clock_that_ran_ahead_and_was_set_right_keeps_nothing_waiting(portal) -> None:
    queue = Put()
    with portal.open() as app:
        app.store = Store(app.database, b"", lambda session: queue)
        clock = Clock(app, Lead(), TASKS, Stop(), lambda: None)
        clock.look()
        portal.wait(days=365)
        clock.tick()
        portal.wait(days=-365)
        for _ in range(2):
            clock.tick()
    assert sorted(queue.tasks) == ["often", "often", "seldom", "seldom"]


@pytest.mark.each_database
def test_a_slot_whose_job_could_not_be_put_in_is_taken_again(portal) -> None:
    class Broken(Put):
        def put(self, task: str) -> None:
            raise RuntimeError("full")

    queue = Put()
    with portal.open() as app:
        clock = Clock(app, Lead(), TASKS, Stop(), lambda: None)
        clock.look()
        app.store = Store(app.database, b"", lambda session: Broken())
        clock.tick()
        app.store = Store(app.database, b"", lambda session: queue)
        clock.tick()
    assert sorted(queue.tasks) == ["often", "seldom"]


def test_what_keeps_a_slot_from_being_taken_is_said_once_until_it_is_over(portal) -> None:
    class Full(Put):
        def put(self, task: str) -> None:
            raise StoreError("the disk is full")

    with portal.open() as app, capture_logs() as logged:
        clock = Clock(app, Lead(), TASKS, Stop(), lambda: None)
        clock.look()
        for queue in (Full(), Full(), Full(), Put(), Full(), Full()):
            app.store = Store(app.database, b"", lambda session, queue=queue: queue)
            clock.tick()
            portal.wait(seconds=20)
    assert [entry["event"] for entry in logged] == ["leading", "tick failed", "tick failed"]


def test_who_does_not_lead_does_not_tick(portal) -> None:
    queue, lead = Put(), Lead()
    with portal.open() as app:
        app.store = Store(app.database, b"", lambda session: queue)
        clock = Clock(app, lead, TASKS, Stop(), lambda: None)
        lead.ours = False
        clock.look()
        clock.tick()
        assert queue.tasks == []
        lead.ours = True
        clock.look()
        clock.tick()
        assert queue.tasks == ["often", "seldom"]


def test_a_database_that_is_gone_is_said_once_and_so_is_that_it_is_back(portal, monkeypatch) -> None:
    with portal.open() as app, capture_logs() as logged:
        clock = Clock(app, Lead(), TASKS, Stop(), lambda: None)
        with monkeypatch.context() as gone:
            gone.setattr("pipeline.store.schema.require", Mock(side_effect=StoreError("weg")))
            for _ in range(3):
                clock.look()
        for _ in range(3):
            clock.look()
    assert [entry["event"] for entry in logged] == [
        "the database is out of reach",
        "leading",
        "the database is back",
    ]


@given(
    task=st.sampled_from(list(CLOCKED.values())),
    now=st.datetimes(datetime(2026, 10, 1), datetime(2027, 4, 1), timezones=st.just(UTC)),
    later=st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_names_of_slots_sort_as_they_come_and_each_is_as_long_as_its_task_says(
    task: Task, now: datetime, later: timedelta
) -> None:
    first, second = slot_of(task, now), slot_of(task, now + later)
    assert first <= second
    assert later < timedelta(seconds=task.every) or first < second
