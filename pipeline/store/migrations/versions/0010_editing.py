"""What an editor took out or corrected"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("article", sa.Column("kept_out", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("article", sa.Column("corrections", sa.JSON(), nullable=False, server_default="{}"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("article", "kept_out", server_default=None)
        op.alter_column("article", "corrections", server_default=None)
