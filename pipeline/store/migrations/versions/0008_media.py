"""Pictures, sound and film of an article"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("article", sa.Column("image", sa.String(2000), nullable=False, server_default=""))
    op.add_column("article", sa.Column("enclosures", sa.JSON(), nullable=False, server_default="[]"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("article", "image", server_default=None)
        op.alter_column("article", "enclosures", server_default=None)
