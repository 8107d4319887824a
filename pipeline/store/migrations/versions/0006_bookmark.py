"""Where the kind of a source left off, and how much it showed"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("bookmark", sa.Text(), nullable=False, server_default=""))
    op.add_column("source", sa.Column("shown", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("source", "bookmark", server_default=None)
        op.alter_column("source", "shown", server_default=None)
