"""The readers of a domain are found without looking at all the others"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_subscriber_domain"), "subscriber", ["domain", "state"])
