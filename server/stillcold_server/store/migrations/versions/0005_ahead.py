"""Alerts that were found ahead of a gateway's backlog."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ahead",
        sa.Column("alert", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("detected", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_ahead_alert")),
        sa.PrimaryKeyConstraint("alert", name=op.f("pk_ahead")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("ahead")
