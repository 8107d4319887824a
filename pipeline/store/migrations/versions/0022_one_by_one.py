"""On SQLite states are compared one by one: of a list it makes a table, and anew for each row that it checks"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = ("log", "notice", "edition", "delivery")
_LIST = re.compile(r"CHECK \((\w+) IN \(([^)]*)\)\)")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    op.drop_index("uq_delivery_open", table_name="delivery")
    op.create_index(
        "uq_delivery_open",
        "delivery",
        ["subscriber_id"],
        unique=True,
        sqlite_where=sa.text(
            "state = 'planned' OR state = 'in_flight' OR state = 'deferred' OR state = 'uncertain'"
        ),
    )
    # The conditions mean what they meant, so no row has to be looked at: SQLite's documentation of ALTER
    # TABLE gives this way to change them, where a copy of the table would take minutes.
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    if not connection.exec_driver_sql("PRAGMA writable_schema").scalar_one():
        return  # some systems' SQLite forbids it, and checks a little slower
    for table in _TABLES:
        found = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
        changed = _LIST.sub(_one_by_one, found.scalar_one())
        connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE name = ?", (changed, table))
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _one_by_one(check: re.Match[str]) -> str:
    column, values = check.groups()
    return f"CHECK ({' OR '.join(f'{column} = {value}' for value in values.split(', '))})"
