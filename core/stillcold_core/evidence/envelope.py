"""The signed envelope: COSE_Sign1 (RFC 9052), tag 18, payload attached.

::

    BadEnvelope (ValueError)     bytes that are no envelope of ours, or whose signature is not the key's
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2

from stillcold_core.evidence.keys import PrivateKey, PublicKey, algorithm_of, sign, verifies

ALG, CONTENT_TYPE, KID = 1, 3, 4
COSE_SIGN1 = 18
_OPENING = b"\xd2\x84"  # tag 18, array of 4
_EMPTY_MAP = b"\xa0"
_BYTES = 0x40  # first byte of an empty byte string
_MAX_HEADER = 256  # bytes; ours take about 120
GENESIS = bytes(32)
"""Stands for the previous hash in the first batch of an epoch."""


class BadEnvelope(ValueError):
    """Bytes that are no envelope of ours. ``reason`` is a stable word for counters.

    Reasons: ``not_cose``, ``algorithm``, ``content_type``, ``unknown_key``, ``signature``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"envelope refused: {reason}")


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose signature has been verified, with the key that has."""

    kid: str
    payload: bytes
    key: PublicKey


def seal(payload: bytes, *, kid: str, content_type: str, key: PrivateKey) -> bytes:
    """Sign ``payload``.

    Parameters
    ----------
    payload : bytes
        Any bytes.
    kid : str
        Whose key it is: the gateway's id.
    content_type : str
        Media type; keeps a signature over one kind of message from being used for another.
    key : PrivateKey
        The signer's key; the algorithm is its own.

    Returns
    -------
    bytes
        COSE_Sign1, tagged.
    """
    protected = _protected(kid, content_type, key)
    signature = sign(key, _to_be_signed(protected, payload))
    return _assemble(protected, payload, signature)


def open_envelope(envelope: bytes, *, content_type: str, key_of: Callable[[str], PublicKey | None]) -> Opened:
    """Verify an envelope and hand out its payload, which has not been looked into.

    Parameters
    ----------
    envelope : bytes
        What came over the wire; bound its length before.
    content_type : str
        The media type that the envelope must carry.
    key_of : callable
        Gives the public key of a kid, or None for a stranger. Its kind says which algorithm the envelope must name. For
        one that is not believed any more it raises BadEnvelope itself.

    Raises
    ------
    BadEnvelope
        With the reason.
    """
    protected, payload, signature = _parts(envelope)
    header = _header(protected)
    if header.get(CONTENT_TYPE) != content_type:
        raise BadEnvelope("content_type")
    kid = _kid(header)
    key = key_of(kid)
    if key is None:
        raise BadEnvelope("unknown_key")
    if header.get(ALG) != algorithm_of(key):  # the key decides; what the sender names must be that
        raise BadEnvelope("algorithm")
    if protected != _protected(kid, content_type, key):  # else one verifier would take it, and another would not
        raise BadEnvelope("not_cose")
    if not verifies(key, signature, _to_be_signed(protected, payload)):
        raise BadEnvelope("signature")
    return Opened(kid, payload, key)


def stored_payload(envelope: bytes) -> bytes:
    """The payload of an envelope that was verified before it was stored; the signature is not checked again.

    Raises
    ------
    BadEnvelope
        ``not_cose``, when the stored bytes are damaged.
    """
    return _parts(envelope)[1]


def digest(envelope: bytes) -> bytes:
    """SHA-256 of a whole envelope: what the next batch names as its previous, and what the server acknowledges."""
    return hashlib.sha256(envelope).digest()


def _protected(kid: str, content_type: str, key: PrivateKey | PublicKey) -> bytes:
    """The one protected header, in the deterministic encoding of RFC 8949, section 4.2."""
    return cbor2.dumps({ALG: algorithm_of(key), CONTENT_TYPE: content_type, KID: kid.encode()}, canonical=True)


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    # RFC 9052 section 4.4: Sig_structure = [context, body_protected, external_aad, payload].
    return cbor2.dumps(["Signature1", protected, b"", payload])


def _parts(envelope: bytes) -> tuple[bytes, bytes, bytes]:
    """Protected header, payload and signature.

    It is read by hand and strictly: nothing that is not yet verified reaches a general parser, and one message has one
    encoding. Otherwise a stranger could change the hash of a batch and not its signature.
    """
    protected, at = _byte_string(envelope, _expect(envelope, 0, _OPENING))
    payload, at = _byte_string(envelope, _expect(envelope, at, _EMPTY_MAP))
    signature, at = _byte_string(envelope, at)
    if at != len(envelope) or len(protected) > _MAX_HEADER:
        raise BadEnvelope("not_cose")
    return protected, payload, signature


def _expect(data: bytes, at: int, wanted: bytes) -> int:
    if not data.startswith(wanted, at):
        raise BadEnvelope("not_cose")
    return at + len(wanted)


def _byte_string(data: bytes, at: int) -> tuple[bytes, int]:
    """A CBOR byte string of definite length in its shortest form, and where it ends."""
    head = data[at] - _BYTES if at < len(data) else -1
    width = {24: 1, 25: 2, 26: 4}.get(head, 0)
    start = at + 1 + width
    length = int.from_bytes(data[at + 1 : start]) if width else head
    shortest = 0 <= length < 24 if not width else length >= {1: 24, 2: 1 << 8, 4: 1 << 16}[width]
    if not shortest or start + length > len(data):
        raise BadEnvelope("not_cose")
    return data[start : start + length], start + length


def _assemble(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, [protected, {}, payload, signature]))


def _kid(header: dict[Any, Any]) -> str:
    kid = header.get(KID)
    if not isinstance(kid, bytes):
        raise BadEnvelope("not_cose")
    return kid.decode(errors="replace")


def _header(protected: bytes) -> dict[Any, Any]:
    try:
        header = cbor2.loads(protected, allow_indefinite=False, allow_duplicate_keys=False, max_depth=2)
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise BadEnvelope("not_cose") from error
    if not isinstance(header, dict):
        raise BadEnvelope("not_cose")
    return header
