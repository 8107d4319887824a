"""Statements that run thousands of times: compiled once, then handed to the database's driver as they are.

What the library does for each execution costs several times what the database does.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    CursorResult,
    Dialect,
    Executable,
    Select,
    Table,
    UpdateBase,
    bindparam,
    func,
    insert,
)
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from feeds.moment import Moment

Values = Mapping[str, Any]


class Prepared:
    """A statement with no list among its parameters.

    An UPDATE can be run for many rows at once: ``each`` names the parameters that differ from row to row.
    """

    def __init__(self, statement: Executable, each: Sequence[str] = ()) -> None:
        self._statement = statement
        self._each = each
        self._texts: dict[str, _Text] = {}

    def run(self, session: Session, shared: Values, rows: Sequence[Values] = ()) -> CursorResult[Any]:
        """Run it in the session's transaction; for each of the rows, of which there is at least one.

        ``shared`` are the values that the rows have in common.
        """
        connection = session.connection()
        dialect = connection.dialect
        text = self._texts.get(dialect.name) or self._compile(dialect)
        return connection.exec_driver_sql(text.sql, text.parameters(shared, rows))

    def rows(self, session: Session, values: Values) -> list[tuple[Any, ...]]:
        """What it finds in the session's transaction: moments as such, all else as the driver has it."""
        result = self.run(session, values)
        assert result.cursor is not None, "it is a SELECT"
        found = [*result.cursor.fetchall()]
        result.close()
        dialect = session.connection().dialect
        for place in self._texts[dialect.name].moments:
            read = reading(dialect)
            found = [(*row[:place], read(row[place]), *row[place + 1 :]) for row in found]
        return found

    def _compile(self, dialect: Dialect) -> "_Text":
        statement = self._statement
        assert isinstance(statement, ClauseElement)
        if isinstance(statement, UpdateBase) and self._each and dialect.name == "postgresql":
            made: _Text = _AtOnce(dialect, _from_lists(statement, self._each), frozenset(self._each))
        else:
            made = _RowByRow(dialect, statement)
        self._texts[dialect.name] = made
        return made


def inserting(table: Table) -> Prepared:
    """Rows with a value for each column of a table: JSON as text, and everything else as it is."""
    return Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))


class _Text(ABC):
    """A statement in one database's words, and how its parameters go to the driver."""

    def __init__(self, dialect: Dialect, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._constants: Values = compiled.params
        self._moments = [name for name, bound in compiled.binds.items() if _holds_moments(bound.type)]
        self._stored = storing(dialect)
        selected = statement.selected_columns if isinstance(statement, Select) else ()
        self.moments = [place for place, column in enumerate(selected) if _holds_moments(column.type)]
        """Where in the rows it finds they stand."""

    @abstractmethod
    def parameters(self, shared: Values, rows: Sequence[Values]) -> Any: ...


class _RowByRow(_Text):
    """The driver runs it again and again, which costs SQLite next to nothing."""

    def parameters(self, shared: Values, rows: Sequence[Values]) -> Any:
        given = [self._given({**self._constants, **shared, **row}) for row in rows or ({},)]
        return given if len(given) > 1 else given[0]

    def _given(self, values: dict[str, Any]) -> Any:
        for name in self._moments:
            values[name] = self._stored(values[name])
        return values if self._order is None else tuple([values[name] for name in self._order])


class _AtOnce(_Text):
    """One statement takes all rows, as lists: PostgreSQL is asked by way of another process."""

    def __init__(self, dialect: Dialect, statement: ClauseElement, each: frozenset[str]) -> None:
        super().__init__(dialect, statement)
        self._each = each

    def parameters(self, shared: Values, rows: Sequence[Values]) -> Any:
        values = {**self._constants, **shared, **{name: [row[name] for row in rows] for name in self._each}}
        for name in self._moments:
            moments = values[name]
            values[name] = (
                [self._stored(one) for one in moments] if name in self._each else self._stored(moments)
            )
        return values


def _from_lists(statement: UpdateBase, each: Sequence[str]) -> UpdateBase:
    """The same statement for the rows of a table that is made from one list for each of these parameters."""
    found = {bound.key: bound.type for bound in iterate(statement) if isinstance(bound, BindParameter)}
    lists = [bindparam(name, type_=ARRAY(found[name])) for name in each]
    given = func.unnest(*lists).table_valued(*each).render_derived()

    def column(element: Any, **_: Any) -> Any:
        listed = isinstance(element, BindParameter) and element.key in each
        return given.c[element.key] if listed else None

    changed = replacement_traverse(statement, {}, column)
    assert isinstance(changed, UpdateBase)
    return changed


def _holds_moments(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind.item_type if isinstance(kind, ARRAY) else kind, Moment)


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
