"""What the server writes into its log for each batch that it has stored: the batch's receipt.

An entry is one line of ASCII without a line break, ``stillcold-batch/1 <gateway> <epoch> <sequence> <sha256> <ms>``:
epoch and hash in hexadecimal, the time at which the batch came in milliseconds since 1970 by the server's clock.
"""

import re
from dataclasses import dataclass

_ENTRY = re.compile(
    r"stillcold-batch/1 ([A-Za-z0-9][A-Za-z0-9._-]{0,63}) ([0-9a-f]{16}) ([1-9][0-9]{0,18}) ([0-9a-f]{64}) "
    r"(0|[1-9][0-9]{0,14})"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A batch as the server's log has it.

    Attributes
    ----------
    gateway, epoch, sequence
        Whose, and which of its chain.
    hash : bytes, 32
        SHA-256 of the envelope.
    received_at : int
        ms UTC
    """

    gateway: str
    epoch: bytes
    sequence: int
    hash: bytes
    received_at: int

    @property
    def entry(self) -> str:
        """The log's entry."""
        words = (self.gateway, self.epoch.hex(), str(self.sequence), self.hash.hex(), str(self.received_at))
        return " ".join(("stillcold-batch/1", *words))


def parse_receipt(entry: str) -> Receipt:
    """Read an entry.

    Raises
    ------
    ValueError
        When it is none.
    """
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError("expected stillcold-batch/1 <gateway> <epoch> <sequence> <sha256> <ms>")
    gateway, epoch, sequence, digest, received = match.groups()
    return Receipt(gateway, bytes.fromhex(epoch), int(sequence), bytes.fromhex(digest), int(received))
