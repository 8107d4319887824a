"""A feed's archives, what is no longer published, the hub's pings, and a reader's own feed"""

import sqlalchemy as sa
from alembic import op

from feeds.moment import Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_WITHDRAWN = sa.text("kind = 'withdrawn'")


def upgrade() -> None:
    op.create_table(
        "feed_archive",
        sa.Column("theme", sa.String(60), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("made_from", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("theme", "number", name=op.f("pk_feed_archive")),
    )
    op.create_table(
        "retired_theme",
        sa.Column("slug", sa.String(60), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_retired_theme")),
    )
    op.create_table(
        "hub_ping",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_hub_ping")),
    )
    op.create_index(
        op.f("ix_log_withdrawn"), "log", ["at"], sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN
    )
    op.add_column("subscriber", sa.Column("feed_serial", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("subscriber", "feed_serial", server_default=None)
