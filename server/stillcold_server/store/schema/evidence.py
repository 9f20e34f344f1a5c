"""Tables of batches, chains, and how far each follower has come."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

batch = Table(
    "batch", metadata,
    Column("id", ROW_ID, primary_key=True),
    text("gateway"), Column("epoch", LargeBinary(8), nullable=False), Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False), Column("previous", LargeBinary(32), nullable=False),
    time("received_at"), Column("body", LargeBinary, nullable=False),
    UniqueConstraint("gateway", "epoch", "sequence"),
)  # fmt: skip
"""``body`` is the signed envelope as it came: telemetry and evidence are the same bytes."""

batch_point = Table(
    "batch_point", metadata,
    Column("batch", ForeignKey("batch.id"), primary_key=True), text("point", primary_key=True),
    time("first"), time("last"), Column("samples", Integer, nullable=False),
    Index("ix_batch_point_point_last", "point", "last"),
)  # fmt: skip

chain_note = Table(
    "chain_note", metadata,
    Column("id", ROW_ID, primary_key=True),
    text("gateway"), Column("epoch", LargeBinary(8), nullable=False), text("kind"),
    Column("sequence", BigInteger, nullable=False), Column("until", BigInteger, nullable=False), text("detail"),
    time("noted_at"), time("closed_at", nullable=True),
    UniqueConstraint("gateway", "epoch", "kind", "sequence"),
)  # fmt: skip
"""``kind``: gap (``sequence`` to ``until`` are missing; closed when each has come or is in a lost), lost (what is
not stored of them never will be, says the gateway), unwritten (readings that never had a sequence are lost, before
``sequence``), fork (a second envelope for one), broken (a batch does not name the hash of the one before it),
clock (the gateway's clock was set while the batch was open)."""

journal_epoch = Table(
    "journal_epoch", metadata,
    text("gateway", primary_key=True), Column("epoch", LargeBinary(8), primary_key=True),
    text("key"), Column("sequence", BigInteger, nullable=False), Column("head", LargeBinary(32), nullable=False),
    time("began", nullable=True), time("until", nullable=True),
    text("alert", nullable=True), Column("rival", LargeBinary, nullable=True),
)  # fmt: skip
"""The journals that gateways write, each with the key that signs it, its newest batch and the times, as far as they can
be believed, of its samples. ``alert``: what was said of a clone that writes it. ``rival``: the first envelope that was
refused because another had its place."""

log_entry = Table(
    "log_entry", metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("batch", ForeignKey("batch.id"), nullable=False, unique=True),
)  # fmt: skip
"""The log of receipts: which batch an entry is of, numbered from 0 without holes."""

log_tile = Table(
    "log_tile", metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)  # fmt: skip
"""Up to 256 hashes of the log's Merkle tree, of 32 bytes each."""

replay = Table(
    "replay", metadata,
    Column("id", ROW_ID, primary_key=True), Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("epoch", LargeBinary(8), nullable=False),
    Column("first", BigInteger, nullable=False), Column("until", BigInteger, nullable=False),
    time("asked_at"), time("sent_at", nullable=True),
)  # fmt: skip
"""What a gateway is to be asked for again, and when it was."""

refusal = Table(
    "refusal", metadata,
    text("reason", primary_key=True), text("gateway", primary_key=True),
    Column("count", BigInteger, nullable=False), time("last_at"),
)  # fmt: skip

cursor = Table(
    "cursor", metadata,
    text("name", primary_key=True), Column("position", BigInteger, nullable=False),
)  # fmt: skip
"""How far each follower of the batches has come: the id of the last one it has done."""

mark = Table(
    "mark", metadata,
    text("name", primary_key=True), Column("number", BigInteger, nullable=False),
)  # fmt: skip
"""``registry``: how often the registry was changed. ``checkpoint``: id of the last batch that every row of
``detector_state`` covers."""

rollup = Table(
    "rollup", metadata,
    text("point", primary_key=True), Column("resolution", Integer, primary_key=True),
    Column("start", BigInteger, primary_key=True), Column("columns", LargeBinary, nullable=False),
)  # fmt: skip

listener = Table(
    "listener", metadata,
    text("server", primary_key=True), time("since"), time("seen"),
)  # fmt: skip
"""Servers by the name of their session at the broker: since when each has listened, and when it said so last."""
