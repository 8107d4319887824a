"""Articles remember their versions, so that a source that goes back and forth is known"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As in 0002: filled by a default, which SQLite keeps.
    op.add_column("article", sa.Column("versions", sa.JSON(), nullable=False, server_default="[]"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("article", "versions", server_default=None)
