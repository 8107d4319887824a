"""Sign-ups that wait to be confirmed, notices to single people, and how often a form was used"""

import sqlalchemy as sa
from alembic import op

from feeds.moment import Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "signup",
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("interests", sa.String(), nullable=False),
        sa.Column("frequency", sa.String(10), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signup")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "notice",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("about", sa.Integer(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'rejected', 'cancelled')", name=op.f("ck_notice_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_notice_pending"), "notice", ["due"], sqlite_where=_PENDING, postgresql_where=_PENDING
    )
    op.create_index(op.f("ix_notice_about"), "notice", ["kind", "about"])
    op.create_table(
        "form_count",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_form_count")),
    )
