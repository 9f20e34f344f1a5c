"""Since when each server has listened, and when each gateway was heard."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "listener",
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_listener")),
    )
    op.add_column("gateway", sa.Column("heard_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE gateway SET heard_at = (SELECT max(received_at) FROM batch WHERE batch.gateway = gateway.id)")


def downgrade() -> None:
    """Take back."""
    op.drop_column("gateway", "heard_at")
    op.drop_table("listener")
