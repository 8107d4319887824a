"""Mail providers: domains, a shared pace, feedback; pinned articles"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_domain",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("last_accepted", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_reply", sa.Text(), nullable=False),
        sa.Column("last_reply_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mail_domain")),
    )
    op.create_table(
        "pace",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("original", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_feedback_delivery_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_feedback_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("key", name=op.f("uq_feedback_key")),
    )
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feedback_delivery_id"), ["delivery_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_feedback_subscriber_id"), ["subscriber_id"], unique=False)

    # Added, filled, and without a default from then on. SQLite can't take the default away without copying
    # the table, which foreign keys forbid; there it stays, and the code always gives a value.
    _add("article", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    _add("subscriber", sa.Column("domain", sa.String(length=255), nullable=False, server_default=""))
    _add("delivery", sa.Column("domain", sa.String(length=255), nullable=False, server_default=""))
    place = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    after_the_at = getattr(sa.func, place)(sa.column("email"), "@") + 1
    subscriber = sa.table("subscriber", sa.column("domain"), sa.column("email"))
    domain = sa.func.lower(sa.func.substr(subscriber.c.email, after_the_at))
    op.execute(subscriber.update().values(domain=domain))
    op.execute(
        "UPDATE delivery SET domain = "
        "(SELECT domain FROM subscriber WHERE subscriber.id = delivery.subscriber_id)"
    )
    op.drop_index("ix_delivery_state", "delivery")
    op.create_index("ix_delivery_state", "delivery", ["edition_id", "state", "id"], unique=False)


def _add(table: str, column: sa.Column[object]) -> None:
    op.add_column(table, column)
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(table, column.name, server_default=None)
