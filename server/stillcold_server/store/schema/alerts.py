"""Tables of alerts, what holds them back, incidents and deliveries."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

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
    Column("stage", String, nullable=False, server_default=""),
    Column("held_why", String, nullable=False, server_default=""),
    time("held_at", nullable=True), time("held_until", nullable=True),
    time("announced_at", nullable=True), time("paged_at", nullable=True),
    Index("ix_alert_state_detected", "state", "detected"), Index("ix_alert_line", "line"),
    Index("ix_alert_announced_at", "announced_at"), Index("ix_alert_detected_id", "detected", "id"),
)  # fmt: skip
"""``state`` after ISA-18.2: unacknowledged, acknowledged, returned (ended, unacknowledged), latched (ended and
acknowledged, waiting for a reset), normal. ``began`` and ``detected`` are times of samples, ``raised_at`` is the
server's. ``stage``: of the pipeline, the one that hides the alert, with its reason in ``held_why``; both empty where
none does. ``announced_at``: since when it is shown to officers, ``paged_at``: when they were told; null until then."""

shelf = Table(
    "shelf", metadata,
    Column("id", ROW_ID, primary_key=True), text("line"), text("point"), text("kind"),
    text("reason"), text("actor"), time("from_at"), time("until"),
    time("ended_at", nullable=True), text("ended_by", nullable=True),
    Index("ix_shelf_line", "line"),
)  # fmt: skip
"""Alarms (a kind at a point of a line) that an officer has put aside for a time."""

out_of_service = Table(
    "out_of_service", metadata,
    Column("id", ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    Column("point", ForeignKey("point.id"), nullable=True),
    text("reason"), text("actor"), time("from_at"), time("until"),
    time("ended_at", nullable=True), text("ended_by", nullable=True),
    Index("ix_out_of_service_line", "line"),
)  # fmt: skip
"""Lines, or single points, that a keeper has taken out of service for a time; ``point`` is null for a whole line."""

ahead = Table(
    "ahead", metadata,
    Column("alert", ForeignKey("alert.id"), primary_key=True), text("line"), text("point"), time("detected"),
)  # fmt: skip
"""Alerts found ahead of a gateway's backlog, until their samples are judged in order."""

alert_journal = Table(
    "alert_journal", metadata,
    Column("id", ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id"), nullable=False),
    time("at"), text("actor"), text("transition"), text("reason"), text("note"),
    Index("ix_alert_journal_alert", "alert"), Index("ix_alert_journal_at", "at"),
)  # fmt: skip
"""Append-only."""

delivery = Table(
    "delivery", metadata,
    Column("id", ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id")),
    Column("page", Integer, nullable=False), text("recipient"), text("channel"), text("address"),
    text("state"), Column("attempts", Integer, nullable=False), Column("most", Integer, nullable=False),
    time("created_at"), time("due_at"), text("owner", nullable=True), time("until", nullable=True),
    Column("doubtful", Boolean, nullable=False), time("delivered_at", nullable=True), text("detail"),
    UniqueConstraint("alert", "page", "recipient", "channel"), Index("ix_delivery_state_due_at", "state", "due_at"),
)  # fmt: skip
"""The outbox: one row an alert, page of its escalation, recipient and channel. ``alert`` is null on a test page,
``recipient`` and ``address`` are empty on a channel of a group. ``state``: waiting, sending (by ``owner``, whose lease
lasts ``until``), delivered, failed (given up after ``most`` tries), skipped (with the reason in ``detail``).
``doubtful``: a try was cut off, so that the channel may have taken the message twice."""

delivery_try = Table(
    "delivery_try", metadata,
    Column("id", ROW_ID, primary_key=True), Column("delivery", ForeignKey("delivery.id"), nullable=False),
    time("at"), text("outcome"), text("detail"),
    Index("ix_delivery_try_delivery", "delivery"),
)  # fmt: skip
"""Append-only. ``outcome``: delivered, refused, cut_off (the sender ended before it could say)."""
