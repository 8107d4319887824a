"""Slots that were moved or skipped by hand"""

import sqlalchemy as sa
from alembic import op

from feeds.moment import Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot_change",
        sa.Column("frequency", sa.String(length=20), nullable=False),
        sa.Column("slot", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("frequency", "slot", name=op.f("pk_slot_change")),
    )
