"""The outbox: recipients, pages, the lease of each row, and a log of every try."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply. What went out before had nine tries, to a channel and not to a person."""
    with op.batch_alter_table("delivery") as batch:
        batch.alter_column("alert", existing_type=sa.String(), nullable=True)
        batch.add_column(sa.Column("page", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("recipient", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("address", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("most", sa.Integer(), nullable=False, server_default="9"))
        batch.add_column(sa.Column("created_at", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("owner", sa.String(), nullable=True))
        batch.add_column(sa.Column("until", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("doubtful", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.drop_constraint("uq_delivery_alert_channel", type_="unique")
        batch.create_unique_constraint(
            "uq_delivery_alert_page_recipient_channel", ["alert", "page", "recipient", "channel"]
        )
    op.execute("UPDATE delivery SET created_at = (SELECT raised_at FROM alert WHERE alert.id = delivery.alert)")
    with op.batch_alter_table("delivery") as batch:
        for name in ("page", "recipient", "address", "most", "created_at", "doubtful"):
            batch.alter_column(name, server_default=None)
    op.create_table(
        "delivery_try",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("delivery", _ROW_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.id"], name=op.f("fk_delivery_try_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_try")),
    )
    op.create_index("ix_delivery_try_delivery", "delivery_try", ["delivery"])


def downgrade() -> None:
    """Take back. The version before knows one message an alert and channel; other rows go."""
    op.drop_table("delivery_try")
    op.execute("DELETE FROM delivery WHERE alert IS NULL OR page <> 0 OR recipient <> ''")
    op.execute("UPDATE delivery SET state = 'waiting' WHERE state = 'sending'")
    with op.batch_alter_table("delivery") as batch:
        batch.drop_constraint("uq_delivery_alert_page_recipient_channel", type_="unique")
        batch.create_unique_constraint("uq_delivery_alert_channel", ["alert", "channel"])
        for name in ("doubtful", "until", "owner", "created_at", "most", "address", "recipient", "page"):
            batch.drop_column(name)
        batch.alter_column("alert", existing_type=sa.String(), nullable=False)
