"""Planning many readers in parts: each looks at its own readers, and once at each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import sqlalchemy as sa
from rosters import rows_of

from pipeline.steps.plan import Planner, PlanReport, slot_now
from pipeline.store import planning
from pipeline.store.work import Work
from subscribers.frequency import Frequency

READERS = 2_000
ALIKE = "language, timezone, frequency, state, cursor, name, confirmed_at, created_at, domain, feed_serial"
CROWD = (
    "WITH RECURSIVE numbers(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM numbers WHERE n < :readers) "
    f"INSERT INTO subscriber (id, address_key, email, interest_set_id, {ALIKE}) "
    "SELECT n, 'key' || n, 'l' || n || '@lezers.example', "
    f"CASE WHEN n % 10 = 2 THEN 2 ELSE 1 END, {ALIKE} FROM numbers, subscriber WHERE id = 1"
)
"""A tenth of them like the second reader, the others like the first."""


def crowd(portal) -> None:
    portal.write("de-cloud", "De cloud", "Tekst.")
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        two = "email,frequency,interests\na@lezers.example,weekly,cloud\nb@lezers.example,weekly,gemeenten"
        app.enroller().take(rows_of(two.encode()), "op papier")
    write(portal, CROWD, readers=READERS)


def write(portal, statement: str, **values: object) -> None:
    with portal.open() as app, app.database.engine.connect().execution_options(writes=True) as connection:
        connection.execute(sa.text(statement), values)
        connection.commit()


def plan(portal, beside: Callable[[sa.Connection], AbstractContextManager[None]] = nullcontext) -> PlanReport:
    """Plan the weekly edition by hand, in a transaction with something going on beside it."""
    with portal.open() as app:

        @contextmanager
        def start() -> Iterator[Work]:
            with app.store.write() as work, beside(work.session.connection()):
                yield work

        timetable = app.timetable(Frequency.WEEKLY)
        planner = Planner(start, app.tree, app.clock)
        return planner.by_hand(timetable.schedule, *slot_now(timetable, app.clock(), "Europe/Amsterdam"))


def steps_of_sqlite(portal) -> int:
    """How many thousand steps of its machine planning for a crowd takes: the same on every computer."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    @contextmanager
    def counting(connection: sa.Connection) -> Iterator[None]:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(step, 1_000)
        yield
        driver.set_progress_handler(None, 0)

    crowd(portal)
    assert plan(portal, counting).planned == 1_800
    return steps


def test_many_parts_cost_sqlite_no_more_than_one(portal, other_portal, monkeypatch) -> None:
    at_once = steps_of_sqlite(portal)
    monkeypatch.setattr(planning, "_PART", 100)
    assert steps_of_sqlite(other_portal) < 1.2 * at_once


def test_sqlite_keeps_as_much_in_memory_after_planning_as_before(portal) -> None:
    with portal.open() as app:

        def kept() -> int:
            with app.database.engine.connect() as connection:
                return connection.exec_driver_sql("PRAGMA cache_size").scalar_one()

        before = kept()
        timetable = app.timetable(Frequency.WEEKLY)
        app.planner().by_hand(timetable.schedule, *slot_now(timetable, app.clock(), "Europe/Amsterdam"))
        assert kept() == before < 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_goes_through_the_readers_a_few_times(portal, monkeypatch) -> None:
    monkeypatch.setattr(planning, "_PART", 100)
    crowd(portal)
    plan(portal)
    write(portal, "UPDATE subscriber SET cursor = 0")
    write(portal, "ANALYZE")
    portal.wait(days=7)
    read: dict[str, int] = {}

    @contextmanager
    def counting(connection: sa.Connection) -> Iterator[None]:
        yield
        rows = "SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
        read.update(connection.execute(sa.text(rows)).all())

    report = plan(portal, counting)
    assert (report.planned, report.superseded, report.nothing_due) == (1_800, 1_800, 200)
    assert read["subscriber"] < 12 * READERS
