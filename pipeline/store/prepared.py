"""Statements that run thousands of times: compiled once, then handed to the database's driver as they are.

What the library does for each execution costs several times what the database does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Dialect, Executable
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from feeds.moment import Moment

Values = Mapping[str, Any]


class Prepared:
    """A statement with no list among its parameters."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, Sequence[str] | None, Values, frozenset[str]]] = {}

    def run(self, session: Session, shared: Values, rows: Iterable[Values] = ({},)) -> CursorResult[Any]:
        """Run it in the session's transaction once for each of the rows, of which there is at least one.

        ``shared`` are the values that the rows have in common.
        """
        connection = session.connection()
        dialect = connection.dialect
        text, order, constants, moments = self._texts.get(dialect.name) or self._compile(dialect)
        stored = storing(dialect)
        values = [{**constants, **shared, **row} for row in rows]
        for row in values:
            for name in moments:
                row[name] = stored(row[name])
        given: Any = values if order is None else [tuple([row[name] for name in order]) for row in values]
        return connection.exec_driver_sql(text, given if len(given) > 1 else given[0])

    def _compile(self, dialect: Dialect) -> tuple[str, Sequence[str] | None, Values, frozenset[str]]:
        assert isinstance(self._statement, ClauseElement)
        compiled: Any = self._statement.compile(dialect=dialect)
        moments = frozenset(name for name, bound in compiled.binds.items() if isinstance(bound.type, Moment))
        made = str(compiled), compiled.positiontup, compiled.params, moments
        self._texts[dialect.name] = made
        return made


@cache
def storing(dialect: Dialect) -> Callable[[Any], Any]:
    """How a moment goes to the driver."""
    write = _moment(dialect).bind_processor(dialect)
    assert write is not None, "a moment always has something to be checked for"
    return write


@cache
def reading(dialect: Dialect) -> Callable[[Any], datetime | None]:
    """How a moment comes from the driver."""
    read = _moment(dialect).result_processor(dialect, None)
    assert read is not None, "a moment always has something to be told"
    return read


def _moment(dialect: Dialect) -> TypeEngine[datetime]:
    """Our type as this database has it: SQLite keeps moments as text."""
    return Moment().dialect_impl(dialect)
