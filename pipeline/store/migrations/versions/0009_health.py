"""What a source used to show, and why it is held back"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("history", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("source", sa.Column("held", sa.Text(), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("source", "history", server_default=None)
        op.alter_column("source", "held", server_default=None)
