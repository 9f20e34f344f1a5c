"""Meters, seals, identifications, documents, the life of a line, and who changed what."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PERMIT = (
    sa.Column("state", sa.String(), nullable=False, server_default="approved"),
    sa.Column("asked_by", sa.String(), nullable=False, server_default=""),
    sa.Column("asked_at", sa.BigInteger(), nullable=True),
    sa.Column("decided_at", sa.BigInteger(), nullable=True),
    sa.Column("note", sa.String(), nullable=False, server_default=""),
)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _of_line(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f(f"fk_{table}_line"))


def upgrade() -> None:
    """Apply."""
    op.add_column("line", _text("stage", nullable=True))
    op.execute("UPDATE line SET stage = 'sealed' WHERE state = 'sealed'")
    for column in _PERMIT:
        op.add_column("permit", column)
    _create_registered()
    _create_documents()
    _create_journals()


def _create_registered() -> None:
    op.create_table(
        "meter",
        *(_text(name) for name in ("id", "point", "model", "serial", "certificate", "laboratory")),
        _text("issued", nullable=True),
        _text("expires", nullable=True),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_meter_point")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter")),
    )
    op.create_table(
        "seal",
        *(_text(name) for name in ("id", "line", "place")),
        _time("applied_at"),
        _text("applied_by"),
        _text("state"),
        _time("ended_at", nullable=True),
        _text("ended_by"),
        _text("replaced_by", nullable=True),
        _text("photo"),
        _of_line("seal"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
    )
    op.create_index("ix_seal_line", "seal", ["line"])
    op.create_table(
        "identification",
        *(_text(name) for name in ("line", "standard", "bureau", "identified_on")),
        _text("rectify_by", nullable=True),
        _text("extended_to", nullable=True),
        _of_line("identification"),
        sa.PrimaryKeyConstraint("line", "standard", name=op.f("pk_identification")),
    )


def _create_documents() -> None:
    op.create_table(
        "document",
        *(_text(name) for name in ("sha256", "name", "media_type")),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _text("stored_by"),
        _time("stored_at"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document")),
    )
    op.create_table(
        "attachment",
        sa.Column("id", _ROW_ID, nullable=False),
        *(_text(name) for name in ("document", "kind", "subject", "role", "attached_by")),
        _time("attached_at"),
        sa.ForeignKeyConstraint(["document"], ["document.sha256"], name=op.f("fk_attachment_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint(
            "kind", "subject", "document", "role", name=op.f("uq_attachment_kind_subject_document_role")
        ),
    )


def _create_journals() -> None:
    op.create_table(
        "line_step",
        sa.Column("id", _ROW_ID, nullable=False),
        _text("line"),
        _time("at"),
        *(_text(name) for name in ("actor", "step")),
        _text("before", nullable=True),
        _text("after", nullable=True),
        _text("note"),
        sa.Column("facts", sa.JSON(), nullable=False),
        _of_line("line_step"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_step")),
    )
    op.create_index("ix_line_step_line", "line_step", ["line"])
    op.create_table(
        "ledger_change",
        sa.Column("id", _ROW_ID, nullable=False),
        _time("at"),
        *(_text(name) for name in ("actor", "cause", "kind", "subject", "field")),
        _text("before", nullable=True),
        _text("after", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_change")),
    )
    op.create_index("ix_ledger_change_kind_subject", "ledger_change", ["kind", "subject"])
    op.create_table(
        "reminder",
        *(_text(name) for name in ("kind", "subject", "due_on")),
        sa.Column("days", sa.Integer(), autoincrement=False, nullable=False),
        _text("line"),
        _time("raised_at"),
        _time("seen_at", nullable=True),
        _text("seen_by"),
        sa.PrimaryKeyConstraint("kind", "subject", "due_on", "days", name=op.f("pk_reminder")),
    )


def downgrade() -> None:
    """Take back; what was only asked for must not become approved by it."""
    for table in (
        "reminder",
        "ledger_change",
        "line_step",
        "attachment",
        "document",
        "identification",
        "seal",
        "meter",
    ):
        op.drop_table(table)
    op.execute("DELETE FROM permit WHERE state <> 'approved'")
    for column in _PERMIT:
        op.drop_column("permit", column.name)
    op.drop_column("line", "stage")
