"""Planning an edition for everybody, against one bare ``INSERT … SELECT`` of the same deliveries."""

import time
from collections.abc import Iterator
from contextlib import closing

from sqlalchemy import delete, insert, text

from benchmarks import databases
from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, TREE, seed
from pipeline.steps.plan import Planner, slot_now
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow
from pipeline.store.work import Store
from subscribers.frequency import Frequency, Schedule
from subscribers.timetable import Timetable

READERS = 1_000_000
AGAINST = "one INSERT … SELECT of the same rows"

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]


def rows() -> Iterator[Row]:
    for size in (10_000, 100_000):
        with databases.sqlite() as url:
            yield _measured(f"plan-{size}", url, scaled(size))
    with databases.sqlite() as url:
        yield _measured("plan", url, scaled(READERS))
    with databases.postgres() as server:
        if server is not None:
            yield _measured("plan-postgresql", server, scaled(READERS))


def _measured(name: str, url: str, readers: int) -> Row:
    apart(seed, url, readers)
    ours, memory = apart(planning, url)
    baseline, _ = apart(inserting, url)
    return Row(name, ours, baseline, AGAINST, "s", memory)


def planning(url: str) -> float:
    """Seconds to plan the weekly edition for every reader, commit included."""
    with closing(Database(url)) as database:
        planner = Planner(Store(database, b"").write, TREE, lambda: NOW)
        schedule = Schedule(frequency=Frequency.WEEKLY)
        slot, day = slot_now(Timetable(schedule), NOW, "Europe/Amsterdam")
        began = time.perf_counter()
        planner.by_hand(schedule, slot, day)
        return time.perf_counter() - began


def inserting(url: str) -> float:
    """Seconds to put the planned deliveries into their emptied table again, commit included."""
    with closing(Database(url)) as database:
        engine = database.engine.execution_options(writes=True)
        with engine.connect() as connection, connection.begin():
            connection.execute(text("CREATE TABLE bench_planned AS SELECT * FROM delivery"))
            if engine.dialect.name == "postgresql":
                connection.execute(text("TRUNCATE delivery CASCADE"))
            else:
                connection.execute(delete(_delivery))
        if engine.dialect.name == "sqlite":
            # Both begin with a table that was never filled, and not with its empty pages.
            with engine.connect() as connection:
                connection.connection.execute("VACUUM")
        names = [column.name for column in _delivery.c if column.name != "id"]
        planned = text("SELECT " + ", ".join(names) + " FROM bench_planned ORDER BY id")
        statement = insert(_delivery).from_select(
            names, planned.columns(*[_delivery.c[name] for name in names])
        )
        began = time.perf_counter()
        with engine.connect() as connection, connection.begin():
            connection.execute(statement)
        return time.perf_counter() - began
