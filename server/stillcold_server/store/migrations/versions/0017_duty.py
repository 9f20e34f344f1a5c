"""Duty: rosters and what changes them, contacts, escalation, handovers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "handover", "escalation", "policy_step", "contact", "calendar_day", "absence", "duty_change", "rotation", "shift",
    "roster",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    _create_rosters()
    _create_exceptions()
    _create_escalation()
    op.create_table(
        "handover",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("roster", sa.String(), nullable=True),
        _text("outgoing"),
        _time("signed_out_at"),
        sa.Column("incoming", sa.String(), nullable=True),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        *map(_text, ("remark", "content", "hash", "previous")),
        sa.Column("accepted", sa.String(), nullable=True),
        *(_foreign("handover", name, "user_account.name") for name in ("outgoing", "incoming")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("previous", name=op.f("uq_handover_previous")),
    )


def _create_rosters() -> None:
    op.create_table(
        "roster",
        *map(_text, ("id", "name")),
        sa.Column("district", sa.String(), nullable=True),
        sa.Column("day_starts", sa.Integer(), nullable=False),
        sa.Column("continuous", sa.Boolean(), nullable=False),
        sa.Column("turn_days", sa.Integer(), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("supervisor", sa.String(), nullable=True),
        _foreign("roster", "district", "district.id"),
        _foreign("roster", "supervisor", "user_account.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster")),
    )
    op.create_table(
        "shift",
        *map(_text, ("roster", "name")),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        _text("days"),
        _foreign("shift", "roster", "roster.id"),
        sa.PrimaryKeyConstraint("roster", "name", name=op.f("pk_shift")),
    )
    op.create_table(
        "rotation",
        *map(_text, ("roster", "shift", "level")),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        _text("user"),
        _foreign("rotation", "roster", "roster.id"),
        _foreign("rotation", "user", "user_account.name"),
        sa.PrimaryKeyConstraint("roster", "shift", "level", "position", name=op.f("pk_rotation")),
    )


def _create_exceptions() -> None:
    op.create_table(
        "duty_change",
        sa.Column("id", _ROW_ID, nullable=False),
        _text("roster"),
        sa.Column("day", sa.Date(), nullable=False),
        *map(_text, ("shift", "level")),
        sa.Column("giver", sa.String(), nullable=True),
        *map(_text, ("taker", "reason", "asked_by")),
        _time("asked_at"),
        _text("state"),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        _foreign("duty_change", "roster", "roster.id"),
        *(_foreign("duty_change", name, "user_account.name") for name in ("giver", "taker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_change")),
    )
    op.create_index("ix_duty_change_state_day", "duty_change", ["state", "day"])
    op.create_table(
        "absence",
        sa.Column("id", _ROW_ID, nullable=False),
        _text("user"),
        *map(_time, ("from_at", "to_at")),
        *map(_text, ("reason", "noted_by")),
        _foreign("absence", "user", "user_account.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    op.create_index("ix_absence_to_at", "absence", ["to_at"])
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        *map(_text, ("kind", "name")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_day")),
    )
    op.create_table(
        "contact",
        *map(_text, ("user", "channel", "address")),
        sa.Column("position", sa.Integer(), nullable=False),
        _time("added_at"),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        _foreign("contact", "user", "user_account.name"),
        sa.PrimaryKeyConstraint("user", "channel", name=op.f("pk_contact")),
    )


def _create_escalation() -> None:
    op.create_table(
        "policy_step",
        _text("severity"),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        _text("target"),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("severity", "position", name=op.f("pk_policy_step")),
    )
    op.create_table(
        "escalation",
        _text("alert"),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        _time("due_at"),
        *map(_text, ("state", "reason")),
        _foreign("escalation", "alert", "alert.id"),
        sa.PrimaryKeyConstraint("alert", name=op.f("pk_escalation")),
    )
    op.create_index("ix_escalation_state_due_at", "escalation", ["state", "due_at"])


def downgrade() -> None:
    """Take back."""
    for table in _TABLES:
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
