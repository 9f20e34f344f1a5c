"""What may be believed of a message, decided before anything looks into it."""

from collections.abc import Callable
from dataclasses import dataclass

from stillcold_core.contract.batch import CONTENT_TYPE, MAX_ENVELOPE, Batch, decode_batch
from stillcold_core.contract.errors import BadBatch
from stillcold_core.evidence.envelope import BadEnvelope, digest, open_envelope
from stillcold_core.evidence.keys import PublicKey


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """A batch that its gateway has signed, with the key that has shown it."""

    batch: Batch
    envelope: bytes
    hash: bytes
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is not taken.

    Attributes
    ----------
    reason : str
        ``too_large``, a reason of :class:`~stillcold_core.evidence.envelope.BadEnvelope`, a reason of
        :class:`~stillcold_core.contract.arrays.BadBatch`, or ``wrong_gateway``.
    gateway : str
        By the topic: who could publish there.
    """

    reason: str
    gateway: str


def verify(message: bytes, gateway: str, key_of: Callable[[str], PublicKey | None]) -> Verified | Refused:
    """Check length, envelope, key and signature, in this order, and only then decode.

    Parameters
    ----------
    message : bytes
        What came.
    gateway : str
        Whose topic it came on.
    key_of : callable
        Public key of a gateway, or None for a stranger; raises BadEnvelope for one that is not believed any more.
    """
    if len(message) > MAX_ENVELOPE:
        return Refused("too_large", gateway)
    try:
        opened = open_envelope(message, content_type=CONTENT_TYPE, key_of=key_of)
        if opened.kid != gateway:
            return Refused("wrong_gateway", gateway)
        batch = decode_batch(opened.payload)
    except (BadEnvelope, BadBatch) as error:
        return Refused(error.reason, gateway)
    if batch.gateway != gateway:
        return Refused("wrong_gateway", gateway)
    return Verified(batch, message, digest(message), opened.key)
