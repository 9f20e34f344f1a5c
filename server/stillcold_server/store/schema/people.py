"""Tables of accounts and sessions."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, String, Table

from stillcold_server.store.schema.columns import ROW_ID, metadata, text, time

user = Table(
    "user_account", metadata,
    text("name", primary_key=True), text("password_hash"),
    Column("must_change", Boolean, nullable=False), Column("disabled", Boolean, nullable=False), time("created_at"),
    Column("roles", JSON, nullable=False, server_default="[]"), Column("districts", JSON(none_as_null=True)),
)  # fmt: skip
"""``roles``: see people/rights.py. ``districts``: ids of those that the account is limited to; null where it is not."""

session = Table(
    "login_session", metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user", ForeignKey("user_account.name"), nullable=False), time("created_at"), time("expires_at"),
    Column("seen_at", BigInteger, nullable=False, server_default="0"),
    Column("address", String, nullable=False, server_default=""),
    Column("device", String, nullable=False, server_default=""),
    Index("ix_login_session_expires_at", "expires_at"),
)  # fmt: skip
"""``seen_at``: when it was last used, to the minute. ``address``, ``device``: where it began, and what the browser or
program called itself."""

login_failure = Table(
    "login_failure", metadata,
    Column("id", ROW_ID, primary_key=True), Column("key", LargeBinary(32), nullable=False), time("at"),
    Index("ix_login_failure_key_at", "key", "at"), Index("ix_login_failure_at", "at"),
)  # fmt: skip
"""Wrong passwords and codes; one that comes deletes what is older than a quarter of an hour. ``key``: SHA-256 of who
and where (people/throttle.py)."""

totp = Table(
    "totp", metadata,
    Column("user", ForeignKey("user_account.name"), primary_key=True), Column("secret", LargeBinary, nullable=False),
    time("confirmed_at", nullable=True), Column("step", BigInteger, nullable=False),
)  # fmt: skip
"""``secret``: sealed with the key of people.key_file. ``step``: the last one of which a code was taken."""

recovery_code = Table(
    "recovery_code", metadata,
    Column("user", ForeignKey("user_account.name"), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
)  # fmt: skip
"""SHA-256 of codes that have not been used."""
