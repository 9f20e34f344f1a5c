"""Tables of the registry."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

district = Table(
    "district", metadata,
    text("id", primary_key=True), text("name"),
)  # fmt: skip

enterprise = Table(
    "enterprise", metadata,
    text("id", primary_key=True), text("name"), text("credit_code"), text("contact"), text("phone"),
)  # fmt: skip

site = Table(
    "site", metadata,
    text("id", primary_key=True), text("name"), text("address"),
    Column("longitude", Float), Column("latitude", Float),
    Column("district", ForeignKey("district.id")), Column("enterprise", ForeignKey("enterprise.id")),
)  # fmt: skip

line = Table(
    "line", metadata,
    text("id", primary_key=True), Column("site", ForeignKey("site.id"), nullable=False), text("name"), text("state"),
    Column("rated_power", Float, nullable=False), Column("nominal_voltage", Float, nullable=False),
    time("sealed_at", nullable=True), Column("measures", JSON, nullable=False), text("dismantle_by", nullable=True),
    text("stage", nullable=True),
)  # fmt: skip
"""``state`` is what detection reads; ``stage``, of its life, says why. Dates are ISO 8601."""

gateway = Table(
    "gateway", metadata,
    text("id", primary_key=True), text("public_key"), Column("site", ForeignKey("site.id")),
    text("status", nullable=True), time("status_at", nullable=True),
    Column("heartbeat", Float, nullable=False, server_default="60"),
    Column("report", JSON, nullable=True), time("heard_at", nullable=True),
)  # fmt: skip
"""``heartbeat``: s; a gateway that is online sends a batch at least so often, as far as it is believed. ``report``: the
last one in its status, with the agent's ``version`` and since when it runs. ``heard_at``: when its last new batch
came."""

point = Table(
    "point", metadata,
    text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False), text("role"),
    Column("gateway", ForeignKey("gateway.id")),
)  # fmt: skip

permit = Table(
    "permit", metadata,
    Column("id", ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    time("from_at"), time("to_at"), text("reason"), text("approved_by"),
    Column("state", String, nullable=False, server_default="approved"),
    Column("asked_by", String, nullable=False, server_default=""), time("asked_at", nullable=True),
    time("decided_at", nullable=True), Column("note", String, nullable=False, server_default=""),
    UniqueConstraint("line", "from_at", "to_at"),
)  # fmt: skip
"""``state``: asked, approved, refused, withdrawn; only the approved settle an alert. ``approved_by``: who decided."""

meter = Table(
    "meter", metadata,
    text("id", primary_key=True), Column("point", ForeignKey("point.id"), nullable=False), text("model"),
    text("serial"), text("certificate"), text("laboratory"), text("issued", nullable=True),
    text("expires", nullable=True),
)  # fmt: skip

seal = Table(
    "seal", metadata,
    text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False), text("place"),
    time("applied_at"), text("applied_by"), text("state"), time("ended_at", nullable=True), text("ended_by"),
    text("replaced_by", nullable=True), text("photo"), Index("ix_seal_line", "line"),
)  # fmt: skip

identification = Table(
    "identification", metadata,
    Column("line", ForeignKey("line.id"), primary_key=True), text("standard", primary_key=True), text("bureau"),
    text("identified_on"), text("rectify_by", nullable=True), text("extended_to", nullable=True),
)  # fmt: skip

document = Table(
    "document", metadata,
    text("sha256", primary_key=True), text("name"), text("media_type"), Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False), text("stored_by"), time("stored_at"),
)  # fmt: skip

attachment = Table(
    "attachment", metadata,
    Column("id", ROW_ID, primary_key=True), Column("document", ForeignKey("document.sha256"), nullable=False),
    text("kind"), text("subject"), text("role"), text("attached_by"), time("attached_at"),
    UniqueConstraint("kind", "subject", "document", "role"),
)  # fmt: skip
"""What a document is to an entry of the ledger: ``kind`` is its table, ``subject`` its key."""

line_step = Table(
    "line_step", metadata,
    Column("id", ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    time("at"), text("actor"), text("step"), text("before", nullable=True), text("after", nullable=True), text("note"),
    Column("facts", JSON, nullable=False), Index("ix_line_step_line", "line"),
)  # fmt: skip
"""Append-only, by triggers: steps of lines' lives, each with the stage before and after, and what was given with it."""

ledger_change = Table(
    "ledger_change", metadata,
    Column("id", ROW_ID, primary_key=True), time("at"), text("actor"), text("cause"),
    text("kind"), text("subject"), text("field"), text("before", nullable=True), text("after", nullable=True),
    Index("ix_ledger_change_kind_subject", "kind", "subject"),
)  # fmt: skip
"""Append-only, by triggers: a row per changed field, values as JSON; a new entry is one row without a field."""

reminder = Table(
    "reminder", metadata,
    text("kind", primary_key=True), text("subject", primary_key=True), text("due_on", primary_key=True),
    Column("days", Integer, primary_key=True, autoincrement=False), text("line"), time("raised_at"),
    time("seen_at", nullable=True), text("seen_by"),
)  # fmt: skip
"""Deadlines that were said to be near: once at each of so many ``days`` before; 0 when it is over."""
