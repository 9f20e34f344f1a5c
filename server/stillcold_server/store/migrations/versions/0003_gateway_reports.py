"""What a gateway said last of its work."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. In place: other tables refer to this one, so it cannot be copied and dropped."""
    op.add_column("gateway", sa.Column("report", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("gateway", "report")
