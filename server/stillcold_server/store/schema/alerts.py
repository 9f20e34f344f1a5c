"""Tables of alerts, incidents and deliveries."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

incident = Table(
    "incident", metadata,
    text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    time("opened_at"), time("closed_at", nullable=True),
)  # fmt: skip

alert = Table(
    "alert", metadata,
    text("id", primary_key=True), Column("incident", ForeignKey("incident.id"), nullable=False),
    text("kind"), text("severity"), text("site"), text("line"), text("point"),
    time("began"), time("detected"), time("ended", nullable=True), time("raised_at"),
    text("reason"), Column("evidence", JSON, nullable=False),
    text("state"), text("acknowledged_by", nullable=True), time("acknowledged_at", nullable=True),
    Index("ix_alert_state_detected", "state", "detected"), Index("ix_alert_line", "line"),
)  # fmt: skip
"""``state`` after ISA-18.2: unacknowledged, acknowledged, returned (ended, unacknowledged), latched (ended and
acknowledged, waiting for a reset), normal. ``began`` and ``detected`` are times of samples, ``raised_at`` is the
server's."""

ahead = Table(
    "ahead", metadata,
    Column("alert", ForeignKey("alert.id"), primary_key=True), text("line"), text("point"), time("detected"),
)  # fmt: skip
"""Alerts found ahead of a gateway's backlog, until their samples are judged in order."""

alert_journal = Table(
    "alert_journal", metadata,
    Column("id", ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id"), nullable=False),
    time("at"), text("actor"), text("transition"), text("reason"), text("note"),
    Index("ix_alert_journal_alert", "alert"),
)  # fmt: skip
"""Append-only."""

delivery = Table(
    "delivery", metadata,
    Column("id", ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id"), nullable=False),
    text("channel"), text("state"), Column("attempts", Integer, nullable=False), time("due_at"),
    time("delivered_at", nullable=True), text("detail"),
    UniqueConstraint("alert", "channel"), Index("ix_delivery_state_due_at", "state", "due_at"),
)  # fmt: skip
"""``state``: waiting, delivered, failed (given up), skipped (with the reason in ``detail``)."""
