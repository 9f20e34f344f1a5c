"""Where a session began."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("address", "device"):
        op.add_column("login_session", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    for name in ("device", "address"):
        op.drop_column("login_session", name)
