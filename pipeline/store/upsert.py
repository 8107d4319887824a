"""Writing rows that may be there already, without looking first: another sender may write them meanwhile."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def upsert(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Put these rows in place of those with the same ``name``; each row has the same keys."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    given = {name: statement.excluded[name] for name in rows[0] if name != "name"}
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_=given),
        rows,
        execution_options={"synchronize_session": False},
    )
