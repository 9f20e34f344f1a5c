"""Keys and their text form, ``<algorithm>:<base64>``, so that another algorithm can join without a new format."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PREFIX = "ed25519:"


def parse_public_key(text: str) -> Ed25519PublicKey:
    """Read a public key.

    Raises
    ------
    ValueError
        When it is not ``ed25519:`` followed by 32 bytes in base64.

    Examples
    --------
    >>> format_public_key(parse_public_key("ed25519:" + "A" * 43 + "="))
    'ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    try:
        if not text.startswith(_PREFIX):
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
    except (ValueError, binascii.Error):
        raise ValueError("expected ed25519:<32 bytes in base64>, as `stillcold-agent check-config` prints it") from None


def format_public_key(key: Ed25519PublicKey) -> str:
    """The text form of a public key."""
    return _PREFIX + base64.b64encode(key.public_bytes_raw()).decode()


def verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` over ``message`` was made with the private half of ``key`` (RFC 8032)."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


__all__ = ["Ed25519PrivateKey", "Ed25519PublicKey", "format_public_key", "parse_public_key", "verifies"]
