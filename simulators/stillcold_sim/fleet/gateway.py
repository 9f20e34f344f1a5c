"""One gateway of a fleet: its key and its chain of signed batches."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stillcold_core.contract.batch import CONTENT_TYPE, Batch, Block, encode_batch
from stillcold_core.evidence.envelope import GENESIS, digest, seal
from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.profiles import Profile
from stillcold_sim.fleet.model import FleetFile
from stillcold_sim.fleet.readings import PointReadings


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain, ready to be sent.

    Attributes
    ----------
    gateway : str
        Who signed it.
    sequence : int
        Counts from 1.
    envelope, hash : bytes
        What is sent, and its SHA-256.
    """

    gateway: str
    sequence: int
    envelope: bytes
    hash: bytes


class Chain:
    """The signed batches of one gateway, each naming the one before it.

    Parameters
    ----------
    gateway : str
        Who signs.
    epoch : bytes, 8
        Of its journal; it names the boot too.
    key : Ed25519PrivateKey
        It signs with.
    """

    def __init__(self, gateway: str, epoch: bytes, key: Ed25519PrivateKey) -> None:
        self._gateway, self._epoch, self._key = gateway, epoch, key
        self._sequence, self._previous = 0, GENESIS

    @property
    def following(self) -> int:
        """Sequence of the next link."""
        return self._sequence + 1

    def link(self, profiles: Mapping[str, str], blocks: Sequence[Block]) -> Link:
        """The next one, with what was read.

        Parameters
        ----------
        profiles : mapping of str to str
            Version of each profile used.
        blocks : sequence of Block
            One a point.
        """
        self._sequence += 1
        batch = Batch(
            gateway=self._gateway,
            epoch=self._epoch,
            sequence=self._sequence,
            previous=self._previous,
            boot=self._epoch + bytes(8),
            synced=True,
            profiles=profiles,
            blocks=blocks,
        )
        envelope = seal(encode_batch(batch), kid=self._gateway, content_type=CONTENT_TYPE, key=self._key)
        self._previous = digest(envelope)
        return Link(self._gateway, self._sequence, envelope, self._previous)


class FleetGateway:
    """Makes batches; the same ones for the same fleet and start.

    Parameters
    ----------
    fleet : FleetFile
        Of which it is a part.
    profile : Profile
        Of all its meters.
    index : int
        Of the gateway, counted from 0.
    start : float
        UTC of the first reading, s since 1970-01-01.

    Attributes
    ----------
    id : str
        In the registry.
    epoch : bytes, 8
        Of its journal; another start is another journal.
    """

    def __init__(self, fleet: FleetFile, profile: Profile, index: int, start: float) -> None:
        self.id = fleet.gateway_id(index)
        self.epoch = _secret(fleet, index, f"epoch {start:.3f}")[:8]
        self._chain = Chain(self.id, self.epoch, key_of(fleet, index))
        self._profiles = {profile.model: profile.version}
        self._points = [PointReadings(fleet, profile, index, p, start) for p in range(fleet.points)]

    def make(self) -> Link:
        """The next batch of the chain."""
        blocks = [p.block(self._chain.following) for p in self._points]
        return self._chain.link(self._profiles, blocks)


def key_of(fleet: FleetFile, index: int) -> Ed25519PrivateKey:
    """A gateway's key, made from the seed: it protects nothing, and a fleet is known again after a restart."""
    return Ed25519PrivateKey.from_private_bytes(_secret(fleet, index, "key"))


def _secret(fleet: FleetFile, index: int, purpose: str) -> bytes:
    return hashlib.sha256(f"stillcold fleet {fleet.seed} {fleet.gateway_id(index)} {purpose}".encode()).digest()
