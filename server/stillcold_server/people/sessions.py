"""Sessions: a random token for the holder, its SHA-256 in the database."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from stillcold_server.people.accounts import Account, account_of
from stillcold_server.store.database import write
from stillcold_server.store.schema import session, user

_BYTES = 32
_MINUTE = 60_000  # ms


@dataclass(frozen=True, slots=True)
class Session:
    """A session that goes on.

    Attributes
    ----------
    account : Account
        Whose.
    seen_at : int
        ms; when it was last used, to the minute.
    """

    account: Account
    seen_at: int


def open_session(connection: Connection, name: str, *, now: int, expires_at: int) -> str:
    """Begin a session of an account and clear away those that have run out; times in ms.

    Returns
    -------
    str
        The token; it is kept nowhere.
    """
    connection.execute(session.delete().where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(_BYTES)
    row = {"token_hash": _hash(token), "user": name, "created_at": now, "expires_at": expires_at, "seen_at": now}
    connection.execute(session.insert(), row)
    return token


def find_session(connection: Connection, token: str, now: int, idle: int) -> Session | None:
    """Whose session a token is; None when there is none, it has run out or the account is disabled.

    Parameters
    ----------
    now : int
        ms.
    idle : int
        ms after which a session ends that nobody uses.
    """
    row = connection.execute(
        select(user, session.c.seen_at)
        .join(session, session.c.user == user.c.name)
        .where(
            session.c.token_hash == _hash(token), session.c.expires_at > now, session.c.seen_at > now - idle,
            user.c.disabled.is_(False),
        )
    ).one_or_none()  # fmt: skip
    return Session(account_of(row), row.seen_at) if row else None


def touch(engine: Engine, token: str, seen_at: int, now: int) -> None:
    """Note that a session is used; once a minute is enough."""
    if now - seen_at >= _MINUTE:
        with write(engine) as connection:
            connection.execute(update(session).where(session.c.token_hash == _hash(token)).values(seen_at=now))


def close_session(connection: Connection, token: str) -> None:
    """End a session; nothing happens where there is none."""
    connection.execute(session.delete().where(session.c.token_hash == _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
