"""Statements that run thousands of times: compiled once, then handed to the database's driver as they are.

What the library does for each execution costs several times what the database does.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    Dialect,
    Executable,
    Select,
    String,
    UpdateBase,
    bindparam,
    cast,
    column,
    func,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from feeds.moment import Moment

Values = Mapping[str, Any]

_STORING: dict[str, Callable[[Any], Any]] = {}
_READING: dict[str, Callable[[Any], datetime | None]] = {}


class Prepared:
    """A statement with no list among its parameters.

    An UPDATE can be run for many rows at once: ``each`` names the parameters that differ from row to row.
    """

    def __init__(self, statement: Executable, each: Sequence[str] = ()) -> None:
        self._statement = statement
        self._each = each
        self._texts: dict[str, _Text] = {}

    def run(self, session: Session, shared: Values, rows: Sequence[Values] = ()) -> int:
        """Run an UPDATE in the session's transaction, for each of the rows where there are any.

        ``shared`` are the values that the rows have in common. Gives how many rows it changed.
        """
        with self._executed(session, shared, rows) as (cursor, _):
            return int(cursor.rowcount)

    def rows(self, session: Session, values: Values) -> list[tuple[Any, ...]]:
        """What it finds in the session's transaction: moments as such, all else as the driver has it."""
        with self._executed(session, values, ()) as (cursor, text):
            found = list(cursor.fetchall())
        for place in text.moments:
            read = reading(session.connection().dialect)
            found = [(*row[:place], read(row[place]), *row[place + 1 :]) for row in found]
        return found

    @contextmanager
    def _executed(
        self, session: Session, shared: Values, rows: Sequence[Values]
    ) -> Iterator[tuple[Any, "_Text"]]:
        connection = session.connection()
        dialect = connection.dialect
        text = self._texts.get(dialect.name) or self._compile(dialect)
        parameters = text.parameters(shared, rows)
        driver, raw = dialect.loaded_dbapi, connection.connection
        with closing(raw.cursor()) as cursor:
            try:
                if isinstance(parameters, list):
                    cursor.executemany(text.sql, parameters)
                else:
                    cursor.execute(text.sql, parameters)
                yield cursor, text
            except driver.Error as error:
                gone = dialect.is_disconnect(error, raw.dbapi_connection, cursor)
                if gone:
                    connection.invalidate(error)  # so that nobody else gets it
                raise DBAPIError.instance(
                    text.sql, parameters, error, driver.Error, connection_invalidated=gone, dialect=dialect
                ) from error

    def _compile(self, dialect: Dialect) -> "_Text":
        statement = self._statement
        assert isinstance(statement, ClauseElement)
        if isinstance(statement, UpdateBase) and self._each and dialect.name == "postgresql":
            made: _Text = _AtOnce(dialect, _from_rows(statement, self._each))
        else:
            made = _RowByRow(dialect, statement)
        self._texts[dialect.name] = made
        return made


class _Text(ABC):
    """A statement in one database's words, and how its parameters go to the driver."""

    def __init__(self, dialect: Dialect, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._constants: Values = compiled.params
        self._moments = [name for name, bound in compiled.binds.items() if isinstance(bound.type, Moment)]
        self._stored = storing(dialect)
        selected = statement.selected_columns if isinstance(statement, Select) else ()
        self.moments = [place for place, column in enumerate(selected) if isinstance(column.type, Moment)]
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
    """One statement takes all rows, as JSON: PostgreSQL is asked by way of another process.

    Lists of its own types cost its driver twice as much. And it takes any JSON for as many rows, so that a
    plan once made serves for all.
    """

    def parameters(self, shared: Values, rows: Sequence[Values]) -> Any:
        values = {**self._constants, **shared, _ROWS: json.dumps(rows, default=self._as_text)}
        for name in self._moments:
            values[name] = self._stored(values[name])
        return values

    def _as_text(self, moment: datetime) -> str:
        stored: datetime = self._stored(moment)
        return stored.isoformat()


_ROWS = "rows"


def _from_rows(statement: UpdateBase, each: Sequence[str]) -> UpdateBase:
    """The same statement for the rows of a table that has these parameters as its columns."""
    found = {bound.key: bound.type for bound in iterate(statement) if isinstance(bound, BindParameter)}
    columns = [column(name, found[name]) for name in each]
    rows = cast(bindparam(_ROWS, type_=String), JSON)
    given = func.json_to_recordset(rows).table_valued(*columns).render_derived(with_types=True)

    def from_row(element: Any, **_: Any) -> Any:
        differs = isinstance(element, BindParameter) and element.key in each
        return given.c[element.key] if differs else None

    changed = replacement_traverse(statement, {}, from_row)
    assert isinstance(changed, UpdateBase)
    return changed


def storing(dialect: Dialect) -> Callable[[Any], Any]:
    """How a moment goes to the driver."""
    # By its name: a dialect that is kept keeps its engine, and all that was ever compiled for that.
    if dialect.name not in _STORING:
        write = _moment(dialect).bind_processor(dialect)
        assert write is not None, "a moment always has something to be checked for"
        _STORING[dialect.name] = _remembering(write)
    return _STORING[dialect.name]


def reading(dialect: Dialect) -> Callable[[Any], datetime | None]:
    """How a moment comes from the driver."""
    if dialect.name not in _READING:
        read = _moment(dialect).result_processor(dialect, None)
        assert read is not None, "a moment always has something to be told"
        _READING[dialect.name] = read
    return _READING[dialect.name]


def _remembering(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Rows that are written together have few moments between them."""
    # Two that are an hour apart may be equal when a clock goes back, and differ in their fold.
    remembered = lru_cache(maxsize=1_000)(lambda moment, fold: write(moment))
    return lambda moment: None if moment is None else remembered(moment, moment.fold)


def _moment(dialect: Dialect) -> TypeEngine[datetime]:
    """Our type as this database has it: SQLite keeps moments as text."""
    return Moment().dialect_impl(dialect)
