"""Superseded deliveries are found by reader, however many a wave replaces"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_delivery_superseded_by", "delivery")
    some = sa.text("superseded_by IS NOT NULL")
    op.create_index(
        "ix_delivery_superseded_by",
        "delivery",
        ["superseded_by", "subscriber_id"],
        sqlite_where=some,
        postgresql_where=some,
    )
