"""Inserting many rows: by statements that are written once, and values as the driver takes them."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table
from sqlmodel import Session

from feeds.moment import Moment
from pipeline.store.prepared import storing

_MOST = 128
"""Rows in one statement."""


class Insertion:
    """Rows of values for these ``columns``, in their order: JSON as text, and everything else as it is."""

    def __init__(self, table: Table, columns: tuple[str, ...]) -> None:
        self._table = table
        self._columns = columns
        self._moments = [
            place for place, name in enumerate(columns) if isinstance(table.c[name].type, Moment)
        ]

    def run(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert these rows, of which there may be none, in the session's transaction."""
        if not rows:
            return
        connection = session.connection()
        store, width = storing(connection.dialect), len(self._columns)
        values = list(chain.from_iterable(rows))
        for place in self._moments:
            values[place::width] = [store(moment) for moment in values[place::width]]
        if connection.dialect.name == "sqlite":
            self._at_once(connection, values)
        else:
            self._copy(connection, zip(*[iter(values)] * width, strict=True))

    def _copy(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """As PostgreSQL takes many rows best: one by one, planning alone took twice as long."""
        raw: Any = connection.connection.driver_connection
        order = f"COPY {self._table.name} ({', '.join(self._columns)}) FROM STDIN"
        with raw.cursor() as cursor, cursor.copy(order) as copy:
            for row in rows:
                copy.write_row(row)

    def _at_once(self, connection: Connection, values: Sequence[Any]) -> None:
        """Many rows by each statement, since before and after it other threads may go first, and would.

        By powers of two, so that there are few statements to compile and remember.
        """
        done, width = 0, len(self._columns)
        while left := (len(values) - done) // width:
            number = min(_MOST, 1 << (left.bit_length() - 1))
            given = tuple(values[done : done + number * width])
            connection.exec_driver_sql(_of_rows(self._table.name, self._columns, number), given)
            done += number * width


@cache
def _of_rows(table: str, columns: tuple[str, ...], number: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * number)}"  # noqa: S608
