"""Ids for rows that are written many at a time: asking for each back would take far longer."""

from functools import cache

from sqlalchemy import Table, func, literal_column, select
from sqlmodel import Session


def reserve(session: Session, table: Table, number: int) -> list[int]:
    """Ids of a table that nobody else will use, in ascending order.

    To be asked for where one writes alone, or on PostgreSQL, which counts them apart.
    """
    (key,) = table.primary_key
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence(table.name, key.name))
        rows = select(sequence).select_from(func.generate_series(literal_column("1"), number))
        return list(session.execute(rows).scalars())
    last = session.connection().exec_driver_sql(_last_id(table, key.name)).scalar_one()
    return list(range(last + 1, last + 1 + number))


@cache
def _last_id(table: Table, key: str) -> str:
    """How SQLite is asked for the last id of a table."""
    last = f"SELECT coalesce(max({key}), 0) FROM {table.name}"  # noqa: S608  (the names are ours)
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return last
    # where an id that was ever used counts, too
    used = f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'"  # noqa: S608
    return f"SELECT max(({last}), coalesce(({used}), 0))"
