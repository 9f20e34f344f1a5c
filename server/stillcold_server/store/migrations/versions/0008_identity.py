"""Invitations, enrolments and certificates of gateways."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "invitation",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name=op.f("fk_invitation_gateway")),
        sa.PrimaryKeyConstraint("gateway", name=op.f("pk_invitation")),
    )
    _create_enrolment()
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("enrolment", _ROW_ID, nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("pem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["enrolment"], ["enrolment.id"], name=op.f("fk_certificate_enrolment")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    op.create_index("ix_certificate_enrolment", "certificate", ["enrolment"])


def _create_enrolment() -> None:
    op.create_table(
        "enrolment",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("tls_key", sa.LargeBinary(32), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name=op.f("fk_enrolment_gateway")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("gateway", "digest", name=op.f("uq_enrolment_gateway_digest")),
    )
    op.create_index("ix_enrolment_state", "enrolment", ["state"])


def downgrade() -> None:
    """Take back."""
    for table in ("certificate", "enrolment", "invitation"):
        op.drop_table(table)
