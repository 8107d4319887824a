"""Sources whose server asked to be left alone, for a while or for good"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    op.add_column("source", sa.Column("gone", sa.String(), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("source", "gone", server_default=None)
