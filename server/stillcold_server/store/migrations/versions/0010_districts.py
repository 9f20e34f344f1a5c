"""Districts and enterprises, and which of them a site belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
_OWNERS = ("district", "enterprise")


def upgrade() -> None:
    """Apply. In place: other tables refer to ``site``, so it cannot be copied and dropped."""
    op.create_table(
        "district",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_district")),
    )
    op.create_table(
        "enterprise",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enterprise")),
    )
    for owner in _OWNERS:
        # Alembic adds the constraint in a statement of its own, which SQLite does not have.
        op.execute(f"ALTER TABLE site ADD COLUMN {owner} VARCHAR CONSTRAINT fk_site_{owner} REFERENCES {owner} (id)")


def downgrade() -> None:
    """Take back."""
    for owner in _OWNERS:
        op.drop_column("site", owner)
        op.drop_table(owner)
