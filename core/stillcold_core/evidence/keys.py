"""Keys that sign batches: Ed25519, or P-256 as secure elements hold it. Nothing else asks what kind a key is.

A key's kind says the algorithm of its signatures. A server has the key from its registry, so whoever sends a batch does
not choose how it is verified. A key's text form is ``<kind>:<base64>``.
"""

import base64
import binascii
from typing import TypeGuard

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stillcold_core.evidence.p256 import sign_p256, verifies_p256

__all__ = [
    "EDDSA", "ES256", "Ed25519PrivateKey", "Ed25519PublicKey", "PrivateKey", "PublicKey", "algorithm_of", "can_sign",
    "format_public_key", "parse_public_key", "public_bytes", "sign", "verifies",
]  # fmt: skip
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey
EDDSA, ES256 = -8, -7
"""Algorithms by their numbers in COSE (RFC 9053)."""
_ED25519, _P256 = "ed25519:", "p256:"
_POINT = 33  # bytes of a compressed point


def parse_public_key(text: str) -> PublicKey:
    """Read a public key.

    Raises
    ------
    ValueError
        When it is neither ``ed25519:`` and 32 bytes in base64, nor ``p256:`` and a compressed point (SEC 1, section
        2.3.3) of 33 bytes.

    Examples
    --------
    >>> format_public_key(parse_public_key("ed25519:" + "A" * 43 + "="))
    'ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    for kind, read in ((_ED25519, Ed25519PublicKey.from_public_bytes), (_P256, _point)):
        if text.startswith(kind):
            try:
                return read(base64.b64decode(text.removeprefix(kind), validate=True))
            except (ValueError, binascii.Error):
                break
    raise ValueError(
        "expected ed25519:<32 bytes in base64> or p256:<33 bytes in base64>, as `stillcold-agent check-config` prints"
    )


def format_public_key(key: PublicKey) -> str:
    """The text form of a public key."""
    kind = _ED25519 if isinstance(key, Ed25519PublicKey) else _P256
    return kind + base64.b64encode(public_bytes(key)).decode()


def public_bytes(key: PublicKey) -> bytes:
    """A public key as its text form holds it: 32 bytes, or a compressed point."""
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def can_sign(key: object) -> TypeGuard[PrivateKey]:
    """Whether it is a private key of a kind that signs batches."""
    on_p256 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    return on_p256 or isinstance(key, Ed25519PrivateKey)


def algorithm_of(key: PrivateKey | PublicKey) -> int:
    """The one algorithm of a key's signatures."""
    return EDDSA if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else ES256


def sign(key: PrivateKey, message: bytes) -> bytes:
    """64 bytes: the key's signature."""
    return key.sign(message) if isinstance(key, Ed25519PrivateKey) else sign_p256(key, message)


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` over ``message`` was made with the private half of ``key`` (RFC 8032, RFC 9053)."""
    if not isinstance(key, Ed25519PublicKey):
        return verifies_p256(key, signature, message)
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _point(data: bytes) -> ec.EllipticCurvePublicKey:
    if len(data) != _POINT:
        raise ValueError  # a second form of the same point
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
