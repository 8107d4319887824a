"""The schema: brought up to date by migrations, and compared with what the code expects."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text
from sqlmodel import AutoString, SQLModel

from feeds.moment import Moment
from pipeline.store import tables as _tables  # noqa: F401  (declares them)
from pipeline.store import tables_running as _more  # noqa: F401
from pipeline.store.session import Database, StoreError

if TYPE_CHECKING:
    from alembic.config import Config

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
        # Here and below: it takes long to import, and every command of ours begins with this module.
        from alembic import command

        command.upgrade(_config(connection), "head")
    return head()


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = SQLModel.metadata
    return config


@cache
def revisions() -> tuple[str, ...]:
    """Every revision up to the one that this code expects; their files are named by them, in order."""
    return tuple(sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")))


def head() -> str:
    """The revision this code expects."""
    return revisions()[-1]


def is_empty(database: Database) -> bool:
    """Whether there is no schema yet."""
    with database.refusals(), database.engine.connect() as connection:
        return _current(connection) is None


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


class UnknownSchema(StoreError):
    """The database has another schema than this version's."""


def require(database: Database) -> None:
    """Refuse to work on any schema but this version's. Raises UnknownSchema that says what to do."""
    with database.refusals(), database.engine.connect() as connection:
        found = _current(connection)
    if found is None:
        raise UnknownSchema("the database is empty; run 'kennisportal db upgrade' once")
    if found == head():
        return
    if found not in revisions():
        raise UnknownSchema(
            f"the database is at revision {found}, which this version does not know, so a newer one has "
            "upgraded it; run that version here too"
        )
    raise UnknownSchema(
        f"the database is at revision {found}, this version needs {head()}; run 'kennisportal db upgrade'"
    )


def differences(database: Database) -> list[str]:
    """What the tables in the database lack, or have too much, next to what the code declares."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with database.refusals(), database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={**COMPARE, "include_object": is_ours})
        return [str(difference) for difference in compare_metadata(context, SQLModel.metadata)]
