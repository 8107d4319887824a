"""Writing rows that may be there already, without looking first: another sender may write them meanwhile."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def upsert(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Put these rows in place of those with the same ``name``; each row has the same keys."""
    if not rows:
        return
    statement = _insert(session, table)
    given = {name: statement.excluded[name] for name in rows[0] if name != "name"}
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_=given),
        rows,
        execution_options={"synchronize_session": False},
    )


def add_if_new(session: Session, table: type[SQLModel], row: dict[str, Any]) -> bool:
    """Add a row, unless one with its key is there; whether it was added."""
    statement = _insert(session, table).on_conflict_do_nothing().values(row)
    # Not every driver counts what was inserted; all can say what it is.
    return session.execute(statement.returning(literal(1))).first() is not None


def _insert(session: Session, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
