"""Accounts: who may do what.

::

    AccountError (ValueError)     an account that cannot be made or changed so; ``reason`` is a stable word
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast, get_args

from sqlalchemy import Connection, Engine, Row, func, select, update

from stillcold_server.people.passwords import hash_password, matches, one_time_password, weakness
from stillcold_server.store.database import read, write
from stillcold_server.store.schema import session, user

Role = Literal["viewer", "officer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may: see; acknowledge and reset; manage users."""
FIRST_ADMIN = "admin"
_LONGEST_NAME = 64


class AccountError(ValueError):
    """An account cannot be made or changed so.

    Parameters
    ----------
    reason : str
        ``name``, ``role``, ``exists``, ``unknown_user``, ``last_admin``, ``wrong_password``, ``unchanged``, or a reason
        of :func:`~stillcold_server.people.passwords.weakness`.
    message : str
        What is wrong.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can log in."""

    name: str
    role: Role
    must_change: bool
    """The password was given out and must be changed before anything else."""

    def may(self, role: Role) -> bool:
        """Whether the account's role reaches to ``role``.

        Examples
        --------
        >>> Account("zhang", "officer", False).may("viewer"), Account("zhang", "officer", False).may("admin")
        (True, False)
        """
        return ROLES.index(self.role) >= ROLES.index(role)


def create_user(connection: Connection, name: str, role: str, password: str | None = None) -> str:
    """Make an account.

    Parameters
    ----------
    name : str
        1 to 64 printable characters without a slash or spaces around them.
    role : str
        One of :data:`ROLES`.
    password : str, optional
        A chosen password. Without it the account gets a one-time password that must be changed at the first login.

    Returns
    -------
    str
        The password.

    Raises
    ------
    AccountError
        When the name is taken or not usable, the role unknown, the password weak.
    """
    if not usable_name(name):
        raise AccountError("name", f"expected 1 to {_LONGEST_NAME} printable characters without a slash, got {name!r}")
    if role not in ROLES:
        raise AccountError("role", f"expected one of {', '.join(ROLES)}, got {role!r}")
    if connection.scalar(select(user.c.name).where(user.c.name == name)) is not None:
        raise AccountError("exists", f"there is a user {name!r} already")
    if password is not None:
        _check_strength(name, password)
    given = password or one_time_password()
    row = {
        "name": name, "role": role, "password_hash": hash_password(given), "must_change": password is None,
        "disabled": False, "created_at": time.time_ns() // 1_000_000,
    }  # fmt: skip
    connection.execute(user.insert(), row)
    return given


def ensure_first_admin(connection: Connection) -> str | None:
    """Make the user ``admin`` where there is no user at all; its one-time password, or None."""
    if connection.scalar(select(func.count()).select_from(user)):
        return None
    return create_user(connection, FIRST_ADMIN, "admin")


def usable_name(name: str) -> bool:
    """Whether a name can be an account's."""
    return 0 < len(name) <= _LONGEST_NAME and name == name.strip() and name.isprintable() and "/" not in name


def check_login(connection: Connection, name: str, password: str) -> Account | None:
    """The account of a name and password; None without saying which of them is wrong, or that it is disabled."""
    row = _find(connection, name) if usable_name(name) else None
    # A name that nobody has takes as long as a wrong password.
    good = matches(row.password_hash if row else _nobodys_hash(), password)
    return account_of(row) if row and good and not row.disabled else None


def change_password(engine: Engine, name: str, old: str, new: str) -> None:
    """Change one's own password and end all sessions of the account.

    Raises
    ------
    AccountError
    """
    with read(engine) as connection:
        known = check_login(connection, name, old)
    if known is None:
        raise AccountError("wrong_password", "the present password is not right")
    if old == new:
        raise AccountError("unchanged", "the new password is the present one")
    _check_strength(name, new)
    _set_password(engine, name, new, must_change=False)


def give_password(engine: Engine, name: str) -> str:
    """A new one-time password for somebody who has lost theirs; ends all sessions of the account.

    Raises
    ------
    AccountError
    """
    with read(engine) as connection:
        _known(connection, name)
    password = one_time_password()
    _set_password(engine, name, password, must_change=True)
    return password


def set_disabled(connection: Connection, name: str, disabled: bool) -> None:
    """Close or open an account; closing ends its sessions.

    Raises
    ------
    AccountError
        When it is unknown, or the last administrator would be shut out.
    """
    row = _known(connection, name)
    admins = (user.c.role == "admin") & user.c.disabled.is_(False) & (user.c.name != name)
    others = connection.scalar(select(func.count()).select_from(user).where(admins))
    if disabled and row.role == "admin" and not others:
        raise AccountError("last_admin", "nobody would be left who can manage users")
    connection.execute(update(user).where(user.c.name == name).values(disabled=disabled))
    if disabled:
        _end_sessions(connection, name)


def account_of(row: Row[Any]) -> Account:
    """A row of the table as an account."""
    return Account(row.name, cast("Role", row.role), row.must_change)


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(user).where(user.c.name == name)).one_or_none()


def _known(connection: Connection, name: str) -> Row[Any]:
    row = _find(connection, name)
    if row is None:
        raise AccountError("unknown_user", f"there is no user {name!r}")
    return row


def _check_strength(name: str, password: str) -> None:
    reason = weakness(name, password)
    if reason is not None:
        raise AccountError(reason, f"the password is not strong enough: {reason}")


def _set_password(engine: Engine, name: str, password: str, *, must_change: bool) -> None:
    values = {"password_hash": hash_password(password), "must_change": must_change}  # slow: before the write lock
    with write(engine) as connection:
        connection.execute(update(user).where(user.c.name == name).values(values))
        _end_sessions(connection, name)


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(session.delete().where(session.c.user == name))


@cache
def _nobodys_hash() -> str:
    return hash_password(one_time_password())
