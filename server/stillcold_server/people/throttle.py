"""Slowing down those who guess passwords, on all servers of a database together."""

import hashlib
import ipaddress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from stillcold_server.store.database import read, write
from stillcold_server.store.schema import login_failure

_LONGEST = 900_000
"""ms; failures are deleted that are older."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts failures by key and says how long a key must wait.

    Attributes
    ----------
    failures : int
        Failures that are free in a window.
    window : int
        ms, up to a quarter of an hour.
    """

    failures: int
    window: int

    def wait(self, connection: Connection, key: str, now: int) -> float:
        """s until a key may try again; 0 when it may now. What is in the future, of a clock set back, is nothing."""
        f = login_failure.c
        recent = (f.key == _digest(key)) & (f.at > now - self.window) & (f.at <= now)
        query = select(f.at).where(recent).order_by(f.at.desc()).limit(self.failures)
        times = connection.execute(query).scalars().all()
        return (times[-1] + self.window - now) / 1000 if len(times) == self.failures else 0.0


_PAIR, _PLACE, _CODES = Throttle(5, 300_000), Throttle(30, 300_000), Throttle(10, 900_000)


class LoginThrottle:
    """Five wrong passwords of one name from one place, or thirty from one place, in five minutes.

    A name alone is never shut out: a stranger could keep the duty officer from logging in. But ten wrong codes of one
    name in a quarter of an hour, wherever from, are: whoever tries codes has the password already, and a code has six
    digits only.

    Parameters
    ----------
    engine : Engine
        Where failures are kept, as hashes: people type passwords into the field for the name.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wait(self, name: str, address: str, now: int) -> float:
        """s until this name may try again from this address; ``now`` in ms."""
        pair, place = _keys(name, address)
        with read(self._engine) as connection:
            return max(_PAIR.wait(connection, pair, now), _PLACE.wait(connection, place, now))

    def failed(self, name: str, address: str, now: int) -> None:
        """Count a wrong password."""
        self._count(now, *_keys(name, address))

    def wait_for_code(self, name: str, now: int) -> float:
        """s until a code of this name is looked at again."""
        with read(self._engine) as connection:
            return _CODES.wait(connection, _codes(name), now)

    def failed_code(self, name: str, now: int) -> None:
        """Count a wrong code behind a right password."""
        self._count(now, _codes(name))

    def succeeded(self, name: str, address: str) -> None:
        """Forget this name's failures; those of others from the same place stay."""
        forgotten = [_digest(_codes(name)), _digest(_keys(name, address)[0])]
        with read(self._engine) as connection:
            known = connection.execute(select(login_failure.c.id).where(login_failure.c.key.in_(forgotten))).first()
        if known is not None:  # most logins follow no failure, and need not wait for a writer
            with write(self._engine) as connection:
                connection.execute(login_failure.delete().where(login_failure.c.key.in_(forgotten)))

    def _count(self, now: int, *keys: str) -> None:
        with write(self._engine) as connection:
            connection.execute(login_failure.delete().where(login_failure.c.at < now - _LONGEST))
            connection.execute(login_failure.insert(), [{"key": _digest(key), "at": now} for key in keys])


def _keys(name: str, address: str) -> tuple[str, str]:
    place = place_of(address)
    return f"pair {place} {name}", f"place {place}"


def _codes(name: str) -> str:
    return f"code {name}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def place_of(address: str) -> str:
    """An address, or the /64 of an IPv6 address: one subscriber has all of it, but not of those that stand for IPv4.

    Examples
    --------
    >>> place_of("192.0.2.7"), place_of("2001:db8::7"), place_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8::/64', '192.0.2.7')
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
