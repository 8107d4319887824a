"""The schema: brought up to date by migrations, and compared with what the code expects."""

from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import AutoString, SQLModel

from feeds.moment import Moment
from pipeline.store import tables as _tables  # noqa: F401  (declares them)
from pipeline.store import tables_running as _more  # noqa: F401
from pipeline.store.session import Database, StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"


def _render(kind: str, item: Any, context: Any) -> Any:
    """Migrations name plain column types, so that they don't change when our own types do."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


COMPARE: dict[str, Any] = {"render_as_batch": True, "compare_type": True, "render_item": _render}


def is_ours(item: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Whether a table is ours to migrate: the task engine keeps its own beside them."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def upgrade(database: Database) -> str:
    """Bring the database to this version's schema, making it where there is none; gives the revision."""
    with (
        database.refusals(),
        database.engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        command.upgrade(_config(connection), "head")
    return head()


@cache
def head() -> str:
    """The revision this code expects."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


@cache
def _known() -> frozenset[str]:
    """Every revision there has been up to this version's."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def is_empty(database: Database) -> bool:
    """Whether there is no schema yet."""
    with database.refusals(), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() is None


class UnknownSchema(StoreError):
    """The database has another schema than this version's."""


def require(database: Database) -> None:
    """Refuse to work on any schema but this version's. Raises UnknownSchema that says what to do."""
    with database.refusals(), database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        raise UnknownSchema("the database is empty; run 'kennisportal db upgrade' once")
    if found == head():
        return
    if found not in _known():
        raise UnknownSchema(
            f"the database is at revision {found}, which this version does not know, so a newer one has "
            "upgraded it; run that version here too"
        )
    raise UnknownSchema(
        f"the database is at revision {found}, this version needs {head()}; run 'kennisportal db upgrade'"
    )


def differences(database: Database) -> list[str]:
    """What the tables in the database lack, or have too much, next to what the code declares."""
    with database.refusals(), database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={**COMPARE, "include_object": is_ours})
        return [str(difference) for difference in compare_metadata(context, SQLModel.metadata)]


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = SQLModel.metadata
    return config
