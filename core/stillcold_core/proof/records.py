"""What one point showed in a period, each sample with the signed batch that it stands in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from stillcold_core.contract.batch import CAUSES, UNASKED, Block
from stillcold_core.detect.cadence import longest_between
from stillcold_core.detect.columns import array
from stillcold_core.detect.presence import Presence, patience
from stillcold_core.detect.signals import Signals, signals
from stillcold_core.samples import Floats, Samples, plausible

Ints = npt.NDArray[np.int64]
ELECTRICAL = ("feeder", "incomer")
"""Roles of the points that can prove death."""
NO_SAMPLE = "no_sample"
"""Cause of what is missing where there is not even a sample that says why."""
_FIRST = 6


@dataclass(frozen=True, slots=True)
class Origin:
    """A signed batch: where it stands in its gateway's chain.

    Attributes
    ----------
    gateway : str
    epoch : bytes, 8
    sequence : int
    hash : bytes, 32
        SHA-256 of the envelope.
    """

    gateway: str
    epoch: bytes
    sequence: int
    hash: bytes

    @property
    def named(self) -> dict[str, Any]:
        """As statements name it."""
        return {
            "gateway": self.gateway, "epoch": self.epoch.hex(), "sequence": self.sequence, "sha256": self.hash.hex(),
        }  # fmt: skip


@dataclass(frozen=True)
class Record:
    """Samples of one point in order of their time, no two of the same moment.

    Attributes
    ----------
    point : str
    times : ndarray of int64, shape (n,)
        ms UTC.
    samples : Samples
        The same, as detectors are fed: implausible numbers are absent.
    causes : mapping of str to ndarray of uint8, shape (n,)
        By quantity: 0 where a number came, else as the wire has it.
    batch : ndarray of int64, shape (n,)
        Index into ``origins``.
    origins : sequence of Origin
        In the order in which they were given.
    """

    point: str
    times: Ints
    samples: Samples
    causes: Mapping[str, npt.NDArray[np.uint8]]
    batch: Ints
    origins: Sequence[Origin]

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def signals(self) -> Signals:
        """What it is judged by."""
        return signals(self.samples)

    def part(self, begin: int, end: int) -> "Record":
        """The samples from ``begin`` to ``end``, ms, both included."""
        return self._only(slice(*np.searchsorted(self.times, [begin, end + 1]).tolist()))

    def origin(self, i: int) -> Origin:
        """The batch that a sample stands in."""
        return self.origins[int(self.batch[i])]

    def why(self, quantities: Iterable[str], first: int, last: int) -> str | None:
        """The commonest cause for which some quantities are absent in samples ``first`` to ``last - 1``.

        None where no sample asked for them.
        """
        shown = [self.causes[q][first:last] for q in quantities if q in self.causes]
        codes = np.concatenate(shown) if shown else np.empty(0, np.uint8)
        codes = codes[(codes > 0) & (codes != UNASKED)]
        return CAUSES[int(np.bincount(codes).argmax()) - 1].value if len(codes) else None

    def _only(self, kept: slice) -> "Record":
        causes = {name: c[kept] for name, c in self.causes.items()}
        samples = self.samples.part(kept.start, kept.stop)
        return Record(self.point, self.times[kept], samples, causes, self.batch[kept], self.origins)


def record_of(point: str, pieces: Sequence[tuple[Origin, Block]]) -> Record:
    """Put together what signed batches hold of one point; of two samples of one moment the first given stays."""
    blocks = [block for _, block in pieces]
    every = np.concatenate([b.times for b in blocks]) if blocks else np.empty(0, np.int64)
    times, at = np.unique(every, return_index=True)
    names = dict.fromkeys(name for b in blocks for name in b.columns)
    columns = {name: _joined(blocks, name)[at] for name in names}
    batch = np.repeat(np.arange(len(blocks)), [len(b.times) for b in blocks])[at]
    samples = plausible(Samples(point, times / 1000, columns, np.zeros(len(times))))
    causes = {name: _causes(blocks, name)[at] for name in names}
    return Record(point, times, samples, causes, batch, [origin for origin, _ in pieces])


def allowed_between(times: Ints) -> Floats:
    """Seconds before each of some moments (ms) after which one is missing, by the rule of the detectors.

    Before the cadence is known, that of the first intervals holds: nothing is waited for without end.
    """
    seconds = times / 1000
    allowed = array(patience(Presence(), seconds)[0]).copy()
    early = longest_between(np.diff(seconds[:_FIRST]).tolist())
    return np.where(np.isinf(allowed), early, allowed)


def _joined(blocks: Sequence[Block], name: str) -> Floats:
    parts = [b.columns[name].values() if name in b.columns else np.full(len(b.times), np.nan) for b in blocks]
    return np.concatenate(parts)


def _causes(blocks: Sequence[Block], name: str) -> npt.NDArray[np.uint8]:
    parts = [b.columns[name].causes if name in b.columns else np.full(len(b.times), UNASKED, np.uint8) for b in blocks]
    return np.concatenate(parts)
