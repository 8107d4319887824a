"""Every mail moves its reader's cursor: on PostgreSQL that needs room beside the row, or all its indexes change"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE subscriber SET (fillfactor = 85)")
