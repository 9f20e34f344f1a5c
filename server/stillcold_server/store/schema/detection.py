"""Tables of detection."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, LargeBinary, Table

from stillcold_server.store.schema.columns import metadata, text, time

line_status = Table(
    "line_status", metadata,
    Column("line", ForeignKey("line.id"), primary_key=True),
    text("condition"), time("since"), time("sampled_at", nullable=True), Column("interval", Float, nullable=False),
    Column("dead_s", Float, nullable=False), Column("live_s", Float, nullable=False),
    Column("unknown_s", Float, nullable=False),
)  # fmt: skip
"""``condition``: dead, live or unknown."""

detector_state = Table(
    "detector_state", metadata,
    text("detector", primary_key=True), text("subject", primary_key=True),
    Column("covers", BigInteger, nullable=False), Column("state", LargeBinary, nullable=False),
)  # fmt: skip
"""Written behind. ``covers``: id of the last batch that the state has seen; what came since is in memory, and after a
crash in the batches."""
