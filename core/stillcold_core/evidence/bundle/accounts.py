"""What follows from signed batches alone: broken links, missing sequences and their causes, and the clocks' history.

The exporter writes these accounts into the bundle so that people can read them; the verifier makes them again.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from stillcold_core.contract.batch import Batch
from stillcold_core.contract.losses import Gap
from stillcold_core.evidence.envelope import GENESIS
from stillcold_core.evidence.receipts import Receipt

GAPS, CLOCK = "gaps.json", "clock.json"
Chain = tuple[str, bytes]
"""Gateway and epoch."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A run of sequences that a chain in the bundle has not.

    Attributes
    ----------
    gateway, epoch
        Whose chain; the epoch in hexadecimal.
    first, until : int
        Sequences.
    reasons : list of str
        Of the gateway's signed gap records about any of them.
    explained : bool
        Whether these records are about all of them.
    """

    gateway: str
    epoch: str
    first: int
    until: int
    reasons: list[str]
    explained: bool


class Chains:
    """The chains of some batches, which may come in any order."""

    def __init__(self) -> None:
        self._links: dict[Chain, dict[int, tuple[bytes, bytes]]] = {}
        self._twice: list[tuple[Chain, int]] = []
        self._records: dict[tuple[Chain, int, bool, str], Gap] = {}

    def take(self, receipt: Receipt, batch: Batch) -> None:
        """Add a batch."""
        links = self._links.setdefault((batch.gateway, batch.epoch), {})
        if batch.sequence in links:
            self._twice.append(((batch.gateway, batch.epoch), batch.sequence))
        links[batch.sequence] = (receipt.hash, batch.previous)
        for gap in batch.gaps:
            key = ((batch.gateway, gap.epoch or batch.epoch), gap.first, gap.until < gap.first, gap.reason)
            known = self._records.get(key)
            if known is None or (gap.until, gap.ended or 0) > (known.until, known.ended or 0):
                self._records[key] = gap

    def broken(self) -> Iterator[str]:
        """Each batch that does not name the hash of the one before it, or whose place another has, too."""
        for (gateway, epoch), sequence in sorted(self._twice):
            yield f"batch {sequence} of {gateway}, epoch {epoch.hex()}: its sequence stands there twice"
        for (gateway, epoch), links in sorted(self._links.items()):
            for sequence in sorted(links):
                before = (GENESIS, b"") if sequence == 1 else links.get(sequence - 1)
                if before is not None and before[0] != links[sequence][1]:
                    yield f"batch {sequence} of {gateway}, epoch {epoch.hex()}: does not name the one before it"

    def missing(self) -> Iterator[Missing]:
        """Each run of sequences between a chain's first and last that is not there."""
        for chain, links in sorted(self._links.items()):
            there = sorted(links)
            for before, after in itertools.pairwise(there):
                if after > before + 1:
                    yield self._missing(chain, before + 1, after - 1)

    def text(self) -> str:
        """The account, as JSON."""
        records = [_told(chain, gap) for (chain, *_), gap in sorted(self._records.items(), key=lambda item: item[0])]
        return _json({"missing": [asdict(m) for m in self.missing()], "records": records})

    def _missing(self, chain: Chain, first: int, until: int) -> Missing:
        about = [
            gap
            for (of, *_), gap in sorted(self._records.items(), key=lambda item: item[0])
            if of == chain and gap.first <= until and gap.until >= max(first, gap.first)
        ]
        reached = first - 1
        for gap in about:
            if gap.first <= reached + 1:
                reached = max(reached, gap.until)
        gateway, epoch = chain
        reasons = sorted({gap.reason for gap in about})
        return Missing(gateway, epoch.hex(), first, until, reasons, reached >= until)


@dataclass(slots=True)
class _Boot:
    gateway: str
    epoch: str
    boot: str
    first: int
    last: int
    unsynced: int = 0
    steps: list[list[int]] = field(default_factory=list)
    delay_ms: list[int] = field(default_factory=list)


class Clocks:
    """The history of the gateways' clocks, by boot.

    Of each: its first and last sequence, how many batches said that the clock was not synchronised, the steps of the
    wall clock as ``[sequence, monotonic ms, ms moved]``, and the least and greatest time, in ms, from a batch's last
    sample by the gateway's clock to its receipt by the server's.
    """

    def __init__(self) -> None:
        self._boots: dict[tuple[str, bytes, bytes], _Boot] = {}

    def take(self, receipt: Receipt, batch: Batch) -> None:
        """Add a batch."""
        key = (batch.gateway, batch.epoch, batch.boot)
        boot = self._boots.get(key)
        if boot is None:
            first = batch.sequence
            boot = _Boot(batch.gateway, batch.epoch.hex(), batch.boot.hex(), first, first)
            self._boots[key] = boot
        boot.first, boot.last = min(boot.first, batch.sequence), max(boot.last, batch.sequence)
        boot.unsynced += not batch.synced
        boot.steps += [[batch.sequence, step.monotonic, step.moved] for step in batch.steps]
        ends = [int(b.times.max()) for b in batch.blocks if len(b.times)]
        if ends:
            delays = [*boot.delay_ms, receipt.received_at - max(ends)]
            boot.delay_ms = [min(delays), max(delays)]

    @property
    def moved(self) -> int:
        """Number of steps of a wall clock."""
        return sum(len(boot.steps) for boot in self._boots.values())

    @property
    def unsynced(self) -> int:
        """Number of batches whose clock was not synchronised."""
        return sum(boot.unsynced for boot in self._boots.values())

    def text(self) -> str:
        """The account, as JSON."""
        boots = sorted(self._boots.values(), key=lambda b: (b.gateway, b.epoch, b.first, b.boot))
        return _json([asdict(b) | {"steps": sorted(b.steps)} for b in boots])


def _told(chain: Chain, gap: Gap) -> dict[str, object]:
    gateway, epoch = chain
    return {
        "gateway": gateway, "epoch": epoch.hex(), "reason": gap.reason, "first": gap.first, "until": gap.until,
        "from": gap.begun, "to": gap.ended, "points": list(gap.points),
    }  # fmt: skip


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
