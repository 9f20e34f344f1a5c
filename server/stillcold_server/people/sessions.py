"""Sessions: a random token for the holder, its SHA-256 in the database."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update

from stillcold_server.people.accounts import Account, account_of
from stillcold_server.store.database import write
from stillcold_server.store.schema import session, user

_BYTES = 32
_MINUTE = 60_000  # ms
_DEVICE = 400
_ID = 16
"""Hexadecimal digits of the hash by which a session is named: they open nothing."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that goes on.

    Attributes
    ----------
    account : Account
        Whose.
    created_at : int
        ms; when the name and password were typed.
    seen_at : int
        ms; when it was last used, to the minute.
    """

    account: Account
    created_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session began.

    Attributes
    ----------
    address : str
        Of the network.
    device : str
        What a browser or program called itself (``User-Agent``).
    """

    address: str
    device: str = ""


def open_session(connection: Connection, name: str, *, now: int, expires_at: int, origin: Origin = Origin("")) -> str:
    """Begin a session of an account and clear away those that have run out; times in ms.

    Returns
    -------
    str
        The token; it is kept nowhere.
    """
    connection.execute(session.delete().where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(_BYTES)
    connection.execute(session.insert(), {
        "token_hash": _hash(token), "user": name, "created_at": now, "expires_at": expires_at, "seen_at": now,
        "address": origin.address, "device": origin.device[:_DEVICE],
    })  # fmt: skip
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
        select(user, session.c.created_at.label("begun_at"), session.c.seen_at)
        .join(session, session.c.user == user.c.name)
        .where(
            session.c.token_hash == _hash(token), session.c.expires_at > now, session.c.seen_at > now - idle,
            user.c.disabled.is_(False),
        )
    ).one_or_none()  # fmt: skip
    return Session(account_of(row), row.begun_at, row.seen_at) if row else None


def touch(engine: Engine, token: str, seen_at: int, now: int) -> None:
    """Note that a session is used; once a minute is enough."""
    if now - seen_at >= _MINUTE:
        with write(engine) as connection:
            connection.execute(update(session).where(session.c.token_hash == _hash(token)).values(seen_at=now))


def close_session(connection: Connection, token: str) -> None:
    """End a session; nothing happens where there is none."""
    connection.execute(session.delete().where(session.c.token_hash == _hash(token)))


def list_sessions(connection: Connection, name: str, now: int, idle: int) -> list[Row[Any]]:
    """The sessions of an account that go on, the one used last first; see :func:`find_session` for the times."""
    s = session.c
    going_on = (s.user == name) & (s.expires_at > now) & (s.seen_at > now - idle)
    return list(connection.execute(select(session).where(going_on).order_by(s.seen_at.desc(), s.created_at.desc())))


def id_of(token_hash: bytes) -> str:
    """The id under which the owner of a session sees it."""
    return token_hash.hex()[:_ID]


def id_of_token(token: str) -> str:
    """That of the session of a token."""
    return id_of(_hash(token))


def end_session(connection: Connection, name: str, id_: str) -> bool:
    """End a session of an account; whether there was one of this id."""
    rows = connection.execute(select(session.c.token_hash).where(session.c.user == name)).scalars()
    wanted = [digest for digest in rows if id_of(digest) == id_]
    connection.execute(session.delete().where(session.c.token_hash.in_(wanted)))
    return bool(wanted)


def end_other_sessions(connection: Connection, name: str, token: str) -> None:
    """Log an account out everywhere but in the session of a token."""
    connection.execute(session.delete().where(session.c.user == name, session.c.token_hash != _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
