"""What came back for each reader"""

import sqlalchemy as sa
from alembic import op

from feeds.moment import Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bounce",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("hard_at", Moment(), nullable=True),
        sa.Column("rests_until", Moment(), nullable=True),
        sa.Column("soft", sa.Float(), nullable=False),
        sa.Column("soft_at", Moment(), nullable=True),
        sa.Column("last", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_bounce_subscriber_id")),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_bounce")),
    )
    op.create_index(op.f("ix_bounce_hard_at"), "bounce", ["hard_at"])
    op.create_index(op.f("ix_bounce_rests_until"), "bounce", ["rests_until"])
