"""Writing an evidence bundle.

::

    NothingStored (Exception)     there is no evidence of this line in this period
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import BinaryIO

from cryptography import x509
from sqlalchemy import Connection

from stillcold_core.contract.batch import decode_batch
from stillcold_core.evidence.bundle.accounts import CLOCK, GAPS, Chains, Clocks
from stillcold_core.evidence.bundle.certificates import KEYS
from stillcold_core.evidence.bundle.container import ContainerWriter
from stillcold_core.evidence.bundle.decoding import profile_file
from stillcold_core.evidence.bundle.listing import BATCHES, LISTING, Listed
from stillcold_core.evidence.bundle.logged import CHECKPOINT, GROWTH, PROOF
from stillcold_core.evidence.bundle.manifest import MANIFEST, FileEntry, Manifest
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.evidence.merkle import HashOf, prove, prove_growth, root
from stillcold_core.evidence.note import checkpoint_text
from stillcold_core.profiles import load_profile, profile_names
from stillcold_server.api.moments import to_iso
from stillcold_server.evidence.identities import certificates_of, keys_of
from stillcold_server.evidence.key import Signer
from stillcold_server.evidence.log import hashes, size
from stillcold_server.evidence.said import statements_of
from stillcold_server.evidence.selection import Period, Run, batches_of, runs_of


class NothingStored(Exception):
    """There is no evidence of a line in a period."""


class _Files:
    """Files on their way into a bundle."""

    def __init__(self, target: BinaryIO) -> None:
        self._container = ContainerWriter(target)
        self.entries: list[FileEntry] = []

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        digest, length = hashlib.sha256(), 0

        def seen() -> Iterator[bytes]:
            nonlocal length
            for piece in pieces:
                digest.update(piece)
                length += len(piece)
                yield piece

        self._container.add(name, seen())
        self.entries.append(FileEntry(name, digest.hexdigest(), length))

    def close(self, manifest: bytes) -> None:
        self._container.add(MANIFEST, [manifest])
        self._container.close()


class _Told:
    """What the batches tell while they pass."""

    def __init__(self) -> None:
        self.listed: list[Listed] = []
        self.chains, self.clocks = Chains(), Clocks()
        self.profiles: set[tuple[str, str]] = set()

    @property
    def received(self) -> tuple[int, int]:
        """When the first and the last came, ms."""
        times = [listed.receipt.received_at for listed in self.listed]
        return min(times), max(times)

    def envelopes(self, batches: Iterable[tuple[Listed, bytes]]) -> Iterator[bytes]:
        for listed, envelope in batches:
            batch = decode_batch(stored_payload(envelope))
            self.listed.append(listed)
            self.chains.take(listed.receipt, batch)
            self.clocks.take(listed.receipt, batch)
            self.profiles |= set(batch.profiles.items())
            yield envelope


def write_bundle(
    connection: Connection,
    period: Period,
    signer: Signer,
    now: int,
    target: BinaryIO,
    *,
    issuing: x509.Certificate | None = None,
    since: int = 0,
) -> int:
    """Write the evidence of a line in a period.

    Parameters
    ----------
    connection : Connection
        Of a transaction that sees one state of the database.
    signer : Signer
        Of the log.
    now : int
        ms
    target : binary file
        Empty, and able to seek.
    issuing : Certificate, optional
        That of the authority that issues the gateways'; without it none are put in.
    since : int
        Entries of an earlier checkpoint that the log is to be shown to go on from; 0 for none.

    Returns
    -------
    int
        Number of batches in it.

    Raises
    ------
    NothingStored, NoReceipt
    BadContainer
        When it would be too large.
    """
    runs = runs_of(connection, period)
    if not runs:
        raise NothingStored(
            f"no samples of {period.line} are stored from {to_iso(period.begin)} to {to_iso(period.end)}"
        )
    bundle, told = _Files(target), _Told()
    bundle.add(BATCHES, told.envelopes(batches_of(connection, runs)))
    rest = dict(_rest(connection, period, runs, told, signer, since))
    rest |= certificates_of(connection, {run.gateway for run in runs}, told.received, issuing)
    for name, content in rest.items():
        bundle.add(name, [content])
    manifest = Manifest(
        period.line,
        to_iso(period.begin),
        to_iso(period.end),
        to_iso(now),
        f"stillcold-server {version('stillcold-server')}",
        tuple(bundle.entries),
    )
    bundle.close(signer.sign(manifest.text))
    return len(told.listed)


def checkpoint(connection: Connection, signer: Signer) -> bytes:
    """The log's size and root now, signed."""
    return _signed(signer, size(connection), hashes(connection))


def _rest(
    connection: Connection, period: Period, runs: list[Run], told: _Told, signer: Signer, since: int
) -> Mapping[str, bytes]:
    """Every file but the batches and the manifest."""
    entries, hash_of = size(connection), hashes(connection)
    proof = prove(entries, [listed.number for listed in told.listed], hash_of)
    growth = prove_growth(since, entries, hash_of) if since else []
    gateways = {run.gateway for run in runs}
    return {
        LISTING: "".join(listed.line for listed in told.listed).encode(),
        KEYS: "".join(f"{gateway} {key}\n" for gateway, key in keys_of(connection, gateways)).encode(),
        CHECKPOINT: _signed(signer, entries, hash_of),
        PROOF: _lines(proof),
        GROWTH: _lines(growth),
        GAPS: told.chains.text().encode(),
        CLOCK: told.clocks.text().encode(),
        **statements_of(connection, period, runs, signer.public),
        **_profiles(told.profiles),
    }


def _signed(signer: Signer, entries: int, hash_of: HashOf) -> bytes:
    return signer.sign(checkpoint_text(signer.public.name, entries, root(entries, hash_of)))


def _lines(nodes: Iterable[bytes]) -> bytes:
    return "".join(f"{node.hex()}\n" for node in nodes).encode()


def _profiles(used: set[tuple[str, str]]) -> dict[str, bytes]:
    """The files of those profiles that this version ships as the gateways have them."""
    folder = files("stillcold_core.profiles").joinpath("meters")
    shipped = {(p.model, p.version) for p in map(load_profile, profile_names())}
    return {profile_file(*p): folder.joinpath(f"{p[0]}.toml").read_bytes() for p in sorted(used & shipped)}
