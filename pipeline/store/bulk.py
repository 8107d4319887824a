"""Very many rows, in the quickest way each database has: PostgreSQL takes long over one at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, column, insert, table


def put(connection: Connection, into: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add rows with these columns to a table, in the connection's transaction.

    Values go in as the driver takes them, JSON as text; a column that is left out gets no default of ours.
    """
    if connection.dialect.name == "postgresql":
        raw: Any = connection.connection.driver_connection
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {into.name} ({', '.join(columns)}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
    elif rows:
        untyped = table(into.name, *map(column, columns))
        connection.execute(insert(untyped), [dict(zip(columns, row, strict=True)) for row in rows])
