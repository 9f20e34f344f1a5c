"""The journals that gateways write. Of those that are stored already only the newest batch is known."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "journal_epoch",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.LargeBinary(length=8), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("alert", sa.String(), nullable=True),
        sa.Column("rival", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("gateway", "epoch", name=op.f("pk_journal_epoch")),
    )
    op.execute(
        "INSERT INTO journal_epoch (gateway, epoch, key, sequence, head) "
        "SELECT b.gateway, b.epoch, g.public_key, b.sequence, b.hash FROM batch b JOIN gateway g ON g.id = b.gateway "
        "WHERE b.sequence = (SELECT max(c.sequence) FROM batch c WHERE c.gateway = b.gateway AND c.epoch = b.epoch)"
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("journal_epoch")
