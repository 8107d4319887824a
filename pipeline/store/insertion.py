"""Inserting many rows: by statements that are written once, and values as the driver takes them."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, insert
from sqlmodel import Session

from pipeline.store.prepared import holds_moments, storing

_MOST = 128
"""Rows in one statement."""


class Insertion:
    """Rows of values for these ``columns``, in their order: JSON as text, and everything else as it is."""

    def __init__(self, table: Table, columns: tuple[str, ...]) -> None:
        self._table = table
        self._columns = columns
        self._moments = [place for place, name in enumerate(columns) if holds_moments(table.c[name].type)]

    def run(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert these rows, of which there may be none, in the session's transaction."""
        connection = session.connection()
        if self._moments:
            rows = self._stored(rows, storing(connection.dialect))
        if connection.dialect.name == "sqlite":
            self._at_once(connection, rows)
        elif rows:
            named = [dict(zip(self._columns, row, strict=True)) for row in rows]
            connection.exec_driver_sql(_one_by_one(self._table, self._columns, connection.dialect), named)

    def _stored(self, rows: Sequence[tuple[Any, ...]], store: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
        given = []
        for row in rows:
            values = list(row)
            for place in self._moments:
                values[place] = store(values[place])
            given.append(tuple(values))
        return given

    def _at_once(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Many rows by each statement, since before and after it other threads may go first, and would.

        By powers of two, so that there are few statements to compile and remember.
        """
        done = 0
        while left := len(rows) - done:
            number = min(_MOST, 1 << (left.bit_length() - 1))
            values: Any = tuple(chain.from_iterable(rows[done : done + number]))
            connection.exec_driver_sql(_of_rows(self._table.name, self._columns, number), values)
            done += number


@cache
def _of_rows(table: str, columns: tuple[str, ...], number: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * number)}"  # noqa: S608


@cache
def _one_by_one(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return str(insert(table).values(values).compile(dialect=dialect))
