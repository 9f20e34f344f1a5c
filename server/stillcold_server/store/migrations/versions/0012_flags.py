"""What holds an alert back: shelves, what is out of service, and the stage that hides an alert."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIMES = ("held_at", "held_until", "announced_at", "paged_at")
_SETTLE = (
    "UPDATE alert SET announced_at = raised_at",
    "UPDATE alert SET paged_at = raised_at WHERE id IN (SELECT alert FROM delivery WHERE state <> 'skipped')",
    """UPDATE alert SET stage = 'suppress', held_why = 'permit', held_at = raised_at, announced_at = NULL
       WHERE id IN (SELECT alert FROM delivery WHERE state = 'skipped' AND detail = 'permit')""",
    """INSERT INTO alert_journal (alert, at, actor, transition, reason, note)
       SELECT id, raised_at, 'system', 'suppress', 'permit', '' FROM alert WHERE stage = 'suppress' AND id NOT IN
       (SELECT alert FROM alert_journal WHERE transition = 'suppress')""",
    "UPDATE alert SET state = 'normal' WHERE stage = 'suppress' AND ended IS NOT NULL",
    """UPDATE incident SET closed_at = (SELECT max(ended) FROM alert WHERE alert.incident = incident.id)
       WHERE closed_at IS NULL AND NOT EXISTS
       (SELECT 1 FROM alert WHERE alert.incident = incident.id AND alert.state <> 'normal')""",
)


def upgrade() -> None:
    """Apply."""
    for name in ("stage", "held_why"):
        op.add_column("alert", sa.Column(name, sa.String(), nullable=False, server_default=""))
    for name in _TIMES:
        op.add_column("alert", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index("ix_alert_announced_at", "alert", ["announced_at"])
    op.create_index("ix_alert_detected_id", "alert", ["detected", "id"])
    op.create_index("ix_alert_journal_at", "alert_journal", ["at"])
    _create_shelf()
    _create_out_of_service()
    _settle()


def _create_shelf() -> None:
    op.create_table(
        "shelf",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *_entry(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf")),
    )
    op.create_index("ix_shelf_line", "shelf", ["line"])


def _create_out_of_service() -> None:
    op.create_table(
        "out_of_service",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=True),
        *_entry(),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_out_of_service_line")),
        sa.ForeignKeyConstraint(["point"], ["point.id"], name=op.f("fk_out_of_service_point")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_out_of_service")),
    )
    op.create_index("ix_out_of_service_line", "out_of_service", ["line"])


def _entry() -> list[sa.Column[object]]:
    return [
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
    ]


def _settle() -> None:
    """What began under a permit was told to nobody, and stood nevertheless; now it is hidden, and over when it ends."""
    for statement in _SETTLE:
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    for table in ("out_of_service", "shelf"):
        op.drop_table(table)
    op.drop_index("ix_alert_journal_at", "alert_journal")
    for name in ("ix_alert_announced_at", "ix_alert_detected_id"):
        op.drop_index(name, "alert")
    for name in (*reversed(_TIMES), "held_why", "stage"):
        op.drop_column("alert", name)
