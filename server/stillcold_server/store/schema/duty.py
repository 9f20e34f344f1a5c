"""Tables of duty: rosters and what changes them, contacts, escalation, handovers."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, Table, UniqueConstraint

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

roster = Table(
    "roster", metadata,
    text("id", primary_key=True), text("name"), Column("district", ForeignKey("district.id")),
    Column("day_starts", Integer, nullable=False), Column("continuous", Boolean, nullable=False),
    Column("turn_days", Integer, nullable=False), Column("anchor", Date, nullable=False),
    Column("supervisor", ForeignKey("user_account.name")),
)  # fmt: skip
"""``district`` is null on the roster of everything that has none of its own. ``day_starts`` in minutes since local
midnight."""

shift = Table(
    "shift", metadata,
    Column("roster", ForeignKey("roster.id"), primary_key=True), text("name", primary_key=True),
    Column("starts", Integer, nullable=False), Column("minutes", Integer, nullable=False), text("days"),
)  # fmt: skip

rotation = Table(
    "rotation", metadata,
    Column("roster", ForeignKey("roster.id"), primary_key=True), text("shift", primary_key=True),
    text("level", primary_key=True), Column("position", Integer, primary_key=True, autoincrement=False),
    Column("user", ForeignKey("user_account.name"), nullable=False),
)  # fmt: skip
"""Who takes turns in a shift; ``level``: first, second."""

duty_change = Table(
    "duty_change", metadata,
    Column("id", ROW_ID, primary_key=True), Column("roster", ForeignKey("roster.id"), nullable=False),
    Column("day", Date, nullable=False), text("shift"), text("level"),
    Column("giver", ForeignKey("user_account.name")),
    Column("taker", ForeignKey("user_account.name"), nullable=False),
    text("reason"), text("asked_by"), time("asked_at"), text("state"), text("decided_by", nullable=True),
    time("decided_at", nullable=True),
    Index("ix_duty_change_state_day", "state", "day"),
)  # fmt: skip
"""One shift that somebody else takes; a swap is two of them. ``giver`` is null where nobody had it. ``state``: asked,
approved, refused."""

absence = Table(
    "absence", metadata,
    Column("id", ROW_ID, primary_key=True), Column("user", ForeignKey("user_account.name"), nullable=False),
    time("from_at"), time("to_at"), text("reason"), text("noted_by"),
    Index("ix_absence_to_at", "to_at"),
)  # fmt: skip

calendar_day = Table(
    "calendar_day", metadata,
    Column("day", Date, primary_key=True), text("kind"), text("name"),
)  # fmt: skip
"""Days that are not as the week says. ``kind``: off (a holiday), work (a working day at a weekend, 调休)."""

contact = Table(
    "contact", metadata,
    Column("user", ForeignKey("user_account.name"), primary_key=True), text("channel", primary_key=True),
    text("address"), Column("position", Integer, nullable=False), time("added_at"),
    time("verified_at", nullable=True), text("code", nullable=True), Column("wrong", Integer, nullable=False),
)  # fmt: skip
"""How to reach somebody, in the order of ``position``. ``code``: what a test page says that has not been answered yet;
``wrong``: answers to it that were not right."""

policy_step = Table(
    "policy_step", metadata,
    text("severity", primary_key=True), Column("position", Integer, primary_key=True, autoincrement=False),
    text("target"), Column("times", Integer, nullable=False), Column("minutes", Integer, nullable=False),
)  # fmt: skip
"""``target``: first, second, supervisor; called ``times`` times, with ``minutes`` after each."""

escalation = Table(
    "escalation", metadata,
    Column("alert", ForeignKey("alert.id"), primary_key=True), Column("page", Integer, nullable=False),
    Column("step", Integer, nullable=False), time("due_at"), text("state"), text("reason"),
    Index("ix_escalation_state_due_at", "state", "due_at"),
)  # fmt: skip
"""How far the calls for an alert have come: ``page`` is the number of the next one, ``step`` its place in the policy.
``state``: running, stopped (``reason``: acknowledged, or graver: another alert of the incident is called for),
exhausted (all have been called; while nobody was reached the calls begin again instead).
An alert that is told again begins at the first place with the next number."""

handover = Table(
    "handover", metadata,
    Column("id", ROW_ID, primary_key=True), text("roster", nullable=True),
    Column("outgoing", ForeignKey("user_account.name"), nullable=False), time("signed_out_at"),
    Column("incoming", ForeignKey("user_account.name")), time("signed_in_at", nullable=True), text("remark"),
    text("content"), text("hash"), text("previous"), text("accepted", nullable=True),
    UniqueConstraint("previous"),
)  # fmt: skip
"""``content``: canonical JSON of what was handed over, as both have signed it; ``hash``: SHA-256 of it and of
``previous``, the hash of the handover before. ``remark``: of who took over; ``accepted``: SHA-256 of ``hash`` and of
who took over, when and with what remark."""
