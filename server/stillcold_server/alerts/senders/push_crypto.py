"""Web Push: a message that only the browser can read (RFC 8291), and who sends it (VAPID, RFC 8292)."""

import base64
import json
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096
"""Bytes of the one record; every push service takes as many (RFC 8030, section 7.2)."""
MOST = RECORD - 86 - 17
"""Bytes of a message: less the header, and the tag and delimiter (RFC 8291, section 4)."""


def encrypted(
    message: bytes, browser_key: bytes, auth: bytes, *, own: ec.EllipticCurvePrivateKey | None = None, salt: bytes = b""
) -> bytes:
    """The body of a push request (RFC 8291, section 3.4, in the coding of RFC 8188).

    Parameters
    ----------
    message : bytes
        At most :data:`MOST`.
    browser_key, auth : bytes
        ``p256dh`` and ``auth`` of the subscription.
    own : private key, optional
        Of this message; a new one where it is not given.
    salt : bytes
        16 random ones where it is empty.

    Raises
    ------
    ValueError
        When the message is too long, or the subscription's keys are none.
    """
    if len(message) > MOST:
        raise ValueError(f"expected at most {MOST} bytes")
    if len(auth) != 16:
        raise ValueError("expected 16 bytes as auth")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), browser_key)
    own, salt = own or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(16)
    ours = point(own)
    secret = _derived(own.exchange(ec.ECDH(), theirs), auth, b"WebPush: info\0" + browser_key + ours, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    record = AESGCM(key).encrypt(nonce, message + b"\x02", None)
    return salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours + record


def vapid(key: ec.EllipticCurvePrivateKey, origin: str, subject: str, until: int) -> str:
    """The header ``Authorization`` of a push request (RFC 8292): a JWT (ES256) for one push service.

    Parameters
    ----------
    origin : str
        Scheme, host and port of the push service.
    subject : str
        ``mailto:`` or ``https:`` address of whoever sends.
    until : int
        Epoch seconds; at most 24 hours ahead.
    """
    claims = {"aud": origin, "exp": until, "sub": subject}
    parts = [b64(json.dumps(p, separators=(",", ":")).encode()) for p in ({"typ": "JWT", "alg": "ES256"}, claims)]
    r, s = decode_dss_signature(key.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256())))
    signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={'.'.join([*parts, signature])}, k={b64(point(key))}"


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, uncompressed: of the server's key it is what a browser subscribes with."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def b64(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of :func:`b64`.

    Raises
    ------
    ValueError
        When it is none.
    """
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
