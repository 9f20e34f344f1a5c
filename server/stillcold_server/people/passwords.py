"""Passwords: hashing with Argon2id, one-time passwords, and what a person may choose."""

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST = 10
"""Characters of a password that a person chooses."""
MOST = 200
_DIFFERENT = 5
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUPS, _GROUP = 4, 4  # 16 letters of 31: 79 bits
_HASHER = PasswordHasher()  # RFC 9106, second recommended choice: 64 MiB, 3 passes, 4 lanes
_MEMORY = threading.BoundedSemaphore(2)
"""A hash takes 64 MiB: a flood of logins must not take it forty times at once."""


def one_time_password() -> str:
    """A random password that can be read out over the telephone, e.g. ``k7wq-m2xd-9fhe-tz4p``."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """Argon2id hash with its parameters and a fresh salt."""
    with _MEMORY:
        return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether a password belongs to a hash."""
    with _MEMORY:
        try:
            return _HASHER.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def weakness(name: str, password: str) -> str | None:
    """Why a person may not choose a password: ``short``, ``long``, ``simple``, ``like_name``; None where they may.

    Examples
    --------
    >>> weakness("zhang", "zhang"), weakness("zhang", "aaaaaaaaaaaa"), weakness("zhang", "three cold lines")
    ('short', 'simple', None)
    """
    if len(password) < LEAST:
        return "short"
    if len(password) > MOST:
        return "long"
    if len(set(password)) < _DIFFERENT:
        return "simple"
    return "like_name" if name.casefold() in password.casefold() and len(password) < LEAST + len(name) else None
