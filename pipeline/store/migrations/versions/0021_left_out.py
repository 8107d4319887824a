"""How many articles a source's last reading left out, and why the first of them"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("source", sa.Column("left_out_why", sa.Text(), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("source", "left_out", server_default=None)
        op.alter_column("source", "left_out_why", server_default=None)
