"""One pass over the batches of a bundle: signature, receipt and content of each."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stillcold_core.contract.batch import CONTENT_TYPE, MAX_ENVELOPE, Batch, decode_batch
from stillcold_core.contract.errors import BadBatch
from stillcold_core.evidence.bundle.accounts import Chains, Clocks
from stillcold_core.evidence.bundle.certificates import Certified
from stillcold_core.evidence.bundle.coverage import Coverage
from stillcold_core.evidence.bundle.decoding import Decoding
from stillcold_core.evidence.bundle.listing import Listed
from stillcold_core.evidence.envelope import BadEnvelope, open_envelope
from stillcold_core.evidence.keys import PublicKey
from stillcold_core.evidence.merkle import leaf_hash
from stillcold_core.profiles import Profile

Keys = Mapping[str, Sequence[tuple[str, PublicKey]]]
"""By gateway, the text and key of each key that it had."""


class Reading:
    """What the batches of a bundle show.

    Parameters
    ----------
    keys : mapping
        Of the gateways.
    certified : sequence of Certified
        What certificates say of these keys.
    revoked : mapping of (str, str) to int
        When a gateway's key was revoked, ms.
    profiles : mapping of (str, str) to Profile
        By model and version.

    Attributes
    ----------
    problems : mapping of str to list of str
        What is wrong, by item.
    leaves : dict of int to bytes
        Hash of each receipt's leaf in the log, by its number.
    count, samples : int
        Batches that are signed, and samples in them.
    uncertified : set of str
        Gateways with a key that no certificate names.
    profiles : set of (str, str)
        Model and version of those that batches name.
    coverage : Coverage
        Which times they are of.
    """

    def __init__(
        self,
        keys: Keys,
        certified: Sequence[Certified],
        revoked: Mapping[tuple[str, str], int],
        profiles: Mapping[tuple[str, str], Profile],
    ) -> None:
        self._keys, self._certified, self._revoked = keys, certified, revoked
        self.chains, self.clocks, self.decoding = Chains(), Clocks(), Decoding(profiles)
        self.problems: defaultdict[str, list[str]] = defaultdict(list)
        self.leaves: dict[int, bytes] = {}
        self.count = self.samples = 0
        self.uncertified: set[str] = set()
        self.profiles: set[tuple[str, str]] = set()
        self.coverage = Coverage()

    def take(self, listed: Iterable[Listed], envelopes: memoryview) -> None:
        """Look at every batch of a list; one that is wrong stops none of the others."""
        for one in listed:
            envelope = bytes(envelopes[one.offset : one.offset + one.length])
            self.leaves[one.number] = leaf_hash(one.receipt.entry.encode())
            if hashlib.sha256(envelope).digest() != one.receipt.hash:
                self.problems["receipts"].append(f"{one.name}: the receipt is of another envelope")
            batch = self._open(one, envelope)
            if batch is not None:
                self._account(one, batch)

    def _open(self, one: Listed, envelope: bytes) -> Batch | None:
        keys = self._keys.get(one.receipt.gateway, ())
        reason = "unknown_key" if len(envelope) <= MAX_ENVELOPE else "too_large"
        for text, key in keys if len(envelope) <= MAX_ENVELOPE else ():
            try:
                opened = open_envelope(envelope, content_type=CONTENT_TYPE, key_of={one.receipt.gateway: key}.get)
                self._certify(one, text)
                return decode_batch(opened.payload)
            except (BadEnvelope, BadBatch) as error:
                reason = error.reason
        self.problems["signatures"].append(f"{one.name}: {reason}")
        return None

    def _certify(self, one: Listed, key: str) -> None:
        came = one.receipt.received_at
        if came > self._revoked.get((one.receipt.gateway, key), came):
            self.problems["certificates"].append(f"{one.name}: its key had been revoked when it came")
        mine = [c for c in self._certified if (c.gateway, c.public_key) == (one.receipt.gateway, key)]
        if not mine:
            self.uncertified.add(one.receipt.gateway)
        elif not any(c.begins <= came <= c.ends for c in mine):
            self.problems["certificates"].append(f"{one.name}: no certificate was good when it came")

    def _account(self, one: Listed, batch: Batch) -> None:
        receipt = one.receipt
        if (batch.gateway, batch.epoch, batch.sequence) != (receipt.gateway, receipt.epoch, receipt.sequence):
            self.problems["receipts"].append(f"{one.name}: the receipt names another batch")
            return
        self.count += 1
        self.chains.take(receipt, batch)
        self.clocks.take(receipt, batch)
        self.problems["decoding"] += [f"{one.name}: {p}" for p in self.decoding.problems(batch)]
        self.samples += sum(len(block.times) for block in batch.blocks)
        self.profiles |= set(batch.profiles.items())
        self.coverage.take(receipt, batch)
