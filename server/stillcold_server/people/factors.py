"""The second factor: time-based one-time codes (RFC 6238), and recovery codes for whoever has lost the telephone.

::

    FactorError (ValueError)     a code that is not right, or no factor to be confirmed; ``reason`` is a stable word
"""

import hashlib
import logging
import os
import secrets
from pathlib import Path

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, select, update

from stillcold_core.files import BadFile, unreadable
from stillcold_server.people.passwords import one_time_password
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import recovery_code, totp

log = logging.getLogger(__name__)
_STEP = 30  # s, and six digits: what every authenticator knows
_AROUND = (0, -1, 1)
"""Steps in which a code is taken: clocks of telephones and of people are some seconds off."""
_CODES = 10
_NONCE = 12


class FactorError(ValueError):
    """A code is not right, or there is nothing to be confirmed.

    Parameters
    ----------
    reason : str
        ``wrong_code``, ``no_factor`` or ``confirmed`` (there is one already).
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__({
            "wrong_code": "the code is not right, or was used before",
            "no_factor": "begin the set-up first",
            "confirmed": "there is a second factor already; take it away first",
        }[reason])  # fmt: skip


class FactorKey:
    """Seals the secrets in the database: whoever has that alone has no codes.

    Parameters
    ----------
    path : Path
        File of the key; made where there is none. Servers that share a database share it.

    Raises
    ------
    BadFile
        When it cannot be read or made, or is no such key.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _make(path)
        try:
            key = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
        if len(key) != 32:
            raise BadFile(path, "expected a key of 32 bytes", value=f"{len(key)} bytes")
        self._cipher = AESGCM(key)

    def seal(self, name: str, secret: str) -> bytes:
        """A secret of an account, for the database."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        """It again.

        Raises
        ------
        FactorError
            When it was sealed with another key, or for another account.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()).decode()
        except InvalidTag as error:
            raise FactorError("wrong_code") from error


def has_factor(connection: Connection, name: str) -> bool:
    """Whether an account has a confirmed second factor."""
    query = select(totp.c.user).where(totp.c.user == name, totp.c.confirmed_at.is_not(None))
    return connection.execute(query).first() is not None


def begin(connection: Connection, key: FactorKey, name: str) -> str:
    """A new secret for an account, in base32; it counts once :func:`confirm` has seen a code of it.

    Raises
    ------
    FactorError
    """
    if has_factor(connection, name):
        raise FactorError("confirmed")
    secret = pyotp.random_base32()
    row = {"user": name, "secret": key.seal(name, secret), "confirmed_at": None, "step": 0}
    upsert(connection, totp, [row])
    return secret


def uri(name: str, secret: str) -> str:
    """What an authenticator reads as a QR code."""
    return pyotp.TOTP(secret, interval=_STEP).provisioning_uri(name=name, issuer_name="Stillcold")


def confirm(connection: Connection, key: FactorKey, name: str, code: str, now: int) -> list[str]:
    """Let the second factor count from now on; recovery codes, each good for one login, kept as hashes only.

    Raises
    ------
    FactorError
    """
    row = connection.execute(select(totp.c.confirmed_at).where(totp.c.user == name)).one_or_none()
    if row is None or row.confirmed_at is not None:
        raise FactorError("no_factor" if row is None else "confirmed")
    if not _spend(connection, key, name, code, now):
        raise FactorError("wrong_code")
    connection.execute(update(totp).where(totp.c.user == name).values(confirmed_at=now))
    codes = [one_time_password(groups=6) for _ in range(_CODES)]
    connection.execute(delete(recovery_code).where(recovery_code.c.user == name))
    connection.execute(recovery_code.insert(), [{"user": name, "digest": _digest(c)} for c in codes])
    return codes


def accepts(connection: Connection, key: FactorKey, name: str, code: str, now: int) -> bool:
    """Whether a code, or a recovery code, of an account is right; it is used up then, also on other servers."""
    if _spend(connection, key, name, code, now):
        return True
    used = delete(recovery_code).where(recovery_code.c.user == name, recovery_code.c.digest == _digest(code))
    return connection.execute(used).rowcount == 1


def remove(connection: Connection, name: str) -> None:
    """Take an account's second factor away."""
    connection.execute(delete(recovery_code).where(recovery_code.c.user == name))
    connection.execute(delete(totp).where(totp.c.user == name))


def _spend(connection: Connection, key: FactorKey, name: str, code: str, now: int) -> bool:
    """Whether it is the code of a step later than the last one that was taken (RFC 6238, 5.2: once)."""
    row = connection.execute(select(totp.c.secret).where(totp.c.user == name)).one_or_none()
    if row is None:
        return False
    try:
        secret = key.open(name, row.secret)
    except FactorError:  # recovery codes are good all the same
        log.error("the second factor of %s was sealed with another key than people.key_file holds", name)
        return False
    made, present = pyotp.TOTP(secret, interval=_STEP), now // 1000 // _STEP
    for step in (present + i for i in _AROUND):
        if secrets.compare_digest(made.generate_otp(step).encode(), code.strip().encode("utf-8", "replace")):
            taken = update(totp).where(totp.c.user == name, totp.c.step < step).values(step=step)
            return connection.execute(taken).rowcount == 1
    return False


def _digest(code: str) -> bytes:
    """118 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2: from 112 on)."""
    return hashlib.sha256(code.strip().encode("utf-8", "surrogatepass")).digest()


def _make(path: Path) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        return  # another server was faster
    except OSError as error:
        raise unreadable(path, error) from error
