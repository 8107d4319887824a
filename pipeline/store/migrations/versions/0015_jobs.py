"""The queue of jobs, on PostgreSQL: procrastinate's own tables"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    from procrastinate.schema import SchemaManager  # which comes with the extra for PostgreSQL

    # As it is in the versions that pyproject.toml allows; what a later one changes is a migration of ours again.
    # The driver is asked directly, since these are many statements, with percent signs in them.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(SchemaManager.get_schema())
