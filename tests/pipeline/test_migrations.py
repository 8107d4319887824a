"""Migrations: a database of the first version, with people in it, becomes one of this version."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, CheckConstraint, Column, MetaData, Table, TypeDecorator, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from pipeline.store import schema
from pipeline.store.session import Database

AT = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = {
    "interest_set": {"id": 1, "key": "k", "themes": ["cloud"]},
    "subscriber": {
        "id": 7,
        "email": "Lezer@Voorbeeld.example",
        "name": "",
        "language": "nl",
        "timezone": "Europe/Amsterdam",
        "frequency": "weekly",
        "state": "active",
        "cursor": 0,
        "created_at": AT,
        "confirmed_at": AT,
        "address_key": "a",
        "interest_set_id": 1,
    },
    "edition": {
        "id": 3,
        "frequency": "weekly",
        "slot": "2026-11-02",
        "n": 1,
        "day": AT.date(),
        "state": "planned",
        "created_at": AT,
    },
    "wave": {
        "id": 2,
        "edition_id": 3,
        "due": AT,
        "planned_at": AT,
        "cutoff": 0,
        "candidates": 1,
        "nothing_due": 0,
    },
    "delivery": {
        "id": 9,
        "edition_id": 3,
        "wave_id": 2,
        "subscriber_id": 7,
        "state": "planned",
        "reason": "",
        "reply": "",
        "from_position": 0,
        "cutoff": 0,
        "attempts": 0,
        "worker": "",
        "changed_at": AT,
    },
    "article": {
        "id": 4,
        "uri": "tag:x",
        "source": "s",
        "url": "https://x.example/",
        "title": "T",
        "summary": "",
        "content": "",
        "author": "",
        "language": "nl",
        "categories": [],
        "published": AT,
        "updated": AT,
        "fingerprint": "f",
        "revision": 1,
        "change": "",
        "visibility": "visible",
    },
}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/portal.db")
        yield database
        database.close()
        return
    with request.getfixturevalue("postgresql").database() as url:
        database = Database(url)
        yield database
        database.close()


def test_what_the_first_version_held_is_still_there_in_this_one(database: Database) -> None:
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(schema._config(connection), "0001")
        for name, row in FIRST.items():
            connection.execute(insert(Table(name, MetaData(), autoload_with=connection)), row)
    assert schema.upgrade(database) == schema.head()
    schema.require(database)
    assert schema.differences(database) == []
    with database.engine.connect() as connection:
        for name, row in FIRST.items():
            table = Table(name, MetaData(), autoload_with=connection)
            found = connection.execute(select(table)).mappings().one()
            times = {key for key, value in row.items() if isinstance(value, datetime)}
            assert {key: found[key] for key in row.keys() - times} == {
                key: row[key] for key in row.keys() - times
            }
        for name in ("subscriber", "delivery"):
            table = Table(name, MetaData(), autoload_with=connection)
            assert connection.execute(select(table.c.domain)).scalar_one() == "voorbeeld.example"


SPECIAL: dict[str, object] = {
    "edition.state": "planned",
    "delivery.state": "planned",
    "notice.state": "pending",
    "log.kind": "new",
    "subscriber.email": "Lezer@Voorbeeld.example",
    "subscriber.domain": "voorbeeld.example",
    "delivery.domain": "voorbeeld.example",
}
"""What may not be just anything."""


def a_value(column: Column) -> object:
    """Something for a column, told from its type; every id, and so every reference, is 1."""
    special = SPECIAL.get(f"{column.table.name}.{column.name}")
    if special is not None:
        return special
    if isinstance(column.type, JSON):
        return [{"een": 1}]
    plain = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    values = {
        bool: True,
        int: 1,
        float: 0.5,
        str: "één"[: getattr(plain, "length", None)],
        bytes: b"\0\xff",
        datetime: AT,
        date: AT.date(),
    }
    return values[plain.python_type]


def comparable(row: Mapping[str, object]) -> dict[str, object]:
    """A row without its moments, which a database gives back in its own zone or in none."""
    return {key: value for key, value in row.items() if not isinstance(value, datetime)}


REVISIONS = schema.revisions()


def test_files_are_named_by_their_revisions_in_the_order_in_which_they_run(database: Database) -> None:
    with database.engine.connect() as connection:
        scripts = ScriptDirectory.from_config(schema._config(connection))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_current_head() == schema.head()


@pytest.mark.parametrize("revision", REVISIONS)
def test_from_any_version_a_row_in_every_table_outlives_the_upgrade(
    database: Database, revision: str
) -> None:
    declared = SQLModel.metadata.tables
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(schema._config(connection), revision)
        old = MetaData()
        old.reflect(connection, only=lambda name, _: name in declared)
        rows = {
            table.name: {
                column.name: a_value(declared[table.name].c[column.name]) for column in table.columns
            }
            for table in old.sorted_tables
        }
        assert len(rows) >= 10
        for table in old.sorted_tables:
            connection.execute(insert(table), rows[table.name])
    assert schema.upgrade(database) == schema.head()
    schema.require(database)
    assert schema.differences(database) == []
    with database.engine.connect() as connection:
        for name, row in rows.items():
            table = Table(name, MetaData(), autoload_with=connection)
            found = connection.execute(select(table)).mappings().one()
            kept = comparable(row)
            assert {key: found[key] for key in kept} == kept


def test_a_table_that_differs_is_told_by_name_and_those_of_the_queue_are_left_out(database: Database) -> None:
    schema.upgrade(database)
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("ALTER TABLE fact ADD COLUMN surplus INTEGER"))
        connection.execute(text("DROP TABLE slot_change"))
    surplus, missing = sorted(schema.differences(database), key=lambda one: "surplus" not in one)
    assert "surplus" in surplus
    assert "slot_change" in missing


@pytest.mark.each_database
def test_db_check_says_what_differs_and_fails_and_is_silent_on_stderr_where_nothing_does(portal) -> None:
    sound = portal.run("db", "check")
    assert (sound.exit_code, sound.stdout, sound.stderr) == (0, "The database is as it should be.\n", "")
    with portal.open() as app, app.database.write() as session:
        session.execute(text("ALTER TABLE fact ADD COLUMN surplus INTEGER"))
        session.execute(text("DROP TABLE slot_change"))
    differs = portal.run("db", "check")
    assert differs.exit_code == 1
    assert differs.stdout == ""
    surplus, missing, summary = sorted(differs.stderr.splitlines(), key=lambda line: "surplus" not in line)
    assert "surplus" in surplus
    assert "slot_change" in missing
    assert "differs from what this version expects in 2 places" in summary


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    assert schema.upgrade(database) == schema.upgrade(database) == schema.head()
    assert schema.differences(database) == []


def test_sqlite_checks_what_the_code_declares_and_makes_no_table_of_a_list_for_each_row(
    tmp_path: Path,
) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/portal.db")) as database:
        schema.upgrade(database)
        with database.engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            stored = {row.name: row.sql for row in rows}
            assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
    checks = [
        (table.name, check)
        for table in SQLModel.metadata.sorted_tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    ]
    assert {name for name, _ in checks} == {"log", "notice", "edition", "delivery"}
    for name, check in checks:
        assert f"CONSTRAINT {check.name} CHECK ({check.sqltext})" in stored[name]
    assert [name for name, sql in stored.items() if " IN (" in sql] == []


def test_a_state_that_there_is_not_is_refused_by_a_database_that_was_upgraded(database: Database) -> None:
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(schema._config(connection), "0001")
        for name in ("interest_set", "subscriber", "edition", "wave", "delivery"):
            table = Table(name, MetaData(), autoload_with=connection)
            connection.execute(insert(table), FIRST[name])
    schema.upgrade(database)
    with database.engine.connect().execution_options(writes=True) as connection:
        for table in ("edition", "delivery"):
            with connection.begin(), pytest.raises(IntegrityError, match=f"ck_{table}_state"):
                connection.execute(text(f"UPDATE {table} SET state = 'lost'"))
