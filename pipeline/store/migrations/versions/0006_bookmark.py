"""Where the kind of a source left off, how much it showed, and where it is moving"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("bookmark", sa.Text(), nullable=False, server_default=""))
    op.add_column("source", sa.Column("shown", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("source", sa.Column("move_to", sa.String(), nullable=False, server_default=""))
    op.add_column("source", sa.Column("move_times", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("source", sa.Column("move_origin", sa.String(), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        for name in ("bookmark", "shown", "move_to", "move_times", "move_origin"):
            op.alter_column("source", name, server_default=None)
