"""Sessions: a random token for the holder, its SHA-256 in the database."""

import hashlib
import secrets

from sqlalchemy import Connection, select

from stillcold_server.people.accounts import Account, account_of
from stillcold_server.store.schema import session, user

_BYTES = 32


def open_session(connection: Connection, name: str, *, now: int, expires_at: int) -> str:
    """Begin a session of an account and clear away those that have run out; times in ms.

    Returns
    -------
    str
        The token; it is kept nowhere.
    """
    connection.execute(session.delete().where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(_BYTES)
    row = {"token_hash": _hash(token), "user": name, "created_at": now, "expires_at": expires_at}
    connection.execute(session.insert(), row)
    return token


def find_session(connection: Connection, token: str, now: int) -> Account | None:
    """Whose session a token is; None when there is none, it has run out or the account is disabled."""
    row = connection.execute(
        select(user)
        .join(session, session.c.user == user.c.name)
        .where(session.c.token_hash == _hash(token), session.c.expires_at > now, user.c.disabled.is_(False))
    ).one_or_none()
    return account_of(row) if row else None


def close_session(connection: Connection, token: str) -> None:
    """End a session; nothing happens where there is none."""
    connection.execute(session.delete().where(session.c.token_hash == _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
