"""Ids for rows that are written many at a time: asking for each back would take far longer."""

from sqlalchemy import Table, func, literal_column, select, text
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
    last = session.execute(select(func.max(key))).scalar() or 0
    if table.dialect_options["sqlite"]["autoincrement"]:  # where an id that was ever used counts, too
        used = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = max(last, session.execute(used, {"name": table.name}).scalar() or 0)
    return list(range(last + 1, last + 1 + number))
