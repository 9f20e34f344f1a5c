"""Journals of alerts and of the ledger that the database itself keeps from being changed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
_TABLES = ("alert_journal", "ledger_change", "line_step")
_SAID = "is append-only"


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for event in ("UPDATE", "DELETE"):
                op.execute(sa.text(
                    f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} {_SAID}'); END"
                ))  # fmt: skip
        return
    op.execute(sa.text(
        "CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '% {_SAID}', TG_TABLE_NAME; END $$"
    ))  # fmt: skip
    for table in _TABLES:
        op.execute(sa.text(
            f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()"
        ))  # fmt: skip


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for event in ("update", "delete"):
                op.execute(sa.text(f"DROP TRIGGER {table}_{event}"))
        return
    for table in _TABLES:
        op.execute(sa.text(f"DROP TRIGGER {table}_unchanged ON {table}"))
    op.execute(sa.text("DROP FUNCTION journal_refuse()"))
