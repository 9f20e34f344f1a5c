"""Tables of gateways' keys and certificates."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

invitation = Table(
    "invitation", metadata,
    Column("gateway", ForeignKey("gateway.id"), primary_key=True),
    Column("key", LargeBinary(32), nullable=False), time("expires_at"), text("made_by"),
    Column("digest", LargeBinary(32)),
)  # fmt: skip
"""``key`` is made of the one-time code. ``digest``: of the one request that it was used for."""

enrolment = Table(
    "enrolment", metadata,
    Column("id", ROW_ID, primary_key=True), Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False), Column("tls_key", LargeBinary(32), nullable=False),
    text("public_key"), text("request"),
    text("state"), time("asked_at"), time("decided_at", nullable=True), text("decided_by"), text("reason"),
    UniqueConstraint("gateway", "digest"), Index("ix_enrolment_state", "state"),
)  # fmt: skip
"""A gateway's two keys, and whether they are believed. ``state``: waiting, approved, refused, revoked (for ever). A
gateway that was never asked in and is revoked has an empty ``digest``, ``tls_key`` and ``request``."""

certificate = Table(
    "certificate", metadata,
    text("serial", primary_key=True), Column("enrolment", ForeignKey("enrolment.id"), nullable=False),
    time("issued_at"), time("expires_at"), text("pem"),
    Index("ix_certificate_enrolment", "enrolment"),
)  # fmt: skip
"""``serial`` in hexadecimal."""
