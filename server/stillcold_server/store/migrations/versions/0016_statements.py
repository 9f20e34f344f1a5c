"""Verifications and signed statements."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "statement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_statement_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
        sa.UniqueConstraint("line", "kind", "from_at", "version", name=op.f("uq_statement_line_kind_from_at_version")),
    )
    op.create_table(
        "verification",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("behind_cut", sa.JSON(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("statement", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_verification_line")),
        sa.ForeignKeyConstraint(["statement"], ["statement.id"], name=op.f("fk_verification_statement")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
        sa.UniqueConstraint("line", "from_at", name=op.f("uq_verification_line_from_at")),
    )
    op.create_index("ix_verification_state", "verification", ["state"])
    op.create_index(
        "ix_verification_running", "verification", ["line"], unique=True,
        sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"),
    )  # fmt: skip


def downgrade() -> None:
    """Take back."""
    for table in ("verification", "statement"):
        op.drop_table(table)
