"""Accounts: who may do what.

::

    AccountError (ValueError)     an account that cannot be made or changed so; ``reason`` is a stable word
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from stillcold_server.people.passwords import hash_password, matches, one_time_password, weakness
from stillcold_server.people.rights import ADMINISTRATORS, ROLES, Permission, Role, clash, permissions_of
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.schema import district, session, user

FIRST_ADMIN = "admin"
_LONGEST_NAME = 64


class AccountError(ValueError):
    """An account cannot be made or changed so.

    Parameters
    ----------
    reason : str
        ``name``, ``role``, ``apart``, ``district``, ``unlimited``, ``exists``, ``unknown_user``, ``last_admin``,
        ``wrong_password``, ``unchanged``, or a reason of :func:`~stillcold_server.people.passwords.weakness`.
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
    roles: tuple[Role, ...]
    must_change: bool
    """The password was given out and must be changed before anything else."""
    districts: tuple[str, ...] | None = None
    """Ids of the districts that it is limited to; None where it is not."""

    def may(self, *permissions: Permission) -> bool:
        """Whether a role of the account gives one of these permissions.

        Examples
        --------
        >>> zhang = Account("zhang", ("duty_officer",), False)
        >>> zhang.may("act"), zhang.may("people"), zhang.may("people", "watch")
        (True, False, True)
        """
        return not permissions_of(self.roles).isdisjoint(permissions)


def create_user(
    connection: Connection,
    name: str,
    roles: Collection[str],
    password: str | None = None,
    districts: Collection[str] | None = None,
) -> str:
    """Make an account.

    Parameters
    ----------
    name : str
        1 to 64 printable characters without a slash or spaces around them.
    roles : collection of str
        Of :data:`~stillcold_server.people.rights.ROLES`.
    password : str, optional
        A chosen password. Without it the account gets a one-time password that must be changed at the first login.
    districts : collection of str, optional
        Ids of the districts that the account is limited to.

    Returns
    -------
    str
        The password.

    Raises
    ------
    AccountError
        When the name is taken or not usable, a role unknown or not to be held with another, the password weak.
    """
    if not usable_name(name):
        raise AccountError("name", f"expected 1 to {_LONGEST_NAME} printable characters without a slash, got {name!r}")
    _check_rights(connection, roles, districts)
    if connection.scalar(select(user.c.name).where(user.c.name == name)) is not None:
        raise AccountError("exists", f"there is a user {name!r} already")
    if password is not None:
        _check_strength(connection, name, password)
    given = password or one_time_password()
    row = {
        "name": name, "password_hash": hash_password(given), "must_change": password is None, "disabled": False,
        "created_at": wall_clock(),
    }  # fmt: skip
    connection.execute(user.insert(), row | _given(roles, districts))
    return given


def set_rights(
    connection: Connection, name: str, roles: Collection[str], districts: Collection[str] | None = None
) -> None:
    """Give an account other roles and districts; ends its sessions.

    Raises
    ------
    AccountError
        When it is unknown, a role is unknown or not to be held with another, or no security administrator would be
        left.
    """
    _check_rights(connection, roles, districts)
    row = _known(connection, name)
    if "security_admin" in row.roles and "security_admin" not in roles:
        _check_not_last(connection, name)
    connection.execute(update(user).where(user.c.name == name).values(_given(roles, districts)))
    end_sessions(connection, name)


def ensure_first_admin(connection: Connection) -> str | None:
    """Make the security administrator ``admin`` where there is no user at all; its one-time password, or None."""
    if connection.scalar(select(func.count()).select_from(user)):
        return None
    return create_user(connection, FIRST_ADMIN, ["security_admin"])


def usable_name(name: str) -> bool:
    """Whether a name can be an account's."""
    return 0 < len(name) <= _LONGEST_NAME and name == name.strip() and name.isprintable() and "/" not in name


def is_user(connection: Connection, name: str) -> bool:
    """Whether there is an account of this name."""
    return usable_name(name) and _find(connection, name) is not None


def check_login(connection: Connection, name: str, password: str) -> Account | None:
    """The account of a name and password; None without saying which of them is wrong, or that it is disabled."""
    row = _find(connection, name) if usable_name(name) else None
    # A name that nobody has takes as long as a wrong password.
    good = matches(row.password_hash if row else _nobodys_hash(), password)
    return account_of(row) if row and good and not row.disabled else None


def chosen_password(connection: Connection, name: str, old: str, new: str) -> str:
    """The hash of a new password that somebody has chosen for their own account.

    Raises
    ------
    AccountError
    """
    if check_login(connection, name, old) is None:
        raise AccountError("wrong_password", "the present password is not right")
    if old == new:
        raise AccountError("unchanged", "the new password is the present one")
    _check_strength(connection, name, new)
    return hash_password(new)


def set_password(connection: Connection, name: str, password_hash: str, *, must_change: bool) -> None:
    """Give an account another password; ends all its sessions.

    Raises
    ------
    AccountError
        When it is unknown.
    """
    _known(connection, name)
    values = {"password_hash": password_hash, "must_change": must_change}
    connection.execute(update(user).where(user.c.name == name).values(values))
    end_sessions(connection, name)


def set_disabled(connection: Connection, name: str, disabled: bool) -> None:
    """Close or open an account; closing ends its sessions.

    Raises
    ------
    AccountError
        When it is unknown, or the last security administrator would be shut out.
    """
    row = _known(connection, name)
    if disabled and "security_admin" in row.roles:
        _check_not_last(connection, name)
    connection.execute(update(user).where(user.c.name == name).values(disabled=disabled))
    if disabled:
        end_sessions(connection, name)


def known_user(connection: Connection, name: str) -> str:
    """The name of an account that there is.

    Raises
    ------
    AccountError
    """
    return str(_known(connection, name).name)


def end_sessions(connection: Connection, name: str) -> None:
    """Log an account out everywhere."""
    connection.execute(session.delete().where(session.c.user == name))


def account_of(row: Row[Any]) -> Account:
    """A row of the table as an account."""
    districts = None if row.districts is None else tuple(row.districts)
    return Account(row.name, tuple(row.roles), row.must_change, districts)


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(user).where(user.c.name == name)).one_or_none()


def _known(connection: Connection, name: str) -> Row[Any]:
    row = _find(connection, name)
    if row is None:
        raise AccountError("unknown_user", f"there is no user {name!r}")
    return row


def _check_rights(connection: Connection, roles: Collection[str], districts: Collection[str] | None) -> None:
    reason = clash(roles)
    if reason == "role":
        raise AccountError("role", f"expected roles of {', '.join(ROLES)}; got {', '.join(roles)}")
    if reason:
        raise AccountError(reason, "system, security and audit administration are apart, and an auditor does no more")
    if districts is None:
        return
    if set(roles) & set(ADMINISTRATORS):
        raise AccountError("unlimited", "what an administrator does is not divided by districts")
    known = set(connection.execute(select(district.c.id)).scalars())
    if not districts or not set(districts) <= known:
        raise AccountError("district", f"expected districts of {', '.join(sorted(known))}; got {', '.join(districts)}")


def _check_not_last(connection: Connection, name: str) -> None:
    """Nobody else may take the others' rights away meanwhile: their rows are held."""
    others = select(user.c.roles).where(user.c.disabled.is_(False), user.c.name != name).with_for_update()
    if not any("security_admin" in roles for roles in connection.execute(others).scalars()):
        raise AccountError("last_admin", "nobody would be left who can manage users")


def _given(roles: Collection[str], districts: Collection[str] | None) -> dict[str, Any]:
    ordered = [role for role in ROLES if role in roles]
    return {"roles": ordered, "districts": None if districts is None else sorted(districts)}


def _check_strength(connection: Connection, name: str, password: str) -> None:
    districts = connection.execute(select(district.c.id, district.c.name))
    reason = weakness(password, (name, *(word for row in districts for word in row)))
    if reason is not None:
        raise AccountError(reason, f"the password is not strong enough: {reason}")


@cache
def _nobodys_hash() -> str:
    return hash_password(one_time_password())
