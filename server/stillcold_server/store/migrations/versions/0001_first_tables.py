"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.LargeBinary(length=8), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("gateway", "epoch", "sequence", name=op.f("uq_batch_gateway_epoch_sequence")),
    )
    op.create_table(
        "chain_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.LargeBinary(length=8), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_note")),
        sa.UniqueConstraint(
            "gateway", "epoch", "kind", "sequence", name=op.f("uq_chain_note_gateway_epoch_kind_sequence")
        ),
    )
    op.create_table(
        "cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursor")),
    )
    op.create_table(
        "refusal",
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reason", "gateway", name=op.f("pk_refusal")),
    )
    op.create_table(
        "rollup",
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("point", "resolution", "start", name=op.f("pk_rollup")),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    op.create_table(
        "user_account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_user_account")),
    )
    op.create_table(
        "batch_point",
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batch.id"], name=op.f("fk_batch_point_batch")),
        sa.PrimaryKeyConstraint("batch", "point", name=op.f("pk_batch_point")),
    )
    with op.batch_alter_table("batch_point", schema=None) as batch_op:
        batch_op.create_index("ix_batch_point_point_last", ["point", "last"], unique=False)

    op.create_table(
        "gateway",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("status_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat", sa.Float(), server_default="60", nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.id"], name=op.f("fk_gateway_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway")),
    )
    op.create_table(
        "line",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rated_power", sa.Float(), nullable=False),
        sa.Column("nominal_voltage", sa.Float(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=True),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("dismantle_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["site.id"], name=op.f("fk_line_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line")),
    )
    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["user_account.name"], name=op.f("fk_login_session_user")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_session")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index("ix_login_session_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "incident",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_incident_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_table(
        "line_status",
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("sampled_at", sa.BigInteger(), nullable=True),
        sa.Column("interval", sa.Float(), nullable=False),
        sa.Column("dead_s", sa.Float(), nullable=False),
        sa.Column("live_s", sa.Float(), nullable=False),
        sa.Column("unknown_s", sa.Float(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_line_status_line")),
        sa.PrimaryKeyConstraint("line", name=op.f("pk_line_status")),
    )
    op.create_table(
        "permit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_permit_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit")),
        sa.UniqueConstraint("line", "from_at", "to_at", name=op.f("uq_permit_line_from_at_to_at")),
    )
    op.create_table(
        "point",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name=op.f("fk_point_gateway")),
        sa.ForeignKeyConstraint(["line"], ["line.id"], name=op.f("fk_point_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("point", sa.String(), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("detected", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_alert_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("ix_alert_line", ["line"], unique=False)
        batch_op.create_index("ix_alert_state_detected", ["state", "detected"], unique=False)

    op.create_table(
        "alert_journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("transition", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_alert_journal_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_journal")),
    )
    with op.batch_alter_table("alert_journal", schema=None) as batch_op:
        batch_op.create_index("ix_alert_journal_alert", ["alert"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name=op.f("fk_delivery_alert")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("alert", "channel", name=op.f("uq_delivery_alert_channel")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_state_due_at", ["state", "due_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_state_due_at")

    op.drop_table("delivery")
    with op.batch_alter_table("alert_journal", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_journal_alert")

    op.drop_table("alert_journal")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_state_detected")
        batch_op.drop_index("ix_alert_line")

    op.drop_table("alert")
    op.drop_table("point")
    op.drop_table("permit")
    op.drop_table("line_status")
    op.drop_table("incident")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_index("ix_login_session_expires_at")

    op.drop_table("login_session")
    op.drop_table("line")
    op.drop_table("gateway")
    with op.batch_alter_table("batch_point", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_point_point_last")

    op.drop_table("batch_point")
    op.drop_table("user_account")
    op.drop_table("site")
    op.drop_table("rollup")
    op.drop_table("refusal")
    op.drop_table("cursor")
    op.drop_table("chain_note")
    op.drop_table("batch")
