"""Tables of the registry."""

from sqlalchemy import JSON, Column, Float, ForeignKey, Table, UniqueConstraint

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
)  # fmt: skip

gateway = Table(
    "gateway", metadata,
    text("id", primary_key=True), text("public_key"), Column("site", ForeignKey("site.id")),
    text("status", nullable=True), time("status_at", nullable=True),
    Column("heartbeat", Float, nullable=False, server_default="60"),
    Column("report", JSON, nullable=True),
)  # fmt: skip
"""``heartbeat``: s; a gateway that is online sends a batch at least so often. ``report``: the last one in its
status, with the agent's ``version`` and since when it runs."""

point = Table(
    "point", metadata,
    text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False), text("role"),
    Column("gateway", ForeignKey("gateway.id")),
)  # fmt: skip

permit = Table(
    "permit", metadata,
    Column("id", ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    time("from_at"), time("to_at"), text("reason"), text("approved_by"),
    UniqueConstraint("line", "from_at", "to_at"),
)  # fmt: skip
