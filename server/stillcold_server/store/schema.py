"""Tables. Every time is UTC in whole milliseconds since 1970 (``*_at``, ``first``, ``last``, ``began``, …)."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up by itself in SQLite


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(name, String, nullable=nullable, primary_key=primary_key)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


# --- registry ---------------------------------------------------------------------------------------------------------

site = Table(
    "site", metadata,
    _text("id", primary_key=True), _text("name"), _text("address"),
    Column("longitude", Float), Column("latitude", Float),
)  # fmt: skip

line = Table(
    "line", metadata,
    _text("id", primary_key=True), Column("site", ForeignKey("site.id"), nullable=False), _text("name"), _text("state"),
    Column("rated_power", Float, nullable=False), Column("nominal_voltage", Float, nullable=False),
    _time("sealed_at", nullable=True), Column("measures", JSON, nullable=False), _text("dismantle_by", nullable=True),
)  # fmt: skip

gateway = Table(
    "gateway", metadata,
    _text("id", primary_key=True), _text("public_key"), Column("site", ForeignKey("site.id")),
    _text("status", nullable=True), _time("status_at", nullable=True),
    Column("heartbeat", Float, nullable=False, server_default="60"),
    Column("report", JSON, nullable=True),
)  # fmt: skip
"""``heartbeat``: s; a gateway that is online sends a batch at least so often. ``report``: the last one in its
status, with the agent's ``version`` and since when it runs."""

point = Table(
    "point", metadata,
    _text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False), _text("role"),
    Column("gateway", ForeignKey("gateway.id")),
)  # fmt: skip

permit = Table(
    "permit", metadata,
    Column("id", _ROW_ID, primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    _time("from_at"), _time("to_at"), _text("reason"), _text("approved_by"),
    UniqueConstraint("line", "from_at", "to_at"),
)  # fmt: skip

# --- identity ---------------------------------------------------------------------------------------------------------

invitation = Table(
    "invitation", metadata,
    Column("gateway", ForeignKey("gateway.id"), primary_key=True),
    Column("key", LargeBinary(32), nullable=False), _time("expires_at"), _text("made_by"),
    Column("digest", LargeBinary(32)),
)  # fmt: skip
"""``key`` is made of the one-time code. ``digest``: of the one request that it was used for."""

enrolment = Table(
    "enrolment", metadata,
    Column("id", _ROW_ID, primary_key=True), Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False), Column("tls_key", LargeBinary(32), nullable=False),
    _text("public_key"), _text("request"),
    _text("state"), _time("asked_at"), _time("decided_at", nullable=True), _text("decided_by"), _text("reason"),
    UniqueConstraint("gateway", "digest"), Index("ix_enrolment_state", "state"),
)  # fmt: skip
"""A gateway's two keys, and whether they are believed. ``state``: waiting, approved, refused, revoked (for ever). A
gateway that was never asked in and is revoked has an empty ``digest``, ``tls_key`` and ``request``."""

certificate = Table(
    "certificate", metadata,
    _text("serial", primary_key=True), Column("enrolment", ForeignKey("enrolment.id"), nullable=False),
    _time("issued_at"), _time("expires_at"), _text("pem"),
    Index("ix_certificate_enrolment", "enrolment"),
)  # fmt: skip
"""``serial`` in hexadecimal."""

# --- evidence ---------------------------------------------------------------------------------------------------------

batch = Table(
    "batch", metadata,
    Column("id", _ROW_ID, primary_key=True),
    _text("gateway"), Column("epoch", LargeBinary(8), nullable=False), Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False), Column("previous", LargeBinary(32), nullable=False),
    _time("received_at"), Column("body", LargeBinary, nullable=False),
    UniqueConstraint("gateway", "epoch", "sequence"),
)  # fmt: skip
"""``body`` is the signed envelope as it came: telemetry and evidence are the same bytes."""

batch_point = Table(
    "batch_point", metadata,
    Column("batch", ForeignKey("batch.id"), primary_key=True), _text("point", primary_key=True),
    _time("first"), _time("last"), Column("samples", Integer, nullable=False),
    Index("ix_batch_point_point_last", "point", "last"),
)  # fmt: skip

chain_note = Table(
    "chain_note", metadata,
    Column("id", _ROW_ID, primary_key=True),
    _text("gateway"), Column("epoch", LargeBinary(8), nullable=False), _text("kind"),
    Column("sequence", BigInteger, nullable=False), Column("until", BigInteger, nullable=False), _text("detail"),
    _time("noted_at"), _time("closed_at", nullable=True),
    UniqueConstraint("gateway", "epoch", "kind", "sequence"),
)  # fmt: skip
"""``kind``: gap (``sequence`` to ``until`` are missing; closed when each has come or is in a lost), lost (what is
not stored of them never will be, says the gateway), unwritten (readings that never had a sequence are lost, before
``sequence``), fork (a second envelope for one), broken (a batch does not name the hash of the one before it),
clock (the gateway's clock was set while the batch was open)."""

journal_epoch = Table(
    "journal_epoch", metadata,
    _text("gateway", primary_key=True), Column("epoch", LargeBinary(8), primary_key=True),
    _text("key"), Column("sequence", BigInteger, nullable=False), Column("head", LargeBinary(32), nullable=False),
    _time("began", nullable=True), _time("until", nullable=True),
    _text("alert", nullable=True), Column("rival", LargeBinary, nullable=True),
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
    Column("id", _ROW_ID, primary_key=True), Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("epoch", LargeBinary(8), nullable=False),
    Column("first", BigInteger, nullable=False), Column("until", BigInteger, nullable=False),
    _time("asked_at"), _time("sent_at", nullable=True),
)  # fmt: skip
"""What a gateway is to be asked for again, and when it was."""

refusal = Table(
    "refusal", metadata,
    _text("reason", primary_key=True), _text("gateway", primary_key=True),
    Column("count", BigInteger, nullable=False), _time("last_at"),
)  # fmt: skip

cursor = Table(
    "cursor", metadata,
    _text("name", primary_key=True), Column("position", BigInteger, nullable=False),
)  # fmt: skip
"""How far each follower of the batches has come: the id of the last one it has done."""

mark = Table(
    "mark", metadata,
    _text("name", primary_key=True), Column("number", BigInteger, nullable=False),
)  # fmt: skip
"""``registry``: how often the registry was changed. ``checkpoint``: id of the last batch that every row of
``detector_state`` covers."""

rollup = Table(
    "rollup", metadata,
    _text("point", primary_key=True), Column("resolution", Integer, primary_key=True),
    Column("start", BigInteger, primary_key=True), Column("columns", LargeBinary, nullable=False),
)  # fmt: skip

# --- detection and alerts ---------------------------------------------------------------------------------------------

line_status = Table(
    "line_status", metadata,
    Column("line", ForeignKey("line.id"), primary_key=True),
    _text("condition"), _time("since"), _time("sampled_at", nullable=True), Column("interval", Float, nullable=False),
    Column("dead_s", Float, nullable=False), Column("live_s", Float, nullable=False),
    Column("unknown_s", Float, nullable=False),
)  # fmt: skip
"""``condition``: dead, live or unknown."""

detector_state = Table(
    "detector_state", metadata,
    _text("detector", primary_key=True), _text("subject", primary_key=True),
    Column("covers", BigInteger, nullable=False), Column("state", LargeBinary, nullable=False),
)  # fmt: skip
"""Written behind. ``covers``: id of the last batch that the state has seen; what came since is in memory, and after a
crash in the batches."""

incident = Table(
    "incident", metadata,
    _text("id", primary_key=True), Column("line", ForeignKey("line.id"), nullable=False),
    _time("opened_at"), _time("closed_at", nullable=True),
)  # fmt: skip

alert = Table(
    "alert", metadata,
    _text("id", primary_key=True), Column("incident", ForeignKey("incident.id"), nullable=False),
    _text("kind"), _text("severity"), _text("site"), _text("line"), _text("point"),
    _time("began"), _time("detected"), _time("ended", nullable=True), _time("raised_at"),
    _text("reason"), Column("evidence", JSON, nullable=False),
    _text("state"), _text("acknowledged_by", nullable=True), _time("acknowledged_at", nullable=True),
    Index("ix_alert_state_detected", "state", "detected"), Index("ix_alert_line", "line"),
)  # fmt: skip
"""``state`` after ISA-18.2: unacknowledged, acknowledged, returned (ended, unacknowledged), latched (ended and
acknowledged, waiting for a reset), normal. ``began`` and ``detected`` are times of samples, ``raised_at`` is the
server's."""

ahead = Table(
    "ahead", metadata,
    Column("alert", ForeignKey("alert.id"), primary_key=True), _text("line"), _text("point"), _time("detected"),
)  # fmt: skip
"""Alerts found ahead of a gateway's backlog, until their samples are judged in order."""

alert_journal = Table(
    "alert_journal", metadata,
    Column("id", _ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id"), nullable=False),
    _time("at"), _text("actor"), _text("transition"), _text("reason"), _text("note"),
    Index("ix_alert_journal_alert", "alert"),
)  # fmt: skip
"""Append-only."""

delivery = Table(
    "delivery", metadata,
    Column("id", _ROW_ID, primary_key=True), Column("alert", ForeignKey("alert.id"), nullable=False),
    _text("channel"), _text("state"), Column("attempts", Integer, nullable=False), _time("due_at"),
    _time("delivered_at", nullable=True), _text("detail"),
    UniqueConstraint("alert", "channel"), Index("ix_delivery_state_due_at", "state", "due_at"),
)  # fmt: skip
"""``state``: waiting, delivered, failed (given up), skipped (with the reason in ``detail``)."""

# --- people -----------------------------------------------------------------------------------------------------------

user = Table(
    "user_account", metadata,
    _text("name", primary_key=True), _text("role"), _text("password_hash"),
    Column("must_change", Boolean, nullable=False), Column("disabled", Boolean, nullable=False), _time("created_at"),
)  # fmt: skip
"""``role``: viewer, officer or admin."""

session = Table(
    "login_session", metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user", ForeignKey("user_account.name"), nullable=False), _time("created_at"), _time("expires_at"),
    Index("ix_login_session_expires_at", "expires_at"),
)  # fmt: skip
