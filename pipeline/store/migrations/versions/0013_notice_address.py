"""A notice may go to another address than its reader's"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("address", sa.String(320), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("notice", "address", server_default=None)
