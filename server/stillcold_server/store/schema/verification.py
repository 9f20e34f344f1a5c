"""Tables of verifications and of signed statements."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

statement = Table(
    "statement", metadata,
    text("id", primary_key=True), text("kind"), Column("line", ForeignKey("line.id"), nullable=False),
    time("from_at"), time("to_at"), Column("version", Integer, nullable=False), text("result"),
    time("made_at"), text("digest"), text("note"),
    UniqueConstraint("line", "kind", "from_at", "version"),
)  # fmt: skip
"""Never changed and never deleted. ``kind``: sealing or day. ``result``: of a sealing passed, failed or incomplete; of
a day empty. ``note``: the signed statement; ``digest``: SHA-256 of its text, in hexadecimal. Of those of one line,
kind and ``from_at`` the highest ``version`` counts."""

verification = Table(
    "verification", metadata,
    Column("id", ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    time("from_at"), time("to_at"), Column("behind_cut", JSON, nullable=False),
    text("started_by"), text("state"), time("closed_at", nullable=True), text("closed_by"),
    Column("statement", ForeignKey("statement.id")),
    UniqueConstraint("line", "from_at"), Index("ix_verification_state", "state"),
)  # fmt: skip
Index(
    "ix_verification_running", verification.c.line, unique=True,
    sqlite_where=verification.c.state == "running", postgresql_where=verification.c.state == "running",
)  # fmt: skip
"""Observations of a line at its sealing. ``state``: running (one of a line at most), decided (with a ``statement``) or
abandoned."""
