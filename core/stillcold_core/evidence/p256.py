"""ES256 (RFC 9053, section 2.1): ECDSA on P-256 with SHA-256, in the one form of a signature that we take.

For every ECDSA signature (r, s) there is a second one, (r, n − s), that anybody can compute without the key. Only the
one whose s is at most n ÷ 2 is good here: otherwise a stranger could give a signed batch a second hash.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of the curve; SP 800-186, section 3.2.1.3."""
_HALF = 32  # bytes of r and of s


def sign_p256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r and s, 32 bytes each; the nonce is of the message and the key (RFC 6979), not of chance."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return r.to_bytes(_HALF) + min(s, _ORDER - s).to_bytes(_HALF)


def verifies_p256(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Whether it is the key's signature over the message, in the form that :func:`sign_p256` gives."""
    r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
    if len(signature) != 2 * _HALF or not 0 < s <= _ORDER // 2:
        return False
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
