"""What was said of each alarm"""

import sqlalchemy as sa
from alembic import op

from feeds.moment import Moment

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("ended", Moment(), nullable=True),
        sa.Column("said", sa.String(10), nullable=False),
        sa.Column("said_at", Moment(), nullable=True),
        sa.Column("due", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "channel", name=op.f("pk_alarm")),
    )
