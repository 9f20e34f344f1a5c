"""A second factor of an account, and when a session was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "totp",
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["user_account.name"], name=op.f("fk_totp_user")),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_totp")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["user_account.name"], name=op.f("fk_recovery_code_user")),
        sa.PrimaryKeyConstraint("user", "digest", name=op.f("pk_recovery_code")),
    )
    op.add_column("login_session", sa.Column("seen_at", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back."""
    op.drop_column("login_session", "seen_at")
    op.drop_table("recovery_code")
    op.drop_table("totp")
