"""Temporary tables, in which a wave stands while it is planned: groups, what is decided, who comes when.

They are narrow, and so is what is sorted: our SQLite keeps both in memory.
"""

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, delete
from sqlmodel import Session

from pipeline.store.insertion import Insertion

_temporary = MetaData()
group = Table(
    "plan_group",
    _temporary,
    Column("cursor", Integer, primary_key=True),
    Column("interest_set_id", Integer, primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("received", Text, primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
verdict = Table(
    "plan_verdict",
    _temporary,
    Column("interest_set_id", Integer, primary_key=True),
    Column("cursor", Integer, primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("received", Text, primary_key=True),
    Column("verdict", String(12), nullable=False),
    Column("segment_id", Integer),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
INSERT_VERDICT = Insertion(
    verdict, ("interest_set_id", "cursor", "language", "received", "verdict", "segment_id")
)
received = Table(
    "plan_received",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True, autoincrement=False),
    Column("received", Text, nullable=False),
    prefixes=["TEMPORARY"],
)
turn = Table(
    "plan_turn",
    _temporary,
    Column("bundle", Integer, primary_key=True, autoincrement=False),
    Column("subscriber_id", Integer, primary_key=True, autoincrement=False),
    Column("segment_id", Integer, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)


def empty(session: Session) -> None:
    """Have all of them, with nothing in them."""
    connection = session.connection()
    for table in (group, verdict, received, turn):
        table.create(connection, checkfirst=True)
        connection.execute(delete(table))
