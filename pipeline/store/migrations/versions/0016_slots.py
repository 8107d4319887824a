"""Slots that were moved or skipped by hand, and when a source last had news"""

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
    with op.batch_alter_table("source") as batch:
        batch.add_column(sa.Column("last_news", Moment(), nullable=True))
    # From here on a source is asked by its rhythm; one of which that is unknown counts as new.
    op.execute("UPDATE source SET last_news = last_looked")
