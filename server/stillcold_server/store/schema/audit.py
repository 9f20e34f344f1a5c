"""Tables of the audit log."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from stillcold_server.store.schema.columns import metadata, text, time

audit_entry = Table(
    "audit_entry", metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    time("at"), text("actor"), text("address"), text("action"), text("subject"), text("outcome"), text("note"),
    Column("previous", LargeBinary(32), nullable=False), Column("hash", LargeBinary(32), nullable=False),
    Index("ix_audit_entry_at", "at"), Index("ix_audit_entry_actor", "actor"),
)  # fmt: skip
"""Append-only, by triggers: no row is changed, and none is deleted that is younger than half a year or that no
checkpoint covers. Numbered from 1 without holes. ``outcome``: done, or the word of the refusal."""

audit_head = Table(
    "audit_head", metadata,
    text("name", primary_key=True), Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)  # fmt: skip
"""One row, ``head``: the newest entry; whoever appends holds it."""

audit_checkpoint = Table(
    "audit_checkpoint", metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    time("at"), Column("hash", LargeBinary(32), nullable=False), text("note"),
)  # fmt: skip
"""``note``: the number and the hash of an entry, signed with the evidence key."""
